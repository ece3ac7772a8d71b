//! What stops an account of its own: a canary, a time of day, a long wait, unknown users, no tokens.

use std::time::Duration;

use rstest::rstest;

use super::{EPOCH, Fault, Setup, Sim, done, stopped, task};
use userpurge::domain::{Action, Entry, Outcome, Step, StopKind, UserId};
use userpurge::lane::limits::PAUSE_WAITED_MAX;
use userpurge::lane::{AccountEnd, Event, FailureLimit, Until};

fn sim() -> Sim {
    Sim::new((10, 30), 1)
}

/// Which rows' first steps arrived, in the order of their arrival.
fn arrived(sim: &Sim) -> Vec<u64> {
    let state = &sim.server;
    let first = state
        .arrived
        .iter()
        .filter(|(step, ..)| *step == Step::Delete);
    first.map(|(_, id, _)| id.parse().unwrap()).collect()
}

#[test]
fn nothing_follows_a_canary_before_all_of_it_ended() {
    let mut sim = sim();
    // The third of the canary takes its time, and every other of the lane would overtake it.
    sim.server.fault(3, Fault::Throttle(Some(300)));
    let setup = Setup {
        canary: 5,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 100);
    done(&end);
    let mut first: Vec<_> = arrived(&sim)[..6].to_vec();
    first.sort_unstable();
    assert_eq!(first, [1, 2, 3, 3, 4, 5], "the third came twice");
    assert_eq!(sim.server.gone.len(), 100);
}

