//! Quotas at real sockets: a server that keeps a strict window refuses nothing.

use serde_json::json;
use std::fmt::Write as _;
use userpurge::sandbox::Call;

use crate::support::{World, ids};

fn strict(mode: &str) {
    let world = World::new();
    world.settings(json!({
        "quota_mode": mode,
        "latency": "1ms..30ms",
        "zendesk": {"quota": "1000000/1m", "permanent_quota": "70/6s"},
    }));
    let users: Vec<_> = (1..=350)
        .map(|id| json!({"id": id.to_string(), "state": "soft-deleted"}))
        .collect();
    world.seed(json!({"zendesk": users}));
    world.write("users.csv", ids(1..=350));
    let config = world.config().replacen(
        "permanently-delete = \"100000/1s\"",
        "permanently-delete = \"70/6s\"",
        1,
    );
    world.configure(&config);
    let args = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "permanently-delete",
        "--yes",
    ];
    world.call(&args).code(0);
    let calls = world.calls(Call::PermanentlyDelete);
    let refused = calls.iter().filter(|call| call.status == Some(429)).count();
    assert_eq!((calls.len(), refused), (350, 0));
    assert_eq!(world.status("users.csv.ledger.jsonl")["throttled"], 0);
}

#[test]
fn seventy_in_six_seconds_and_a_rolling_window_refuses_none_of_350() {
    strict("rolling");
}

#[test]
fn seventy_in_six_seconds_and_a_fixed_window_refuses_none_of_350() {
    strict("fixed");
}

/// The sandbox's own headers say less than the configuration: the lower limit is kept.
#[test]
fn a_limit_that_the_server_states_lowers_ours() {
    let world = World::new();
    world.settings(json!({"zendesk": {"quota": "100/1m", "permanent_quota": "1000/1m"}}));
    world.zendesk_users(1..=60);
    world.write("users.csv", ids(1..=60));
    world
        .call(&[
            "run",
            "users.csv",
            "--account",
            "acme",
            "--action",
            "delete",
            "--yes",
        ])
        .code(0);
    assert!(
        world
            .calls(Call::Delete)
            .iter()
            .all(|call| call.status != Some(429))
    );
}

#[test]
fn a_lane_that_waits_for_its_quota_holds_no_other_up() {
    let world = World::new();
    world.wide();
    world.zendesk_users(1..=20);
    let sunco: Vec<_> = (1..=100)
        .map(|n| json!({"id": format!("5fe0a0f0b5e2a4001c8d{n:04}")}))
        .collect();
    world.seed(json!({"sunco": sunco}));
    let mut text = "id,account,action\n".to_owned();
    for n in 1..=20 {
        writeln!(text, "{n},acme,delete").unwrap();
    }
    for n in 1..=100 {
        writeln!(text, "5fe0a0f0b5e2a4001c8d{n:04},chat,delete").unwrap();
    }
    world.write("users.csv", text);
    // Twenty rows, who we are and their roles: four spans for the one, no wait for the other.
    let config = world
        .config()
        .replacen("requests = \"100000/1s\"", "requests = \"6/2s\"", 1);
    world.configure(&config);
    world.call(&["run", "users.csv", "--yes"]).code(0);
    let log = world.deletions();
    let last_chat = log
        .iter()
        .filter(|call| call.path.contains("/apps/"))
        .map(|it| it.at)
        .max();
    let last_acme = log
        .iter()
        .filter(|call| !call.path.contains("/apps/"))
        .map(|it| it.at)
        .max();
    assert!(last_chat < last_acme);
    let acme = world.calls(Call::Delete);
    let gone = acme
        .iter()
        .filter(|call| call.effect && !call.path.contains("/apps/"))
        .count();
    assert_eq!(gone, 20);
}
