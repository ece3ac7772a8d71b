//! Rows read ahead: a thread of its own takes the file apart, some thousand rows at a time, while who
//! asked for them decides about those before. Either takes about as long.
//!
//! The figures that keep it: `plan` of numeric ids in order takes twice a bare csv read at most, and
//! of JSON Lines 2.5 times a bare `serde_json` read.

use std::borrow::Cow;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use crate::domain::{Position, Record};

use super::error::InputError;
use super::row::{Row, RowProblem};
use super::source::Source;

/// How many rows are handed over at once.
pub(super) const ROWS_MAX: usize = 2_048;

/// How many bytes of text a batch has, but for its last rows.
const TEXT_BYTES: usize = 64 * 1024;

/// How many batches wait at most to be looked at.
const BATCHES_MAX: usize = 4;

impl Source {
    /// Shows `take` every row that is left, in the order of the file, read ahead on another thread.
    ///
    /// # Errors
    ///
    /// The file cannot be read to its end. `take` has seen the rows before.
    ///
    /// # Panics
    ///
    /// The system has no thread to give.
    pub fn each_row(&mut self, mut take: impl FnMut(&Row<'_>)) -> Result<(), InputError> {
        std::thread::scope(|scope| {
            let (hand, handed) = sync_channel(BATCHES_MAX);
            let (used, free) = channel();
            scope.spawn(move || read_ahead(self, &hand, &free));
            for batch in handed {
                let mut batch: Batch = batch?;
                batch.show(&mut take);
                // The thread may have come to the end and be gone.
                let _ = used.send(batch);
            }
            Ok(())
        })
    }
}

/// What the thread does: fills batches, those that come back before new ones.
fn read_ahead(
    source: &mut Source,
    hand: &SyncSender<Result<Batch, InputError>>,
    free: &Receiver<Batch>,
) {
    // Bounded by the rows of the file.
    loop {
        let mut batch = free.try_recv().unwrap_or_default();
        let filled = batch.fill(source);
        let is_last = batch.rows.len() < ROWS_MAX && batch.text.len() < TEXT_BYTES;
        // Who does not listen any more does not want the rest.
        if hand.send(Ok(batch)).is_err() {
            return;
        }
        if let Err(error) = filled {
            let _ = hand.send(Err(error));
            return;
        }
        if is_last {
            return;
        }
    }
}

/// Some rows, with all their texts in one.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The texts, and what lies between them.
    pub(super) text: String,
    pub(super) rows: Vec<(Position, Result<Cells, RowProblem>)>,
}

/// Where the texts of a [`Record`] stand in the text of the batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells {
    pub(super) id: Place,
    pub(super) account: Place,
    pub(super) action: Place,
    pub(super) reference: Place,
    pub(super) trimmed: bool,
}

/// Where a text stands. Of a cell that is not there it is empty.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    from: u32,
    to: u32,
}

impl Place {
    /// From the first byte to behind the last. No batch is as long as 4 GB.
    pub(super) fn new(from: usize, to: usize) -> Self {
        let short = |place| u32::try_from(place).unwrap_or(u32::MAX);
        Self {
            from: short(from),
            to: short(to),
        }
    }

    /// Whether it is the place of no text.
    pub(super) const fn is_empty(self) -> bool {
        self.from == self.to
    }

    fn of(self, text: &str) -> &str {
        &text[self.from as usize..self.to as usize]
    }
}

impl Batch {
    /// Takes rows of `source` as long as there is room. Fewer are there only at its end.
    fn fill(&mut self, source: &mut Source) -> Result<(), InputError> {
        self.text.clear();
        self.rows.clear();
        let mut last = None;
        while self.rows.len() < ROWS_MAX && self.text.len() < TEXT_BYTES {
            // As many at once as need no look at each; if there is none, one by one.
            if source.next_plain(self)? {
                continue;
            }
            let Some(row) = source.next_row()? else {
                break;
            };
            let cells = row.content.map(|record| self.keep(&record, last));
            last = cells.as_ref().ok().copied().or(last);
            self.rows.push((row.position, cells));
        }
        Ok(())
    }

