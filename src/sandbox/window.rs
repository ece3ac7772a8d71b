//! Quota windows as a provider keeps them: strict, and knowing nothing of the client's own.

use std::collections::VecDeque;
use std::time::Duration;

use super::reply::seconds_up;
use super::settings::{Limit, QuotaMode};
use crate::domain::Time;

/// Counts accepted requests against one quota, which may change from request to request. **Invariant**:
/// no span ever accepts more than the limit it is asked with.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// When the requests that still count were accepted, oldest first.
    taken: VecDeque<Time>,
}

impl Window {
    /// Accepts a request at `now`, or says how long until one would be accepted.
    pub(super) fn take(&mut self, limit: Limit, now: Time) -> Result<(), Duration> {
        let now = self.settle(limit, now);
        let over = (self.taken.len() + 1).saturating_sub(limit.requests as usize);
        let blocking = over.checked_sub(1).and_then(|index| self.taken.get(index));
        if let Some(at) = blocking {
            return Err(limit.free_at(*at).saturating_since(now));
        }
        self.taken.push_back(now);
        Ok(())
    }

    /// How many requests would be accepted at `now`.
    pub(super) fn remaining(&mut self, limit: Limit, now: Time) -> u32 {
        self.settle(limit, now);
        let taken = u32::try_from(self.taken.len()).unwrap_or(u32::MAX);
        limit.requests.saturating_sub(taken)
    }

    /// How long until the oldest request stops counting, in whole seconds; the span if none counts.
    pub(super) fn resets_in_secs(&mut self, limit: Limit, now: Time) -> u64 {
        let now = self.settle(limit, now);
        let oldest = self.taken.front();
        seconds_up(oldest.map_or(limit.span, |at| limit.free_at(*at).saturating_since(now)))
    }

    /// Drops what no longer counts. Returns `now`, or the last instant if the clock went back.
    fn settle(&mut self, limit: Limit, now: Time) -> Time {
        let now = self.taken.back().map_or(now, |last| now.max(*last));
        while self
            .taken
            .front()
            .is_some_and(|at| limit.free_at(*at) <= now)
        {
            self.taken.pop_front();
        }
        now
    }
}

impl Limit {
    /// When the slot of a request accepted at `at` comes free.
    fn free_at(self, at: Time) -> Time {
        match self.mode {
            QuotaMode::Rolling => at.after(self.span),
            QuotaMode::Fixed => {
                let span = i64::try_from(self.span.as_millis().max(1)).unwrap_or(i64::MAX);
                let began = at.as_millis().div_euclid(span).saturating_mul(span);
                Time::from_millis(began.saturating_add(span))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Limit, Window};
    use crate::domain::Time;
    use crate::sandbox::settings::QuotaMode::{self, Fixed, Rolling};

    fn limit(requests: u32, span: u64, mode: QuotaMode) -> Limit {
        let span = Duration::from_millis(span);
        Limit {
            requests,
            span,
            mode,
        }
    }

    #[test]
    fn a_slot_comes_free_one_span_later_or_at_the_full_span() {
        let of = |requests, at| (limit(requests, 100, Rolling), at);
        let fixed = |at| (limit(2, 100, Fixed), at);
        let two = [10, 60, 70, 109, 110, 110].map(|at| of(2, at));
        for (takes, waits) in [
            (&two[..], &[0, 0, 40, 1, 0, 50][..]),
            (&[80, 90, 95, 100].map(fixed), &[0, 0, 5, 0]),
            // What was accepted before a quota was lowered counts.
            (
                &[of(3, 10), of(3, 20), of(3, 30), of(1, 40)],
                &[0, 0, 0, 90],
            ),
            // A clock that goes back frees nothing early.
            (&[of(1, 200), of(1, 50)], &[0, 100]),
        ] {
            let mut window = Window::default();
            let mut take = |(limit, at)| match window.take(limit, Time::from_millis(at)) {
                Ok(()) => 0,
                Err(wait) => wait.as_millis(),
            };
            let taken: Vec<u128> = takes.iter().map(|it| take(*it)).collect();
            assert_eq!(taken, waits);
        }
    }

    proptest! {
        #[test]
        fn no_span_ever_holds_more_than_the_quota(
            requests in 1_u32..6,
            span in 1_u64..50,
            is_fixed: bool,
            gaps in prop::collection::vec(0_i64..20, 1..200),
        ) {
            let limit = limit(requests, span, if is_fixed { Fixed } else { Rolling });
            let (mut window, mut now) = (Window::default(), 0);
            let span = i64::try_from(span).unwrap();
            let mut accepted: Vec<i64> = Vec::new();
            for gap in gaps {
                now += gap;
                match window.take(limit, Time::from_millis(now)) {
                    Ok(()) => accepted.push(now),
                    // The wait is exact: not a millisecond sooner.
                    Err(wait) if !is_fixed => {
                        let then = now + i64::try_from(wait.as_millis()).unwrap();
                        let held = |at: i64| accepted.iter().filter(|t| **t > at - span).count();
                        prop_assert!(held(then) < requests as usize);
                        prop_assert!(held(then - 1) >= requests as usize);
                    }
                    Err(_) => {}
                }
            }
            for start in &accepted {
                let start = if is_fixed { start - start % span } else { *start };
                let held = accepted.iter().filter(|t| (start..start + span).contains(*t));
                prop_assert!(held.count() <= requests as usize);
            }
        }
    }
}
