//! Values of options that have a form of their own.

use std::str::FromStr;

use clap::ValueEnum;
use thiserror::Error;

/// Why a value has not the form its option wants.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{wanted}")]
pub struct ValueError {
    wanted: &'static str,
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

/// `--format` of `report`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A page for people who were not there: one file, which needs no network.
    Html,
    /// One JSON object.
    Json,
    /// Markdown, for tickets.
    Md,
    /// The rows of the input, in three files.
    Csv,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Delimiter, Scale};

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
