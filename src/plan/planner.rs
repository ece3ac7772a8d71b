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
use super::rows::{Lines, RowNumbers};
use crate::domain::{AccountName, Action, Outcome, Position, ProviderKind, TaskKey, UserId};
use crate::input::{Field, InputError, InputErrorKind, Row, Source};

/// The code and the reason of a duplicate.
const DUPLICATE: (&str, &str) = (
    "duplicate",
    "the same account, action and id stands earlier in the file",
);

/// Decides what becomes of the rows of a file.
#[derive(Debug)]
pub struct Planner {
    judge: Judge,
    done_before: HashSet<TaskKey>,
}

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
    duplicates: [BTreeMap<Look, RowNumbers>; ACTIONS],
}

/// Rows to send that damage would strike alike.
#[derive(Debug, Default)]
struct ToSend {
    rows: RowNumbers,
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
    pub fn plan(&self, source: &mut Source, sink: Option<Sink<'_>>) -> Result<Plan, PlanError> {
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
        source.each_row(|row| reading.take(row))?;
        if let (Some(column), Some((account, provider))) = (external, reading.refusing.take()) {
            let kind = InputErrorKind::ExternalIds {
                column,
                account,
                provider,
            };
            return Err(PlanError::Input(InputError::new(source.path(), kind)));
        }
        reading.plan.asides = source.asides();
        reading.finish()
    }
}

impl Reading<'_, '_> {
    fn take(&mut self, row: &Row<'_>) {
        if self.blocks.as_ref().is_some_and(Blocks::has_failed) {
            return;
        }
        self.plan.rows += 1;
        self.lines.push(row.position);
        let judge = self.judge;
        match judge.judge(row) {
            Ok(valid) => {
                self.look_at(row, valid.place, Some(valid.id));
                self.take_valid(&valid, row.position);
            }
            Err(unsent) => {
                if let Some((place, _)) = unsent.account {
                    self.look_at(row, place, unsent.id);
                }
                self.plan.trimmed += u64::from(unsent.account.is_none() && is_trimmed(row));
                self.end(&unsent, row.position);
            }
        }
    }

    /// Counts what all ids of an account show together.
    fn look_at(&mut self, row: &Row<'_>, place: usize, id: Option<&str>) {
        if self.has_external_ids && self.refusing.is_none() {
            self.refusing = self.judge.refuses_external_ids(place);
        }
        self.plan.trimmed += u64::from(is_trimmed(row));
        if let Some(id) = id {
            let is_bare = row.content.as_ref().is_ok_and(|it| it.id.len() == id.len());
            self.plan.unprefixed += u64::from(!is_bare);
            self.accounts[place].tally.add(Look::of(id));
        }
    }

