//! A ledger that is looked at again and again while a process is writing it.

use std::path::{Path, PathBuf};

use super::error::LedgerError;
use super::reader::LedgerReader;
use super::state::{LedgerState, Source};

/// Keeps what a ledger said, and reads on from there.
#[derive(Debug)]
pub struct LedgerFollower {
    path: PathBuf,
    reader: LedgerReader,
    state: LedgerState,
}

impl LedgerFollower {
    /// Opens the ledger at `path` and reads its header.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no ledger.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let reader = LedgerReader::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            state: LedgerState::new(reader.header().clone()),
            reader,
        })
    }

    /// What the ledger says now. Of what an earlier look has read nothing is read again, but for a
    /// line that was not finished then. If the rest does not fit what was read, the ledger may be
    /// another one of that name, and is read from its beginning.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is damaged.
    pub fn look(&mut self) -> Result<&LedgerState, LedgerError> {
        if !matches!(self.reader.reopen(), Ok(true)) || self.read_on().is_err() {
            *self = Self::open(&self.path)?;
            self.read_on()?;
        }
        self.state.source = Source::of(&self.path, &self.reader);
        Ok(&self.state)
    }

    fn read_on(&mut self) -> Result<(), LedgerError> {
        let Self { reader, state, .. } = self;
        reader.each_entry(|place, entry| state.apply(place, entry))
    }
}
