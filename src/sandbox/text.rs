//! Values written as text in settings: latencies, and whatever else has `FromStr`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serializer};

use super::options::SandboxError;

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

impl Latency {
    /// The longest latency taken.
    pub const MOST: Duration = Duration::from_mins(1);

    /// One value of the range, drawn from `random`.
    pub(super) fn draw(self, random: &mut fastrand::Rng) -> Duration {
        self.least + self.most.saturating_sub(self.least).mul_f64(random.f64())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, most] = [self.least, self.most]
            .map(|span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX));
        if least == most {
            return write!(f, "{least:#}");
        }
        write!(f, "{least:#}..{most:#}")
    }
}

impl FromStr for Latency {
    type Err = SandboxError;

    fn from_str(text: &str) -> Result<Self, SandboxError> {
        let span = |part: &str| {
            let span: SignedDuration = part.trim().parse().ok()?;
            Duration::try_from(span).ok()
        };
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        span(least)
            .zip(span(most))
            .map(|(least, most)| Self { least, most })
            .filter(|it| it.least <= it.most && it.most <= Self::MOST)
            .ok_or_else(|| {
                SandboxError(format!(
                    "`{text}` is not a latency; write a time such as \"50ms\" or a range such as \
                     \"20ms..200ms\", up to one minute"
                ))
            })
    }
}
