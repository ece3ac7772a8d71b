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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

    /// When each of `requests` leaves, with a timer that ticks once in a millisecond.
    fn paced(quota: &str, expected: u64, requests: usize) -> Vec<Duration> {
        let mut pace = Pace::of(quota.parse().unwrap(), expected).unwrap();
        let start = tokio::time::Instant::now().into_std();
        let mut now = start;
        let mut left = Vec::with_capacity(requests);
        for _ in 0..requests {
            while let Err(at) = pace.take(now) {
                let millis = (at - start).as_nanos().div_ceil(1_000_000);
                now = start + Duration::from_millis(u64::try_from(millis).unwrap());
            }
            left.push(now - start);
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
        assert!(took <= Duration::from_hours(1), "{took:?}");
    }

    #[test]
    fn a_late_timer_does_not_slow_the_pace_and_a_short_run_is_hardly_paced() {
        let took = *paced("2490/1m", u64::MAX, 24_900).last().unwrap();
        assert!(took <= Duration::from_millis(600_001), "{took:?}");
        let took = *paced("70/6s", 350, 70).last().unwrap();
        assert!(took <= Duration::from_millis(120), "{took:?}");
        assert!(took >= Duration::from_millis(100), "{took:?}");
    }

    #[test]
    fn a_quota_of_a_day_is_not_paced_and_a_run_within_one_is_not() {
        assert!(Pace::of("5000/24h".parse().unwrap(), 1_000_000).is_none());
        assert!(Pace::of("400/1m".parse().unwrap(), 400).is_none());
        assert!(Pace::of("400/1m".parse().unwrap(), 401).is_some());
    }
}
