//! The one reading of an input in which it is decided what becomes of its rows.

use std::collections::{BTreeMap, HashSet};
use std::iter::once;
use std::path::PathBuf;

use roaring::RoaringTreemap;
use thiserror::Error;

use super::blocks::{Blocks, Sink, SinkError};
use super::column;
use super::damage::{IdLook, Tally};
use super::duplicates::{Duplicates, SeenBefore};
use super::judge::{UnsentRow, ValidRow};
use super::number_set::{NumberSet, positions};
use super::outline::{Plan, PlanGroup, Why};
use super::protect::ProtectList;
use crate::domain::{
    AccountName, AccountPolicy, Action, Outcome, Position, ProviderKind, Record, TaskKey, UserId,
};
use crate::input::{Field, InputError, InputSource, RowProblem};

/// Decides what becomes of the rows of a file. The file and the configuration alone decide the same
/// about each row, wherever it stands.
#[derive(Debug)]
pub struct Planner {
    pub(super) accounts: Vec<AccountPolicy>,
    /// The place in `accounts` of `--account`.
    pub(super) account: Option<usize>,
    pub(super) action: Option<Action>,
    /// Whether ids are sent that may be another org's.
    pub(super) takes_foreign: bool,
    /// How many rows are sent at most; those behind them are left out.
    pub rows_max: Option<u64>,
    /// The ids that must never be touched.
    pub protect: ProtectList,
    pub(super) done_before: HashSet<TaskKey>,
}

/// Why there is no plan.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// `--account` names no account, or a provider that several accounts have.
    #[error("{0}")]
    Account(String),
    /// The protect list cannot be read, or would protect less than it says.
    #[error("{message}")]
    Protect {
        /// Its path as given.
        path: PathBuf,
        /// The fault, and how to mend it.
        message: String,
        /// The row at fault; `None`: it is the whole list.
        row: Option<(Position, Field)>,
        /// Why it cannot be read.
        #[source]
        source: Option<Box<InputError>>,
    },
    /// The input cannot be read to its end.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The plan cannot be written down.
    #[error("the plan cannot be written down")]
    Record(#[source] SinkError),
}

/// A row of the input: its cells, or why they cannot be read.
type ReadRow<'a> = Result<Record<'a>, RowProblem>;

/// A reading under way.
struct Reading<'p, 's> {
    planner: &'p Planner,
    blocks: Blocks<'s>,
    plan: Plan,
    seen: Duplicates,
    /// The line of every row: lines never go back, so one bitmap of `row + line` holds them.
    lines: NumberSet,
    /// In the order of the planner's.
    accounts: Vec<AccountTally>,
    /// Whether ids come from a column of another system's.
    has_external_ids: bool,
    refusing: Option<(AccountName, ProviderKind)>,
}

#[derive(Debug, Default)]
struct AccountTally {
    tally: Tally,
    rows: BTreeMap<Action, BTreeMap<IdLook, RowsAlike>>,
}

/// Rows that damage would strike alike.
#[derive(Debug, Default)]
struct RowsAlike {
    /// Those to send, and the ids of the first and the last.
    to_send: NumberSet,
    first: String,
    last: String,
    duplicates: NumberSet,
}

