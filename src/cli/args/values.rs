//! Values of options that have a form of their own.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use clap::ValueEnum;
use thiserror::Error;

use crate::domain::Outcome;

/// Why a value has not the form its option wants.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{wanted}")]
pub struct ValueError {
    wanted: &'static str,
}

/// `--max-failures`: when an account's lane stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxFailures {
    /// Once this many rows failed or were refused.
    Rows(NonZeroU64),
    /// Once this part of the rows did, in percent: above 0, at most 100. Counts after
    /// [`MaxFailures::PERCENT_AFTER`] rows.
    Percent(f64),
}

impl MaxFailures {
    /// How many rows must have ended before a part of them says anything.
    pub const PERCENT_AFTER: u64 = 1000;
    /// What holds when neither is given: this many rows …
    pub const ROWS_DEFAULT: u64 = 50;
    /// … or this part, in percent, after [`MaxFailures::PERCENT_AFTER`].
    pub const PERCENT_DEFAULT: f64 = 5.0;
}

impl FromStr for MaxFailures {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = ValueError {
            wanted: "write a number of rows above 0, such as 50, or a part above 0%, such as 5%",
        };
        match text.trim().strip_suffix('%') {
            None => text.trim().parse().map(Self::Rows).map_err(|_| error),
            Some(number) => match number.trim().parse::<f64>() {
                Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(Self::Percent(percent)),
                _ => Err(error),
            },
        }
    }
}

/// As it can be typed again; ledgers keep this text.
impl fmt::Display for MaxFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => rows.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// `--only`: which rows `retry` tries again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Only {
    /// Rows that ended so.
    Outcome(Outcome),
    /// Rows that ended with this code of the provider's or of ours.
    Code(String),
}

impl FromStr for Only {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ValueError {
                wanted: "write an outcome, such as refused, or a code that the ledger shows",
            });
        }
        // An outcome in any case; a code as the provider writes it.
        Ok(match text.to_ascii_lowercase().replace('-', "_").parse() {
            Ok(outcome) => Self::Outcome(outcome),
            Err(()) => Self::Code(text.to_owned()),
        })
    }
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outcome(outcome) => outcome.fmt(f),
            Self::Code(code) => f.pad(code),
        }
    }
}

/// `--delimiter`: what stands between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter(u8);

impl Delimiter {
    /// The byte.
    pub const fn byte(self) -> u8 {
        self.0
    }
}

impl FromStr for Delimiter {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.as_bytes() {
            _ if text == "tab" || text == "\\t" => Ok(Self(b'\t')),
            // A letter or digit would take ids apart, a quote or line break the rows.
            [byte]
                if byte.is_ascii()
                    && !byte.is_ascii_alphanumeric()
                    && !matches!(byte, b'"' | b'\'' | b'\n' | b'\r' | 0) =>
            {
                Ok(Self(*byte))
            }
            _ => Err(ValueError {
                wanted: "write one character such as ; or | or the word tab",
            }),
        }
    }
}

/// `--scale-limits`: what the sandbox multiplies the providers' limits by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale(f64);

impl Scale {
    /// The factor: above 0, at most 1,000,000.
    pub const fn factor(self) -> f64 {
        self.0
    }
}

impl FromStr for Scale {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.trim().parse::<f64>() {
            Ok(factor) if factor > 0.0 && factor <= 1e6 => Ok(Self(factor)),
            _ => Err(ValueError {
                wanted: "write a factor above 0, at most 1000000, such as 10 or 0.5",
            }),
        }
    }
}

/// `--format`: how rows stand in the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// By the extension, then by what stands in it.
    #[default]
    Auto,
    /// Comma-separated values with a header.
    Csv,
    /// The same with tabs.
    Tsv,
    /// One JSON object, or bare id, a line.
    Jsonl,
    /// A JSON array of objects, or of bare ids.
    Json,
    /// One id a line.
    Ids,
}

impl InputFormat {
    /// The name that ledgers use; `None`: it goes by the input.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::Csv => Some("csv"),
            Self::Tsv => Some("tsv"),
            Self::Jsonl => Some("jsonl"),
            Self::Json => Some("json"),
            Self::Ids => Some("ids"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Delimiter, MaxFailures, Only, Scale};
    use crate::domain::Outcome;

    #[rstest]
    #[case("1", Some("1"))]
    #[case("50", Some("50"))]
    #[case("5%", Some("5%"))]
    #[case("0.5%", Some("0.5%"))]
    #[case("100%", Some("100%"))]
    #[case("0", None)]
    #[case("0%", None)]
    #[case("101%", None)]
    #[case("-1", None)]
    #[case("1.5", None)]
    #[case("nan%", None)]
    #[case("%", None)]
    #[case("", None)]
    fn a_failure_limit_is_a_number_or_a_part(#[case] text: &str, #[case] shown: Option<&str>) {
        let parsed = text.parse::<MaxFailures>().ok();
        assert_eq!(parsed.map(|limit| limit.to_string()).as_deref(), shown);
    }

    #[rstest]
    #[case("refused", Only::Outcome(Outcome::Refused))]
    #[case("IN-DOUBT", Only::Outcome(Outcome::InDoubt))]
    #[case("not_found", Only::Outcome(Outcome::NotFound))]
    #[case("TOO_MANY_REQUESTS", Only::Code("TOO_MANY_REQUESTS".into()))]
    #[case("RecordInvalid", Only::Code("RecordInvalid".into()))]
    fn only_is_an_outcome_or_a_code(#[case] text: &str, #[case] expected: Only) {
        assert_eq!(text.parse(), Ok(expected));
    }

    #[rstest]
    #[case(";", Some(b';'))]
    #[case("|", Some(b'|'))]
    #[case(" ", Some(b' '))]
    #[case("\t", Some(b'\t'))]
    #[case("tab", Some(b'\t'))]
    #[case("\\t", Some(b'\t'))]
    #[case("", None)]
    #[case(";;", None)]
    #[case("a", None)]
    #[case("7", None)]
    #[case("\"", None)]
    #[case("\n", None)]
    #[case("§", None)]
    fn a_delimiter_is_one_byte_that_is_in_no_id(#[case] text: &str, #[case] byte: Option<u8>) {
        assert_eq!(text.parse().ok().map(Delimiter::byte), byte);
    }

    #[rstest]
    #[case("10", true)]
    #[case("0.5", true)]
    #[case("0", false)]
    #[case("-1", false)]
    #[case("inf", false)]
    #[case("nan", false)]
    fn a_scale_is_a_positive_factor(#[case] text: &str, #[case] good: bool) {
        assert_eq!(text.parse::<Scale>().is_ok(), good);
    }
}
