//! Even spacing of an account's requests, so that a shared budget is not taken in one gulp.

use std::ops::Add;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota as Cells, RateLimiter};
use tokio::time::Instant;

use crate::domain::Quota;

/// The longest span that is paced. Pacing protects people at work from a burst that leaves them
/// nothing for the rest of a minute; spread over a day it would only make a small job last a day.
pub const PACED_SPAN_MAX: Duration = Duration::from_mins(10);

/// Spaces requests evenly: the quota's span divided by its number.
pub(super) struct Pace(
    RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<TokioInstant>>,
);

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pace")
    }
}

impl Pace {
    /// The pace of `quota`; `None`: its span is longer than [`PACED_SPAN_MAX`], or its spacing too
    /// fine to matter.
    pub(super) fn of(quota: Quota) -> Option<Self> {
        if quota.span() > PACED_SPAN_MAX {
            return None;
        }
        let cells = Cells::with_period(quota.span() / quota.requests().get())?;
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
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep_until};

    use super::Pace;

    #[tokio::test(start_paused = true)]
    async fn an_hour_of_pacing_is_even_and_takes_no_time_here() {
        let pace = Pace::of("600/1m".parse().unwrap()).unwrap();
        let start = Instant::now();
        let mut last: Option<Instant> = None;
        for _ in 0..36_000 {
            while let Err(at) = pace.take() {
                sleep_until(at).await;
            }
            let now = Instant::now();
            if let Some(last) = last {
                assert!(now - last >= Duration::from_millis(99), "{:?}", now - last);
            }
            last = Some(now);
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(3_599_900), "{took:?}");
        assert!(took <= Duration::from_secs(3_640), "{took:?}");
    }

    #[test]
    fn a_quota_of_a_day_is_not_paced() {
        assert!(Pace::of("5000/24h".parse().unwrap()).is_none());
    }
}
