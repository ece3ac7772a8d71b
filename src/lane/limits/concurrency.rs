//! The concurrency limit: how many requests may be in flight, as many as configured or fewer where the
//! provider takes fewer.
//!
//! It follows refusals that say so ([`Scope::Concurrency`](crate::provider::Scope::Concurrency)), and nothing
//! else: a rate that is used up says nothing of how many fit at once.
//!
//! - **Down to what evidently fits.** It looks at the requests in flight together with one that is
//!   refused. Each that is refused as well does not fit, and each that is taken does. So one burst
//!   finds the provider's limit. Halving would find half of it, and leave the rest unused for
//!   minutes. A request that left when more were in flight than may be now says nothing of fewer.
//! - **Up by one after a full round of answers**, each of which came while as many were in flight as
//!   may be. A number that was refused is tried again [a minute](RETRIED_AFTER) later.

use std::time::{Duration, Instant};

/// How long after a refusal the refused number is tried again: others who share it come and go.
pub(in crate::lane) const RETRIED_AFTER: Duration = Duration::from_mins(1);

/// How many requests may be in flight.
#[derive(Debug)]
pub(super) struct Concurrency {
    /// As configured.
    most: u32,
    /// As many as may be now.
    now: u32,
    /// How often a refusal lowered it anew; tells which requests left before the last time.
    lowered: u64,
    /// Of the requests that were in flight when it was last lowered anew, those not refused.
    fit: u32,
    /// Answers since `now` changed that came while as many were in flight.
    round: u32,
    /// The most that a whole round was taken with.
    proven: Option<u32>,
    /// The least that was refused last, and when.
    refused: Option<(u32, Instant)>,
    /// A request was refused that was alone in flight, and none was taken since.
    takes_none: bool,
}

impl Concurrency {
    pub(super) const fn new(most: u32) -> Self {
        Self {
            most,
            now: most,
            lowered: 0,
            fit: 0,
            round: 0,
            proven: None,
            refused: None,
            takes_none: false,
        }
    }

    pub(super) const fn now(&self) -> u32 {
        self.now
    }

    pub(super) const fn most(&self) -> u32 {
        self.most
    }

    pub(super) const fn takes_none(&self) -> bool {
        self.takes_none
    }

    /// Allows `most` at most from now on.
    pub(super) fn cap(&mut self, most: u32) {
        self.most = self.most.min(most);
        self.now = self.now.min(most);
    }

    /// How often a refusal has lowered the number, and `together`, when a request leaves.
    pub(super) const fn leaves(&self, together: u32) -> (u64, u32) {
        (self.lowered, together)
    }

    /// A request was refused that left so; with it, `in_flight` were in flight when its answer came.
    pub(super) fn refused(&mut self, (lowered, together): (u64, u32), in_flight: u32, at: Instant) {
        if lowered == self.lowered {
            let together = in_flight.max(together);
            if together > self.now {
                return;
            }
            self.lowered += 1;
            self.takes_none = together <= 1;
            self.fit = together;
            self.proven = self.proven.filter(|proven| *proven < self.now);
            let least = self.proven.map_or(1, |proven| proven + 1);
            self.refused = Some((together.max(least), at));
        }
        // Else it was among those in flight at the last lowering.
        self.fit = self.fit.saturating_sub(1);
        let fit = self.fit.max(self.proven.unwrap_or(1));
        if fit < self.now {
            self.now = fit;
            self.round = 0;
        }
    }

    /// A request was taken. `is_full`: as many were in flight as may be.
    pub(super) fn taken(&mut self, is_full: bool, at: Instant) {
        self.takes_none = false;
        if self.now == self.most || !is_full {
            return;
        }
        self.round += 1;
        if self.round < self.now {
            return;
        }
        self.round = 0;
        self.proven = Some(self.now);
        match self.refused {
            Some((refused, _)) if refused <= self.now => self.refused = None,
            Some((refused, when)) if refused <= self.now + 1 && at < when + RETRIED_AFTER => {
                return;
            }
            Some(_) | None => {}
        }
        self.now += 1;
    }
}
