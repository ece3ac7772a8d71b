//! A plan as people read it, and as scripts do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::accounts::{Line, consequence, limits_of};
use super::page::{ends, width, wrapped};
use super::planning::{DoneAt, Planned};
use super::setup::{self, Setup};
use super::terminal::shown;
use super::underline;
use crate::domain::{AccountName, Action, Time, UserId, WallClock};
use crate::input::{Asides, Columns};
use crate::lane::Until;
use crate::plan::{Group, Plan, rows_within, time_at_limit};
use crate::words::{count, cut, duration, grouped};

/// How many characters of an id are shown; two fit a line.
const ID_CHARS_MAX: usize = 36;

/// The heads of the table's columns.
const HEADER: [&str; 4] = ["account", "action", "rows", "at the quota"];

/// What stands before the lines of an example.
const EXAMPLE_INDENT: &str = "    ";

/// The plan for people. `lines`: the callers, as far as they are known.
pub(super) fn text(setup: &Setup, planned: &Planned, lines: &[Line]) -> String {
    let plan = &planned.plan;
    let mut text = format!(
        "{}: {}, {} to delete",
        planned.name,
        count(plan.rows, "row"),
        grouped(plan.to_delete())
    );
    for (rows, what) in [
        (plan.outcomes.invalid, "invalid"),
        (plan.outcomes.duplicate, "duplicate"),
        (plan.outcomes.protected, "protected"),
        (plan.outcomes.done_before, "done before"),
    ] {
        if rows > 0 {
            let _ = write!(text, ", {} {what}", grouped(rows));
        }
    }
    text = wrapped(&text, 2);
    text.push('\n');
    if let Some(columns) = columns(&planned.mapping) {
        let _ = writeln!(text, "{}", wrapped(&columns, 2));
    }
    for (rows, what) in [
        (plan.trimmed, "blanks around, which were taken off"),
        (
            plan.unprefixed,
            "an export's prefix `zcrm_`, which was taken off",
        ),
    ] {
        if rows > 0 {
            let ids = if rows == 1 { "id has" } else { "ids have" };
            let _ = writeln!(text, "({rows} {ids} {what})");
        }
    }
    for done in &planned.done_at {
        if plan.done.contains(&done.account) {
            let told = format!(
                "{}: done before at {}, as {} says",
                done.account,
                done.tenant
                    .as_deref()
                    .unwrap_or("a tenant that is not known"),
                done.ledger.display()
            );
            let _ = writeln!(text, "{}", wrapped(&told, 2));
        }
    }
    asides(&mut text, plan.asides);
    if let (Some(path), Some(ids)) = (&setup.options.protect, planned.protected) {
        let folder = setup::folder().unwrap_or_default();
        let path = Path::new(path);
        let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy();
        let name = shown(&name);
        let told = format!("(protect list {name}: {})", count(ids, "id"));
        let _ = writeln!(text, "{}", wrapped(&told, 2));
    }
    if plan.to_delete() > 0 {
        let now = WallClock::system().now();
        let _ = write!(text, "\n{}", table(setup, planned, now));
    }
    for line in lines {
        let Some(identity) = &line.identity else {
            continue;
        };
        let _ = write!(
            text,
            "{}: {} at {}",
            line.name,
            line.kind.title(),
            identity.tenant
        );
        if let Some(name) = &identity.name {
            let _ = write!(text, ", as {name}");
        }
        if let Some(role) = &identity.role {
            let _ = write!(text, " ({role})");
        }
        text.push('\n');
        for lack in &identity.lacks {
            let _ = writeln!(text, "  warning: {lack}");
        }
    }
    problems(&mut text, &planned.name, planned);
    if let Some(hint) = plan.column_hint(&planned.mapping, planned.likely_column.as_deref()) {
        let _ = writeln!(text, "\n{}", wrapped(&format!("warning: {hint}"), 2));
    }
    text
}

/// What a list of ids holds beside them.
fn asides(text: &mut String, asides: Asides) {
    let lines = |count: u64| if count == 1 { "line" } else { "lines" };
    let Asides {
        comments, remarks, ..
    } = asides;
    if comments > 0 {
        let (verb, taken) = match comments {
            1 => ("begins", "was taken for a comment"),
            _ => ("begin", "were taken for comments"),
        };
        let (count, noun) = (grouped(comments), lines(comments));
        let _ = writeln!(text, "({count} {noun} {verb} with # and {taken})");
    }
    if remarks > 0 {
        let verb = if remarks == 1 { "holds" } else { "hold" };
        let (count, noun) = (grouped(remarks), lines(remarks));
        let told =
            format!("({count} {noun} {verb} other words behind the id, which are passed over)");
        let _ = writeln!(text, "{}", wrapped(&told, 2));
    }
}

/// What `--canary` does.
pub(super) fn canary(rows: NonZeroU64) -> String {
    let told = format!(
        "The first {rows} of each account go alone, as a canary; the others follow only if all of \
         them end well."
    );
    wrapped(&told, 0)
}

