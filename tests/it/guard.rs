//! Guard rails: what keeps a run from doing more than was meant.

use std::fmt::Write as _;

use rstest::rstest;
use serde_json::json;
use userpurge::sandbox::Call;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::usual::{self, LEDGER, PERMANENTLY, plan_of, run};
use crate::support::{World, ids};

/// The usual run, which asks.
const RUN: &[&str] = usual::RUN.split_at(6).0;

#[test]
fn without_a_terminal_a_run_wants_to_be_told() {
    let world = World::of_users(3);
    world.call(RUN).code(2).says("--yes").says("--confirm");
    world
        .call(&[RUN, &["--confirm", "4"]].concat())
        .code(2)
        .says("3");
    assert_eq!(world.deletions().len(), 0);
    assert!(!world.path(LEDGER).exists());
    world.call(&[RUN, &["--confirm", "3"]].concat()).code(0);
    assert_eq!(world.deletions().len(), 3);
}

#[test]
fn more_rows_than_max_delete_send_nothing() {
    let world = World::of_users(5);
    world
        .call(&[RUN, &["--yes", "--max-delete", "4"]].concat())
        .code(2)
        .says("--max-delete");
    let plan = plan_of("users.csv");
    let planned = world.call(&[&plan[..], &["--max-delete", "4"]].concat());
    let planned = planned.code(0).says("would be refused");
    assert!(!planned.out.contains("next:"), "{planned:?}");
    // Neither number stands for the other.
    for (confirm, says) in [("5", "allows 4"), ("4", "allows 4"), ("6", "allows 4")] {
        let both = ["--confirm", confirm, "--max-delete", "4"];
        world.call(&[RUN, &both].concat()).code(2).says(says);
    }
    let other = ["--confirm", "4", "--max-delete", "5"];
    world.call(&[RUN, &other].concat()).code(2).says("says 4");
    // Where no row can be sent there is nothing to ask, but a number is held against them.
    world.write("none.csv", "user_id\nnobody\n");
    let none = ["run", "none.csv", "--account", "acme", "--action", "delete"];
    world
        .call(&[&none[..], &["--confirm", "5"]].concat())
        .code(2)
        .says("says 5");
    assert_eq!(world.deletions().len(), 0);
    world
        .call(&[RUN, &["--yes", "--max-delete", "5"]].concat())
        .code(0);
}

#[test]
fn a_file_without_rows_is_no_run() {
    let world = World::of_users(4);
    world.write("users.csv", "user_id\n");
    let done = world.call(&[RUN, &["--yes"]].concat()).code(2);
    done.says("`users.csv` holds no rows; nothing was sent");
    assert!(
        !world.path(LEDGER).exists(),
        "it would be the newest ledger"
    );
}

#[test]
fn who_is_on_the_protect_list_is_not_touched() {
    let world = World::of_users(4);
    world.write("vips.txt", "# the board\n2\n 4 \n");
    world
        .call(&[RUN, &["--yes", "--protect", "vips.txt"]].concat())
        .code(0);
    let gone: Vec<_> = world
        .deletions()
        .into_iter()
        .filter_map(|call| call.user)
        .collect();
    assert_eq!(gone.len(), 2);
    assert!(!gone.iter().any(|id| id == "2" || id == "4"));
    assert_eq!(world.status(LEDGER)["outcomes"]["protected"], 2);
    // They are skipped: nobody has to look at them.
    let rows = ["report", LEDGER, "--format", "csv", "--out", "rows"];
    world.call(&rows).code(0);
    assert_eq!(world.read("rows/failed.csv").lines().count(), 1);
    assert_eq!(world.read("rows/unprocessed.csv").lines().count(), 3);
}

#[test]
fn an_empty_protect_list_is_an_error() {
    let world = World::of_users(2);
    world.write("vips.txt", "");
    world
        .call(&[RUN, &["--yes", "--protect", "vips.txt"]].concat())
        .code(2)
        .says("vips.txt");
    assert_eq!(world.deletions().len(), 0);
}

#[test]
fn a_protected_number_that_is_damaged_is_an_error_though_one_provider_takes_any_text() {
    for damaged in ["1.021E+3", "01021", "\u{ff11}\u{ff10}"] {
        let world = World::of_users(2);
        world.write("vips.txt", format!("2\n{damaged}\n"));
        let args = [RUN, &["--yes", "--protect", "vips.txt"]].concat();
        world.call(&args).code(2).says("line 2").says("vips.txt");
        assert_eq!(world.deletions().len(), 0);
    }
}

