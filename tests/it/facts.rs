//! What the providers' own documents say and the common case does not show, each through the program.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::raw::{After, Heard, Raw, answer};
use crate::support::usual::{LEDGER, PERMANENTLY, RUN, id, plan_of, run};
use crate::support::{World, ids};

/// Zoho users 1 to `count`, all in `users.csv`, at an account with this line.
fn crm(count: u64, line: &str) -> World {
    let world = World::of_ids("zoho", (1..=count).map(|n| id("crm", n)));
    let at = "[accounts.crm]\n";
    world.configure(&world.config().replace(at, &format!("{at}{line}\n")));
    world
}

/// The paths of the reads of users, but for the caller and the organisation.
fn reads(heard: &[Heard]) -> Vec<String> {
    let reads = heard.iter().filter(|heard| heard.method == "GET");
    let reads = reads.filter(|heard| heard.target.contains("/users"));
    let reads = reads.filter(|heard| !heard.target.contains("type=CurrentUser"));
    reads.map(|heard| heard.target.clone()).collect()
}

/// The sandbox, and what was heard on the way there.
fn front(world: &World) -> Raw {
    let sandbox = world.sandbox().addr();
    Raw::start(move |heard, wire| {
        wire.send(heard.carry(sandbox));
        After::Keep
    })
}

/// The answers to the deletions of a user, in the order in which those arrived.
fn arrivals(world: &World, id: &str) -> Vec<Option<u16>> {
    let calls = world.deletions().into_iter();
    let calls = calls.filter(|call| call.concerns(id));
    calls.map(|call| call.status).collect()
}

fn state(world: &World, id: &str) -> String {
    let users = world.users().into_iter();
    users
        .filter(|user| user.id == id)
        .map(|it| it.state)
        .collect()
}

/// Has `fault` befall the next deletions of a user.
fn befall(world: &World, user: &str, fault: &str, times: u32) {
    let planned = json!({"user": user, "fault": fault, "times": times});
    let planned = serde_json::from_value(planned).unwrap();
    let sandbox = world.sandbox();
    sandbox
        .with(|sandbox, now| sandbox.plan("", planned, now))
        .unwrap();
}

/// The sandbox lists everybody, whatever `ids` says, where no document says that it is heeded.
#[rstest]
#[case("v2", true)]
#[case("v2.1", true)]
#[case("v3", true)]
#[case("v4", false)]
fn old_versions_of_zoho_read_users_one_at_a_time(#[case] version: &str, #[case] alone: bool) {
    let world = crm(3, &format!("version = \"{version}\""));
    world.seed(json!({"zoho": [{"id": id("crm", 2), "kind": "administrator"}]}));
    let front = front(&world);
    let config = world.read("userpurge.toml");
    world.configure(&config.replace(&world.base(), &front.base()));
    world.call(&run("users.csv", "crm", "delete")).code(1);
    let outcomes = world.outcomes(LEDGER);
    let ends = |row| outcomes[&row]["outcome"].as_str().unwrap();
    assert_eq!([1, 2, 3].map(ends), ["deleted", "protected", "deleted"]);
    let deleted = world.deletions();
    assert!(!deleted.iter().any(|call| call.concerns(&id("crm", 2))));
    world.call(&["verify", LEDGER]).code(0);
    let lists = reads(&front.heard())
        .iter()
        .filter(|it| it.contains("ids="))
        .count();
    assert_eq!(lists, if alone { 0 } else { 2 }, "before, and to verify");
}

