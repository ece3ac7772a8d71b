//! Values written as text in settings: spans of time, and whatever else has `FromStr`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::Span;

    #[rstest]
    #[case("50ms", 50, "50ms")]
    #[case("2s", 2_000, "2s")]
    #[case("10m", 600_000, "10m")]
    #[case("0s", 0, "0s")]
    fn a_span_is_read_and_written(#[case] text: &str, #[case] millis: u64, #[case] written: &str) {
        let span: Span = text.parse().unwrap();
        assert_eq!(span, Span(Duration::from_millis(millis)));
        assert_eq!(span.to_string(), written);
    }

    #[rstest]
    #[case("")]
    #[case("5")]
    #[case("-5s")]
    #[case("soon")]
    fn anything_else_is_no_span(#[case] text: &str) {
        assert!(text.parse::<Span>().is_err());
    }
}
