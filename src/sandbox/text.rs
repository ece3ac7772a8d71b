//! Values written as text in settings: spans of time, latencies, and whatever else has `FromStr`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A span of time, written like `50ms`, `2s` or `10m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        write!(f, "{span:#}")
    }
}

impl FromStr for Span {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span: SignedDuration = text.trim().parse()?;
        Duration::try_from(span).map(Self)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

/// For `#[serde(with = "text")]`: writes a value as it displays.
pub(super) fn serialize<T: fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// For `#[serde(with = "text")]`: reads a value as it parses.
pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

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
    pub const MOST: Duration = Duration::from_mins(1);

    /// Always `span`.
    pub const fn fixed(span: Duration) -> Self {
        Self {
            least: span,
            most: span,
        }
    }

    /// One value of the range, drawn from `random`.
    pub(super) fn draw(self, random: &mut fastrand::Rng) -> Duration {
        self.least + self.most.saturating_sub(self.least).mul_f64(random.f64())
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

    use super::Latency;

    #[test]
    fn a_latency_is_read_and_written() {
        for (text, least, most) in [
            ("50ms", 50, 50),
            ("20ms..200ms", 20, 200),
            ("1m", 60_000, 60_000),
            ("0s", 0, 0),
        ] {
            let latency: Latency = text.parse().unwrap();
            assert_eq!(latency.to_string(), text);
            let mut random = fastrand::Rng::with_seed(7);
            let range = Duration::from_millis(least)..=Duration::from_millis(most);
            assert!((0..100).all(|_| range.contains(&latency.draw(&mut random))));
        }
        for text in ["200ms..20ms", "2h", "50", "..", "", "-5s", "soon"] {
            assert!(text.parse::<Latency>().is_err(), "{text}");
        }
    }
}
