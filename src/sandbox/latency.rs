//! How long an answer takes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::text::Span;

/// How long an answer takes: always the same, or anything between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    least: Duration,
    most: Duration,
}

/// Why a text is not a [`Latency`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not a latency; write a time such as \"50ms\" or a range such as \"20ms..200ms\", \
     up to one minute"
)]
pub struct LatencyError {
    /// The text.
    text: String,
}

impl Latency {
    /// The longest latency taken.
    pub const MOST: Duration = Duration::from_secs(60);

    /// Always `span`.
    pub const fn fixed(span: Duration) -> Self {
        Self {
            least: span,
            most: span,
        }
    }

    /// One value of the range, drawn from `random`.
    pub(super) fn draw(self, random: &mut fastrand::Rng) -> Duration {
        self.least + (self.most - self.least).mul_f64(random.f64())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most {
            return Span(self.least).fmt(f);
        }
        write!(f, "{}..{}", Span(self.least), Span(self.most))
    }
}

impl FromStr for Latency {
    type Err = LatencyError;

    fn from_str(text: &str) -> Result<Self, LatencyError> {
        let span = |part: &str| part.parse::<Span>().ok().map(|span| span.0);
        let latency = match text.split_once("..") {
            None => span(text).map(Self::fixed),
            Some((least, most)) => span(least)
                .zip(span(most))
                .map(|(least, most)| Self { least, most }),
        };
        latency
            .filter(|it| it.least <= it.most && it.most <= Self::MOST)
            .ok_or_else(|| LatencyError {
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::Latency;

    #[rstest]
    #[case("50ms", 50, 50, "50ms")]
    #[case("20ms..200ms", 20, 200, "20ms..200ms")]
    #[case("0s", 0, 0, "0s")]
    fn a_latency_is_read_and_written(
        #[case] text: &str,
        #[case] least: u64,
        #[case] most: u64,
        #[case] written: &str,
    ) {
        let latency: Latency = text.parse().unwrap();
        assert_eq!(latency.to_string(), written);
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..100 {
            let drawn = latency.draw(&mut random);
            assert!(drawn >= Duration::from_millis(least) && drawn <= Duration::from_millis(most));
        }
    }

    #[rstest]
    #[case("200ms..20ms")]
    #[case("2h")]
    #[case("50")]
    #[case("..")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(text.parse::<Latency>().is_err());
    }
}
