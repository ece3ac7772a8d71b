//! A [`Summary`] for people: a few aligned lines, the next command last.

use std::fmt::Write as _;
use std::path::Path;

use super::summary::{Summary, named_config};
use crate::domain::{Counted, FindBy, LaneStop, Outcome, RunOptions, RunState, Said, Time};
use crate::words::{count, cut, duration, grouped, one_line, shell_path, shell_word, utc};

/// How many accounts are told of by name.
const ACCOUNTS_MAX: usize = 3;

/// The text about pending rows whose first step is done.
pub(super) const SOFT_DELETED: &str = "soft-deleted so far";

/// The text about deleted rows of which nobody knows whether there was a user.
pub(super) const UNSEEN: &str = "without a clear answer, not there afterwards";

/// The text about protected rows that are skipped.
pub(super) const ON_LIST: &str = "on the protect list";

/// The width of the label before each text.
const LABEL_CHARS: usize = 13;

/// Tells where the run stands, in at most ten lines, each with its line feed. For a terminal of so
/// many `columns` the input's path is shortened if it is long, and why rows are not done is cut. A
/// wider line is the terminal's to fold.
pub fn render(summary: &Summary, columns: Option<usize>) -> String {
    let mut page = String::new();
    let mut add = |label: &str, text: &str| add_line(&mut page, label, text);
    add(
        "run",
        &format!("{}, {}", summary.run_id, summary.state.name()),
    );
    let rows = count(summary.rows, "row");
    let room = columns.map(|it| it.saturating_sub(LABEL_CHARS + ", ".len() + rows.len()));
    let input = room.and_then(|room| shortened(&summary.input, room));
    let input = input.as_deref().unwrap_or(&summary.input);
    add("input", &format!("{input}, {rows}"));
    add("time", &format!("{}, {}", time(summary), requests(summary)));
    add("done", &outcomes(summary, Counted::Good));
    add("not done", &outcomes(summary, Counted::Bad));
    if !summary.why.is_empty() {
        let room = columns.map_or(usize::MAX, |it| it.saturating_sub(LABEL_CHARS));
        add("why", &cut(&summary.why, room));
    }
    add("pending", &pending(summary));
    let stops: Vec<_> = summary.stops.iter().map(describe_stop).collect();
    let (is_full, verified) = (!summary.why.is_empty(), summary.verification.as_ref());
    let verified = verified.filter(|_| !is_full || stops.is_empty());
    // The stop matters more than how the accounts share the counts.
    if let Some((first, others)) = stops.split_first() {
        add("stopped", &format!("{first}{}", and_more(others.len())));
    } else if summary.accounts.len() > 1 && !(verified.is_some() && (is_full || columns.is_some()))
    {
        add("accounts", &accounts(summary));
    }
    if let Some(verification) = verified {
        add("verified", &verification.line());
    }
    add("fingerprint", &summary.head.to_string());
    add("next", &next(summary));
    page
}

/// The command that goes on from here.
pub(super) fn next(summary: &Summary) -> String {
    let ledger = shell_path(&summary.ledger);
    let again = again(&summary.ledger, summary.config.as_deref());
    let counts = &summary.outcomes;
    let sums = counts.sums();
    let verified = summary.verification.as_ref();
    let is_verified = verified.is_some_and(|it| it.sample.is_some() || !it.is_partial());
    let command = match summary.state {
        RunState::Planned => "run",
        RunState::Running => return format!("userpurge status --follow {ledger}"),
        RunState::Interrupted | RunState::Stopped if counts.in_doubt > 0 => "resume",
        _ if counts.pending > 0 => "resume",
        _ if counts.failed + counts.in_doubt > 0 => "retry",
        _ if summary.standing > 0 => "retry --only standing",
        _ if counts.refused > 0 => "retry --only refused",
        _ if sums.bad > 0 => {
            return format!("userpurge report {ledger} --format csv --out report");
        }
        _ if sums.good > 0 && !is_verified => "verify",
        _ => return "nothing to do".to_owned(),
    };
    format!("userpurge {command} {again}")
}

/// A ledger as the commands take it that ask a provider; `config`: what `--config` has to name.
pub fn again(ledger: &Path, config: Option<&str>) -> String {
    let ledger = shell_path(ledger);
    match config {
        Some(config) => format!("{ledger} --config {}", shell_path(config)),
        None => ledger,
    }
}

/// The command that finds the ids of users whom `input` names by other keys, in this column, with what was
/// typed. `format`, `delimiter`: how it is read.
pub fn lookup(
    input: &Path,
    (by, column): (FindBy, Option<&str>),
    options: &RunOptions,
    (format, delimiter): (Option<&str>, Option<char>),
) -> String {
    let output = shell_path(Path::new(&format!("{}.ids.csv", input.display())));
    let again = again(input, named_config(options));
    let mut command = format!("`userpurge lookup {again} --by {by}");
    for (option, value) in [
        ("--account", options.account.clone()),
        ("--id-column", column.map(str::to_owned)),
        ("--account-column", options.account_column.clone()),
        ("--format", format.map(str::to_owned)),
        ("--delimiter", delimiter.map(String::from)),
        ("--sheet", options.sheet.clone()),
        (
            "--header-line",
            options.header_line.map(|line| line.to_string()),
        ),
    ] {
        if let Some(value) = value {
            let _ = write!(command, " {option} {}", shell_word(&value));
        }
    }
    format!("{command} -o {output}` asks for their ids")
}

