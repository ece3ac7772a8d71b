//! A report for the tests of this module: a run with everything in it, hostile texts too.

use std::path::PathBuf;

use super::gather::Collector;
use super::{Lock, Report};
use crate::domain::{
    AccountName, Entry, Finding, Outcome, OutcomeEntry, RunState, Step, StopKind, UserId,
};
use crate::ledger::samples::{
    account, at, end, header, intent, outcome, outcome_entry, pause, request, session, stop,
    verification, verified,
};
use crate::ledger::{Head, Source};

/// What would run if it were not escaped.
pub(super) const SCRIPT: &str = "<script>alert(1)</script>";

fn bad(row: u64, how: Outcome, code: &str, message: &str, seconds: i64) -> OutcomeEntry {
    OutcomeEntry {
        code: Some(code.to_owned()),
        message: Some(message.to_owned()),
        ..outcome_entry(row, how, seconds)
    }
}

/// A run of 12 rows: stopped by its credentials, resumed the next day, verified.
pub(super) fn entries() -> Vec<Entry> {
    let hostile = OutcomeEntry {
        id: Some(UserId::new("shop|`1001`")),
        account: Some(account("crm")),
        reference: Some(format!("{SCRIPT} @all #1\u{1b}[31m\n\u{202e}")),
        ..bad(
            4,
            Outcome::Refused,
            "x`y",
            &format!("a | b ``{SCRIPT}\u{7}"),
            4,
        )
    };
    let nowhere = OutcomeEntry {
        account: None,
        action: None,
        id: None,
        reference: None,
        status: None,
        ..bad(
            2,
            Outcome::Invalid,
            "unknown_account",
            "no account has the name in the row",
            1,
        )
    };
    let tickets = |row, n: u32, seconds| {
        let message = format!("is requester on {n} ticket(s) that are not closed.");
        Entry::Outcome(bad(
            row,
            Outcome::Refused,
            "UserDeleteFailed",
            &message,
            seconds,
        ))
    };
    vec![
        request(0),
        outcome(1, Outcome::Duplicate, 1),
        Entry::Outcome(nowhere),
        intent(3, Step::Delete, 2),
        outcome(3, Outcome::Deleted, 3),
        Entry::Outcome(hostile),
        pause(Some(Step::Delete), 5, 40),
        intent(5, Step::Delete, 41),
        outcome(5, Outcome::AlreadyGone, 42),
        Entry::Outcome(bad(6, Outcome::Failed, "timed_out", "no answer came", 43)),
        stop(StopKind::CredentialsRejected, 44),
        end(RunState::Stopped, 45),
        session(86_400),
        intent(6, Step::Delete, 86_401),
        outcome(6, Outcome::Deleted, 86_402),
        tickets(7, 2, 86_403),
        tickets(8, 17, 86_404),
        Entry::Outcome(bad(
            9,
            Outcome::Protected,
            "protected_role",
            "this user's role is agent",
            86_405,
        )),
        Entry::Outcome(bad(
            10,
            Outcome::NotFound,
            "RecordNotFound",
            "Not found",
            86_406,
        )),
        outcome(11, Outcome::Deleted, 86_410),
        end(RunState::Interrupted, 86_411),
        verification(3, 90_000),
        verified(3, Finding::AsAsked, 90_001),
        verified(5, Finding::Standing, 90_002),
        verified(6, Finding::Unknown, 90_003),
    ]
}

/// The report of `entries` over so many rows.
pub(super) fn report_of(rows: u64, entries: &[Entry]) -> Report {
    let mut header = header(rows);
    header.options.account = Some("acme".to_owned());
    header.options.include_roles = vec!["agent".to_owned()];
    header.accounts[1].name = AccountName::new("crm");
    let mut collector = Collector::new(header);
    for entry in entries {
        collector.apply(entry);
    }
    let source = Source {
        path: PathBuf::from("users.csv.ledger.jsonl"),
        lines: entries.len() as u64 + 1,
        head: Head::GENESIS,
        torn: None,
    };
    collector.finish(source, Lock::Free, at(100_000))
}

/// The report of [`entries`].
pub(super) fn report() -> Report {
    report_of(12, &entries())
}
