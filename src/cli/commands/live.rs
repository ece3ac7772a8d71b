//! `run --dry-run --live`: how each user stands, asked of the provider, with nobody touched.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use roaring::RoaringTreemap;

use crate::cli::Failure;
use crate::cli::accounts::Line;
use crate::cli::feed::Queues;
use crate::cli::terminal::put_page;
use crate::domain::{AccountName, Action, Task, UserId, UserState};
use crate::lane::RequestError;
use crate::ledger::{LedgerError, LedgerState, PlanRows};
use crate::words::grouped;

/// How many users are asked about together.
const USERS_MAX: usize = 1_024;

/// How many lines are listed for users who stand otherwise than hoped.
const LINES_MAX: usize = 8;

#[derive(Default)]
struct Standing {
    /// Rows by how their users stand, and the first of their lines.
    rows: BTreeMap<&'static str, (u64, Vec<u64>)>,
}

/// The order in which they are shown.
const KINDS: [&str; 5] = [
    "standing",
    "soft-deleted",
    "already gone",
    "protected",
    "unknown",
];

/// Shows how the users of the rows in `queues` stand.
///
/// # Errors
///
/// A provider does not say, or the ledger cannot be read.
pub(in crate::cli) async fn show(
    state: &LedgerState,
    lines: &[Line],
    queues: &BTreeMap<AccountName, Queues>,
    include: &[String],
) -> Result<(), Failure> {
    for line in lines {
        let Some(queues) = queues.get(&line.name) else {
            continue;
        };
        let standing = ask(state, line, queues, include).await?;
        put_page(&told(line, &standing))?;
    }
    Ok(())
}

async fn ask(
    state: &LedgerState,
    line: &Line,
    queues: &Queues,
    include: &[String],
) -> Result<Standing, Failure> {
    let mut tasks = tasks(state, &line.name, queues)?.peekable();
    let mut standing = Standing::default();
    // Bounded by the rows of the queues.
    while tasks.peek().is_some() {
        let some: Vec<Task> = tasks.by_ref().take(USERS_MAX).collect::<Result<_, _>>()?;
        let ids: Vec<UserId> = some.iter().map(|task| task.id.clone()).collect();
        let states = line.client.looks(&ids).await;
        let states = states
            .map_err(|error: RequestError| Failure::identity(&line.name, line.kind, &error))?;
        for (task, state) in some.iter().zip(&states) {
            standing.count(task, kind(task, state, include));
        }
    }
    Ok(standing)
}

/// The rows of one account, read block by block.
fn tasks<'s>(
    state: &'s LedgerState,
    account: &AccountName,
    queues: &Queues,
) -> Result<impl Iterator<Item = Result<Task, LedgerError>> + 's, Failure> {
    let open = |(action, rows): (&Action, &RoaringTreemap)| {
        PlanRows::open(state, account.clone(), *action, rows)
    };
    let all: Vec<PlanRows> = queues.iter().map(open).collect::<Result<_, _>>()?;
    let blocks = all.into_iter().flat_map(move |mut rows| {
        std::iter::from_fn(move || match rows.next_block(state) {
            Ok(tasks) if tasks.is_empty() => None,
            block => Some(block),
        })
    });
    Ok(blocks.flat_map(|block| match block {
        Ok(tasks) => tasks.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }))
}

fn kind(task: &Task, state: &UserState, include: &[String]) -> &'static str {
    let is_protected = |role: &Option<String>| {
        role.as_ref()
            .is_some_and(|role| !include.iter().any(|it| it.eq_ignore_ascii_case(role)))
    };
    match state {
        UserState::Active { role } if is_protected(role) => "protected",
        UserState::Active { .. } | UserState::Cleared | UserState::NotListed => "standing",
        // A soft deletion of one who is soft-deleted does nothing.
        UserState::SoftDeleted { role } if task.action != Action::Delete && is_protected(role) => {
            "protected"
        }
        UserState::SoftDeleted { .. } => "soft-deleted",
        UserState::Erasing | UserState::Gone => "already gone",
        UserState::Unknown => "unknown",
    }
}

impl Standing {
    fn count(&mut self, task: &Task, kind: &'static str) {
        let (rows, lines) = self.rows.entry(kind).or_default();
        *rows += 1;
        // The first, though answers come in any order.
        let line = task.position.line;
        let place = lines.partition_point(|other| *other < line);
        lines.insert(place, line);
        lines.truncate(LINES_MAX);
    }
}

fn told(line: &Line, standing: &Standing) -> String {
    let mut text = format!(
        "\n{}, as its users stand now (nobody was touched):\n",
        line.name
    );
    for kind in KINDS {
        let (rows, lines) = standing.rows.get(kind).cloned().unwrap_or_default();
        let _ = write!(text, "  {kind:<13}{:>10}", grouped(rows));
        if kind != "standing" && rows > 0 {
            let more = match rows - lines.len() as u64 {
                0 => String::new(),
                more => format!(" and {} more", grouped(more)),
            };
            let listed: Vec<String> = lines.iter().map(u64::to_string).collect();
            let noun = if rows == 1 { "line" } else { "lines" };
            let _ = write!(text, "   {noun} {}{more}", listed.join(", "));
        }
        text.push('\n');
    }
    text
}
