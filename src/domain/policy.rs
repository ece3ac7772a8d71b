//! What the plan must know of an account to judge a row, without knowing its provider's code.

use std::fmt;

use super::{AccountName, Action, ProviderKind, UserId};

/// Why a text cannot be a user id of its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdProblem {
    /// A stable word for tables and tests, e.g. `scientific_notation`.
    pub code: &'static str,
    /// What is wrong and how to mend it, as a lower-case fragment.
    pub reason: String,
}

impl fmt::Display for IdProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// How a row of an account is judged before anything is sent.
#[derive(Debug, Clone)]
pub struct AccountPolicy {
    /// The account's name in the configuration.
    pub name: AccountName,
    /// Its provider.
    pub provider: ProviderKind,
    /// The action of rows that do not say; `None`: such rows are invalid.
    pub action: Option<Action>,
    /// The provider's rule for user ids. It gets the trimmed text of the cell and returns the id
    /// to send, which may differ from the text (a prefix of an export taken off).
    pub check_id: fn(&str) -> Result<UserId, IdProblem>,
    /// Whether an id may begin or end with a blank. Then blanks that were taken off one are no
    /// matter of tidiness: with and without them are two users.
    pub blanks_count: fn(&UserId) -> bool,
    /// The id of the user whose credentials are used, who is protected; `None`: not known (yet),
    /// or the credentials belong to no user.
    pub caller: Option<UserId>,
    /// Leading digits that every id of this org has; `None`: not known, or any id may pass.
    pub id_prefix: Option<String>,
}
