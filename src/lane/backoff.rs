//! How long to wait before trying again when the server does not say.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// The shortest wait that the exponential growth runs from.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// The longest that it runs to.
pub(super) const WAIT_MAX: Duration = Duration::from_mins(1);

/// The waits between the attempts at one request: exponential, with full jitter.
///
/// Full jitter (a wait anywhere between zero and the exponential bound) spreads a crowd that
/// failed together best; see
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
#[derive(Debug)]
pub(super) struct Backoff {
    bounds: backon::ExponentialBackoff,
    random: fastrand::Rng,
}

impl Backoff {
    /// Waits whose jitter comes from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let bounds = ExponentialBuilder::new()
            .with_min_delay(WAIT_MIN)
            .with_max_delay(WAIT_MAX)
            .with_factor(2.0)
            .without_max_times()
            .build();
        Self {
            bounds,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// The next wait.
    pub(super) fn next_wait(&mut self) -> Duration {
        let bound = self.bounds.next().unwrap_or(WAIT_MAX);
        bound.mul_f64(self.random.f64())
    }

    /// The next wait, from the exponential bound up to twice as much: for what needs time, and not
    /// only a crowd that spreads.
    pub(super) fn next_wait_above(&mut self) -> Duration {
        let bound = self.bounds.next().unwrap_or(WAIT_MAX);
        bound + bound.mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, WAIT_MAX, WAIT_MIN};

    #[test]
    fn waits_stay_under_a_bound_that_doubles_up_to_a_minute() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(seed);
            let mut bound = WAIT_MIN;
            for _ in 0..12 {
                assert!(backoff.next_wait() <= bound);
                bound = (bound * 2).min(WAIT_MAX);
            }
        }
    }

    #[test]
    fn waits_above_the_bound_are_never_short() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(seed);
            let mut bound = WAIT_MIN;
            for _ in 0..12 {
                let wait = backoff.next_wait_above();
                assert!((bound..=bound * 2).contains(&wait));
                bound = (bound * 2).min(WAIT_MAX);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits_and_the_jitter_is_full() {
        let waits = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..6).map(|_| backoff.next_wait()).collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        let first: Vec<Duration> = (0..300).map(|seed| waits(seed)[0]).collect();
        assert!(first.iter().any(|wait| *wait < WAIT_MIN / 10));
        assert!(first.iter().any(|wait| *wait > WAIT_MIN * 9 / 10));
    }
}
