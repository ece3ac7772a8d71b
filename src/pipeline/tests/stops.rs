//! What stops a lane of its own: a canary, a time of day, a long wait, unknown users, no tokens.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use tokio::time::Instant;

use super::clock::wall;
use super::fake::{FakeServer, Fault};
use super::setup::{Setup, account, task, tasks};
use crate::domain::{Action, Entry, LaneStop, Outcome, Step, StopKind};
use crate::pipeline::limits::PAUSE_WAITED_MAX;
use crate::pipeline::sink::memory::MemorySink;
use crate::pipeline::{LaneEnd, Stop, Until, run};

fn server() -> Arc<FakeServer> {
    let sink = Arc::new(MemorySink::default());
    Arc::new(FakeServer::new(sink, (10, 30), 1))
}

#[track_caller]
fn stopped(end: LaneEnd, reason: StopKind) -> LaneStop {
    let LaneEnd::Stopped(stop) = end else {
        panic!("{end:?}")
    };
    assert_eq!(stop.reason, reason);
    stop
}

fn stops(server: &FakeServer) -> usize {
    let entries = server.sink.entries();
    let stops = entries.iter().filter(|it| matches!(it, Entry::Stop(_)));
    stops.count()
}

/// Which rows' first steps arrived, in the order of their arrival.
fn arrived(server: &FakeServer) -> Vec<u64> {
    let state = server.state();
    let first = state
        .arrived
        .iter()
        .filter(|(step, ..)| *step == Step::Delete);
    first.map(|(_, id, _)| id.parse().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_follows_a_canary_before_all_of_it_ended() {
    let server = server();
    // The third of the canary takes its time, and every other of the lane would overtake it.
    server.fault(3, Fault::Throttle(Some(300)));
    let setup = Setup {
        canary: 5,
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 100).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    let mut first: Vec<_> = arrived(&server)[..6].to_vec();
    first.sort_unstable();
    assert_eq!(first, [1, 2, 3, 3, 4, 5], "the third came twice");
    assert_eq!(server.state().gone.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_canary_of_purges_has_both_steps_behind_it() {
    let server = server();
    let setup = Setup {
        canary: 4,
        steps: vec![(Step::PermanentlyDelete, "1/10m".to_owned())],
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Purge, 6).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    let state = server.state();
    let of_step = |step| {
        let arrived = state.arrived.iter().filter(move |(it, ..)| *it == step);
        arrived.map(|(.., at)| *at).collect::<Vec<_>>()
    };
    let (soft, hard) = (of_step(Step::Delete), of_step(Step::PermanentlyDelete));
    assert!(soft[4] > hard[3], "the fifth began before the fourth ended");
}

#[rstest]
#[case(Fault::Unknown, "not_found")]
#[case(Fault::Refused, "refused")]
#[tokio::test(start_paused = true)]
async fn a_canary_that_ends_badly_stops_the_lane_and_names_the_row(
    #[case] fault: Fault,
    #[case] outcome: &str,
) {
    let server = server();
    server.fault(2, fault.clone());
    server.fault(4, fault);
    let setup = Setup {
        canary: 5,
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 100).await;
    let stop = stopped(end, StopKind::CanaryFailed);
    let words = stop.message.unwrap();
    assert!(
        words.starts_with(&format!(
            "2 of the first 5 rows ended badly, first line 3: {outcome}"
        )),
        "{words}"
    );
    assert_eq!(server.state().arrived.len(), 5);
    assert_eq!(server.sink.outcomes().len(), 5, "the rest is pending");
    assert_eq!(stops(&server), 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_shorter_than_the_canary_is_all_canary() {
    for (bad, good) in [(0, true), (3, false)] {
        let server = server();
        server.fault(bad, Fault::Refused);
        let setup = Setup {
            canary: 50,
            ..Setup::default()
        };
        let end = setup.run(&server, Action::Delete, 3).await;
        assert_eq!(server.sink.outcomes().len(), 3);
        if good {
            assert!(matches!(end, LaneEnd::Done), "{end:?}");
        } else {
            stopped(end, StopKind::CanaryFailed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rows_of_one_user_and_batches_do_not_lock_a_canary_up() {
    let server = server();
    let setup = Setup {
        canary: 3,
        concurrency: 1,
        ..Setup::default()
    };
    let lane = setup.lane(&server, &Stop::default());
    let mut rows: Vec<_> = (1..=9).map(|row| task(row, Action::Delete)).collect();
    for row in &mut rows {
        row.id = crate::domain::UserId::new("7");
    }
    let end = lane.run(tasks(rows)).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    assert_eq!(server.sink.outcomes().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_a_canary_is_an_interruption() {
    let server = server();
    let stop = Stop::default();
    let setup = Setup {
        canary: 2,
        concurrency: 1,
        ..Setup::default()
    };
    let lane = setup.lane(&server, &stop);
    let rows = tasks((1..=9).map(|row| task(row, Action::Delete)).collect());
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        stop.admitting.cancel();
    };
    let (end, ()) = tokio::join!(lane.run(rows), stopping);
    assert!(matches!(end, LaneEnd::Interrupted), "{end:?}");
    assert_eq!(stops(&server), 0);
}

fn in_secs(secs: u64) -> Until {
    Until {
        at: wall().now().after(Duration::from_secs(secs)),
        typed: "06:00".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn no_row_is_begun_after_the_time_and_those_under_way_end() {
    let server = server();
    let start = Instant::now();
    let setup = Setup {
        requests: "1/1s".to_owned(),
        until: Some(in_secs(10)),
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 100).await;
    let stop = stopped(end, StopKind::UntilReached);
    assert_eq!(
        stop.message.as_deref(),
        Some("stopped at 06:00 as --until asked")
    );
    let last = server.state().arrived.last().unwrap().2 - start;
    assert!(last < Duration::from_millis(10_100), "{last:?}");
    let arrived = server.state().arrived.len();
    assert!((9..=11).contains(&arrived), "{arrived}");
    assert_eq!(server.sink.outcomes().len(), arrived);
    assert_eq!(stops(&server), 1);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_past_before_the_lane_begins_lets_nothing_leave() {
    let server = server();
    let setup = Setup {
        until: Some(in_secs(0)),
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 100).await;
    stopped(end, StopKind::UntilReached);
    assert!(server.state().arrived.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lane_whose_rows_have_all_ended_does_not_wait_for_the_time() {
    let server = server();
    let start = Instant::now();
    let setup = Setup {
        until: Some(in_secs(3_600)),
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 20).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn rows_that_all_end_in_spite_of_the_time_are_done() {
    // One request of 10 s, under way when the time comes.
    let sink = Arc::new(MemorySink::default());
    let server = Arc::new(FakeServer::new(sink, (5_000, 5_000), 1));
    let setup = Setup {
        until: Some(in_secs(2)),
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 4).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    assert_eq!((server.sink.outcomes().len(), stops(&server)), (4, 0));
}

#[rstest]
#[case(PAUSE_WAITED_MAX.as_secs(), false)]
#[case(PAUSE_WAITED_MAX.as_secs() + 1, true)]
#[case(100 * 365 * 86_400, true)]
#[tokio::test(start_paused = true)]
async fn a_wait_of_more_than_an_hour_stops_the_lane_at_once(
    #[case] secs: u64,
    #[case] stops_it: bool,
) {
    let server = server();
    server.fault(3, Fault::Throttle(Some(secs)));
    let start = Instant::now();
    let setup = Setup {
        concurrency: 2,
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 50).await;
    let pauses = {
        let entries = server.sink.entries();
        let pause = entries.iter().find_map(|entry| match entry {
            Entry::Pause(pause) => Some(pause.clone()),
            _ => None,
        });
        pause.unwrap()
    };
    assert_eq!(
        pauses.until.saturating_since(pauses.at),
        Duration::from_secs(secs),
        "the next process has to know"
    );
    if !stops_it {
        assert!(matches!(end, LaneEnd::Done), "{end:?}");
        assert!(start.elapsed() >= PAUSE_WAITED_MAX);
        return;
    }
    assert!(start.elapsed() < Duration::from_secs(1));
    let stop = stopped(end, StopKind::QuotaGone);
    let words = stop.message.unwrap();
    assert!(
        words.contains(&format!("until {}", pauses.until)),
        "{words}"
    );
    let ended = server.sink.outcomes();
    assert!(ended.iter().all(|it| it.outcome == Outcome::Deleted));
    assert!(ended.len() < 6, "{}", ended.len());
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_stops_for_a_day_leaves_another_alone() {
    let (held, other) = (server(), server());
    held.fault(1, Fault::Throttle(Some(86_400)));
    let stop = Stop::default();
    let rows = |n: u64| tasks((1..=n).map(|row| task(row, Action::Delete)).collect());
    let lane = |server| Setup::default().lane(server, &stop);
    let lanes = vec![
        (account(), lane(&held), rows(30)),
        (account(), lane(&other), rows(300)),
    ];
    let start = Instant::now();
    run(lanes, &stop).await;
    assert_eq!(other.state().gone.len(), 300);
    assert!(held.state().gone.len() < 30);
    assert!(start.elapsed() < Duration::from_mins(5));
}

#[tokio::test(start_paused = true)]
async fn unknown_users_one_after_the_other_stop_the_lane() {
    let server = server();
    for id in 101..=400 {
        server.fault(id, Fault::Unknown);
    }
    let setup = Setup {
        concurrency: 1,
        ..Setup::default()
    };
    let end = setup.run(&server, Action::Delete, 400).await;
    stopped(end, StopKind::NotFoundRun);
    let unknown = server.sink.outcomes();
    let unknown = unknown
        .iter()
        .filter(|it| it.outcome == Outcome::NotFound)
        .count();
    assert!((26..=29).contains(&unknown), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_small_file_of_unknown_users_goes_to_its_end() {
    let server = server();
    for id in 1..=20 {
        server.fault(id, Fault::Unknown);
    }
    let end = Setup::default().run(&server, Action::Delete, 20).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_server_that_puts_us_off_for_ten_minutes_stops_the_lane() {
    let sink = Arc::new(MemorySink::default());
    let mut server = FakeServer::new(sink, (10, 30), 1);
    server.no_tokens = true;
    let server = Arc::new(server);
    let setup = Setup {
        tokens: true,
        ..Setup::default()
    };
    let start = Instant::now();
    let end = setup.run(&server, Action::Delete, 30).await;
    stopped(end, StopKind::TokensExhausted);
    assert!(start.elapsed() > Duration::from_mins(8));
    assert!(server.sink.outcomes().is_empty(), "every row stays pending");
    assert!(server.state().arrived.is_empty());
}
