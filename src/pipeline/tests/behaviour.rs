//! Doubt, throttling, tokens, stops: what becomes of a row.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::fake::{FakeServer, Fault};
use super::setup::{Setup, account, task, tasks};
use crate::domain::{Action, Entry, LeftOpen, Outcome, OutcomeEntry, StopKind};
use crate::pipeline::sink::memory::MemorySink;
use crate::pipeline::{FailureLimit, LaneEnd, Stop, run};

fn server() -> Arc<FakeServer> {
    Arc::new(FakeServer::new(
        Arc::new(MemorySink::default()),
        (10, 30),
        1,
    ))
}

fn outcome(server: &FakeServer, row: u64) -> OutcomeEntry {
    let outcomes = server.sink.outcomes();
    let of_row: Vec<_> = outcomes
        .iter()
        .filter(|it| it.position.row == row)
        .collect();
    assert_eq!(of_row.len(), 1, "row {row} ends once");
    of_row[0].clone()
}

#[tokio::test(start_paused = true)]
async fn gone_after_a_lost_answer_is_deleted_and_says_that_it_was_settled() {
    let server = server();
    server.fault(1, Fault::LostAnswer);
    Setup::default().run(&server, Action::Delete, 2).await;
    let settled = outcome(&server, 1);
    assert_eq!((settled.outcome, settled.settled), (Outcome::Deleted, true));
    assert_eq!(settled.attempts, 2);
    let plain = outcome(&server, 2);
    assert_eq!((plain.outcome, plain.settled), (Outcome::Deleted, false));
}

#[tokio::test(start_paused = true)]
async fn gone_without_a_request_of_ours_is_already_gone() {
    let server = server();
    server.state().gone.insert("1".to_owned());
    server.fault(1, Fault::Throttle(Some(1)));
    Setup::default().run(&server, Action::Delete, 1).await;
    assert_eq!(
        outcome(&server, 1).outcome,
        Outcome::AlreadyGone,
        "a 429 had no effect"
    );
}

#[tokio::test(start_paused = true)]
async fn a_doubt_of_an_earlier_process_is_settled_the_same_way() {
    let server = server();
    server.state().gone.insert("1".to_owned());
    let mut row = task(1, Action::Delete);
    row.left_open = LeftOpen::Request;
    let lane = Setup::default().lane(&server, &Stop::default());
    lane.run(tasks(vec![row])).await;
    let settled = outcome(&server, 1);
    assert_eq!((settled.outcome, settled.settled), (Outcome::Deleted, true));
}

