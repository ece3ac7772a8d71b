//! A row as it was read.

use std::borrow::Cow;

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
/// file is passed over and never stored. Texts are borrowed from the reader wherever they stand in
/// the file as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// The text of the id cell, blanks around it taken off; empty if the row has none.
    pub id: Cow<'a, str>,
    /// The text of the account cell, likewise; `None`: there is no such column, or it is blank.
    pub account: Option<Cow<'a, str>>,
    /// The text of the action cell, likewise.
    pub action: Option<Cow<'a, str>>,
    /// The text of the ref cell, likewise.
    pub reference: Option<Cow<'a, str>>,
    /// Whether blanks had to be taken off the id.
    pub trimmed: bool,
}

impl Record<'_> {
    /// The record with texts of its own, for who keeps it longer than its row is read.
    #[must_use]
    pub fn into_owned(self) -> Record<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Record {
            id: Cow::Owned(self.id.into_owned()),
            account: owned(self.account),
            action: owned(self.action),
            reference: owned(self.reference),
            trimmed: self.trimmed,
        }
    }
}
