//! Doubt, throttling, tokens, stops: what becomes of a row.

use std::time::Duration;

use super::{Fault, Setup, Sim, done, stopped, task};
use userpurge::domain::{Action, Entry, LeftOpen, Outcome, StopKind, UserId};
use userpurge::lane::{AccountEnd, Event, FailureLimit};

fn sim() -> Sim {
    Sim::new((10, 30), 1)
}

#[test]
fn gone_after_a_lost_answer_is_deleted_and_says_that_it_was_settled() {
    let mut sim = sim();
    sim.server.fault(1, Fault::LostAnswer);
    Setup::default().run(&mut sim, Action::Delete, 2);
    let settled = sim.outcome(1);
    assert_eq!((settled.outcome, settled.settled), (Outcome::Deleted, true));
    assert_eq!(settled.attempts, 2);
    let plain = sim.outcome(2);
    assert_eq!((plain.outcome, plain.settled), (Outcome::Deleted, false));
}

#[test]
fn gone_without_a_request_of_ours_is_already_gone() {
    let mut sim = sim();
    sim.server.gone.insert("1".to_owned());
    sim.server.fault(1, Fault::Throttle(Some(1)));
    Setup::default().run(&mut sim, Action::Delete, 1);
    assert_eq!(
        sim.outcome(1).outcome,
        Outcome::AlreadyGone,
        "a 429 had no effect"
    );
}

#[test]
fn a_doubt_of_an_earlier_process_is_settled_the_same_way() {
    let mut sim = sim();
    sim.server.gone.insert("1".to_owned());
    let mut row = task(1, Action::Delete);
    row.left_open = LeftOpen::Request;
    Setup::default().run_rows(&mut sim, vec![row]);
    let settled = sim.outcome(1);
    assert_eq!((settled.outcome, settled.settled), (Outcome::Deleted, true));
}

#[test]
fn when_every_attempt_fails_a_look_settles_what_was_in_doubt() {
    let mut sim = sim();
    for _ in 0..2 {
        sim.server.fault(1, Fault::LostAnswer);
        sim.server.fault(2, Fault::ServerError);
    }
    Setup {
        attempts: 2,
        ..Setup::default()
    }
    .run(&mut sim, Action::Delete, 2);
    let gone = sim.outcome(1);
    assert_eq!((gone.outcome, gone.settled), (Outcome::Deleted, true));
    assert_eq!(
        sim.outcome(2).outcome,
        Outcome::Failed,
        "the user still stands"
    );
}

#[test]
fn what_was_never_answered_and_cannot_be_looked_at_ends_in_doubt() {
    let mut sim = Sim::new((10, 30), 1);
    sim.server.blind = true;
    for _ in 0..2 {
        sim.server.fault(1, Fault::LostAnswer);
        sim.server.fault(2, Fault::ServerError);
    }
    Setup {
        attempts: 2,
        ..Setup::default()
    }
    .run(&mut sim, Action::Delete, 2);
    assert_eq!(sim.outcome(1).outcome, Outcome::InDoubt);
    assert_eq!(
        sim.outcome(2).outcome,
        Outcome::Failed,
        "each attempt was answered"
    );
}

#[test]
fn tokens_that_are_never_taken_stop_the_lane_before_many_are_used_up() {
    let mut sim = Sim::new((10, 30), 1);
    sim.server.token_life = Some(Duration::ZERO);
    let setup = Setup {
        tokens: true,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 100);
    stopped(end, StopKind::CredentialsRejected);
    assert!(sim.server.tokens.len() <= 3, "{}", sim.server.tokens.len());
    assert!(sim.outcomes().is_empty(), "every row stays pending");
}

