//! A provider, or where its tokens come from, that is out of reach: what is said of it, how long it is
//! waited for, and that no row pays for it.

use std::net::TcpListener;

use serde_json::json;

use crate::support::door::Door;
use crate::support::usual::{LEDGER, PERMANENTLY, id, run};
use crate::support::{Done, World, ids};

/// A host and port where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Three accounts, of which Zoho's has its tokens from where nobody listens.
fn without_tokens(host: &str) -> World {
    let world = World::new();
    world.wide();
    let base = world.base();
    let from = format!("accounts_url = \"{base}\"");
    let to = format!("accounts_url = \"http://{host}\"\nbase_url = \"{base}\"");
    let config = world.config().replacen(&from, &to, 1);
    world.configure(&config);
    world
}

#[track_caller]
fn names_the_account_and_the_host(done: &Done, host: &str) {
    let all = format!("{}{}", done.out, done.err);
    let named = format!("cannot reach {host} since ");
    let line = all.lines().find(|line| line.contains(&named));
    let line = line.unwrap_or_else(|| panic!("`{named}` is not in\n{all}"));
    assert!(!line.is_empty());
    assert!(all.contains("crm"), "{all}");
}

#[test]
fn check_tells_of_all_accounts_where_one_has_no_token_server() {
    let host = nobody();
    let world = without_tokens(&host);
    let done = world.call(&["check"]).code(2);
    names_the_account_and_the_host(&done, &host);
    for account in [
        "acme: Zendesk Support at",
        "chat: Sunshine Conversations at",
    ] {
        assert!(done.out.contains(account), "{}", done.out);
    }
}

#[test]
fn a_run_without_a_token_server_ends_before_anything_is_sent() {
    let host = nobody();
    let world = without_tokens(&host);
    world.write("users.csv", format!("id\n{}\n", id("crm", 1)));
    let done = world.call(&run("users.csv", "crm", "delete")).code(2);
    names_the_account_and_the_host(&done, &host);
    assert!(!world.path(LEDGER).exists());
    assert_eq!(world.sandbox().log(None).len(), 0);
}

#[test]
fn rows_wait_for_a_provider_that_is_out_of_reach_and_none_of_them_fails() {
    let world = World::of_soft_deleted(200);
    world.settings(json!({"latency": "5ms..10ms"}));
    let mut door = Door::before(world.sandbox().addr());
    world.ask_at(&door.base());
    let args = [
        &PERMANENTLY[..],
        &["--attempts", "2", "--progress", "plain"],
    ]
    .concat();
    let child = world.start(&args);
    world.until("some are gone", || world.deletions().len() >= 30);
    door.shut();
    let reason = format!("cannot reach {} since ", door.host());
    let waits = |world: &World| {
        let ledger = world.ledger(LEDGER).into_iter();
        let is_wait = |reason: &str, entry: &serde_json::Value| {
            entry["kind"] == "pause" && entry["reason"].as_str().unwrap().starts_with(reason)
        };
        ledger.filter(|entry| is_wait(&reason, entry)).count()
    };
    // More often than a row has tries.
    world.until("it was tried again and again", || waits(&world) >= 4);
    door.open();
    let done = world.finish(child).code(0);
    let said: Vec<&str> = done
        .err
        .lines()
        .filter(|line| line.contains(&reason))
        .collect();
    assert_eq!(said.len(), 1, "{}", done.err);
    assert!(said[0].contains("; trying again"), "{said:?}");
    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["deleted"], 200, "{status}");
    let gone = world.deletions().into_iter().filter(|call| call.effect);
    assert_eq!(gone.count(), 200, "none twice");
}

/// The soft deletions of many go in jobs, which are asked about.
#[test]
fn jobs_outlive_a_provider_that_is_out_of_reach() {
    let world = World::new();
    world.wide();
    world.settings(json!({"scale_limits": 20.0}));
    world.zendesk_users(1001..=1400);
    world.write("users.csv", ids(1001..=1400));
    let mut door = Door::before(world.sandbox().addr());
    world.ask_at(&door.base());
    let args = [
        &run("users.csv", "acme", "delete")[..],
        &["--attempts", "2"],
    ]
    .concat();
    let child = world.start(&args);
    world.until("a job has begun", || world.deletions().len() >= 2);
    door.shut();
    world.until("it is waited for", || {
        let ledger = world.ledger(LEDGER);
        ledger
            .iter()
            .filter(|entry| entry["kind"] == "pause")
            .count()
            >= 3
    });
    door.open();
    world.finish(child).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 400);
}
