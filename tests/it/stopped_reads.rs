//! Reads that are under way when a run or an account stops: they end, are recorded, and count for the
//! next process.

use serde_json::{Value, json};

use crate::signals::send;
use crate::support::World;
use crate::support::usual::{LEDGER, PERMANENTLY};

/// Requests that arrived at the sandbox.
fn arrived(world: &World) -> usize {
    world.sandbox().log(None).len()
}

/// Requests that the ledger tells of: reads, and intents that were not taken back.
fn told(world: &World) -> usize {
    let ledger = world.ledger(LEDGER);
    let of = |is: &dyn Fn(&Value) -> bool| ledger.iter().filter(|entry| is(entry)).count();
    let sent = of(&|entry| entry["kind"] == "request" || entry["kind"] == "intent");
    sent - of(&|entry| entry["class"] == "held_back")
}

/// Calls that were refused because of their pace.
fn refused(world: &World) -> usize {
    let log = world.sandbox().log(None);
    log.iter().filter(|call| call.status == Some(429)).count()
}

/// Every user for whom it is asked alone whether they may be deleted, under a quota that is kept.
fn world() -> World {
    let world = World::of_soft_deleted(90);
    world.settings(json!({
        "quota_mode": "rolling",
        "latency": "300ms..400ms",
        "zendesk": {"quota": "30/4s"},
    }));
    world.limit_acme("requests = \"30/4s\"");
    world
}

#[test]
fn reads_under_way_at_ctrl_c_end_are_recorded_and_count_for_the_next_process() {
    let world = world();
    let child = world.start(&[&PERMANENTLY[..], &["--concurrency", "16"]].concat());
    world.until("reads are under way", || arrived(&world) >= 5);
    send("-INT", &child);
    world.finish(child).code(130);
    assert_eq!(told(&world), arrived(&world), "each that left was recorded");
    world.settings(json!({"latency": "1ms..5ms"}));
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(refused(&world), 0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 90);
}

#[test]
fn reads_under_way_when_an_account_stops_end_and_are_recorded() {
    let world = world();
    world.wide();
    world.settings(json!({"latency": "50ms..60ms"}));
    world.limit_acme("requests = \"100000/1s\"");
    let fault = json!({"user": "20", "fault": "forbidden", "times": 1});
    let fault = serde_json::from_value(fault).unwrap();
    world
        .sandbox()
        .with(|sandbox, now| sandbox.plan("", fault, now))
        .unwrap();
    world
        .call(&[&PERMANENTLY[..], &["--concurrency", "16"]].concat())
        .code(3);
    assert_eq!(told(&world), arrived(&world), "each that left was recorded");
}

/// The next process may be given fewer requests at once: the reads that the killed one left untold are
/// as many as that one had.
#[test]
fn reads_of_a_killed_process_count_with_its_own_concurrency() {
    let world = world();
    let mut child = world.start(&[&PERMANENTLY[..], &["--concurrency", "16"]].concat());
    world.until("reads are under way", || arrived(&world) >= 5);
    child.kill().unwrap();
    child.wait().unwrap();
    world.settings(json!({"latency": "1ms..5ms"}));
    world
        .call(&["resume", LEDGER, "--concurrency", "1"])
        .code(0);
    assert_eq!(refused(&world), 0);
}
