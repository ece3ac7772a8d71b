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
