//! The last outcome of each row, looked up by row: for reports that go through the input.
//!
//! A ledger is in the order in which rows ended. Its outcomes are left on disk, and what is kept is
//! where each begins: sixteen bytes an outcome.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;

use super::chain;
use super::disk::open_to_read;
use super::error::LedgerError;
use super::reader::{changed, line_at};
use super::state::LedgerState;
use crate::domain::{Entry, OutcomeEntry, Time};

/// The last outcome of each row of a ledger.
#[derive(Debug)]
pub struct Outcomes {
    path: PathBuf,
    file: BufReader<File>,
    /// Each row that ended, and where the line of that outcome begins, ascending.
    places: Vec<(u64, u64)>,
    /// Where the line that was read last begins, and the rows that it ends.
    last: (u64, Vec<OutcomeEntry>),
    began: Time,
}

impl Outcomes {
    /// Reads the ledger of `state` once more, as far as it was read then, checking every line.
    pub fn of(state: &LedgerState) -> Result<Self, LedgerError> {
        let file = open_to_read(&state.path)?;
        let mut places = Vec::new();
        state.read_again(|link, entry| match entry {
            Entry::Outcome(entry) => places.push((entry.position.row, link.byte)),
            Entry::Unsent(block) => {
                places.extend(block.rows.iter().map(|it| (it.row, link.byte)));
            }
            _ => {}
        })?;
        places.sort_unstable();
        Ok(Self {
            path: state.path.clone(),
            file: BufReader::new(file),
            places,
            last: (0, Vec::new()),
            began: state.header.started_at,
        })
    }

    /// The last outcome of `row`; `None`: it has none.
    pub fn get(&mut self, row: u64) -> Result<Option<OutcomeEntry>, LedgerError> {
        let behind = self.places.partition_point(|(it, _)| *it <= row);
        match self.places[..behind].last() {
            Some((it, place)) if *it == row => {
                let entry = self.read(*place, row).map(Some);
                entry.map_err(|source| LedgerError::io("read", &self.path, source))
            }
            _ => Ok(None),
        }
    }

    /// The end of `row` that the line at `place` tells. A line may end many rows.
    fn read(&mut self, place: u64, row: u64) -> io::Result<OutcomeEntry> {
        // No such line begins at 0: the header does.
        if self.last.0 != place {
            let ends = match chain::decode(&mut line_at(&mut self.file, place)?)? {
                Entry::Outcome(entry) => vec![entry],
                Entry::Unsent(block) => block.outcomes(self.began).collect(),
                _ => Vec::new(),
            };
            self.last = (place, ends);
        }
        let mut ends = self.last.1.iter();
        let end = ends.find(|entry| entry.position.row == row);
        end.cloned().ok_or_else(changed)
    }
}
