//! The ledger by its public doors: its format, what its entries come to, and what a crash, a hand or a
//! bad disk does to it.

mod chain;
mod damage;
mod disk;
mod faults;
mod fold;
mod follow;
mod format;
mod heeded;
mod model;
mod select;
mod writer;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::ProptestConfig;
use serde_json::{Value, json};
use tempfile::TempDir;
use userpurge::domain::{
    AccountName, Action, Entry, Finding, Outcome, RunHeader, RunState, Step, StopKind, Time,
};
use userpurge::ledger::{self, LedgerHead, LedgerReader, LedgerState, Link};

/// A time `seconds` after 2026-11-22T09:30:00Z.
pub(crate) fn at(seconds: i64) -> Time {
    Time::from_millis(1_795_339_800_000 + seconds * 1_000)
}

fn account(name: &str) -> AccountName {
    AccountName::new(name)
}

/// The header of a run at `acme` and `crm`.
pub(crate) fn header() -> RunHeader {
    let account = |name: &str, provider: &str| {
        let tenant = format!("{name}.example");
        json!({"name": name, "provider": provider, "tenant": tenant, "caller": "4711", "role": "admin"})
    };
    let header = json!({
        "run_id": "019abcde-0000-7000-8000-000000000001", "format": RunHeader::FORMAT, "version": "0.1.0",
        "options": {"account": "acme", "include_roles": ["agent"]}, "started_at": at(0),
        "accounts": [account("acme", "zendesk"), account("crm", "zoho")],
    });
    serde_json::from_value(header).unwrap()
}

/// An entry of `kind`, made so many `seconds` after the run began, with these fields. All others that
/// it needs are filled up.
pub(crate) fn entry(kind: &str, seconds: i64, fields: Value) -> Entry {
    let row = fields["row"].as_u64().unwrap_or(0);
    let mut all = json!({
        "kind": kind, "at": at(seconds), "line": row + 1, "account": "acme", "action": "purge",
        "id": format!("90{row}"), "ref": "GDPR-7", "attempt": 1, "attempts": 1, "elapsed_ms": 230,
        "command": if kind == "verification" { "verify" } else { "resume" }, "version": "0.1.0",
        "rows": 3, "accounts": header().accounts[..1],
    });
    let Value::Object(fields) = fields else {
        panic!("no object");
    };
    all.as_object_mut().unwrap().extend(fields);
    serde_json::from_value(all).unwrap()
}

fn session(seconds: i64) -> Entry {
    entry("session", seconds, json!({}))
}

pub(crate) fn request(seconds: i64) -> Entry {
    let fields = json!({"what": "identity", "sent_at": at(seconds), "status": 200});
    entry("request", seconds + 1, fields)
}

pub(crate) fn intent(row: u64, step: Step, seconds: i64) -> Entry {
    entry("intent", seconds, json!({"row": row, "step": step}))
}

/// The intent of `row` in a request whose first row is `first`.
fn bulk_intent(row: u64, first: u64, seconds: i64) -> Entry {
    let fields = json!({"row": row, "step": "delete", "with": first});
    entry("intent", seconds, fields)
}

/// The answer to the request whose first row is `first`: a job, or nothing but `class`.
fn bulk(first: u64, answer: Result<&str, &str>, in_doubt: bool, seconds: i64) -> Entry {
    let (job, class) = (answer.ok(), answer.err());
    let fields =
        json!({"row": first, "step": "delete", "job": job, "class": class, "in_doubt": in_doubt});
    entry("job", seconds, fields)
}

fn attempt(row: u64, class: &str, in_doubt: bool, seconds: i64) -> Entry {
    let fields = json!({"row": row, "step": "delete", "class": class, "in_doubt": in_doubt});
    entry("attempt", seconds, fields)
}

fn step(row: u64, seconds: i64) -> Entry {
    let fields = json!({"row": row, "step": "delete", "outcome": "deleted"});
    entry("step", seconds, fields)
}

pub(crate) fn outcome(row: u64, outcome: Outcome, seconds: i64) -> Entry {
    entry("outcome", seconds, json!({"row": row, "outcome": outcome}))
}

/// The same for a reason.
pub(crate) fn bad(row: u64, how: Outcome, code: &str, message: &str, seconds: i64) -> Entry {
    let fields = json!({"row": row, "outcome": how, "code": code, "message": message});
    entry("outcome", seconds, fields)
}

pub(crate) fn pause(step: Option<Step>, seconds: i64, until: i64) -> Entry {
    let reason = "429 with Retry-After: 93";
    let fields = json!({"step": step, "until": at(until), "reason": reason});
    entry("pause", seconds, fields)
}

pub(crate) fn stop(reason: StopKind, seconds: i64) -> Entry {
    let message = "Couldn't authenticate you";
    let fields = json!({"reason": reason, "status": 401, "message": message});
    entry("stop", seconds, fields)
}

pub(crate) fn end(state: RunState, seconds: i64) -> Entry {
    let none = Outcome::ALL.map(|it| (it.name(), 0));
    let mut outcomes: std::collections::BTreeMap<_, _> = none.into();
    outcomes.insert("pending", 0);
    entry(
        "end",
        seconds,
        json!({"state": state, "outcomes": outcomes}),
    )
}