fn requests(summary: &Summary) -> String {
    let requests = count(summary.requests, "request");
    match summary.throttled {
        0 => requests,
        n => format!("{requests}, {} of them throttled", grouped(n)),
    }
}

/// The rows that have no outcome, and what is known of some of them; then those that are skipped.
fn pending(summary: &Summary) -> String {
    let pending = with(grouped(summary.outcomes.pending), &known(summary, None));
    match outcomes(summary, Counted::Skipped) {
        none if none == "0" => pending,
        skipped => format!("{pending}; skipped {skipped}"),
    }
}

/// What is known of some of the rows that count so; `None`: of those that are pending.
pub(super) fn known(summary: &Summary, rows: Option<Counted>) -> String {
    match rows {
        Some(Counted::Good) => counted([
            (summary.settled_unseen, UNSEEN),
            (summary.standing, "still there when asked"),
        ]),
        Some(Counted::Bad) => counted([(summary.half_done, SOFT_DELETED)]),
        Some(Counted::Skipped) => String::new(),
        None if summary.state == RunState::Running => {
            counted([(summary.soft_deleted, SOFT_DELETED)])
        }
        None => counted([
            (summary.soft_deleted, SOFT_DELETED),
            (summary.unanswered, "sent, answer missing"),
            (summary.in_jobs, "in a job that the provider still works on"),
        ]),
    }
}

/// How many there are of what, as far as there are any.
pub(super) fn counted<'w>(parts: impl IntoIterator<Item = (u64, &'w str)>) -> String {
    let parts = parts.into_iter().filter(|(n, _)| *n > 0);
    let parts = parts.map(|(n, what)| format!("{} {what}", grouped(n)));
    parts.collect::<Vec<_>>().join(", ")
}

/// `rows` with what is `known` of some of them.
pub(super) fn with(rows: String, known: &str) -> String {
    match known {
        "" => rows,
        _ => format!("{rows} ({known})"),
    }
}

/// The rows that count so, by outcome.
fn outcomes(summary: &Summary, class: Counted) -> String {
    let counts = &summary.outcomes;
    let parts = Outcome::ALL.map(|it| {
        let is_listed = (it, class) == (Outcome::Protected, Counted::Skipped);
        let name = if is_listed { ON_LIST } else { it.name() };
        (counts.of_counted(it, class), name)
    });
    let text = with(grouped(counts.counted(class)), &counted(parts));
    match known(summary, Some(class)) {
        known if known.is_empty() => text,
        known => format!("{text}, of them {known}"),
    }
}

/// How each account's rows ended; with one account, other lines have said it.
fn accounts(summary: &Summary) -> String {
    let parts = summary.accounts.iter().map(|(name, account)| {
        let sums = account.outcomes.sums();
        let (good, bad) = (grouped(sums.good), grouped(sums.bad));
        format!("{name} {good} done, {bad} not done")
    });
    let parts: Vec<_> = parts.take(ACCOUNTS_MAX).collect();
    let more = summary.accounts.len() - parts.len();
    format!("{}{}", parts.join("; "), and_more(more))
}

fn and_more(accounts: usize) -> String {
    match accounts {
        0 => String::new(),
        n => format!("; and {}", count(n as u64, "more account")),
    }
}

fn time(summary: &Summary) -> String {
    let began = utc(summary.started_at);
    let from = began.trim_end_matches(" UTC");
    let clock = |to| clock_after(summary.started_at, to);
    match (summary.state, summary.ended_at) {
        (RunState::Running, _) => format!("since {began}"),
        (_, Some(to)) => {
            let took = duration(to.saturating_since(summary.started_at));
            format!("{from} to {} ({took})", clock(to))
        }
        (_, None) => format!("{from}, last entry {}", clock(summary.last_at)),
    }
}

/// `to` without its day, if that is the day of `from`.
pub(super) fn clock_after(from: Time, to: Time) -> String {
    let (from, to) = (utc(from), utc(to));
    match (from.split_once(' '), to.split_once(' ')) {
        (Some((day, _)), Some((same, clock))) if day == same => clock.to_owned(),
        (_, _) => to,
    }
}

/// `path` without its middle, so that its start and its end fit in at most `room` characters.
/// `None`: there is room for all of it, or not even for its last part.
fn shortened(path: &str, room: usize) -> Option<String> {
    if path.chars().count() <= room {
        return None;
    }
    let parts: Vec<_> = path.split('/').collect();
    let begins = if parts.len() > 3 {
        parts[..2].join("/") + "/"
    } else {
        String::new()
    };
    let ends = |from: usize| format!("{begins}…/{}", parts[from..].join("/"));
    (2..parts.len())
        .map(ends)
        .find(|it| it.chars().count() <= room)
}

/// Why a lane stopped, with the provider's words, on one line.
pub fn describe_stop(stop: &LaneStop) -> String {
    let mut text = format!("{}: {}", stop.account, stop.reason.describe());
    let answer = answer(&stop.said);
    if !answer.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, " ({answer})");
    }
    one_line(&text)
}

/// The answer of a provider, as far as it is known.
pub(super) fn answer(said: &Said) -> String {
    let status = said.status.map(|status| format!("HTTP {status}"));
    let parts = [status, said.code.clone(), said.message.clone()]
        .into_iter()
        .flatten();
    parts.collect::<Vec<_>>().join(", ")
}

/// Adds a line: labels stand in one column, texts in the next.
pub(super) fn add_line(page: &mut String, label: &str, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "{label:<11}  {}", one_line(text));
}
