//! `run --dry-run --live`: how each user stands, asked of the provider, with nobody touched.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use futures::{StreamExt as _, stream};

use crate::cli::Failure;
use crate::cli::accounts::Line;
use crate::cli::outline_text;
use crate::cli::planning::{Planned, Planning};
use crate::cli::terminal::put_page;
use crate::domain::{Action, Task, UserId};
use crate::pipeline::ClientError;
use crate::plan::{Cursor, Earlier};
use crate::provider::Seen;
use crate::report::text::grouped;

/// Reads under way at once, at most; the account's own limits hold as well.
const READS_MAX: usize = 32;

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

/// Shows the plan and how its users stand.
pub(super) async fn show(
    planning: &Planning,
    planned: &Planned,
    lines: &[Line],
) -> Result<(), Failure> {
    put_page(&outline_text::text(planning, planned, lines))?;
    for line in lines {
        let Some(rows) = planned.plan.to_send.get(&line.name) else {
            continue;
        };
        let cursor = Cursor::new(
            planning.open()?,
            Arc::clone(&planned.judge),
            line.name.clone(),
            rows.clone(),
            Arc::new(Earlier::default()),
        );
        let include = &planning.options.include_roles;
        let standing = ask(line, cursor, include).await?;
        put_page(&told(line, &standing))?;
    }
    Ok(())
}

async fn ask(line: &Line, cursor: Cursor, include: &[String]) -> Result<Standing, Failure> {
    let mut batches = stream::iter(cursor)
        .chunks(line.client.looks_max())
        .map(|tasks| async {
            let tasks: Vec<Task> = tasks
                .into_iter()
                .collect::<Result<_, _>>()
                .map_err(Failure::refused)?;
            let ids: Vec<UserId> = tasks.iter().map(|task| task.id.clone()).collect();
            let seen = line.client.looks(&ids).await;
            let seen = seen
                .map_err(|error: ClientError| Failure::identity(&line.name, line.kind, &error))?;
            Ok::<_, Failure>((tasks, seen))
        })
        .buffer_unordered(READS_MAX);
    let mut standing = Standing::default();
    while let Some(batch) = batches.next().await {
        let (tasks, seen) = batch?;
        for (task, seen) in tasks.iter().zip(&seen) {
            standing.count(task, kind(task, seen, include));
        }
    }
    Ok(standing)
}

fn kind(task: &Task, seen: &Seen, include: &[String]) -> &'static str {
    let is_protected = |role: &Option<String>| {
        role.as_ref()
            .is_some_and(|role| !include.iter().any(|it| it.eq_ignore_ascii_case(role)))
    };
    match seen {
        Seen::Standing { role } if is_protected(role) => "protected",
        Seen::Standing { .. } => "standing",
        // A soft deletion of one who is soft-deleted does nothing.
        Seen::SoftDeleted { role } if task.action != Action::Delete && is_protected(role) => {
            "protected"
        }
        Seen::SoftDeleted { .. } => "soft-deleted",
        Seen::Gone => "already gone",
        Seen::Unknown => "unknown",
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
