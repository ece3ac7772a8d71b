//! Rows read ahead: a thread of its own takes the file apart, some hundred rows at a time, while who
//! asked for them decides about those before. Either takes about as long.

use std::borrow::Cow;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use crate::domain::{Position, Record};

use super::error::InputError;
use super::row::{Row, RowProblem};
use super::source::Source;

/// How many rows are handed over at once.
const ROWS_MAX: usize = 512;

/// How many bytes of text a batch has, but for its last row.
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
struct Batch {
    text: String,
    rows: Vec<(Position, Result<Cells, RowProblem>)>,
}

/// Where the texts of a [`Record`] stand in the text of the batch.
#[derive(Debug, Clone, Copy)]
struct Cells {
    id: Place,
    account: Option<Place>,
    action: Option<Place>,
    reference: Option<Place>,
    trimmed: bool,
}

/// From the first byte to behind the last.
type Place = (usize, usize);

impl Batch {
    /// Takes rows of `source` as long as there is room. Fewer are there only at its end.
    fn fill(&mut self, source: &mut Source) -> Result<(), InputError> {
        self.text.clear();
        self.rows.clear();
        let mut last = None;
        while self.rows.len() < ROWS_MAX && self.text.len() < TEXT_BYTES {
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
            Some((from, to)) if &self.text[from..to] == text => (from, to),
            _ => {
                let from = self.text.len();
                self.text.push_str(text);
                (from, self.text.len())
            }
        };
        let account = record.account.as_deref();
        let action = record.action.as_deref();
        Cells {
            id: keep(&record.id, None),
            account: account.map(|text| keep(text, last.and_then(|last| last.account))),
            action: action.map(|text| keep(text, last.and_then(|last| last.action))),
            reference: record.reference.as_deref().map(|text| keep(text, None)),
            trimmed: record.trimmed,
        }
    }

    /// Shows `take` its rows, and is empty then.
    fn show(&mut self, take: &mut impl FnMut(&Row<'_>)) {
        let text = &self.text;
        let cell = |(from, to): Place| Cow::Borrowed(&text[from..to]);
        for (position, cells) in self.rows.drain(..) {
            take(&Row {
                position,
                content: cells.map(|cells| Record {
                    id: cell(cells.id),
                    account: cells.account.map(cell),
                    action: cells.action.map(cell),
                    reference: cells.reference.map(cell),
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
    use super::{ROWS_MAX, Row, Source, TEXT_BYTES};

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
    fn long_rows_fill_batches_too() {
        let mut text = "id,ref\n".to_owned();
        for length in [TEXT_BYTES - 1, TEXT_BYTES, 3, 2 * TEXT_BYTES, 5] {
            writeln!(text, "1,{}", "x".repeat(length)).unwrap();
        }
        let (ahead, plain) = both_ways(&text);
        assert_eq!(ahead.len(), 5);
        assert_eq!(ahead, plain);
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
        fn rows_read_ahead_are_the_rows_that_are_read(
            rows in prop::collection::vec(("[0-9 ]{0,3}|x\"", "acme|crm||é", "purge|delete|", "[a-z\"]{0,2}"), 0..40)
        ) {
            let mut text = "id,account,action,ref\n".to_owned();
            for (id, account, action, reference) in &rows {
                writeln!(text, "{id},{account},{action},{reference}").unwrap();
            }
            let (ahead, plain) = both_ways(&text);
            prop_assert_eq!(ahead, plain);
        }
    }
}