impl Planner {
    /// Reads `source` to its end, gives its rows to `sink` as entries of a ledger, and sums them up.
    /// Of rows that are the same, the first is sent or done before, and the others are duplicates.
    /// Every row stands in the entries; where it stands twice, the last one counts.
    ///
    /// # Errors
    ///
    /// The source cannot be read to its end, it holds ids of another system than an account whose
    /// rows it has, or the sink failed.
    pub fn plan(
        &self,
        source: &mut InputSource,
        sink: Option<Sink<'_>>,
    ) -> Result<Plan, PlanError> {
        let accounts = &self.accounts;
        let external = source.external_ids().map(str::to_owned);
        let mut reading = Reading {
            planner: self,
            blocks: Blocks::new(sink),
            plan: Plan::default(),
            seen: Duplicates::of(accounts.iter(), self.neighbours()),
            lines: NumberSet::default(),
            accounts: accounts.iter().map(|_| AccountTally::default()).collect(),
            has_external_ids: external.is_some(),
            refusing: None,
        };
        source.each_row(|position, row| reading.take(position, row))?;
        if let (Some(column), Some((account, provider))) = (external, reading.refusing.take()) {
            let title = provider.title();
            let what = format!(
                "holds no user ids of account `{account}`: its column `{column}` names external ids, which {title} does not delete by; export the users' own ids, or name the column that holds them with `--id-column`"
            );
            let label = "these are another system's ids";
            let error = InputError::of_column(source.path(), &what, column, label);
            return Err(PlanError::Input(error));
        }
        reading.plan.asides = source.asides();
        reading.finish()
    }
}

impl Reading<'_, '_> {
    fn take(&mut self, position: Position, row: &ReadRow<'_>) {
        if self.blocks.failed.is_some() {
            return;
        }
        self.plan.rows += 1;
        self.lines.insert(position.row + position.line);
        let planner = self.planner;
        let branded = planner.with_brand(row);
        let row = branded.as_ref().unwrap_or(row);
        let sent = self.plan.outcomes.pending;
        let is_left_out = planner.rows_max.is_some_and(|most| sent >= most);
        match planner.judge(row) {
            Ok(valid) => {
                let look = IdLook::of(valid.id);
                self.look_at(row, valid.place, Some((valid.id, look)));
                if !is_left_out {
                    return self.take_valid(&valid, look, position);
                }
            }
            Err(unsent) => {
                if let Some((place, _)) = unsent.account {
                    self.look_at(row, place, unsent.id.map(|id| (id, IdLook::of(id))));
                }
                self.plan.trimmed += u64::from(unsent.account.is_none() && is_trimmed(row));
                // A row that `--where` leaves out never counted towards `--max-rows`.
                if !is_left_out || unsent.why.outcome == Outcome::Filtered {
                    return self.end(&unsent, position);
                }
            }
        }
        let left_out = UnsentRow::left_out("`--max-rows` leaves the row out");
        self.end(&left_out, position);
    }

    /// Counts what all ids of an account show together.
    fn look_at(&mut self, row: &ReadRow<'_>, place: usize, id: Option<(&str, IdLook)>) {
        if self.has_external_ids && self.refusing.is_none() {
            let policy = &self.planner.accounts[place];
            let refuses = !policy.provider.takes_external_ids();
            self.refusing = refuses.then(|| (policy.name.clone(), policy.provider));
        }
        self.plan.trimmed += u64::from(is_trimmed(row));
        if let Some((id, look)) = id {
            let is_bare = row.as_ref().is_ok_and(|it| it.id.len() == id.len());
            self.plan.unprefixed += u64::from(!is_bare);
            self.accounts[place].tally.add(look);
        }
    }

    fn take_valid(&mut self, row: &ValidRow<'_>, look: IdLook, position: Position) {
        let done = &self.planner.done_before;
        let key = || TaskKey::new(row.account, row.action, row.id);
        let is_done_before = || !done.is_empty() && done.contains(&key());
        match self.seen.insert(row) {
            SeenBefore::Again => {
                let alike = self.accounts[row.place].alike(row.action, look);
                alike.duplicates.insert(position.row);
                self.blocks.end(&row.unsent(duplicate()), position);
            }
            SeenBefore::Elsewhere => {
                let reason = "another account at the same tenant has a row of this user further up, \
                              with another action; give all rows of a user to one account";
                let why = Why::new(Outcome::Invalid, Field::Row, "other_account", reason);
                self.end(&row.unsent(why), position);
            }
            SeenBefore::First { .. } if is_done_before() => {
                let reason = "an earlier ledger shows this row as good";
                self.plan.outcomes.done_before += 1;
                if !self.plan.done.contains(row.account) {
                    self.plan.done.insert(row.account.clone());
                }
                let why = Why::new(Outcome::DoneBefore, Field::Row, "done_before", reason);
                self.blocks.end(&row.unsent(why), position);
            }
            SeenBefore::First { again } => {
                self.plan.outcomes.pending += 1;
                let alike = self.accounts[row.place].alike(row.action, look);
                if alike.to_send.is_empty() {
                    row.id.clone_into(&mut alike.first);
                }
                row.id.clone_into(&mut alike.last);
                alike.to_send.insert(position.row);
                self.blocks.plan(row, position, again);
            }
        }
    }

