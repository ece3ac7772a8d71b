//! A [`Summary`] for people: a few aligned lines, the next command last.

use std::fmt::Write as _;
use std::path::Path;

use super::summary::Summary;
use crate::domain::{Counted, LaneStop, Outcome, RunState, Time};
use crate::words::{count, duration, grouped, one_line, shell_path, utc};

/// How many accounts are told of by name.
const ACCOUNTS_MAX: usize = 3;

/// What is said of pending rows whose first step is done.
pub(super) const SOFT_DELETED: &str = "soft-deleted so far";

/// What is said of deleted rows of which nobody knows whether there was a user.
pub(super) const UNSEEN: &str = "answer lost; not there afterwards";

/// What stands before each text.
const LABEL_CHARS: usize = 11;

/// Tells where the run stands, in at most ten lines, each with its line feed. For a terminal of so
/// many `columns` the input's path is shortened if it is long; a wider line is the terminal's to
/// fold.
pub fn render(summary: &Summary, columns: Option<usize>) -> String {
    let mut lines = Lines::default();
    lines.add(
        "run",
        &format!("{}, {}", summary.run_id, summary.state.name()),
    );
    let rows = count(summary.rows, "row");
    let room = columns.map(|it| it.saturating_sub(LABEL_CHARS + ", ".len() + rows.len()));
    let input = room.and_then(|room| shortened(&summary.input, room));
    let input = input.as_deref().unwrap_or(&summary.input);
    lines.add("input", &format!("{input}, {rows}"));
    lines.add("time", &format!("{}, {}", time(summary), requests(summary)));
    outcomes(summary, &mut lines);
    lines.add("pending", &pending(summary));
    // What stopped matters more than how the accounts share the counts.
    let stops: Vec<_> = summary.stops.iter().map(stop_told).collect();
    if let Some((first, others)) = stops.split_first() {
        lines.add("stopped", &format!("{first}{}", and_more(others.len())));
    } else if summary.accounts.len() > 1 {
        lines.add("accounts", &accounts(summary));
    }
    if let Some(verification) = &summary.verification {
        lines.add("verified", &verification.line());
    }
    lines.add("head", &summary.head.to_string());
    lines.add("next", &next(summary));
    lines.0
}

/// The command that goes on from here.
pub(super) fn next(summary: &Summary) -> String {
    let ledger = shell_path(&summary.ledger);
    let again = again(&summary.ledger, summary.config.as_deref());
    let counts = &summary.outcomes;
    match summary.state {
        RunState::Planned => format!("userpurge run {again}"),
        RunState::Running => format!("userpurge status --follow {ledger}"),
        RunState::Interrupted | RunState::Stopped if counts.pending + counts.in_doubt > 0 => {
            format!("userpurge resume {again}")
        }
        _ if counts.pending > 0 => format!("userpurge resume {again}"),
        _ if counts.failed + counts.in_doubt > 0 => format!("userpurge retry {again}"),
        _ if summary.standing > 0 => format!("userpurge retry --only standing {again}"),
        _ if counts.refused > 0 => format!("userpurge retry --only refused {again}"),
        _ if counts.counted(Counted::Bad) > 0 => {
            format!("userpurge report --format csv --out DIR {ledger}, and mend DIR/failed.csv")
        }
        _ if counts.deleted + counts.already_gone > 0 && summary.verification.is_none() => {
            format!("userpurge verify {again}")
        }
        _ => "nothing to do".to_owned(),
    }
}

/// A ledger as the commands take it that ask a provider; `config`: what `--config` has to name.
pub fn again(ledger: &Path, config: Option<&str>) -> String {
    let ledger = shell_path(ledger);
    match config {
        Some(config) => format!("{ledger} --config {}", shell_path(config)),
        None => ledger,
    }
}

fn requests(summary: &Summary) -> String {
    let requests = count(summary.requests, "request");
    match summary.throttled {
        0 => requests,
        n => format!("{requests}, {} of them throttled", grouped(n)),
    }
}

