//! A plan as people read it, and as scripts do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::accounts::Connection;
use super::planning::{DoneAt, Planned};
use super::setup::{self, Setup};
use super::terminal::{shown, width, wrapped};
use crate::domain::{AccountName, Action, Time, UserId, WallClock};
use crate::input::Field;
use crate::lane::Until;
use crate::plan::{Plan, PlanGroup, rows_within};
use crate::provider::{consequences, outlived};
use crate::words::{clock, count, cut, duration, grouped};

/// How many characters of an id are shown; two fit a line.
const ID_CHARS_MAX: usize = 36;

/// The heads of the table's columns.
const HEADER: [&str; 4] = ["account", "action", "rows", "at the quota"];

/// What stands before the lines of an example.
const EXAMPLE_INDENT: &str = "    ";

/// The plan for people. `connections`: the callers, as far as they are known.
pub(super) fn text(setup: &Setup, planned: &Planned, connections: &[Connection]) -> String {
    let plan = &planned.plan;
    let lines = head(setup, planned).into_iter();
    let mut text: String = lines.map(|line| wrapped(&line, 2) + "\n").collect();
    if plan.to_delete() > 0 {
        let now = WallClock::system().now();
        let _ = write!(text, "\n{}", table(setup, planned, now));
    }
    for connection in connections {
        let Some(identity) = &connection.identity else {
            continue;
        };
        let (name, title) = (&connection.name, connection.kind.title());
        let caller = identity.name.iter().map(|name| format!(", as {name}"));
        let role = identity.role.iter().map(|role| format!(" ({role})"));
        let more: String = caller.chain(role).collect();
        let _ = writeln!(text, "{name}: {title} at {}{more}", identity.tenant);
        for lack in &identity.lacks {
            let _ = writeln!(text, "  warning: {lack}");
        }
    }
    problems(&mut text, planned);
    if let Some(hint) = plan.column_hint(&planned.mapping, planned.likely_column.as_deref()) {
        let _ = writeln!(text, "\n{}", wrapped(&format!("warning: {hint}"), 2));
    }
    text
}

/// How many rows the input has, and what else was read, a line each.
fn head(setup: &Setup, planned: &Planned) -> Vec<String> {
    let plan = &planned.plan;
    let (rows, to_delete) = (count(plan.rows, "row"), grouped(plan.to_delete()));
    let mut first = format!("{}: {rows}, {to_delete} to delete", planned.name);
    for (rows, what) in [
        (plan.outcomes.invalid, "invalid"),
        (plan.outcomes.duplicate, "duplicate"),
        (plan.outcomes.filtered, "filtered"),
        (plan.outcomes.protected, "protected"),
        (plan.outcomes.done_before, "done before"),
    ] {
        if rows > 0 {
            let _ = write!(first, ", {} {what}", grouped(rows));
        }
    }
    let mut head = vec![first];
    // The wrong column deletes the wrong users.
    let fields = planned.mapping.fields();
    let columns = fields.filter_map(|(field, column)| Some(format!("{field} from `{}`", column?)));
    let columns: Vec<String> = columns.collect();
    head.extend((!columns.is_empty()).then(|| columns.join(", ")));
    let passed = |it| format!("(column `{it}` was passed over: it names no account or action)");
    head.extend(planned.passed_over.iter().map(passed));
    let blanks = "blanks around, which were taken off";
    head.extend(remark(plan.trimmed, ["id has", "ids have"], [blanks; 2]));
    let prefix = "an export's prefix `zcrm_`, which was taken off";
    head.extend(remark(plan.unprefixed, ["id has", "ids have"], [prefix; 2]));
    for (ledger, account, tenant) in done_at(planned) {
        let tenant = tenant.as_deref().unwrap_or("a tenant that is not known");
        let ledger = ledger.display();
        head.push(format!(
            "{account}: done before at {tenant}, as {ledger} says"
        ));
    }
    let begin = ["line begins with # and was", "lines begin with # and were"];
    let taken = ["taken for a comment", "taken for comments"];
    head.extend(remark(plan.asides.comments, begin, taken));
    let words = "other words behind the id, which are passed over";
    let hold = ["line holds", "lines hold"];
    head.extend(remark(plan.asides.remarks, hold, [words; 2]));
    if let (Some(path), Some(ids)) = (&setup.options.protect, planned.protected) {
        let folder = setup::folder().unwrap_or_default();
        let path = Path::new(path);
        let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy();
        let ids = count(ids, "id");
        head.push(format!("(protect list {}: {ids})", shown(&name)));
    }
    head
}

