//! The passes over an input in which it is decided what becomes of its rows.

use std::collections::HashSet;
use std::sync::Arc;

use super::decision::{Decision, Ended, Fit};
use super::duplicates::{Duplicates, Met};
use super::judge::Judge;
use super::outline::Plan;
use super::summing::Summing;
use crate::domain::{AccountName, Outcome, Position, TaskKey};
use crate::input::{InputError, InputErrorKind, Row, Source};

/// Decides what becomes of the rows of a file: once over all of them for a [`Plan`], and from then
/// on row by row.
///
/// **Invariant**: the same rows in the same order are decided alike every time.
#[derive(Debug, Clone)]
pub struct Planner {
    judge: Arc<Judge>,
    done_before: Arc<HashSet<TaskKey>>,
}

impl Planner {
    /// Decides by `judge`, and ends rows that `done_before` holds: what the ledgers of `--done-in`
    /// show as good.
    pub fn new(judge: Arc<Judge>, done_before: Arc<HashSet<TaskKey>>) -> Self {
        Self { judge, done_before }
    }

    /// Reads `source` to its end and sums up what becomes of its rows. A row that is invalid or
    /// protected is so wherever it stands; of rows that are the same, the first is sent or done
    /// before, and the others are duplicates.
    ///
    /// # Errors
    ///
    /// The source cannot be read to its end, or it holds ids of another system than an account whose
    /// rows it has.
    pub fn plan(&self, source: &mut Source) -> Result<Plan, InputError> {
        let mut seen = Duplicates::of(self.judge.accounts(), self.judge.neighbours());
        let mut summing = Summing::of(self.judge.accounts());
        let external = source.external_ids().map(str::to_owned);
        let mut refusing = None;
        let mut look_at = |account: &AccountName| {
            if external.is_some() && refusing.is_none() {
                refusing = self.judge.refuses_external_ids(account);
            }
        };
        source.each_row(|row| match self.judge.look(row) {
            Ok(fit) => {
                look_at(fit.account);
                summing.count(row, Some((fit.place, fit.id)));
                match seen.insert(&fit) {
                    Met::Again => summing.add_duplicate(&duplicate(&fit, row.position)),
                    Met::Elsewhere => summing.add_elsewhere(&elsewhere(&fit, row.position)),
                    Met::First if self.is_done_before(&fit) => {
                        summing.add_done_before(&fit, row.position.row);
                    }
                    Met::First => summing.add_fit(&fit, row.position.row),
                }
            }
            Err(ended) => {
                ended.account.as_ref().map(&mut look_at);
                summing.add_end(row, &ended);
            }
        })?;
        if let (Some(column), Some((account, provider))) = (external, refusing) {
            let kind = InputErrorKind::ExternalIds {
                column,
                account,
                provider,
            };
            return Err(InputError::new(source.path(), kind));
        }
        summing.pass_over(source.asides());
        Ok(summing.plan(seen.shared()))
    }

    /// What becomes of a row of the file of `plan`, which this planner made; `None`: the file is not
    /// what it was.
    pub fn decide(&self, plan: &Plan, row: &Row<'_>) -> Option<Decision> {
        let number = row.position.row;
        let is_sent = |rows: &roaring::RoaringTreemap| rows.contains(number);
        let fit = match self.judge.look(row) {
            Ok(fit) => fit,
            Err(ended) => {
                let is_planned = plan.to_send.values().any(is_sent)
                    || plan.duplicates.contains(number)
                    || plan.elsewhere.contains(number);
                return (!is_planned).then_some(Decision::End(*ended));
            }
        };
        if plan.to_send.get(fit.account).is_some_and(is_sent) {
            return Some(Decision::Send(fit.task(row.position)));
        }
        let ended = if plan.duplicates.contains(number) {
            duplicate(&fit, row.position)
        } else if plan.elsewhere.contains(number) {
            elsewhere(&fit, row.position)
        } else if self.is_done_before(&fit) {
            done_before(&fit, row.position)
        } else {
            return None;
        };
        Some(Decision::End(ended))
    }

    fn is_done_before(&self, fit: &Fit<'_>) -> bool {
        let key = || TaskKey::new(fit.account, fit.action, fit.id);
        !self.done_before.is_empty() && self.done_before.contains(&key())
    }
}

fn duplicate(fit: &Fit<'_>, position: Position) -> Ended {
    let reason = "the same account, action and id stands earlier in the file";
    fit.ended(position, Outcome::Duplicate, "duplicate", reason)
}

fn elsewhere(fit: &Fit<'_>, position: Position) -> Ended {
    let reason = "another account at the same tenant has a row of this user further up, with \
                  another action; give all rows of a user to one account";
    fit.ended(position, Outcome::Invalid, "other_account", reason)
}

