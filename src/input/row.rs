//! What a [`Source`](super::Source) yields: a row, or why it is none.

use std::fmt;

use crate::domain::{Position, Record};

use super::text::is_harmless;

/// The longest text of a number that a reason repeats, in characters.
const ECHO_CHARS_MAX: usize = 32;

/// A row of the input: where it stands and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Where it stands.
    pub position: Position,
    /// Its cells, or why they cannot be read. A row with a problem still counts as a row.
    pub content: Result<Record<'a>, RowProblem>,
}

impl Row<'_> {
    /// The row with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Row<'static> {
        Row {
            position: self.position,
            content: self.content.map(Record::into_owned),
        }
    }
}

/// Why a row cannot be read. The row is invalid; the rows after it are not touched by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// The field that is at fault.
    pub field: Field,
    /// A stable word for tables and tests, e.g. `invalid_utf8`.
    pub code: &'static str,
    /// What is wrong and how to mend it, as a lower-case fragment. It never repeats the text of a
    /// cell, which may be anybody's name when the wrong column was taken.
    pub reason: String,
}

impl RowProblem {
    /// A problem of `field`.
    pub(crate) fn new(field: Field, code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            field,
            code,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// A part of a row that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The row as a whole.
    Row,
    /// The user id.
    Id,
    /// The account.
    Account,
    /// The action.
    Action,
    /// The admin's own reference.
    Reference,
}

impl Field {
    /// The name in plans and reasons.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Id => "id",
            Self::Account => "account",
            Self::Action => "action",
            Self::Reference => "ref",
        }
    }

    /// The option that says which column holds it; of the row as a whole, the one for ids.
    pub const fn option(self) -> &'static str {
        match self {
            Self::Row | Self::Id => "--id-column",
            Self::Account => "--account-column",
            Self::Action => "--action-column",
            Self::Reference => "--ref-column",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// `text` in backticks and a blank before it, where it is short and made of nothing but digits and
/// the signs of a number, so that it can be nobody's name; else nothing.
pub(super) fn echo(text: &str) -> String {
    if text.len() <= ECHO_CHARS_MAX && is_harmless(text) {
        format!(" `{text}`")
    } else {
        String::new()
    }
}
