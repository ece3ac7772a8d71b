//! How the users of a plan's rows stand at their provider, before anybody is touched.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::listed;
use crate::domain::{AccountName, Action, Task, UserState};
use crate::words::grouped;

/// How many lines are listed for users who stand otherwise than hoped.
const LINES_MAX: usize = 8;

/// How users may stand, in the order in which they are shown.
const KINDS: [&str; 5] = [
    "still there",
    "soft-deleted",
    "already gone",
    "protected",
    "unknown",
];

/// Rows by how their users stand, and the first of their lines.
pub type UserStates = BTreeMap<&'static str, (u64, Vec<u64>)>;

/// Counts `task`, whose user stands so. `include`: the roles whose users may be deleted.
pub fn count_state(states: &mut UserStates, task: &Task, state: &UserState, include: &[String]) {
    let (rows, lines) = states.entry(kind(task, state, include)).or_default();
    *rows += 1;
    // The first, though actions are read one after another.
    let line = task.position.line;
    let index = lines.partition_point(|other| *other < line);
    lines.insert(index, line);
    lines.truncate(LINES_MAX);
}

fn kind(task: &Task, state: &UserState, include: &[String]) -> &'static str {
    let is_protected = |role: &Option<String>| {
        role.as_ref()
            .is_some_and(|role| !include.iter().any(|it| it.eq_ignore_ascii_case(role)))
    };
    match state {
        UserState::Active { role } if is_protected(role) => "protected",
        UserState::Active { .. } | UserState::Cleared | UserState::NotListed => "still there",
        // A soft deletion of one who is soft-deleted does nothing.
        UserState::SoftDeleted { role } if task.action != Action::Delete && is_protected(role) => {
            "protected"
        }
        UserState::SoftDeleted { .. } => "soft-deleted",
        UserState::Erasing | UserState::Gone => "already gone",
        UserState::Unknown => "unknown",
    }
}

/// How the users of `account` stand, for people.
pub fn describe_user_states(account: &AccountName, states: &UserStates) -> String {
    let mut text = format!("\n{account}, as its users stand now (nobody was touched):\n");
    for kind in KINDS {
        let (rows, lines) = states.get(kind).cloned().unwrap_or_default();
        let _ = write!(text, "  {kind:<13}{:>10}", grouped(rows));
        if kind != "still there" && rows > 0 {
            let _ = write!(text, "   {}", listed("line", rows, &lines));
        }
        text.push('\n');
    }
    text
}