/// Where rows that count as done were done.
fn done_at(planned: &Planned) -> impl Iterator<Item = &DoneAt> {
    let all = planned.done_at.iter();
    all.filter(|(_, account, _)| planned.plan.done.contains(account))
}

/// A remark about so many ids or lines, in the words for one and for many; `None`: it is about none.
fn remark(count: u64, nouns: [&str; 2], words: [&str; 2]) -> Option<String> {
    let form = usize::from(count != 1);
    (count > 0).then(|| format!("({} {} {})", grouped(count), nouns[form], words[form]))
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
        let fit = rows_within(&rows, &account.limits.clone().shared(), left);
        let fit = if fit == all {
            format!("all {all} rows fit at the quota")
        } else {
            format!(
                "about {fit} of {all} rows fit at the quota; `userpurge resume` goes on with the rest"
            )
        };
        let _ = writeln!(text, "  {name}: {fit}");
    }
    text
}

/// How many rows of which action.
fn counted(actions: &BTreeMap<Action, PlanGroup>) -> Vec<(Action, u64)> {
    let each = actions.iter();
    each.map(|(action, group)| (*action, group.rows)).collect()
}

/// The `first` numbers of `all` things called `noun`, and how many more there are.
pub(super) fn listed(noun: &str, all: u64, first: &[u64]) -> String {
    let more = match all - first.len() as u64 {
        0 => String::new(),
        more => format!(" and {} more", grouped(more)),
    };
    let first: Vec<String> = first.iter().map(u64::to_string).collect();
    let plural = if all == 1 { "" } else { "s" };
    format!("{noun}{plural} {}{more}", first.join(", "))
}

/// What is about to be done where, a line for each account and action; read last before the question.
pub(super) fn orders(planned: &Planned, connections: &[Connection]) -> String {
    let mut orders = Vec::new();
    for connection in connections {
        let (name, tenant) = (&connection.name, connection.tenant().unwrap_or_default());
        for (action, group) in planned.plan.accounts.get(name).into_iter().flatten() {
            let (rows, noun) = (group.rows, if group.rows == 1 { "user" } else { "users" });
            orders.push(format!(
                "About to {action} {rows} {noun} at {tenant} ({name})."
            ));
        }
    }
    orders.join("\n")
}

/// The rows of each account and action with their first and last ids, what is done, and when it all ends.
fn table(setup: &Setup, planned: &Planned, now: Time) -> String {
    let times = times(setup, &planned.plan);
    let mut warned = Vec::new();
    let mut table = vec![(HEADER.map(str::to_owned), None)];
    for (name, actions) in &planned.plan.accounts {
        let Some(account) = setup.account(name) else {
            continue;
        };
        let mut add = |action: &str, rows: u64, time: Duration, ids: Option<String>| {
            let cells = [name.as_str(), action, &grouped(rows), &wait(time)];
            table.push((cells.map(str::to_owned), ids));
        };
        for (action, group) in actions {
            let time = setup.time(name, &[(*action, group.rows)]);
            add(action.name(), group.rows, time, Some(between(group)));
            for told in consequences(account.kind(), *action, &setup.options.include_roles) {
                if !warned.contains(&told) {
                    warned.push(told);
                }
            }
        }
        let time = times.get(name).copied().unwrap_or_default();
        let short = outlived(&account.provider, time);
        warned.extend(short.map(|short| format!("warning: {name}: {short}")));
        if let Some(time) = times.get(name).filter(|_| actions.len() > 1) {
            let rows = actions.values().map(|group| group.rows).sum();
            add("all", rows, *time, None);
        }
    }
    let mut text = aligned(&table);
    text.push('\n');
    for told in warned {
        let _ = writeln!(text, "{}", wrapped(&told, 2));
    }
    let _ = writeln!(text, "\n{}", takes(times.values().max(), now));
    text
}