    /// Ends a row for what is known of it at once.
    fn end(&mut self, row: &UnsentRow<'_>, position: Position) {
        if row.why.field == Field::Id && column::OTHER_THINGS.contains(&&*row.why.code) {
            self.plan.other_things += 1;
            if let Some((_, account)) = row.account
                && !self.plan.misread.contains(account)
            {
                self.plan.misread.insert(account.clone());
            }
        }
        if row.why.outcome == Outcome::Filtered {
            self.plan.outcomes.filtered += 1;
        } else {
            self.plan.end(&row.why, once(position));
        }
        self.blocks.end(row, position);
    }

    /// Decides what only the whole file shows, and hands the rest over.
    fn finish(mut self) -> Result<Plan, PlanError> {
        self.blocks.put_all();
        let lines = self.lines.take();
        let mut duplicates = RoaringTreemap::new();
        let planner = self.planner;
        let accounts = planner.accounts.iter().enumerate();
        for ((place, policy), account) in accounts.zip(std::mem::take(&mut self.accounts)) {
            let mut groups = BTreeMap::new();
            let AccountTally { tally, rows } = account;
            for (action, of_looks) in rows {
                let mut kept = Vec::new();
                for (look, mut alike) in of_looks {
                    let (to_send, same) = (alike.to_send.take(), alike.duplicates.take());
                    let Some(why) = tally.why(look, policy, planner.takes_foreign) else {
                        duplicates |= same;
                        kept.extend((!to_send.is_empty()).then_some((to_send, alike)));
                        continue;
                    };
                    let unsent = UnsentRow {
                        account: Some((place, &policy.name)),
                        action: Some(action),
                        id: None,
                        reference: None,
                        why,
                    };
                    self.plan.outcomes.pending -= to_send.len();
                    let rows = to_send | same;
                    self.plan.end(&unsent.why, positions(&lines, &rows));
                    for position in positions(&lines, &rows) {
                        self.blocks.end(&unsent, position);
                    }
                }
                let rows = kept.iter().map(|(rows, _)| rows.len()).sum();
                let first = kept.iter().min_by_key(|(rows, _)| rows.min());
                let last = kept.iter().max_by_key(|(rows, _)| rows.max());
                if let (Some((_, first)), Some((_, last))) = (first, last) {
                    let first = UserId::new(&*first.first);
                    let last = UserId::new(&*last.last);
                    groups.insert(action, PlanGroup { rows, first, last });
                }
            }
            if !groups.is_empty() {
                self.plan.accounts.insert(policy.name.clone(), groups);
            }
        }
        self.plan.end(&duplicate(), positions(&lines, &duplicates));
        self.plan.close();
        self.blocks.finish().map_err(PlanError::Record)?;
        Ok(self.plan)
    }
}

impl AccountTally {
    fn alike(&mut self, action: Action, look: IdLook) -> &mut RowsAlike {
        let of_looks = self.rows.entry(action).or_default();
        of_looks.entry(look).or_default()
    }
}

/// Why a row is not sent that is the same as one above it.
fn duplicate() -> Why {
    let reason = "the same account, action and id stands earlier in the file";
    Why::new(Outcome::Duplicate, Field::Row, "duplicate", reason)
}

fn is_trimmed(row: &ReadRow<'_>) -> bool {
    row.as_ref().is_ok_and(|record| record.trimmed)
}
