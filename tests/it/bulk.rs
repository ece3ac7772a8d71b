//! Many soft deletions in one request: as few requests as that allows, an outcome for each row,
//! and jobs that fail, forget, or are left behind by a process that dies.

use std::collections::BTreeMap;
use std::iter;

use serde_json::{Value, json};
use userpurge::sandbox::Call;
use wiremock::matchers::{method, path, query_param_contains};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::usual::LEDGER;
use crate::support::{World, csv, ids};

const RUN: [&str; 8] = [
    "run",
    "users.csv",
    "--yes",
    "--account",
    "acme",
    "--action",
    "delete",
    "--progress=none",
];

/// A sandbox whose jobs take a hundredth of their time, with active users 1001 to 1000 + `count`
/// and a file that deletes them.
fn world(count: u64) -> World {
    let world = World::new();
    world.zendesk_users(1001..=1000 + count);
    world.write("users.csv", ids(1001..=1000 + count));
    world.wide();
    world.settings(json!({"scale_limits": 100.0}));
    world
}

/// How many rows of `ledger` ended as which outcome, `settled` ones apart.
fn counted(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in world.outcomes(LEDGER).values() {
        let outcome = entry["outcome"].as_str().unwrap();
        let settled = entry["settled"] == true;
        let told = format!("{outcome}{}", if settled { ", settled" } else { "" });
        *counts.entry(told).or_insert(0) += 1;
    }
    counts
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(what, count)| (what.to_owned(), count)).into()
}

fn standing(world: &World) -> usize {
    let ours = |id: &str| {
        id.parse()
            .is_ok_and(|id: u64| (1001..100_000).contains(&id))
    };
    let users = world.users();
    users
        .iter()
        .filter(|user| user.state == "active" && ours(&user.id))
        .count()
}

