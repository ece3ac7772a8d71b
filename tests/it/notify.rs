//! `--notify`: the command that is run when a run ends or stops.

use serde_json::{Value, json};

use crate::support::usual::{LEDGER, RUN, run};
use crate::support::{World, ids};

#[test]
fn it_is_told_how_the_run_ended_as_status_tells() {
    let world = World::of_users(3);
    let notify = ["--notify", "cat > told.json; echo noticed"];
    let called = world.call(&[&RUN[..], &notify].concat()).code(0);
    // What it prints is no data of a run.
    assert!(called.err.contains("noticed"), "{}", called.err);
    assert!(!called.out.contains("noticed"), "{}", called.out);
    let told: Value = serde_json::from_str(&world.read("told.json")).unwrap();
    assert_eq!(told, world.status(LEDGER));
    assert_eq!(told["state"], "finished");
}

#[test]
fn it_is_run_when_a_run_stops_or_is_taken_up_and_not_when_nobody_agreed() {
    let world = World::new();
    let busy = |id: u64| json!({"id": id.to_string(), "open_tickets": 1});
    world.seed(json!({"zendesk": (1..=9).map(busy).collect::<Vec<_>>()}));
    world.write("users.csv", ids(1..=9));
    let notify = ["--notify", "cat >> told.jsonl"];
    let declined = run("users.csv", "acme", "delete");
    world.call(&[&declined[..6], &notify].concat()).code(2);
    assert!(!world.path("told.jsonl").exists());
    let stops = ["--max-failures", "2", "--concurrency", "1"];
    world.call(&[&RUN[..], &stops, &notify].concat()).code(3);
    world.zendesk_users(1..=9);
    world
        .call(&[&["resume", LEDGER][..], &notify].concat())
        .code(1);
    let retry = ["retry", LEDGER, "--only", "refused", "--yes"];
    world.call(&[&retry[..], &notify].concat()).code(0);
    let told = world.read("told.jsonl");
    let state = |line: &str| serde_json::from_str::<Value>(line).unwrap()["state"].clone();
    let states: Vec<_> = told.lines().map(state).collect();
    assert_eq!(states, ["stopped", "finished", "finished"]);
}

#[test]
fn that_it_fails_is_said_and_changes_nothing() {
    let world = World::of_users(2);
    // One that reads nothing is no trouble either.
    let args = [&RUN[..], &["--notify", "exec 0<&-; exit 7"]].concat();
    world
        .call(&args)
        .code(0)
        .says("`--notify exec 0<&-; exit 7` failed (exit status: 7)");
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 2);
    world.call(&["audit", LEDGER]).code(0);
}
