//! `--where`: which rows of an input are taken, by what stands in any column of theirs.

use std::cmp::Ordering;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use regex_lite::{Regex, RegexBuilder};

use super::row::{Field, RowProblem, trim_cell};

/// The word for a row that a [`Test`] leaves out.
pub(crate) const FILTERED: &str = "filtered";

/// The most memory that a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// The signs that operators are made of.
const SIGNS: [char; 5] = ['=', '!', '~', '<', '>'];

/// A test of one cell of each row: `COLUMN OP VALUE`.
#[derive(Debug, Clone)]
pub struct Test {
    /// The column, as a header or a dotted JSON key.
    pub(super) column: String,
    check: Check,
    /// Whether rows are left out that pass the check, instead of those that fail it.
    pub(super) is_negated: bool,
}

/// The question about a cell.
#[derive(Debug, Clone)]
enum Check {
    Empty,
    Equal(String),
    Matches(Regex),
    /// Whether it is less or greater than a number or a date.
    Compared(Ordering, String),
}

impl FromStr for Test {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write 'COLUMN OP VALUE' with =, !=, ~ (a pattern), < or > (a number, a date), or 'COLUMN empty'";
        let Some(start) = text.find(SIGNS) else {
            let column = text.trim_end().strip_suffix("empty").unwrap_or_default();
            let is_whole = column.ends_with(char::is_whitespace) && !trim_cell(column).is_empty();
            let asked = is_whole.then(|| Self::new(column, Check::Empty, false));
            return asked.ok_or_else(|| form.to_owned());
        };
        let (column, rest) = text.split_at(start);
        let end = rest.find(|c| !SIGNS.contains(&c)).unwrap_or(rest.len());
        let (sign, value) = (&rest[..end], trim_cell(&rest[end..]));
        if trim_cell(column).is_empty() || value.is_empty() {
            return Err(form.to_owned());
        }
        let quoted = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
        let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
        let check = match sign {
            "=" | "!=" => Check::Equal(value.to_owned()),
            "~" => {
                let mut pattern = RegexBuilder::new(value);
                let pattern = pattern.size_limit(PATTERN_BYTES_MAX).build();
                Check::Matches(pattern.map_err(|error| error.to_string())?)
            }
            "<" | ">" if compare(value, value).is_none() => {
                return Err(format!(
                    "write a number or a date such as 2026-01-31 behind {sign}"
                ));
            }
            "<" => Check::Compared(Ordering::Less, value.to_owned()),
            ">" => Check::Compared(Ordering::Greater, value.to_owned()),
            _ => return Err(format!("{sign} is no operator; {form}")),
        };
        Ok(Self::new(column, check, sign == "!="))
    }
}

impl Test {
    fn new(column: &str, check: Check, is_negated: bool) -> Self {
        Self {
            column: trim_cell(column).to_owned(),
            check,
            is_negated,
        }
    }

    /// The opposite: `--where-not`.
    #[must_use]
    pub fn negated(self) -> Self {
        Self {
            is_negated: !self.is_negated,
            ..self
        }
    }

    /// Whether a row with this cell is taken. A blank cell is neither less nor greater than anything.
    ///
    /// # Errors
    ///
    /// The cell should be compared and cannot be. No guess is made of who is deleted.
    pub(super) fn takes(&self, cell: &str) -> Result<bool, RowProblem> {
        let cell = trim_cell(cell);
        let passes = match &self.check {
            Check::Empty => cell.is_empty(),
            Check::Equal(value) => cell == value,
            Check::Matches(pattern) => pattern.is_match(cell),
            Check::Compared(..) if cell.is_empty() => false,
            Check::Compared(order, value) => {
                let compared = compare(cell, value).ok_or_else(|| {
                    let reason = format!(
                        "column `{}` holds neither a number nor a date (such as 2026-01-31) that `--where` could compare; fix the cell",
                        self.column
                    );
                    RowProblem::new(Field::Row, "not_comparable", reason)
                })?;
                compared == *order
            }
        };
        Ok(passes != self.is_negated)
    }
}

/// How two numbers compare, or two dates; `None`: they are not both one or the other.
fn compare(one: &str, other: &str) -> Option<Ordering> {
    if let (Ok(one), Ok(other)) = (one.parse::<i128>(), other.parse::<i128>()) {
        return Some(one.cmp(&other));
    }
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.partial_cmp(&other),
        _ => Some(instant(one)?.cmp(&instant(other)?)),
    }
}

fn number(text: &str) -> Option<f64> {
    // Rust reads `inf` and `nan` as numbers too.
    let is_part = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    text.bytes().all(is_part).then(|| text.parse().ok())?
}

/// The instant of a date, or of a date and a time; of UTC unless it says where.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let text = text.strip_suffix("UTC").unwrap_or(text).trim_end();
    let civil: DateTime = text.parse().ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp())
}