#[test]
fn an_invalid_token_that_no_other_can_be_had_for_stops_the_lane_at_once() {
    let mut sim = Sim::new((10, 30), 1);
    sim.server.token_life = Some(Duration::ZERO);
    let setup = Setup {
        concurrency: 1,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 100);
    stopped(end, StopKind::CredentialsRejected);
    let classes = sim.entries.iter().filter_map(|entry| match entry {
        Entry::Attempt(it) => it.class.as_deref(),
        _ => None,
    });
    let classes: Vec<_> = classes.collect();
    assert_eq!(classes, ["account_stopped"], "it is not sent again");
    assert!(sim.outcomes().is_empty(), "every row stays pending");
}

#[test]
fn a_provider_that_fails_every_request_is_found_out_after_some_rows_not_after_all() {
    let mut sim = sim();
    for id in 1..=2_000 {
        for _ in 0..6 {
            sim.server.fault(id, Fault::ServerError);
        }
    }
    let end = Setup::default().run(&mut sim, Action::Delete, 2_000);
    stopped(end, StopKind::FailureLimit);
    let sent = sim.server.arrived.len();
    assert!(sent < 600, "{sent} requests");
}

#[test]
fn a_refusal_of_one_who_is_gone_is_already_gone_and_of_one_who_stands_is_refused() {
    let mut sim = sim();
    sim.server.gone.insert("1".to_owned());
    sim.server.fault(1, Fault::Refused);
    sim.server.fault(2, Fault::Refused);
    Setup::default().run(&mut sim, Action::Delete, 2);
    assert_eq!(sim.outcome(1).outcome, Outcome::AlreadyGone);
    assert_eq!(sim.outcome(2).outcome, Outcome::Refused);
}

#[test]
fn retry_after_pauses_the_whole_lane_until_the_instant() {
    let mut sim = sim();
    sim.server.fault(3, Fault::Throttle(Some(600)));
    Setup {
        concurrency: 1,
        ..Setup::default()
    }
    .run(&mut sim, Action::Delete, 20);
    let state = &sim.server;
    let in_pause = state.arrived.iter().filter(|(.., at)| {
        *at - sim.start > Duration::from_secs(1) && *at - sim.start < Duration::from_mins(10)
    });
    assert_eq!(in_pause.count(), 0);
    assert_eq!(state.gone.len(), 20);
    assert!(sim.elapsed() < Duration::from_secs(605));
    assert_eq!(sim.pauses(), 1);
}

#[test]
fn a_lane_that_waits_ten_minutes_does_not_slow_another() {
    let mut sim = sim();
    sim.server.fault(1, Fault::Throttle(Some(600)));
    let rows =
        |rows: std::ops::RangeInclusive<u64>| rows.map(|row| task(row, Action::Delete)).collect();
    sim.add(&Setup::default(), rows(1..=5));
    sim.add(&Setup::default(), rows(101..=600));
    sim.run();
    let quick = sim.server.arrived.iter().filter(|(_, id, _)| id.len() == 3);
    let last = quick.map(|(.., at)| *at - sim.start).max().unwrap();
    assert!(last < Duration::from_secs(10), "{last:?}");
    assert!(sim.elapsed() >= Duration::from_mins(10));
    assert_eq!(sim.server.gone.len(), 505);
}

#[test]
fn a_condemned_account_stops_its_lane_and_leaves_its_rows_pending() {
    let mut sim = sim();
    sim.server.fault(5, Fault::Condemned);
    let end = Setup {
        concurrency: 1,
        ..Setup::default()
    }
    .run(&mut sim, Action::Delete, 50);
    stopped(end, StopKind::NotPermitted);
    assert!(
        sim.outcomes()
            .iter()
            .all(|it| it.outcome == Outcome::Deleted)
    );
    assert!(sim.outcomes().len() < 50);
    assert_eq!(sim.stops(), 1);
}

#[test]
fn too_many_failures_stop_the_lane() {
    let mut sim = sim();
    for id in 1..=100 {
        sim.server.fault(id, Fault::Refused);
    }
    let setup = Setup {
        failure_limit: FailureLimit::Rows(3),
        concurrency: 1,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 100);
    stopped(end, StopKind::FailureLimit);
    let refused = sim.outcomes().len();
    assert!((3..=4).contains(&refused), "{refused}");
}

