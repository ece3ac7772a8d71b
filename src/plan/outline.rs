//! A plan: what a run would do, summed up over all rows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::domain::{AccountName, Action, Counts, Entry, Outcome, Position, UserId};
use crate::input::{Asides, Columns, Excerpt, Field, ReadOptions};

/// How many problems of one outcome a plan keeps word for word; of the others it keeps the count.
/// The limit is per outcome, so that ten thousand duplicates do not hide one invalid row.
pub const PROBLEMS_MAX: usize = 1_000;

/// The fewest rows from which most failing their id check says anything about the column.
const HINT_ROWS_MIN: u64 = 3;

/// How many lines are kept of one reason.
const LINES_MAX: usize = 8;

/// How many reasons are kept of one outcome and field. There are few, unless each row has a
/// misspelt account of its own.
const REASONS_MAX: usize = 100;

/// How many reasons are shown with an example.
const EXAMPLES_MAX: usize = 20;

/// The text of the reasons over that.
const OTHERS: &str = "other reasons of the same kind";

/// The effect that a run over an input would have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The rows read: the sum of `outcomes`.
    pub rows: u64,
    /// How the rows end that are not sent; `pending` counts the rows to send.
    pub outcomes: Counts,
    /// The rows whose id had blanks taken off, whatever became of them.
    pub trimmed: u64,
    /// The rows whose id had an export's prefix taken off, whatever became of them.
    pub unprefixed: u64,
    /// The things that were read, or passed over, that people may not expect.
    pub asides: Asides,
    /// The rows to send, summed up per account and action.
    pub accounts: BTreeMap<AccountName, BTreeMap<Action, PlanGroup>>,
    /// The accounts with rows that an earlier ledger shows as good.
    pub done: BTreeSet<AccountName>,
    /// The rows that are not sent, in the order of the file; at most [`PROBLEMS_MAX`] of each outcome.
    /// Rows that are done before, and those that a filter left out, are no problem.
    pub problems: Vec<PlanProblem>,
    /// How many rows more have problems.
    pub problems_left_out: u64,
    /// Why rows are not sent, by outcome and field, then by text.
    reasons: BTreeMap<(Outcome, Field), BTreeMap<Cow<'static, str>, PlanReason>>,
    /// The rows whose cell for the id holds something else than an id.
    pub(super) other_things: u64,
    /// The accounts of those rows.
    pub(super) misread: BTreeSet<AccountName>,
}

/// The rows of one account and action that would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanGroup {
    /// How many they are; never 0.
    pub rows: u64,
    /// The id of the first.
    pub first: UserId,
    /// The id of the last.
    pub last: UserId,
}

/// Why a row is not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// How the row ends.
    pub outcome: Outcome,
    /// The field that decided.
    pub field: Field,
    /// A stable word for the reason, e.g. `unknown_account`.
    pub code: Cow<'static, str>,
    /// The reason and how to mend it, as a lower-case fragment. It repeats no cell's text.
    pub reason: Cow<'static, str>,
}

impl Why {
    pub(super) fn new(
        outcome: Outcome,
        field: Field,
        code: &'static str,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            outcome,
            field,
            code: code.into(),
            reason: reason.into(),
        }
    }
}

/// A row that would not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanProblem {
    /// The line it begins on, from 1.
    pub line: u64,
    /// Its number, from 1.
    pub row: u64,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
}

/// A reason, and the rows it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanReason {
    /// Why they are not sent.
    #[serde(flatten)]
    pub why: Why,
    /// How many rows it is of.
    pub rows: u64,
    /// The lines on which the first of them begin.
    pub lines: Vec<u64>,
    /// The first of them: an example to show.
    #[serde(skip)]
    pub example: (Position, Field),
}

impl Plan {
    /// How many rows would be sent.
    pub const fn to_delete(&self) -> u64 {
        self.outcomes.pending
    }

    /// Adds rows that are not sent.
    pub(super) fn end(&mut self, why: &Why, positions: impl Iterator<Item = Position>) {
        let mut positions = positions.peekable();
        let Some(first) = positions.peek().copied() else {
            return;
        };
        let reasons = self.reasons.entry((why.outcome, why.field)).or_default();
        let is_known = reasons.contains_key(why.reason.as_ref());
        let text = if is_known || reasons.len() < REASONS_MAX {
            why.reason.clone()
        } else {
            Cow::Borrowed(OTHERS)
        };
        let reason = reasons.entry(text.clone());
        let reason = reason.or_insert_with(|| PlanReason {
            why: Why {
                reason: text,
                ..why.clone()
            },
            rows: 0,
            lines: Vec::new(),
            example: (first, why.field),
        });
        let listed = self.outcomes.slot(why.outcome);
        for position in positions {
            *listed += 1;
            reason.rows += 1;
            if reason.lines.len() < LINES_MAX {
                reason.lines.push(position.line);
            }
            if *listed <= PROBLEMS_MAX as u64 {
                self.problems.push(PlanProblem {
                    line: position.line,
                    row: position.row,
                    why: why.clone(),
                });
            }
        }
    }

