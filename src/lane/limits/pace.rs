//! Even spacing of an account's requests, so that a shared budget is not taken in one gulp.
//!
//! It shapes; it keeps no quota. A pace that is lost, or begun anew, overruns nothing: the windows
//! stand beside it.

use std::fmt;
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota as Cells, RateLimiter};

use crate::domain::Quota;

/// How late a timer may be: its tick and a busy machine. Places lost within it are made up. Without
/// that each request would add its own lateness, and a pace of 2,500 a minute fall behind its window
/// by a twentieth.
const LATE_MAX: Duration = Duration::from_millis(10);

/// Spaces requests evenly over a part of their quota's span, see [`Quota::spread`].
pub(super) struct Pace {
    cells: RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>,
    /// The limiter's clock. The machine has none, so it is moved by hand.
    clock: FakeRelativeClock,
    /// The instant that this clock shows; `None`: it was never moved.
    at: Option<Instant>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pace")
    }
}

impl Pace {
    /// The pace of `quota` when `expected` requests are to be sent; `None`: there is none to keep.
    pub(super) fn of(quota: Quota, expected: u64) -> Option<Self> {
        let interval = quota.spread(expected) / quota.requests().get();
        let late = LATE_MAX.as_nanos().div_ceil(interval.as_nanos().max(1));
        let places = u32::try_from(late)
            .unwrap_or(u32::MAX)
            .saturating_add(1)
            .try_into()
            .ok()?;
        let cells = Cells::with_period(interval)?.allow_burst(places);
        let clock = FakeRelativeClock::default();
        Some(Self {
            cells: RateLimiter::direct_with_clock(cells, clock.clone()),
            clock,
            at: None,
        })
    }

    /// Takes the next place.
    /// An error: when the next one is.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let before = *self.at.get_or_insert(now);
        self.clock.advance(now.saturating_duration_since(before));
        self.at = Some(now.max(before));
        let taken = self.cells.check();
        taken.map_err(|not_yet| now + not_yet.wait_time_from(self.clock.now()))
    }
}
