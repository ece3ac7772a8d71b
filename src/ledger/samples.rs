//! Entries for the tests of this module, and of `report`: made up, small, of every kind.

use super::LedgerState;
use crate::domain::{
    AccountHeader, AccountName, Action, Agreed, AgreedAccount, AgreedBy, AgreedProtect, Attempted,
    BulkAnswered, Counts, DoneIn, Entry, Finding, InputHeader, Intent, JobId, LaneStop, Outcome,
    OutcomeEntry, Paused, PlanEnd, PlannedInput, PlannedRow, PlannedRows, Position, ProviderKind,
    Requested, RunEnd, RunHeader, RunId, RunOptions, RunState, Sample, Session, Step, StepDone,
    StopKind, Time, UnsentRows, UserId, UserState, Verification, Verified,
};

/// A time `seconds` after 2026-11-22T09:30:00Z.
pub(crate) fn at(seconds: i64) -> Time {
    Time::from_millis(1_795_339_800_000 + seconds * 1_000)
}

pub(crate) fn account(name: &str) -> AccountName {
    AccountName::new(name)
}

fn account_header(name: &str, provider: ProviderKind) -> AccountHeader {
    AccountHeader {
        name: account(name),
        provider,
        tenant: format!("{name}.example"),
        caller: Some(UserId::new("4711")),
        role: Some("admin".to_owned()),
        action: None,
        concurrency: None,
    }
}

pub(crate) fn header(rows: u64) -> RunHeader {
    RunHeader {
        run_id: RunId::new("019abcde-0000-7000-8000-000000000001"),
        format: RunHeader::FORMAT,
        version: "0.1.0".to_owned(),
        input: Some(InputHeader {
            path: "/data/users.csv".to_owned(),
            size: 312,
            sha256: "ab".repeat(32),
            rows,
            format: "csv".to_owned(),
            delimiter: Some(','),
        }),
        options: RunOptions::default(),
        accounts: vec![
            account_header("acme", ProviderKind::Zendesk),
            account_header("crm", ProviderKind::Zoho),
        ],
        started_at: at(0),
        uptime: None,
    }
}

pub(crate) fn session(seconds: i64) -> Entry {
    Entry::Session(Box::new(Session {
        command: "resume".to_owned(),
        version: "0.1.0".to_owned(),
        only: Vec::new(),
        rows: 3,
        accounts: vec![account_header("acme", ProviderKind::Zendesk)],
        ahead: Vec::new(),
        ignores_pauses: false,
        at: at(seconds),
        uptime: None,
    }))
}

pub(crate) fn request(seconds: i64) -> Entry {
    Entry::Request(Requested {
        account: account("acme"),
        what: "identity".to_owned(),
        sent_at: at(seconds),
        at: at(seconds + 1),
        status: Some(200),
    })
}

pub(crate) fn intent(row: u64, step: Step, seconds: i64) -> Entry {
    Entry::Intent(Intent {
        position: Position { row, line: row + 1 },
        account: account("acme"),
        action: Action::Purge,
        id: UserId::new(format!("90{row}")),
        step,
        attempt: 1,
        with: None,
        nobody: false,
        at: at(seconds),
    })
}

/// The intent of `row` in a request whose first row is `first`.
pub(crate) fn bulk_intent(row: u64, first: u64, seconds: i64) -> Entry {
    match intent(row, Step::Delete, seconds) {
        Entry::Intent(intent) => Entry::Intent(Intent {
            with: Some(first),
            ..intent
        }),
        other => other,
    }
}

/// The answer to the request whose first row is `first`: a job, or nothing but `class`.
pub(crate) fn bulk(first: u64, answer: Result<&str, &str>, in_doubt: bool, seconds: i64) -> Entry {
    Entry::Bulk(BulkAnswered {
        row: first,
        account: account("acme"),
        step: Step::Delete,
        job: answer.ok().map(JobId::new),
        class: answer.err().map(str::to_owned),
        in_doubt,
        status: answer.is_ok().then_some(200),
        code: None,
        message: None,
        at: at(seconds),
    })
}

