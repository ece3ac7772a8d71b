//! Resume and retry: what an interrupted or failed run goes on with.

use serde_json::json;
use userpurge::sandbox::Call;

use crate::support::usual::{LEDGER, PERMANENTLY, RUN, run};
use crate::support::{World, ids};

#[test]
fn a_stopped_lane_exits_3_and_resume_goes_on() {
    let world = World::of_soft_deleted(40);
    // The role is taken away in the middle.
    let mut child = world.start(&[&PERMANENTLY[..], &["--concurrency", "1"]].concat());
    world.until("ten users are gone", || world.deletions().len() >= 10);
    world.settings(json!({"zendesk": {"caller_role": "agent"}}));
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "stopped");
    assert!(status["outcomes"]["pending"].as_u64().unwrap() > 0);
    world.settings(json!({"zendesk": {"caller_role": "admin"}}));
    world.call(&["resume", LEDGER, "--yes"]).code(0);
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "finished");
    assert_eq!(status["outcomes"]["deleted"], 40);
    assert_eq!(
        world
            .calls(Call::PermanentlyDelete)
            .iter()
            .filter(|call| call.effect)
            .count(),
        40
    );
}

#[test]
fn retry_tries_failed_rows_again_and_other_rows_only_when_told() {
    let world = World::new();
    world.seed(json!({"zendesk": [{"id": "1"}, {"id": "2", "open_tickets": 1}, {"id": "3"}]}));
    world.write("users.csv", ids(1..=4));
    world.settings(json!({"faults": "error500=100%,seed=1"}));
    world
        .call(&[&RUN[..], &["--attempts", "1"]].concat())
        .code(1);
    assert_eq!(world.status(LEDGER)["outcomes"]["failed"], 4);

    world.settings(json!({"faults": "seed=1"}));
    world.call(&["retry", LEDGER, "--yes"]).code(1);
    let outcomes = world.outcomes(LEDGER);
    let of = |row: u64| outcomes[&row]["outcome"].as_str().unwrap().to_owned();
    assert_eq!(
        [of(1), of(2), of(3), of(4)],
        ["deleted", "refused", "deleted", "not_found"]
    );

    let before = world.calls(Call::Delete).len();
    world.call(&["retry", LEDGER, "--yes"]).code(1);
    assert_eq!(
        world.calls(Call::Delete).len(),
        before,
        "nothing failed any more"
    );

    world.seed(json!({"zendesk": [{"id": "2"}]}));
    world
        .call(&["retry", LEDGER, "--only", "refused", "--yes"])
        .code(1);
    assert_eq!(world.outcomes(LEDGER)[&2]["outcome"], "deleted");
    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["deleted"], 3);
    assert_eq!(status["outcomes"]["not_found"], 1);
}

#[test]
fn rows_that_ended_well_are_never_tried_again() {
    let world = World::of_users(3);
    world.settings(json!({"faults": "reset-after=100%,seed=1"}));
    world
        .call(&[&RUN[..], &["--attempts", "1"]].concat())
        .code(0);
    let sent = world.deletions().len();
    let settled = &world.outcomes(LEDGER)[&1];
    assert_eq!(
        (&settled["outcome"], &settled["settled"]),
        (&json!("deleted"), &json!(true))
    );
    for only in ["deleted", "settled", "broken_connection"] {
        world
            .call(&["retry", LEDGER, "--only", only, "--yes"])
            .code(0)
            .says("no row");
    }
    assert_eq!(world.deletions().len(), sent);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 3);
}

#[test]
fn a_word_of_only_that_picks_nothing_is_refused_and_a_role_that_nobody_has_is_warned_of() {
    let world = World::of_users(3);
    world.seed(json!({"zendesk": [{"id": "2", "open_tickets": 1}]}));
    world.call(&RUN).code(1);
    let code = world.outcomes(LEDGER)[&2]["code"].clone();
    let code = code.as_str().unwrap();
    let before = world.sandbox().log(None).len();
    for (only, meant) in [
        ("bogus", None),
        ("refusd", Some("refused")),
        ("standin", Some("standing")),
        (&code[1..], Some(code)),
    ] {
        let retry = ["retry", LEDGER, "--only", "failed", "--only", only, "--yes"];
        let told = format!("`--only {only}` is no outcome");
        let done = world.call(&retry).code(2).says(&told);
        let meant = meant.map(|meant| format!("did you mean `{meant}`?"));
        assert_eq!(
            done.err.contains("did you mean"),
            meant.is_some(),
            "{done:?}"
        );
        done.says(&meant.unwrap_or_default());
    }
    assert_eq!(world.sandbox().log(None).len(), before);

    let role = ["--include-role", "agnt", "--include-role", "Admin"];
    for command in [&["retry", LEDGER, "--yes"][..], &["plan", "users.csv"]] {
        world
            .call(&[command, &role].concat())
            .code(2)
            .says("`--include-role agnt` names no role that is protected; did you mean `agent`?")
            .says("`primary-contact`");
    }
}

