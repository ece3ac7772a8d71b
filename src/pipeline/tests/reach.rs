//! A provider that is out of reach, or stands still, and what that costs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::fake::{FakeServer, Keeps};
use super::setup::Setup;
use crate::domain::{Action, Entry, Outcome, StopKind};
use crate::pipeline::LaneEnd;
use crate::pipeline::sink::memory::MemorySink;

/// A server that no connection is made to from `from` until `until`, in seconds from the start.
fn out_of_reach(from: u64, until: u64) -> FakeServer {
    let sink = Arc::new(MemorySink::default());
    let mut server = FakeServer::new(sink, (10, 30), 1);
    server.out_of_reach = Some((Duration::from_secs(from), Duration::from_secs(until)));
    server
}

/// Why it was waited, each reason once, in order.
fn reasons(server: &FakeServer) -> Vec<String> {
    let entries = server.sink.entries();
    let mut reasons: Vec<String> = Vec::new();
    for entry in entries.iter() {
        if let Entry::Pause(pause) = entry
            && reasons.last() != Some(&pause.reason)
        {
            reasons.push(pause.reason.clone());
        }
    }
    reasons
}

#[tokio::test(start_paused = true)]
async fn rows_wait_for_a_host_that_is_out_of_reach_and_pay_nothing_for_it() {
    let server = Arc::new(out_of_reach(1, 600));
    let setup = Setup {
        requests: "20/1s".to_owned(),
        attempts: 2,
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 200).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    let outcomes = server.sink.outcomes();
    assert_eq!(outcomes.len(), 200);
    let well =
        |it: &&crate::domain::OutcomeEntry| it.outcome == Outcome::Deleted && it.attempts == 1;
    assert_eq!(outcomes.iter().filter(well).count(), 200);
    let reasons = reasons(&server);
    let [lost, back] = &reasons[..] else {
        panic!("{reasons:?}")
    };
    assert!(lost.starts_with("cannot reach 127.0.0.1 since "), "{lost}");
    assert!(lost.contains("; trying again"), "{lost}");
    assert_eq!(back, "127.0.0.1 answers again");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stays_out_of_reach_stops_the_lane_after_fifteen_minutes() {
    let server = Arc::new(out_of_reach(1, u64::MAX / 2));
    let setup = Setup {
        requests: "20/1s".to_owned(),
        ..Setup::default()
    };
    let start = Instant::now();
    let end = setup.run(&server, Action::Delete, 200).await;
    let LaneEnd::Stopped(stop) = end else {
        panic!("{end:?}")
    };
    assert_eq!(stop.reason, StopKind::OutOfReach);
    let words = stop.message.unwrap();
    assert!(words.contains("for 15 minutes"), "{words}");
    let mins = start.elapsed().as_secs() / 60;
    assert!((14..=15).contains(&mins), "{mins}");
    let outcomes = server.sink.outcomes();
    assert!(outcomes.iter().all(|it| it.outcome == Outcome::Deleted));
}

/// What was refused was not asked for: only tokens that may have been given out count.
#[tokio::test(start_paused = true)]
async fn a_token_server_out_of_reach_uses_up_no_tokens() {
    let server = Arc::new(out_of_reach(0, 300));
    let setup = Setup {
        tokens: true,
        token_quota: Some("2/24h".parse().unwrap()),
        ..Setup::default()
    };
    let start = Instant::now();
    let end = setup.run(&server, Action::Delete, 20).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    assert!(start.elapsed() < Duration::from_mins(6));
    assert_eq!(server.sink.outcomes().len(), 20);
}

/// A server stands still for longer than an answer is waited for, and counts what has arrived when it
/// goes on.
#[tokio::test(start_paused = true)]
async fn what_was_given_up_is_counted_later_and_has_its_slot_until_then() {
    for keeps in [Keeps::Rolling, Keeps::Fixed] {
        let sink = Arc::new(MemorySink::default());
        let mut server = FakeServer::new(sink, (10, 30), 1).keeping("30/2s", keeps);
        server.stands_still = Some((Duration::from_secs(3), Duration::from_secs(48)));
        let server = Arc::new(server);
        let setup = Setup {
            requests: "30/2s".to_owned(),
            concurrency: 24,
            ..Setup::default()
        };
        let end = setup.run(&server, Action::Delete, 300).await;
        assert!(matches!(end, LaneEnd::Done), "{end:?}");
        assert_eq!(server.state().refused, 0, "{keeps:?}");
    }
}