pub(crate) fn attempt(row: u64, class: &str, in_doubt: bool, seconds: i64) -> Entry {
    Entry::Attempt(Attempted {
        row,
        account: account("acme"),
        step: Step::Delete,
        attempt: 1,
        class: class.to_owned(),
        in_doubt,
        status: (!in_doubt).then_some(429),
        code: None,
        message: None,
        at: at(seconds),
    })
}

pub(crate) fn step(row: u64, seconds: i64) -> Entry {
    Entry::Step(StepDone {
        row,
        account: account("acme"),
        step: Step::Delete,
        outcome: Outcome::Deleted,
        settled: false,
        status: Some(200),
        at: at(seconds),
    })
}

pub(crate) fn outcome_entry(row: u64, outcome: Outcome, seconds: i64) -> OutcomeEntry {
    OutcomeEntry {
        position: Position { row, line: row + 1 },
        account: Some(account("acme")),
        action: Some(Action::Purge),
        id: Some(UserId::new(format!("90{row}"))),
        reference: Some("GDPR-7".to_owned()),
        outcome,
        status: Some(200),
        code: None,
        message: None,
        attempts: 1,
        settled: false,
        at: at(seconds),
        elapsed_ms: 230,
        request_id: None,
    }
}

pub(crate) fn outcome(row: u64, outcome: Outcome, seconds: i64) -> Entry {
    Entry::Outcome(outcome_entry(row, outcome, seconds))
}

pub(crate) fn pause(step: Option<Step>, seconds: i64, until: i64) -> Entry {
    Entry::Pause(Paused {
        account: account("acme"),
        step,
        until: at(until),
        reason: "429 with Retry-After: 93".to_owned(),
        at: at(seconds),
    })
}

pub(crate) fn stop(reason: StopKind, seconds: i64) -> Entry {
    Entry::Stop(LaneStop {
        account: account("acme"),
        reason,
        status: Some(401),
        code: None,
        message: Some("Couldn't authenticate you".to_owned()),
        at: at(seconds),
    })
}

pub(crate) fn end(state: RunState, seconds: i64) -> Entry {
    Entry::End(RunEnd {
        state,
        outcomes: crate::domain::Counts::default(),
        at: at(seconds),
    })
}

/// A block of rows to send.
pub(crate) fn plan(name: &str, action: Action, rows: &[u64]) -> Entry {
    let row = |row: &u64| PlannedRow {
        position: Position {
            row: *row,
            line: row + 1,
        },
        id: UserId::new(format!("90{row}")),
        reference: row.is_multiple_of(2).then(|| format!("REQ-{row}")),
        again: row.is_multiple_of(3),
    };
    Entry::Plan(PlannedRows {
        account: account(name),
        action,
        rows: rows.iter().map(row).collect(),
    })
}

/// A block of rows that are not sent.
pub(crate) fn unsent(name: Option<&str>, outcome: Outcome, rows: &[u64]) -> Entry {
    let position = |row: &u64| Position {
        row: *row,
        line: row + 1,
    };
    Entry::Unsent(UnsentRows {
        outcome,
        code: "id_not_digits".to_owned(),
        message: "the id is not a number".to_owned(),
        account: name.map(account),
        action: name.map(|_| Action::Purge),
        rows: rows.iter().map(position).collect(),
    })
}

/// The end of a plan of `rows` rows.
pub(crate) fn planned(rows: u64) -> Entry {
    Entry::Planned(Box::new(PlanEnd {
        rows,
        outcomes: Counts {
            invalid: 1,
            pending: rows - 1,
            ..Counts::default()
        },
        input: PlannedInput {
            path: "/data/users.csv".to_owned(),
            size: 312,
            sha256: "ab".repeat(32),
            format: "csv".to_owned(),
            delimiter: Some(','),
            columns: [("id".to_owned(), "user_id".to_owned())].into(),
        },
        protect: None,
        done_in: Vec::new(),
    }))
}