fn done_before(fit: &Fit<'_>, position: Position) -> Ended {
    let reason = "an earlier ledger shows this row as good";
    fit.ended(position, Outcome::DoneBefore, "done_before", reason)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write as _;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::testing::{self, policies};
    use super::super::{Defaults, ForeignIds, Judge, Plan, ProtectList};
    use super::{Decision, Planner};
    use crate::domain::{AccountName, Action, Outcome, TaskKey};
    use crate::input::{Field, ReadOptions, Row, Source};

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
            .map(|id| TaskKey::new(&acme, Action::Purge, id))
            .collect();
        Planner::new(Arc::new(judge.unwrap()), Arc::new(done))
    }

    /// The plan of a file of `rows`, and what is then decided of each.
    fn decided(planner: &Planner, rows: &[&str]) -> (Plan, Vec<Decision>) {
        let mut text = "id,account,action\n".to_owned();
        for row in rows {
            writeln!(text, "{row}").unwrap();
        }
        let file = testing::file(&text);
        let open = || Source::open(file.path(), &ReadOptions::default()).unwrap();
        let plan = planner.plan(&mut open()).unwrap();
        let mut all = Vec::new();
        let decide = |row: &Row<'_>| all.extend(planner.decide(&plan, row));
        open().each_row(decide).unwrap();
        (plan, all)
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
            ("012,acme,purge", Some(Outcome::Duplicate)),
            ("99,acme,purge", Some(Outcome::DoneBefore)),
            ("99,acme,purge", Some(Outcome::Duplicate)),
            ("099,acme,purge", Some(Outcome::DoneBefore)),
            ("099,acme,purge", Some(Outcome::Duplicate)),
            ("99,acme,delete", None),
            ("5541,zoho,delete", Some(Outcome::Protected)),
            ("zcrm_5541,crm,delete", Some(Outcome::Protected)),
            ("zcrm_5542,crm,delete", None),
            ("5542,crm,delete", Some(Outcome::Duplicate)),
            ("bob,acme,purge", Some(Outcome::Invalid)),
            ("bob,acme,purge", Some(Outcome::Invalid)),
        ];
        let rows = table.map(|(cells, _)| cells);
        let (_, all) = decided(&planner(&["99", "099"]), &rows);
        assert_eq!(all.len(), table.len());
        for (number, (decision, (cells, expected))) in (1..).zip(all.iter().zip(table)) {
            assert_eq!(outcome(decision), expected, "row {number}: {cells}");
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_is_invalid_for_that_reason() {
        let (_, all) = decided(&planner(&[]), &["12,acme,purge", "13,acme,\"purge"]);
        let Decision::End(ended) = &all[1] else {
            panic!("nothing can be sent for it");
        };
        assert_eq!((ended.code, ended.position.line), ("unclosed_quote", 3));
    }

    #[test]
    fn a_row_that_is_not_what_was_planned_is_not_decided() {
        let planner = planner(&["99"]);
        let rows = [
            "12,acme,purge",
            "012,acme,purge",
            "012,acme,purge",
            "99,acme,purge",
            "x,acme,purge",
        ];
        let (plan, all) = decided(&planner, &rows);
        assert_eq!(all.len(), rows.len());
        for (number, cells) in [
            (1, "x,acme,purge"),
            (3, "x,acme,purge"),
            (4, "98,acme,purge"),
            (5, "5,acme,purge"),
            (6, "6,acme,purge"),
        ] {
            let row = testing::row(number, cells);
            assert_eq!(planner.decide(&plan, &row), None, "{number}");
        }
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
        fn the_first_of_rows_that_are_the_same_is_sent_and_no_other(
            cells in prop::collection::vec(any_row(), 0..80)
        ) {
            let rows: Vec<&str> = cells.iter().map(String::as_str).collect();
            let planner = planner(&["2", "02"]);
            let (plan, all) = decided(&planner, &rows);
            prop_assert_eq!(&decided(&planner, &rows), &(plan.clone(), all.clone()));
            prop_assert_eq!(all.len(), rows.len());
            let mut seen = HashSet::new();
            for (number, decision) in (1..).zip(&all) {
                let (position, key) = match decision {
                    Decision::Send(task) => {
                        (task.position, Some((task.account.clone(), task.action, task.id.clone())))
                    }
                    Decision::End(ended) => {
                        prop_assert!(!ended.code.is_empty() && !ended.reason.is_empty());
                        let is_row = ended.field == Field::Row && ended.code != "no_row";
                        let key = ended.account.clone().zip(ended.action).zip(ended.id.clone());
                        (ended.position, key.filter(|_| is_row).map(|((a, b), c)| (a, b, c)))
                    }
                };
                prop_assert_eq!((position.row, position.line), (number, number + 1));
                let is_duplicate = outcome(decision) == Some(Outcome::Duplicate);
                if let Some(key) = key {
                    prop_assert_eq!(seen.insert(key), !is_duplicate);
                }
            }
            // The plan says the same, row by row.
            let count = |it| all.iter().filter(|decision| outcome(decision) == it).count() as u64;
            prop_assert_eq!(plan.to_delete, count(None));
            prop_assert_eq!(plan.duplicate, count(Some(Outcome::Duplicate)));
            prop_assert_eq!(plan.done_before, count(Some(Outcome::DoneBefore)));
            for (account, actions) in &plan.accounts {
                for (action, group) in actions {
                    let ids: Vec<_> = all.iter().filter_map(|decision| match decision {
                        Decision::Send(task) if task.account == *account && task.action == *action => {
                            Some(task.id.clone())
                        }
                        Decision::Send(_) | Decision::End(_) => None,
                    }).collect();
                    prop_assert_eq!(group.rows, ids.len() as u64);
                    prop_assert_eq!(Some(&group.first), ids.first());
                    prop_assert_eq!(Some(&group.last), ids.last());
                }
            }
            let lines = all.iter().filter_map(|decision| match decision {
                Decision::End(ended) if ended.outcome == Outcome::Duplicate => Some(ended.position.line),
                Decision::Send(_) | Decision::End(_) => None,
            });
            let told = plan.problems.iter().filter(|it| it.outcome == Outcome::Duplicate);
            prop_assert_eq!(told.map(|it| it.line).collect::<Vec<_>>(), lines.collect::<Vec<_>>());
            prop_assert!(plan.problems.is_sorted_by_key(|problem| problem.row));
        }
    }
}
