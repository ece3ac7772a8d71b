//! A plan: what a run would do, summed up over all decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use roaring::RoaringTreemap;
use serde::Serialize;

use crate::domain::{AccountName, Action, ColumnDamage, Outcome, UserId};
use crate::input::{Asides, Columns};

use super::damage::Tally;
use super::parts::{Part, SharedUsers};
use super::reasons::{Reason, Reasons};

/// How many problems of one outcome a plan keeps word for word; of the others it keeps the count.
/// The limit is per outcome, so that ten thousand duplicates do not hide one invalid row.
pub const PROBLEMS_MAX: usize = 1_000;

/// The fewest rows from which most failing their id check says anything about the column.
const HINT_ROWS_MIN: u64 = 3;

/// What a run over an input would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The rows read. They are the sum of `to_delete`, `invalid`, `duplicate`, `protected` and
    /// `done_before`.
    pub rows: u64,
    /// The rows that would be sent.
    pub to_delete: u64,
    /// The rows that cannot be sent.
    pub invalid: u64,
    /// The rows that stand earlier in the file.
    pub duplicate: u64,
    /// The rows that must not be sent.
    pub protected: u64,
    /// The rows that an earlier ledger shows as good.
    pub done_before: u64,
    /// The rows whose id had blanks taken off, whatever became of them.
    pub trimmed: u64,
    /// The rows whose id had an export's prefix taken off, whatever became of them.
    pub unprefixed: u64,
    /// What a list of ids holds beside them, which is passed over.
    pub asides: Asides,
    /// The rows that would be sent, summed up per account and action.
    pub accounts: BTreeMap<AccountName, BTreeMap<Action, Group>>,
    /// The numbers of the rows that would be sent, per account.
    pub to_send: BTreeMap<AccountName, RoaringTreemap>,
    /// The numbers of the rows that an earlier ledger shows as good, per account.
    pub done: BTreeMap<AccountName, RoaringTreemap>,
    /// The numbers of the rows that stand earlier in the file.
    pub duplicates: RoaringTreemap,
    /// The numbers of the rows whose user another account at the same tenant has.
    pub elsewhere: RoaringTreemap,
    /// The users with rows of several actions.
    pub shared: Arc<SharedUsers>,
    /// The rows that are invalid, protected or duplicates, in the order of the file; at most
    /// [`PROBLEMS_MAX`] of each outcome.
    pub problems: Vec<Problem>,
    /// How many rows more have problems.
    pub problems_left_out: u64,
    /// Why rows are not sent.
    pub(super) reasons: Reasons,
    /// The rows whose cell for the id holds something else than an id.
    pub(super) other_things: u64,
    /// The accounts of those rows.
    pub(super) misread: BTreeSet<AccountName>,
    /// What the long ids of each account look like together.
    pub(super) tallies: BTreeMap<AccountName, Tally>,
}

/// The rows of one account and action that would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// How many they are; never 0.
    pub rows: u64,
    /// The id of the first.
    pub first: UserId,
    /// The id of the last.
    pub last: UserId,
}

/// A row that would not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line it begins on, from 1.
    pub line: u64,
    /// Its number, from 1.
    pub row: u64,
    /// `invalid`, `protected` or `duplicate`.
    pub outcome: Outcome,
    /// The name of the field that decided: `id`, `account`, `action`, `ref`, or `row` for the row
    /// as a whole.
    pub field: &'static str,
    /// A stable word for the reason.
    pub code: &'static str,
    /// The reason and how to mend it, as a lower-case fragment. It repeats no cell's text.
    pub reason: String,
}

impl Plan {
    /// The parts in which the rows of `account` are sent, side by side.
    pub fn parts(&self, account: &AccountName) -> Vec<Part> {
        match self.accounts.get(account) {
            Some(groups) => self.shared.parts(account, groups.keys().copied()),
            None => Vec::new(),
        }
    }