pub(crate) fn agreed(seconds: i64) -> Entry {
    let acme = AgreedAccount {
        tenant: "acme.example".to_owned(),
        caller: Some(UserId::new("4711")),
    };
    Entry::Agreed(Box::new(Agreed {
        user: "ada".to_owned(),
        host: "desk".to_owned(),
        how: AgreedBy::Typed,
        at: at(seconds),
        accounts: [(account("acme"), acme)].into(),
        protect: Some(AgreedProtect {
            path: "/data/keep.txt".to_owned(),
            sha256: "cd".repeat(32),
            ids: 2,
        }),
        done_in: vec![DoneIn {
            path: "/data/old.ledger.jsonl".to_owned(),
            sha256: "ef".repeat(32),
        }],
        options: None,
    }))
}

pub(crate) fn verification(rows: u64, seconds: i64) -> Entry {
    Entry::Verification(Box::new(Verification {
        command: "verify".to_owned(),
        version: "0.1.0".to_owned(),
        rows,
        good_rows: 3,
        sample: (rows < 3).then_some(Sample { rows, seed: 7 }),
        accounts: vec![account_header("acme", ProviderKind::Zendesk)],
        ahead: Vec::new(),
        at: at(seconds),
        uptime: None,
    }))
}

pub(crate) fn verified(row: u64, finding: Finding, seconds: i64) -> Entry {
    let seen = match finding {
        Finding::AsAsked => Some(UserState::Gone),
        Finding::Standing => Some(UserState::Active { role: None }),
        Finding::UnderWay => Some(UserState::Erasing),
        Finding::Unknown => None,
    };
    let failed = seen.is_none();
    Entry::Verify(Verified {
        row,
        line: row + 1,
        account: account("acme"),
        action: Action::Purge,
        id: UserId::new(format!("90{row}")),
        finding,
        seen,
        status: failed.then_some(500),
        code: failed.then(|| "server_error".to_owned()),
        message: failed.then(|| "Something went wrong".to_owned()),
        at: at(seconds),
    })
}

/// The state after `entries`, as if read from a ledger of that name.
pub(crate) fn state(header: RunHeader, entries: &[Entry]) -> LedgerState {
    let mut state = LedgerState::new(header);
    for entry in entries {
        state.apply(0, entry);
    }
    state.source.path = "users.csv.ledger.jsonl".into();
    state.source.lines = entries.len() as u64 + 1;
    state
}

/// One entry of each kind with which a plan begins.
pub(crate) fn one_of_each_of_a_plan() -> Vec<Entry> {
    vec![
        plan("acme", Action::Purge, &[1, 3, 6]),
        unsent(Some("acme"), Outcome::Protected, &[2, 4]),
        unsent(None, Outcome::Invalid, &[5]),
        planned(6),
        agreed(1),
    ]
}

/// One entry of each kind, the header first, but for those of a plan.
pub(crate) fn one_of_each() -> Vec<Entry> {
    let mut refused = outcome_entry(2, Outcome::Refused, 8);
    refused.account = None;
    refused.code = Some("has \"open\" tickets\n".to_owned());
    refused.settled = true;
    vec![
        Entry::Run(Box::new(header(3))),
        request(1),
        intent(1, Step::Delete, 2),
        attempt(1, "throttled", false, 3),
        pause(Some(Step::Delete), 3, 96),
        intent(1, Step::Delete, 96),
        step(1, 97),
        outcome(1, Outcome::Deleted, 98),
        Entry::Outcome(refused),
        stop(StopKind::CredentialsRejected, 99),
        end(RunState::Stopped, 100),
        session(200),
        bulk_intent(3, 3, 201),
        bulk(3, Err("server_error"), true, 202),
        bulk(3, Ok("V3-5f1c"), false, 203),
        verification(2, 300),
        verified(1, Finding::Standing, 301),
        verified(2, Finding::Unknown, 302),
    ]
}
