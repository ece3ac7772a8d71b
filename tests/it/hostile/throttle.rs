//! "Too many requests", said in every way that says nothing, and by a server that means it.

use std::process::{Child, Command};

use rstest::rstest;

use super::{First, LEDGER, Stage, Who, honest};
use crate::support::raw::{After, Heard, Wire, answer};

/// Ctrl-C.
pub(super) fn interrupt(child: &Child) {
    let mut kill = Command::new("kill");
    kill.args(["-INT", &child.id().to_string()]);
    // A process that has just ended cannot be reached, which is what was wanted of it.
    let _ = kill.stderr(std::process::Stdio::null()).status().unwrap();
}

fn too_many(wire: &mut Wire, headers: &[&str]) -> After {
    wire.send(answer("429 Too Many Requests", headers, "{}"));
    After::Keep
}

#[rstest]
fn a_bare_429_without_end_fails_the_row_and_costs_its_attempts(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
) {
    let stage = Stage::new(who, 2, |heard: &Heard, wire: &mut Wire, sandbox| {
        if heard.is_deletion() {
            return too_many(wire, &[]);
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&["--attempts", "2"]).code(1);
    assert_eq!(
        stage.ends(),
        ["failed"; 2],
        "nothing was done, nothing is in doubt"
    );
    let heard = stage.front.heard();
    assert_eq!(heard.iter().filter(|it| it.is_deletion()).count(), 4);
    assert_eq!(stage.gone(2), 0);
}

/// More of the kind is in the table of `provider::rate_hint`.
const GARBAGE: [&str; 4] = ["-5", "inf", "", "Sun, 06 Nov 1994 08:49:37 GMT"];

#[test]
fn a_retry_after_that_says_nothing_is_no_reason_to_wait_or_to_fail() {
    let first = First::default();
    let stage = Stage::new(Who::Sunco, GARBAGE.len(), move |heard, wire, sandbox| {
        let row = (0..GARBAGE.len()).find(|n| Who::Sunco.id(*n) == heard.user());
        if let Some(row) = row.filter(|_| heard.is_deletion() && first.is(heard.user())) {
            return too_many(wire, &[&format!("retry-after: {}", GARBAGE[row])]);
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&["--concurrency", "1"]).code(0);
    assert_eq!(stage.ends(), ["deleted"; GARBAGE.len()]);
}

/// A server that rounds a part of a second down to nothing gets a rest all the same: the attempts
/// are not used up within that part.
#[rstest]
fn retry_after_0_is_a_rest_and_not_a_hammer(
    #[values("429 Too Many Requests", "503 Service Unavailable")] status: &'static str,
) {
    let stage = Stage::new(Who::Sunco, 1, move |heard, wire, sandbox| {
        if heard.is_deletion() {
            wire.send(answer(status, &["retry-after: 0"], "{}"));
            return After::Keep;
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&["--attempts", "3"]).code(1);
    let entries = stage.world.ledger(LEDGER);
    let pauses: Vec<_> = entries
        .iter()
        .filter(|entry| entry["kind"] == "pause")
        .collect();
    assert_eq!(pauses.len(), 3, "the last is for all that comes after");
    for pause in pauses {
        let at =
            |field: &str| -> jiff::Timestamp { pause[field].as_str().unwrap().parse().unwrap() };
        let wait = at("until").duration_since(at("at"));
        assert_eq!(wait, jiff::SignedDuration::from_secs(1), "{pause}");
    }
}

#[rstest]
fn a_long_wait_is_seen_and_can_be_interrupted_at_once(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
) {
    let stage = Stage::new(who, 3, |heard: &Heard, wire: &mut Wire, sandbox| {
        if heard.is_deletion() {
            return too_many(wire, &["retry-after: 1800"]);
        }
        honest(heard, wire, sandbox)
    });
    let child = stage.world.start(&stage.args(&["--concurrency", "1"]));
    stage.world.until("it waits", || {
        let ledger = stage.world.path(LEDGER);
        ledger.exists()
            && stage
                .world
                .ledger(LEDGER)
                .iter()
                .any(|entry| entry["kind"] == "pause")
    });
    interrupt(&child);
    stage.world.finish(child).code(130).says("resume");
    let status = stage.status();
    assert_eq!(status["outcomes"]["pending"], 3);
    assert_eq!(status["outcomes"]["in_doubt"], 0);
    assert_eq!(
        stage
            .front
            .heard()
            .iter()
            .filter(|it| it.is_deletion())
            .count(),
        1
    );
}
