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

    /// The next wait, from the exponential bound up to twice as much: for what needs time.
    pub(super) fn next_wait_above(&mut self) -> Duration {
        let bound = self.bounds.next().unwrap_or(WAIT_MAX);
        bound + bound.mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, WAIT_MAX, WAIT_MIN};

    #[test]
    fn waits_have_full_jitter_up_to_a_bound_that_doubles_or_from_there_on() {
        let mut first = Vec::new();
        for seed in 0..300 {
            let (mut below, mut above) = (Backoff::new(seed), Backoff::new(seed));
            let mut bound = WAIT_MIN;
            for turn in 0..12 {
                let wait = below.next_wait();
                assert!(wait <= bound);
                assert!((bound..=bound * 2).contains(&above.next_wait_above()));
                first.extend((turn == 0).then_some(wait));
                bound = (bound * 2).min(WAIT_MAX);
            }
            assert_eq!(Backoff::new(seed).next_wait(), first[first.len() - 1]);
        }
        assert!(first.iter().any(|wait| *wait < WAIT_MIN / 10));
        assert!(first.iter().any(|wait| *wait > WAIT_MIN * 9 / 10));
    }
}
