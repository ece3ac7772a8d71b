//! What counts as evidence that a user is gone: the provider's own words, and nothing that only
//! looks like them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::raw::{After, Raw, answer};
use crate::support::usual::{LEDGER, id, run};

const ROWS: u64 = 5;

/// A gateway that has lost the route to users: it says so of every user, and the app is still found.
#[rstest]
#[case::empty("")]
#[case::plain_text("not found")]
#[case::plain_sentence("User not found.")]
fn a_404_that_is_not_the_providers_verifies_nothing(#[case] body: &'static str) {
    let world = World::of_ids("sunco", (1..=ROWS).map(|n| id("chat", n)));
    let sandbox = world.sandbox().addr();
    let lost = Arc::new(AtomicBool::new(false));
    let has_lost = Arc::clone(&lost);
    let front = Raw::start(move |heard, wire| {
        let reply = if has_lost.load(Ordering::SeqCst) && heard.is_look() {
            answer("404 Not Found", &["content-type: text/plain"], body)
        } else {
            heard.carry(sandbox)
        };
        wire.send(reply);
        After::Keep
    });
    world.ask_at(&front.base());
    let run = run("users.csv", "chat", "delete-personal-information");
    world
        .call(&[&run[..], &["--attempts", "1"]].concat())
        .code(0);
    lost.store(true, Ordering::SeqCst);

    let told = world.call(&["verify", LEDGER, "--json"]).code(1);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    for (field, value) in [
        ("ok", json!(false)),
        ("as_asked", json!(0)),
        ("unknown", json!(ROWS)),
    ] {
        assert_eq!(told[field], value, "{field}: {told}");
    }
    let seen = world
        .ledger(LEDGER)
        .into_iter()
        .filter(|it| it["kind"] == "verify");
    for row in seen {
        assert_eq!(row["finding"], "unknown", "{row}");
        assert!(row["seen"].is_null(), "{row}");
    }

    lost.store(false, Ordering::SeqCst);
    world.call(&["verify", LEDGER]).code(0);
}