/// The rows that have no outcome, what is known of some of them, and those that need none.
fn pending(summary: &Summary) -> String {
    let mut text = grouped(summary.outcomes.pending);
    let running = summary.state == RunState::Running;
    let open = [
        (summary.unanswered, "sent and not answered: in doubt"),
        (summary.in_jobs, "in a job that the provider goes on with"),
    ];
    let open = open.into_iter().filter(|_| !running);
    let known = std::iter::once((summary.steps_done.soft_deleted, SOFT_DELETED)).chain(open);
    let known: Vec<_> = known
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", grouped(n)))
        .collect();
    if !known.is_empty() {
        let _ = write!(text, " ({})", known.join(", "));
    }
    if summary.outcomes.duplicate > 0 {
        let duplicate = grouped(summary.outcomes.duplicate);
        let _ = write!(text, ", besides {duplicate} duplicate");
    }
    text
}

fn outcomes(summary: &Summary, lines: &mut Lines) {
    let counts = &summary.outcomes;
    for (label, counted) in [("good", Counted::Good), ("bad", Counted::Bad)] {
        let parts = Outcome::ALL.into_iter().filter_map(|outcome| {
            let n = counts.of(outcome);
            (outcome.counted() == counted && n > 0)
                .then(|| format!("{} {}", grouped(n), outcome.name()))
        });
        let parts: Vec<_> = parts.collect();
        let mut text = grouped(counts.counted(counted));
        // Writing to a string cannot fail.
        if !parts.is_empty() {
            let _ = write!(text, " ({})", parts.join(", "));
        }
        if counted == Counted::Good && summary.settled_unseen > 0 {
            let _ = write!(
                text,
                ", {} of them: {UNSEEN}",
                grouped(summary.settled_unseen)
            );
        }
        lines.add(label, &text);
    }
}

/// How each account's rows ended; with one account, other lines have said it.
fn accounts(summary: &Summary) -> String {
    let told = summary.accounts.iter().map(|(name, account)| {
        let counts = &account.outcomes.0;
        let good = grouped(counts.counted(Counted::Good));
        let bad = grouped(counts.counted(Counted::Bad));
        format!("{name} {good} good, {bad} bad")
    });
    let told: Vec<_> = told.take(ACCOUNTS_MAX).collect();
    let more = summary.accounts.len() - told.len();
    format!("{}{}", told.join("; "), and_more(more))
}

fn and_more(accounts: usize) -> String {
    match accounts {
        0 => String::new(),
        n => format!("; and {}", count(n as u64, "more account")),
    }
}

fn time(summary: &Summary) -> String {
    let from = summary.started_at;
    match (summary.state, summary.ended_at) {
        (RunState::Running, _) => format!("since {}", utc(from)),
        (_, Some(to)) => format!(
            "{} ({})",
            from_to(from, " to ", to),
            duration(to.saturating_since(from))
        ),
        (_, None) => from_to(from, ", last entry ", summary.last_at),
    }
}

/// Two times, the day said once if it is the same.
fn from_to(from: Time, between: &str, to: Time) -> String {
    let (from, to) = (utc(from), utc(to));
    let from = from.trim_end_matches(" UTC");
    match (from.split_once(' '), to.split_once(' ')) {
        (Some((day, _)), Some((same, clock))) if day == same => format!("{from}{between}{clock}"),
        (_, _) => format!("{from}{between}{to}"),
    }
}

/// `path` without what is in its middle, where it begins and what is at its end in at most `room`
/// characters; `None`: there is room for all of it, or not even for its last part.
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
pub fn stop_told(stop: &LaneStop) -> String {
    let mut text = format!("{}: {}", stop.account, stop.reason.told());
    let status = stop.status.map(|status| format!("HTTP {status}"));
    let detail = [
        status.as_deref(),
        stop.code.as_deref(),
        stop.message.as_deref(),
    ];
    let detail: Vec<_> = detail.into_iter().flatten().collect();
    if !detail.is_empty() {
        text.push_str(" (");
        text.push_str(&detail.join(", "));
        text.push(')');
    }
    one_line(&text)
}

