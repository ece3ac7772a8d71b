//! The one reading of an input in which it is decided what becomes of its rows.

use std::collections::{BTreeMap, HashSet};
use std::iter::once;

use roaring::RoaringTreemap;

use super::blocks::{Blocks, Sink};
use super::column;
use super::damage::{Look, Tally};
use super::duplicates::{ACTIONS, Duplicates, Met};
use super::error::PlanError;
use super::judge::{Judge, UnsentRow, ValidRow};
use super::outline::{Group, Plan, Why};
use super::protect::ProtectList;
use super::rows::Lines;
use crate::domain::{
    AccountName, Action, Outcome, Position, ProviderKind, Record, TaskKey, UserId,
};
use crate::input::{Field, InputError, InputSource, RowProblem};

/// Decides what becomes of the rows of a file.
#[derive(Debug)]
pub struct Planner {
    judge: Judge,
    done_before: HashSet<TaskKey>,
}

/// A row of the input: its cells, or why they cannot be read.
type ReadRow<'a> = Result<Record<'a>, RowProblem>;

/// A reading under way.
struct Reading<'p, 's> {
    judge: &'p Judge,
    done_before: &'p HashSet<TaskKey>,
    /// Where rows go; `None`: nowhere, they are only counted.
    blocks: Option<Blocks<'s>>,
    plan: Plan,
    seen: Duplicates,
    lines: Lines,
    /// In the order of the judge's.
    accounts: Vec<OfAccount>,
    /// Whether ids come from a column of another system's.
    has_external_ids: bool,
    refusing: Option<(AccountName, ProviderKind)>,
}

#[derive(Debug, Default)]
struct OfAccount {
    tally: Tally,
    to_send: [BTreeMap<Look, ToSend>; ACTIONS],
    duplicates: [BTreeMap<Look, RoaringTreemap>; ACTIONS],
}

/// Rows to send that damage would strike alike.
#[derive(Debug, Default)]
struct ToSend {
    rows: RoaringTreemap,
    first: String,
    last: String,
}

impl Planner {
    /// Decides by `judge`, and ends rows that `done_before` holds: what the ledgers of `--done-in`
    /// show as good.
    pub fn new(judge: Judge, done_before: HashSet<TaskKey>) -> Self {
        Self { judge, done_before }
    }

    /// The ids that must never be touched.
    pub const fn protect(&self) -> &ProtectList {
        self.judge.protect()
    }

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
        let accounts = self.judge.accounts();
        let external = source.external_ids().map(str::to_owned);
        let mut reading = Reading {
            judge: &self.judge,
            done_before: &self.done_before,
            blocks: sink.map(Blocks::new),
            plan: Plan::default(),
            seen: Duplicates::of(accounts.iter().map(|it| &it.name), self.judge.neighbours()),
            lines: Lines::default(),
            accounts: accounts.iter().map(|_| OfAccount::default()).collect(),
            has_external_ids: external.is_some(),
            refusing: None,
        };
        source.each_row(|position, row| reading.take(position, row))?;
        if let (Some(column), Some((account, provider))) = (external, reading.refusing.take()) {
            let (name, title) = (account.as_str(), provider.title());
            let error = InputError::external_ids(source.path(), column, name, title);
            return Err(PlanError::Input(error));
        }
        reading.plan.asides = source.asides();
        reading.finish()
    }
}

impl Reading<'_, '_> {
    fn take(&mut self, position: Position, row: &ReadRow<'_>) {
        if self.blocks.as_ref().is_some_and(Blocks::has_failed) {
            return;
        }
        self.plan.rows += 1;
        self.lines.push(position);
        let judge = self.judge;
        match judge.judge(row) {
            Ok(valid) => {
                self.look_at(row, valid.place, Some(valid.id));
                self.take_valid(&valid, position);
            }
            Err(unsent) => {
                if let Some((place, _)) = unsent.account {
                    self.look_at(row, place, unsent.id);
                }
                self.plan.trimmed += u64::from(unsent.account.is_none() && is_trimmed(row));
                self.end(&unsent, position);
            }
        }
    }

    /// Counts what all ids of an account show together.
    fn look_at(&mut self, row: &ReadRow<'_>, place: usize, id: Option<&str>) {
        if self.has_external_ids && self.refusing.is_none() {
            self.refusing = self.judge.refuses_external_ids(place);
        }
        self.plan.trimmed += u64::from(is_trimmed(row));
        if let Some(id) = id {
            let is_bare = row.as_ref().is_ok_and(|it| it.id.len() == id.len());
            self.plan.unprefixed += u64::from(!is_bare);
            self.accounts[place].tally.add(Look::of(id));
        }
    }

