//! Never over the quota, and the quota to the full.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::fake::{FakeServer, Keeps, Setup};
use crate::domain::{Action, Outcome, Step};
use crate::pipeline::LaneEnd;
use crate::pipeline::limits::Past;
use crate::pipeline::sink::memory::MemorySink;

const ROWS: u64 = 350;
const QUOTA: &str = "70/6s";

/// Which of our limits carries the quota that the server keeps.
#[derive(Debug, Clone, Copy)]
enum Carried {
    ByAccount,
    ByEndpoint,
}

async fn run(carried: Carried, keeps: Keeps, latency: (u64, u64), concurrency: u32, seed: u64) {
    let sink = Arc::new(MemorySink::default());
    let server = Arc::new(FakeServer::new(sink, latency, seed).keeping(QUOTA, keeps));
    let start = Instant::now();
    let setup = match carried {
        Carried::ByAccount => Setup {
            requests: QUOTA,
            concurrency,
            seed,
            ..Setup::default()
        },
        Carried::ByEndpoint => {
            let steps = vec![(Step::Delete, QUOTA)];
            Setup {
                steps,
                concurrency,
                seed,
                ..Setup::default()
            }
        }
    };
    let end = setup.run(&server, Action::Delete, ROWS).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    let state = server.state();
    assert_eq!(state.refused, 0, "refused by the server");
    assert_eq!(state.without_intent, 0);
    assert_eq!(state.gone.len() as u64, ROWS);
    assert_eq!(server.sink.outcomes().len() as u64, ROWS);
    if matches!(carried, Carried::ByEndpoint) {
        // Four spans must pass; each wave also waits for answers, of which the slowest counts.
        let least = Duration::from_secs(24);
        let waves = 5 * u64::from(70_u32.div_ceil(concurrency));
        let most = least.mul_f64(1.02) + Duration::from_millis(waves * 2 * latency.1);
        assert!(start.elapsed() >= least, "{:?}", start.elapsed());
        assert!(start.elapsed() <= most, "{:?} of {most:?}", start.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// 70 requests per 6 seconds, 350 rows, whatever the latencies: none refused.
    #[test]
    fn a_strict_window_refuses_nothing(
        by_account in any::<bool>(),
        rolling in any::<bool>(),
        low in 1u64..200,
        spread in 0u64..300,
        concurrency in 1u32..64,
        seed in any::<u64>(),
    ) {
        let carried = if by_account { Carried::ByAccount } else { Carried::ByEndpoint };
        let keeps = if rolling { Keeps::Rolling } else { Keeps::Fixed };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(carried, keeps, (low, low + spread), concurrency, seed));
    }
}

/// What another process sent in the last span counts, so a resume in mid-window refuses nothing.
#[tokio::test(start_paused = true)]
async fn a_resumed_run_keeps_the_quota_of_the_interrupted_one() {
    let sink = Arc::new(MemorySink::default());
    let server = Arc::new(FakeServer::new(sink, (1, 50), 3).keeping(QUOTA, Keeps::Rolling));
    let first = Setup {
        steps: vec![(Step::Delete, QUOTA)],
        ..Setup::default()
    };
    first.run(&server, Action::Delete, 60).await;
    let past = vec![
        Past {
            step: Some(Step::Delete),
            ago: Duration::ZERO
        };
        60
    ];
    let second = Setup {
        steps: vec![(Step::Delete, QUOTA)],
        past,
        ..Setup::default()
    };
    let lane = second.lane(&server, &crate::pipeline::Stop::default());
    let rows = (61..=200)
        .map(|row| super::fake::task(row, Action::Delete))
        .collect();
    lane.run(super::fake::tasks(rows)).await;
    assert_eq!(server.state().refused, 0);
    assert_eq!(server.state().gone.len(), 200);
}

/// The permanent step's quota does not hold the soft deletes of the same purge up.
#[tokio::test(start_paused = true)]
async fn the_second_step_waits_alone() {
    let sink = Arc::new(MemorySink::default());
    let server = Arc::new(FakeServer::new(sink, (10, 20), 3));
    let start = Instant::now();
    let steps = vec![(Step::PermanentlyDelete, "10/10m")];
    let end = Setup {
        steps,
        ..Setup::default()
    }
    .run(&server, Action::Purge, 100)
    .await;
    assert!(matches!(end, LaneEnd::Done));
    let state = server.state();
    let last = |step| {
        let of_step = state.arrived.iter().filter(|(it, ..)| *it == step);
        of_step.map(|(.., at)| *at - start).max().unwrap()
    };
    assert!(
        last(Step::Delete) < Duration::from_secs(5),
        "{:?}",
        last(Step::Delete)
    );
    assert!(last(Step::PermanentlyDelete) >= Duration::from_mins(90));
    assert!(last(Step::PermanentlyDelete) < Duration::from_mins(91));
    assert!(
        server
            .sink
            .outcomes()
            .iter()
            .all(|it| it.outcome == Outcome::Deleted)
    );
}
