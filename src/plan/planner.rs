//! One decision for every row.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::{Outcome, Task, TaskKey};
use crate::input::{Field, Row};

use super::duplicates::Seen;
use super::judge::{Decision, Ended, Judge};
use super::parts::{SharedSearch, SharedUsers};

/// Decides row by row, in the order of the file.
///
/// **Invariant**: the same rows shown to two planners made alike are decided alike.
#[derive(Debug)]
pub struct Planner {
    judge: Arc<Judge>,
    seen: Seen,
    shared: SharedSearch,
    done_before: Arc<HashSet<TaskKey>>,
}

impl Planner {
    /// Decides by `judge`, and ends rows that `done_before` holds: what the ledgers of `--done-in`
    /// show as good.
    pub fn new(judge: Arc<Judge>, done_before: Arc<HashSet<TaskKey>>) -> Self {
        Self {
            judge,
            seen: Seen::default(),
            shared: SharedSearch::default(),
            done_before,
        }
    }

    /// What becomes of `row`. A row that is invalid or protected is so wherever it stands; of rows
    /// that are the same, the first is sent or done before, and the others are duplicates.
    pub fn decide(&mut self, row: &Row<'_>) -> Decision {
        let task = match self.judge.judge(row) {
            Decision::Send(task) => task,
            end @ Decision::End(_) => return end,
        };
        if !self.seen.insert(&task.account, task.action, &task.id) {
            return end(
                task,
                Outcome::Duplicate,
                "duplicate",
                "the same account, action and id stands earlier in the file",
            );
        }
        let is_done = !self.done_before.is_empty()
            && self
                .done_before
                .contains(&TaskKey::new(&task.account, task.action, &task.id));
        if is_done {
            return end(
                task,
                Outcome::DoneBefore,
                "done_before",
                "an earlier ledger shows this row as good",
            );
        }
        self.shared.sent(&task, &self.seen);
        Decision::Send(task)
    }

    /// The users with rows of several actions among those that are sent, of the rows decided since
    /// this was last asked.
    pub(super) fn shared_users(&mut self) -> Arc<SharedUsers> {
        self.shared.found()
    }
}

/// The end of a row that could have been sent.
fn end(task: Task, outcome: Outcome, code: &'static str, reason: &str) -> Decision {
    Decision::End(Ended {
        position: task.position,
        outcome,
        account: Some(task.account),
        action: Some(task.action),
        id: Some(task.id),
        reference: task.reference,
        field: Field::Row,
        code,
        reason: reason.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::testing::{policies, row};
    use super::super::{Defaults, ForeignIds, Judge, ProtectList};
    use super::{Decision, Planner};
    use crate::domain::{AccountName, Action, Outcome, TaskKey, UserId};
    use crate::input::{Field, Row, RowProblem};

    fn planner(done: &[&str]) -> Planner {
        let judge = Judge::try_new(
            policies(),
            &Defaults::default(),
            ForeignIds::Refused,
            ProtectList::default(),
        );
        let acme = AccountName::new("acme");
        let done: HashSet<_> = done
            .iter()
            .map(|id| TaskKey::new(&acme, Action::Purge, &UserId::new(*id)))
            .collect();
        Planner::new(Arc::new(judge.unwrap()), Arc::new(done))
    }

    fn outcome(decision: &Decision) -> Option<Outcome> {
        match decision {
            Decision::Send(_) => None,
            Decision::End(ended) => Some(ended.outcome),
        }
    }

    #[test]
    fn each_row_gets_the_decision_of_the_table() {
        let table = [
            ("12,acme,purge", None),
            ("12,acme,purge", Some(Outcome::Duplicate)),
            ("12,acme,delete", None),
            ("12,beta,purge", None),
            ("012,acme,purge", None),
            ("99,acme,purge", Some(Outcome::DoneBefore)),
            ("99,acme,purge", Some(Outcome::Duplicate)),
            ("99,acme,delete", None),
            ("5541,zoho,delete", Some(Outcome::Protected)),
            ("zcrm_5541,crm,delete", Some(Outcome::Protected)),
            ("zcrm_5542,crm,delete", None),
            ("5542,crm,delete", Some(Outcome::Duplicate)),
            ("bob,acme,purge", Some(Outcome::Invalid)),
            ("bob,acme,purge", Some(Outcome::Invalid)),
        ];
        let mut planner = planner(&["99"]);
        for (number, (cells, expected)) in (1..).zip(table) {
            let decision = planner.decide(&row(number, cells));
            assert_eq!(outcome(&decision), expected, "row {number}: {cells}");
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_is_invalid_for_that_reason() {
        let mut row = row(3, "");
        row.content = Err(RowProblem::new(
            Field::Row,
            "row_too_long",
            "it is too long",
        ));
        let Decision::End(ended) = planner(&[]).decide(&row) else {
            panic!("nothing can be sent for it");
        };
        assert_eq!(
            (ended.code, ended.reason.as_str()),
            ("row_too_long", "it is too long")
        );
        assert_eq!(ended.position.line, 4);
    }

    fn any_row() -> impl Strategy<Value = String> {
        let id = "[1-3]|zcrm_[12]|554[12]|bob|";
        let account = "acme|beta|zoho|crm|zendesk|nobody|";
        let action = "delete|purge|remove|";
        (id, account, action).prop_map(|(id, account, action)| format!("{id},{account},{action}"))
    }

    proptest! {
        #[test]
        fn deciding_twice_decides_alike_and_sends_no_task_twice(
            cells in prop::collection::vec(any_row(), 0..80)
        ) {
            let rows: Vec<Row<'_>> = (1..).zip(&cells).map(|(n, cells)| row(n, cells)).collect();
            let mut first = planner(&["2"]);
            let mut second = planner(&["2"]);
            let mut sent = HashSet::new();
            for row in &rows {
                let decision = first.decide(row);
                prop_assert_eq!(&second.decide(row), &decision);
                match decision {
                    Decision::Send(task) => {
                        prop_assert_eq!(task.position, row.position);
                        prop_assert!(sent.insert((task.account, task.action, task.id)));
                    }
                    Decision::End(ended) => {
                        prop_assert_eq!(ended.position, row.position);
                        prop_assert!(!ended.code.is_empty() && !ended.reason.is_empty());
                    }
                }
            }
        }
    }
}