/// A plan counts the reads one by one: twice as many requests.
#[test]
fn a_plan_for_an_old_version_of_zoho_takes_twice_as_long() {
    let takes = |version: &str| {
        let world = crm(1_000, &format!("version = \"{version}\""));
        let wide = "requests = \"100000/1s\"";
        let config = world.read("userpurge.toml");
        world.configure(&config.replace(wide, "requests = \"100/1s\""));
        let plan = "plan users.csv --account crm --action delete --json";
        let plan: Vec<_> = plan.split(' ').collect();
        let plan: Value = serde_json::from_str(&world.call(&plan).code(0).out).unwrap();
        plan["accounts"]["crm"]["delete"]["seconds_at_limit"].as_f64()
    };
    assert_eq!((takes("v8"), takes("v3")), (Some(9.0), Some(19.0)));
}

/// An answer about the address would be the same for every row.
#[rstest]
#[case(404, "SOMETHING_NEW")]
#[case(405, "METHOD_NOT_ALLOWED")]
#[case(406, "SOMETHING_NEW")]
#[case(410, "SOMETHING_NEW")]
#[case(413, "SOMETHING_NEW")]
#[case(415, "SOMETHING_NEW")]
fn an_answer_of_zoho_about_the_address_stops_the_account(#[case] status: u16, #[case] code: &str) {
    let world = crm(60, "");
    let body = json!({"code": code, "details": {}, "message": "no", "status": "error"});
    let sandbox = world.sandbox().addr();
    let front = Raw::start(move |heard, wire| {
        if heard.is_deletion() {
            wire.send(answer(
                &format!("{status} No"),
                &["content-type: application/json"],
                body.to_string(),
            ));
        } else {
            wire.send(heard.carry(sandbox));
        }
        After::Keep
    });
    world.ask_at(&front.base());
    let done = world.call(&run("users.csv", "crm", "delete")).code(3);
    done.says(code);
    let told = world.status(LEDGER);
    assert_eq!(told["outcomes"]["pending"], 60);
    assert_eq!(told["stops"][0]["reason"], "wrong_tenant");
}

/// Users who are there for Zoho itself are known by their type, which older versions do not tell. There they
/// are sent, and Zoho keeps them.
#[rstest]
#[case("v2", "refused")]
#[case("v3", "refused")]
#[case("v6", "refused")]
#[case("v7", "protected")]
#[case("v8", "protected")]
fn zohos_own_users_are_protected_where_their_type_is_told(
    #[case] version: &str,
    #[case] ended: &str,
    #[values("support", "system", "digital_employee")] kind: &str,
) {
    let world = crm(3, &format!("version = \"{version}\""));
    world.seed(json!({"zoho": [{"id": id("crm", 2), "kind": kind}]}));
    world.call(&run("users.csv", "crm", "delete")).code(1);
    let outcomes = world.outcomes(LEDGER);
    let ends = |row| outcomes[&row]["outcome"].as_str().unwrap();
    assert_eq!([1, 2, 3].map(ends), ["deleted", ended, "deleted"]);
    let arrived = |n| arrivals(&world, &id("crm", n));
    assert_eq!([1, 3].map(arrived), [[Some(200)], [Some(200)]]);
    let sent: &[_] = if ended == "refused" {
        &[Some(400)]
    } else {
        &[]
    };
    assert_eq!(arrived(2), sent);
    assert_eq!(state(&world, &id("crm", 2)), "active");
}

/// What the org refuses of one it refuses of all: the account stops, nobody's row is spoilt, and all go on
/// once it is put right.
#[rstest]
#[case(
    "sandbox_org",
    "wrong_tenant",
    "You cannot delete user in a sandbox org"
)]
#[case("no_privilege", "not_permitted", "sufficient previlege")]
fn a_refusal_of_zohos_org_stops_the_account(
    #[case] name: &str,
    #[case] reason: &str,
    #[case] words: &str,
) {
    let world = crm(60, "");
    world.settings(json!({"zoho": {"refuses_all": name}}));
    let run = run("users.csv", "crm", "delete");
    let done = world.call(&[&run[..], &["--concurrency", "2"]].concat());
    done.code(3).says(words);
    let told = world.status(LEDGER);
    assert_eq!(told["outcomes"]["pending"], 60);
    assert_eq!(told["stops"][0]["reason"], reason);
    assert!(world.deletions().len() <= 2, "those in flight");
    world.settings(json!({"zoho": {"refuses_all": null}}));
    world.call(&["resume", LEDGER]).code(0);
    for n in 1..=60 {
        let arrived = arrivals(&world, &id("crm", n));
        assert_eq!(arrived.last(), Some(&Some(200)), "{n}");
        assert_eq!(state(&world, &id("crm", n)), "deleted");
    }
}