#[test]
fn another_tenant_is_refused() {
    let world = World::of_users(3);
    world.settings(json!({"faults": "error500=100%,seed=1"}));
    world
        .call(&[&RUN[..], &["--attempts", "1"]].concat())
        .code(1);
    let elsewhere = format!("base_url = \"{}/t/other\"", world.base());
    let config =
        world
            .config()
            .replacen(&format!("base_url = \"{}\"", world.base()), &elsewhere, 1);
    world.configure(&config);
    let before = world.deletions().len();
    world
        .call(&["retry", LEDGER, "--yes"])
        .code(4)
        .says("tenant");
    assert_eq!(world.deletions().len(), before);
}

#[test]
fn rows_that_an_earlier_ledger_shows_as_good_are_not_sent_again() {
    let world = World::new();
    world.zendesk_users(1..=6);
    world.write("users.csv", ids(1..=4));
    world.call(&RUN).code(0);
    world.write("again.csv", ids(3..=6));
    let again = run("again.csv", "acme", "delete");
    world
        .call(&[&again[..], &["--done-in", LEDGER]].concat())
        .code(0);
    let outcomes = world.outcomes("again.csv.ledger.jsonl");
    let ends: Vec<&str> = outcomes
        .values()
        .map(|entry| entry["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(ends, ["done_before", "done_before", "deleted", "deleted"]);
    assert_eq!(world.deletions().len(), 6);
}

#[test]
fn a_torn_last_line_is_cut_and_said() {
    use std::io::Write as _;

    let world = World::of_users(3);
    world.call(&RUN).code(0);
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(world.path(LEDGER))
        .unwrap();
    file.write_all(b"{\"kind\":\"outcome\",\"row\":9").unwrap();
    world
        .call(&["resume", LEDGER, "--yes"])
        .code(0)
        .says("torn");
    assert!(!world.read(LEDGER).contains("\"row\":9"));
}

#[test]
fn a_damaged_ledger_is_refused_and_left_alone() {
    let world = World::of_users(3);
    world.call(&RUN).code(0);
    let damaged =
        world
            .read(LEDGER)
            .replacen("\"outcome\":\"deleted\"", "\"outcome\":\"refused\"", 1);
    world.write(LEDGER, &damaged);
    world
        .call(&["resume", LEDGER, "--yes"])
        .code(4)
        .says("line");
    assert_eq!(world.read(LEDGER), damaged);
}

#[test]
fn latest_is_the_newest_ledger_here() {
    let world = World::of_users(3);
    world.call(&RUN).code(0);
    assert_eq!(world.status("latest")["outcomes"]["deleted"], 3);
}

#[test]
fn rows_that_were_piped_in_are_tried_again_from_the_ledger_alone() {
    let world = World::new();
    world.zendesk_users(1..=3);
    let args = run("-", "acme", "delete");
    let args = [
        &args[..],
        &["--ledger", "piped.ledger.jsonl", "--attempts", "1"],
    ]
    .concat();
    world.settings(json!({"faults": "error500=100%,seed=1"}));
    world.call_with(&args, b"id\n1\n2\n3\n").code(1);
    let kept = std::fs::read_dir(world.folder.path()).unwrap();
    let is_copy = |name: &str| name.contains(".input");
    let mut names = kept.map(|it| it.unwrap().file_name().into_string().unwrap());
    assert!(!names.any(|name| is_copy(&name)), "no copy is kept");
    world.settings(json!({"faults": "seed=1"}));
    // Left out, it is the newest ledger here.
    world
        .call(&["retry", "--yes"])
        .code(0)
        .says("ledger piped.ledger.jsonl");
    assert_eq!(world.status("piped.ledger.jsonl")["outcomes"]["deleted"], 3);
}

#[test]
fn nothing_but_the_ledger_is_needed() {
    let world = World::of_users(6);
    world.write("vips.txt", "6\n");
    world.settings(json!({"faults": "error500=100%,seed=1"}));
    let args = [
        "--attempts",
        "1",
        "--protect",
        "vips.txt",
        "--max-failures",
        "100",
    ];
    world.call(&[&RUN[..], &args].concat()).code(1);
    world.settings(json!({"faults": "seed=1"}));
    for name in ["users.csv", "vips.txt"] {
        std::fs::remove_file(world.path(name)).unwrap();
    }
    world.call(&["retry", LEDGER, "--yes"]).code(0);
    world
        .call(&["resume", LEDGER])
        .code(0)
        .says("no row is left to do");
    world.call(&["verify", LEDGER]).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 5);
    assert_eq!(world.status(LEDGER)["outcomes"]["protected"], 1);
}

#[test]
fn a_ledger_of_the_first_format_is_named_and_left_alone() {
    let world = World::of_users(2);
    let old = include_str!("../../fixtures/ledger/v1/every-kind.jsonl");
    world.write("old.ledger.jsonl", old);
    for command in [
        &["resume", "old.ledger.jsonl"][..],
        &["retry", "old.ledger.jsonl", "--yes"],
        &["run", "old.ledger.jsonl", "--yes"],
        &["status", "old.ledger.jsonl"],
        &["verify", "old.ledger.jsonl"],
    ] {
        world
            .call(command)
            .code(4)
            .says("has format 1")
            .says("userpurge 0.1, or plan the input again");
    }
    assert_eq!(world.read("old.ledger.jsonl"), old);
}
