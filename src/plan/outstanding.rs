//! The rows a run still has to do, and each account's own way through the file to them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use roaring::RoaringTreemap;

use crate::domain::{AccountName, LeftOpen, Position, Task, TaskKey};
use crate::input::{Row, Source};

use super::decision::Decision;
use super::error::PlanError;
use super::judge::Judge;
use super::parts::{Part, SharedUsers};

/// What earlier processes of the same run did to rows that have not ended. All by row number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Earlier {
    /// How many of its action's steps a row has behind it; a row that is not here has none.
    pub steps_done: BTreeMap<u64, usize>,
    /// The rows whose next step was sent and never answered, with what is left open of it.
    pub left_open: BTreeMap<u64, LeftOpen>,
    /// The rows for which they deleted the user, softly at least; also such that have ended.
    pub deleted: RoaringTreemap,
}

/// The tasks of one account, or of one part of them, in the order of the file.
///
/// It reads its own opened source, so that one account's pause never holds another up, and keeps
/// one row at a time. Rows that are not its own it passes over without taking them apart; behind
/// its last row it stops reading.
///
/// **Invariant**: it yields exactly its rows (those of its part), once each, or ends in one error.
#[derive(Debug)]
pub struct Cursor {
    source: Source,
    judge: Arc<Judge>,
    account: AccountName,
    /// The rows still to come.
    rows: RoaringTreemap,
    earlier: Arc<Earlier>,
    part: Part,
    shared: Arc<SharedUsers>,
    /// The users of rows that were passed over because an earlier process deleted them.
    deleted: HashSet<TaskKey>,
}

impl Cursor {
    /// The tasks of `account` that stand in `rows` of `source`, which has just been opened. The
    /// rows come from a [`Plan`](super::Plan) over the same file by the same `judge`, which has
    /// sorted out the duplicates.
    pub fn new(
        source: Source,
        judge: Arc<Judge>,
        account: AccountName,
        rows: RoaringTreemap,
        earlier: Arc<Earlier>,
    ) -> Self {
        Self {
            source,
            judge,
            account,
            rows,
            earlier,
            part: Part::All,
            shared: Arc::default(),
            deleted: HashSet::new(),
        }
    }

    /// Only `part` of the tasks; `shared` is the plan's.
    #[must_use]
    pub fn only(self, part: Part, shared: &Arc<SharedUsers>) -> Self {
        Self {
            part,
            shared: Arc::clone(shared),
            ..self
        }
    }

    /// The next task; `None`: all have been yielded.
    fn advance(&mut self) -> Result<Option<Task>, PlanError> {
        // Bounded by the rows of the file.
        while let Some(next) = self.rows.min() {
            let Some(position) = self.source.advance()? else {
                return Err(self.changed(next));
            };
            if position.row < next {
                self.pass_over(position);
                continue;
            }
            self.rows.remove(next);
            let row = Row {
                position,
                content: self.source.content(),
            };
            match self.judge.judge(&row) {
                Decision::Send(task) if task.account == self.account => {
                    if self.shared.is_in(self.part, &task) {
                        return Ok(Some(self.with_earlier(task)));
                    }
                }
                Decision::Send(_) | Decision::End(_) => return Err(self.changed(next)),
            }
        }
        Ok(None)
    }

    /// Looks at a row that is not to be done: of the users who have rows of several actions it is kept
    /// whom an earlier process deleted.
    fn pass_over(&mut self, position: Position) {
        if self.part == Part::Shared && self.earlier.deleted.contains(position.row) {
            let row = Row {
                position,
                content: self.source.content(),
            };
            if let Decision::Send(task) = self.judge.judge(&row)
                && task.account == self.account
                && self.shared.is_in(self.part, &task)
            {
                let user = TaskKey::of_user(&task.account, task.id.as_str());
                self.deleted.insert(user);
            }
        }
    }

    /// `task` with what earlier processes did to it. The last step counts as still to be done
    /// until the row has an outcome: asking once more is safe, to take it for done is not.
    fn with_earlier(&self, mut task: Task) -> Task {
        let row = task.position.row;
        let last_step = task.action.steps().len() - 1;
        let steps_done = self.earlier.steps_done.get(&row).copied().unwrap_or(0);
        task.steps_done = steps_done.min(last_step);
        task.left_open = self
            .earlier
            .left_open
            .get(&row)
            .cloned()
            .unwrap_or_default();
        task.shares_user = self.part == Part::Shared;
        task.soft_deleted = self.earlier.deleted.contains(row)
            || (!self.deleted.is_empty()
                && self
                    .deleted
                    .contains(&TaskKey::of_user(&task.account, task.id.as_str())));
        task
    }

    fn changed(&self, row: u64) -> PlanError {
        PlanError::Changed {
            path: self.source.path().to_owned(),
            row,
        }
    }
}

