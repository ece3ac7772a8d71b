//! The readers of all formats behind one face.

use crate::domain::Record;

use super::csv::CsvRows;
use super::error::Fault;
use super::ids::IdRows;
use super::json::JsonRows;
use super::jsonl::JsonlRows;
use super::object::cells_of;
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
    pub(super) fn content(&self) -> Result<Record, RowProblem> {
        match self {
            Self::Csv(rows) => rows.content(),
            Self::Jsonl(rows) => rows.content(),
            Self::Json(rows) => rows.content(),
            Self::Ids(rows) => rows.content(),
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

    /// The row as the file has it: every cell of CSV, the line of a list of ids, of JSON the value
    /// at each of `keys`. Of a row that cannot be read, none.
    pub(super) fn cells(&self, keys: &[String]) -> Vec<String> {
        match self {
            Self::Csv(rows) => rows.cells(),
            Self::Ids(rows) => rows.cells(),
            Self::Jsonl(_) | Self::Json(_) => self
                .json()
                .map_or_else(Vec::new, |json| cells_of(json, keys)),
        }
    }
}
