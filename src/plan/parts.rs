//! How an account's rows are parted, so that rows which wait for one endpoint's quota keep no others
//! from theirs, however the file orders them.
//!
//! Rows of one action wait for the same things, so each action is a part of its own. But rows of one
//! user have to go in the order of the file, which nothing keeps between two parts: users with rows
//! of several actions, of whom there are hardly ever any, are a part of their own as well.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::duplicates::{Seen, number};
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

/// Finds [`SharedUsers`] while rows are decided one after another.
#[derive(Debug, Default)]
pub(super) struct SharedSearch {
    /// The actions of each account so far.
    actions: BTreeMap<AccountName, Vec<Action>>,
    /// The account and action of the last row, if it is the account's only action so far: rows
    /// like it need no look.
    alone: Option<(AccountName, Action)>,
    found: SharedUsers,
}

// === impl SharedUsers ===

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

    fn contains(&self, account: &AccountName, id: &UserId) -> bool {
        self.0
            .get(account)
            .is_some_and(|users| match number(id.as_str()) {
                Some(number) => users.numbers.contains(number),
                None => users.others.contains(&key(account, id)),
            })
    }

    fn insert(&mut self, account: &AccountName, id: &UserId) {
        let users = self.0.entry(account.clone()).or_default();
        match number(id.as_str()) {
            Some(number) => {
                users.numbers.insert(number);
            }
            None => {
                users.others.insert(key(account, id));
            }
        }
    }
}

/// The user's key: that of a task of theirs whose action stands for all.
fn key(account: &AccountName, id: &UserId) -> TaskKey {
    TaskKey::new(account, Action::Delete, id)
}

// === impl SharedSearch ===

impl SharedSearch {
    /// Takes in a row that is sent; `seen` holds it and those before it.
    pub(super) fn sent(&mut self, task: &Task, seen: &Seen) {
        let is_alone = |(account, action): &(AccountName, Action)| {
            *action == task.action && *account == task.account
        };
        if self.alone.as_ref().is_some_and(is_alone) {
            return;
        }
        if !self.actions.contains_key(&task.account) {
            self.actions.insert(task.account.clone(), Vec::new());
        }
        let Some(actions) = self.actions.get_mut(&task.account) else {
            return;
        };
        if !actions.contains(&task.action) {
            actions.push(task.action);
        }
        self.alone = (actions.len() == 1).then(|| (task.account.clone(), task.action));
        let others = actions.iter().filter(|action| **action != task.action);
        let is_shared = others
            .into_iter()
            .any(|action| seen.contains(&task.account, *action, &task.id));
        if is_shared {
            self.found.insert(&task.account, &task.id);
        }
    }

    /// What was found.
    pub(super) fn found(&mut self) -> Arc<SharedUsers> {
        Arc::new(std::mem::take(&mut self.found))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Part, Seen, SharedSearch, SharedUsers};
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
        }
    }

    fn found(tasks: &[Task]) -> std::sync::Arc<SharedUsers> {
        let (mut seen, mut search) = (Seen::default(), SharedSearch::default());
        for task in tasks {
            seen.insert(&task.account, task.action, &task.id);
            search.sent(task, &seen);
        }
        search.found()
    }

    #[rstest]
    #[case(&[("acme", Action::Purge, "1"), ("acme", Action::Purge, "2")], &[Part::All])]
    #[case(&[("acme", Action::Purge, "1"), ("acme", Action::Delete, "2")], &[DELETE, PURGE])]
    #[case(&[("acme", Action::Purge, "1"), ("acme", Action::Delete, "1")], &[DELETE, PURGE, Part::Shared])]
    #[case(&[("acme", Action::Purge, "1"), ("beta", Action::Delete, "1")], &[Part::All])]
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
