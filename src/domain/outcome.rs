//! How a row ended, and how ends are counted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a row of the input ended. Until one of these stands in the ledger the row is *pending*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The provider confirmed it, for this row, in this ledger.
    Deleted,
    /// The provider says that this user had been deleted before.
    AlreadyGone,
    /// The provider knows no such user: a wrong id, or a wrong account.
    NotFound,
    /// The provider will not delete this user; trying again changes nothing until someone acts.
    Refused,
    /// Every attempt met a passing error.
    Failed,
    /// A request went out, its answer never came, and nothing has settled it yet.
    InDoubt,
    /// The row cannot be sent; the reason says why.
    Invalid,
    /// On the protect list, or the caller itself, or of a protected role.
    Protected,
    /// Good in an earlier ledger that `--done-in` names; nothing was sent.
    DoneBefore,
    /// The same account, action and id stands earlier in the file; nothing was sent.
    Duplicate,
}

/// How an [`Outcome`] counts towards a run's success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// The user is gone, as ordered.
    Good,
    /// Somebody has to look at this row.
    Bad,
    /// Neither: another row stands for this one.
    Neither,
}

impl Outcome {
    /// Every outcome, in the order reports list them.
    pub const ALL: [Self; 10] = [
        Self::Deleted,
        Self::AlreadyGone,
        Self::NotFound,
        Self::Refused,
        Self::Failed,
        Self::InDoubt,
        Self::Invalid,
        Self::Protected,
        Self::DoneBefore,
        Self::Duplicate,
    ];

    /// The name in ledgers, reports and `--only`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::AlreadyGone => "already_gone",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Invalid => "invalid",
            Self::Protected => "protected",
            Self::DoneBefore => "done_before",
            Self::Duplicate => "duplicate",
        }
    }

    /// How it counts.
    pub const fn counted(self) -> Counted {
        match self {
            Self::Deleted | Self::AlreadyGone | Self::DoneBefore => Counted::Good,
            Self::NotFound
            | Self::Refused
            | Self::Failed
            | Self::InDoubt
            | Self::Invalid
            | Self::Protected => Counted::Bad,
            Self::Duplicate => Counted::Neither,
        }
    }

    /// Its place in [`Outcome::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Outcome {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.name() == text)
            .ok_or(())
    }
}

/// How many rows ended in each way, and how many are pending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// See [`Outcome::Deleted`]; likewise the fields below.
    pub deleted: u64,
    #[allow(missing_docs, reason = "each is the outcome of that name")]
    pub already_gone: u64,
    #[allow(missing_docs, reason = "each is the outcome of that name")]
    pub not_found: u64,
    #[allow(missing_docs, reason = "each is the outcome of that name")]
    pub refused: u64,
    #[allow(missing_docs, reason = "each is the outcome of that name")]
    pub failed: u64,
    #[allow(missing_docs, reason = "each is the outcome of that name")]
    pub in_doubt: u64,
    #[allow(missing_docs, reason = "each is the outcome of that name")]
    pub invalid: u64,
    #[allow(missing_docs, reason = "each is the outcome of that name")]
    pub protected: u64,
    #[allow(missing_docs, reason = "each is the outcome of that name")]
    pub done_before: u64,
    #[allow(missing_docs, reason = "each is the outcome of that name")]
    pub duplicate: u64,
    /// Rows with no outcome yet.
    pub pending: u64,
}

impl Counts {
    /// How many rows ended as `outcome`.
    pub fn of(&self, outcome: Outcome) -> u64 {
        let mut copy = *self;
        *copy.slot(outcome)
    }

    /// The counter of `outcome`.
    pub fn slot(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Deleted => &mut self.deleted,
            Outcome::AlreadyGone => &mut self.already_gone,
            Outcome::NotFound => &mut self.not_found,
            Outcome::Refused => &mut self.refused,
            Outcome::Failed => &mut self.failed,
            Outcome::InDoubt => &mut self.in_doubt,
            Outcome::Invalid => &mut self.invalid,
            Outcome::Protected => &mut self.protected,
            Outcome::DoneBefore => &mut self.done_before,
            Outcome::Duplicate => &mut self.duplicate,
        }
    }

    /// All rows counted, pending ones too.
    pub fn total(&self) -> u64 {
        Outcome::ALL
            .into_iter()
            .map(|outcome| self.of(outcome))
            .sum::<u64>()
            + self.pending
    }

    /// Rows that count as `counted`; pending rows count as nothing.
    pub fn counted(&self, counted: Counted) -> u64 {
        Outcome::ALL
            .into_iter()
            .filter(|outcome| outcome.counted() == counted)
            .map(|outcome| self.of(outcome))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, Outcome};

    #[test]
    fn names_read_back_and_places_match() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome.name().parse(), Ok(outcome));
            assert_eq!(outcome.index(), place);
            let json = serde_json::to_string(&outcome).unwrap();
            assert_eq!(json, format!("\"{}\"", outcome.name()));
        }
    }

    #[test]
    fn every_outcome_has_its_own_counter() {
        let mut counts = Counts::default();
        for (n, outcome) in Outcome::ALL.into_iter().enumerate() {
            *counts.slot(outcome) += n as u64 + 1;
        }
        for (n, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(counts.of(outcome), n as u64 + 1);
        }
        assert_eq!(counts.total(), 55);
    }
}