    fn take_valid(&mut self, row: &ValidRow<'_>, position: Position) {
        match self.seen.insert(row) {
            Met::Again => {
                let account = &mut self.accounts[row.place];
                let alike = account.duplicates[row.action as usize].entry(Look::of(row.id));
                alike.or_default().insert(position.row);
                if let Some(blocks) = &mut self.blocks {
                    blocks.end(&row.unsent(duplicate()), position);
                }
            }
            Met::Elsewhere => {
                let reason = "another account at the same tenant has a row of this user further up, \
                              with another action; give all rows of a user to one account";
                let why = Why::new(Outcome::Invalid, Field::Row, "other_account", reason);
                self.end(&row.unsent(why), position);
            }
            Met::First { .. } if self.is_done_before(row) => {
                let reason = "an earlier ledger shows this row as good";
                self.plan.outcomes.done_before += 1;
                if !self.plan.done.contains(row.account) {
                    self.plan.done.insert(row.account.clone());
                }
                if let Some(blocks) = &mut self.blocks {
                    let why = Why::new(Outcome::DoneBefore, Field::Row, "done_before", reason);
                    let unsent = row.unsent(why);
                    blocks.end(&unsent, position);
                }
            }
            Met::First { again } => {
                self.plan.outcomes.pending += 1;
                self.accounts[row.place].add(row, position.row);
                if let Some(blocks) = &mut self.blocks {
                    blocks.plan(row, position, again);
                }
            }
        }
    }

    fn is_done_before(&self, row: &ValidRow<'_>) -> bool {
        let key = || TaskKey::new(row.account, row.action, row.id);
        !self.done_before.is_empty() && self.done_before.contains(&key())
    }

    /// Ends a row for what is known of it at once.
    fn end(&mut self, row: &UnsentRow<'_>, position: Position) {
        if row.why.field == Field::Id && column::is_another_thing(&row.why.code) {
            self.plan.other_things += 1;
            if let Some((_, account)) = row.account
                && !self.plan.misread.contains(account)
            {
                self.plan.misread.insert(account.clone());
            }
        }
        self.plan.end(&row.why, once(position));
        if let Some(blocks) = &mut self.blocks {
            blocks.end(row, position);
        }
    }

    /// Decides what only the whole file shows, and hands the rest over.
    fn finish(mut self) -> Result<Plan, PlanError> {
        if let Some(blocks) = &mut self.blocks {
            blocks.put_all();
        }
        let mut duplicates = RoaringTreemap::new();
        let judge = self.judge;
        let accounts = judge.accounts().iter().enumerate();
        for ((place, policy), account) in accounts.zip(std::mem::take(&mut self.accounts)) {
            let damage = account.tally.damage();
            let why = |look| damage.why(look, policy, judge.takes_foreign());
            let mut groups = BTreeMap::new();
            let of_actions = account.to_send.into_iter().zip(account.duplicates);
            for (action, (to_send, again)) in Action::ALL.into_iter().zip(of_actions) {
                let unsent = |why| UnsentRow {
                    account: Some((place, &policy.name)),
                    action: Some(action),
                    id: None,
                    why,
                };
                let mut group = ToSend::default();
                for (look, alike) in to_send {
                    match why(look) {
                        Some(why) => {
                            self.plan.outcomes.pending -= alike.rows.len();
                            self.take_out(&unsent(why), &alike.rows);
                        }
                        None => group.join(alike),
                    }
                }
                for (look, rows) in again {
                    match why(look) {
                        Some(why) => self.take_out(&unsent(why), &rows),
                        None => duplicates |= rows,
                    }
                }
                if !group.rows.is_empty() {
                    let (first, last) = (UserId::new(group.first), UserId::new(group.last));
                    let rows = group.rows.len();
                    groups.insert(action, Group { rows, first, last });
                }
            }
            if !groups.is_empty() {
                self.plan.accounts.insert(policy.name.clone(), groups);
            }
        }
        self.plan
            .end(&duplicate(), self.lines.positions(&duplicates));
        self.plan.close();
        self.blocks
            .map_or(Ok(()), Blocks::finish)
            .map_err(PlanError::Record)?;
        Ok(self.plan)
    }

    /// Ends `rows` that were to be sent, or were duplicates.
    fn take_out(&mut self, row: &UnsentRow<'_>, rows: &RoaringTreemap) {
        self.plan.end(&row.why, self.lines.positions(rows));
        if let Some(blocks) = &mut self.blocks {
            for position in self.lines.positions(rows) {
                blocks.end(row, position);
            }
        }
    }
}

impl OfAccount {
    fn add(&mut self, row: &ValidRow<'_>, number: u64) {
        let alike = self.to_send[row.action as usize].entry(Look::of(row.id));
        let alike = alike.or_insert_with(|| ToSend {
            first: row.id.to_owned(),
            ..ToSend::default()
        });
        alike.rows.insert(number);
        alike.last.clear();
        alike.last.push_str(row.id);
    }
}

impl ToSend {
    /// Takes the rows of `other`, and its first and last ids where they stand outside.
    fn join(&mut self, other: Self) {
        if self.rows.is_empty() || other.rows.min() < self.rows.min() {
            self.first = other.first;
        }
        if other.rows.max() > self.rows.max() {
            self.last = other.last;
        }
        self.rows |= other.rows;
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
