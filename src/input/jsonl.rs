//! JSON Lines: one object, or one bare id, a line. Blank lines are no rows.

use crate::domain::Record;

use super::error::Fault;
use super::keys::Keys;
use super::lines::{LineReader, Text};
use super::object::{record_of, text_of};
use super::row::{Field, RowProblem};

/// Reads value by value.
pub(super) struct JsonlRows {
    lines: LineReader,
    keys: Keys,
}

impl JsonlRows {
    /// Reads `text`, taking fields from `keys`.
    pub(super) fn new(text: Text, keys: Keys) -> Self {
        Self {
            lines: LineReader::new(text),
            keys,
        }
    }

    /// Goes on to the next line that holds a row; `false`: there is none.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        while self.lines.advance_to_text()? {
            if !self.lines.is_blank() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The line, from 1.
    pub(super) fn line(&self) -> u64 {
        self.lines.line()
    }

    /// The cells that mean something.
    pub(super) fn content(&self) -> Result<Record<'_>, RowProblem> {
        record_of(self.json()?, &self.keys)
    }

    /// The row's JSON text.
    pub(super) fn json(&self) -> Result<&str, RowProblem> {
        text_of(self.lines.content()?, Field::Row)
    }
}
