//! What asking the provider afterwards brings: how a user was seen to stand, and what that says of
//! the row's promise. Evidence only: no row's outcome follows from it.

use serde::{Deserialize, Serialize};

use super::names::named;
use super::{AccountName, Action, Position, Said, Time, UserId, UserState};

named! {
    /// What verifying a row found.
    pub enum Finding {
        /// The user is as the row's action promises.
        AsAsked = "as_asked",
        /// The user still stands, or stands again.
        Standing = "standing",
        /// The provider has taken the order and is still at it.
        UnderWay = "under_way",
        /// No clear answer was to be had.
        Unknown = "unknown",
    }
}

/// How many rows were found how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Findings {
    /// See [`Finding::AsAsked`]; likewise the fields below.
    pub as_asked: u64,
    #[allow(missing_docs, reason = "each is the finding of that name")]
    pub standing: u64,
    #[allow(missing_docs, reason = "each is the finding of that name")]
    pub under_way: u64,
    #[allow(missing_docs, reason = "each is the finding of that name")]
    pub unknown: u64,
}

impl Findings {
    /// Counts one row.
    pub const fn count(&mut self, finding: Finding) {
        let slot = match finding {
            Finding::AsAsked => &mut self.as_asked,
            Finding::Standing => &mut self.standing,
            Finding::UnderWay => &mut self.under_way,
            Finding::Unknown => &mut self.unknown,
        };
        *slot += 1;
    }

    /// All rows counted.
    pub const fn total(&self) -> u64 {
        self.as_asked + self.standing + self.under_way + self.unknown
    }
}

/// A row that had ended well was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Where the row stands.
    #[serde(flatten)]
    pub position: Position,
    /// The account.
    pub account: AccountName,
    /// The row's action.
    pub action: Action,
    /// The user.
    pub id: UserId,
    /// What that says of the row.
    pub finding: Finding,
    /// How the user was seen to stand; `None`: no clear answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<UserState>,
    /// Why a finding is unknown.
    #[serde(flatten)]
    pub said: Said,
    /// When the answer came, or was given up.
    pub at: Time,
}

#[cfg(test)]
mod tests {
    use super::{Finding, Findings};

    #[test]
    fn every_finding_has_its_counter() {
        let mut findings = Findings::default();
        for (times, finding) in (1..).zip(Finding::ALL) {
            for _ in 0..times {
                findings.count(finding);
            }
        }
        let Findings {
            as_asked,
            standing,
            under_way,
            unknown,
        } = findings;
        assert_eq!([as_asked, standing, under_way, unknown], [1, 2, 3, 4]);
        assert_eq!(findings.total(), 10);
    }
}
