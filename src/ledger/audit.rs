//! Proving that a ledger is what was written: every line fits, and what they say adds up.
//!
//! It reads as `status` does: without a lock, also beside a process that is writing, also a file
//! that may not be written. It mends nothing.

use std::path::{Path, PathBuf};

use super::chain::LedgerHead;
use super::error::{LedgerDamage, LedgerError};
use super::reader::{LedgerReader, TornTail};
use super::state::LedgerState;
use crate::domain::{Entry, RunId};

/// The result of an audit.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// The ledger.
    pub path: PathBuf,
    /// The run's id; `None`: the header does not fit.
    pub run_id: Option<RunId>,
    /// How many lines fit, from the first to the one before the damage.
    pub lines: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// The chain of the last of them.
    pub head: LedgerHead,
    /// The bytes that follow the last line without a line feed; `None`: nothing, or there is damage.
    pub torn: Option<TornTail>,
    /// The line whose chain is the head that was noted; `None`: none was, or no line's is.
    pub noted_at: Option<u64>,
    /// The fault of the first line that does not fit, or that is missing; `None`: all fit.
    pub damage: Option<LedgerError>,
}

impl Audit {
    /// Audits the ledger at `path`. `noted`: a head that was noted before; the ledger may have grown
    /// since, but a line must have it. Damage is no error here.
    pub fn of(path: &Path, noted: Option<LedgerHead>) -> Result<Self, LedgerError> {
        let mut audit = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        match audit.read(noted) {
            Ok(()) => {}
            Err(damage @ LedgerError::Damaged { byte, .. }) => {
                audit.bytes = byte;
                audit.damage = Some(damage);
            }
            Err(other) => return Err(other),
        }
        Ok(audit)
    }

    /// How many lines follow the one whose head was noted; `None`: none was, or no line has it.
    pub fn grown(&self) -> Option<u64> {
        self.noted_at.map(|line| self.lines - line)
    }

    fn read(&mut self, noted: Option<LedgerHead>) -> Result<(), LedgerError> {
        let mut reader = LedgerReader::open(&self.path)?;
        self.run_id = Some(reader.header.run_id.clone());
        let mut state = LedgerState::new(reader.header.clone());
        self.passed(reader.lines, reader.head, noted);
        reader.each_entry(|link, entry| {
            state.apply(link, entry);
            if let Entry::End(end) = entry
                && end.outcomes != state.counts()
            {
                return Err(self.damaged(link.byte, LedgerDamage::Counts));
            }
            self.passed(link.line, link.head, noted);
            Ok(())
        })?;
        self.bytes = reader.bytes;
        self.torn = reader.torn();
        match noted {
            Some(head) if self.noted_at.is_none() => {
                Err(self.damaged(self.bytes, LedgerDamage::CutOff { head }))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The line of that number fits, and `head` is its chain.
    fn passed(&mut self, line: u64, head: LedgerHead, noted: Option<LedgerHead>) {
        self.lines = line;
        self.head = head;
        if noted == Some(head) {
            self.noted_at = Some(line);
        }
    }

    /// The line after the last that fits, which begins at `byte`, is damaged.
    fn damaged(&self, byte: u64, reason: LedgerDamage) -> LedgerError {
        LedgerError::Damaged {
            path: self.path.clone(),
            line: self.lines + 1,
            byte,
            reason,
        }
    }
}
