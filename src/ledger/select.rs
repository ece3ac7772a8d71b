//! Picking rows of a ledger: what `retry --only` asks for, and what `--done-in` passes over.

use std::collections::HashSet;
use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use roaring::RoaringTreemap;

use super::error::LedgerError;
use super::reader::LedgerReader;
use super::state::LedgerState;
use crate::domain::{Counted, Entry, Outcome, TaskKey};

/// One `--only` of `retry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Only {
    /// Rows whose last outcome is this one.
    Outcome(Outcome),
    /// Rows whose last outcome carries this code, the provider's or our own.
    Code(String),
}

impl FromStr for Only {
    type Err = Infallible;

    /// An outcome's name in any case, with `_` or `-`; anything else is a code, as it stands.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let name = text.trim().to_ascii_lowercase().replace('-', "_");
        Ok(name
            .parse()
            .map_or_else(|()| Self::Code(text.trim().to_owned()), Self::Outcome))
    }
}

impl LedgerState {
    /// The rows whose last outcome any of `only` picks; of an empty list, what a plain `retry`
    /// means: `failed` and `in_doubt`. Pending rows are never among them.
    ///
    /// Codes are not in the state: for them the ledger is read again, as far as it was then.
    ///
    /// # Errors
    ///
    /// When that second reading fails.
    pub fn select(&self, only: &[Only]) -> Result<RoaringTreemap, LedgerError> {
        if only.is_empty() {
            return Ok(self.rows_of(Outcome::Failed) | self.rows_of(Outcome::InDoubt));
        }
        let mut rows = RoaringTreemap::new();
        let mut codes = Vec::new();
        for pick in only {
            match pick {
                Only::Outcome(outcome) => rows |= self.rows_of(*outcome),
                Only::Code(code) => codes.push(code.as_str()),
            }
        }
        if !codes.is_empty() {
            rows |= self.rows_with_code(&codes)?;
        }
        Ok(rows)
    }

    fn rows_with_code(&self, codes: &[&str]) -> Result<RoaringTreemap, LedgerError> {
        let mut rows = RoaringTreemap::new();
        let mut reader = LedgerReader::open(&self.source.path)?;
        while reader.lines() < self.source.lines
            && let Some(entry) = reader.next_entry()?
        {
            if let Entry::Outcome(entry) = entry {
                let code = entry.code.as_deref();
                if code.is_some_and(|code| codes.contains(&code)) {
                    rows.insert(entry.position.row);
                } else {
                    rows.remove(entry.position.row);
                }
            }
        }
        Ok(rows)
    }
}

/// What rows of the ledger at `path` were about whose last outcome is good: `--done-in` skips them.
/// It takes 16 bytes a row, and their share of a hash table.
///
/// # Errors
///
/// When the ledger cannot be read to its end, a torn tail aside.
pub fn good_keys(path: &Path) -> Result<HashSet<TaskKey>, LedgerError> {
    let mut keys = HashSet::new();
    let mut good_rows = RoaringTreemap::new();
    let mut reader = LedgerReader::open(path)?;
    while let Some(entry) = reader.next_entry()? {
        let Entry::Outcome(entry) = entry else {
            continue;
        };
        let (Some(account), Some(action), Some(id)) = (&entry.account, entry.action, &entry.id)
        else {
            continue;
        };
        let row = entry.position.row;
        match entry.outcome.counted() {
            Counted::Good => {
                good_rows.insert(row);
                keys.insert(TaskKey::new(account, action, id));
            }
            // A duplicate is never good itself, and must not take away the row it repeats.
            Counted::Bad | Counted::Neither => {
                if good_rows.remove(row) {
                    keys.remove(&TaskKey::new(account, action, id));
                }
            }
        }
    }
    Ok(keys)
}