#[test]
fn nothing_but_429_for_ten_minutes_means_that_the_quota_is_gone() {
    let mut sim = sim();
    for _ in 0..10_000 {
        sim.server.fault(1, Fault::Throttle(None));
    }
    let setup = Setup {
        attempts: 100_000,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 1);
    stopped(end, StopKind::QuotaGone);
    assert!(sim.outcomes().is_empty(), "the row stays pending");
}

#[test]
fn a_token_that_dies_every_two_seconds_is_renewed_once_for_all() {
    let mut sim = Sim::new((100, 300), 1);
    sim.server.token_life = Some(Duration::from_secs(2));
    let setup = Setup {
        tokens: true,
        concurrency: 16,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 400);
    done(&end);
    let state = &sim.server;
    assert_eq!(state.gone.len(), 400);
    // One for each life, not one for each of sixteen who were turned away.
    let lives = sim.elapsed().as_secs().div_ceil(2) + 1;
    assert!(
        state.tokens.len() as u64 <= lives,
        "{} for {lives}",
        state.tokens.len()
    );
}

#[test]
fn a_stop_lets_requests_in_flight_end_and_leaves_the_rest_pending() {
    let mut sim = sim();
    let setup = Setup {
        concurrency: 4,
        ..Setup::default()
    };
    sim.at(Duration::from_millis(200), |sim| {
        sim.stop(0, Event::Stop);
    });
    let end = setup.run(&mut sim, Action::Delete, 500);
    assert!(matches!(end, AccountEnd::Interrupted), "{end:?}");
    let arrived = sim.server.arrived.len();
    assert!(arrived > 0 && arrived < 500, "{arrived}");
    assert_eq!(sim.outcomes().len(), arrived, "each that left was recorded");
}

#[test]
fn a_second_stop_waits_for_nothing_and_leaves_what_was_in_flight_in_doubt() {
    let mut sim = Sim::new((30_000, 30_000), 1);
    let setup = Setup {
        concurrency: 4,
        // What the person cut off is no failure of the rows.
        failure_limit: FailureLimit::Rows(2),
        ..Setup::default()
    };
    sim.at(Duration::from_secs(1), |sim| {
        sim.stop(0, Event::Stop);
        sim.stop(0, Event::Abandon);
    });
    let end = setup.run(&mut sim, Action::Delete, 50);
    assert!(matches!(end, AccountEnd::Interrupted), "{end:?}");
    assert!(sim.elapsed() < Duration::from_secs(2));
    let outcomes = sim.outcomes();
    assert_eq!(outcomes.len(), 4);
    assert!(outcomes.iter().all(|it| it.outcome == Outcome::InDoubt));
}

#[test]
fn rows_are_begun_in_the_order_of_the_file() {
    let mut sim = sim();
    let setup = Setup {
        concurrency: 1,
        ..Setup::default()
    };
    setup.run(&mut sim, Action::Delete, 1_500);
    let state = &sim.server;
    let arrived = state.arrived.iter();
    let arrived: Vec<u64> = arrived.map(|(_, id, _)| id.parse().unwrap()).collect();
    assert_eq!(arrived, (1..=1_500).collect::<Vec<u64>>());
}

#[test]
fn two_rows_of_one_user_never_run_at_once() {
    let mut sim = sim();
    let mut rows: Vec<_> = (1..=40).map(|row| task(row, Action::Delete)).collect();
    for row in &mut rows {
        row.id = UserId::new((row.position.row % 4).to_string());
    }
    Setup::default().run_rows(&mut sim, rows);
    assert_eq!(sim.server.collisions, 0);
    let good = sim
        .outcomes()
        .iter()
        .filter(|it| it.outcome == Outcome::Deleted)
        .count();
    assert_eq!(good, 4);
}