#[test]
fn a_missing_scope_of_zoho_is_told_by_name() {
    let world = crm(3, "");
    world.settings(json!({"zoho": {"scopes": ["ZohoCRM.users.READ", "ZohoCRM.org.READ"]}}));
    let done = world.call(&run("users.csv", "crm", "delete")).code(3);
    done.says("the refresh token needs ZohoCRM.users.DELETE and ZohoCRM.users.READ")
        .says("ZohoCRM.org.READ");
    assert_eq!(world.status(LEDGER)["outcomes"]["pending"], 3);
    // Those suffice, and no more is asked for.
    let least = [
        "ZohoCRM.users.READ",
        "ZohoCRM.users.DELETE",
        "ZohoCRM.org.READ",
    ];
    world.settings(json!({"zoho": {"scopes": least}}));
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 3);
}

#[test]
fn every_data_centre_of_zoho_is_known_and_a_version_that_it_does_not_have_is_refused() {
    let world = World::new();
    world.write("users.csv", "id\n5725767000000000001\n");
    let plan = ["plan", "users.csv", "--action", "delete"];
    let planned = |center: &str, version: &str| {
        world.configure(&format!(
            "[accounts.crm]\nprovider = \"zoho\"\ndata_center = \"{center}\"\nversion = \"{version}\"\n\
             client_id = \"1000.X\"\nclient_secret = \"s\"\nrefresh_token = \"1000.r\"\n\
             action = \"delete\"\n"
        ));
        world.call(&[&plan[..], &["--account", "crm"]].concat())
    };
    for center in "us eu in au jp cn ca sa uk ae sg".split(' ') {
        planned(center, "v8").code(0);
    }
    planned("ae", "v9").code(2).says("`v9` is not one of `v2`");
}

/// Each kind of key, used in both ways; an integration's may not read the app.
#[rstest]
#[case("app_sandbox", "basic", "key of this app")]
#[case("act_sandbox", "basic", "key of the whole account")]
#[case("act_sandbox", "jwt", "key of the whole account")]
#[case("svc_sandbox", "basic", "key of the whole account")]
#[case("svc_sandbox", "jwt", "key of the whole account")]
#[case("int_sandbox", "basic", "key of an integration")]
#[case("int_sandbox", "jwt", "key of an integration")]
fn every_kind_of_key_deletes(#[case] key: &str, #[case] auth: &str, #[case] told: &str) {
    let world = World::of_ids("sunco", (1..=3).map(|n| id("chat", n)));
    let line = format!("key_id = \"{key}\"\nauth = \"{auth}\"");
    world.configure(&world.config().replace("key_id = \"app_sandbox\"", &line));
    world.call(&["check"]).code(0).says(told);
    world.call(&run("users.csv", "chat", "delete")).code(0);
    assert_eq!(world.deletions().len(), 3);
    world.call(&["verify", LEDGER]).code(0);
}

