//! What a verification reads of a ledger: the rows to ask about, and afterwards what was seen.
//! Streams both, so that a million rows take no more memory than a hundred.

use std::path::Path;

use roaring::RoaringTreemap;

use super::error::LedgerError;
use super::reader::LedgerReader;
use super::state::LedgerState;
use crate::domain::{AccountName, Counted, Entry, ToVerify, Verified};

/// The rows of one account to ask about, as their outcomes in the ledger tell them: each once, in
/// the order in which they ended. No input is needed.
#[derive(Debug)]
pub struct GoodRows {
    reader: LedgerReader,
    account: AccountName,
    /// Those that have not been given yet.
    left: RoaringTreemap,
    /// What is written after these lines is not looked at: this very verification.
    lines: u64,
}

impl GoodRows {
    /// The rows `rows` of `account`, of those that [`LedgerState::verifiable`] tells, from the
    /// ledger that `state` was read from.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be opened.
    pub fn open(
        state: &LedgerState,
        account: AccountName,
        rows: RoaringTreemap,
    ) -> Result<Self, LedgerError> {
        Ok(Self {
            reader: LedgerReader::open(&state.source.path)?,
            account,
            left: rows,
            lines: state.source.lines,
        })
    }

    fn take(&mut self, entry: Entry) -> Option<ToVerify> {
        let Entry::Outcome(entry) = entry else {
            return None;
        };
        let is_meant = entry.account.as_ref() == Some(&self.account)
            && entry.outcome.counted() == Counted::Good
            && self.left.contains(entry.position.row);
        let (Some(action), Some(id), true) = (entry.action, entry.id, is_meant) else {
            return None;
        };
        self.left.remove(entry.position.row);
        Some(ToVerify {
            position: entry.position,
            action,
            id,
        })
    }
}

impl Iterator for GoodRows {
    type Item = Result<ToVerify, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.left.is_empty() && self.reader.lines() < self.lines {
            match self.reader.next_entry() {
                Ok(Some(entry)) => {
                    if let Some(row) = self.take(entry) {
                        return Some(Ok(row));
                    }
                }
                Ok(None) => return None,
                Err(error) => {
                    self.left.clear();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// Hands every row that the ledger's verification `number` (from 1) saw to `see`, in the order in
/// which they were seen, until `see` fails.
///
/// # Errors
///
/// What `see` fails with, or, made one of these, what reading the ledger fails with.
pub fn each_verified<E: From<LedgerError>>(
    ledger: &Path,
    number: u64,
    mut see: impl FnMut(&Verified) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = LedgerReader::open(ledger)?;
    let mut current = 0;
    while current <= number
        && let Some(entry) = reader.next_entry()?
    {
        if matches!(entry, Entry::Verification(_)) {
            current += 1;
        } else if let Entry::Verify(verified) = &entry
            && current == number
        {
            see(verified)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures::executor::block_on;

    use super::{GoodRows, each_verified};
    use crate::domain::{Entry, Finding, Outcome, OutcomeEntry};
    use crate::ledger::samples::{account, header, outcome, outcome_entry, verification, verified};
    use crate::ledger::tests::fresh;
    use crate::ledger::{Durability, LedgerError, LedgerState, LedgerWriter};

    fn write(path: &Path, entries: &[Entry]) {
        let writer = LedgerWriter::create(path, header(9)).unwrap();
        block_on(async {
            for entry in entries {
                let handle = writer.handle();
                handle
                    .append(entry.clone(), Durability::Queued)
                    .await
                    .unwrap();
            }
            writer.finish().await.unwrap();
        });
    }

    #[test]
    fn each_good_row_is_given_once_as_its_last_outcome_says() {
        let (_folder, path) = fresh();
        let elsewhere = OutcomeEntry {
            account: Some(account("crm")),
            ..outcome_entry(5, Outcome::Deleted, 1)
        };
        write(
            &path,
            &[
                outcome(1, Outcome::Deleted, 1),
                outcome(2, Outcome::Failed, 1),
                outcome(3, Outcome::Deleted, 1),
                outcome(4, Outcome::Duplicate, 1),
                Entry::Outcome(elsewhere),
                outcome(2, Outcome::AlreadyGone, 2),
                outcome(1, Outcome::Deleted, 3),
                outcome(3, Outcome::Failed, 3),
                outcome(6, Outcome::DoneBefore, 3),
            ],
        );
        let state = LedgerState::read(&path).unwrap();
        let mut rows = state.verifiable();
        assert_eq!(rows.len(), 2);
        let acme = rows.remove(&account("acme")).unwrap();
        let given = GoodRows::open(&state, account("acme"), acme).unwrap();
        let given: Vec<_> = given.map(|row| row.unwrap().id.to_string()).collect();
        assert_eq!(given, ["901", "902"]);
    }

    #[test]
    fn what_one_verification_saw_is_not_mixed_with_anothers() {
        let (_folder, path) = fresh();
        write(
            &path,
            &[
                verification(2, 1),
                verified(1, Finding::Standing, 1),
                verified(2, Finding::AsAsked, 1),
                verification(1, 2),
                verified(3, Finding::Unknown, 2),
            ],
        );
        let rows = |number| {
            let mut rows = Vec::new();
            each_verified::<LedgerError>(&path, number, |verified| {
                rows.push(verified.row);
                Ok(())
            })
            .unwrap();
            rows
        };
        assert_eq!(rows(1), [1, 2]);
        assert_eq!(rows(2), [3]);
        assert_eq!(rows(3), [0; 0]);
    }
}
