//! Never over the quota, and the quota to the full.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{Fault, Keeps, Setup, Sim, done, task};
use userpurge::domain::{AccountName, Action, Entry, LeftOpen, Outcome, Quota, Step, Task, Time};
use userpurge::lane::limits::PriorRequest;

/// A server that keeps a quota strictly, a client that is told of it, and rows.
#[derive(Debug, Clone)]
struct Case {
    /// Whether our limit of the account carries the quota, or that of the endpoint.
    by_account: bool,
    keeps: Keeps,
    quota: Quota,
    rows: u64,
    /// The least and the most milliseconds of each way.
    latency: (u64, u64),
    concurrency: u32,
    seed: u64,
}

impl Case {
    fn sim(&self) -> Sim {
        let sim = Sim::new(self.latency, self.seed);
        sim.keeping(&self.quota.to_string(), self.keeps)
    }

    fn setup(&self, past: Vec<PriorRequest>) -> Setup {
        let (concurrency, seed) = (self.concurrency, self.seed);
        let quota = self.quota.to_string();
        let common = Setup {
            concurrency,
            past,
            seed,
            ..Setup::default()
        };
        if self.by_account {
            Setup {
                requests: quota,
                ..common
            }
        } else {
            let steps = vec![(Step::Delete, quota)];
            Setup { steps, ..common }
        }
    }

    /// The longest round trip.
    fn round_trip(&self) -> Duration {
        Duration::from_millis(2 * self.latency.1)
    }

    /// What the quota allows, 2% on it, and what is the wire's and not the quota's: a quota's requests
    /// in waves of as many as may be under way, and the last answer. Of rows within one quota, which
    /// allows them at once, the pace.
    fn most(&self) -> Duration {
        let waves = self.quota.requests().get().div_ceil(self.concurrency);
        let least = self.quota.time_for(self.rows);
        let pace = if least.is_zero() {
            self.quota.spread(self.rows)
        } else {
            Duration::ZERO
        };
        least.mul_f64(1.02) + pace + self.round_trip() * waves
    }

    /// Runs all rows in one process, and holds the rules.
    fn run(&self) {
        let mut sim = self.sim();
        let setup = self.setup(Vec::new());
        let end = setup.run(&mut sim, Action::Delete, self.rows);
        done(&end);
        let took = sim.elapsed();
        assert_eq!(sim.server.refused, 0, "refused by the server");
        assert_eq!(sim.server.without_intent, 0);
        assert_eq!(sim.server.gone.len() as u64, self.rows);
        assert_eq!(sim.outcomes().len() as u64, self.rows);
        let (least, most) = (self.quota.time_for(self.rows), self.most());
        assert!(took >= least, "{took:?} of {least:?}");
        assert!(took <= most, "{took:?} of {least:?}, {most:?} at most");
        self.never_idle(&exchanges(&sim));
    }

    /// Just before any request left, something held it: the quota, the requests under way, or the
    /// pace.
    fn never_idle(&self, exchanges: &[(Time, Option<Time>)]) {
        let span = self.quota.span();
        let slot = span + span / 1_000 + Duration::from_millis(2);
        let interval = self.quota.spread(self.rows) / self.quota.requests().get();
        // A timer's tick.
        let tick = Duration::from_millis(2);
        for (n, (sent, _)) in exchanges.iter().enumerate() {
            let before = &exchanges[..n];
            let held_at = |ago: Duration, held: Duration| {
                let holds =
                    |replied: &Option<Time>| replied.is_none_or(|at| at.after(held + ago) > *sent);
                before.iter().filter(|(_, replied)| holds(replied)).count()
            };
            let quota = held_at(tick, slot) >= self.quota.requests().get() as usize;
            let permits = held_at(tick, Duration::ZERO) >= self.concurrency as usize;
            let last = before.last().map(|(sent, _)| *sent);
            let paced = last.is_none_or(|last| last.after(interval + tick) >= *sent);
            assert!(quota || permits || paced, "request {n} was late: {self:?}");
        }
    }
}

/// When each deletion left, and when its answer came, in the order in which they left.
fn exchanges(sim: &Sim) -> Vec<(Time, Option<Time>)> {
    let mut exchanges = Vec::new();
    let mut of_row = BTreeMap::new();
    for entry in &sim.entries {
        match entry {
            Entry::Intent(intent) => {
                of_row.insert(intent.position.row, exchanges.len());
                exchanges.push((intent.at, None));
            }
            Entry::Outcome(outcome) => {
                exchanges[of_row[&outcome.position.row]].1 = Some(outcome.at);
            }
            _ => {}
        }
    }
    exchanges
}