/// A conflict says that nothing was done. The request goes out again, for many users as for one.
#[rstest]
#[case("acme", 3)]
#[case("acme", 60)]
#[case("chat", 3)]
fn a_conflict_is_tried_again(#[case] account: &str, #[case] rows: u64) {
    let world = World::new();
    world.wide();
    world.settings(json!({"scale_limits": 100.0}));
    world.file_of((1..=rows).map(|n| (id(account, n), account, "delete")));
    befall(&world, &id(account, 2), "conflict", 2);
    world.call(&run("users.csv", account, "delete")).code(0);
    let twice = [Some(409), Some(409), Some(200)];
    let is_together = rows > 3;
    for n in 1..=rows {
        let told: &[_] = if n == 2 || is_together {
            &twice
        } else {
            &twice[2..]
        };
        assert_eq!(arrivals(&world, &id(account, n)), told, "{n}");
    }
    let outcomes = world.outcomes(LEDGER);
    for it in outcomes.values() {
        assert_eq!(
            (&it["outcome"], it.get("settled")),
            (&json!("deleted"), None)
        );
    }
    assert_eq!(outcomes.len() as u64, rows);
}

/// One that stays is a failure, and no doubt: a retry deletes the user.
#[rstest]
#[case("acme", "DatabaseConflict")]
#[case("chat", "conflict")]
fn a_conflict_that_stays_leaves_no_doubt(#[case] account: &str, #[case] code: &str) {
    let world = World::new();
    world.wide();
    world.file_of((1..=3).map(|n| (id(account, n), account, "delete")));
    befall(&world, &id(account, 2), "conflict", 2);
    let run = run("users.csv", account, "delete");
    world
        .call(&[&run[..], &["--attempts", "2"]].concat())
        .code(1);
    let ended = |row| {
        let outcomes = world.outcomes(LEDGER);
        let it = &outcomes[&row];
        (it["outcome"].clone(), it["code"].clone())
    };
    assert_eq!(ended(2), (json!("failed"), json!(code)));
    assert_eq!(state(&world, &id(account, 2)), "active");
    assert_eq!(world.status(LEDGER)["outcomes"]["in_doubt"], 0);
    world.call(&["retry", LEDGER, "--yes"]).code(0);
    assert_eq!(ended(2), (json!("deleted"), Value::Null));
    let told = [Some(409), Some(409), Some(200)];
    assert_eq!(arrivals(&world, &id(account, 2)), told);
}

/// A request whose answer was lost may still be at work: the next ones meet it. They leave the doubt, and the
/// last answer, or a look if there is none, settles it.
#[rstest]
#[case("acme", "delete", 422)]
#[case("acme", "permanently-delete", 404)]
#[case("chat", "delete", 404)]
fn a_conflict_with_a_lost_request_of_ours_settles_nothing(
    #[case] account: &str,
    #[case] action: &str,
    #[case] status: u16,
    #[values(6, 3)] attempts: usize,
) {
    let world = World::new();
    world.wide();
    world.file_of((1..=3).map(|n| (id(account, n), account, action)));
    befall(&world, &id(account, 2), "reset-after", 1);
    befall(&world, &id(account, 2), "conflict", 2);
    let run = run("users.csv", account, action);
    let most = attempts.to_string();
    world
        .call(&[&run[..], &["--attempts", &most]].concat())
        .code(0);
    let told = [None, Some(409), Some(409), Some(status)];
    let told = &told[..told.len().min(attempts)];
    assert_eq!(arrivals(&world, &id(account, 2)), told);
    let outcomes = world.outcomes(LEDGER);
    let settled = |row| outcomes[&row].get("settled").is_some_and(|it| it == true);
    assert_eq!([1, 2, 3].map(settled), [false, true, false]);
    assert!(outcomes.values().all(|it| it["outcome"] == "deleted"));
    let effects = world.deletions().into_iter().filter(|it| it.effect);
    assert_eq!(effects.count(), 3);
}