/// Labels in one column, texts in the next.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        let text = one_line(text);
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{label:<9}  {text}");
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{render, shortened};
    use crate::domain::{Entry, Finding, LaneStop, Outcome, RunState, Step, StopKind};
    use crate::ledger::samples::{
        account, at, attempt, bulk, bulk_intent, end, header, intent, one_of_each, outcome,
        outcome_entry, state, stop, verification, verified,
    };
    use crate::report::{Lock, Summary};

    fn rendered(rows: u64, entries: &[Entry], lock: Lock) -> String {
        render(&Summary::new(&state(header(rows), entries), lock), None)
    }

    #[test]
    fn a_stopped_run_says_why_and_how_to_go_on() {
        let entries = &one_of_each()[..11];
        insta::assert_snapshot!(rendered(3, entries, Lock::Free), @r"
        run        019abcde-0000-7000-8000-000000000001, stopped
        input      /data/users.csv, 3 rows
        time       2026-11-22 09:30:00 to 09:31:40 UTC (1 min 40 s), 3 requests, 1 of them throttled
        good       1 (1 deleted)
        bad        1 (1 refused)
        pending    1
        stopped    acme: the credentials were rejected (HTTP 401, Couldn't authenticate you)
        head       0000000000000000000000000000000000000000000000000000000000000000
        next       userpurge resume users.csv.ledger.jsonl
        ");
    }

    #[test]
    fn a_stop_that_left_nothing_to_send_names_what_is_to_be_tried_again() {
        let entries = [
            outcome(1, Outcome::Deleted, 5),
            outcome(2, Outcome::Refused, 6),
            stop(StopKind::CanaryFailed, 7),
            end(RunState::Stopped, 8),
        ];
        let text = rendered(2, &entries, Lock::Free);
        let next = "next       userpurge retry --only refused users.csv.ledger.jsonl";
        assert_eq!(text.lines().last(), Some(next));
    }

    #[test]
    fn a_running_run_is_to_be_followed() {
        let entries = [
            outcome(1, Outcome::Deleted, 5),
            attempt(2, "throttled", false, 6),
            intent(2, Step::Delete, 7),
        ];
        insta::assert_snapshot!(rendered(12_000, &entries, Lock::Held), @r"
        run        019abcde-0000-7000-8000-000000000001, running
        input      /data/users.csv, 12,000 rows
        time       since 2026-11-22 09:30:00 UTC, 1 request, 1 of them throttled
        good       1 (1 deleted)
        bad        0
        pending    11,999
        accounts   acme 1 good, 0 bad; crm 0 good, 0 bad
        head       0000000000000000000000000000000000000000000000000000000000000000
        next       userpurge status --follow users.csv.ledger.jsonl
        ");
    }

    #[test]
    fn an_interrupted_run_says_what_is_in_doubt() {
        let entries = [
            outcome(1, Outcome::AlreadyGone, 5),
            intent(2, Step::Delete, 4000),
        ];
        insta::assert_snapshot!(rendered(2, &entries, Lock::Free), @r"
        run        019abcde-0000-7000-8000-000000000001, interrupted
        input      /data/users.csv, 2 rows
        time       2026-11-22 09:30:00, last entry 10:36:40 UTC, 1 request
        good       1 (1 already_gone)
        bad        0
        pending    1 (1 sent and not answered: in doubt)
        accounts   acme 1 good, 0 bad; crm 0 good, 0 bad
        head       0000000000000000000000000000000000000000000000000000000000000000
        next       userpurge resume users.csv.ledger.jsonl
        ");
    }

    #[test]
    fn rows_in_a_job_are_told_apart_from_those_in_doubt() {
        let entries = [
            bulk_intent(1, 1, 1),
            bulk_intent(2, 1, 1),
            bulk(1, Ok("V3-5f1c"), false, 2),
            outcome(2, Outcome::Deleted, 5),
            intent(3, Step::Delete, 6),
        ];
        let text = rendered(3, &entries, Lock::Free);
        let pending = "pending    2 (1 sent and not answered: in doubt, 1 in a job that the provider goes on with)";
        assert!(text.lines().any(|line| line == pending), "{text}");
    }

    #[test]
    fn a_finished_run_with_failures_is_to_be_retried() {
        let entries = [
            outcome(1, Outcome::Deleted, 5),
            outcome(2, Outcome::Failed, 6),
            outcome(3, Outcome::Duplicate, 6),
            end(RunState::Finished, 90),
        ];
        insta::assert_snapshot!(rendered(3, &entries, Lock::Free), @r"
        run        019abcde-0000-7000-8000-000000000001, finished
        input      /data/users.csv, 3 rows
        time       2026-11-22 09:30:00 to 09:31:30 UTC (1 min 30 s), 0 requests
        good       1 (1 deleted)
        bad        1 (1 failed)
        pending    0, besides 1 duplicate
        accounts   acme 1 good, 1 bad; crm 0 good, 0 bad
        head       0000000000000000000000000000000000000000000000000000000000000000
        next       userpurge retry users.csv.ledger.jsonl
        ");
    }

    #[rstest]
    #[case(&[Outcome::Deleted], "userpurge verify users.csv.ledger.jsonl")]
    #[case(&[Outcome::DoneBefore, Outcome::Duplicate], "nothing to do")]
    #[case(&[Outcome::NotFound], "userpurge report --format csv --out DIR users.csv.ledger.jsonl, and mend DIR/failed.csv")]
    #[case(&[Outcome::Refused], "userpurge retry --only refused users.csv.ledger.jsonl")]
    #[case(&[Outcome::Refused, Outcome::InDoubt], "userpurge retry users.csv.ledger.jsonl")]
    fn the_next_command_follows_from_the_outcomes(
        #[case] outcomes: &[Outcome],
        #[case] next: &str,
    ) {
        let mut entries: Vec<_> = outcomes
            .iter()
            .zip(1..)
            .map(|(it, row)| outcome(row, *it, 1))
            .collect();
        entries.push(end(RunState::Finished, 2));
        let text = rendered(outcomes.len() as u64, &entries, Lock::Free);
        assert_eq!(text.lines().last(), Some(&*format!("next       {next}")));
    }

    #[test]
    fn who_was_seen_standing_is_to_be_tried_again() {
        let entries = [
            outcome(1, Outcome::Deleted, 1),
            outcome(2, Outcome::Refused, 1),
            end(RunState::Finished, 2),
            verification(2, 3),
            verified(1, Finding::Standing, 4),
        ];
        let text = rendered(2, &entries, Lock::Free);
        let next = "next       userpurge retry --only standing users.csv.ledger.jsonl";
        assert_eq!(text.lines().last(), Some(next));
        assert!(
            text.contains("verified   1 of 3 good rows asked, 0 as asked, 1 standing"),
            "{text}"
        );
    }

    #[test]
    fn the_fullest_summary_has_ten_lines_and_no_control_character() {
        let mut entries = vec![
            outcome(50, Outcome::Duplicate, 1),
            intent(51, Step::Delete, 1),
        ];
        for (row, name) in (1..).zip(["a", "b", "c", "d", "e"]) {
            let mut entry = outcome_entry(row, Outcome::Failed, 1);
            entry.account = Some(account(name));
            entries.push(Entry::Outcome(entry));
            entries.push(Entry::Stop(LaneStop {
                account: account(name),
                reason: StopKind::OrgCap,
                status: None,
                code: None,
                message: Some("cap\u{1b}[31m\nreached".to_owned()),
                at: at(2),
            }));
        }
        entries.push(stop(StopKind::FailureLimit, 3));
        entries.push(end(RunState::Stopped, 3));
        entries.push(verification(2, 4));
        let text = rendered(60, &entries, Lock::Free);
        assert_eq!(text.lines().count(), 10, "{text}");
        assert!(!text.contains('\u{1b}'));
        assert!(text.contains("cap [31m reached"));
    }

    #[rstest]
    #[case("/data/users.csv", 15, None)]
    #[case(
        "/data/exports/2026-11/users.csv",
        30,
        Some("/data/…/2026-11/users.csv")
    )]
    #[case("/data/exports/2026-11/users.csv", 24, Some("/data/…/users.csv"))]
    #[case("/data/exports/2026-11/users.csv", 16, None)]
    #[case("exports/2026-11/users.csv", 20, Some("…/users.csv"))]
    #[case("/users-of-last-year.csv", 20, None)]
    fn a_path_loses_its_middle_first(
        #[case] path: &str,
        #[case] room: usize,
        #[case] told: Option<&str>,
    ) {
        assert_eq!(shortened(path, room).as_deref(), told);
    }

    #[test]
    fn on_a_terminal_the_input_takes_one_line_and_elsewhere_it_is_whole() {
        let mut summary = Summary::new(
            &state(header(3), &[end(RunState::Finished, 90_000)]),
            Lock::Free,
        );
        summary.input = format!("/home/{}/users.csv", "folder/".repeat(20));
        let text = render(&summary, Some(80));
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[1].starts_with("input      /home/…/folder/")
                && lines[1].ends_with("/users.csv, 3 rows")
        );
        assert!(
            lines.iter().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(
            lines[2].starts_with(
                "time       2026-11-22 09:30:00 to 2026-11-23 10:30:00 UTC (1 d 1 h), "
            )
        );
        assert!(render(&summary, None).contains(&summary.input));
    }
}
