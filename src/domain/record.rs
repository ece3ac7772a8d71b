//! A row as it was read.

use serde::{Deserialize, Serialize};

/// Where a row stands in its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The row's number among the rows of data, from 1. A header is no row.
    pub row: u64,
    /// The line the row begins on, from 1, counted in the decompressed, decoded text.
    pub line: u64,
}

/// A row as read: its position and the four cells that mean something here. Everything else in the
/// file is passed over and never stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The text of the id cell, blanks around it taken off; empty if the row has none.
    pub id: String,
    /// The text of the account cell, likewise; `None`: there is no such column, or it is blank.
    pub account: Option<String>,
    /// The text of the action cell, likewise.
    pub action: Option<String>,
    /// The text of the ref cell, likewise.
    pub reference: Option<String>,
    /// Whether blanks had to be taken off the id.
    pub trimmed: bool,
}