    fn take_valid(&mut self, row: &ValidRow<'_>, position: Position) {
        match self.seen.insert(row) {
            Met::Again => {
                let account = &mut self.accounts[row.place];
                let alike = account.duplicates[row.action as usize].entry(Look::of(row.id));
                alike.or_default().push(position.row);
                if let Some(blocks) = &mut self.blocks {
                    let (code, reason) = DUPLICATE;
                    blocks.end(&row.ends(Outcome::Duplicate, code, reason), position);
                }
            }
            Met::Elsewhere => {
                let reason = "another account at the same tenant has a row of this user further up, \
                              with another action; give all rows of a user to one account";
                self.end(
                    &row.ends(Outcome::Invalid, "other_account", reason),
                    position,
                );
            }
            Met::First { .. } if self.is_done_before(row) => {
                let reason = "an earlier ledger shows this row as good";
                self.plan.outcomes.done_before += 1;
                if !self.plan.done.contains(row.account) {
                    self.plan.done.insert(row.account.clone());
                }
                if let Some(blocks) = &mut self.blocks {
                    let unsent = row.ends(Outcome::DoneBefore, "done_before", reason);
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
        if row.field == Field::Id && column::is_another_thing(row.code) {
            self.plan.other_things += 1;
            if let Some((_, account)) = row.account
                && !self.plan.misread.contains(account)
            {
                self.plan.misread.insert(account.clone());
            }
        }
        self.plan.end(why(row), once(position));
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
            let reason = |look| damage.reason(look, policy, judge.foreign_ids());
            let mut groups = BTreeMap::new();
            let of_actions = account.to_send.into_iter().zip(account.duplicates);
            for (action, (to_send, again)) in Action::ALL.into_iter().zip(of_actions) {
                let valid = |id| ValidRow {
                    place,
                    account: &policy.name,
                    action,
                    id,
                    reference: None,
                };
                let mut group: Option<(RoaringTreemap, ToSend)> = None;
                for (look, mut alike) in to_send {
                    let rows = std::mem::take(&mut alike.rows).finish();
                    if let Some((code, reason)) = reason(look) {
                        self.plan.outcomes.pending -= rows.len();
                        self.take_out(&valid("").damaged(code, reason), &rows);
                    } else {
                        group = Some(joined(group, (rows, alike)));
                    }
                }
                for (look, rows) in again {
                    let rows = rows.finish();
                    match reason(look) {
                        Some((code, reason)) => {
                            self.take_out(&valid("").damaged(code, reason), &rows);
                        }
                        None => duplicates |= rows,
                    }
                }
                if let Some((rows, ends)) = group {
                    let (first, last) = (UserId::new(ends.first), UserId::new(ends.last));
                    let rows = rows.len();
                    groups.insert(action, Group { rows, first, last });
                }
            }
            if !groups.is_empty() {
                self.plan.accounts.insert(policy.name.clone(), groups);
            }
        }
        let (code, reason) = DUPLICATE;
        let why = Why {
            outcome: Outcome::Duplicate,
            field: Field::Row,
            code,
            reason,
            example: Some(code),
        };
        self.plan.end(why, self.lines.positions(&duplicates));
        self.plan.close();
        self.blocks
            .map_or(Ok(()), Blocks::finish)
            .map_err(PlanError::Record)?;
        Ok(self.plan)
    }

    /// Ends `rows` that were to be sent, or were duplicates.
    fn take_out(&mut self, row: &UnsentRow<'_>, rows: &RoaringTreemap) {
        self.plan.end(why(row), self.lines.positions(rows));
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
        alike.rows.push(number);
        alike.last.clear();
        alike.last.push_str(row.id);
    }
}

impl<'a> ValidRow<'a> {
    fn damaged(&self, code: &'static str, reason: String) -> UnsentRow<'a> {
        UnsentRow {
            field: Field::Id,
            ..self.ends(Outcome::Invalid, code, reason)
        }
    }
}

/// Both sets of rows, and their first and last ids.
fn joined(
    before: Option<(RoaringTreemap, ToSend)>,
    (rows, ends): (RoaringTreemap, ToSend),
) -> (RoaringTreemap, ToSend) {
    let Some((others, mut joined)) = before else {
        return (rows, ends);
    };
    if rows.min() < others.min() {
        joined.first = ends.first;
    }
    if rows.max() > others.max() {
        joined.last = ends.last;
    }
    (others | rows, joined)
}

fn why<'a>(row: &'a UnsentRow<'_>) -> Why<'a> {
    Why {
        outcome: row.outcome,
        field: row.field,
        code: row.code,
        reason: &row.reason,
        example: Some(row.code),
    }
}

fn is_trimmed(row: &Row<'_>) -> bool {
    row.content.as_ref().is_ok_and(|record| record.trimmed)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap, HashSet};
    use std::fmt::Write as _;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::testing::{file, policies};
    use super::super::{Defaults, ForeignIds, Judge, PROBLEMS_MAX, Plan, ProtectList};
    use super::Planner;
    use crate::domain::{AccountName, Action, Entry, Outcome, Position, TaskKey};
    use crate::input::{Columns, ReadOptions, Source};

    /// What the entries say of each row in the end: an outcome with its code, or `again`.
    type Ends = BTreeMap<u64, Result<(Position, String, bool), (Outcome, String)>>;

    fn planned(done: &[&str], text: &str) -> (Plan, Ends, Columns) {
        let judge = Judge::try_new(
            policies(),
            &Defaults::default(),
            ForeignIds::Refused,
            ProtectList::default(),
        );
        let acme = AccountName::new("acme");
        let done: HashSet<_> = done
            .iter()
            .map(|id| TaskKey::new(&acme, Action::Purge, id))
            .collect();
        let planner = Planner::new(judge.unwrap(), done);
        let file = file(text);
        let mut source = Source::open(file.path(), &ReadOptions::default()).unwrap();
        let mut ends = Ends::new();
        let mut take = |entry: Entry| {
            match entry {
                Entry::Plan(block) => {
                    for row in block.rows {
                        let id = row.id.as_str().to_owned();
                        ends.insert(row.position.row, Ok((row.position, id, row.again)));
                    }
                }
                Entry::Unsent(block) => {
                    for row in block.rows {
                        ends.insert(row.row, Err((block.outcome, block.code.clone())));
                    }
                }
                other => panic!("{other:?}"),
            }
            Ok(())
        };
        let plan = planner.plan(&mut source, Some(&mut take)).unwrap();
        let mut again = Source::open(file.path(), &ReadOptions::default()).unwrap();
        assert_eq!(
            planner.plan(&mut again, None).unwrap(),
            plan,
            "without a sink"
        );
        (plan, ends, source.resolved().mapping.clone())
    }

    #[test]
    fn each_row_ends_as_the_table_says() {
        let table = [
            ("12,acme,purge", "send"),
            ("12,acme,purge", "duplicate"),
            ("12,acme,delete", "again"),
            ("12,beta,purge", "send"),
            ("012,acme,purge", "send"),
            ("012,acme,purge", "duplicate"),
            ("99,acme,purge", "done_before"),
            ("99,acme,purge", "duplicate"),
            ("99,acme,delete", "again"),
            ("5541,zoho,delete", "send"),
            ("zcrm_5542,crm,delete", "send"),
            ("5542,crm,delete", "duplicate"),
            ("bob,acme,purge", "not_digits"),
            ("13,acme,\"purge", "unclosed_quote"),
        ];
        let rows = table.map(|(cells, _)| cells).join("\n");
        let (plan, ends, _) = planned(&["99"], &format!("id,account,action\n{rows}"));
        for (number, (cells, expected)) in (1..).zip(table) {
            let end = match &ends[&number] {
                Ok((_, _, true)) => "again",
                Ok((position, _, false)) => {
                    assert_eq!(position.line, number + 1);
                    "send"
                }
                Err((_, code)) => code,
            };
            assert_eq!(end, expected, "row {number}: {cells}");
        }
        assert_eq!((plan.rows, plan.to_delete()), (14, 7));
        let outcomes = plan.outcomes;
        assert_eq!(
            (outcomes.invalid, outcomes.duplicate, outcomes.done_before),
            (2, 4, 1)
        );
        let acme = &plan.accounts[&AccountName::new("acme")];
        let purge = &acme[&Action::Purge];
        assert_eq!((purge.first.as_str(), purge.last.as_str()), ("12", "012"));
        let codes: Vec<_> = plan
            .problems
            .iter()
            .map(|it| (it.line, it.code.as_str()))
            .collect();
        let expected = [
            (3, "duplicate"),
            (7, "duplicate"),
            (9, "duplicate"),
            (13, "duplicate"),
            (14, "not_digits"),
            (15, "unclosed_quote"),
        ];
        assert_eq!(codes, expected);
    }

    #[test]
    fn damage_takes_rows_and_their_duplicates_out_at_the_end() {
        let mut text = "id,account,action\n".to_owned();
        for id in [
            "4000000000000000000",
            "5000000000000000000",
            "4000000000000000000",
            "6",
        ] {
            writeln!(text, "{id},crm,delete").unwrap();
        }
        for n in 0..20 {
            writeln!(text, "57257670000004{n:02}001,crm,delete").unwrap();
        }
        text.push_str("5725767000000401001,crm,delete\n");
        let (plan, ends, _) = planned(&[], &text);
        let code = |row: u64| ends[&row].as_ref().map_err(|(_, code)| code.as_str()).err();
        let codes: Vec<_> = (1..=4).map(code).collect();
        assert_eq!(
            codes,
            [
                Some("rounded"),
                Some("rounded"),
                Some("rounded"),
                Some("far_too_short")
            ]
        );
        assert_eq!(code(25), Some("duplicate"));
        assert_eq!(
            (
                plan.to_delete(),
                plan.outcomes.invalid,
                plan.outcomes.duplicate
            ),
            (20, 4, 1)
        );
        let group = &plan.accounts[&AccountName::new("crm")][&Action::Delete];
        let first = "5725767000000400001";
        assert_eq!((group.rows, group.first.as_str()), (20, first));
        let rounded = plan
            .reasons()
            .into_iter()
            .find(|it| it.code == "rounded")
            .cloned();
        assert_eq!(
            rounded.map(|it| (it.rows, it.lines)),
            Some((3, vec![2, 3, 4]))
        );
    }

    #[test]
    fn problems_over_the_limit_are_counted_and_hide_no_other_outcome() {
        let mut text = "id,account,action\n".to_owned();
        for _ in 0..PROBLEMS_MAX + 6 {
            text.push_str("12,acme,purge\n");
        }
        text.push_str("x,acme,purge\n");
        let (plan, _, _) = planned(&[], &text);
        assert_eq!(plan.outcomes.duplicate, PROBLEMS_MAX as u64 + 5);
        assert_eq!(plan.problems.len(), PROBLEMS_MAX + 1);
        assert_eq!(plan.problems_left_out, 5);
        assert_eq!(plan.problems[PROBLEMS_MAX].code, "not_digits");
    }

    #[rstest]
    #[case(
        "id,account,action\na,acme,purge\nb,acme,purge\n3,acme,purge\n",
        Some(
            "2 of 3 rows hold no valid id in column `id`, so it may be the wrong one; name another with `--id-column`"
        )
    )]
    #[case("id,account,action\na,acme,purge\n2,acme,purge\n3,acme,purge\n", None)]
    #[case("id,account,action\na,acme,purge\n", None)]
    #[case("id,account,action\n1,x,purge\n2,x,purge\n3,x,purge\n", None)]
    fn most_ids_failing_hints_at_the_wrong_column(#[case] text: &str, #[case] hint: Option<&str>) {
        let (plan, _, mapping) = planned(&[], text);
        assert_eq!(plan.column_hint(&mapping, None).as_deref(), hint);
    }

