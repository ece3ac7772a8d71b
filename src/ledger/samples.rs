//! Entries for unit tests, from the fields that a test is about; all others are filled up.

use serde_json::{Value, json};

use super::chain::LedgerHead;
use super::{LedgerState, Link};
use crate::domain::{AccountName, Entry, RunHeader, Time};

/// A time `seconds` after 2026-11-22T09:30:00Z.
pub(crate) fn at(seconds: i64) -> Time {
    Time::from_millis(1_795_339_800_000 + seconds * 1_000)
}

pub(crate) fn account(name: &str) -> AccountName {
    AccountName::new(name)
}

/// The header of a run at `acme`.
pub(crate) fn header() -> RunHeader {
    let header = json!({
        "run_id": "019abcde-0000-7000-8000-000000000001", "format": RunHeader::FORMAT, "version": "0.1.0",
        "options": {}, "started_at": at(0),
        "accounts": [{"name": "acme", "provider": "zendesk", "tenant": "acme.example", "caller": "4711"}],
    });
    serde_json::from_value(header).unwrap()
}

/// An entry of `kind`, made so many `seconds` after the run began.
pub(crate) fn entry(kind: &str, seconds: i64, fields: Value) -> Entry {
    let row = fields["row"].as_u64().unwrap_or(0);
    let mut all = json!({
        "kind": kind, "at": at(seconds), "line": row + 1, "account": "acme", "action": "purge",
        "id": format!("90{row}"), "ref": "GDPR-7", "outcome": "deleted", "attempts": 1, "elapsed_ms": 230,
        "command": "resume", "version": "0.1.0", "rows": 3, "accounts": header().accounts,
    });
    let Value::Object(fields) = fields else {
        panic!("no object");
    };
    all.as_object_mut().unwrap().extend(fields);
    serde_json::from_value(all).unwrap()
}

/// A pause of the whole account, or of a step's limit.
pub(crate) fn pause(step: Option<&str>, seconds: i64, until: i64) -> Entry {
    let reason = "429 with Retry-After: 93";
    let fields = json!({"step": step, "until": at(until), "reason": reason});
    entry("pause", seconds, fields)
}

/// The state after `entries`.
pub(crate) fn state(header: RunHeader, entries: &[Entry]) -> LedgerState {
    let mut state = LedgerState::new(header);
    for entry in entries {
        let link = Link {
            line: 0,
            byte: 0,
            previous: LedgerHead::GENESIS,
            head: LedgerHead::GENESIS,
        };
        state.apply(&link, entry);
    }
    state
}
