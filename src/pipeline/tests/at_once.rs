//! A provider that takes fewer requests at once than are configured.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::clock::paused;
use super::fake::{FakeServer, Fault};
use super::setup::{Setup, task, tasks};
use crate::domain::{Action, Entry, Outcome};
use crate::pipeline::limits::TakenAtOnce;
use crate::pipeline::sink::memory::MemorySink;
use crate::pipeline::{Lane, LaneEnd, Stop};

fn server(at_once: usize, latency: (u64, u64), seed: u64) -> Arc<FakeServer> {
    let server = FakeServer::new(Arc::new(MemorySink::default()), latency, seed);
    server.state().at_once = Some(at_once);
    Arc::new(server)
}

async fn run(concurrency: u32, server: &Arc<FakeServer>, rows: u64) -> Option<TakenAtOnce> {
    let setup = Setup {
        concurrency,
        ..Setup::default()
    };
    let client = setup.client(server, &Stop::default());
    let lane = Lane::new(Arc::clone(&client), Setup::default().options());
    let rows = (1..=rows).map(|row| task(row, Action::Delete)).collect();
    let end = lane.run(tasks(rows)).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    client.taken_at_once()
}

fn all_deleted(server: &FakeServer, rows: usize) {
    let ended = server.sink.outcomes();
    let deleted = |outcome| ended.iter().filter(|it| it.outcome == outcome).count();
    assert_eq!((ended.len(), deleted(Outcome::Deleted)), (rows, rows));
    assert_eq!(server.state().without_intent, 0);
}

fn pauses(server: &FakeServer) -> usize {
    let entries = server.sink.entries();
    let pauses = entries.iter().filter(|it| matches!(it, Entry::Pause(_)));
    pauses.count()
}

/// 32 configured, and 5 taken: what begins at once is refused once, then one request a minute.
#[tokio::test(start_paused = true)]
async fn fewer_go_at_once_after_a_refusal_and_the_lane_goes_on_at_full_speed() {
    let server = server(5, (20, 30), 1);
    let start = Instant::now();
    let told = run(32, &server, 5_000).await;
    all_deleted(&server, 5_000);
    let refused = server.state().too_many.len();
    assert!(refused <= 32 + 5, "{refused}");
    assert_eq!(pauses(&server), 0, "nobody waits for the others");
    let (taken, refused) = (5, 6);
    assert_eq!(told, Some(TakenAtOnce { taken, refused }));
    // Each takes 50 ms on the average, and a little more for what was refused.
    let least = Duration::from_millis(50) * 5_000 / 5;
    assert!(
        start.elapsed() < least.mul_f64(1.05),
        "{:?}",
        start.elapsed()
    );
}

/// Somebody else takes nearly all of it for a minute: at least one goes on, and all come back.
#[tokio::test(start_paused = true)]
async fn what_others_leave_is_used_and_what_they_give_back_as_well() {
    let server = server(20, (20, 30), 2);
    let others = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        server.state().at_once = Some(2);
        tokio::time::sleep(Duration::from_mins(1)).await;
        server.state().at_once = Some(20);
    };
    let start = Instant::now();
    let (told, ()) = tokio::join!(run(20, &server, 60_000), others);
    all_deleted(&server, 60_000);
    let refused = server.state().too_many.len();
    assert!(refused <= 40, "{refused}");
    assert_eq!(told, None, "all that are configured are taken again");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(290), "{took:?}");
}

/// There is room for none of ours: each refusal is waited out by all, longer and longer.
#[tokio::test(start_paused = true)]
async fn where_not_even_one_is_taken_the_lane_rests_as_a_whole() {
    let server = server(0, (20, 30), 3);
    let others = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        server.state().at_once = Some(3);
    };
    let setup = Setup {
        concurrency: 8,
        attempts: 50,
        ..Setup::default()
    };
    let (end, ()) = tokio::join!(setup.run(&server, Action::Delete, 300), others);
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    all_deleted(&server, 300);
    let refused = server.state().too_many.len();
    assert!(refused <= 50, "{refused}");
    assert!(pauses(&server) > 3);
}

/// A rate says nothing of how many fit at once: all wait, and then as many go as before.
#[tokio::test(start_paused = true)]
async fn a_refusal_by_a_rate_does_not_lower_how_many_go_at_once() {
    for wait in [Some(30), None] {
        let server = server(16, (500, 500), 4);
        for id in 1..=16 {
            server.fault(id, Fault::Throttle(wait));
        }
        let start = Instant::now();
        assert_eq!(run(16, &server, 64).await, None);
        all_deleted(&server, 64);
        assert_eq!(pauses(&server), 1, "refused together, they wait together");
        let most = Duration::from_secs(wait.unwrap_or(1) + 6);
        assert!(start.elapsed() < most, "{:?}", start.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is configured and taken, however long answers take: every row ends, and what is
    /// refused is bounded.
    #[test]
    fn every_row_ends_and_few_are_refused(
        concurrency in 1u32..48,
        taken in 1usize..24,
        low in 1u64..80,
        spread in 0u64..80,
        rows in 1u64..400,
        seed in any::<u64>(),
    ) {
        paused(async {
            let server = server(taken, (low, low + spread), seed);
            let start = Instant::now();
            let told = run(concurrency, &server, rows).await;
            all_deleted(&server, usize::try_from(rows).unwrap());
            let refused = server.state().too_many.len();
            let most = 2 * concurrency as usize;
            assert!(refused <= most, "{refused} of {most} in {:?}", start.elapsed());
            if concurrency as usize <= taken {
                assert_eq!((refused, told), (0, None));
            }
            if let Some(told) = told {
                assert!(told.taken < told.refused && told.refused <= concurrency, "{told:?}");
            }
        });
    }
}