#[test]
fn blanks_around_an_id_that_may_be_any_text_are_not_taken_off_in_silence() {
    let world = World::of_users(1);
    world.seed(json!({"sunco": [
        {"id": "5fe0a0f0b5e2a4001c8d0001", "external_id": "bob"},
        {"id": "5fe0a0f0b5e2a4001c8d0002", "external_id": " bob"},
        {"id": "5fe0a0f0b5e2a4001c8d0003"},
    ]}));
    world.write(
        "users.json",
        r#"[{"id": " bob"}, {"id": " 5fe0a0f0b5e2a4001c8d0003 "}]"#,
    );
    world
        .call(&run("users.json", "chat", "delete"))
        .code(1)
        .says("blanks");
    let outcomes = world.outcomes("users.json.ledger.jsonl");
    assert_eq!(outcomes[&1]["code"], "blanks_around");
    assert_eq!(outcomes[&2]["outcome"], "deleted");
    assert_eq!(world.deletions().len(), 1);
}

#[test]
fn agents_and_the_caller_are_protected_unless_their_role_is_included() {
    let world = World::of_users(2);
    world.seed(json!({"zendesk": [{"id": "3", "role": "agent"}, {"id": "4", "role": "admin"}]}));
    let caller = world
        .sandbox()
        .with(|sandbox, now| sandbox.settings("", now))
        .unwrap()
        .zendesk
        .caller_id;
    world.write("users.csv", format!("id\n1\n2\n3\n4\n{caller}\n"));
    world
        .call(&[RUN, &["--yes", "--include-role", "agent"]].concat())
        .code(1);
    let mut gone: Vec<_> = world
        .deletions()
        .into_iter()
        .filter_map(|call| call.user)
        .collect();
    gone.sort();
    assert_eq!(gone, ["1", "2", "3"]);
    assert_eq!(world.status(LEDGER)["outcomes"]["protected"], 2);
}

/// No read of many tells their roles, so that each is asked about before its own deletion.
#[test]
fn agents_who_are_soft_deleted_already_are_protected_from_the_permanent_deletion() {
    let world = World::of_users(0);
    let role = |id: &str, role: &str| json!({"id": id, "role": role, "state": "soft-deleted"});
    world.seed(json!({"zendesk": [
        role("1", "end-user"), role("2", "agent"), role("3", "admin"), role("4", "end-user"),
        role("5", "admin"), role("6", "end-user"), {"id": "7"},
        {"id": "8", "state": "permanently-deleted"},
    ]}));
    world.write(
        "users.csv",
        "id,action\n1,permanently-delete\n2,permanently-delete\n3,permanently-delete\n\
         4,purge\n5,purge\n6,delete\n7,permanently-delete\n8,permanently-delete\n\
         9,permanently-delete\n",
    );
    let run = ["run", "users.csv", "--account", "acme"];
    let live = [&run[..], &["--dry-run", "--live"]].concat();
    world.call(&live).code(0).says("protected 3 lines 3, 4, 6");
    let include = ["--yes", "--include-role", "agent"];
    world.call(&[&run[..], &include].concat()).code(1);
    let outcomes = world.outcomes(LEDGER);
    let told: Vec<_> = outcomes
        .values()
        .map(|it| it["outcome"].as_str().unwrap())
        .collect();
    insta::assert_snapshot!(told.join(" "), @"deleted deleted protected deleted protected already_gone refused already_gone not_found");
    assert_eq!(outcomes[&3]["code"], "protected_role");
    assert_eq!(outcomes[&3]["message"], "this user's role is admin");
    let kept = |id: &str| {
        world
            .users()
            .iter()
            .any(|it| it.id == id && it.state == "soft-deleted")
    };
    assert!(kept("3") && kept("5") && !kept("1") && !kept("2") && !kept("4"));
    let asked: Vec<_> = world
        .deletions()
        .into_iter()
        .filter_map(|call| call.user)
        .collect();
    assert!(!asked.iter().any(|id| id == "3" || id == "5"), "{asked:?}");
    // One alone for each that is not listed as standing, and none for the soft deletion.
    let alone = world
        .sandbox()
        .log(None)
        .into_iter()
        .filter(|call| call.path.contains("deleted_users") && !call.step.deletes());
    assert_eq!(alone.count(), 8);
}

#[test]
fn a_lane_whose_deleted_users_cannot_be_asked_about_stops_before_it_deletes() {
    let world = World::new();
    let server = world.block_on(zendesk_that_knows_no_roles());
    world.ask_acme_at(&server.uri());
    world.write("users.csv", ids(1..=3));
    let args = [&PERMANENTLY[..], &["--attempts", "2"]].concat();
    world.call(&args).code(3).says("userpurge resume");
    let asked = world.block_on(server.received_requests()).unwrap();
    assert!(!asked.iter().any(|it| it.method.as_str() == "DELETE"));
    assert_eq!(world.status(LEDGER)["outcomes"]["pending"], 3);
}

