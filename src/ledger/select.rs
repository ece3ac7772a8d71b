//! Picking rows of a ledger: what `retry --only` asks for, and what `--done-in` passes over.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use roaring::RoaringTreemap;

use super::error::LedgerError;
use super::reader::LedgerReader;
use super::state::LedgerState;
use crate::domain::{AccountName, Counted, Entry, Finding, Outcome, TaskKey};

/// One `--only` of `retry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Only {
    /// Rows whose last outcome is this one.
    Outcome(Outcome),
    /// Rows that ended well and whose users the last verification saw standing.
    Standing,
    /// Rows whose last outcome carries this code, the provider's or our own.
    Code(String),
}

impl FromStr for Only {
    type Err = Infallible;

    /// An outcome's name in any case, with `_` or `-`, or `standing`; anything else is a code, as it stands.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let name = text.trim().to_ascii_lowercase().replace('-', "_");
        if name == "standing" {
            return Ok(Self::Standing);
        }
        Ok(name
            .parse()
            .map_or_else(|()| Self::Code(text.trim().to_owned()), Self::Outcome))
    }
}

impl LedgerState {
    /// The rows whose last outcome any of `only` picks; of an empty list, what a plain `retry`
    /// means: `failed` and `in_doubt`. Pending rows are never among them, nor are duplicates and rows
    /// that ended well, whatever is asked for; but for [`Only::Standing`], which the provider itself
    /// gives the reason for.
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
                Only::Standing => {}
                Only::Code(code) => codes.push(code.as_str()),
            }
        }
        if !codes.is_empty() {
            rows |= self.rows_with_code(&codes)?;
        }
        // Done is done: sent again, a deletion of ours would come back as "already gone".
        for outcome in Outcome::ALL {
            if outcome.counted() != Counted::Bad {
                rows -= self.rows_of(outcome);
            }
        }
        if only.contains(&Only::Standing) {
            rows |= self.standing();
        }
        Ok(rows)
    }

    fn rows_with_code(&self, codes: &[&str]) -> Result<RoaringTreemap, LedgerError> {
        let mut rows = RoaringTreemap::new();
        let mut reader = LedgerReader::open(&self.source.path)?;
        while reader.lines() < self.source.lines
            && let Some(entry) = reader.next_entry()?
        {
            let (code, numbers) = match &entry {
                Entry::Outcome(entry) => (entry.code.as_deref(), vec![entry.position.row]),
                Entry::Unsent(block) => {
                    let numbers = block.rows.iter().map(|position| position.row);
                    (Some(block.code.as_str()), numbers.collect())
                }
                _ => continue,
            };
            if code.is_some_and(|code| codes.contains(&code)) {
                rows.extend(numbers);
            } else {
                rows -= RoaringTreemap::from_iter(numbers);
            }
        }
        Ok(rows)
    }
}

/// What a ledger shows as good: `--done-in` skips it. It takes 16 bytes a row, and their share of a hash
/// table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Good {
    /// What the rows were about.
    pub keys: HashSet<TaskKey>,
    /// The accounts of those rows, and the tenant that each was at; `None`: the ledger does not say.
    pub tenants: BTreeMap<AccountName, Option<String>>,
}

impl Good {
    /// The rows of the ledger at `path` whose last outcome is good, and whose users no verification has
    /// seen standing since.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read to its end, a torn tail aside.
    pub fn of(path: &Path) -> Result<Self, LedgerError> {
        let mut good = Self::default();
        let mut good_rows = RoaringTreemap::new();
        let mut reader = LedgerReader::open(path)?;
        let mut introduced = reader.header().accounts.clone();
        while let Some(entry) = reader.next_entry()? {
            if let Entry::Session(session) = &entry {
                introduced.extend_from_slice(&session.accounts);
            }
            let Some((row, account, key, is_good)) = bearing(&entry) else {
                continue;
            };
            if is_good {
                good_rows.insert(row);
                good.keys.insert(key);
                if !good.tenants.contains_key(account) {
                    good.tenants.insert(account.clone(), None);
                }
            } else if good_rows.remove(row) {
                // Only then: a duplicate is never good itself, and must not take away the row it
                // repeats.
                good.keys.remove(&key);
            }
        }
        for account in introduced {
            if let Some(tenant) = good.tenants.get_mut(&account.name) {
                *tenant = Some(account.tenant);
            }
        }
        Ok(good)
    }
}

