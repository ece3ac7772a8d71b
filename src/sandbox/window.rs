//! Quota windows as a provider keeps them: strict, and knowing nothing of the client's own.

use std::collections::VecDeque;
use std::time::Duration;

use super::settings::QuotaMode;
use crate::domain::{Quota, Time};

/// Counts accepted requests against one quota.
///
/// **Invariant**: at most `quota.requests()` instants are held whose slot is not free yet, so that
/// no span of a rolling window, and no period of a fixed one, ever holds more.
#[derive(Debug)]
pub(super) struct Window {
    quota: Quota,
    mode: QuotaMode,
    /// When the requests that still count were accepted, oldest first.
    taken: VecDeque<Time>,
}

impl Window {
    /// An empty window.
    pub(super) fn new(quota: Quota, mode: QuotaMode) -> Self {
        Self {
            quota,
            mode,
            taken: VecDeque::new(),
        }
    }

    /// Goes by another quota from now on; what was accepted still counts.
    pub(super) fn configure(&mut self, quota: Quota, mode: QuotaMode) {
        self.quota = quota;
        self.mode = mode;
    }

    /// How many requests a span may hold.
    pub(super) fn limit(&self) -> u32 {
        self.quota.requests().get()
    }

    /// Accepts a request at `now`, or says how long until one would be accepted.
    pub(super) fn take(&mut self, now: Time) -> Result<(), Duration> {
        let now = self.settle(now);
        let over = (self.taken.len() + 1).saturating_sub(self.limit() as usize);
        let blocking = over.checked_sub(1).and_then(|index| self.taken.get(index));
        if let Some(at) = blocking {
            return Err(self.free_at(*at).saturating_since(now));
        }
        self.taken.push_back(now);
        Ok(())
    }

    /// How many requests would be accepted at `now`.
    pub(super) fn remaining(&mut self, now: Time) -> u32 {
        self.settle(now);
        self.limit()
            .saturating_sub(u32::try_from(self.taken.len()).unwrap_or(u32::MAX))
    }

    /// How long until the oldest accepted request stops counting; the whole span if none counts.
    pub(super) fn resets_in(&mut self, now: Time) -> Duration {
        let now = self.settle(now);
        self.taken.front().map_or(self.quota.span(), |at| {
            self.free_at(*at).saturating_since(now)
        })
    }

    /// Drops what no longer counts. Returns `now`, or the last instant if the clock went back.
    fn settle(&mut self, now: Time) -> Time {
        let now = self.taken.back().map_or(now, |last| now.max(*last));
        while self
            .taken
            .front()
            .is_some_and(|at| self.free_at(*at) <= now)
        {
            self.taken.pop_front();
        }
        now
    }

    /// When the slot of a request accepted at `at` comes free.
    fn free_at(&self, at: Time) -> Time {
        match self.mode {
            QuotaMode::Rolling => at.after(self.quota.span()),
            QuotaMode::Fixed => {
                let span = i64::try_from(self.quota.span().as_millis().max(1)).unwrap_or(i64::MAX);
                let began = at.as_millis().div_euclid(span).saturating_mul(span);
                Time::from_millis(began.saturating_add(span))
            }
        }
    }
}

/// `quota` with its span divided by `scale`, but at least one millisecond long.
pub(super) fn scaled(quota: Quota, scale: f64) -> Quota {
    Quota::try_new(quota.requests(), shortened(quota.span(), scale)).unwrap_or(quota)
}

/// `span` divided by `scale`, but at least one millisecond long.
pub(super) fn shortened(span: Duration, scale: f64) -> Duration {
    Duration::try_from_secs_f64(span.as_secs_f64() / scale)
        .unwrap_or(span)
        .max(Duration::from_millis(1))
}

