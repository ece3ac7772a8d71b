//! What asking the provider afterwards brings: how a user was seen to stand, and what that says of
//! the row's promise. Evidence only: no row's outcome follows from it.

use serde::{Deserialize, Serialize};

use super::{
    AccountHeader, AccountName, AccountPlan, Action, Position, Time, Uptime, UserId, UserState,
};

/// What verifying a row found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The user is as the row's action promises.
    AsAsked,
    /// The user still stands, or stands again.
    Standing,
    /// The provider has taken the order and is still at it.
    UnderWay,
    /// No clear answer was to be had.
    Unknown,
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

/// A verification began: who asks, and about how many of the rows that had ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// `verify`.
    pub command: String,
    /// The program's version.
    pub version: String,
    /// How many rows are asked about.
    pub rows: u64,
    /// How many rows had ended `deleted` or `already_gone`.
    pub good_rows: u64,
    /// What the sample was drawn with; `None`: all rows are asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// The accounts, as they introduced themselves this time.
    pub accounts: Vec<AccountHeader>,
    /// What lies before each account with rows; empty: not told, by a version before this field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<AccountPlan>,
    /// When.
    pub at: Time,
    /// See [`RunHeader::uptime`](super::RunHeader::uptime).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Uptime>,
}

/// What a sample was drawn with: the same rows, size and seed draw the same sample again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// How many rows `--sample` asked for.
    pub rows: u64,
    /// The seed.
    pub seed: u64,
}

/// A row that ended well, about which the provider is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToVerify {
    /// Where the row stands.
    pub position: Position,
    /// What was done.
    pub action: Action,
    /// To whom.
    pub id: UserId,
}

/// A row that had ended well was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// The row's number.
    pub row: u64,
    /// The line it begins on.
    pub line: u64,
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
    /// Of an unknown finding, the last HTTP status; `None`: no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Of an unknown finding, the provider's code or the stable word of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Of an unknown finding, the provider's fixed text, cut and masked, or our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the answer came, or was given up.
    pub at: Time,
}

#[cfg(test)]
mod tests {
    use super::{Finding, Findings};

    #[test]
    fn every_finding_has_its_counter() {
        let mut findings = Findings::default();
        let all = [
            Finding::AsAsked,
            Finding::Standing,
            Finding::UnderWay,
            Finding::Unknown,
        ];
        for (times, finding) in (1..).zip(all) {
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
