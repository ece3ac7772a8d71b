//! Windows, pauses, what headers teach, and how many are in flight, over a clock moved by hand.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use userpurge::domain::{AccountLimits, Quota, Step, Time};
use userpurge::lane::limits::{Earlier, Limits, Permit, PriorRequest, Wait};
use userpurge::provider::RateHint;

const DELETE: Option<Step> = Some(Step::Delete);
const PERMANENT: Option<Step> = Some(Step::PermanentlyDelete);

fn spec(requests: &str, permanent: &str, concurrency: u32) -> AccountLimits {
    AccountLimits {
        concurrency: concurrency.try_into().unwrap(),
        requests: requests.parse().unwrap(),
        steps: vec![(Step::PermanentlyDelete, permanent.parse().unwrap())],
        share: 1.0,
        many: None,
        asked_alone: None,
    }
}

/// Limits with a clock beside them.
struct Clocked {
    limits: Limits,
    start: Instant,
    now: Instant,
}

impl Clocked {
    fn new(spec: &AccountLimits, past: &[PriorRequest]) -> Self {
        let start = tokio::time::Instant::now().into_std();
        let limits = Limits::new(spec, past, start);
        Self {
            limits,
            start,
            now: start,
        }
    }

    fn of(requests: &str, permanent: &str, concurrency: u32) -> Self {
        Self::new(&spec(requests, permanent, concurrency), &[])
    }