/// What a killed process had sent may still be at work when the next one sends the same again.
#[test]
fn a_request_that_meets_one_of_a_killed_process_is_settled_by_a_look() {
    let world = World::of_users(3);
    befall(&world, "2", "slow", 1);
    let mut child = world.start(&RUN);
    world.until("all three are deleted", || {
        world.deletions().iter().filter(|call| call.effect).count() == 3
    });
    child.kill().unwrap();
    child.wait().unwrap();
    // Its answer takes a minute, and nobody waits for it any more.
    world.call(&["resume", LEDGER, "--attempts", "2"]).code(0);
    assert_eq!(arrivals(&world, "2"), [Some(200), Some(409), Some(409)]);
    let ended = world.outcomes(LEDGER)[&2].clone();
    assert_eq!(
        (&ended["outcome"], &ended["settled"]),
        (&json!("deleted"), &json!(true))
    );
    assert_eq!(state(&world, "2"), "soft-deleted");
}

/// No two requests about one user are under way at once, though many are about all: none is refused.
#[test]
fn rows_of_one_user_never_meet() {
    let world = World::of_users(20);
    world.settings(json!({"latency": "1ms..30ms"}));
    let actions = ["delete", "permanently-delete", "purge"];
    let rows = (1..=20).flat_map(|n| actions.map(|action| format!("{n},{action}\n")));
    world.write(
        "users.csv",
        format!("id,action\n{}", rows.collect::<String>()),
    );
    world.call(&["run", "users.csv", "--account", "acme", "--yes"]);
    let log = world.deletions();
    assert!(log.iter().all(|call| call.status != Some(409)), "{log:?}");
    assert_eq!(log.iter().filter(|call| call.effect).count(), 40);
}

/// Sunshine Conversations deletes in the background. Who can be read meanwhile still stands, and is deleted
/// by this run all the same once nobody is there any more.
#[test]
fn a_deletion_in_the_background_is_told_as_what_it_is() {
    let world = World::of_ids("sunco", (1..=3).map(|n| id("chat", n)));
    world.settings(json!({"order_delay": "1h"}));
    // Whose answer is lost is sent again, and answered as before.
    befall(&world, &id("chat", 2), "reset-after", 1);
    world.call(&run("users.csv", "chat", "delete")).code(0);
    let arrived = |n| arrivals(&world, &id("chat", n));
    assert_eq!(arrived(1), [Some(200)]);
    assert_eq!(arrived(2), [None, Some(200)]);
    let verify = ["verify", LEDGER];
    let retry = ["retry", LEDGER, "--yes", "--only", "standing"];
    world.call(&verify).code(1).says("still there");
    world.call(&retry).code(0);
    assert_eq!(arrived(1), [Some(200), Some(200)]);
    world.call(&verify).code(1).says("still there");
    world.settings(json!({"order_delay": "0s"}));
    world.call(&retry).code(0);
    assert_eq!(arrived(1), [Some(200), Some(200), Some(404)]);
    let outcomes = world.outcomes(LEDGER);
    for it in outcomes.values() {
        assert_eq!(it["outcome"], "deleted");
        assert_eq!(it["code"], "gone_before");
    }
    world.call(&verify).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 3);
    // Once each, whatever was sent.
    let effects = world.deletions().into_iter().filter(|it| it.effect);
    assert_eq!(effects.count(), 3);
}

/// Who still stands there after lost answers may be gone later: a retry settles it, whenever it comes.
#[rstest]
#[case("1h", None)]
#[case("0s", Some("settled_unseen"))]
fn lost_answers_about_a_deletion_in_the_background_are_settled_later(
    #[case] delay: &str,
    #[case] code: Option<&str>,
) {
    let world = World::of_ids("sunco", (1..=3).map(|n| id("chat", n)));
    world.settings(json!({"order_delay": "1h"}));
    befall(&world, &id("chat", 2), "reset-after", 2);
    let run = run("users.csv", "chat", "delete");
    world
        .call(&[&run[..], &["--attempts", "2"]].concat())
        .code(1);
    assert_eq!(world.outcomes(LEDGER)[&2]["outcome"], "failed");
    world.settings(json!({"order_delay": delay}));
    world.call(&["retry", LEDGER, "--yes"]).code(0);
    let ended = world.outcomes(LEDGER)[&2].clone();
    assert_eq!(
        (ended["outcome"].as_str(), ended["code"].as_str()),
        (Some("deleted"), code)
    );
    let effects = world.deletions().into_iter().filter(|it| it.effect);
    assert_eq!(effects.count(), 3);
    assert_eq!(arrivals(&world, &id("chat", 1)), [Some(200)]);
}

