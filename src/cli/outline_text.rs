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
use super::terminal::{escape_controls, seen, width, wrapped};
use crate::config::AccountSettings;
use crate::domain::{AccountName, Action, Time, UserId};
use crate::lane::Until;
use crate::ledger::Queues;
use crate::plan::{Plan, PlanGroup, counted, deciding_limit, time_at_limit};
use crate::provider::{consequence, outlived, remains};
use crate::words::{clock, count, cut, duration, grouped};

/// How many characters of an id are shown; two fit a line.
const ID_CHARS_MAX: usize = 30;

/// The words about ids, lines and rows that are not as most are: the words for one, for many, and for both.
const REMARKS: [&str; 5] = [
    "id has | ids have | blanks around, which were taken off",
    "id has | ids have | an export's prefix `zcrm_`, which was taken off",
    "line begins with # and was | lines begin with # and were | passed over, as comments are",
    "line holds | lines hold | other words behind the id, which are passed over",
    "row is | rows are | taken although a cell is blank that `--where-not` or `!=` asks about",
];

/// The plan for people, before any provider is asked.
pub(super) fn text(setup: &Setup, planned: &Planned) -> String {
    let plan = &planned.plan;
    let lines = head(setup, planned).into_iter();
    let mut text: String = lines.map(|line| wrapped(&line, 2) + "\n").collect();
    // Of no account there is nothing between the head and the reasons, which begin with a line feed.
    text.extend((plan.to_delete() > 0).then_some('\n'));
    for account in &setup.outline.accounts {
        let Some(actions) = plan.accounts.get(&account.name) else {
            continue;
        };
        let _ = writeln!(text, "{}", wrapped(&place(account, None), 2));
        for (action, group) in actions {
            text.push_str(&order(setup, account, *action, group));
        }
        let time = setup.time(&account.name, &counted(actions));
        notes(&mut text, setup, account, time);
    }
    if plan.to_delete() > 0 {
        let now = Time::now();
        let _ = writeln!(text, "{}", takes(setup, plan, now));
    }
    if tracing::enabled!(tracing::Level::INFO) {
        text.push_str(&plan.describe_all_reasons(&planned.name, &planned.examples, width()));
    } else {
        // A line for each account follows, when its provider has answered.
        let above = text.lines().count() + plan.accounts.len();
        text.push_str(&plan.describe_reasons(seen(), above));
    }
    if let Some(hint) = plan.column_hint(&planned.mapping, planned.likely_column.as_deref()) {
        let _ = writeln!(text, "\n{}", wrapped(&format!("warning: {hint}"), 2));
    }
    text
}

/// Where the accounts lead, and as whom, as the providers say. Of a `plan` also its time, if a provider states a
/// limit that makes it longer. `None`: the rows of `queues` are tried again, and the effect is said once more.
pub(super) fn callers(
    setup: &Setup,
    connections: &[Connection],
    queues: &BTreeMap<AccountName, Queues>,
    plan: Option<&Plan>,
) -> String {
    let (mut text, mut is_slower) = (String::new(), false);
    for connection in connections {
        let Some(account) = setup.account(&connection.name) else {
            continue;
        };
        let rows = plan.and_then(|it| Some(counted(it.accounts.get(&account.name)?)));
        let rows = rows.unwrap_or_default();
        let known = time_at_limit(&rows, &account.limits.clone().shared());
        is_slower |= known < setup.time(&account.name, &rows);
        let (was, is) = (place(account, None), place(account, Some(connection)));
        let line = match (plan, is.strip_prefix(&format!("{was}, "))) {
            // The plan has said where.
            (Some(_), Some(who)) => format!("{}: {who}", account.name),
            _ => is,
        };
        let _ = writeln!(text, "{}", wrapped(&line, 2));
        if let (None, Some(queues)) = (plan, queues.get(&connection.name)) {
            for (action, rows) in queues {
                let users = action.of_users(rows.len());
                let what = consequence(account.kind(), *action);
                let _ = writeln!(text, "{}", wrapped(&format!("  {users}: {what}"), 4));
            }
            notes(&mut text, setup, account, Duration::ZERO);
        }
        let identity = connection.identity.as_ref();
        for lack in identity.iter().flat_map(|it| &it.lacks) {
            let _ = writeln!(text, "{}", wrapped(&format!("  warning: {lack}"), 4));
        }
    }
    if let Some(plan) = plan.filter(|plan| is_slower && plan.to_delete() > 0) {
        let _ = writeln!(text, "{}", takes(setup, plan, Time::now()));
    }
    text
}

/// Where an account leads, and as whom, once that is known.
fn place(account: &AccountSettings, connection: Option<&Connection>) -> String {
    let title = account.kind().title();
    let mut place = format!("{}: {title}", account.name);
    let Some(identity) = connection.and_then(|it| it.identity.as_ref()) else {
        let leads_to = account.places().next();
        return leads_to.map_or(place.clone(), |to| format!("{place} at {to}"));
    };
    let caller = identity.name.iter().map(|name| format!(", as {name}"));
    let role = identity.role.iter().map(|role| format!(" ({role})"));
    let _ = write!(place, " at {}", identity.tenant);
    place.extend(caller.chain(role));
    place
}