    /// Keeps the texts of `record`; where a row names the account or action of the `last`, once.
    fn keep(&mut self, record: &Record<'_>, last: Option<Cells>) -> Cells {
        let mut keep = |text: &str, like: Option<Place>| match like {
            Some(place) if place.of(&self.text) == text => place,
            _ => {
                let from = self.text.len();
                self.text.push_str(text);
                Place::new(from, self.text.len())
            }
        };
        let mut cell = |text: &Option<Cow<'_, str>>, like| {
            let text = text.as_deref();
            text.map_or(Place::default(), |text| keep(text, like))
        };
        Cells {
            account: cell(&record.account, last.map(|last| last.account)),
            action: cell(&record.action, last.map(|last| last.action)),
            reference: cell(&record.reference, None),
            id: keep(&record.id, None),
            trimmed: record.trimmed,
        }
    }

    /// Shows `take` its rows, and is empty then.
    fn show(&mut self, take: &mut impl FnMut(&Row<'_>)) {
        let text = &self.text;
        let cell = |place: Place| (place.from < place.to).then(|| Cow::Borrowed(place.of(text)));
        for (position, cells) in self.rows.drain(..) {
            take(&Row {
                position,
                content: cells.map(|cells| Record {
                    id: Cow::Borrowed(cells.id.of(text)),
                    account: cell(cells.account),
                    action: cell(cells.action),
                    reference: cell(cells.reference),
                    trimmed: cells.trimmed,
                }),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::super::ReadOptions;
    use super::{ROWS_MAX, Row, Source};

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn both_ways(text: &str) -> (Vec<Row<'static>>, Vec<Row<'static>>) {
        let file = file(text);
        let open = || Source::open(file.path(), &ReadOptions::default()).unwrap();
        let mut ahead = Vec::new();
        open()
            .each_row(|row| ahead.push(row.clone().into_owned()))
            .unwrap();
        (ahead, open().map(Result::unwrap).collect())
    }

    #[test]
    fn no_row_is_lost_where_batches_end() {
        for count in [0, 1, ROWS_MAX - 1, ROWS_MAX, ROWS_MAX + 1, 3 * ROWS_MAX] {
            let mut text = "id,account\n".to_owned();
            for n in 1..=count {
                writeln!(text, "{n},{}", ["acme", "crm", ""][n % 3]).unwrap();
            }
            let (ahead, plain) = both_ways(&text);
            assert_eq!(ahead.len(), count);
            assert_eq!(ahead, plain);
        }
    }

    #[test]
    fn what_stands_before_damage_is_shown() {
        let mut text = "id\n".to_owned();
        for id in 0..200_000 {
            writeln!(text, "{id}").unwrap();
        }
        let mut bytes = zstd::encode_all(text.as_bytes(), 1).unwrap();
        bytes.truncate(bytes.len() / 2);
        let mut file = tempfile::NamedTempFile::with_suffix(".csv.zst").unwrap();
        file.write_all(&bytes).unwrap();
        let open = || Source::open(file.path(), &ReadOptions::default()).unwrap();
        let mut seen = 0;
        assert!(open().each_row(|_| seen += 1).is_err());
        assert_eq!(seen, open().take_while(Result::is_ok).count());
    }

    proptest! {
        #[test]
        fn rows_taken_many_at_a_time_are_the_rows_that_are_read(
            header in "(x,)?id(,account)?(,action,ref)?",
            rows in "([0-9a,,, \u{a0}é\n\n\r\"]|\r\n|1,5|acme){0,120}",
        ) {
            let (ahead, plain) = both_ways(&format!("{header}\n{rows}"));
            prop_assert_eq!(ahead, plain);
        }
    }
}