    /// Takes an entry with which a ledger begins. `applies`: whether a row, by its number, ends with
    /// this outcome (`None`: is to be sent), as all entries together say.
    pub fn take(&mut self, entry: &Entry, applies: impl Fn(u64, Option<Outcome>) -> bool) {
        match entry {
            Entry::Plan(block) => {
                let rows = block.rows.iter();
                for row in rows.filter(|row| applies(row.position.row, None)) {
                    let groups = self.accounts.entry(block.account.clone()).or_default();
                    let group = groups.entry(block.action).or_insert_with(|| PlanGroup {
                        rows: 0,
                        first: row.id.clone(),
                        last: row.id.clone(),
                    });
                    group.rows += 1;
                    group.last.clone_from(&row.id);
                    self.outcomes.pending += 1;
                }
            }
            Entry::Unsent(block) => {
                let rows = block.rows.iter().copied();
                let rows = rows.filter(|it| applies(it.row, Some(block.outcome)));
                if [Outcome::DoneBefore, Outcome::Filtered].contains(&block.outcome) {
                    *self.outcomes.slot(block.outcome) += rows.count() as u64;
                    self.done.extend(block.account.clone());
                } else {
                    let why = Why {
                        outcome: block.outcome,
                        field: Field::Row,
                        code: block.code.clone().into(),
                        reason: block.message.clone().into(),
                    };
                    self.end(&why, rows);
                }
            }
            Entry::Planned(planned) => {
                self.rows = planned.rows;
                self.close();
            }
            _ => {}
        }
    }

    /// Puts the problems in the order of the file, and counts those that are left out.
    pub(super) fn close(&mut self) {
        self.problems.sort_by_key(|problem| problem.row);
        let outcomes = &self.outcomes;
        let fine = outcomes.done_before + outcomes.filtered + outcomes.pending;
        self.problems_left_out = self.rows - fine - self.problems.len() as u64;
    }

    /// A word of warning if most ids fail their check, so that another column was meant; `None`:
    /// most pass. `mapping` is the source's, `likely` the column that looks like ids.
    pub fn column_hint(&self, mapping: &Columns, likely: Option<&str>) -> Option<String> {
        self.misread()?;
        let what = format!(
            "{} of {} rows hold no valid id",
            self.other_things, self.rows
        );
        Some(match &mapping.id {
            Some(column) => match likely {
                Some(likely) => format!(
                    "{what} in column `{column}`, and those of column `{likely}` look like ids; name it with `--id-column`"
                ),
                None => format!(
                    "{what} in column `{column}`, so it may be the wrong one; name another with `--id-column`"
                ),
            },
            None => format!(
                "{what}, so this may be no list of ids; check the file, or name its format with `--format`"
            ),
        })
    }

    /// The first row of each reason why rows are invalid, as the file at `path` has it, by its number.
    /// It is for a person who reads the plan, and is never kept: a line of the file may name anybody.
    pub fn examples(&self, path: &Path, read: &ReadOptions) -> BTreeMap<u64, Excerpt> {
        let reasons = self.reasons().into_iter();
        let invalid = reasons.filter(|it| it.why.outcome == Outcome::Invalid);
        let wanted: Vec<_> = invalid.map(|it| it.example).take(EXAMPLES_MAX).collect();
        if wanted.is_empty() {
            return BTreeMap::new();
        }
        Excerpt::of_rows(path, read, &wanted)
    }

    /// Why rows are not sent, by outcome, in the order of their first lines.
    pub fn reasons(&self) -> Vec<&PlanReason> {
        let mut all: Vec<&PlanReason> = self.reasons.values().flat_map(BTreeMap::values).collect();
        all.sort_by_key(|reason| (reason.why.outcome, reason.lines.first().copied()));
        all
    }

    /// The accounts of the rows that hold something else than an id, if most do. The ids were then
    /// taken from the wrong column, if another [looks like them](super::likely_id_column).
    pub fn misread(&self) -> Option<&BTreeSet<AccountName>> {
        (self.rows >= HINT_ROWS_MIN && self.other_things * 2 > self.rows).then_some(&self.misread)
    }
}