/// The effect on the users of one account and action: how many, for good or not, how long, the
/// first and the last of them.
fn order(setup: &Setup, account: &AccountSettings, action: Action, group: &PlanGroup) -> String {
    let time = setup.time(&account.name, &[(action, group.rows)]);
    let users = action.of_users(group.rows);
    let what = consequence(account.kind(), action);
    let wait = (!is_none(time)).then(|| format!("at least {}", duration(time)));
    let wait = wait.as_deref().unwrap_or("no wait");
    let line = format!("  {users}: {what}; {wait}");
    let ids = between(group);
    if line.chars().count() + ids.chars().count() + 2 <= width() {
        return format!("{line}; {ids}\n");
    }
    format!("{}\n    {ids}\n", wrapped(&line, 4))
}

/// The data that stays after the deletions at `account`, and the things that may end before they do: they take
/// `time`.
fn notes(text: &mut String, setup: &Setup, account: &AccountSettings, time: Duration) {
    let remains = remains(account.kind(), &setup.options.include_roles);
    let short = outlived(&account.provider, time).map(|short| format!("warning: {short}"));
    for note in remains.into_iter().chain(short) {
        let _ = writeln!(text, "{}", wrapped(&format!("  {note}"), 4));
    }
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
    head.extend(plan.asides.warning());
    // The wrong column deletes the wrong users.
    let fields = planned.mapping.fields();
    let columns = fields.filter_map(|(field, column)| Some(format!("{field} from `{}`", column?)));
    let columns: Vec<String> = columns.collect();
    head.extend((!columns.is_empty()).then(|| columns.join(", ")));
    let passed = |it| format!("(column `{it}` was passed over: it names no account or action)");
    head.extend(planned.passed_over.iter().map(passed));
    for (ledger, account, tenant) in done_at(planned) {
        let tenant = tenant.as_deref().unwrap_or("a tenant that is not known");
        let ledger = ledger.display();
        head.push(format!(
            "{account}: done before at {tenant}, as {ledger} says"
        ));
    }
    let asides = &plan.asides;
    let counts = [
        plan.trimmed,
        plan.unprefixed,
        asides.comments,
        asides.remarks,
        asides.blank,
    ];
    for (count, words) in counts.into_iter().zip(REMARKS) {
        let words: Vec<&str> = words.split(" | ").collect();
        let noun = words[usize::from(count != 1)];
        head.extend((count > 0).then(|| format!("({} {noun} {})", grouped(count), words[2])));
    }
    if let (Some(path), Some(ids)) = (&setup.options.protect, planned.protected) {
        let folder = setup::folder().unwrap_or_default();
        let path = Path::new(path);
        let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy();
        let ids = count(ids, "id");
        head.push(format!("(protect list {}: {ids})", escape_controls(&name)));
    }
    head
}

/// Where rows that count as done were done.
fn done_at(planned: &Planned) -> impl Iterator<Item = &DoneAt> {
    let all = planned.done_at.iter();
    all.filter(|(_, account, _)| planned.plan.done.contains(account))
}

/// The effect of `--canary`.
pub(super) fn canary(rows: NonZeroU64) -> String {
    let sentence = format!(
        "A canary goes first: {} of each account; the others follow only if all of these are done.",
        count(rows.get(), "row")
    );
    wrapped(&sentence, 0)
}

/// When the run will stop.
pub(super) fn until(until: &Until, now: Time) -> String {
    let at = until.at.timestamp().to_zoned(TimeZone::system());
    format!(
        "As --until asks, no row is begun after {} ({} from now); `userpurge resume` goes on.",
        at.strftime("%Y-%m-%d %H:%M"),
        duration(until.at.saturating_since(now))
    )
}

/// How long all of it takes at least, which limit decides that, and when it ends if it begins `now`.
fn takes(setup: &Setup, plan: &Plan, now: Time) -> String {
    let times = plan.accounts.iter().map(|(name, actions)| {
        let rows = counted(actions);
        (setup.time(name, &rows), name, rows)
    });
    let longest = times.max_by_key(|(time, ..)| *time);
    let Some((time, name, rows)) = longest.filter(|(time, ..)| !is_none(*time)) else {
        return "No limit makes this wait.".to_owned();
    };
    let account = setup.account(name);
    let why = account.and_then(|it| it.describe_limit(deciding_limit(&rows, &setup.limits(it)).1));
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    let ends = clock(now.after(time), now, &TimeZone::system());
    let takes = duration(time);
    let sentence = format!("Takes at least {takes}{why} and ends about {ends} if started now.");
    wrapped(&sentence, 2)
}

/// The first and the last id of a group, as far as there is room for them: an external id may be long.
fn between(group: &PlanGroup) -> String {
    let id = |id: &UserId| cut(&escape_controls(id.as_str()), ID_CHARS_MAX);
    match group.rows {
        1 => id(&group.first),
        _ => format!("first {}, last {}", id(&group.first), id(&group.last)),
    }
}

/// `plan --json`.
pub(super) fn json(setup: &Setup, planned: &Planned) -> Value {
    let plan = &planned.plan;
    let done_at = done_at(planned).map(
        |(ledger, account, tenant)| json!({"account": account, "tenant": tenant, "ledger": ledger}),
    );
    let mut value = plan.json(|name, rows| setup.time(name, rows));
    value["input"] = json!(planned.name);
    value["done_at"] = json!(done_at.collect::<Vec<_>>());
    value["passed_over"] = json!(planned.passed_over);
    value["protect_list"] = json!(planned.protected);
    value
}

/// Whether a wait is none to speak of.
fn is_none(time: Duration) -> bool {
    time < Duration::from_millis(500)
}