    fn any_row() -> impl Strategy<Value = String> {
        let id = "[1-3]|0[1-3]|0{23}[12]|zcrm_[12]|554[12]|bob|";
        let account = "acme|beta|zoho|crm|zendesk|nobody|";
        let action = "delete|purge|remove|";
        let row = (id, account, action);
        let row = row.prop_map(|(id, account, action)| format!("{id},{account},{action}"));
        row.prop_filter("a row of delimiters is none", |row| row != ",,")
    }

    proptest! {
        #[test]
        fn every_row_stands_in_the_entries_and_is_counted_once(
            cells in prop::collection::vec(any_row(), 0..80)
        ) {
            let (plan, ends, _) = planned(&["2", "02"], &format!("id,account,action\n{}\n", cells.join("\n")));
            prop_assert_eq!(plan.rows, cells.len() as u64);
            prop_assert_eq!(ends.keys().copied().collect::<Vec<_>>(), (1..=plan.rows).collect::<Vec<_>>());
            prop_assert_eq!(plan.outcomes.total(), plan.rows);
            let mut found: HashMap<Option<Outcome>, u64> = HashMap::new();
            for end in ends.values() {
                let outcome = end.as_ref().err().map(|(outcome, _)| *outcome);
                *found.entry(outcome).or_default() += 1;
            }
            let count = |it| found.get(&it).copied().unwrap_or(0);
            prop_assert_eq!(plan.to_delete(), count(None));
            for outcome in Outcome::ALL {
                prop_assert_eq!(plan.outcomes.of(outcome), count(Some(outcome)));
            }
            let groups = plan.accounts.values().flat_map(|groups| groups.values());
            prop_assert_eq!(groups.map(|group| group.rows).sum::<u64>(), plan.to_delete());
            prop_assert!(plan.problems.is_sorted_by_key(|problem| problem.row));
        }
    }
}