/// Every user in a request for many has an intent of the ledger that names the request, and no
/// user arrived more often than that.
fn every_arrival_has_its_intent(world: &World) {
    let mut intents: BTreeMap<String, usize> = BTreeMap::new();
    for entry in world.ledger(LEDGER) {
        if entry["kind"] == "intent" {
            *intents
                .entry(entry["id"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
    }
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for entry in world.deletions() {
        for id in entry.users.iter().chain(&entry.user) {
            *arrived.entry(id.clone()).or_default() += 1;
        }
    }
    for (id, count) in arrived {
        assert!(intents.get(&id) >= Some(&count), "{id}: {count} arrived");
    }
}

#[test]
fn soft_deletions_take_one_request_for_each_hundred() {
    let world = world(1000);
    world.call(&RUN).code(0);
    assert_eq!(standing(&world), 0);
    assert_eq!(counted(&world), counts([("deleted", 1000)]));
    let many = world.calls(Call::DeleteMany);
    assert_eq!(
        many.iter().map(|it| it.users.len()).collect::<Vec<_>>(),
        [100; 10]
    );
    assert_eq!(world.calls(Call::Delete).len(), 0);
    assert!(
        world.calls(Call::Job).len() <= 20,
        "{}",
        world.calls(Call::Job).len()
    );
    assert_eq!(world.calls(Call::Read).len(), 10, "who is protected");
    every_arrival_has_its_intent(&world);
    let arrived = world.sandbox().log(None).len();
    assert_eq!(world.status(LEDGER)["requests"], arrived);
}

#[test]
fn ten_thousand_soft_deletions_take_a_hundred_and_ten_requests_and_the_roles() {
    let world = world(10_000);
    world.call(&RUN).code(0);
    assert_eq!(standing(&world), 0);
    assert_eq!(counted(&world), counts([("deleted", 10_000)]));
    assert_eq!(world.calls(Call::DeleteMany).len(), 100);
    let asked = world.calls(Call::Job).len();
    assert!(asked <= 10, "{asked} questions about jobs");
    assert_eq!(world.calls(Call::Read).len(), 100, "who is protected");
    assert_eq!(world.deletions().len(), 100);
}

#[test]
fn the_permanent_step_begins_while_soft_deletions_are_still_sent() {
    let world = world(600);
    world.settings(json!({"zendesk": {"job_limit": 2}}));
    let mut args = RUN.to_vec();
    args[6] = "purge";
    world.call(&args).code(0);
    assert_eq!(counted(&world), counts([("deleted", 600)]));
    let log = world.deletions();
    let last_job = log.iter().rposition(|it| it.step == Call::DeleteMany);
    let first = log.iter().position(|it| it.step == Call::PermanentlyDelete);
    assert!(first < last_job, "{first:?} and {last_job:?}");
}

#[test]
fn too_few_rows_to_gain_are_deleted_one_by_one() {
    let world = world(24);
    world.call(&RUN).code(0);
    assert_eq!(counted(&world), counts([("deleted", 24)]));
    assert_eq!(world.calls(Call::DeleteMany).len(), 0);
    assert_eq!(world.calls(Call::Delete).len(), 24);
}

#[test]
fn every_item_has_an_outcome_of_its_own() {
    let world = world(200);
    world.seed(json!({"zendesk": [
        {"id": "1007", "open_tickets": 2}, {"id": "1150", "open_tickets": 1},
        {"id": "1020", "role": "agent"}, {"id": "1021", "state": "soft-deleted"},
        {"id": "1022", "state": "permanently-deleted"},
    ]}));
    world.write("users.csv", format!("{}777000777\n", ids(1001..=1200)));
    world.call(&RUN).code(1);
    let expected = [
        ("already_gone", 2),
        ("deleted", 195),
        ("not_found", 1),
        ("protected", 1),
        ("refused", 2),
    ];
    assert_eq!(counted(&world), counts(expected));
    let refused = &world.outcomes(LEDGER)[&7];
    assert_eq!(refused["outcome"], "refused");
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .starts_with("is requester on 2 ticket"),
        "{refused}"
    );
    assert_eq!(standing(&world), 3, "two with tickets, one agent");
    // Users who were not listed as standing never go into a job.
    for id in ["1020", "1021", "1022", "777000777"] {
        assert!(
            world
                .calls(Call::DeleteMany)
                .iter()
                .all(|it| !it.concerns(id)),
            "{id}"
        );
    }
}

#[test]
fn items_that_are_missing_are_read_again_and_not_deleted_twice() {
    for (every, settled) in [(1, 100), (4, 25)] {
        let world = world(100);
        world.settings(json!({"zendesk": {"job_items_missing_every": every}}));
        world.call(&RUN).code(0);
        let mut expected = counts([("deleted", 100 - settled), ("deleted, settled", settled)]);
        expected.retain(|_, count| *count > 0);
        assert_eq!(counted(&world), expected);
        assert_eq!(world.deletions().len(), 1);
        assert_eq!(
            world.calls(Call::Read).len(),
            2,
            "before the job, and after it"
        );
    }
}

#[test]
fn users_of_a_job_that_did_nothing_are_deleted_one_by_one() {
    let world = world(60);
    world.settings(json!({"zendesk": {"jobs_fail": true}}));
    world.call(&RUN).code(0);
    assert_eq!(counted(&world), counts([("deleted", 60)]));
    assert_eq!(world.calls(Call::DeleteMany).len(), 1);
    assert_eq!(world.calls(Call::Delete).len(), 60);
    assert_eq!(standing(&world), 0);
    every_arrival_has_its_intent(&world);
}

#[test]
fn a_job_whose_beginning_was_never_answered_is_settled_by_reading() {
    let world = world(250);
    world.settings(json!({"faults": "reset-after=100%", "scale_limits": 100_000.0}));
    world.call(&RUN).code(0);
    assert_eq!(counted(&world), counts([("deleted, settled", 250)]));
    assert_eq!(world.calls(Call::DeleteMany).len(), 3);
    assert_eq!(world.calls(Call::Delete).len(), 0);
}

#[test]
fn the_permanent_step_follows_each_job_and_never_goes_before() {
    let world = world(300);
    let mut args = RUN.to_vec();
    args[6] = "purge";
    world.call(&args).code(0);
    assert_eq!(counted(&world), counts([("deleted", 300)]));
    let gone = world.users();
    let gone = gone
        .iter()
        .filter(|user| user.state == "permanently-deleted");
    assert_eq!(gone.count(), 300);
    assert_eq!(world.calls(Call::DeleteMany).len(), 3);
    assert_eq!(
        world.calls(Call::PermanentlyDelete).len(),
        300,
        "one each, none in vain"
    );
}

#[test]
fn no_more_jobs_are_under_way_than_the_provider_takes() {
    let world = world(600);
    world.settings(json!({"zendesk": {"job_limit": 2}}));
    world.call(&RUN).code(0);
    assert_eq!(counted(&world), counts([("deleted", 600)]));
    assert_eq!(standing(&world), 0);
    let refused = world.calls(Call::DeleteMany);
    let refused = refused.iter().filter(|it| it.status != Some(200)).count();
    assert!(refused <= 4, "{refused} jobs were begun in vain");
}

#[test]
fn a_caller_who_may_not_delete_many_deletes_one_by_one() {
    let world = world(230);
    world.settings(json!({"zendesk": {"caller_role": "agent-managing-users"}}));
    world.call(&RUN).code(0);
    assert_eq!(counted(&world), counts([("deleted", 230)]));
    assert!(world.calls(Call::DeleteMany).len() <= 3);
    assert_eq!(world.calls(Call::Delete).len(), 230);
    assert_eq!(standing(&world), 0);
}

/// Starts a run, waits until its job has begun and the ledger knows it, and ends the process.
fn leave_a_job_behind(world: &World, end: impl Fn(&mut std::process::Child)) -> i32 {
    let mut child = world.start(&RUN);
    world.until("the ledger knows the job", || {
        world.path(LEDGER).exists()
            && world
                .ledger(LEDGER)
                .iter()
                .any(|entry| entry["job"].is_string())
    });
    end(&mut child);
    let done = world.finish(child);
    assert_eq!(world.outcomes(LEDGER).len(), 0, "the job is not over");
    assert_eq!(world.status(LEDGER)["outcomes"]["pending"], 30);
    done.code
}

#[test]
fn a_resume_reads_the_job_that_a_killed_process_left_behind() {
    let world = world(30);
    world.settings(json!({"scale_limits": 4.0}));
    leave_a_job_behind(&world, |child| child.kill().unwrap());
    world.call(&["resume", LEDGER, "--progress=none"]).code(0);
    assert_eq!(counted(&world), counts([("deleted", 30)]));
    assert_eq!(world.deletions().len(), 1, "nothing was sent again");
    assert_eq!(standing(&world), 0);
}

#[test]
fn an_interrupt_does_not_wait_for_a_job_and_a_resume_reads_it() {
    let world = world(30);
    world.settings(json!({"scale_limits": 4.0}));
    let code = leave_a_job_behind(&world, |child| {
        let pid = child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status();
        assert!(sent.unwrap().success());
    });
    assert_eq!(code, 130);
    world.call(&["resume", LEDGER, "--progress=none"]).code(0);
    assert_eq!(counted(&world), counts([("deleted", 30)]));
    assert_eq!(world.deletions().len(), 1);
}

#[test]
fn a_job_that_the_provider_has_forgotten_is_settled_by_reading() {
    let world = world(30);
    world.settings(json!({"scale_limits": 4.0}));
    leave_a_job_behind(&world, |child| child.kill().unwrap());
    world.until("the job is done", || standing(&world) == 0);
    // A day of the provider's is over at once.
    world.settings(json!({"scale_limits": 1_000_000.0}));
    world.call(&["resume", LEDGER, "--progress=none"]).code(0);
    assert_eq!(counted(&world), counts([("deleted, settled", 30)]));
    assert_eq!(world.deletions().len(), 1, "nothing was sent again");
}

/// A file whose rows are `(id, action)`, and the arguments that run it.
fn mixed(world: &World, rows: impl IntoIterator<Item = (u64, &'static str)>) -> [&'static str; 5] {
    let rows = rows.into_iter();
    let rows = rows.map(|(id, action)| [id.to_string(), "acme".to_owned(), action.to_owned()]);
    let text = csv("id,account,action", rows);
    world.write("mixed.csv", text);
    ["run", "mixed.csv", "--yes", "--ledger", LEDGER]
}

#[test]
fn a_gathered_row_does_not_overtake_an_earlier_one_of_its_user() {
    let world = world(60);
    let deletes = (1001..=1060).map(|id| (id, "delete"));
    // The first would succeed only after the second.
    let run = mixed(
        &world,
        iter::once((1001, "permanently-delete")).chain(deletes),
    );
    world.call(&run).code(1);
    let outcomes = world.outcomes(LEDGER);
    assert_eq!(outcomes[&1]["outcome"], "refused");
    assert_eq!(outcomes[&2]["outcome"], "deleted");
    assert_eq!(counted(&world), counts([("deleted", 60), ("refused", 1)]));
}

#[test]
fn a_canary_does_not_wait_for_gathered_rows_of_its_user() {
    let world = world(60);
    let deletes = (1001..=1060).map(|id| (id, "delete"));
    let run = mixed(&world, iter::once((1001, "purge")).chain(deletes));
    world.call(&[&run[..], &["--canary", "1"]].concat()).code(0);
    let expected = counts([("already_gone", 1), ("deleted", 60)]);
    assert_eq!(counted(&world), expected);
}

#[test]
fn an_interrupt_does_not_wait_for_rows_that_were_gathered_and_not_sent() {
    let world = world(200);
    world.settings(json!({"latency": "1s"}));
    // Of the first hundred rows fifty are gathered, and the others are of the same users.
    let first = (1001..=1050).flat_map(|id| [(id, "delete"), (id, "purge")]);
    let run = mixed(&world, first.chain((1051..=1200).map(|id| (id, "delete"))));
    let child = world.start(&run);
    world.until("the roles of the second hundred are asked", || {
        world.calls(Call::Read).len() >= 2
    });
    crate::signals::send("-INT", &child);
    world.finish(child).code(130);
    world.settings(json!({"latency": "0ms"}));
    world.call(&["resume", LEDGER, "--progress=none"]).code(0);
    assert_eq!(counted(&world), counts([("deleted", 250)]));
}

#[test]
fn rows_that_wait_for_an_endpoints_quota_keep_no_others_from_theirs() {
    let world = world(120);
    world.soft_deleted_users(2001..=2200);
    let config = world.config();
    let few = r#"permanently-delete = "20/10m""#;
    world.configure(&config.replacen(r#"permanently-delete = "100000/1s""#, few, 1));
    // Of the deletions, a hundred go in one request, and twenty one by one.
    let rows = (2001..=2200).map(|id| (id, "permanently-delete"));
    let run = mixed(&world, rows.chain((1001..=1120).map(|id| (id, "delete"))));
    let child = world.start(&run);
    world.until("all who are not waited for have ended", || {
        world.path(LEDGER).exists() && world.outcomes(LEDGER).len() == 140
    });
    crate::signals::send("-INT", &child);
    world.finish(child).code(130);
    assert_eq!(standing(&world), 0);
    assert_eq!(world.calls(Call::PermanentlyDelete).len(), 20);
    world.configure(&config);
    world.call(&["resume", LEDGER, "--progress=none"]).code(0);
    assert_eq!(counted(&world), counts([("deleted", 320)]));
}

#[test]
fn a_file_of_nobody_but_the_protected_is_seen_to_its_end() {
    let world = world(0);
    world.seed(
        json!({"zendesk": [{"id": "1001", "role": "agent"}, {"id": "1002", "role": "admin"}]}),
    );
    world.write("users.csv", ids(1001..=1002));
    world.call(&RUN).code(1);
    assert_eq!(counted(&world), counts([("protected", 2)]));
    assert_eq!(world.status(LEDGER)["state"], "finished");
}

/// A Zendesk whose one job ends with `results`, and that lists `standing` of 1 to 30 afterwards.
async fn zendesk_with(results: Value, standing: &[u64]) -> MockServer {
    let server = MockServer::start().await;
    let me = json!({"user": {"id": 9000, "name": "Ops", "role": "admin", "active": true}});
    let users = |ids: &[u64]| {
        let of = |id: &u64| json!({"id": id, "role": "end-user", "active": true});
        json!({"users": ids.iter().map(of).collect::<Vec<_>>()})
    };
    let all: Vec<u64> = (1..=30).collect();
    let answer = |value: Value| ResponseTemplate::new(200).set_body_json(value);
    let job = |status: &str, results: Value| {
        json!({"id": "V3-77", "url": "https://evil.example/api/v2/job_statuses/V3-77.json",
            "status": status, "results": results})
    };
    let get = |place: &str| Mock::given(method("GET")).and(path(format!("/api/v2/{place}")));
    get("users/me")
        .respond_with(answer(me))
        .mount(&server)
        .await;
    get("users/show_many")
        .respond_with(answer(users(&all)))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    get("users/show_many")
        .respond_with(answer(users(standing)))
        .mount(&server)
        .await;
    get("job_statuses/show_many")
        .and(query_param_contains("ids", "V3-77"))
        .respond_with(answer(
            json!({"job_statuses": [null, job("completed", results)]}),
        ))
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .and(path("/api/v2/users/destroy_many"))
        .respond_with(answer(json!({"job_status": job("queued", Value::Null)})))
        .mount(&server)
        .await;
    for id in 1..=30 {
        Mock::given(method("DELETE"))
            .and(path(format!("/api/v2/users/{id}")))
            .respond_with(answer(json!({"user": {"id": id, "active": false}})))
            .mount(&server)
            .await;
    }
    server
}

#[test]
fn whatever_shape_results_have_each_row_ends_as_what_is_true_of_it() {
    let item =
        |id: u64| json!({"id": id, "action": "delete", "status": "Deleted", "success": true});
    let shuffled: Vec<Value> = (1..=30).rev().map(item).collect();
    let half: Vec<Value> = (16..=30).map(item).collect();
    let others: Vec<Value> = (101..=130).map(item).collect();
    let nulls = vec![Value::Null; 30];
    for (results, standing, of_the_job, settled, singles) in [
        (json!(shuffled), vec![], 30, 0, 0),
        (json!(null), vec![], 0, 30, 0),
        (json!(null), vec![4, 5], 0, 28, 2),
        (json!({"success": true}), (1..=30).collect(), 0, 0, 30),
        (json!("done"), vec![], 0, 30, 0),
        (json!(half), vec![1], 15, 14, 1),
        (json!(others), vec![30], 0, 29, 1),
        (json!(nulls), vec![], 0, 30, 0),
    ] {
        let world = World::new();
        let told = results.to_string();
        let server = world.block_on(zendesk_with(results, &standing));
        world.ask_acme_at(&server.uri());
        world.write("users.csv", ids(1..=30));
        world.call(&RUN).code(0);
        let mut expected = counts([
            ("deleted", of_the_job + singles),
            ("deleted, settled", settled),
        ]);
        expected.retain(|_, count| *count > 0);
        assert_eq!(counted(&world), expected, "{told}");
        let requests = world.block_on(server.received_requests()).unwrap();
        let sent = requests
            .iter()
            .filter(|it| it.method.as_str() == "DELETE")
            .count();
        assert_eq!(sent, 1 + singles, "{told}");
    }
}