    /// Waits until a request of `step` may leave, and takes what it needs.
    fn take(&mut self, step: Option<Step>) -> Permit {
        loop {
            match self.limits.take(step, self.now) {
                Ok(permit) => return permit,
                Err(Wait::Until(at)) => self.now = at,
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    /// The same, answered at once.
    fn pass(&mut self, step: Option<Step>) -> u64 {
        let permit = self.take(step);
        self.limits.count(&permit, Some(self.now));
        self.limits.over(true, self.now);
        self.secs()
    }

    fn secs(&self) -> u64 {
        (self.now - self.start).as_secs()
    }
}

#[test]
fn a_request_takes_from_the_account_and_from_its_endpoint() {
    let mut it = Clocked::of("1000/1s", "2/10s", 8);
    it.pass(PERMANENT);
    it.pass(PERMANENT);
    assert_eq!(it.pass(DELETE), 0, "another endpoint does not wait for it");
    assert_eq!(it.pass(PERMANENT), 10);
}

#[test]
fn what_waits_for_quota_holds_nothing() {
    let mut it = Clocked::of("1000/1s", "1/1h", 1);
    it.pass(PERMANENT);
    for _ in 0..50 {
        let waits = it.limits.take(PERMANENT, it.now);
        assert!(matches!(waits, Err(Wait::Until(_))), "{waits:?}");
        it.pass(DELETE);
    }
    assert_eq!(it.secs(), 0);
}

#[test]
fn a_pause_holds_all_until_the_instant_and_the_later_of_two_counts() {
    let mut it = Clocked::of("1000/1s", "700/10m", 8);
    let start = it.start;
    assert!(it.limits.pause(None, start + Duration::from_secs(90)));
    assert!(!it.limits.pause(None, start + Duration::from_secs(30)));
    for _ in 0..20 {
        assert_eq!(it.pass(None), 90);
    }
    it.limits.pause(PERMANENT, it.now + Duration::from_mins(1));
    assert_eq!(it.pass(DELETE), 90, "an endpoint's leaves the others alone");
    assert!(it.limits.paused_until(PERMANENT, it.now).is_some());
    assert_eq!(it.pass(PERMANENT), 150);
    it.limits.pause(None, it.now + Duration::from_hours(2));
    let long = it.limits.take(DELETE, it.now);
    assert!(matches!(long, Err(Wait::TooLong(_))), "{long:?}");
}

#[test]
fn an_earlier_process_counts_in_every_limit_also_of_another_account() {
    let past = |step| PriorRequest {
        step,
        ago: Duration::from_mins(9),
        ahead: Duration::ZERO,
    };
    let past = [past(DELETE), past(PERMANENT)];
    for (another, of, secs) in [
        (spec("9/1s", "1/10m", 8), PERMANENT, 60),
        (spec("9/1s", "1/10m", 8), DELETE, 0),
        (spec("2/10m", "9/1s", 8), DELETE, 60),
        (spec("3/10m", "9/1s", 8), DELETE, 0),
        (spec("2/2m", "1/2m", 8), PERMANENT, 0),
    ] {
        let mut it = Clocked::of("1000/1s", "1000/1s", 8);
        it.limits.absorb(Limits::new(&another, &past, it.start));
        assert_eq!(it.pass(of), secs, "{another:?} {of:?}");
    }
    // The longest of the limits decides which earlier requests count.
    let now = Time::from_millis(1_795_340_600_000);
    let at = now.before(Duration::from_mins(10));
    let earlier = Earlier {
        sent: std::iter::once((PERMANENT, at, Some(at))),
        permits: 0,
        silent: None,
        cut_off: Vec::new(),
    };
    let counted = earlier.still_counted(&spec("9/1s", "1/10m", 8), now);
    assert_eq!(counted.len(), 1);
}

#[test]
fn a_lower_limit_of_the_servers_lowers_ours_and_a_longer_span_is_kept_beside_it() {
    for (learnt, secs) in [
        (&[][..], 0),
        (&[("2/10s", None)], 10),
        (&[("2/10s", None), ("900/10s", None)], 10),
        (&[("2/10m", None)], 10),
        (&[("2/10m", Some(9))], 10),
        (&[("2/10m", Some(400))], 600),
    ] {
        let mut it = Clocked::of("1000/1s", "5/10s", 8);
        let permit = it.take(DELETE);
        for (stated, resets_in) in learnt {
            let said = RateHint {
                limit: Some(stated.parse().unwrap()),
                remaining: None,
                resets_in: resets_in.map(Duration::from_secs),
            };
            it.limits.observe(PERMANENT, &permit, said, it.now);
        }
        for _ in 0..2 {
            it.pass(PERMANENT);
        }
        assert_eq!(it.pass(PERMANENT), secs, "{learnt:?}");
    }
}

#[test]
fn a_place_is_held_until_a_request_is_over_and_a_slot_until_a_span_after_the_answer() {
    let mut it = Clocked::of("2/10s", "700/10m", 1);
    let first = it.take(None);
    it.now += Duration::from_secs(3);
    it.limits.count(&first, Some(it.now));
    assert_eq!(it.limits.take(None, it.now).unwrap_err(), Wait::Answer);
    it.limits.over(true, it.now);
    let unsent = it.take(None);
    it.limits.count(&unsent, None);
    it.limits.over(false, it.now);
    assert_eq!(it.pass(None), 3, "what never left holds nothing");
    assert_eq!(it.pass(None), 13, "from the answer on");
}

#[test]
fn what_was_given_up_holds_its_slot_for_as_long_again_as_it_was_waited_for() {
    let mut it = Clocked::of("2/10s", "700/10m", 8);
    let (given_up, answered) = (it.take(None), it.take(None));
    it.limits
        .count(&given_up, Some(it.now + Quota::GIVEN_UP_COUNTED));
    it.limits.count(&answered, Some(it.now));
    it.limits.over(false, it.now);
    it.limits.over(true, it.now);
    assert_eq!(it.pass(None), 10, "the slot of the one that was answered");
    assert_eq!(it.pass(None), 20, "the same once more");
    it.pass(None);
    assert_eq!(it.pass(None), 40, "thirty seconds and a span");
}

/// Reads that a killed process may have left without a line hold a slot for each of its permits, for as
/// long as they may have been counted.
#[test]
fn unseen_reads_hold_slots_until_they_were_counted() {
    let now = Time::from_millis(1_795_340_600_000);
    let held = |silent: Option<u64>, cut_off: Option<u64>| {
        let earlier = Earlier {
            sent: std::iter::empty(),
            permits: 3,
            silent: silent.map(Duration::from_secs),
            cut_off: Vec::from_iter(cut_off.map(|ago| now.before(Duration::from_secs(ago)))),
        };
        let past = earlier.still_counted(&spec("10/1m", "700/10m", 3), now);
        past.iter().map(|it| it.ago.as_secs()).collect::<Vec<_>>()
    };
    assert_eq!(held(None, None), [0; 0]);
    for silent in [0, 120] {
        assert_eq!(held(Some(silent), None), [0; 3]);
    }
    assert_eq!(held(Some(3_600), None), [0; 0], "longer ago than any limit");
    for (cut_off, ago) in [(0, 0), (30, 0), (80, 50)] {
        assert_eq!(held(None, Some(cut_off)), [ago; 3]);
    }
    assert_eq!(held(None, Some(90)), [0; 0]);
}

/// Of a process that is over nothing is on its way for long, whatever the clock was when it wrote.
#[test]
fn a_request_of_a_clock_that_ran_ahead_holds_its_slot_for_no_hour() {
    let now = Time::from_millis(1_795_340_600_000);
    let past = PriorRequest::counted_by(None, now.after(Duration::from_hours(1)), now);
    assert_eq!(
        (past.ago, past.ahead),
        (Duration::ZERO, Quota::GIVEN_UP_COUNTED)
    );
}

/// When each of `requests` leaves, with a timer that ticks once in a millisecond.
fn paced(quota: &str, expected: u64, requests: usize) -> Vec<Duration> {
    let mut it = Clocked::of(quota, "1/1s", 8);
    it.limits.expect([(DELETE, expected)]);
    let mut left = Vec::with_capacity(requests);
    while left.len() < requests {
        match it.limits.take(DELETE, it.now) {
            Ok(permit) => {
                it.limits.count(&permit, Some(it.now));
                it.limits.over(true, it.now);
                left.push(it.now - it.start);
            }
            Err(Wait::Until(at)) => {
                let millis = (at - it.start).as_nanos().div_ceil(1_000_000);
                it.now = it.start + Duration::from_millis(u64::try_from(millis).unwrap());
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    left
}

#[test]
fn an_hour_of_pacing_is_even() {
    let left = paced("600/1m", u64::MAX, 36_000);
    // Two at once after a rest, so that a late timer costs nothing; then one in 100 ms.
    for eleven in left.windows(12) {
        let least = eleven[0] + Duration::from_millis(999);
        assert!(eleven[11] >= least, "{eleven:?}");
    }
    let took = left[35_999];
    assert!(took >= Duration::from_millis(3_599_700), "{took:?}");
    assert!(took <= Duration::from_secs(3_604), "{took:?}");
}

#[test]
fn a_late_timer_does_not_slow_the_pace_and_a_short_run_is_hardly_paced() {
    for (quota, expected, requests, least, most) in [
        ("2490/1m", u64::MAX, 24_900, 599_000, 601_000),
        ("70/6s", 350, 70, 100, 120),
        ("400/1m", 401, 400, 280, 300),
        // Within one quota, or over a day, nothing is paced.
        ("400/1m", 400, 400, 0, 0),
        ("5000/24h", 1_000_000, 5_000, 0, 0),
    ] {
        let took = paced(quota, expected, requests)[requests - 1];
        let range = Duration::from_millis(least)..=Duration::from_millis(most);
        assert!(range.contains(&took), "{expected} at {quota}: {took:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is refused and taken: never more are in flight than may be then, and one always is.
    #[test]
    fn never_more_are_in_flight_than_may_be_and_one_always_is(
        most in 1u32..12,
        answers in prop::collection::vec((0usize..12, 0u8..3), 1..200),
    ) {
        let mut it = Clocked::of("1000000/1s", "1000000/1s", most);
        let mut in_flight = Vec::new();
        for (which, answer) in answers {
            while let Ok(permit) = it.limits.take(DELETE, it.now) {
                in_flight.push(permit);
                prop_assert!(in_flight.len() <= most as usize);
            }
            prop_assert!(!in_flight.is_empty(), "nothing goes on");
            let permit = in_flight.swap_remove(which % in_flight.len());
            it.limits.count(&permit, Some(it.now));
            if answer == 0 {
                it.limits.too_many_at_once(&permit, it.now);
            }
            it.limits.over(answer == 1, it.now);
        }
    }
}