/// `span` in whole seconds, rounded up, as `Retry-After` has it.
pub(super) fn seconds_up(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::{Window, scaled, seconds_up};
    use crate::domain::{Quota, Time};
    use crate::sandbox::settings::QuotaMode;

    fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    fn window(text: &str, mode: QuotaMode) -> Window {
        Window::new(text.parse().unwrap(), mode)
    }

    #[test]
    fn a_rolling_window_frees_each_slot_one_span_after_it_was_taken() {
        let mut window = window("2/10s", QuotaMode::Rolling);
        assert_eq!(window.take(at(1_000)), Ok(()));
        assert_eq!(window.take(at(6_000)), Ok(()));
        assert_eq!(window.take(at(7_000)), Err(Duration::from_secs(4)));
        assert_eq!(window.take(at(10_999)), Err(Duration::from_millis(1)));
        assert_eq!(window.take(at(11_000)), Ok(()));
        assert_eq!(window.take(at(11_000)), Err(Duration::from_secs(5)));
        assert_eq!(window.remaining(at(16_000)), 1);
    }

    #[test]
    fn a_fixed_window_frees_all_slots_at_the_full_span() {
        let mut window = window("2/10s", QuotaMode::Fixed);
        assert_eq!(window.take(at(8_000)), Ok(()));
        assert_eq!(window.take(at(9_000)), Ok(()));
        assert_eq!(window.take(at(9_500)), Err(Duration::from_millis(500)));
        assert_eq!(window.remaining(at(10_000)), 2);
        assert_eq!(window.take(at(10_000)), Ok(()));
        assert_eq!(window.resets_in(at(12_000)), Duration::from_secs(8));
    }

    #[test]
    fn a_lowered_quota_counts_what_was_accepted_before() {
        let mut window = window("3/10s", QuotaMode::Rolling);
        for second in 1..=3 {
            assert_eq!(window.take(at(second * 1_000)), Ok(()));
        }
        window.configure("1/10s".parse().unwrap(), QuotaMode::Rolling);
        assert_eq!(window.take(at(4_000)), Err(Duration::from_secs(9)));
        assert_eq!(window.remaining(at(4_000)), 0);
    }

    #[test]
    fn a_clock_that_goes_back_frees_nothing_early() {
        let mut window = window("1/10s", QuotaMode::Rolling);
        assert_eq!(window.take(at(20_000)), Ok(()));
        assert_eq!(window.take(at(5_000)), Err(Duration::from_secs(10)));
    }

    #[rstest]
    #[case(0, 0)]
    #[case(1, 1)]
    #[case(999, 1)]
    #[case(1_000, 1)]
    #[case(1_001, 2)]
    fn retry_after_rounds_up(#[case] millis: u64, #[case] secs: u64) {
        assert_eq!(seconds_up(Duration::from_millis(millis)), secs);
    }

    #[test]
    fn a_scale_divides_the_span_and_leaves_the_count() {
        let quota: Quota = "700/10m".parse().unwrap();
        assert_eq!(scaled(quota, 100.0).to_string(), "700/6s");
        assert_eq!(scaled(quota, 1e12).to_string(), "700/1ms");
    }

    proptest! {
        #[test]
        fn no_rolling_span_ever_holds_more_than_the_quota(
            limit in 1_u32..6,
            span in 1_i64..50,
            gaps in prop::collection::vec(0_i64..20, 1..200),
        ) {
            let mut window = window(&format!("{limit}/{span}ms"), QuotaMode::Rolling);
            let mut now = 0;
            let mut accepted: Vec<i64> = Vec::new();
            for gap in gaps {
                now += gap;
                match window.take(at(now)) {
                    Ok(()) => accepted.push(now),
                    Err(wait) => {
                        // The wait is exact: not a millisecond sooner.
                        let wait = i64::try_from(wait.as_millis()).unwrap();
                        prop_assert!(wait >= 1 && wait <= span);
                        let then = now + wait;
                        let held = accepted.iter().filter(|t| **t > then - span).count();
                        prop_assert!(held < limit as usize);
                        let held = accepted.iter().filter(|t| **t > then - 1 - span).count();
                        prop_assert!(held >= limit as usize);
                    }
                }
            }
            for start in &accepted {
                let held = accepted.iter().filter(|t| **t >= *start && **t < start + span).count();
                prop_assert!(held <= limit as usize);
            }
        }

        #[test]
        fn no_fixed_period_ever_holds_more_than_the_quota(
            limit in 1_u32..6,
            span in 1_i64..50,
            gaps in prop::collection::vec(0_i64..20, 1..200),
        ) {
            let mut window = window(&format!("{limit}/{span}ms"), QuotaMode::Fixed);
            let mut now = 0;
            let mut periods = std::collections::BTreeMap::<i64, u32>::new();
            for gap in gaps {
                now += gap;
                if window.take(at(now)).is_ok() {
                    *periods.entry(now / span).or_default() += 1;
                }
            }
            prop_assert!(periods.values().all(|held| *held <= limit));
        }
    }
}
