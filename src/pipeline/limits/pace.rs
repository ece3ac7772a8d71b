//! Even spacing of an account's requests, so that a shared budget is not taken in one gulp.
//!
//! It shapes; it keeps no quota. A pace that is lost, or begun anew, overruns nothing: the windows
//! stand beside it.

use std::ops::Add;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota as Cells, RateLimiter};
use tokio::time::Instant;

use crate::domain::Quota;

/// What a timer may be late, its tick and a busy machine: lost places within it are made up. Without
/// that each request would add its own lateness, and a pace of 2,500 a minute fall behind its window
/// by a twentieth.
const LATE_MAX: Duration = Duration::from_millis(10);

/// Spaces requests evenly over a part of their quota's span, see [`Quota::spread`].
pub(super) struct Pace(
    RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<TokioInstant>>,
);

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        Some(Self(RateLimiter::direct_with_clock(cells, TokioClock)))
    }

    /// Takes the next place.
    ///
    /// # Errors
    ///
    /// When the next place is.
    pub(super) fn take(&self) -> Result<(), Instant> {
        self.0
            .check()
            .map_err(|not_yet| not_yet.earliest_possible().0)
    }
}

/// tokio's clock, which a test can pause. governor's own `until_ready` ignores it and is banned.
#[derive(Debug, Clone, Copy)]
struct TokioClock;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TokioInstant(Instant);

impl Clock for TokioClock {
    type Instant = TokioInstant;

    fn now(&self) -> TokioInstant {
        TokioInstant(Instant::now())
    }
}

impl Reference for TokioInstant {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_duration_since(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.into()).unwrap_or(self.0))
    }
}

impl Add<Nanos> for TokioInstant {
    type Output = Self;

    fn add(self, duration: Nanos) -> Self {
        Self(self.0 + Duration::from(duration))
    }
}

#[cfg(test)]
pub(in crate::pipeline) mod rival {
    //! What people would use instead of a window, to be measured beside it.

    use std::num::NonZeroU32;
    use std::time::Duration;

    use governor::Quota as Cells;
    use tokio::time::sleep_until;

    use super::{Pace, RateLimiter, TokioClock};

    /// A token bucket of `places` tokens, of which one comes back in each `interval`.
    pub(in crate::pipeline) struct Bucket(Pace);

    impl Bucket {
        pub(in crate::pipeline) fn new(interval: Duration, places: u32) -> Self {
            let places = NonZeroU32::new(places).unwrap();
            let cells = Cells::with_period(interval).unwrap().allow_burst(places);
            Self(Pace(RateLimiter::direct_with_clock(cells, TokioClock)))
        }

        pub(in crate::pipeline) async fn wait(&self) {
            while let Err(at) = self.0.take() {
                sleep_until(at).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep_until};

    use super::Pace;

    /// When each of `requests` left, and how long all took.
    async fn paced(quota: &str, expected: u64, requests: usize) -> (Vec<Instant>, Duration) {
        let pace = Pace::of(quota.parse().unwrap(), expected).unwrap();
        let start = Instant::now();
        let mut left = Vec::with_capacity(requests);
        for _ in 0..requests {
            while let Err(at) = pace.take() {
                sleep_until(at).await;
            }
            left.push(Instant::now());
        }
        (left, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_of_pacing_is_even_and_takes_no_time_here() {
        let (left, took) = paced("600/1m", u64::MAX, 36_000).await;
        // Two at once after a rest, so that a late timer costs nothing; then one in 100 ms.
        for eleven in left.windows(12) {
            let took = eleven[11] - eleven[0];
            assert!(took >= Duration::from_millis(999), "{took:?}");
        }
        assert!(took >= Duration::from_millis(3_599_700), "{took:?}");
        assert!(took <= Duration::from_hours(1), "{took:?}");
    }

    /// 24 ms each, and a timer that ticks once in a millisecond.
    #[tokio::test(start_paused = true)]
    async fn a_late_timer_does_not_slow_the_pace() {
        let (_, took) = paced("2490/1m", u64::MAX, 24_900).await;
        assert!(took <= Duration::from_millis(600_001), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_run_is_hardly_paced() {
        let (_, took) = paced("70/6s", 350, 70).await;
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