/// Quotas whose spans are at least a hundred round trips; one account's rows need some of them.
fn full_cases() -> impl Strategy<Value = Case> {
    let limit = (any::<bool>(), any::<bool>(), 1u32..50, 1u64..5, 0u64..100);
    let wire = (5u64..=250, 0u64..100, 1u32..3, any::<u64>());
    (limit, wire).prop_map(|(limit, wire)| {
        let (by_account, rolling, requests, spans, part) = limit;
        let (most, least, concurrency, seed) = wire;
        let span = Duration::from_millis(200 * most);
        let rest = u64::from(requests) * part / 100;
        Case {
            by_account,
            keeps: if rolling {
                Keeps::Rolling
            } else {
                Keeps::Fixed
            },
            quota: Quota::try_new(requests.try_into().unwrap(), span).unwrap(),
            rows: u64::from(requests) * spans + 1 + rest,
            latency: (most * least / 100, most),
            concurrency: requests * concurrency,
            seed,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the quota, its window and the latencies: none refused, none late, and the time
    /// within 1.02 of what the quota allows.
    #[test]
    fn a_quota_is_used_to_the_full_and_never_over(case in full_cases()) {
        case.run();
    }

    /// Likewise for 70 requests per 6 seconds and 350 rows, of which answers that take up to half
    /// a second each way use up more than the 2%.
    #[test]
    fn a_strict_window_refuses_nothing(
        by_account in any::<bool>(),
        rolling in any::<bool>(),
        low in 1u64..200,
        spread in 0u64..300,
        concurrency in 1u32..64,
        seed in any::<u64>(),
    ) {
            let case = Case {
                by_account,
                keeps: if rolling { Keeps::Rolling } else { Keeps::Fixed },
                quota: "70/6s".parse().unwrap(),
                rows: 350,
                latency: (low, low + spread),
                concurrency,
                seed,
            };
            let mut sim = case.sim();
            let end = case.setup(Vec::new()).run(&mut sim, Action::Delete, case.rows);
            done(&end);
            assert_eq!(sim.server.refused, 0, "refused by the server");
            assert_eq!(sim.server.gone.len() as u64, case.rows);
            // Each wave of requests also waits for answers, of which the slowest counts.
            let most = case.most() + case.round_trip() * 4 * 70_u32.div_ceil(concurrency);
            assert!(sim.elapsed() >= Duration::from_secs(24), "{:?}", sim.elapsed());
            assert!(sim.elapsed() <= most, "{:?} of {most:?}", sim.elapsed());
            case.never_idle(&exchanges(&sim));
    }

    /// Processes are killed at any time, and the next one comes at once or an hour later: the server
    /// refuses none of them, and what a late one has left is done within what the quota allows.
    #[test]
    fn killed_and_resumed_is_never_over_the_quota(
        case in full_cases(),
        lives in prop::collection::vec((0.0..1.5, prop::sample::select(vec![0, 0, 700, 3_600_000])), 1..4),
    ) {
        killed_and_resumed(&case, lives);
    }

    /// Two accounts at one tenant share its quota, to the full and never over.
    #[test]
    fn two_accounts_at_one_tenant_share_a_quota_to_the_full(case in full_cases()) {
        let mut sim = case.sim();
        let half = case.rows / 2;
        let rows = |rows: std::ops::RangeInclusive<u64>| {
            rows.map(|row| task(row, Action::Delete)).collect::<Vec<_>>()
        };
        let other = Setup {
            account: AccountName::new("other"),
            ..case.setup(Vec::new())
        };
        let rest = rows(half + 1..=case.rows);
        sim.add_joined(vec![(case.setup(Vec::new()), rows(1..=half)), (other, rest)]);
        sim.run().iter().for_each(done);
        assert_eq!(sim.server.refused, 0, "refused by the server");
        assert_eq!(sim.server.gone.len() as u64, case.rows);
        assert!(sim.elapsed() <= case.most(), "{:?} of {:?}", sim.elapsed(), case.most());
    }
}

/// Each life: for how many of the quota's spans, and how many milliseconds pass before the next.
fn killed_and_resumed(case: &Case, lives: Vec<(f64, u64)>) {
    let mut sim = case.sim();
    for (spans, pause_ms) in lives {
        let past = past(&sim);
        let rows = outstanding(&sim, case.rows);
        let lane = sim.add(&case.setup(past), rows);
        sim.run_for(case.quota.span().mul_f64(spans));
        sim.kill(lane);
        sim.run_idle(Duration::from_millis(pause_ms));
        assert_eq!(sim.server.refused, 0, "refused by the server");
    }
    // The last one has an hour behind it.
    sim.run_idle(Duration::from_hours(1));
    let rows = outstanding(&sim, case.rows);
    let left = Case {
        rows: rows.len() as u64,
        ..case.clone()
    };
    let (past, began) = (past(&sim), sim.now);
    let ends = {
        sim.add(&case.setup(past), rows);
        sim.run()
    };
    done(ends.last().unwrap());
    let took = sim.now - began;
    assert!(took <= left.most(), "{took:?}");
    assert_eq!(sim.server.refused, 0, "refused by the server");
    assert_eq!(sim.server.gone.len() as u64, case.rows);
}

/// The rows without an outcome, as another process takes them up.
fn outstanding(sim: &Sim, rows: u64) -> Vec<Task> {
    let mut left: BTreeMap<u64, LeftOpen> =
        (1..=rows).map(|row| (row, LeftOpen::Nothing)).collect();
    for entry in &sim.entries {
        match entry {
            Entry::Intent(intent) => {
                left.insert(intent.position.row, LeftOpen::Request);
            }
            Entry::Outcome(outcome) => {
                left.remove(&outcome.position.row);
            }
            _ => {}
        }
    }
    let tasks = left.into_iter().map(|(row, left_open)| Task {
        left_open,
        ..task(row, Action::Delete)
    });
    tasks.collect()
}

/// What the entries tell another process of earlier requests, oldest first.
fn past(sim: &Sim) -> Vec<PriorRequest> {
    let (step, now) = (Some(Step::Delete), sim.wall());
    let past = exchanges(sim).into_iter().map(|(sent, replied)| {
        replied.map_or_else(
            || PriorRequest::unanswered(step, now.saturating_since(sent)),
            |at| PriorRequest::counted_by(step, at, now),
        )
    });
    let mut past: Vec<PriorRequest> = past.collect();
    past.sort_by_key(|past| (std::cmp::Reverse(past.ago), past.ahead));
    past
}

/// What a quota allows at once goes at once: a few rows wait for answers, and for nothing else.
#[test]
fn a_run_within_its_quota_waits_for_nothing() {
    for quota in ["700/1m", "400/1m", "50/1m", "50/10m", "700/10m", "5000/1d"] {
        for rows in 1..=50_u64 {
            let mut sim = Sim::new((10, 10), 1);
            let setup = Setup {
                requests: quota.to_owned(),
                ..Setup::default()
            };
            let waves = rows.div_ceil(u64::from(setup.concurrency));
            let end = setup.run(&mut sim, Action::Delete, rows);
            done(&end);
            let most = Duration::from_millis(20 * waves);
            assert!(
                sim.elapsed() <= most,
                "{rows} of {quota}: {:?}",
                sim.elapsed()
            );
        }
    }
}

/// A page of a proxy's may have a limit of its own in its header.
#[test]
fn a_limit_in_an_answer_that_is_not_the_providers_teaches_nothing() {
    for (fault, is_lowered) in [(Fault::Page("2/1m"), false), (Fault::Stated("2/1m"), true)] {
        let mut sim = Sim::new((1, 5), 3);
        sim.server.fault(1, fault.clone());
        let setup = Setup {
            requests: "1000/1m".to_owned(),
            ..Setup::default()
        };
        let end = setup.run(&mut sim, Action::Delete, 60);
        done(&end);
        assert_eq!(sim.server.gone.len(), 60);
        let lowered = sim.elapsed() > Duration::from_mins(10);
        assert_eq!(lowered, is_lowered, "{fault:?}: {:?}", sim.elapsed());
    }
}

/// The permanent step's quota does not hold the soft deletes of the same purge up.
#[test]
fn the_second_step_waits_alone() {
    let mut sim = Sim::new((10, 20), 3);
    let steps = vec![(Step::PermanentlyDelete, "10/10m".to_owned())];
    let end = Setup {
        steps,
        ..Setup::default()
    }
    .run(&mut sim, Action::Purge, 100);
    done(&end);
    let state = &sim.server;
    let last = |step| {
        let of_step = state.arrived.iter().filter(|(it, ..)| *it == step);
        of_step.map(|(.., at)| *at - sim.start).max().unwrap()
    };
    assert!(
        last(Step::Delete) < Duration::from_secs(5),
        "{:?}",
        last(Step::Delete)
    );
    assert!(last(Step::PermanentlyDelete) >= Duration::from_mins(90));
    assert!(last(Step::PermanentlyDelete) < Duration::from_mins(91));
    assert!(
        sim.outcomes()
            .iter()
            .all(|it| it.outcome == Outcome::Deleted)
    );
}
