//! The readers of all formats behind one face.

use crate::domain::Record;

use super::csv::CsvRows;
use super::error::Fault;
use super::ids::{Asides, IdRows};
use super::json::JsonRows;
use super::jsonl::JsonlRows;
use super::row::RowProblem;

/// The reader of a format.
pub(super) enum Rows {
    Csv(Box<CsvRows>),
    Jsonl(JsonlRows),
    Json(JsonRows),
    Ids(IdRows),
}

impl Rows {
    /// Goes on to the next row; `false`: there is none.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        match self {
            Self::Csv(rows) => rows.advance(),
            Self::Jsonl(rows) => rows.advance(),
            Self::Json(rows) => rows.advance(),
            Self::Ids(rows) => rows.advance(),
        }
    }

    /// The line the row begins on, from 1.
    pub(super) fn line(&self) -> u64 {
        match self {
            Self::Csv(rows) => rows.line(),
            Self::Jsonl(rows) => rows.line(),
            Self::Json(rows) => rows.line(),
            Self::Ids(rows) => rows.line(),
        }
    }

    /// The row's cells that mean something, or why they cannot be read.
    pub(super) fn content(&self) -> Result<Record<'_>, RowProblem> {
        match self {
            Self::Csv(rows) => rows.content(),
            Self::Jsonl(rows) => rows.content(),
            Self::Json(rows) => rows.content(),
            Self::Ids(rows) => rows.content(),
        }
    }

    /// Whether a list's line holds something behind its id, which is passed over.
    pub(super) fn has_remark(&self) -> bool {
        match self {
            Self::Ids(rows) => rows.has_remark(),
            Self::Csv(_) | Self::Jsonl(_) | Self::Json(_) => false,
        }
    }

    /// What a list holds beside its ids, as far as it was read.
    pub(super) fn asides(&self) -> Asides {
        match self {
            Self::Ids(rows) => rows.asides(),
            Self::Csv(_) | Self::Jsonl(_) | Self::Json(_) => Asides::default(),
        }
    }

    /// The row's JSON text; `None`: it has none that can be read.
    pub(super) fn json(&self) -> Option<&str> {
        match self {
            Self::Csv(_) | Self::Ids(_) => None,
            Self::Jsonl(rows) => rows.json().ok(),
            Self::Json(rows) => rows.json().ok(),
        }
    }

    /// The row as the file has it, as far as its format sets cells apart.
    pub(super) fn raw(&self) -> Raw<'_> {
        match self {
            Self::Csv(rows) => Raw::Cells(rows.cells()),
            Self::Ids(rows) => Raw::Line(rows.line_bytes()),
            Self::Jsonl(_) | Self::Json(_) => self.json().map_or(Raw::Unreadable, Raw::Json),
        }
    }
}

/// A row as the file has it.
pub(super) enum Raw<'a> {
    /// Every cell of CSV; none of a row that cannot be read.
    Cells(Vec<&'a [u8]>),
    /// The line of a list of ids; empty if it cannot be read.
    Line(&'a [u8]),
    /// The text of a JSON value.
    Json(&'a str),
    /// A JSON row that is too long or no text.
    Unreadable,
}