/// A Zendesk that would delete anybody, and fails whenever it is asked about a deleted user.
async fn zendesk_that_knows_no_roles() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path_regex("^/api/v2/deleted_users/"))
        .and(method("GET"))
        .respond_with(ResponseTemplate::new(500))
        .with_priority(1)
        .mount(&server)
        .await;
    let me = json!({"user": {"id": 9, "name": "Ops", "role": "admin", "active": true}});
    Mock::given(path("/api/v2/users/me"))
        .respond_with(ResponseTemplate::new(200).set_body_json(me))
        .mount(&server)
        .await;
    server
}

#[test]
fn too_many_failures_stop_the_lane_with_3() {
    let world = World::of_users(24);
    let users: Vec<_> = (1..=24)
        .map(|id| json!({"id": id.to_string(), "open_tickets": 1}))
        .collect();
    world.seed(json!({"zendesk": users}));
    world
        .call(&[RUN, &["--yes", "--max-failures", "5"]].concat())
        .code(3)
        .says("resume");
    let refused = world.status(LEDGER)["outcomes"]["refused"]
        .as_u64()
        .unwrap();
    assert!((5..=13).contains(&refused), "{refused}");
}

#[test]
fn a_dry_run_sends_nothing_and_a_live_one_says_how_each_user_stands() {
    let world = World::new();
    world.wide();
    world.seed(json!({
        "zendesk": [
            {"id": "1"}, {"id": "2"}, {"id": "3", "state": "soft-deleted"},
            {"id": "4", "state": "permanently-deleted"}, {"id": "5", "role": "admin"},
        ],
        "sunco": [{"id": "5fe0a0f0b5e2a4001c8d0001"}],
        "zoho": [
            {"id": "5725767000000412001"}, {"id": "5725767000000412002", "state": "inactive"},
            {"id": "5725767000000412003", "state": "deleted"},
            {"id": "5725767000000412004", "kind": "system"},
        ],
    }));
    world.settings(json!({"zoho": {"deleted_readable": true}}));
    let mut text = "id,account\n".to_owned();
    for id in 1..=6 {
        writeln!(text, "{id},acme").unwrap();
    }
    text.push_str("5fe0a0f0b5e2a4001c8d0001,chat\nnobody,chat\n");
    for n in 1..=5 {
        writeln!(text, "572576700000041200{n},crm").unwrap();
    }
    world.write("users.csv", text);
    let run = ["run", "users.csv", "--action", "delete", "--dry-run"];
    world.call(&run).code(0);
    assert!(world.sandbox().log(None).is_empty());
    let done = world.call(&[&run[..], &["--live"]].concat()).code(0);
    let from = done.out.find("\nacme, as its users").unwrap();
    insta::assert_snapshot!(done.out[from..].trim(), @r#"
    acme, as its users stand now (nobody was touched):
      still there           2
      soft-deleted          1   line 4
      already gone          1   line 5
      protected             1   line 6
      unknown               1   line 7

    chat, as its users stand now (nobody was touched):
      still there           1
      soft-deleted          0
      already gone          0
      protected             0
      unknown               1   line 9

    crm, as its users stand now (nobody was touched):
      still there           2
      soft-deleted          0
      already gone          1   line 12
      protected             1   line 13
      unknown               1   line 14

    next: userpurge run users.csv --action delete
    "#);
    assert_eq!(world.deletions().len(), 0);
    assert!(!world.path(LEDGER).exists());
}

/// With one read for a hundred users who stand, 1,000 rows need ten, and one tells who we are.
#[test]
fn a_live_dry_run_asks_in_the_largest_reads() {
    let world = World::of_users(1_000);
    world
        .call(&[RUN, &["--dry-run", "--live"]].concat())
        .code(0)
        .says("still there 1,000");
    assert_eq!(world.sandbox().log(None).len(), 11);
    assert_eq!(world.deletions().len(), 0);
}

#[test]
fn a_denied_tenant_is_refused_before_anything_is_sent() {
    let world = World::of_users(2);
    // The port is a part of the address here, as `prod` would be of `acme-prod.zendesk.com`.
    let port = world.sandbox().addr().port().to_string();
    let denied = format!("deny_tenants = [\"PROD\", \"{port}\"]\n{}", world.config());
    world.configure(&denied);
    let done = world.call(&[RUN, &["--yes"]].concat()).code(2);
    let told = done.err.replace(&port, "PORT");
    insta::assert_snapshot!(told[told.find("error:").unwrap()..].trim(), @r"
    error: account `acme` is at a tenant that the configuration denies: `127.0.0.1:PORT/` holds the word `PORT` of `deny_tenants`; nothing was sent that deletes
    help: take the account's rows out of the input, or mean another account; to delete there all the same, take the word out of the configuration
    ");
    assert!(world.sandbox().log(None).is_empty(), "nobody was asked");
    assert!(!world.path(LEDGER).exists());

    // Which org Zoho's token leads to is known only once it was asked.
    world.seed(json!({"zoho": [{"id": "5725767000000412001"}]}));
    world.write("crm.ids", "5725767000000412001\n");
    world.configure(&format!(
        "deny_tenants = [\"/5725767\"]\n{}",
        world.config()
    ));
    let run = run("crm.ids", "crm", "delete");
    world
        .call(&run)
        .code(2)
        .says("`/5725767` of `deny_tenants`");
    assert_eq!(world.deletions().len(), 0);

    // A ledger that was begun before the word came in is not gone on with either.
    world.seed(json!({"zendesk": [{"id": "2", "open_tickets": 1}]}));
    world.configure(&world.config());
    world.call(&[RUN, &["--yes"]].concat()).code(1);
    let sent = world.sandbox().log(None).len();
    world.configure(&denied);
    let retry = ["retry", LEDGER, "--only", "refused", "--yes"];
    world.call(&retry).code(2).says("of `deny_tenants`");
    assert_eq!(world.sandbox().log(None).len(), sent, "nobody was asked");
}

#[rstest]
#[case("deny_tenants = \"prod\"\n")]
#[case("deny_tenants = [\"prod\", 5]\n")]
#[case("deny_tenants = [\" \"]\n")]
#[case("deny_tenant = [\"prod\"]\n")]
fn deny_words_that_are_none_are_an_error_with_line_and_key(#[case] line: &str) {
    let world = World::of_users(1);
    world.configure(&format!("# words\n{line}{}", world.config()));
    let done = world.call(&[RUN, &["--yes"]].concat()).code(2);
    done.says("userpurge.toml")
        .says("line 2")
        .says("deny_tenant");
}

/// Those whom Zoho made for itself are seen a hundred at a time, and so is the primary contact.
#[test]
fn zohos_own_users_are_protected_unless_their_type_is_included() {
    let world = World::new();
    world.wide();
    let id = |n: u64| format!("5725767000000{:06}", 412_000 + n);
    let users: Vec<_> = (1..=150)
        .map(|n| {
            let kind = match n {
                20 => "system",
                21 => "support",
                22 => "digital_employee",
                23 => "primary_contact",
                _ => "regular",
            };
            json!({"id": id(n), "kind": kind})
        })
        .collect();
    world.seed(json!({ "zoho": users }));
    let rows: String = (1..=150).map(|n| id(n) + "\n").collect();
    world.write("crm.ids", rows);
    let run = run("crm.ids", "crm", "delete");
    let include = ["--include-role", "support-user"];
    world.call(&[&run[..], &include].concat()).code(1);
    let outcomes = world.outcomes("crm.ids.ledger.jsonl");
    assert_eq!(outcomes[&20]["outcome"], "protected");
    assert_eq!(outcomes[&20]["code"], "protected_role");
    assert_eq!(outcomes[&22]["outcome"], "protected");
    assert_eq!(outcomes[&23]["outcome"], "protected");
    assert_eq!(
        outcomes[&23]["message"],
        "this user's role is primary-contact"
    );
    // Zoho itself refuses this one.
    assert_eq!(outcomes[&21]["outcome"], "refused");
    let deleted = world.deletions();
    let asked = |n: u64| {
        deleted
            .iter()
            .any(|call| call.user.as_ref() == Some(&id(n)))
    };
    assert!(!asked(20) && !asked(22) && !asked(23) && asked(21));
    assert_eq!(world.calls(Call::Read).len(), 2, "a hundred at a time");
}

#[test]
fn who_we_are_is_shown_before_the_question_written_down_and_bound() {
    let world = World::of_users(2);
    let done = world.call(RUN).code(2);
    let asked = done.err.find("there is no terminal to ask at").unwrap();
    let who = done.err.find("acme: Zendesk Support at 127.0.0.1").unwrap();
    assert!(who < asked, "{}", done.err);
    assert!(
        done.err.contains("acme: as Operations (admin)"),
        "{}",
        done.err
    );
    world.call(&[RUN, &["--yes"]].concat()).code(0);
    let ledger = world.ledger(LEDGER);
    let session = ledger.iter().find(|it| it["kind"] == "session").unwrap();
    let account = &session["accounts"][0];
    let settings = world
        .sandbox()
        .with(|sandbox, now| sandbox.settings("", now))
        .unwrap();
    assert_eq!(account["caller"], settings.zendesk.caller_id.to_string());
    assert_eq!(account["role"], "admin");
    assert_eq!(account["tenant"], world.base().replace("http://", ""));
}
