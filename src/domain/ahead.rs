//! What lies before an account when a process begins its work.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::AccountName;

/// What lies before an account. Ledgers keep it, so that whoever looks on from another terminal
/// knows of how many rows those that ended are, and how long the others take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPlan {
    /// The account.
    pub name: AccountName,
    /// How many of its rows this process is to send, or to ask about.
    pub rows: u64,
    /// The least time they take under the account's limits.
    #[serde(rename = "at_limit_ms", with = "millis")]
    pub at_limit: Duration,
    /// How many of its rows go first, as a canary; `None`: none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<NonZeroU64>,
}

/// A duration as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
