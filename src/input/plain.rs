//! Rows of CSV that are plain, many at a time: whole lines in the buffer without a quote, whose cells
//! are what stands between the delimiters. Their text is looked at and copied once for all of them.
//!
//! What is not plain is left to [`CsvRows`]'s own way, which says the same of every row: a test holds
//! the two against each other.
//!
//! The figure that keeps it: `plan` of numeric ids in order takes twice a bare csv read at most.
//! Without it, it takes nearly twice as long.

use memchr::{memchr, memchr3_iter, memrchr};

use super::ahead::{Batch, Cells, Place, ROWS_MAX};
use super::csv::CsvRows;
use super::error::Fault;
use super::mapping::Places;
use super::row::{is_blank, trim_cell};
use crate::domain::Position;

impl CsvRows {
    /// Adds the plain rows in the buffer to `batch`, as many as it has room for; none: the next row is
    /// not plain, or there is none. `row` is the number of the row before.
    pub(super) fn fill_plain(&mut self, row: u64, batch: &mut Batch) -> Result<(), Fault> {
        let line = self.lines.line;
        let chunk = self.text.fill_buf();
        let chunk = chunk.map_err(|source| Fault::Io { line, source })?;
        let quote = memchr(b'"', chunk).unwrap_or(chunk.len());
        let end = memrchr(b'\n', &chunk[..quote]).map_or(0, |end| end + 1);
        // One row that is no text makes all wait for the other way, which says what is wrong with it.
        let Ok(text) = std::str::from_utf8(&chunk[..end]) else {
            return Ok(());
        };
        let before = batch.rows.len();
        let base = batch.text.len();
        let mut position = Position { row, line };
        let (mut begin, mut count) = (0, 0);
        for end in memchr3_iter(self.delimiter, b'\n', b'\r', text.as_bytes()) {
            match text.as_bytes()[end] {
                b'\n' => {
                    let is_crlf = end > begin && text.as_bytes()[end - 1] == b'\r';
                    let Some(place) = self.ends.get_mut(count) else {
                        break;
                    };
                    *place = end - usize::from(is_crlf);
                    let plain = Plain {
                        text,
                        begin,
                        base,
                        places: self.places,
                        columns: self.columns,
                    };
                    let Some(cells) = plain.cells(&self.ends[..=count]) else {
                        break;
                    };
                    position.row += 1;
                    batch.rows.push((position, Ok(cells)));
                    position.line += 1;
                    (begin, count) = (end + 1, 0);
                    if batch.rows.len() >= ROWS_MAX {
                        break;
                    }
                }
                b'\r' if text.as_bytes()[end + 1] == b'\n' => {}
                b'\r' => break,
                _ => {
                    let Some(place) = self.ends.get_mut(count) else {
                        break;
                    };
                    *place = end;
                    count += 1;
                }
            }
        }
        if begin > 0 {
            batch.text.push_str(&text[..begin]);
            self.lines.over_lines((batch.rows.len() - before) as u64);
            self.text.consume(begin);
        }
        Ok(())
    }
}

/// A row among others.
struct Plain<'a> {
    text: &'a str,
    /// Where it begins in `text`.
    begin: usize,
    /// How many bytes `text` will stand behind.
    base: usize,
    places: Places,
    /// How many columns the header has.
    columns: usize,
}

impl Plain<'_> {
    /// The cells that mean something, by where each of all ends; `None`: there is something to say
    /// about the row.
    fn cells(&self, ends: &[usize]) -> Option<Cells> {
        let is_blank_line = ends.last() == Some(&self.begin);
        let is_longer = ends.len() > self.columns;
        let may_shift = self.places.may_shift(ends.len(), self.columns);
        if is_blank_line || self.places.id >= ends.len() || is_longer || may_shift {
            return None;
        }
        let (id, trimmed) = self.bare(ends, self.places.id);
        if id.is_empty() {
            // It may be no row at all.
            return None;
        }
        let cell = |place: Option<usize>| match place.filter(|place| *place < ends.len()) {
            Some(place) => self.bare(ends, place).0,
            None => Place::default(),
        };
        Some(Cells {
            id,
            account: cell(self.places.account),
            action: cell(self.places.action),
            reference: cell(self.places.reference),
            trimmed,
        })
    }

    /// Where the cell at `place` stands without the blanks around it, and whether there are any.
    fn bare(&self, ends: &[usize], place: usize) -> (Place, bool) {
        let from = if place == 0 {
            self.begin
        } else {
            ends[place - 1] + 1
        };
        let cell = &self.text[from..ends[place]];
        let bare = trim_cell(cell);
        let is_trimmed = bare.len() < cell.len();
        let blanks = if is_trimmed {
            cell.len() - cell.trim_start_matches(is_blank).len()
        } else {
            0
        };
        let from = self.base + from + blanks;
        (Place::new(from, from + bare.len()), is_trimmed)
    }
}