    /// The damage that the ids of `account` show together.
    pub fn damage(&self, account: &AccountName) -> ColumnDamage {
        let tally = self.tallies.get(account);
        tally.map_or_else(ColumnDamage::default, Tally::damage)
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

    /// Why rows are not sent, by outcome, in the order of their first lines.
    pub fn reasons(&self) -> Vec<&Reason> {
        self.reasons.all()
    }

    /// The accounts of the rows that hold something else than an id, if most do: then the ids were
    /// taken from the wrong column, if another [looks like them](super::likely_id_column).
    pub fn misread(&self) -> Option<&BTreeSet<AccountName>> {
        (self.rows >= HINT_ROWS_MIN && self.other_things * 2 > self.rows).then_some(&self.misread)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write as _;
    use std::sync::Arc;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::testing::{file, policies};
    use super::super::{Defaults, ForeignIds, Judge, Planner, ProtectList};
    use super::{PROBLEMS_MAX, Plan};
    use crate::domain::{AccountName, Action};
    use crate::input::{Columns, ReadOptions, Source};

    fn plan(text: &str) -> (Plan, Columns) {
        let file = file(text);
        let mut source = Source::open(file.path(), &ReadOptions::default()).unwrap();
        let judge = Judge::try_new(
            policies(),
            &Defaults::default(),
            ForeignIds::Refused,
            ProtectList::default(),
        );
        let planner = Planner::new(Arc::new(judge.unwrap()), Arc::new(HashSet::new()));
        let plan = planner.plan(&mut source).unwrap();
        (plan, source.resolved().mapping.clone())
    }

    #[test]
    fn a_plan_sums_up_what_was_decided() {
        let (plan, _) = plan(
            "id,account,action\n\
             12,acme,purge\n 13 ,acme,purge\n12,acme,purge\n14,acme,delete\n\
             5541,crm,delete\n5542,crm,delete\nx,acme,purge\n",
        );
        assert_eq!((plan.rows, plan.to_delete, plan.trimmed), (7, 4, 1));
        assert_eq!((plan.invalid, plan.duplicate, plan.protected), (1, 1, 1));
        let acme = &plan.accounts[&AccountName::new("acme")];
        let purge = &acme[&Action::Purge];
        assert_eq!(purge.rows, 2);
        assert_eq!((purge.first.as_str(), purge.last.as_str()), ("12", "13"));
        assert_eq!(acme[&Action::Delete].rows, 1);
        let rows: Vec<u64> = plan.to_send[&AccountName::new("acme")].iter().collect();
        assert_eq!(rows, [1, 2, 4]);
        let problems: Vec<_> = plan
            .problems
            .iter()
            .map(|problem| (problem.line, problem.row, problem.field, problem.code))
            .collect();
        assert_eq!(
            problems,
            [
                (4, 3, "row", "duplicate"),
                (6, 5, "id", "caller"),
                (8, 7, "id", "not_digits"),
            ]
        );
    }

    #[test]
    fn problems_over_the_limit_are_counted_and_hide_no_other_outcome() {
        let mut text = "id,account,action\n".to_owned();
        for _ in 0..PROBLEMS_MAX + 6 {
            text.push_str("12,acme,purge\n");
        }
        text.push_str("x,acme,purge\n");
        let (plan, _) = plan(&text);
        assert_eq!(plan.duplicate, PROBLEMS_MAX as u64 + 5);
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
    #[case(
        "id,account,action\na,acme,purge\n2,acme,purge\n3,acme,purge\n4,acme,purge\n",
        None
    )]
    #[case("id,account,action\na,acme,purge\n", None)]
    #[case("id,account,action\n1,x,purge\n2,x,purge\n3,x,purge\n", None)]
    fn most_ids_failing_hints_at_the_wrong_column(#[case] text: &str, #[case] hint: Option<&str>) {
        let (plan, mapping) = plan(text);
        assert_eq!(plan.column_hint(&mapping, None).as_deref(), hint);
    }

    proptest! {
        #[test]
        fn every_row_is_counted_once(
            rows in prop::collection::vec(("[1-3]|x|554[12]", "acme|beta|crm|", "delete|purge|"), 0..60)
        ) {
            let mut text = "id,account,action\n".to_owned();
            for (id, account, action) in &rows {
                writeln!(text, "{id},{account},{action}").unwrap();
            }
            let (plan, _) = plan(&text);
            prop_assert_eq!(plan.rows, rows.len() as u64);
            let ends = plan.invalid + plan.duplicate + plan.protected + plan.done_before;
            prop_assert_eq!(plan.to_delete + ends, plan.rows);
            prop_assert_eq!(plan.problems.len() as u64, ends);
            let groups = plan.accounts.values().flat_map(|groups| groups.values());
            prop_assert_eq!(groups.map(|group| group.rows).sum::<u64>(), plan.to_delete);
            let sent = plan.to_send.values().map(roaring::RoaringTreemap::len).sum::<u64>();
            prop_assert_eq!(sent, plan.to_delete);
        }
    }
}