/// Three users of one external id, of two brands and of none; and the states of theirs that changed.
fn brands() -> World {
    let world = World::new();
    world.wide();
    let user =
        |n, brand: &str| json!({"id": id("chat", n), "external_id": "shop/4 2", "brand": brand});
    world.seed(json!({"sunco": [user(1, ""), user(2, "9477922990333"), user(3, "94779229B")]}));
    world
}

fn gone(world: &World) -> Vec<String> {
    let users = world.users().into_iter();
    let gone = users.filter(|user| user.state == "deleted" || user.state == "cleared");
    gone.map(|user| user.id).collect()
}

#[rstest]
#[case("delete")]
#[case("delete-personal-information")]
fn a_brand_of_the_row_decides_which_user_is_meant(#[case] action: &str) {
    let world = brands();
    world.write("users.csv", "user_id,Brand\nshop/4 2,9477922990333\n");
    world.call(&run("users.csv", "chat", action)).code(0);
    assert_eq!(gone(&world), [id("chat", 2)]);
    world.call(&["verify", LEDGER]).code(0);
    // Of the same external id, but another user: neither a duplicate nor done before.
    let rows = "user_id,brand_id\nshop/4 2,94779229B\nshop/4 2,94779229B\nshop/4 2,9477922990333\n";
    world.write("more.csv", rows);
    let run = run("more.csv", "chat", action);
    world
        .call(&[&run[..], &["--done-in", LEDGER]].concat())
        .code(0);
    assert_eq!(gone(&world), [id("chat", 2), id("chat", 3)]);
    let outcomes = world.outcomes("more.csv.ledger.jsonl");
    let ends = |row| outcomes[&row]["outcome"].as_str().unwrap();
    assert_eq!([1, 2, 3].map(ends), ["deleted", "duplicate", "done_before"]);
}

#[test]
fn the_accounts_brand_is_for_rows_that_name_none() {
    let world = brands();
    let app = "app_id = \"5963c0d619a30a2e00de36b8\"\n";
    let config = world.config();
    world.configure(&config.replace(app, &format!("{app}brand_id = \"94779229B\"\n")));
    let rows =
        "{\"user_id\": \"shop/4 2\"}\n{\"user_id\": \"shop/4 2\", \"brand\": \"9477922990333\"}\n";
    world.write("users.jsonl", rows);
    world.call(&run("users.jsonl", "chat", "delete")).code(0);
    assert_eq!(gone(&world), [id("chat", 2), id("chat", 3)]);
    // A run that was interrupted finds them again by the ledger alone.
    world.call(&["verify", "latest"]).code(0);
    world.configure(&config.replace(app, &format!("{app}brand_id = \"no brand\"\n")));
    world
        .call(&["check"])
        .code(2)
        .says("`accounts.chat.brand_id`");
}

#[test]
fn what_is_no_brand_is_no_row_and_elsewhere_the_column_means_nothing() {
    let world = brands();
    // A cell too few may have put another into the column.
    world.write(
        "users.csv",
        "user_id,x,brand\nshop/4 2,,Our Shop\nshop/4 2,94779229B\n",
    );
    world
        .call(&run("users.csv", "chat", "delete"))
        .code(1)
        .says("rename it");
    assert!(world.deletions().is_empty());
    assert_eq!(world.outcomes(LEDGER).len(), 2);
    world.zendesk_users(1..=2);
    world.write("zendesk.csv", "id,brand,x\n1,Our Shop\n2\n");
    world.call(&run("zendesk.csv", "acme", "delete")).code(0);
    assert_eq!(world.deletions().len(), 2);
}

