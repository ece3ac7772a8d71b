//! Guard rails: what keeps a run from doing more than was meant.

use serde_json::json;
use userpurge::sandbox::Call;

use crate::support::{World, ids};

const LEDGER: &str = "users.csv.ledger.jsonl";
const RUN: [&str; 6] = [
    "run",
    "users.csv",
    "--account",
    "acme",
    "--action",
    "delete",
];

fn world(rows: u64) -> World {
    let world = World::new();
    world.wide();
    world.zendesk_users(1..=rows);
    world.write("users.csv", ids(1..=rows));
    world
}

#[test]
fn without_a_terminal_a_run_wants_to_be_told() {
    let world = world(3);
    world.call(&RUN).code(2).says("--yes").says("--confirm");
    world
        .call(&[&RUN[..], &["--confirm", "4"]].concat())
        .code(2)
        .says("3");
    assert_eq!(world.deletions().len(), 0);
    assert!(!world.path(LEDGER).exists());
    world
        .call(&[&RUN[..], &["--confirm", "3"]].concat())
        .code(0);
    assert_eq!(world.deletions().len(), 3);
}

#[test]
fn more_rows_than_max_delete_send_nothing() {
    let world = world(5);
    world
        .call(&[&RUN[..], &["--yes", "--max-delete", "4"]].concat())
        .code(2)
        .says("--max-delete");
    assert_eq!(world.deletions().len(), 0);
    world
        .call(&[&RUN[..], &["--yes", "--max-delete", "5"]].concat())
        .code(0);
}

#[test]
fn who_is_on_the_protect_list_is_not_touched() {
    let world = world(4);
    world.write("vips.txt", "# the board\n2\n 4 \n");
    world
        .call(&[&RUN[..], &["--yes", "--protect", "vips.txt"]].concat())
        .code(1);
    let gone: Vec<_> = world
        .deletions()
        .into_iter()
        .filter_map(|call| call.user)
        .collect();
    assert_eq!(gone.len(), 2);
    assert!(!gone.iter().any(|id| id == "2" || id == "4"));
    assert_eq!(world.status(LEDGER)["outcomes"]["protected"], 2);
}

#[test]
fn an_empty_protect_list_is_an_error() {
    let world = world(2);
    world.write("vips.txt", "");
    world
        .call(&[&RUN[..], &["--yes", "--protect", "vips.txt"]].concat())
        .code(2)
        .says("vips.txt");
    assert_eq!(world.deletions().len(), 0);
}

#[test]
fn a_protected_number_that_is_damaged_is_an_error_though_one_provider_takes_any_text() {
    for damaged in ["1.021E+3", "01021", "\u{ff11}\u{ff10}"] {
        let world = world(2);
        world.write("vips.txt", format!("2\n{damaged}\n"));
        let args = [&RUN[..], &["--yes", "--protect", "vips.txt"]].concat();
        world.call(&args).code(2).says("line 2").says("vips.txt");
        assert_eq!(world.deletions().len(), 0);
    }
}

#[test]
fn blanks_around_an_id_that_may_be_any_text_are_not_taken_off_in_silence() {
    let world = world(1);
    world.seed(json!({"sunco": [
        {"id": "5fe0a0f0b5e2a4001c8d0001", "external_id": "bob"},
        {"id": "5fe0a0f0b5e2a4001c8d0002", "external_id": " bob"},
        {"id": "5fe0a0f0b5e2a4001c8d0003"},
    ]}));
    world.write(
        "users.json",
        r#"[{"id": " bob"}, {"id": " 5fe0a0f0b5e2a4001c8d0003 "}]"#,
    );
    let args = [
        "run",
        "users.json",
        "--account",
        "chat",
        "--action",
        "delete",
        "--yes",
    ];
    world.call(&args).code(1).says("blanks");
    let outcomes = world.outcomes("users.json.ledger.jsonl");
    assert_eq!(outcomes[&1]["code"], "blanks_around");
    assert_eq!(outcomes[&2]["outcome"], "deleted");
    assert_eq!(world.deletions().len(), 1);
}

#[test]
fn an_option_that_says_otherwise_than_the_saved_plan_is_refused() {
    let world = world(3);
    let plan = [
        "plan",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
    ];
    world
        .call(&[&plan[..], &["-o", "purge.plan.json"]].concat())
        .code(0);
    let run = ["run", "purge.plan.json", "--action", "purge", "--yes"];
    world.call(&run).code(2).says("--action");
    assert_eq!(world.deletions().len(), 0);
}

#[test]
fn agents_and_the_caller_are_protected_unless_their_role_is_included() {
    let world = world(2);
    world.seed(json!({"zendesk": [{"id": "3", "role": "agent"}, {"id": "4", "role": "admin"}]}));
    let caller = world
        .sandbox()
        .settings("default")
        .unwrap()
        .zendesk
        .caller_id;
    world.write("users.csv", format!("id\n1\n2\n3\n4\n{caller}\n"));
    world
        .call(&[&RUN[..], &["--yes", "--include-role", "agent"]].concat())
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

#[test]
fn too_many_failures_stop_the_lane_with_3() {
    let world = world(24);
    let users: Vec<_> = (1..=24)
        .map(|id| json!({"id": id.to_string(), "open_tickets": 1}))
        .collect();
    world.seed(json!({"zendesk": users}));
    world
        .call(&[&RUN[..], &["--yes", "--max-failures", "5"]].concat())
        .code(3)
        .says("resume");
    let refused = world.status(LEDGER)["outcomes"]["refused"]
        .as_u64()
        .unwrap();
    assert!((5..=13).contains(&refused), "{refused}");
}

#[test]
fn a_dry_run_sends_nothing_and_a_live_one_says_how_each_user_stands() {
    let world = world(2);
    world.seed(json!({"zendesk": [
        {"id": "3", "state": "soft-deleted"}, {"id": "4", "state": "permanently-deleted"},
        {"id": "5", "role": "admin"},
    ]}));
    world.write("users.csv", "id\n1\n2\n3\n4\n5\n6\n");
    world.call(&[&RUN[..], &["--dry-run"]].concat()).code(0);
    assert!(world.calls(Call::Read).is_empty());
    let done = world
        .call(&[&RUN[..], &["--dry-run", "--live"]].concat())
        .code(0);
    let flat = done.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        "standing 2",
        "soft-deleted 1",
        "already gone 1",
        "protected 1",
        "unknown 1",
    ] {
        assert!(flat.contains(told), "`{told}` is not in\n{}", done.out);
    }
    assert_eq!(world.deletions().len(), 0);
    assert!(!world.path(LEDGER).exists());
}

#[test]
fn a_saved_plan_is_done_as_planned_or_refused() {
    let world = world(3);
    let plan = [
        "plan",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
    ];
    world
        .call(&[&plan[..], &["-o", "purge.plan.json"]].concat())
        .code(0);
    world.write("users.csv", ids(1..=2));
    world
        .call(&["run", "purge.plan.json", "--yes"])
        .code(2)
        .says("changed");
    assert_eq!(world.deletions().len(), 0);
    world.write("users.csv", ids(1..=3));
    world.configure(
        &world
            .config()
            .replace("requests = \"100000/1s\"", "requests = \"9999/1s\""),
    );
    world
        .call(&["run", "purge.plan.json", "--yes"])
        .code(2)
        .says("changed");
    world.configure(&world.config());
    world.call(&["run", "purge.plan.json", "--yes"]).code(0);
    assert_eq!(world.deletions().len(), 3);
    assert_eq!(
        world.status("purge.plan.json.ledger.jsonl")["outcomes"]["deleted"],
        3
    );
}
