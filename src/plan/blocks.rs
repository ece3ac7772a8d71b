//! Rows gathered to the entries of a ledger's plan.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;

use super::damage::is_broken;
use super::judge::{UnsentRow, ValidRow};
use crate::domain::{
    AccountName, Action, Entry, Outcome, PlannedRow, PlannedRows, Position, UnsentRows, UserId,
    bound,
};
use crate::input::is_digits;

/// The most blocks that are gathered at once. There are few, unless reasons differ from row to row.
const OPEN_MAX: usize = 4_096;

/// The error of a sink.
pub type SinkError = Box<dyn Error + Send + Sync>;

/// Takes the entries of a plan, in order.
pub type Sink<'s> = &'s mut dyn FnMut(Entry) -> Result<(), SinkError>;

/// A reason without any cell: outcome, code, message, account, action.
type Reason = (
    Outcome,
    Cow<'static, str>,
    String,
    Option<AccountName>,
    Option<Action>,
);

/// Gathers rows to blocks of [`PlannedRows::MAX`]. Blocks of one account and action are in the order
/// of the file.
#[derive(Default)]
pub(super) struct Blocks<'s> {
    /// Where entries go; `None`: nowhere, and nothing is gathered.
    sink: Option<Sink<'s>>,
    /// Why the sink takes no more, so that reading on is of no use.
    pub(super) failed: Option<SinkError>,
    /// By the place of the account, and the action.
    planned: BTreeMap<(usize, Action), PlannedRows>,
    unsent: BTreeMap<Reason, UnsentRows>,
}

impl<'s> Blocks<'s> {
    pub(super) fn new(sink: Option<Sink<'s>>) -> Self {
        Self {
            sink,
            ..Self::default()
        }
    }

    /// Adds a row to send.
    pub(super) fn plan(&mut self, row: &ValidRow<'_>, position: Position, again: bool) {
        if self.sink.is_none() {
            return;
        }
        let planned = PlannedRow {
            position,
            id: UserId::new(row.id),
            reference: row.reference.map(str::to_owned),
            again,
        };
        let block = self.planned.entry((row.place, row.action));
        let block = block.or_insert_with(|| PlannedRows {
            account: row.account.clone(),
            action: row.action,
            rows: Vec::new(),
        });
        block.rows.push(planned);
        if block.rows.len() == bound("rows of a plan entry", 1, PlannedRows::MAX)
            && let Some(block) = self.planned.remove(&(row.place, row.action))
        {
            self.put(Entry::Plan(block));
        }
    }

    /// Adds a row that is not sent.
    pub(super) fn end(&mut self, row: &UnsentRow<'_>, position: Position) {
        if self.sink.is_none() {
            return;
        }
        let account = row.account.map(|(_, name)| name.clone());
        let why = &row.why;
        let message = without_numbers(&why.reason);
        let key = (why.outcome, why.code.clone(), message, account, row.action);
        if self.unsent.len() >= bound("plan entries gathered", 1, OPEN_MAX)
            && !self.unsent.contains_key(&key)
        {
            self.put_all();
        }
        let block = self.unsent.entry(key.clone());
        let block =
            block.or_insert_with_key(|(outcome, code, message, account, action)| UnsentRows {
                outcome: *outcome,
                code: code.clone().into_owned(),
                message: message.clone(),
                account: account.clone(),
                action: *action,
                rows: Vec::new(),
                refs: Vec::new(),
                ids: Vec::new(),
            });
        block.rows.push(position);
        let reference = row.reference.map(|it| (position.row, it.to_owned()));
        block.refs.extend(reference);
        // The verdict on these users stands elsewhere, so that they have to be known.
        if matches!(why.outcome, Outcome::Duplicate | Outcome::DoneBefore) {
            let id = row.id.map(|id| (position.row, UserId::new(id)));
            block.ids.extend(id);
        }
        if block.rows.len() == bound("rows of a plan entry", 1, PlannedRows::MAX)
            && let Some(block) = self.unsent.remove(&key)
        {
            self.put(Entry::Unsent(block));
        }
    }

    /// Hands all rows over that were gathered so far: what follows replaces some of them.
    pub(super) fn put_all(&mut self) {
        for block in std::mem::take(&mut self.planned).into_values() {
            self.put(Entry::Plan(block));
        }
        for block in std::mem::take(&mut self.unsent).into_values() {
            self.put(Entry::Unsent(block));
        }
    }

    /// Hands the rest over.
    pub(super) fn finish(mut self) -> Result<(), SinkError> {
        self.put_all();
        self.failed.map_or(Ok(()), Err)
    }

    fn put(&mut self, entry: Entry) {
        if let (None, Some(sink)) = (&self.failed, &mut self.sink) {
            self.failed = sink(entry).err();
        }
    }
}

/// `reason` without the numbers in backticks that it repeats from the file. Rows of one reason
/// share a block, and a ledger keeps no cell of a row that is not sent.
fn without_numbers(reason: &str) -> String {
    let mut words = String::with_capacity(reason.len());
    for (index, part) in reason.split('`').enumerate() {
        let is_quoted = index % 2 == 1;
        if is_quoted && (is_digits(part) || is_broken(part)) {
            let kept = words.trim_end().len();
            words.truncate(kept);
        } else if is_quoted {
            words.extend(["`", part, "`"]);
        } else {
            words.push_str(part);
        }
    }
    words
}