/// The Zendesk account with these credentials.
fn acme(world: &World, credentials: &str) {
    let config = world.config();
    let token = "email = \"ops@acme.example\"\napi_token = \"sandbox-token\"\n";
    assert!(config.contains(token));
    world.configure(&config.replace(token, credentials));
}

#[test]
fn what_becomes_of_zendesks_tokens_is_told_in_time() {
    let world = World::of_users(1);
    world
        .call(&["check"])
        .code(0)
        .says("that nobody used for 30 days");
    // It answers 200 to those that are off.
    let config = world.config();
    world.configure(&config.replace("sandbox-token", "unused"));
    world
        .call(&RUN)
        .code(2)
        .says("the token is off, as it is after 30 days unused");
    // 3,000 at 700 in ten minutes take forty.
    world.write("users.csv", ids(1..=3_000));
    let plan = |credentials: &str| {
        acme(&world, credentials);
        let config = world.read("userpurge.toml");
        let limit = "permanently-delete = \"100000/1s\"\n";
        world.configure(&config.replace(limit, ""));
        let plan = "plan users.csv --account acme --action permanently-delete";
        world.call(&plan.split(' ').collect::<Vec<_>>()).code(0)
    };
    let warning = "an access token of a newer OAuth client lives 30 minutes";
    plan("oauth_token = \"sandbox-oauth\"\n").says(warning);
    let renewed = "client_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n";
    assert!(!plan(renewed).out.contains("30 minutes"));
    world.write("users.csv", ids(1..=3));
    let short = plan("oauth_token = \"sandbox-oauth\"\n");
    assert!(!short.out.contains("30 minutes"));
}

/// Since the right to delete end users stands apart, who may edit them need not have it.
#[test]
fn a_custom_role_without_the_right_to_delete_is_told_before() {
    let world = World::of_users(3);
    let caller = |role: &str| world.settings(json!({"zendesk": {"caller_role": role}}));
    let lacks = "The caller's custom role does not let it delete end users (it says `edit`)";
    caller("agent");
    world.call(&["check"]).code(1).says(lacks);
    world.call(&RUN).code(3).says(lacks);
    assert!(world.users().iter().all(|user| user.state == "active"));
    caller("agent-managing-users");
    world
        .call(&["check"])
        .code(0)
        .says("a custom role that may add, edit and delete end users");
    // Not every role may be read by those who have it.
    let sandbox = world.sandbox().addr();
    let front = Raw::start(move |heard, wire| {
        if heard.target.contains("custom_roles") {
            wire.send(answer(
                "403 Forbidden",
                &["content-type: application/json"],
                "{}",
            ));
        } else {
            wire.send(heard.carry(sandbox));
        }
        After::Keep
    });
    world.ask_acme_at(&front.base());
    world
        .call(&["check"])
        .code(0)
        .says("a custom role, which may not be read here");
    let asked = |target: &str| {
        front
            .heard()
            .iter()
            .filter(|it| it.target == target)
            .count()
    };
    assert_eq!(asked("/api/v2/custom_roles/360001000001"), 1);
    caller("admin");
    world.call(&["check"]).code(0);
    assert_eq!(
        asked("/api/v2/custom_roles/360001000001"),
        1,
        "admins lack nothing"
    );
}

