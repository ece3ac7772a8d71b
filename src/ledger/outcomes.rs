//! The last outcome of each row, looked up by row: for reports that go through the input.
//!
//! A ledger is in the order in which rows ended. Its outcomes are left on disk, and what is kept is
//! where each row's last one begins: eight bytes a row.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use super::chain::{self, LINE_BYTES_MAX};
use super::disk::open_to_read;
use super::error::LedgerError;
use super::state::LedgerState;
use crate::domain::{Entry, OutcomeEntry, Time, UnsentRows};

/// How many rows share a page of places; small, as rows may be few and scattered.
const PAGE_ROWS: usize = 64;

/// No line of an outcome begins here: the header does.
const NOWHERE: u64 = 0;

/// The last outcome of each row of a ledger.
#[derive(Debug)]
pub struct Outcomes {
    path: PathBuf,
    file: BufReader<File>,
    /// Where the next byte of `file` stands.
    at: u64,
    /// Where the line of each row's last outcome begins, page by page.
    places: HashMap<u64, Box<[u64; PAGE_ROWS]>>,
    line: Vec<u8>,
    /// The block of rows that are not sent that was read last, and where it stands.
    block: Option<(u64, UnsentRows)>,
    began: Time,
}

impl Outcomes {
    /// Reads the ledger of `state` once more, as far as it was read then, checking every line.
    pub fn of(state: &LedgerState) -> Result<Self, LedgerError> {
        let path = state.path.clone();
        let file = open_to_read(&path).map_err(|source| LedgerError::io("open", &path, source))?;
        let mut outcomes = Self {
            file: BufReader::new(file),
            at: 0,
            places: HashMap::new(),
            line: Vec::new(),
            block: None,
            began: state.header.started_at,
            path,
        };
        state.read_again(|link, entry| match entry {
            Entry::Outcome(entry) => outcomes.note(entry.position.row, link.byte),
            Entry::Unsent(block) => {
                let rows = block.rows.iter();
                rows.for_each(|position| outcomes.note(position.row, link.byte));
            }
            _ => {}
        })?;
        Ok(outcomes)
    }

    /// The last outcome of `row`; `None`: it has none.
    pub fn get(&mut self, row: u64) -> Result<Option<OutcomeEntry>, LedgerError> {
        let Some(page) = self.places.get(&(row / PAGE_ROWS as u64)) else {
            return Ok(None);
        };
        let place = page[slot(row)];
        if place == NOWHERE {
            return Ok(None);
        }
        if let Some(entry) = self.of_block(place, row) {
            return Ok(Some(entry));
        }
        let entry = self.read_line(place).and_then(|()| {
            let changed = || io::Error::other("it has been changed meanwhile");
            match chain::decode(&mut self.line)? {
                Entry::Outcome(entry) if entry.position.row == row => Ok(entry),
                Entry::Unsent(block) => {
                    self.block = Some((place, block));
                    self.of_block(place, row).ok_or_else(changed)
                }
                _ => Err(changed()),
            }
        });
        entry
            .map(Some)
            .map_err(|source| LedgerError::io("read", &self.path, source))
    }

    /// The end of `row` from the block that was read last, if that stands at `place`.
    fn of_block(&self, place: u64, row: u64) -> Option<OutcomeEntry> {
        let (_, block) = self.block.as_ref().filter(|(at, _)| *at == place)?;
        block
            .outcomes(self.began)
            .find(|entry| entry.position.row == row)
    }

    fn note(&mut self, row: u64, place: u64) {
        let page = self.places.entry(row / PAGE_ROWS as u64);
        page.or_insert_with(|| Box::new([NOWHERE; PAGE_ROWS]))[slot(row)] = place;
    }

    fn read_line(&mut self, place: u64) -> io::Result<()> {
        // Rows end more or less in the order of the input, so that most lines are in the buffer.
        let step = i64::try_from(i128::from(place) - i128::from(self.at));
        self.file.seek_relative(step.map_err(io::Error::other)?)?;
        self.line.clear();
        let read = (&mut self.file)
            .take(LINE_BYTES_MAX as u64)
            .read_until(b'\n', &mut self.line)?;
        self.at = place + read as u64;
        Ok(())
    }
}

/// The place of a row in its page.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what is left of a division by 64 fits"
)]
const fn slot(row: u64) -> usize {
    (row % PAGE_ROWS as u64) as usize
}
