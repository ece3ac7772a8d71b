//! A row as it was read, what it is judged by, and as it will be sent.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{AccountName, Action, JobId, ProviderKind, UserId};

/// Where a row stands in its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The row's number among the rows of data, from 1. A header is no row.
    pub row: u64,
    /// The line the row begins on, from 1, counted in the decompressed, decoded text.
    pub line: u64,
}

/// A row as read: the four cells that mean something here. All else is passed over and never stored.
/// Texts are borrowed from the reader where they stand in the file as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// The text of the id cell, blanks around it taken off; empty if the row has none.
    pub id: Cow<'a, str>,
    /// The text of the account cell, likewise; `None`: there is no such column, or it is blank.
    pub account: Option<Cow<'a, str>>,
    /// The text of the action cell, likewise.
    pub action: Option<Cow<'a, str>>,
    /// The text of the ref cell, likewise.
    pub reference: Option<Cow<'a, str>>,
    /// The text of the brand cell, likewise; it means something at Sunshine Conversations alone.
    pub brand: Option<Cow<'a, str>>,
    /// Whether blanks had to be taken off the id.
    pub trimmed: bool,
}

impl Record<'_> {
    /// The record with texts of its own, for who keeps it longer than its row is read.
    #[must_use]
    pub fn into_owned(self) -> Record<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Record {
            id: Cow::Owned(self.id.into_owned()),
            account: owned(self.account),
            action: owned(self.action),
            reference: owned(self.reference),
            brand: owned(self.brand),
            trimmed: self.trimmed,
        }
    }
}

/// Why a text cannot be a user id of its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdProblem {
    /// A stable word for tables and tests, e.g. `scientific_notation`.
    pub code: &'static str,
    /// The fault and how to mend it, as a lower-case fragment.
    pub reason: &'static str,
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
    /// The name that tells its tenant from others; `None`: not known (yet).
    pub tenant: Option<String>,
    /// The action of rows that do not say; `None`: such rows are invalid.
    pub action: Option<Action>,
    /// The provider's rule for user ids. It gets the trimmed text of the cell and returns the part
    /// that is the id to send. That is all of it, or the text behind an export's prefix.
    pub check_id: fn(&str) -> Result<&str, IdProblem>,
    /// The pattern of an id, by a provider file; `None`: `check_id` says all.
    pub id_pattern: Option<regex_lite::Regex>,
    /// Whether an id may begin or end with a blank. Then blanks that were taken off one are no
    /// matter of tidiness: with and without them are two users.
    pub blanks_count: fn(&str) -> bool,
    /// Whether all ids of one org have as many digits: then a column shows damage that no id does.
    pub ids_alike: bool,
}

/// The text between a user's own id and their brand in an id that holds both.
const BRAND: &str = "?brandId=";

/// The longest id of a brand, in characters.
const BRAND_CHARS_MAX: usize = 24;

/// The user's own id in `id`, and their brand; `None`: it names none.
pub fn split_brand(id: &str) -> (&str, Option<&str>) {
    match id.rsplit_once(BRAND) {
        Some((own, brand)) if !own.is_empty() && is_brand(brand) => (own, Some(brand)),
        _ => (id, None),
    }
}

/// The id that names the user `id` of `brand`; `None`: that is no brand's id.
pub fn with_brand(id: &str, brand: &str) -> Option<String> {
    is_brand(brand).then(|| format!("{id}{BRAND}{brand}"))
}

/// Whether `text` may be a brand's id.
pub fn is_brand(text: &str) -> bool {
    (1..=BRAND_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A row that will be sent: its account, action and id have passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Where the row stands.
    pub position: Position,
    /// The account it belongs to.
    pub account: AccountName,
    /// The action to do.
    pub action: Action,
    /// To whom.
    pub id: UserId,
    /// The admin's own reference; `None`: the row has none.
    pub reference: Option<String>,
    /// How many of the action's steps an earlier process saw through.
    pub steps_done: usize,
    /// The state in which an earlier process left the next step.
    pub left_open: LeftOpen,
    /// Whether an earlier row of the account asks for another action at the same user.
    pub again: bool,
    /// Whether an earlier process of this run soft-deleted the user, for this row or one before it.
    pub soft_deleted: bool,
}

impl Task {
    /// A row of which nothing was done yet.
    pub const fn new(position: Position, account: AccountName, action: Action, id: UserId) -> Self {
        Self {
            position,
            account,
            action,
            id,
            reference: None,
            steps_done: 0,
            left_open: LeftOpen::Nothing,
            again: false,
            soft_deleted: false,
        }
    }
}

/// The state in which an earlier process left a row's next step: a request whose effect is not known.
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

/// Account, action and id as 128 bits: what makes two rows duplicates, and what `--done-in` looks rows
/// up by. The odds that any two of ten million rows meet are below 10⁻²⁴.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskKey(u128);

/// How many bytes account, action and id have together at most, but for a few.
const BYTES_USUALLY: usize = 256;

impl TaskKey {
    /// The key of `id` under `action` at `account`.
    pub fn new(account: &AccountName, action: Action, id: &str) -> Self {
        let mut whole = Vec::with_capacity(BYTES_USUALLY);
        for part in [account.as_str(), action.name(), id] {
            // The length first, so that no two triples run together alike.
            whole.extend_from_slice(&(part.len() as u64).to_le_bytes());
            whole.extend_from_slice(part.as_bytes());
        }
        // All at once is much faster than piece by piece.
        let digest = blake3::hash(&whole);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        Self(u128::from_le_bytes(bytes))
    }

    /// The key of a user, whatever is to be done: that of one action, which stands for all.
    pub fn of_user(account: &AccountName, id: &str) -> Self {
        Self::new(account, Action::Delete, id)
    }

    /// The key in bytes, which lie closer together than keys do.
    pub const fn bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }
}
