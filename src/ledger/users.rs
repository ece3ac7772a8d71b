//! The users that a ledger names, for who holds them against their provider's rule before anything is
//! asked about them: a ledger may come from anywhere.

use std::path::Path;

use super::error::LedgerError;
use super::reader::LedgerReader;
use crate::domain::{AccountName, Entry, Intent, OutcomeEntry, UserId, Verified};

/// Hands the account and the id of every entry of the ledger that names a user to `see`, with the
/// number of its line, until `see` fails.
///
/// # Errors
///
/// What `see` fails with, or, made one of these, what reading the ledger fails with.
pub fn each_user<E: From<LedgerError>>(
    ledger: &Path,
    mut see: impl FnMut(u64, &AccountName, &UserId) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = LedgerReader::open(ledger)?;
    // Bounded by the lines of the file.
    while let Some(entry) = reader.next_entry()? {
        if let Entry::Plan(block) = &entry {
            for row in &block.rows {
                see(reader.lines(), &block.account, &row.id)?;
            }
        }
        let user = match &entry {
            Entry::Intent(Intent { account, id, .. })
            | Entry::Verify(Verified { account, id, .. }) => Some((account, id)),
            Entry::Outcome(OutcomeEntry { account, id, .. }) => account.as_ref().zip(id.as_ref()),
            _ => None,
        };
        if let Some((account, id)) = user {
            see(reader.lines(), account, id)?;
        }
    }
    Ok(())
}