/// When the run will stop, and for each account of `plan` how many of its rows fit until then, if nothing
/// but the quotas slows it down.
pub(super) fn until(setup: &Setup, plan: Option<&Plan>, until: &Until, now: Time) -> String {
    let left = until.at.saturating_since(now);
    let at = until.at.timestamp().to_zoned(TimeZone::system());
    let mut text = format!(
        "As --until asks, no row is begun after {} ({} from now).\n",
        at.strftime("%Y-%m-%d %H:%M"),
        duration(left)
    );
    for (name, actions) in plan.iter().flat_map(|plan| &plan.accounts) {
        let Some(account) = setup.account(name) else {
            continue;
        };
        let rows = counted(actions);
        let all: u64 = rows.iter().map(|(_, rows)| rows).sum();
        let fit = rows_within(&rows, &limits_of(account), left);
        let _ = if fit == all {
            writeln!(text, "  {name}: all {all} rows fit at the quota")
        } else {
            writeln!(
                text,
                "  {name}: about {fit} of {all} rows fit at the quota; `userpurge resume` goes on with the rest"
            )
        };
    }
    text
}

/// How many rows of which action.
fn counted(actions: &BTreeMap<Action, Group>) -> Vec<(Action, u64)> {
    let each = actions.iter();
    each.map(|(action, group)| (*action, group.rows)).collect()
}

/// The first `lines` of so many `rows`, and how many more there are.
pub(super) fn listed(rows: u64, lines: &[u64]) -> String {
    let more = match rows - lines.len() as u64 {
        0 => String::new(),
        more => format!(" and {} more", grouped(more)),
    };
    let lines: Vec<String> = lines.iter().map(u64::to_string).collect();
    let noun = if rows == 1 { "line" } else { "lines" };
    format!("{noun} {}{more}", lines.join(", "))
}