/// Few rows go one by one, many with jobs.
#[rstest]
#[case(4)]
#[case(60)]
fn suspended_users_are_protected_by_choice(#[case] rows: u64) {
    let world = World::of_users(rows);
    world.seed(json!({"zendesk": [{"id": "2", "suspended": true}]}));
    let protecting = [&RUN[..], &["--protect-suspended"]].concat();
    let live = [
        &protecting[..6],
        &["--protect-suspended", "--dry-run", "--live"],
    ]
    .concat();
    world.call(&live).code(0).says("protected 1 line 3");
    world.call(&protecting).code(1);
    let state = |id: &str| {
        let users = world.users();
        users
            .iter()
            .find(|user| user.id == id)
            .unwrap()
            .state
            .clone()
    };
    assert_eq!(state("2"), "active");
    assert!(!world.deletions().iter().any(|call| call.concerns("2")));
    let told = world.status(LEDGER);
    assert_eq!(told["outcomes"]["deleted"], rows - 1);
    assert_eq!(told["outcomes"]["protected"], 1);
    // Of the ledger's own choice, until a person lets them through.
    let retry = ["retry", LEDGER, "--yes", "--only", "protected"];
    world.call(&retry).code(1);
    assert_eq!(state("2"), "active");
    world
        .call(&[&retry[..], &["--include-role", "suspended"]].concat())
        .code(0);
    assert_eq!(state("2"), "soft-deleted");
}

#[test]
fn suspended_users_are_deleted_like_any_other_without_the_choice() {
    let world = World::of_users(3);
    world.seed(json!({"zendesk": [{"id": "2", "suspended": true}]}));
    world.call(&RUN).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 3);
}

#[test]
fn a_plan_says_what_stays_behind_once_for_each_provider() {
    let world = World::new();
    world.write(
        "all.csv",
        "id,account,action\n1,acme,purge\n2,acme,delete\n5fe0a0f0b5e2a4001c8d0001,chat,delete\n\
         5725767000000000001,crm,delete\n",
    );
    let plan = world.call(&["plan", "all.csv"]).code(0).out;
    let flat = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    for left in [
        "left after it: the text in closed tickets (redact or delete those first), and the user at Sunshine Conversations",
        "left after it: the user at Zendesk Support",
        "left after it: the records, which stay the deleted user's",
    ] {
        assert_eq!(flat.matches(left).count(), 1, "{left}\n{plan}");
    }
    let oldest = "their open tickets go to whoever deletes them, or to the group's oldest agent";
    assert!(!flat.contains(oldest));
    let agents = ["plan", "all.csv", "--include-role", "agent"];
    world.call(&agents).code(0).says(oldest);
}

/// That there is no record of an erasure is believed of one who is not among the soft-deleted either.
#[test]
fn a_record_that_is_not_there_proves_no_erasure() {
    let world = World::of_soft_deleted(2);
    let sandbox = world.sandbox().addr();
    let front = Raw::start(move |heard, wire| {
        if heard.target.contains("compliance_deletion_statuses") {
            let body = "{\"error\":\"RecordNotFound\",\"description\":\"Not found\"}";
            wire.send(answer("404 No", &["content-type: application/json"], body));
        } else {
            wire.send(heard.carry(sandbox));
        }
        After::Keep
    });
    world.ask_acme_at(&front.base());
    world.call(&PERMANENTLY).code(0);
    world.soft_deleted_users([2]);
    let before = front.heard().len();
    let verify = world.call(&["verify", LEDGER, "--json"]);
    let asked = front.heard();
    let looks = asked[before..]
        .iter()
        .filter(|it| it.target.contains("/deleted_users/"));
    assert_eq!(looks.count(), 2);
    assert_eq!(verify.code, 1, "the second still stands: {verify:?}");
}

/// Rows of one reason share a line of the ledger, which repeats no number of the file.
#[test]
fn a_reason_in_the_ledger_repeats_no_number_of_the_file() {
    let world = World::new();
    world.write("users.jsonl", "{\"id\":3.6E+11}\n{\"id\":5.5E+12}\n");
    let plan = plan_of("users.jsonl");
    world.call(&[&plan[..], &["-v"]].concat()).says("`3.6E+11`");
    world.call(&[&plan[..], &["-o", "saved.jsonl"]].concat());
    let text = world.read("saved.jsonl");
    assert!(!text.contains("E+1"), "{text}");
    assert_eq!(text.matches("\"kind\":\"unsent\"").count(), 1, "{text}");
}
