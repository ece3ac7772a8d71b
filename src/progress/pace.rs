//! How many rows ended lately.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::Time;

/// How far back "lately" goes.
const SPAN: Duration = Duration::from_mins(1);

/// The least time between two samples, which bounds how many are kept.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// The count of ended rows over the last minute, sampled once a second.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    samples: VecDeque<(Time, u64)>,
}

impl Pace {
    /// Takes note that `done` rows had ended at `now`.
    pub(super) fn sample(&mut self, now: Time, done: u64) {
        if let Some((last, _)) = self.samples.back()
            && now.saturating_since(*last) < SAMPLE_EVERY
        {
            return;
        }
        self.samples.push_back((now, done));
        while let Some((first, _)) = self.samples.front()
            && now.saturating_since(*first) > SPAN
        {
            self.samples.pop_front();
        }
    }

    /// Rows a minute; `None`: too little is known yet.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a pace is shown with three digits"
    )]
    pub(super) fn per_minute(&self, now: Time, done: u64) -> Option<f64> {
        let (first, then) = self.samples.front()?;
        let passed = now.saturating_since(*first);
        if passed < SAMPLE_EVERY * 2 {
            return None;
        }
        Some(done.saturating_sub(*then) as f64 * 60.0 / passed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::{Pace, Time};

    #[test]
    fn the_pace_is_that_of_the_last_minute_and_memory_stays_bounded() {
        let mut pace = Pace::default();
        for second in 0..600_i64 {
            // One row a second, then ten.
            let done = if second < 300 {
                second
            } else {
                300 + (second - 300) * 10
            };
            let now = Time::from_millis(second * 1000);
            pace.sample(now, done.unsigned_abs());
            pace.sample(now, done.unsigned_abs());
        }
        let now = Time::from_millis(599_000);
        assert!((pace.per_minute(now, 3290).unwrap() - 600.0).abs() < 0.1);
        assert!(pace.samples.len() <= 61);
    }

    #[test]
    fn one_sample_is_no_pace() {
        let mut pace = Pace::default();
        pace.sample(Time::from_millis(0), 0);
        assert_eq!(pace.per_minute(Time::from_millis(1000), 9), None);
    }
}
