//! Progress: what lines say while a run goes on, and how long is left.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use serde_json::json;

use crate::ledger::{self, entry};
use userpurge::domain::{AccountName, AccountPlan, Entry, Outcome, Time};
use userpurge::progress::{Mode, Progress};

/// So many seconds after 09:43:20.
fn at(seconds: i64) -> Time {
    ledger::at(800 + seconds)
}

fn plan(name: &str, rows: u64, seconds: u64) -> AccountPlan {
    let mut plan = AccountPlan::untimed(AccountName::new(name), rows);
    plan.at_limit_ms = seconds * 1_000;
    plan
}

fn outcome(name: &str, second: i64, outcome: Outcome) -> Entry {
    let fields = json!({"row": 1, "account": name, "outcome": outcome});
    entry("outcome", 800 + second, fields)
}

fn pause(name: &str, step: Option<&str>, until: i64) -> Entry {
    let reason = "429 with Retry-After: 93";
    let fields = json!({"account": name, "step": step, "until": at(until), "reason": reason});
    entry("pause", 800, fields)
}

fn stop(name: &str) -> Entry {
    let fields = json!({"account": name, "reason": "failure_limit"});
    entry("stop", 800, fields)
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a run of four minutes shows: rows at a steady pace, a pause, a lane that stops.
fn shown(mode: Mode) -> String {
    let lines = Lines::default();
    let accounts = vec![plan("acme", 1200, 240), plan("crm", 40, 20)];
    let mut progress = Progress::start_on(mode, accounts, TimeZone::UTC, Box::new(lines.clone()));
    progress.tick(at(0));
    for second in 1..=40 {
        for row in 0..5 {
            let is_refused = row == 0 && second % 20 == 0;
            let end = if is_refused {
                Outcome::Refused
            } else {
                Outcome::Deleted
            };
            progress.see(&outcome("acme", second, end));
        }
        if second == 12 {
            progress.see(&pause("crm", None, 30));
        }
        if second == 35 {
            progress.see(&outcome("crm", second, Outcome::NotFound));
            progress.see(&stop("crm"));
        }
        progress.tick(at(second));
    }
    progress.finish(at(41));
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn plain_lines_come_when_something_changed_and_at_most_every_ten_seconds() {
    insta::assert_snapshot!(shown(Mode::Plain), @r#"
    acme: 5 of 1,200 rows, 0 not done, 3m 59s left, ends 09:47
    acme: 55 of 1,200 rows, 0 not done, 300/min, 3m 49s left, ends 09:47
    crm: 0 of 40 rows, 0 not done, paused 18s: 429 with Retry-After: 93, ends 09:43
    acme: 105 of 1,200 rows, 1 not done, 300/min, 3m 39s left, ends 09:47
    crm: 0 of 40 rows, 0 not done, 20s left, ends 09:44
    acme: 155 of 1,200 rows, 1 not done, 300/min, 3m 29s left, ends 09:47
    crm: 1 of 40 rows, 1 not done, stopped: too many rows failed or were refused
    acme: 200 of 1,200 rows, 2 not done, 293/min
    crm: 1 of 40 rows, 1 not done, stopped: too many rows failed or were refused
    "#);
}

#[test]
fn json_lines_come_at_most_every_second_and_each_is_an_object() {
    let shown = shown(Mode::Json);
    let crm: Vec<_> = shown
        .lines()
        .filter(|line| line.contains("\"crm\""))
        .collect();
    assert_eq!((crm.len(), shown.lines().count()), (5, 47));
    insta::assert_snapshot!([crm[1], crm[4]].join("\n"), @r#"
    {"kind":"progress","at":"2026-11-22T09:43:32.000Z","account":"crm","state":"paused","rows":40,"done":0,"good":0,"bad":0,"skipped":0,"requests":0,"throttled":0,"seconds_left":20,"ends_at":"2026-11-22T09:43:52.000Z","paused_until":"2026-11-22T09:43:50.000Z","pause_reason":"429 with Retry-After: 93"}
    {"kind":"progress","at":"2026-11-22T09:44:01.000Z","account":"crm","state":"stopped","rows":40,"done":1,"good":0,"bad":1,"skipped":0,"requests":0,"throttled":0,"rows_per_minute":0.0,"stop_reason":"failure_limit"}
    "#);
}

#[test]
fn an_account_that_waits_says_that_it_stops_and_at_the_end_no_time() {
    let mut progress = quiet(vec![plan("acme", 1200, 240), plan("crm", 40, 20)]);
    progress.see(&outcome("acme", 1, Outcome::Deleted));
    progress.see(&pause("crm", None, 30));
    progress.stop();
    let mut told = progress.status_lines(at(2));
    progress.finish(at(3));
    told.extend(progress.status_lines(at(3)));
    insta::assert_snapshot!(told.join("\n"), @r#"
    acme: 1 of 1,200 rows, 0 not done, stopping
    crm: 0 of 40 rows, 0 not done, stopping
    acme: 1 of 1,200 rows, 0 not done
    crm: 0 of 40 rows, 0 not done
    "#);
}

fn quiet(accounts: Vec<AccountPlan>) -> Progress {
    Progress::start_on(Mode::None, accounts, TimeZone::UTC, Box::new(io::sink()))
}

#[test]
fn every_row_that_ends_in_its_account_is_counted() {
    let mut progress = quiet(vec![plan("acme", 10, 60), plan("crm", 1, 1000)]);
    for end in Outcome::ALL {
        progress.see(&outcome("acme", 0, end));
        progress.see(&outcome("nobody", 0, end));
    }
    for finding in ["as_asked", "under_way", "standing", "unknown"] {
        let fields = json!({"row": 9, "account": "crm", "finding": finding});
        progress.see(&entry("verify", 800, fields));
    }
    let expected = [
        "acme: 12 of 12 rows, 6 not done",
        "crm: 4 of 4 rows, 2 not done",
    ];
    assert_eq!(progress.status_lines(at(0)), expected);
}

#[test]
fn the_time_left_is_the_longest_of_limits_pace_and_pause() {
    let mut progress = quiet(vec![plan("acme", 100, 1000)]);
    let mut told = Vec::new();
    told.extend(progress.status_lines(at(0)));
    // Half is done within ten seconds: the limits say more than the pace.
    (0..50).for_each(|row| progress.see(&outcome("acme", row / 5, Outcome::Deleted)));
    told.extend(progress.status_lines(at(10)));
    // One follows within a minute and a half: the pace says more.
    progress.see(&outcome("acme", 60, Outcome::Deleted));
    told.extend(progress.status_lines(at(100)));
    // Of two pauses the later instant counts, until it is over.
    for (step, until) in [(None, 100_000), (None, 20), (Some("delete"), 30)] {
        progress.see(&pause("acme", step, until));
    }
    told.extend(progress.status_lines(at(100)));
    progress.see(&stop("acme"));
    told.extend(progress.status_lines(at(101)));
    insta::assert_snapshot!(told.join("\n"), @r#"
    acme: 0 of 100 rows, 0 not done, 16m 40s left, ends 10:00
    acme: 50 of 100 rows, 0 not done, 270/min, 8m 20s left, ends 09:51
    acme: 51 of 100 rows, 0 not done, 1/min, 1h 14m left, ends 10:59
    acme: 51 of 100 rows, 0 not done, paused 1d 03h: 429 with Retry-After: 93, ends Mon 13:30
    acme: 51 of 100 rows, 0 not done, stopped: too many rows failed or were refused
    "#);
}

/// What was sent before this session comes free one after another, not all with the first.
#[test]
fn slots_that_are_taken_already_are_waited_for_one_by_one() {
    for (all_free_at, left) in [(json!(at(60)), "1m 00s"), (json!(null), "10s")] {
        let limit = json!({"quota": "60/1m", "requests": 60, "taken": 60, "frees_at": at(10), "all_free_at": all_free_at});
        let limits = vec![serde_json::from_value(limit).unwrap()];
        let progress = quiet(vec![AccountPlan {
            limits,
            ..plan("acme", 60, 0)
        }]);
        let told = progress.status_lines(at(0)).join("\n");
        assert!(told.contains(&format!("{left} left")), "{told}");
    }
}
