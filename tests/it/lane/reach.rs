//! A provider that is out of reach, or stands still, and what that costs.

use std::time::Duration;

use super::{EPOCH, Keeps, Setup, Sim, done, stopped};
use userpurge::domain::{Action, Entry, Outcome, OutcomeEntry, StopKind};
use userpurge::lane::{Backoff, Now, Reach};

/// A server that no connection is made to from `from` until `until`, in seconds from the start.
fn out_of_reach(from: u64, until: u64) -> Sim {
    let mut sim = Sim::new((10, 30), 1);
    sim.server.out_of_reach = Some((Duration::from_secs(from), Duration::from_secs(until)));
    sim
}

/// Why it was waited, each reason once, in order.
fn reasons(sim: &Sim) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    for entry in &sim.entries {
        if let Entry::Pause(pause) = entry
            && reasons.last() != Some(&pause.reason)
        {
            reasons.push(pause.reason.clone());
        }
    }
    reasons
}

#[test]
fn rows_wait_for_a_host_that_is_out_of_reach_and_pay_nothing_for_it() {
    let mut sim = out_of_reach(1, 600);
    let setup = Setup {
        requests: "20/1s".to_owned(),
        attempts: 2,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 200);
    done(&end);
    let outcomes = sim.outcomes();
    assert_eq!(outcomes.len(), 200);
    let well = |it: &&OutcomeEntry| it.outcome == Outcome::Deleted && it.attempts == 1;
    assert_eq!(outcomes.iter().filter(well).count(), 200);
    let reasons = reasons(&sim);
    let [lost, back] = &reasons[..] else {
        panic!("{reasons:?}")
    };
    assert!(lost.starts_with("cannot reach 127.0.0.1 since "), "{lost}");
    assert!(lost.contains("; trying again"), "{lost}");
    assert_eq!(back, "127.0.0.1 answers again");
}

#[test]
fn a_host_that_stays_out_of_reach_stops_the_lane_after_fifteen_minutes() {
    let mut sim = out_of_reach(1, u64::MAX / 2);
    let setup = Setup {
        requests: "20/1s".to_owned(),
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 200);
    let stop = stopped(end, StopKind::OutOfReach);
    let words = stop.said.message.unwrap();
    assert!(words.contains("for 15 minutes"), "{words}");
    let mins = sim.elapsed().as_secs() / 60;
    assert!((14..=15).contains(&mins), "{mins}");
    let outcomes = sim.outcomes();
    assert!(outcomes.iter().all(|it| it.outcome == Outcome::Deleted));
}

#[test]
fn a_host_is_borne_with_for_as_long_as_may_be_and_tried_seldom() {
    let start = tokio::time::Instant::now().into_std();
    for (at_work, least, most, tries_max) in [
        (false, Duration::from_secs(10), Duration::from_secs(30), 6),
        (true, Duration::from_secs(810), Duration::from_mins(15), 40),
    ] {
        let (mut instant, wall) = (start, EPOCH);
        let mut reach = Reach::default();
        reach.at_work = at_work;
        let tries = loop {
            let now = Now { instant, wall };
            reach.missed("host", Duration::ZERO, now);
            assert!(reach.heard("another").is_none());
            match reach.loss(now).unwrap().1 {
                Ok(wait) => instant += wait,
                Err(tries) => break tries,
            }
        };
        assert!((least..=most).contains(&(instant - start)) && tries <= tries_max);
        assert!(reach.heard("host").is_some());
        assert_eq!(reach.loss(Now { instant, wall }), None);
    }
}

#[test]
fn waits_have_full_jitter_up_to_a_bound_that_doubles_or_from_there_on() {
    let least = Duration::from_millis(500);
    let mut first = Vec::new();
    for seed in 0..300 {
        let (mut below, mut above) = (Backoff::new(seed), Backoff::new(seed));
        let mut bound = least;
        for turn in 0..12 {
            let wait = below.next_wait();
            assert!(wait <= bound);
            assert!((bound..=bound * 2).contains(&above.next_wait_above()));
            first.extend((turn == 0).then_some(wait));
            bound = (bound * 2).min(Duration::from_mins(1));
        }
        assert_eq!(Backoff::new(seed).next_wait(), first[first.len() - 1]);
    }
    assert!(first.iter().any(|wait| *wait < least / 10));
    assert!(first.iter().any(|wait| *wait > least * 9 / 10));
}

/// What was refused was not asked for: only tokens that may have been given out count.
#[test]
fn a_token_server_out_of_reach_uses_up_no_tokens() {
    let mut sim = out_of_reach(0, 300);
    let setup = Setup {
        tokens: true,
        token_quota: Some("2/24h".parse().unwrap()),
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 20);
    done(&end);
    assert!(sim.elapsed() < Duration::from_mins(6));
    assert_eq!(sim.outcomes().len(), 20);
}

/// A server stands still for longer than an answer is waited for, and counts what has arrived when it
/// goes on.
#[test]
fn what_was_given_up_is_counted_later_and_has_its_slot_until_then() {
    for keeps in [Keeps::Rolling, Keeps::Fixed] {
        let mut sim = Sim::new((10, 30), 1).keeping("30/2s", keeps);
        sim.server.stands_still = Some((Duration::from_secs(3), Duration::from_secs(48)));
        let setup = Setup {
            requests: "30/2s".to_owned(),
            concurrency: 24,
            ..Setup::default()
        };
        let end = setup.run(&mut sim, Action::Delete, 300);
        done(&end);
        assert_eq!(sim.server.refused, 0, "{keeps:?}");
    }
}