impl Iterator for Cursor {
    type Item = Result<Task, PlanError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            self.rows.clear();
        }
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::fmt::Write as _;
    use std::sync::Arc;

    use proptest::prelude::*;
    use roaring::RoaringTreemap;

    use super::super::testing::{file, policies};
    use super::super::{Defaults, ForeignIds, Part, Plan, Planner, ProtectList};
    use super::{Cursor, Decision, Earlier, Judge, PlanError, Row};
    use crate::domain::{AccountName, LeftOpen, Task};
    use crate::input::{ReadOptions, Source};

    const INPUT: &str = "id,account,action\n\
        11,acme,purge\n12,beta,delete\n13,acme,purge\n11,acme,purge\nx,acme,purge\n\
        14,acme,delete\n15,beta,delete\n16,acme,purge\n";

    fn judge() -> Arc<Judge> {
        let (defaults, protect) = (Defaults::default(), ProtectList::default());
        Arc::new(Judge::try_new(policies(), &defaults, ForeignIds::Refused, protect).unwrap())
    }

    fn cursor(text: &str, account: &str, rows: RoaringTreemap, earlier: Earlier) -> Cursor {
        let source = Source::open(file(text).path(), &ReadOptions::default()).unwrap();
        let account = AccountName::new(account);
        Cursor::new(source, judge(), account, rows, Arc::new(earlier))
    }

    fn planned(account: &str) -> RoaringTreemap {
        let mut source = Source::open(file(INPUT).path(), &ReadOptions::default()).unwrap();
        let planner = Planner::new(judge(), Arc::new(HashSet::new()));
        let plan = planner.plan(&mut source).unwrap();
        plan.to_send[&AccountName::new(account)].clone()
    }

    #[test]
    fn each_account_gets_its_own_outstanding_rows_in_order() {
        let ended = RoaringTreemap::from_iter([1, 2, 5]);
        for (account, expected) in [("acme", [3, 6, 8].as_slice()), ("beta", &[7])] {
            let rows = planned(account) - &ended;
            let cursor = cursor(INPUT, account, rows, Earlier::default());
            let rows: Vec<u64> = cursor.map(|task| task.unwrap().position.row).collect();
            assert_eq!(rows, expected);
        }
    }

    #[test]
    fn steps_done_and_doubt_are_filled_in() {
        let earlier = Earlier {
            steps_done: [(1, 1), (6, 1), (8, 2)].into(),
            left_open: [1, 3].map(|row| (row, LeftOpen::Request)).into(),
            ..Earlier::default()
        };
        let cursor = cursor(INPUT, "acme", planned("acme"), earlier);
        let state: Vec<_> = cursor
            .map(Result::unwrap)
            .map(|task| {
                (
                    task.position.row,
                    task.steps_done,
                    task.left_open != LeftOpen::Nothing,
                )
            })
            .collect();
        // Row 6 is a plain delete, of which no step can be done while it has not ended.
        let expected = [(1, 1, true), (3, 0, true), (6, 0, false), (8, 1, false)];
        assert_eq!(state, expected);
    }

    #[test]
    fn a_row_that_is_no_longer_what_was_planned_ends_the_cursor() {
        for (text, changed_row) in [
            (
                "id,account,action\n11,acme,purge\n12,beta,delete\nx,acme,purge\n",
                3,
            ),
            ("id,account,action\n11,beta,delete\n", 1),
            ("id,account,action\n11,acme,purge\n", 3),
        ] {
            let mut cursor = cursor(text, "acme", planned("acme"), Earlier::default());
            let error = cursor.find_map(Result::err);
            assert!(
                matches!(error, Some(PlanError::Changed { row, .. }) if row == changed_row),
                "{error:?}"
            );
            assert!(cursor.next().is_none());
        }
    }

    /// Every decision of a fresh planner over `text` that sends, in the order of the file.
    fn sent(text: &str) -> (Plan, Vec<Task>) {
        let file = file(text);
        let open = || Source::open(file.path(), &ReadOptions::default()).unwrap();
        let planner = Planner::new(judge(), Arc::new(HashSet::new()));
        let plan = planner.plan(&mut open()).unwrap();
        let mut tasks = Vec::new();
        let decide = |row: &Row<'_>| {
            if let Some(Decision::Send(task)) = planner.decide(&plan, row) {
                tasks.push(task);
            }
        };
        open().each_row(decide).unwrap();
        (plan, tasks)
    }

    proptest! {
        #[test]
        fn the_cursors_of_all_parts_yield_what_the_plan_sends_and_no_more(
            rows in prop::collection::vec(
                ("[1-4]|x|554[1-3]|1844674407370955161[0-9]{2}", "acme|beta|crm|",
                "delete|purge|permanently-delete|"),
                0..40,
            ),
            ended in prop::collection::btree_set(1..40_u64, 0..10),
        ) {
            let mut text = "id,account,action\n".to_owned();
            for (id, account, action) in &rows {
                writeln!(text, "{id},{account},{action}").unwrap();
            }
            let (plan, mut expected) = sent(&text);
            expected.retain(|task| !ended.contains(&task.position.row));
            let ended = ended.into_iter().collect();
            let mut yielded = Vec::new();
            for (account, planned) in &plan.to_send {
                let rows = planned - &ended;
                let mut users = HashMap::new();
                for (place, part) in plan.parts(account).into_iter().enumerate() {
                    let cursor = cursor(&text, account.as_str(), rows.clone(), Earlier::default());
                    for mut task in cursor.only(part, &plan.shared).map(Result::unwrap) {
                        prop_assert_eq!(task.shares_user, part == Part::Shared);
                        task.shares_user = false;
                        let of_user = *users.entry(task.id.clone()).or_insert(place);
                        prop_assert_eq!(of_user, place, "rows of one user are in one part");
                        yielded.push(task);
                    }
                }
            }
            yielded.sort_by_key(|task| task.position);
            prop_assert_eq!(yielded, expected);
        }
    }

    #[test]
    fn a_cursor_can_be_handed_to_another_thread() {
        fn is_send<T: Send + 'static>() {}
        is_send::<Cursor>();
    }
}
