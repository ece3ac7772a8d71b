//! What the plan must know of an account to judge a row, without knowing its provider's code.

use std::fmt;

use super::{AccountName, Action, ProviderKind};

/// Why a text cannot be a user id of its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdProblem {
    /// A stable word for tables and tests, e.g. `scientific_notation`.
    pub code: &'static str,
    /// What is wrong and how to mend it, as a lower-case fragment.
    pub reason: &'static str,
}

impl fmt::Display for IdProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

/// The digits a float, and so a spreadsheet, keeps.
const FLOAT_DIGITS: usize = 15;

/// Whether the digits of `text` end as a spreadsheet leaves them that kept fifteen: more than these,
/// and three zeros at the end. One in a thousand true ids ends so as well.
pub fn looks_rounded(text: &str) -> bool {
    text.len() > FLOAT_DIGITS && text.ends_with("000")
}

/// How a row of an account is judged before anything is sent.
#[derive(Debug, Clone)]
pub struct AccountPolicy {
    /// The account's name in the configuration.
    pub name: AccountName,
    /// Its provider.
    pub provider: ProviderKind,
    /// What tells its tenant from others; `None`: not known (yet).
    pub tenant: Option<String>,
    /// The action of rows that do not say; `None`: such rows are invalid.
    pub action: Option<Action>,
    /// The provider's rule for user ids. It gets the trimmed text of the cell and returns the part
    /// of it that is the id to send (all of it, or what stands behind an export's prefix).
    pub check_id: fn(&str) -> Result<&str, IdProblem>,
    /// What an id looks like, by a provider file; `None`: `check_id` says all.
    pub id_pattern: Option<regex_lite::Regex>,
    /// Whether an id may begin or end with a blank. Then blanks that were taken off one are no
    /// matter of tidiness: with and without them are two users.
    pub blanks_count: fn(&str) -> bool,
    /// Whether all ids of one org have as many digits: then a column shows damage that no id does.
    pub ids_alike: bool,
}

#[cfg(test)]
mod tests {
    use super::looks_rounded;

    #[test]
    fn zeros_are_suspicious_only_beyond_what_a_float_keeps() {
        for (text, rounded) in [
            ("6164068886000", false),
            ("616406888604000", false),
            ("6164068886040000", true),
            ("6164068886040010", false),
        ] {
            assert_eq!(looks_rounded(text), rounded, "{text}");
        }
    }
}
