//! The selections from a ledger: the rows of `retry --only`, those that `--done-in` passes over,
//! the results of a verification, and the users that are named.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use roaring::RoaringTreemap;

use super::error::LedgerError;
use super::reader::LedgerReader;
use super::state::LedgerState;
use crate::domain::{
    AccountName, Action, Counted, Entry, Finding, Outcome, Position, TaskKey, UserId, Verified,
};

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
        let outcome = Outcome::ALL.into_iter().find(|it| it.name() == name);
        let code = || Self::Code(text.trim().to_owned());
        Ok(outcome.map_or_else(code, Self::Outcome))
    }
}

impl LedgerState {
    /// The rows whose last outcome any of `only` picks; of an empty list, `failed` and `in_doubt`.
    /// Pending rows, duplicates and rows that ended well are never among them, but for
    /// [`Only::Standing`].
    ///
    /// Codes are not in the state: for them the ledger is read again.
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
            rows |= self.found(Finding::Standing);
        }
        Ok(rows)
    }

    /// Every code that the ledger has of a row, its attempts included.
    pub fn codes(&self) -> Result<BTreeSet<String>, LedgerError> {
        let mut codes = BTreeSet::new();
        self.read_again(|_, entry| {
            codes.extend(match entry {
                Entry::Outcome(entry) => entry.said.code.clone(),
                Entry::Attempt(entry) => entry.said.code.clone(),
                Entry::Unsent(block) => Some(block.code.clone()),
                _ => None,
            });
        })?;
        Ok(codes)
    }

    /// Hands each row with a reference to `see`: its number and its reference.
    pub fn each_ref(&self, mut see: impl FnMut(u64, &str)) -> Result<(), LedgerError> {
        self.read_again(|_, entry| match entry {
            Entry::Plan(block) => block.rows.iter().for_each(|row| {
                if let Some(reference) = &row.reference {
                    see(row.position.row, reference);
                }
            }),
            Entry::Unsent(block) => block.refs.iter().for_each(|(row, it)| see(*row, it)),
            _ => {}
        })
    }

    /// Hands each row of the plan to `see`, in its order, until `see` fails: id, account, action, reference,
    /// by the first block about the row, which tells most. A row that is not to be sent may have none.
    pub fn each_planned<E: From<LedgerError>>(
        &self,
        mut see: impl FnMut(Position, [&str; 4]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut reader = LedgerReader::open(&self.path)?;
        let mut seen = RoaringTreemap::new();
        // Bounded by the lines of the plan.
        while let Some(entry) = reader.next_entry()? {
            match &entry {
                Entry::Planned(_) => break,
                Entry::Plan(block) => {
                    let (account, action) = (block.account.as_str(), block.action.name());
                    let rows = block.rows.iter();
                    for row in rows.filter(|row| seen.insert(row.position.row)) {
                        let reference = row.reference.as_deref().unwrap_or_default();
                        see(row.position, [row.id.as_str(), account, action, reference])?;
                    }
                }
                Entry::Unsent(block) => {
                    let account = block.account.as_ref().map_or("", AccountName::as_str);
                    let action = block.action.map_or("", Action::name);
                    let ends = block.outcomes(self.header.started_at);
                    for end in ends.filter(|it| seen.insert(it.position.row)) {
                        let id = end.id.as_ref().map_or("", UserId::as_str);
                        let reference = end.reference.as_deref().unwrap_or_default();
                        see(end.position, [id, account, action, reference])?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn rows_with_code(&self, codes: &[&str]) -> Result<RoaringTreemap, LedgerError> {
        let mut rows = RoaringTreemap::new();
        self.read_again(|_, entry| {
            let (code, numbers) = match &entry {
                Entry::Outcome(entry) => (entry.said.code.as_deref(), vec![entry.position.row]),
                Entry::Unsent(block) => {
                    let numbers = block.rows.iter().map(|position| position.row);
                    (Some(block.code.as_str()), numbers.collect())
                }
                _ => return,
            };
            if code.is_some_and(|code| codes.contains(&code)) {
                rows.extend(numbers);
            } else {
                rows -= RoaringTreemap::from_iter(numbers);
            }
        })?;
        Ok(rows)
    }
}

/// The rows that a ledger shows as good, which `--done-in` skips: some 16 bytes a row.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Good {
    /// The keys of the rows.
    pub keys: HashSet<TaskKey>,
    /// The accounts of those rows, and the tenant that each was at; `None`: the ledger does not say.
    pub tenants: BTreeMap<AccountName, Option<String>>,
}

impl Good {
    /// The rows whose last outcome is good, and whose users no verification has seen standing since.
    pub fn of(path: &Path) -> Result<Self, LedgerError> {
        let state = LedgerState::read(path)?;
        let mut good = Self::default();
        state.read_again(|_, entry| {
            if let Entry::Outcome(entry) = entry
                && let (Some(account), Some(action), Some(id)) =
                    (&entry.account, entry.action, &entry.id)
                && entry.outcome.is_gone()
                && state.is_gone(entry.position.row)
            {
                let key = TaskKey::new(account, action, id.as_str());
                good.keys.insert(key);
                good.tenants.entry(account.clone()).or_default();
            }
        })?;
        for (name, account) in state.accounts() {
            if let Some(tenant) = good.tenants.get_mut(&name) {
                *tenant = Some(account.tenant.clone());
            }
        }
        Ok(good)
    }
}

/// Hands each row of `finding` to `see`, as a verification saw it so first, until `see` fails.
pub fn each_found<E: From<LedgerError>>(
    state: &LedgerState,
    finding: Finding,
    mut see: impl FnMut(&Verified) -> Result<(), E>,
) -> Result<(), E> {
    let mut left = state.found(finding).clone();
    if left.is_empty() {
        return Ok(());
    }
    LedgerReader::open(&state.path)?.each_entry(|_, entry| match entry {
        Entry::Verify(it) if it.finding == finding && left.remove(it.position.row) => see(it),
        _ => Ok(()),
    })
}

/// Hands the account and the id of every entry that names a user to `see`, until `see` fails, with
/// the number of its line. A ledger may come from anywhere.
pub fn each_user<E: From<LedgerError>>(
    ledger: &Path,
    mut see: impl FnMut(u64, &AccountName, &UserId) -> Result<(), E>,
) -> Result<(), E> {
    LedgerReader::open(ledger)?.each_entry(|link, entry| {
        let user = match entry {
            Entry::Plan(block) => {
                let mut rows = block.rows.iter();
                return rows.try_for_each(|row| see(link.line, &block.account, &row.id));
            }
            Entry::Intent(it) => Some((&it.account, &it.id)),
            Entry::Verify(it) => Some((&it.account, &it.id)),
            Entry::Outcome(it) => it.account.as_ref().zip(it.id.as_ref()),
            _ => None,
        };
        user.map_or(Ok(()), |(account, id)| see(link.line, account, id))
    })
}
