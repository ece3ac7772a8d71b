//! How an account's rows are parted, so that rows which wait for one endpoint's quota keep no others
//! from theirs, however the file orders them.
//!
//! Rows of one action wait for the same things, so each action is a part of its own. But rows of one
//! user have to go in the order of the file, which nothing keeps between two parts: users with rows
//! of several actions, of whom there are hardly ever any, are a part of their own as well.

use std::collections::{BTreeMap, HashSet};

use roaring::RoaringTreemap;

use super::duplicates::number;
use crate::domain::{AccountName, Action, Task, TaskKey, UserId};

/// One part of an account's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    All,
    /// Those of one action, but for the users of [`Part::Shared`].
    Of(Action),
    /// Those of users who have rows of several actions.
    Shared,
}

/// The users of each account who have rows of several actions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SharedUsers(BTreeMap<AccountName, Users>);

#[derive(Debug, Clone, Default, PartialEq)]
struct Users {
    numbers: RoaringTreemap,
    others: HashSet<TaskKey>,
}

impl SharedUsers {
    /// Whether `task` belongs to `part` of its account's rows.
    pub fn is_in(&self, part: Part, task: &Task) -> bool {
        match part {
            Part::All => true,
            Part::Of(action) => task.action == action && !self.contains(&task.account, &task.id),
            Part::Shared => self.contains(&task.account, &task.id),
        }
    }

    /// The parts of the rows of `account`, which has rows of `actions`.
    pub fn parts(
        &self,
        account: &AccountName,
        actions: impl ExactSizeIterator<Item = Action>,
    ) -> Vec<Part> {
        if actions.len() <= 1 {
            return vec![Part::All];
        }
        let shared = self.0.contains_key(account).then_some(Part::Shared);
        actions.map(Part::Of).chain(shared).collect()
    }

    pub(super) fn contains(&self, account: &AccountName, id: &UserId) -> bool {
        self.0.get(account).is_some_and(|users| {
            // A number for which there was no room is among the others.
            number(id.as_str()).is_some_and(|number| users.numbers.contains(number))
                || !users.others.is_empty()
                    && users
                        .others
                        .contains(&TaskKey::of_user(account, id.as_str()))
        })
    }

    /// Adds users of `account` whose ids are numbers.
    pub(super) fn insert_numbers(&mut self, account: &AccountName, numbers: RoaringTreemap) {
        if !numbers.is_empty() {
            self.0.entry(account.clone()).or_default().numbers |= numbers;
        }
    }

    /// Adds a user of `account` by the [key](TaskKey::of_user).
    pub(super) fn insert_other(&mut self, account: &AccountName, key: TaskKey) {
        self.0
            .entry(account.clone())
            .or_default()
            .others
            .insert(key);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::decision::Fit;
    use super::super::duplicates::Duplicates;
    use super::{Part, SharedUsers};
    use crate::domain::{AccountName, Action, LeftOpen, Position, Task, UserId};

    const DELETE: Part = Part::Of(Action::Delete);
    const PURGE: Part = Part::Of(Action::Purge);
    const PERMANENT: Part = Part::Of(Action::PermanentlyDelete);

    fn task(account: &str, action: Action, id: &str) -> Task {
        Task {
            position: Position { row: 1, line: 2 },
            account: AccountName::new(account),
            action,
            id: UserId::new(id),
            reference: None,
            steps_done: 0,
            left_open: LeftOpen::Nothing,
            again: false,
            shares_user: false,
            soft_deleted: false,
        }
    }

    fn found(tasks: &[Task]) -> SharedUsers {
        let mut accounts: Vec<&AccountName> = tasks.iter().map(|task| &task.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let mut seen = Duplicates::of(accounts.iter().copied(), vec![Vec::new(); accounts.len()]);
        for task in tasks {
            let fit = Fit {
                place: accounts.iter().position(|it| **it == task.account).unwrap(),
                account: &task.account,
                action: task.action,
                id: task.id.as_str(),
                reference: None,
            };
            seen.insert(&fit);
        }
        seen.shared()
    }

    #[rstest]
    #[case(&[("acme", Action::Purge, "1"), ("acme", Action::Purge, "2")], &[Part::All])]
    #[case(&[("acme", Action::Purge, "1"), ("acme", Action::Delete, "2")], &[DELETE, PURGE])]
    #[case(&[("acme", Action::Purge, "1"), ("acme", Action::Delete, "1")], &[DELETE, PURGE, Part::Shared])]
    #[case(&[("acme", Action::Purge, "1"), ("beta", Action::Delete, "1")], &[Part::All])]
    #[case(&[("acme", Action::Purge, "5963c0d619a30a2e00de36b8"), ("acme", Action::Delete, "5963c0d619a30a2e00de36b8")], &[DELETE, PURGE, Part::Shared])]
    #[case(&[("acme", Action::Purge, "5963c0d619a30a2e00de36b8"), ("acme", Action::Delete, "5963C0D619A30A2E00DE36B8")], &[DELETE, PURGE])]
    #[case(&[("acme", Action::Purge, "a/1"), ("acme", Action::PermanentlyDelete, "x"), ("acme", Action::Delete, "a/1")], &[DELETE, PERMANENT, PURGE, Part::Shared])]
    fn each_action_is_a_part_and_so_are_the_users_of_several(
        #[case] rows: &[(&str, Action, &str)],
        #[case] expected: &[Part],
    ) {
        let tasks: Vec<Task> = rows.iter().map(|(a, b, c)| task(a, *b, c)).collect();
        let shared = found(&tasks);
        let acme = AccountName::new("acme");
        let mut actions: Vec<Action> = tasks
            .iter()
            .filter(|task| task.account == acme)
            .map(|task| task.action)
            .collect();
        actions.sort_unstable();
        actions.dedup();
        let parts = shared.parts(&acme, actions.into_iter());
        assert_eq!(parts, expected);
        for task in tasks.iter().filter(|task| task.account == acme) {
            let of = parts.iter().filter(|part| shared.is_in(**part, task));
            assert_eq!(of.count(), 1, "{task:?}");
        }
    }
}