/// Rows of cells in columns, each with its ids below: beside it there is no room for two of 24
/// characters. A name that would make the table wider than the page stands above its row.
fn aligned(table: &[([String; 4], Option<String>)]) -> String {
    let widest = |column: usize, most: usize| {
        let cells = table.iter().map(|(cells, _)| cells[column].chars().count());
        cells.filter(|width| *width <= most).max().unwrap_or(0)
    };
    let [second, third, fourth] = [1, 2, 3].map(|column| widest(column, usize::MAX));
    // A blank on each side of a column.
    let room = width().saturating_sub(second + third + fourth + 8);
    let first = widest(0, room.max(HEADER[0].len()));
    let mut text = String::new();
    for ([name, action, rows, time], ids) in table {
        let mut name = name.as_str();
        if name.chars().count() > first {
            let _ = writeln!(text, " {name}");
            name = "";
        }
        let _ = writeln!(
            text,
            " {name:<first$}  {action:<second$}  {rows:>third$}  {time:>fourth$}"
        );
        if let Some(ids) = ids {
            let _ = writeln!(text, "   {ids}");
        }
    }
    text
}

/// How long all of it takes, and when it ends if it begins `now`.
fn takes(time: Option<&Duration>, now: Time) -> String {
    let Some(time) = time.filter(|time| !time.is_zero()) else {
        return "No quota makes this wait.".to_owned();
    };
    let ends = clock(now.after(*time), now, &TimeZone::system());
    let takes = wait(*time);
    let told = format!("At the quota this takes {takes} and ends about {ends} if started now.");
    wrapped(&told, 2)
}

/// The first and the last id of a group, as the table has room for them: an external id may be long.
fn between(group: &PlanGroup) -> String {
    let id = |id: &UserId| cut(&shown(id.as_str()), ID_CHARS_MAX);
    match group.rows {
        1 => id(&group.first),
        _ => format!("{} to {}", id(&group.first), id(&group.last)),
    }
}

/// Bad rows by reason, in the order of their first lines.
fn problems(text: &mut String, planned: &Planned) {
    let mut heading = None;
    for reason in planned.plan.reasons() {
        if heading != Some(reason.why.outcome) {
            let _ = writeln!(text, "\n{}, not sent:", reason.why.outcome);
            heading = Some(reason.why.outcome);
        }
        let field = match reason.why.field {
            Field::Row => String::new(),
            field => format!("{field}: "),
        };
        let lines = listed("line", reason.rows, &reason.lines);
        let told = format!("  {lines}: {field}{}", reason.why.reason);
        let _ = writeln!(text, "{}", wrapped(&told, 4));
        if let Some(excerpt) = planned.examples.get(&reason.example.position.row) {
            let margin = EXAMPLE_INDENT.len() + excerpt.line.to_string().len() + " | ".len();
            let width = width().saturating_sub(margin);
            for line in excerpt.draw(&planned.name, "", width).lines() {
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
        let groups = actions.iter().map(|(action, group)| {
            let group = json!({
                "rows": group.rows,
                "seconds_at_limit": seconds(setup.time(name, &[(*action, group.rows)])),
                "first_id": group.first,
                "last_id": group.last,
            });
            (action.name().to_owned(), group)
        });
        accounts.insert(name.to_string(), Value::Object(groups.collect()));
    }
    let time = times(setup, plan).into_values().max().unwrap_or_default();
    let done_at = done_at(planned).map(
        |(ledger, account, tenant)| json!({"account": account, "tenant": tenant, "ledger": ledger}),
    );
    json!({
        "input": planned.name,
        "rows": plan.rows,
        "to_delete": plan.to_delete(),
        "invalid": plan.outcomes.invalid,
        "duplicate": plan.outcomes.duplicate,
        "filtered": plan.outcomes.filtered,
        "protected": plan.outcomes.protected,
        "done_before": plan.outcomes.done_before,
        "done_at": done_at.collect::<Vec<_>>(),
        "trimmed": plan.trimmed,
        "unprefixed": plan.unprefixed,
        "comments": plan.asides.comments,
        "remarks": plan.asides.remarks,
        "passed_over": planned.passed_over,
        "protect_list": planned.protected,
        "accounts": accounts,
        "seconds_at_limit": seconds(time),
        "reasons": plan.reasons(),
        "problems": plan.problems,
        "problems_left_out": plan.problems_left_out,
    })
}

/// The least time each account's rows take under its limits.
fn times(setup: &Setup, plan: &Plan) -> BTreeMap<AccountName, Duration> {
    let time = |(name, actions): (&AccountName, &BTreeMap<Action, PlanGroup>)| {
        (name.clone(), setup.time(name, &counted(actions)))
    };
    plan.accounts.iter().map(time).collect()
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
