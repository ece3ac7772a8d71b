//! Rows on their way from the thread that reads them to the one that judges them.
//!
//! Ten million rows of JSON are to be planned in 2.5 times a bare reading of them: one thread takes longer.

use std::borrow::Cow;

use crate::domain::{Position, Record};

use super::row::RowProblem;

/// How many rows go together, and how long their texts may be then, in bytes.
const ROWS_MAX: usize = 512;
const BYTES_MAX: usize = 256 * 1024;

/// Rows that stand one behind the other, none of which owns a text.
#[derive(Default)]
pub(super) struct RowBatch {
    /// The texts of all their cells.
    texts: String,
    rows: Vec<(Position, Result<Cells, RowProblem>)>,
}

/// Where the cells of a record end in the texts, each of which begins where the one before it ends; `None`: it
/// has no such cell.
struct Cells {
    ends: [Option<usize>; 5],
    trimmed: bool,
}

impl RowBatch {
    /// Takes a row; `false`: there is no room for another.
    pub(super) fn push(&mut self, position: Position, row: Result<Record<'_>, RowProblem>) -> bool {
        let cells = row.map(|record| {
            let id = Some(record.id);
            let cells = [
                id,
                record.account,
                record.action,
                record.reference,
                record.brand,
            ];
            let ends = cells.map(|cell| {
                self.texts.push_str(&cell?);
                Some(self.texts.len())
            });
            let trimmed = record.trimmed;
            Cells { ends, trimmed }
        });
        self.rows.push((position, cells));
        self.rows.len() < ROWS_MAX && self.texts.len() < BYTES_MAX
    }

    /// Shows `take` its rows.
    pub(super) fn show(self, take: &mut impl FnMut(Position, &Result<Record<'_>, RowProblem>)) {
        let mut from = 0;
        for (position, row) in self.rows {
            let row = row.map(|Cells { ends, trimmed }| {
                let [id, account, action, reference, brand] = ends.map(|end| {
                    let cell = &self.texts[from..end?];
                    from += cell.len();
                    Some(Cow::Borrowed(cell))
                });
                Record {
                    id: id.unwrap_or_default(),
                    account,
                    action,
                    reference,
                    brand,
                    trimmed,
                }
            });
            take(position, &row);
        }
    }
}
