//! A plan as people read it, and as scripts do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use super::accounts::{Line, consequence, limits_of};
use super::planning::{Planned, Planning};
use super::terminal::shown;
use crate::domain::{Outcome, UserId};
use crate::input::Mapping;
use crate::plan::{Problem, time_at_limit};

/// How many line numbers are listed behind a reason.
const LINES_MAX: usize = 8;

/// How many characters of an id are shown.
const ID_CHARS_MAX: usize = 40;

/// The plan for people. `lines`: the callers, as far as they are known.
pub(super) fn text(planning: &Planning, planned: &Planned, lines: &[Line]) -> String {
    let plan = &planned.plan;
    let mut text = format!(
        "{}: {} {}, {} to delete",
        planning.input.display(),
        plan.rows,
        if plan.rows == 1 { "row" } else { "rows" },
        plan.to_delete
    );
    for (rows, what) in [
        (plan.invalid, "invalid"),
        (plan.duplicate, "duplicate"),
        (plan.protected, "protected"),
        (plan.done_before, "done before"),
    ] {
        if rows > 0 {
            let _ = write!(text, ", {rows} {what}");
        }
    }
    text.push('\n');
    if let Some(columns) = columns(&planned.resolved.mapping) {
        let _ = writeln!(text, "{columns}");
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
    if plan.to_delete > 0 {
        let _ = write!(text, "\n{}", table(planning, planned));
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
    problems(&mut text, planned);
    if let Some(hint) =
        plan.column_hint(&planned.resolved.mapping, planned.likely_column.as_deref())
    {
        let _ = writeln!(text, "\nwarning: {hint}");
    }
    text
}

/// What `--canary` does.
pub(super) fn canary(rows: NonZeroU64) -> String {
    format!(
        "The first {rows} of each account go alone, as a canary; the others follow only if all of \
         them end well."
    )
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

fn table(planning: &Planning, planned: &Planned) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "account",
        "action",
        "rows",
        "at the quota",
        "first id",
        "last id",
    ]);
    let times = planning.times(&planned.plan);
    let mut consequences = Vec::new();
    for (name, actions) in &planned.plan.accounts {
        let Some(account) = planning.account(name) else {
            continue;
        };
        let kind = account.endpoint.provider();
        for (action, group) in actions {
            let time = time_at_limit(&[(*action, group.rows)], &limits_of(account));
            table.add_row([
                name.to_string(),
                action.to_string(),
                group.rows.to_string(),
                duration(time),
                id(&group.first),
                id(&group.last),
            ]);
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
            let rows: u64 = actions.values().map(|group| group.rows).sum();
            table.add_row([name.as_str(), "all", &rows.to_string(), &duration(*time)]);
        }
    }
    for column in [2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = table.trim_fmt();
    text.push_str("\n\n");
    for told in consequences {
        let _ = writeln!(text, "{told}");
    }
    text
}

/// An id as the table has room for it: an external id may be anything, and long.
fn id(id: &UserId) -> String {
    let text = shown(id.as_str());
    if text.chars().nth(ID_CHARS_MAX).is_none() {
        return text.into_owned();
    }
    let cut = text.chars().take(ID_CHARS_MAX - 1);
    cut.chain(std::iter::once('…')).collect()
}

/// Which column holds which field: the wrong one deletes the wrong users.
fn columns(mapping: &Mapping) -> Option<String> {
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
fn problems(text: &mut String, planned: &Planned) {
    let mut reasons: BTreeMap<(Outcome, &str, &str), Vec<u64>> = BTreeMap::new();
    for Problem {
        outcome,
        field,
        line,
        reason,
        ..
    } in &planned.plan.problems
    {
        reasons
            .entry((*outcome, field, reason))
            .or_default()
            .push(*line);
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|((outcome, ..), lines)| (*outcome, lines.first().copied()));
    let mut heading = None;
    for ((outcome, field, reason), lines) in reasons {
        if heading != Some(outcome) {
            let _ = writeln!(text, "\n{outcome}, not sent:");
            heading = Some(outcome);
        }
        let listed: Vec<String> = lines.iter().take(LINES_MAX).map(u64::to_string).collect();
        let more = lines.len().saturating_sub(LINES_MAX);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let noun = if lines.len() == 1 { "line" } else { "lines" };
        let field = if field == "row" {
            String::new()
        } else {
            format!("{field}: ")
        };
        let _ = writeln!(
            text,
            "  {noun} {}{more}: {field}{reason}",
            listed.join(", ")
        );
    }
    if planned.plan.problems_left_out > 0 {
        let _ = writeln!(text, "  … and {} rows more", planned.plan.problems_left_out);
    }
}

/// `plan --json`.
pub(super) fn json(planning: &Planning, planned: &Planned) -> Value {
    let plan = &planned.plan;
    let mut accounts = serde_json::Map::new();
    for (name, actions) in &plan.accounts {
        let Some(account) = planning.account(name) else {
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
    let times = planning.times(plan);
    json!({
        "input": planning.input,
        "rows": plan.rows,
        "to_delete": plan.to_delete,
        "invalid": plan.invalid,
        "duplicate": plan.duplicate,
        "protected": plan.protected,
        "done_before": plan.done_before,
        "trimmed": plan.trimmed,
        "unprefixed": plan.unprefixed,
        "accounts": accounts,
        "seconds_at_limit": times.values().max().map_or(0.0, |time| seconds(*time)),
        "problems": plan.problems,
        "problems_left_out": plan.problems_left_out,
    })
}

/// Seconds, to the millisecond.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

/// A time as people say it, to two units.
pub(super) fn duration(time: Duration) -> String {
    let secs = time.as_secs() + u64::from(time.subsec_millis() >= 500);
    match secs {
        0 => "at once".to_owned(),
        1..=59 => format!("{secs} s"),
        60..=3_599 => format!("{} min {:02} s", secs / 60, secs % 60),
        3_600..=86_399 => format!("{} h {:02} min", secs / 3_600, secs % 3_600 / 60),
        _ => format!("{} d {:02} h", secs / 86_400, secs % 86_400 / 3_600),
    }
}

/// A word as a shell takes it.
pub(super) fn shell(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use rstest::rstest;

    use super::{UserId, duration, id, shell};

    #[rstest]
    #[case(0, "at once")]
    #[case(24, "24 s")]
    #[case(90, "1 min 30 s")]
    #[case(8_600, "2 h 23 min")]
    #[case(86_400 * 3 + 3_600 * 5, "3 d 05 h")]
    fn a_time_is_said_to_two_units(#[case] secs: u64, #[case] said: &str) {
        assert_eq!(duration(Duration::from_secs(secs)), said);
    }

    #[rstest]
    #[case("5963c0d619a30a2e00de36b8", "5963c0d619a30a2e00de36b8")]
    #[case("a\u{202e}b", "a\\u202eb")]
    #[case(
        "1234567890123456789012345678901234567890x",
        "123456789012345678901234567890123456789…"
    )]
    fn an_id_fits_the_table_and_turns_no_line_round(#[case] text: &str, #[case] told: &str) {
        assert_eq!(id(&UserId::new(text)), told);
    }

    #[rstest]
    #[case("users.csv", "users.csv")]
    #[case("my users.csv", "'my users.csv'")]
    #[case("it's.csv", r"'it'\''s.csv'")]
    #[case("", "''")]
    fn a_word_can_be_typed_again(#[case] word: &str, #[case] typed: &str) {
        assert_eq!(shell(Path::new(word)), typed);
    }
}
