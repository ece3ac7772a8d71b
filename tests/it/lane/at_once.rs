//! A provider that takes fewer requests at once than are configured.

use std::time::Duration;

use proptest::prelude::*;

use super::{Fault, Setup, Sim, done};
use userpurge::domain::{Action, Outcome};

fn sim(at_once: usize, latency: (u64, u64), seed: u64) -> Sim {
    let mut sim = Sim::new(latency, seed);
    sim.server.at_once = Some(at_once);
    sim
}

fn run(concurrency: u32, sim: &mut Sim, rows: u64) {
    let setup = Setup {
        concurrency,
        is_expected: false,
        ..Setup::default()
    };
    done(&setup.run(sim, Action::Delete, rows));
}

fn all_deleted(sim: &Sim, rows: usize) {
    let ended = sim.outcomes();
    let deleted = |outcome| ended.iter().filter(|it| it.outcome == outcome).count();
    assert_eq!((ended.len(), deleted(Outcome::Deleted)), (rows, rows));
    assert_eq!(sim.server.without_intent, 0);
}

/// 32 configured, and 5 taken: what begins at once is refused once, then one request a minute.
#[test]
fn fewer_go_at_once_after_a_refusal_and_the_lane_goes_on_at_full_speed() {
    let mut sim = sim(5, (20, 30), 1);
    run(32, &mut sim, 5_000);
    all_deleted(&sim, 5_000);
    let refused = sim.server.too_many.len();
    assert!(refused <= 32 + 5, "{refused}");
    assert_eq!(sim.pauses(), 0, "nobody waits for the others");
    // Each takes 50 ms on the average, and a little more for what was refused.
    let least = Duration::from_millis(50) * 5_000 / 5;
    assert!(sim.elapsed() < least.mul_f64(1.05), "{:?}", sim.elapsed());
}

/// Somebody else takes nearly all of it for a minute: at least one goes on, and all come back.
#[test]
fn what_others_leave_is_used_and_what_they_give_back_as_well() {
    let mut sim = sim(20, (20, 30), 2);
    sim.at(Duration::from_secs(5), |sim| sim.server.at_once = Some(2));
    sim.at(Duration::from_secs(65), |sim| sim.server.at_once = Some(20));
    run(20, &mut sim, 60_000);
    all_deleted(&sim, 60_000);
    let refused = sim.server.too_many.len();
    assert!(refused <= 40, "{refused}");
    let took = sim.elapsed();
    assert!(took < Duration::from_secs(290), "{took:?}");
}

/// There is room for none of ours: each refusal is waited out by all, longer and longer.
#[test]
fn where_not_even_one_is_taken_the_lane_rests_as_a_whole() {
    let mut sim = sim(0, (20, 30), 3);
    sim.at(Duration::from_secs(20), |sim| sim.server.at_once = Some(3));
    let setup = Setup {
        concurrency: 8,
        attempts: 50,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 300);
    done(&end);
    all_deleted(&sim, 300);
    let refused = sim.server.too_many.len();
    assert!(refused <= 50, "{refused}");
    assert!(sim.pauses() > 3);
}

/// A rate says nothing of how many fit at once: all wait, and then as many go as before.
#[test]
fn a_refusal_by_a_rate_does_not_lower_how_many_go_at_once() {
    for wait in [Some(30), None] {
        let mut sim = sim(16, (500, 500), 4);
        for id in 1..=16 {
            sim.server.fault(id, Fault::Throttle(wait));
        }
        run(16, &mut sim, 64);
        all_deleted(&sim, 64);
        assert_eq!(sim.pauses(), 1, "refused together, they wait together");
        let most = Duration::from_secs(wait.unwrap_or(1) + 6);
        assert!(sim.elapsed() < most, "{:?}", sim.elapsed());
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
            let mut sim = sim(taken, (low, low + spread), seed);
            run(concurrency, &mut sim, rows);
            all_deleted(&sim, usize::try_from(rows).unwrap());
            let refused = sim.server.too_many.len();
            let most = 2 * concurrency as usize;
            assert!(refused <= most, "{refused} of {most} in {:?}", sim.elapsed());
            if concurrency as usize <= taken {
                assert_eq!(refused, 0);
            }
    }
}
