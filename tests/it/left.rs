//! What a crash leaves half-way: each has a plain way on, and nothing is sent twice on it.

use serde_json::json;

use crate::support::usual::{LEDGER, RUN};
use crate::support::{World, ids};

/// Three users, all deleted, and the ledger of it.
fn purged() -> World {
    let world = World::of_users(3);
    world.call(&RUN).code(0);
    world
}

#[test]
fn a_ledger_without_a_header_is_told_to_be_removed_and_then_the_run_begins() {
    for left in ["", "{", "{\"kind\":\"run\",\"run_id\":\"0199"] {
        let world = World::of_users(3);
        let ledger = world.write(LEDGER, left);
        world
            .call(&RUN)
            .code(2)
            .says("has no header")
            .says("remove the file and run again");
        world
            .call(&["resume", LEDGER])
            .code(4)
            .says("remove the file and run again");
        assert_eq!(world.read(LEDGER), left, "nobody touches it");
        std::fs::remove_file(ledger).unwrap();
        world.call(&RUN).code(0);
        assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 3);
    }
}

#[test]
fn a_file_that_is_no_ledger_is_not_told_to_be_removed() {
    let world = World::new();
    world.write("users.csv", ids(1..=3));
    world.write("notes", "do not lose this");
    for args in [
        &[&RUN[..], &["--ledger", "notes"]].concat()[..],
        &["resume", "notes"],
    ] {
        let done = world.call(args);
        assert!([2, 4].contains(&done.code), "{done:?}");
        assert!(!done.err.contains("remove"), "{done:?}");
    }
    assert_eq!(world.read("notes"), "do not lose this");
}

/// The last outcome is durable, and the power fails before the end is written.
#[test]
fn a_resume_writes_the_end_that_a_crash_swallowed() {
    let world = purged();
    let text = world.read(LEDGER);
    let end = text.find("{\"kind\":\"end\"").unwrap();
    world.write(LEDGER, &text[..end]);
    assert_eq!(world.status(LEDGER)["state"], "interrupted");
    let sent = world.sandbox().log(None).len();
    world
        .call(&["resume", LEDGER])
        .code(0)
        .says("no row is left to do");
    let status = world.status(LEDGER);
    assert_eq!(
        (&status["state"], &status["outcomes"]["deleted"]),
        (&json!("finished"), &json!(3))
    );
    assert_eq!(world.sandbox().log(None).len(), sent, "nobody was asked");
}

#[test]
fn a_resume_of_a_run_that_is_over_leaves_the_ledger_as_it_is() {
    let world = purged();
    let text = world.read(LEDGER);
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(world.read(LEDGER), text);
}
