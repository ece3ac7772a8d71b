//! A row that will be sent.

use super::{AccountName, Action, JobId, Position, UserId};

/// A row that will be sent: its account, action and id have passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Where the row stands.
    pub position: Position,
    /// The account it belongs to.
    pub account: AccountName,
    /// What to do.
    pub action: Action,
    /// To whom.
    pub id: UserId,
    /// The admin's own reference; `None`: the row has none.
    pub reference: Option<String>,
    /// How many of the action's steps an earlier process saw through.
    pub steps_done: usize,
    /// What an earlier process left open of the next step.
    pub left_open: LeftOpen,
}

/// What an earlier process left open of a row's next step: a request that left, and of which
/// nothing that was recorded says what it did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LeftOpen {
    /// Nothing.
    #[default]
    Nothing,
    /// A request for this row alone.
    Request,
    /// A request for many rows. The provider had listed the user as standing just before.
    Bulk,
    /// A job of the provider's, begun by a request for many rows; its result was never read.
    Job(JobId),
}

/// Account, action and id as 128 bits: what makes two rows duplicates, and what `--done-in` looks
/// rows up by.
///
/// It is a digest, so that a set of ten million costs sixteen bytes each; with 128 bits, the odds
/// that any two of ten million rows meet are below 10⁻²⁴.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskKey(u128);

impl TaskKey {
    /// The key of `id` under `action` at `account`.
    pub fn new(account: &AccountName, action: Action, id: &UserId) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [account.as_str(), action.name(), id.as_str()] {
            // The length first, so that no two triples run together alike.
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(u128::from_le_bytes(bytes))
    }
}