#[test]
fn a_canary_of_purges_has_both_steps_behind_it() {
    let mut sim = sim();
    let setup = Setup {
        canary: 4,
        steps: vec![(Step::PermanentlyDelete, "1/10m".to_owned())],
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Purge, 6);
    done(&end);
    let state = &sim.server;
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
fn a_canary_that_ends_badly_stops_the_lane_and_names_the_row(
    #[case] fault: Fault,
    #[case] outcome: &str,
) {
    let mut sim = sim();
    sim.server.fault(2, fault.clone());
    sim.server.fault(4, fault);
    let setup = Setup {
        canary: 5,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 100);
    let stop = stopped(end, StopKind::CanaryFailed);
    let words = stop.said.message.unwrap();
    assert!(
        words.starts_with(&format!(
            "2 of the first 5 rows not done, first line 3: {outcome}"
        )),
        "{words}"
    );
    assert_eq!(sim.server.arrived.len(), 5);
    assert_eq!(sim.outcomes().len(), 5, "the rest is pending");
    assert_eq!(sim.stops(), 1);
}

#[test]
fn a_file_shorter_than_the_canary_is_all_canary() {
    for (bad, good) in [(0, true), (3, false)] {
        let mut sim = sim();
        sim.server.fault(bad, Fault::Refused);
        let setup = Setup {
            canary: 50,
            ..Setup::default()
        };
        let end = setup.run(&mut sim, Action::Delete, 3);
        assert_eq!(sim.outcomes().len(), 3);
        if good {
            done(&end);
        } else {
            stopped(end, StopKind::CanaryFailed);
        }
    }
}

#[test]
fn rows_of_one_user_and_batches_do_not_lock_a_canary_up() {
    let mut sim = sim();
    let setup = Setup {
        canary: 3,
        concurrency: 1,
        ..Setup::default()
    };
    let mut rows: Vec<_> = (1..=9).map(|row| task(row, Action::Delete)).collect();
    for row in &mut rows {
        row.id = UserId::new("7");
    }
    let end = setup.run_rows(&mut sim, rows);
    done(&end);
    assert_eq!(sim.outcomes().len(), 9);
}

#[test]
fn a_stop_in_the_middle_of_a_canary_is_an_interruption() {
    let mut sim = sim();
    let setup = Setup {
        canary: 2,
        concurrency: 1,
        ..Setup::default()
    };
    sim.at(Duration::from_millis(5), |sim| {
        sim.stop(0, Event::Stop);
    });
    let end = setup.run(&mut sim, Action::Delete, 9);
    assert!(matches!(end, AccountEnd::Interrupted), "{end:?}");
    assert_eq!(sim.stops(), 0);
}

fn in_secs(secs: u64) -> Until {
    Until {
        at: EPOCH.after(Duration::from_secs(secs)),
        typed: "06:00".to_owned(),
    }
}

#[test]
fn no_row_is_begun_after_the_time_and_those_under_way_end() {
    let mut sim = sim();
    let setup = Setup {
        requests: "1/1s".to_owned(),
        until: Some(in_secs(10)),
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 100);
    let stop = stopped(end, StopKind::UntilReached);
    assert_eq!(
        stop.said.message.as_deref(),
        Some("stopped at 06:00 as --until asked")
    );
    let last = sim.server.arrived.last().unwrap().2 - sim.start;
    assert!(last < Duration::from_millis(10_100), "{last:?}");
    let arrived = sim.server.arrived.len();
    assert!((9..=11).contains(&arrived), "{arrived}");
    assert_eq!(sim.outcomes().len(), arrived);
    assert_eq!(sim.stops(), 1);
}

#[test]
fn a_time_that_is_past_before_the_lane_begins_lets_nothing_leave() {
    let mut sim = sim();
    let setup = Setup {
        until: Some(in_secs(0)),
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 100);
    stopped(end, StopKind::UntilReached);
    assert!(sim.server.arrived.is_empty());
}

#[test]
fn a_lane_whose_rows_have_all_ended_does_not_wait_for_the_time() {
    let mut sim = sim();
    let setup = Setup {
        until: Some(in_secs(3_600)),
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 20);
    done(&end);
    assert!(sim.elapsed() < Duration::from_secs(10));
}

#[test]
fn rows_that_all_end_in_spite_of_the_time_are_done() {
    // One request of 10 s, under way when the time comes.
    let mut sim = Sim::new((5_000, 5_000), 1);
    let setup = Setup {
        until: Some(in_secs(2)),
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 4);
    done(&end);
    assert_eq!((sim.outcomes().len(), sim.stops()), (4, 0));
}

#[rstest]
#[case(PAUSE_WAITED_MAX.as_secs(), false)]
#[case(PAUSE_WAITED_MAX.as_secs() + 1, true)]
#[case(100 * 365 * 86_400, true)]
fn a_wait_of_more_than_an_hour_stops_the_lane_at_once(#[case] secs: u64, #[case] stops_it: bool) {
    let mut sim = sim();
    sim.server.fault(3, Fault::Throttle(Some(secs)));
    let setup = Setup {
        concurrency: 2,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 50);
    let pauses = {
        let entries = &sim.entries;
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
        done(&end);
        assert!(sim.elapsed() >= PAUSE_WAITED_MAX);
        return;
    }
    assert!(sim.elapsed() < Duration::from_secs(1));
    let stop = stopped(end, StopKind::QuotaGone);
    let words = stop.said.message.unwrap();
    assert!(
        words.contains(&format!("until {}", pauses.until)),
        "{words}"
    );
    let ended = sim.outcomes();
    assert!(ended.iter().all(|it| it.outcome == Outcome::Deleted));
    assert!(ended.len() < 6, "{}", ended.len());
}

#[test]
fn a_lane_that_stops_for_a_day_leaves_another_alone() {
    let mut sim = sim();
    sim.server.fault(1, Fault::Throttle(Some(86_400)));
    let rows =
        |rows: std::ops::RangeInclusive<u64>| rows.map(|row| task(row, Action::Delete)).collect();
    sim.add(&Setup::default(), rows(1..=30));
    sim.add(&Setup::default(), rows(101..=400));
    sim.run();
    assert!(sim.server.gone.len() < 330 && sim.server.gone.len() >= 300);
    assert!(sim.elapsed() < Duration::from_mins(5));
}

const DEFAULT: FailureLimit = FailureLimit::Default;
const TENTH: FailureLimit = FailureLimit::Percent(10.0);

/// A fault, or none: the row is deleted.
const BAD: Option<Fault> = Some(Fault::Refused);
const UNKNOWN: Option<Fault> = Some(Fault::Unknown);
const FINE: Option<Fault> = None;

/// After how many rows the account stops, and why; rows are under way one at a time.
fn tripped(limit: FailureLimit, rows: &[&Option<Fault>]) -> Option<(usize, StopKind)> {
    let mut sim = Sim::new((1, 2), 1);
    for (id, fault) in (1..).zip(rows) {
        if let Some(fault) = fault {
            sim.server.fault(id, fault.clone());
        }
    }
    let setup = Setup {
        failure_limit: limit,
        concurrency: 1,
        attempts: 1,
        ..Setup::default()
    };
    match setup.run(&mut sim, Action::Delete, rows.len() as u64) {
        AccountEnd::Stopped(stop) => Some((sim.outcomes().len(), stop.reason)),
        _ => None,
    }
}

#[rstest]
#[case::forty_nine(DEFAULT, &[(BAD, 49), (FINE, 5000)], None)]
#[case::fifty_at_the_start(DEFAULT, &[(BAD, 60)], Some(50))]
#[case::fifty_within_the_window(DEFAULT, &[(BAD, 25), (FINE, 950), (BAD, 30)], Some(1_000))]
#[case::fifty_over_more_than_it(DEFAULT, &[(BAD, 25), (FINE, 976), (BAD, 25)], None)]
#[case::a_burst_after_a_long_good_time(DEFAULT, &[(FINE, 10_000), (BAD, 60)], Some(10_050))]
#[case::a_typed_number_is_of_all_rows(FailureLimit::Rows(3), &[(BAD, 2), (FINE, 5_000), (BAD, 9)], Some(5_003))]
#[case::one(FailureLimit::Rows(1), &[(FINE, 900), (BAD, 9)], Some(901))]
#[case::failed_is_bad(FailureLimit::Rows(1), &[(Some(Fault::ServerError), 9)], Some(1))]
#[case::no_percentage_of_few(TENTH, &[(BAD, 49)], None)]
#[case::but_of_fifty(TENTH, &[(BAD, 60)], Some(50))]
#[case::a_tenth(TENTH, &[(FINE, 901), (BAD, 110)], Some(1_001))]
#[case::less_than_a_tenth(TENTH, &[(FINE, 901), (BAD, 99), (FINE, 100)], None)]
#[case::a_good_row_never_stops(FailureLimit::Percent(1.0), &[(BAD, 1), (FINE, 60)], None)]
#[case::twenty_unknown(DEFAULT, &[(UNKNOWN, 20)], None)]
#[case::twenty_one(DEFAULT, &[(UNKNOWN, 30)], Some(21))]
#[case::half_of_few(DEFAULT, &[(FINE, 21), (UNKNOWN, 21)], None)]
#[case::over_half_of_few(DEFAULT, &[(FINE, 20), (UNKNOWN, 30)], Some(41))]
#[case::half_of_fifty(DEFAULT, &[(FINE, 5_000), (UNKNOWN, 25), (FINE, 5_000)], None)]
#[case::over_half_of_fifty(DEFAULT, &[(FINE, 5_000), (UNKNOWN, 35)], Some(5_026))]
fn too_many_bad_or_unknown_rows_stop_an_account(
    #[case] limit: FailureLimit,
    #[case] parts: &[(Option<Fault>, usize)],
    #[case] at: Option<usize>,
) {
    let rows = parts.iter().flat_map(|(fault, n)| vec![fault; *n]);
    let is_unknown = parts.iter().any(|(fault, _)| *fault == UNKNOWN);
    let reason = if is_unknown {
        StopKind::NotFoundRun
    } else {
        StopKind::FailureLimit
    };
    let tripped = tripped(limit, &rows.collect::<Vec<_>>());
    assert_eq!(tripped, at.map(|at| (at, reason)));
}

#[test]
fn an_even_part_of_bad_or_unknown_rows_never_stops() {
    for (other, every) in [(BAD, 50), (UNKNOWN, 2)] {
        let of = |row: usize| {
            if row % every == every - 1 {
                &other
            } else {
                &FINE
            }
        };
        let rows: Vec<_> = (0..5_000).map(of).collect();
        assert_eq!(tripped(DEFAULT, &rows), None);
    }
}

/// Where answers are slow, the rows of unknown users end together, long after others were seen.
#[test]
fn a_tenth_of_unknown_users_never_stops_a_slow_purge() {
    let mut sim = Sim::new((3_000, 3_000), 1);
    let setup = Setup {
        requests: "400/1m".to_owned(),
        steps: vec![(Step::PermanentlyDelete, "700/10m".to_owned())],
        ..Setup::default()
    };
    (1..=2_000)
        .filter(|row| row % 10 == 0)
        .for_each(|row| sim.server.fault(row, Fault::Unknown));
    let tasks = (1..=2_000).map(|row| task(row, Action::Purge)).collect();
    let end = setup.run_rows(&mut sim, tasks);
    assert!(matches!(end, AccountEnd::Done), "{end:?}");
}

#[test]
fn a_failure_limit_is_a_number_or_a_percentage() {
    for (text, limit) in [
        ("50", FailureLimit::Rows(50)),
        ("5%", FailureLimit::Percent(5.0)),
        ("2.5 %", FailureLimit::Percent(2.5)),
    ] {
        assert_eq!(text.parse(), Ok(limit));
    }
    for text in ["0", "0%", "101%", "nan%", "-1", "1.5", "", "many"] {
        assert!(text.parse::<FailureLimit>().is_err(), "{text}");
    }
}

#[test]
fn a_small_file_of_unknown_users_goes_to_its_end() {
    let mut sim = sim();
    for id in 1..=20 {
        sim.server.fault(id, Fault::Unknown);
    }
    let end = Setup::default().run(&mut sim, Action::Delete, 20);
    done(&end);
}

#[test]
fn a_token_server_that_puts_us_off_for_ten_minutes_stops_the_lane() {
    let mut sim = Sim::new((10, 30), 1);
    sim.server.no_tokens = true;
    let setup = Setup {
        tokens: true,
        ..Setup::default()
    };
    let end = setup.run(&mut sim, Action::Delete, 30);
    stopped(end, StopKind::TokensExhausted);
    assert!(sim.elapsed() > Duration::from_mins(8));
    assert!(sim.outcomes().is_empty(), "every row stays pending");
    assert!(sim.server.arrived.is_empty());
}