/// What `entry` says of whether a row is good: its number, its account, what it was about, and the
/// answer; `None`: nothing.
fn bearing(entry: &Entry) -> Option<(u64, &AccountName, TaskKey, bool)> {
    if let Entry::Outcome(entry) = entry {
        let account = entry.account.as_ref()?;
        let key = TaskKey::new(account, entry.action?, entry.id.as_ref()?.as_str());
        let good = entry.outcome.counted() == Counted::Good;
        return Some((entry.position.row, account, key, good));
    }
    let Entry::Verify(seen) = entry else {
        return None;
    };
    let good = match seen.finding {
        Finding::AsAsked | Finding::UnderWay => true,
        Finding::Standing => false,
        // What was known before has not been gainsaid.
        Finding::Unknown => return None,
    };
    let key = TaskKey::new(&seen.account, seen.action, seen.id.as_str());
    Some((seen.row, &seen.account, key, good))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use futures::executor::block_on;
    use rstest::rstest;
    use tempfile::TempDir;

    use super::{Good, Only};
    use crate::domain::{Action, Entry, Finding, Outcome, OutcomeEntry, TaskKey, UserId};
    use crate::ledger::samples::{
        account, header, outcome, outcome_entry, state, verification, verified,
    };
    use crate::ledger::tests::fresh;
    use crate::ledger::{Durability, LedgerState, LedgerWriter};

    fn ledger_of(outcomes: &[OutcomeEntry]) -> (TempDir, PathBuf) {
        let (folder, path) = fresh();
        let writer = LedgerWriter::create(&path, header(9)).unwrap();
        let handle = writer.handle();
        block_on(async {
            for outcome in outcomes {
                let entry = Entry::Outcome(outcome.clone());
                handle
                    .append(entry.clone(), Durability::Queued)
                    .await
                    .unwrap();
            }
            writer.finish().await.unwrap();
        });
        (folder, path)
    }

    fn coded(row: u64, outcome: Outcome, code: &str) -> OutcomeEntry {
        OutcomeEntry {
            code: Some(code.to_owned()),
            ..outcome_entry(row, outcome, 1)
        }
    }

    fn key(id: &str) -> TaskKey {
        TaskKey::new(&account("acme"), Action::Purge, id)
    }

    #[rstest]
    #[case("failed", Only::Outcome(Outcome::Failed))]
    #[case(" Not-Found ", Only::Outcome(Outcome::NotFound))]
    #[case("IN_DOUBT", Only::Outcome(Outcome::InDoubt))]
    #[case("Standing", Only::Standing)]
    #[case(" INVALID_DATA ", Only::Code("INVALID_DATA".to_owned()))]
    fn what_is_no_outcome_is_a_code(#[case] text: &str, #[case] only: Only) {
        assert_eq!(text.parse(), Ok(only));
    }

    #[rstest]
    #[case::plain(&[], &[2, 5])]
    #[case::outcome(&["refused"], &[4])]
    #[case::code(&["OpenTickets"], &[4, 5])]
    #[case::both(&["not_found", "OpenTickets"], &[3, 4, 5])]
    #[case::done_is_done(&["deleted"], &[])]
    #[case::replaced(&["Gone"], &[])]
    #[case::other_case(&["opentickets"], &[])]
    fn rows_are_picked_by_their_last_outcome(#[case] only: &[&str], #[case] rows: &[u64]) {
        let (_folder, path) = ledger_of(&[
            outcome_entry(1, Outcome::Failed, 1),
            outcome_entry(2, Outcome::Failed, 1),
            coded(3, Outcome::NotFound, "Gone"),
            coded(4, Outcome::Refused, "OpenTickets"),
            coded(5, Outcome::InDoubt, "OpenTickets"),
            outcome_entry(1, Outcome::Deleted, 2),
            outcome_entry(3, Outcome::NotFound, 2),
        ]);
        let state = LedgerState::read(&path).unwrap();
        let only: Vec<Only> = only.iter().map(|text| text.parse().unwrap()).collect();
        let picked: Vec<_> = state.select(&only).unwrap().iter().collect();
        assert_eq!(picked, rows);
    }

    #[test]
    fn rows_that_ended_well_are_picked_only_if_their_users_were_seen_standing() {
        let state = state(
            header(4),
            &[
                outcome(1, Outcome::Deleted, 1),
                outcome(2, Outcome::AlreadyGone, 1),
                outcome(3, Outcome::Deleted, 1),
                outcome(4, Outcome::Refused, 1),
                verification(3, 2),
                verified(1, Finding::Standing, 3),
                verified(2, Finding::Standing, 3),
                verified(3, Finding::AsAsked, 3),
            ],
        );
        let picked = |only: &[Only]| state.select(only).unwrap().iter().collect::<Vec<_>>();
        assert_eq!(picked(&[Only::Standing]), [1, 2]);
        assert_eq!(picked(&[]), [0; 0]);
        assert_eq!(picked(&[Only::Outcome(Outcome::Deleted)]), [0; 0]);
        let refused = Only::Outcome(Outcome::Refused);
        assert_eq!(picked(&[Only::Standing, refused]), [1, 2, 4]);
    }

    #[test]
    fn codes_written_after_the_state_was_read_are_not_picked() {
        let (_folder, path) = ledger_of(&[coded(1, Outcome::Refused, "X")]);
        let state = LedgerState::read(&path).unwrap();
        let opened = LedgerWriter::open(&path).unwrap();
        let later = Entry::Outcome(coded(2, Outcome::Refused, "X"));
        block_on(
            opened
                .writer
                .handle()
                .append(later.clone(), Durability::Synced),
        )
        .unwrap();
        let rows = state.select(&[Only::Code("X".to_owned())]).unwrap();
        assert_eq!(rows.iter().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn what_is_good_is_whose_last_outcome_is_good() {
        let repeated = OutcomeEntry {
            id: Some(UserId::new("901")),
            ..outcome_entry(6, Outcome::Duplicate, 1)
        };
        let (_folder, path) = ledger_of(&[
            outcome_entry(1, Outcome::Deleted, 1),
            outcome_entry(2, Outcome::Failed, 1),
            outcome_entry(3, Outcome::AlreadyGone, 1),
            outcome_entry(4, Outcome::Deleted, 1),
            outcome_entry(5, Outcome::DoneBefore, 1),
            repeated,
            outcome_entry(2, Outcome::Deleted, 2),
            outcome_entry(4, Outcome::Failed, 2),
        ]);
        let keys = Good::of(&path).unwrap().keys;
        let expected = ["901", "902", "903", "905"].map(key);
        assert_eq!(keys, expected.into_iter().collect());
    }

    #[test]
    fn what_is_good_leaves_out_users_whom_a_verification_saw_standing_last() {
        let (_folder, path) = fresh();
        let writer = LedgerWriter::create(&path, header(9)).unwrap();
        let handle = writer.handle();
        block_on(async {
            for entry in [
                outcome(1, Outcome::Deleted, 1),
                outcome(2, Outcome::Deleted, 1),
                outcome(3, Outcome::Deleted, 1),
                outcome(4, Outcome::Deleted, 1),
                verification(4, 2),
                verified(1, Finding::Standing, 3),
                verified(2, Finding::Standing, 3),
                verified(3, Finding::Standing, 3),
                verified(4, Finding::AsAsked, 3),
                outcome(2, Outcome::Deleted, 4),
                verification(4, 5),
                verified(1, Finding::Unknown, 6),
                verified(3, Finding::AsAsked, 6),
            ] {
                handle
                    .append(entry.clone(), Durability::Queued)
                    .await
                    .unwrap();
            }
            writer.finish().await.unwrap();
        });
        let expected = ["902", "903", "904"].map(key);
        let keys = Good::of(&path).unwrap().keys;
        assert_eq!(keys, expected.into_iter().collect());
    }
}