/// A block of rows to send.
pub(crate) fn plan(name: &str, action: Action, rows: &[u64]) -> Entry {
    let row = |row: &u64| {
        let id = format!("90{row}");
        json!({"row": row, "line": row + 1, "id": id, "again": row.is_multiple_of(3)})
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    let fields = json!({"account": name, "action": action, "rows": rows});
    entry("plan", 0, fields)
}

/// A block of rows that are not sent.
fn unsent(name: Option<&str>, outcome: Outcome, rows: &[u64]) -> Entry {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| json!({"row": row, "line": row + 1}))
        .collect();
    let fields = json!({"account": name, "action": name.map(|_| "purge"), "outcome": outcome,
        "code": "id_not_digits", "message": "the id is not a number", "rows": rows});
    entry("unsent", 0, fields)
}

/// The end of a plan of `rows` rows.
pub(crate) fn planned(rows: u64) -> Entry {
    let Entry::End(end) = end(RunState::Finished, 0) else {
        panic!("an end");
    };
    let input = json!({"path": "/data/users.csv", "size": 312, "sha256": "ab".repeat(32), "format": "csv",
        "delimiter": ","});
    let fields = json!({"rows": rows, "outcomes": end.outcomes, "input": input});
    entry("planned", 0, fields)
}

pub(crate) fn agreed(seconds: i64) -> Entry {
    let fields = json!({"user": "ada", "host": "desk", "how": "typed", "accounts": {}});
    entry("agreed", seconds, fields)
}

pub(crate) fn verification(rows: u64, seconds: i64) -> Entry {
    entry(
        "verification",
        seconds,
        json!({"rows": rows, "good_rows": 3}),
    )
}

pub(crate) fn verified(row: u64, finding: Finding, seconds: i64) -> Entry {
    let fields = match finding {
        Finding::AsAsked => json!({"row": row, "finding": finding, "seen": "gone"}),
        Finding::Standing => json!({"row": row, "finding": finding, "seen": "present"}),
        Finding::UnderWay => json!({"row": row, "finding": finding, "seen": "erasing"}),
        Finding::Unknown => json!({"row": row, "finding": finding, "status": 500,
            "code": "server_error", "message": "Something went wrong"}),
    };
    entry("verify", seconds, fields)
}

/// A plan of rows 1 to `rows`, then `entries`.
pub(crate) fn after_plan(rows: u64, entries: &[Entry]) -> Vec<Entry> {
    let all: Vec<u64> = (1..=rows).collect();
    let plan = [plan("acme", Action::Purge, &all), planned(rows)];
    plan.iter().chain(entries).cloned().collect()
}

/// The state that `entries` after a header come to.
fn state_of(header: RunHeader, entries: &[Entry]) -> LedgerState {
    let mut state = LedgerState::new(header);
    let nowhere = Link {
        line: 0,
        byte: 0,
        previous: LedgerHead::GENESIS,
        head: LedgerHead::GENESIS,
    };
    for entry in entries {
        state.apply(&nowhere, entry);
    }
    state
}

/// The state after a plan of rows 1 to `rows` and `entries`.
fn state(rows: u64, entries: &[Entry]) -> LedgerState {
    state_of(header(), &after_plan(rows, entries))
}

/// The bytes of a ledger that holds `entries` after a header.
pub(crate) fn bytes_of(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut head = LedgerHead::GENESIS;
    for entry in std::iter::once(&Entry::Run(Box::new(header()))).chain(entries) {
        head = ledger::seal(head, &serde_json::to_vec(entry).unwrap(), &mut bytes);
    }
    bytes
}

/// The line of `entry` behind one whose chain is `previous`, and its own chain.
fn line_of(previous: LedgerHead, entry: &Entry) -> (Vec<u8>, LedgerHead) {
    let mut line = Vec::new();
    let head = ledger::seal(previous, &serde_json::to_vec(entry).unwrap(), &mut line);
    (line, head)
}

/// The lines of such a ledger, each with its line feed.
fn lines_of(entries: &[Entry]) -> Vec<Vec<u8>> {
    let bytes = bytes_of(entries);
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(<[u8]>::to_vec).collect()
}

/// A folder of the test's own, and where a ledger may lie in it.
fn fresh() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger.jsonl");
    (folder, path)
}

/// Makes a file of `bytes`.
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    let mut file = fs::File::create(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// A ledger that holds `entries` after a header.
fn written(entries: &[Entry]) -> (TempDir, PathBuf) {
    let (folder, path) = fresh();
    put(&path, &bytes_of(entries));
    (folder, path)
}

/// All entries of a ledger that is whole, but for the header.
fn read_all(path: &Path) -> Vec<Entry> {
    let mut reader = LedgerReader::open(path).unwrap();
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        entries.push(entry);
    }
    assert_eq!(reader.torn(), None);
    entries
}

/// A failing case goes into a test of its own, not into a file at the top level.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