/// What is about to be done where, a line for each account and action; the last thing to be read
/// before the question.
pub(super) fn orders(planned: &Planned, lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let Some(actions) = planned.plan.accounts.get(&line.name) else {
            continue;
        };
        let tenant = line
            .identity
            .as_ref()
            .map_or("", |identity| identity.tenant.as_str());
        for (action, group) in actions {
            let noun = if group.rows == 1 { "user" } else { "users" };
            let _ = writeln!(
                text,
                "About to {action} {} {noun} at {tenant} ({}).",
                group.rows, line.name
            );
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The rows of each account and action with the ids between which they lie, what each action does,
/// and when it all ends.
fn table(setup: &Setup, planned: &Planned, now: Time) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(HEADER);
    let times = times(setup, &planned.plan);
    let mut consequences = Vec::new();
    let mut ids = Vec::new();
    let mut rows: Vec<[String; 4]> = Vec::new();
    for (name, actions) in &planned.plan.accounts {
        let Some(account) = setup.account(name) else {
            continue;
        };
        let kind = account.kind();
        for (action, group) in actions {
            let time = time_at_limit(&[(*action, group.rows)], &limits_of(account));
            rows.push([
                name.to_string(),
                action.name().to_owned(),
                grouped(group.rows),
                wait(time),
            ]);
            ids.push(Some(between(group)));
            let told = format!(
                "{action} at {}: {}",
                kind.title(),
                consequence(kind, *action)
            );
            if !consequences.contains(&told) {
                consequences.push(told);
            }
        }
        if actions.len() > 1
            && let Some(time) = times.get(name)
        {
            let all: u64 = actions.values().map(|group| group.rows).sum();
            rows.push([
                name.to_string(),
                "all".to_owned(),
                grouped(all),
                wait(*time),
            ]);
            ids.push(None);
        }
    }
    let names = too_long(&mut rows);
    table.add_rows(rows);
    for column in [2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    let table = table.trim_fmt();
    // Below each row its ids: beside it there is no room for two of 24 characters.
    let rows = std::iter::once((None, None)).chain(names.into_iter().zip(ids));
    for (line, (name, ids)) in table.lines().zip(rows) {
        if let Some(name) = name {
            let _ = writeln!(text, " {name}");
        }
        let _ = writeln!(text, "{line}");
        if let Some(ids) = ids {
            let _ = writeln!(text, "   {ids}");
        }
    }
    text.push('\n');
    for told in consequences {
        let _ = writeln!(text, "{}", wrapped(&told, 2));
    }
    let _ = writeln!(text, "\n{}", takes(times.values().max(), now));
    text
}

/// Takes the names out of `rows` that would make the table wider than the page; each is told above
/// its row.
fn too_long(rows: &mut [[String; 4]]) -> Vec<Option<String>> {
    let others = (1..HEADER.len()).map(|column| {
        let cells = rows.iter().map(|row| row[column].len());
        cells.fold(HEADER[column].len(), usize::max)
    });
    // A blank on each side of a column.
    let taken = others.map(|it| it + 2).sum::<usize>() + 2;
    let room = width().saturating_sub(taken).max(HEADER[0].len());
    let take = |row: &mut [String; 4]| (row[0].len() > room).then(|| std::mem::take(&mut row[0]));
    rows.iter_mut().map(take).collect()
}

/// How long all of it takes, and when it ends if it begins `now`.
fn takes(time: Option<&Duration>, now: Time) -> String {
    match time {
        Some(time) if !time.is_zero() => {
            let (takes, ends) = (wait(*time), ends(now, *time));
            let told =
                format!("At the quota this takes {takes} and ends about {ends} if started now.");
            wrapped(&told, 2)
        }
        Some(_) | None => "No quota makes this wait.".to_owned(),
    }
}

/// The first and the last id of a group.
fn between(group: &Group) -> String {
    if group.rows == 1 {
        return id(&group.first);
    }
    format!("{} to {}", id(&group.first), id(&group.last))
}

/// An id as the table has room for it: an external id may be anything, and long.
fn id(id: &UserId) -> String {
    cut(&shown(id.as_str()), ID_CHARS_MAX)
}

/// Which column holds which field: the wrong one deletes the wrong users.
fn columns(mapping: &Columns) -> Option<String> {
    let fields = [
        ("id", &mapping.id),
        ("account", &mapping.account),
        ("action", &mapping.action),
        ("ref", &mapping.reference),
    ];
    let told: Vec<String> = fields
        .into_iter()
        .filter_map(|(field, column)| Some(format!("{field} from `{}`", column.as_ref()?)))
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// Bad rows by reason, in the order of their first lines.
fn problems(text: &mut String, input: &str, planned: &Planned) {
    let mut heading = None;
    for reason in planned.plan.reasons() {
        if heading != Some(reason.outcome) {
            let _ = writeln!(text, "\n{}, not sent:", reason.outcome);
            heading = Some(reason.outcome);
        }
        let field = match reason.field {
            "row" => String::new(),
            field => format!("{field}: "),
        };
        let lines = listed(reason.rows, &reason.lines);
        let told = format!("  {lines}: {field}{}", reason.reason);
        let _ = writeln!(text, "{}", wrapped(&told, 4));
        let example = reason.example.map(|it| it.position.row);
        if let Some(excerpt) = example.and_then(|row| planned.examples.get(&row)) {
            let margin = EXAMPLE_INDENT.len() + excerpt.line.to_string().len() + " | ".len();
            let width = width().saturating_sub(margin);
            for line in underline::example(input, excerpt, width).lines() {
                let _ = writeln!(text, "{EXAMPLE_INDENT}{line}");
            }
        }
    }
}

/// `plan --json`.
pub(super) fn json(setup: &Setup, planned: &Planned) -> Value {
    let plan = &planned.plan;
    let mut accounts = serde_json::Map::new();
    for (name, actions) in &plan.accounts {
        let Some(account) = setup.account(name) else {
            continue;
        };
        let mut groups = serde_json::Map::new();
        for (action, group) in actions {
            let time = time_at_limit(&[(*action, group.rows)], &limits_of(account));
            groups.insert(
                action.name().to_owned(),
                json!({
                    "rows": group.rows,
                    "seconds_at_limit": seconds(time),
                    "first_id": group.first,
                    "last_id": group.last,
                }),
            );
        }
        accounts.insert(name.to_string(), Value::Object(groups));
    }
    let times = times(setup, &planned.plan);
    json!({
        "input": planned.name,
        "rows": plan.rows,
        "to_delete": plan.to_delete(),
        "invalid": plan.outcomes.invalid,
        "duplicate": plan.outcomes.duplicate,
        "protected": plan.outcomes.protected,
        "done_before": plan.outcomes.done_before,
        "done_at": done_at(planned),
        "trimmed": plan.trimmed,
        "unprefixed": plan.unprefixed,
        "comments": plan.asides.comments,
        "remarks": plan.asides.remarks,
        "protect_list": planned.protected,
        "accounts": accounts,
        "seconds_at_limit": times.values().max().map_or(0.0, |time| seconds(*time)),
        "reasons": plan.reasons(),
        "problems": plan.problems,
        "problems_left_out": plan.problems_left_out,
    })
}

/// The least time each account's rows take under its limits.
fn times(setup: &Setup, plan: &Plan) -> BTreeMap<AccountName, Duration> {
    let time = |(name, actions): (&AccountName, &BTreeMap<Action, Group>)| {
        (name.clone(), setup.time(name, &counted(actions)))
    };
    plan.accounts.iter().map(time).collect()
}

/// Where the rows were done that an earlier ledger shows as good.
fn done_at(planned: &Planned) -> Vec<Value> {
    let counts = |done: &&DoneAt| planned.plan.done.contains(&done.account);
    let told = |done: &DoneAt| {
        json!({
            "account": done.account,
            "tenant": done.tenant,
            "ledger": done.ledger,
        })
    };
    planned.done_at.iter().filter(counts).map(told).collect()
}

/// Seconds, to the millisecond.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

/// How long the quota makes rows wait.
fn wait(time: Duration) -> String {
    if time < Duration::from_millis(500) {
        return "at once".to_owned();
    }
    duration(time)
}
