//! `run --dry-run --live`: how each user stands, asked of the provider, with nobody touched.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::cli::CliError;
use crate::cli::accounts::Connection;
use crate::cli::session::OpenRun;
use crate::cli::terminal::put_page;
use crate::domain::{Action, Task, UserId, UserState};
use crate::ledger::PlanRows;
use crate::plan::listed;
use crate::words::grouped;

/// How many users are asked about together.
const USERS_MAX: usize = 1_024;

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
type Standing = BTreeMap<&'static str, (u64, Vec<u64>)>;

/// Shows how the users of the rows to send stand.
pub(in crate::cli) async fn show(run: &OpenRun<'_>) -> Result<(), CliError> {
    let (state, include) = (&run.state, &run.setup.options.included_roles());
    for line in &run.connections {
        let Some(queues) = run.queues.get(&line.name) else {
            continue;
        };
        let mut standing = Standing::new();
        for (action, rows) in queues {
            let mut rows = PlanRows::open(state, line.name.clone(), *action, rows)?;
            let mut tasks = Vec::new();
            // Bounded by the rows of the queue.
            let mut is_read = false;
            while !is_read || !tasks.is_empty() {
                if !is_read && tasks.len() < USERS_MAX {
                    let block = rows.next_block(state)?;
                    is_read = block.is_empty();
                    tasks.extend(block);
                    continue;
                }
                let some: Vec<Task> = tasks.drain(..USERS_MAX.min(tasks.len())).collect();
                let ids: Vec<UserId> = some.iter().map(|task| task.id.clone()).collect();
                let states = line.client.looks(&ids).await;
                let states = states.map_err(|error| line.refused(&error))?;
                for (task, state) in some.iter().zip(&states) {
                    count(&mut standing, task, kind(task, state, include));
                }
            }
        }
        put_page(&told(line, &standing))?;
    }
    Ok(())
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

fn count(standing: &mut Standing, task: &Task, kind: &'static str) {
    let (rows, lines) = standing.entry(kind).or_default();
    *rows += 1;
    // The first, though actions are read one after another.
    let line = task.position.line;
    let place = lines.partition_point(|other| *other < line);
    lines.insert(place, line);
    lines.truncate(LINES_MAX);
}

fn told(line: &Connection, standing: &Standing) -> String {
    let mut text = format!(
        "\n{}, as its users stand now (nobody was touched):\n",
        line.name
    );
    for kind in KINDS {
        let (rows, lines) = standing.get(kind).cloned().unwrap_or_default();
        let _ = write!(text, "  {kind:<13}{:>10}", grouped(rows));
        if kind != "still there" && rows > 0 {
            let _ = write!(text, "   {}", listed("line", rows, &lines));
        }
        text.push('\n');
    }
    text
}
