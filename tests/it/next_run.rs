//! The next run at a tenant: it counts what earlier runs sent, heeds their waits, and comes after the
//! process that is at work there.

use serde_json::{Value, json};

use crate::support::usual::run;
use crate::support::{World, ids};

/// A quota that the sandbox enforces and the configuration states: 70 requests in 6 s.
fn narrow() -> World {
    let world = World::new();
    world.limit_acme("requests = \"70/6s\"");
    world.settings(json!({"zendesk": {"quota": "70/6s", "permanent_quota": "1000000/1m"}}));
    world.soft_deleted_users(1..=120);
    world.write("first.csv", ids(1..=60));
    world.write("second.csv", ids(61..=120));
    world
}

fn permanently(input: &str) -> [&str; 7] {
    run(input, "acme", "permanently-delete")
}

/// How many requests the provider turned away for their pace.
fn refused(world: &World) -> usize {
    let log = world.sandbox().log(None);
    log.iter().filter(|it| it.status == Some(429)).count()
}

#[test]
fn a_second_run_counts_what_the_first_one_sent() {
    let world = narrow();
    for input in ["first.csv", "second.csv"] {
        world.call(&permanently(input)).code(0);
    }
    assert_eq!(refused(&world), 0);
    assert_eq!(world.deletions().len(), 120);
}

#[test]
fn a_resume_counts_what_a_run_in_between_sent() {
    let world = narrow();
    let mut first = world.start(&permanently("first.csv"));
    world.until("deletions arrive", || world.deletions().len() >= 20);
    first.kill().unwrap();
    first.wait().unwrap();
    world.call(&permanently("second.csv")).code(0);
    world.call(&["resume", "first.csv.ledger.jsonl"]).code(0);
    assert_eq!(refused(&world), 0);
}

#[test]
fn one_process_at_a_time_works_at_a_tenant() {
    let world = narrow();
    world.settings(json!({"latency": "300ms"}));
    let first = world.start(&permanently("first.csv"));
    world.until("deletions arrive", || !world.deletions().is_empty());
    let others = |world: &World| {
        let all = world.deletions().into_iter().filter_map(|it| it.user);
        all.filter(|id| id.parse::<u64>().unwrap() > 60).count()
    };
    world
        .call(&permanently("second.csv"))
        .code(4)
        .says("another process works at tenant")
        .says("first.csv.ledger.jsonl`; nothing was sent");
    assert_eq!(others(&world), 0);
    assert!(!world.path("second.csv.ledger.jsonl").exists());
    // A ledger that is at work may not be taken for one to remove.
    world
        .call(&permanently("first.csv"))
        .code(4)
        .says("first.csv.ledger.jsonl` is in use by another process");
    world.finish(first).code(0);
    world.settings(json!({"latency": "0ms"}));
    world.call(&permanently("second.csv")).code(0);
    assert_eq!(others(&world), 60);
    assert_eq!(refused(&world), 0);
}

#[test]
fn a_second_run_heeds_the_wait_that_the_first_was_asked_for() {
    let world = World::of_soft_deleted(6);
    world.write("first.csv", ids(1..=3));
    world.write("second.csv", ids(4..=6));
    let wait = json!({"zendesk": {"quota": "1/24h", "permanent_quota": "1000000/1m"}});
    world.settings(wait);
    world.call(&permanently("first.csv")).code(3);
    world.wide();
    let before = world.sandbox().log(None).len();
    world
        .call(&permanently("second.csv"))
        .code(2)
        .says("as an earlier ledger tells; nothing was sent")
        .says("--ignore-pauses");
    assert_eq!(world.sandbox().log(None).len(), before);
    let past = [&permanently("second.csv")[..], &["--ignore-pauses"]].concat();
    world.call(&past).code(0);
}

#[test]
fn the_folder_holds_names_of_ledgers_for_its_owner_alone_and_may_be_missing() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = narrow();
    world.call(&permanently("first.csv")).code(0);
    let folder = world.path(".local/state/userpurge/tenants");
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(files.len(), 1);
    let mode = files[0].metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let says: Value = serde_json::from_slice(&std::fs::read(files[0].path()).unwrap()).unwrap();
    let ledger = world.path("first.csv.ledger.jsonl").display().to_string();
    assert_eq!(says["ledgers"], json!([ledger]));

    // A process that has only begun there: the ledger that the file names is over.
    let begun = std::fs::File::open(files[0].path()).unwrap();
    begun.lock().unwrap();
    let refused = world.call(&permanently("second.csv")).code(4);
    let refused = refused.says("another process begins to work at this tenant");
    assert!(!refused.err.contains("first.csv"), "{refused:?}");
    begun.unlock().unwrap();

    // A ledger that is gone, a file that was cut: the work goes on.
    std::fs::remove_file(world.path("first.csv.ledger.jsonl")).unwrap();
    world.call(&permanently("second.csv")).code(0);
    std::fs::remove_dir_all(world.path(".local")).unwrap();
    world.write(".local", "");
    world.soft_deleted_users(121..=123);
    world.write("third.csv", ids(121..=123));
    world
        .call(&permanently("third.csv"))
        .code(0)
        .says("so other runs at the same tenant are not seen");
}
