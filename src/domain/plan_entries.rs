//! The entries with which a ledger begins: the plan of a run, and the agreement to it.
//!
//! A later entry about a row replaces an earlier one. A fact that shows only after the whole input
//! was read is written as [`UnsentRows`]. These are about rows of earlier [`PlannedRows`].

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::names::named;
use super::{
    AccountName, Action, Counts, Outcome, OutcomeEntry, Position, Quota, RunOptions, Said, Step,
    Time, UserId,
};

/// Rows to send, of one account and action, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRows {
    /// The account.
    pub account: AccountName,
    /// The action.
    pub action: Action,
    /// The rows: at most [`PlannedRows::MAX`], so that a line stays small.
    pub rows: Vec<PlannedRow>,
}

impl UnsentRows {
    /// Each row's end, as if it had been written alone `at` that time.
    pub fn outcomes(&self, at: Time) -> impl Iterator<Item = OutcomeEntry> + '_ {
        self.rows.iter().map(move |position| OutcomeEntry {
            position: *position,
            account: self.account.clone(),
            action: self.action,
            id: of_row(&self.ids, position.row),
            reference: of_row(&self.refs, position.row),
            outcome: self.outcome,
            said: Said::own(self.code.as_str(), self.message.as_str()),
            attempts: 0,
            settled: false,
            at,
            elapsed_ms: 0,
            request_id: None,
        })
    }
}

/// The value that `pairs`, ascending by row, has for `row`.
fn of_row<T: Clone>(pairs: &[(u64, T)], row: u64) -> Option<T> {
    let place = pairs.binary_search_by_key(&row, |(row, _)| *row).ok()?;
    Some(pairs[place].1.clone())
}

impl PlannedRows {
    /// How many rows one entry holds at most.
    pub const MAX: usize = 256;
}

/// One row to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRow {
    /// The row's position in the input.
    #[serde(flatten)]
    pub position: Position,
    /// The user.
    pub id: UserId,
    /// The admin's own reference.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whether an earlier row of the account asks for another action at the same user.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// Rows that are not sent, all for one reason. No cell of an invalid row is repeated but its reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsentRows {
    /// The outcome of these rows.
    pub outcome: Outcome,
    /// The stable word of the reason.
    pub code: String,
    /// The reason in general words.
    pub message: String,
    /// The account; `None`: the rows name none that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// The action; `None`: the rows name none that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The rows: at most [`PlannedRows::MAX`].
    pub rows: Vec<Position>,
    /// The references of those that have one, by row, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<(u64, String)>,
    /// The users of rows that another row or an earlier ledger answers for, by row, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<(u64, UserId)>,
}

/// The plan is complete: every row of the input stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanEnd {
    /// How many rows the input has.
    pub rows: u64,
    /// The outcomes of the rows that are not sent; `pending` counts the rows to send.
    pub outcomes: Counts,
    /// The input.
    pub input: PlannedInput,
    /// The protect list; `None`: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protect: Option<AgreedFile>,
    /// The ledgers that `--done-in` named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done_in: Vec<AgreedFile>,
}

/// The input that a plan was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedInput {
    /// Its absolute path, or `standard input`.
    pub path: String,
    /// Its size in bytes, as it lies on disk.
    pub size: u64,
    /// The SHA-256 of its bytes, as they lie on disk, in lower-case hex.
    pub sha256: String,
    /// Its format: `csv`, `tsv`, `jsonl`, `json` or `ids`, never `auto`.
    pub format: String,
    /// The delimiter, for `csv` and `tsv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// The name of the column that holds each part of a row (`id`, `account`, `action`, `ref`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
}

named! {
    /// How a person agreed to a plan.
    pub enum AgreedBy {
        /// The number of rows was typed.
        Typed = "typed",
        /// `--yes` was given.
        Yes = "yes",
        /// `--confirm` named the number of rows.
        Confirm = "confirm",
    }
}

/// Somebody agreed to the plan: from here on its rows may be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// The user of the machine that the process ran as.
    pub user: String,
    /// The machine.
    pub host: String,
    /// How.
    pub how: AgreedBy,
    /// When.
    pub at: Time,
    /// The tenants, by account.
    pub accounts: BTreeMap<AccountName, AgreedAccount>,
    /// The protect list; `None`: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protect: Option<AgreedFile>,
    /// The ledgers that `--done-in` named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done_in: Vec<AgreedFile>,
    /// The options of the run, where others were typed than the plan keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<RunOptions>,
}

/// The tenant that an account leads to, as it was agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedAccount {
    /// See [`AccountHeader::tenant`](super::AccountHeader::tenant).
    pub tenant: String,
    /// See [`AccountHeader::caller`](super::AccountHeader::caller).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<UserId>,
    /// See [`AccountHeader::rules`](super::AccountHeader::rules).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
}

/// A file named beside the input, as it was read: a protect list, or an earlier run's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedFile {
    /// Its absolute path.
    pub path: String,
    /// The SHA-256 of its bytes, in lower-case hex.
    pub sha256: String,
    /// How many ids a protect list has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<u64>,
}

/// The work ahead of an account. Ledgers keep it for people who look on from another terminal. It
/// tells them how many rows there are in all, and how long the others take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPlan {
    /// The account.
    pub name: AccountName,
    /// How many of its rows this process is to send, or to ask about.
    pub rows: u64,
    /// The least time they take under the account's limits, in milliseconds.
    pub at_limit_ms: u64,
    /// How many of its rows go first, as a canary; `None`: none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<NonZeroU64>,
    /// How many of its rows ended before this process, and are left as they are.
    #[serde(default)]
    pub ended: u64,
    /// How many of these are not done.
    #[serde(default)]
    pub bad: u64,
    /// How many of the rows ahead were soft-deleted before this process.
    #[serde(default)]
    pub soft_deleted: u64,
    /// How many requests may be under way at once; `None`: not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// The limits that `at_limit_ms` comes from; empty: not told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitAhead>,
}

/// A limit as it stands when a process begins. With it and the requests that follow, an onlooker
/// can tell how long the quota itself makes a run wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitAhead {
    /// The step whose endpoint it is of; `None`: it counts every request of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// The quota that it allows this program.
    pub quota: Quota,
    /// How many requests that it counts the rows ahead take.
    pub requests: u64,
    /// How many slots are taken already, by requests of before.
    pub taken: u32,
    /// When the first of these is free again.
    pub frees_at: Time,
    /// When the last of these is; `None`: when the first is, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_free_at: Option<Time>,
}

impl AccountPlan {
    /// Rows of which only turns out how long they take.
    pub fn untimed(name: AccountName, rows: u64) -> Self {
        Self {
            name,
            rows,
            ..Self::default()
        }
    }
}