#[tokio::test(start_paused = true)]
async fn when_every_attempt_fails_a_look_settles_what_was_in_doubt() {
    let server = server();
    for _ in 0..2 {
        server.fault(1, Fault::LostAnswer);
        server.fault(2, Fault::Unwell);
    }
    Setup {
        attempts: 2,
        ..Setup::default()
    }
    .run(&server, Action::Delete, 2)
    .await;
    let gone = outcome(&server, 1);
    assert_eq!((gone.outcome, gone.settled), (Outcome::Deleted, true));
    assert_eq!(
        outcome(&server, 2).outcome,
        Outcome::Failed,
        "the user still stands"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_never_answered_and_cannot_be_looked_at_ends_in_doubt() {
    let sink = Arc::new(MemorySink::default());
    let mut server = FakeServer::new(sink, (10, 30), 1);
    server.blind = true;
    let server = Arc::new(server);
    for _ in 0..2 {
        server.fault(1, Fault::LostAnswer);
        server.fault(2, Fault::Unwell);
    }
    Setup {
        attempts: 2,
        ..Setup::default()
    }
    .run(&server, Action::Delete, 2)
    .await;
    assert_eq!(outcome(&server, 1).outcome, Outcome::InDoubt);
    assert_eq!(
        outcome(&server, 2).outcome,
        Outcome::Failed,
        "each attempt was answered"
    );
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_never_taken_stop_the_lane_before_many_are_used_up() {
    let sink = Arc::new(MemorySink::default());
    let mut server = FakeServer::new(sink, (10, 30), 1);
    server.token_life = Some(Duration::ZERO);
    let server = Arc::new(server);
    let setup = Setup {
        tokens: true,
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 100).await;
    let LaneEnd::Stopped(stop) = end else {
        panic!("{end:?}")
    };
    assert_eq!(stop.reason, StopKind::CredentialsRejected);
    assert!(
        server.state().tokens.len() <= 3,
        "{}",
        server.state().tokens.len()
    );
    assert!(server.sink.outcomes().is_empty(), "every row stays pending");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_every_request_is_found_out_after_some_rows_not_after_all() {
    let server = server();
    for id in 1..=2_000 {
        for _ in 0..6 {
            server.fault(id, Fault::Unwell);
        }
    }
    let end = Setup::default().run(&server, Action::Delete, 2_000).await;
    let LaneEnd::Stopped(stop) = end else {
        panic!("{end:?}")
    };
    assert_eq!(stop.reason, StopKind::FailureLimit);
    let sent = server.state().arrived.len();
    assert!(sent < 600, "{sent} requests");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_one_who_is_gone_is_already_gone_and_of_one_who_stands_is_refused() {
    let server = server();
    server.state().gone.insert("1".to_owned());
    server.fault(1, Fault::Refused);
    server.fault(2, Fault::Refused);
    Setup::default().run(&server, Action::Delete, 2).await;
    assert_eq!(outcome(&server, 1).outcome, Outcome::AlreadyGone);
    assert_eq!(outcome(&server, 2).outcome, Outcome::Refused);
}

#[tokio::test(start_paused = true)]
async fn retry_after_pauses_the_whole_lane_until_the_instant() {
    let server = server();
    server.fault(3, Fault::Throttle(Some(600)));
    let start = Instant::now();
    Setup {
        concurrency: 1,
        ..Setup::default()
    }
    .run(&server, Action::Delete, 20)
    .await;
    let state = server.state();
    let in_pause = state.arrived.iter().filter(|(.., at)| {
        *at - start > Duration::from_secs(1) && *at - start < Duration::from_mins(10)
    });
    assert_eq!(in_pause.count(), 0);
    assert_eq!(state.gone.len(), 20);
    assert!(start.elapsed() < Duration::from_secs(605));
    let pauses = server
        .sink
        .entries()
        .iter()
        .filter(|it| matches!(it, Entry::Pause(_)))
        .count();
    assert_eq!(pauses, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_waits_ten_minutes_does_not_slow_another() {
    let (slow, quick) = (server(), server());
    slow.fault(1, Fault::Throttle(Some(600)));
    let stop = Stop::default();
    let start = Instant::now();
    let rows = |n: u64| tasks((1..=n).map(|row| task(row, Action::Delete)).collect());
    let lanes = vec![
        (account(), Setup::default().lane(&slow, &stop), rows(5)),
        (account(), Setup::default().lane(&quick, &stop), rows(500)),
    ];
    run(lanes, &stop).await;
    let last = quick
        .state()
        .arrived
        .iter()
        .map(|(.., at)| *at - start)
        .max()
        .unwrap();
    assert!(last < Duration::from_secs(10), "{last:?}");
    assert!(start.elapsed() >= Duration::from_mins(10));
    assert_eq!(slow.state().gone.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_condemned_account_stops_its_lane_and_leaves_its_rows_pending() {
    let server = server();
    server.fault(5, Fault::Condemned);
    let end = Setup {
        concurrency: 1,
        ..Setup::default()
    }
    .run(&server, Action::Delete, 50)
    .await;
    let LaneEnd::Stopped(stop) = end else {
        panic!("{end:?}")
    };
    assert_eq!(stop.reason, StopKind::NotPermitted);
    assert!(
        server
            .sink
            .outcomes()
            .iter()
            .all(|it| it.outcome == Outcome::Deleted)
    );
    assert!(server.sink.outcomes().len() < 50);
    let stops = server
        .sink
        .entries()
        .iter()
        .filter(|it| matches!(it, Entry::Stop(_)))
        .count();
    assert_eq!(stops, 1);
}

#[tokio::test(start_paused = true)]
async fn too_many_failures_stop_the_lane() {
    let server = server();
    for id in 1..=100 {
        server.fault(id, Fault::Refused);
    }
    let setup = Setup {
        failure_limit: FailureLimit::Rows(3),
        concurrency: 1,
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 100).await;
    let LaneEnd::Stopped(stop) = end else {
        panic!("{end:?}")
    };
    assert_eq!(stop.reason, StopKind::FailureLimit);
    let refused = server.sink.outcomes().len();
    assert!((3..=4).contains(&refused), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn nothing_but_429_for_ten_minutes_means_that_the_quota_is_gone() {
    let server = server();
    for _ in 0..10_000 {
        server.fault(1, Fault::Throttle(None));
    }
    let setup = Setup {
        attempts: 100_000,
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 1).await;
    let LaneEnd::Stopped(stop) = end else {
        panic!("{end:?}")
    };
    assert_eq!(stop.reason, StopKind::QuotaGone);
    assert!(server.sink.outcomes().is_empty(), "the row stays pending");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_dies_every_two_seconds_is_renewed_once_for_all() {
    let sink = Arc::new(MemorySink::default());
    let mut server = FakeServer::new(sink, (100, 300), 1);
    server.token_life = Some(Duration::from_secs(2));
    let server = Arc::new(server);
    let start = Instant::now();
    let setup = Setup {
        tokens: true,
        concurrency: 16,
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 400).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    let state = server.state();
    assert_eq!(state.gone.len(), 400);
    // One for each life, not one for each of sixteen who were turned away.
    let lives = start.elapsed().as_secs().div_ceil(2) + 1;
    assert!(
        state.tokens.len() as u64 <= lives,
        "{} for {lives}",
        state.tokens.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_requests_under_way_end_and_leaves_the_rest_pending() {
    let server = server();
    let stop = Stop::default();
    let lane = Setup {
        concurrency: 4,
        ..Setup::default()
    }
    .lane(&server, &stop);
    let rows = tasks((1..=500).map(|row| task(row, Action::Delete)).collect());
    let stopping = async {
        sleep(Duration::from_millis(200)).await;
        stop.admitting.cancel();
    };
    let (end, ()) = tokio::join!(lane.run(rows), stopping);
    assert!(matches!(end, LaneEnd::Interrupted), "{end:?}");
    let arrived = server.state().arrived.len();
    assert!(arrived > 0 && arrived < 500, "{arrived}");
    assert_eq!(
        server.sink.outcomes().len(),
        arrived,
        "each that left was recorded"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_waits_for_nothing_and_leaves_what_was_under_way_in_doubt() {
    let sink = Arc::new(MemorySink::default());
    let server = Arc::new(FakeServer::new(sink, (30_000, 30_000), 1));
    let stop = Stop::default();
    let lane = Setup {
        concurrency: 4,
        // What the person cut off is no failure of the rows.
        failure_limit: FailureLimit::Rows(2),
        ..Setup::default()
    }
    .lane(&server, &stop);
    let rows = tasks((1..=50).map(|row| task(row, Action::Delete)).collect());
    let start = Instant::now();
    let stopping = async {
        sleep(Duration::from_secs(1)).await;
        stop.admitting.cancel();
        stop.waiting.cancel();
    };
    let (end, ()) = tokio::join!(lane.run(rows), stopping);
    assert!(matches!(end, LaneEnd::Interrupted), "{end:?}");
    assert!(start.elapsed() < Duration::from_secs(2));
    let outcomes = server.sink.outcomes();
    assert_eq!(outcomes.len(), 4);
    assert!(outcomes.iter().all(|it| it.outcome == Outcome::InDoubt));
}

#[tokio::test(start_paused = true)]
async fn rows_are_begun_in_the_order_of_the_file() {
    let server = server();
    let setup = Setup {
        concurrency: 1,
        ..Setup::default()
    };
    setup.run(&server, Action::Delete, 1_500).await;
    let state = server.state();
    let arrived = state.arrived.iter();
    let arrived: Vec<u64> = arrived.map(|(_, id, _)| id.parse().unwrap()).collect();
    assert_eq!(arrived, (1..=1_500).collect::<Vec<u64>>());
}

#[tokio::test(start_paused = true)]
async fn two_rows_of_one_user_never_run_at_once() {
    let server = server();
    let lane = Setup {
        concurrency: 8,
        ..Setup::default()
    }
    .lane(&server, &Stop::default());
    let mut rows: Vec<_> = (1..=40).map(|row| task(row, Action::Delete)).collect();
    for row in &mut rows {
        row.id = crate::domain::UserId::new((row.position.row % 4).to_string());
    }
    lane.run(tasks(rows)).await;
    assert_eq!(server.state().collisions, 0);
    let good = server
        .sink
        .outcomes()
        .iter()
        .filter(|it| it.outcome == Outcome::Deleted)
        .count();
    assert_eq!(good, 4);
}
