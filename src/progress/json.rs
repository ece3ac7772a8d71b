//! One JSON object a line, for whoever wraps this program.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use super::state::{AccountState, State};
use crate::domain::{StopKind, Time};

/// The least time between two lines of one account.
const EVERY: Duration = Duration::from_secs(1);

/// Writes JSON lines.
pub(super) struct Json {
    writer: Box<dyn Write + Send>,
    /// For each account, when its last line was written, and its counts then.
    last: Vec<Option<(Time, Said)>>,
}

/// What makes a new line worth writing.
type Said = (u64, u64, u64, Option<Time>, bool);

/// One line. Fields are added, never renamed.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    at: Time,
    account: &'a str,
    /// `running`, `paused`, `stopped` or `ended`.
    state: &'static str,
    rows: u64,
    done: u64,
    good: u64,
    bad: u64,
    requests: u64,
    throttled: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_per_minute: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_until: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_reason: Option<StopKind>,
}

impl Json {
    pub(super) fn new(writer: Box<dyn Write + Send>, accounts: usize) -> Self {
        Self {
            writer,
            last: vec![None; accounts],
        }
    }

    pub(super) fn tick(&mut self, state: &State, now: Time) {
        for (account, last) in state.accounts.iter().zip(&mut self.last) {
            let says = said(account, now);
            let due =
                last.is_none_or(|(at, said)| said != says && now.saturating_since(at) >= EVERY);
            if due {
                *last = Some((now, says));
                write(&mut *self.writer, &line(account, now, false));
            }
        }
    }

    pub(super) fn finish(&mut self, state: &State, now: Time) {
        for account in &state.accounts {
            write(&mut *self.writer, &line(account, now, true));
        }
    }
}

fn said(account: &AccountState, now: Time) -> Said {
    let until = account.paused(now).map(|pause| pause.until);
    let stopped = account.stopped.is_some();
    (
        account.done(),
        account.bad(),
        account.throttled,
        until,
        stopped,
    )
}

fn line(account: &AccountState, now: Time, last: bool) -> Line<'_> {
    let pause = account.paused(now);
    Line {
        kind: "progress",
        at: now,
        account: account.plan.name.as_str(),
        state: match (account.stopped, last, pause) {
            (Some(_), _, _) => "stopped",
            (None, true, _) => "ended",
            (None, false, Some(_)) => "paused",
            (None, false, None) => "running",
        },
        rows: account.rows(),
        done: account.done(),
        good: account.good(),
        bad: account.bad(),
        requests: account.requests,
        throttled: account.throttled,
        rows_per_minute: account
            .per_minute(now)
            .map(|pace| (pace * 10.0).round() / 10.0),
        seconds_left: account.left(now).map(|left| left.as_secs()),
        ends_at: account.left(now).map(|left| now.after(left)),
        paused_until: pause.map(|pause| pause.until),
        pause_reason: pause.map(|pause| pause.reason.as_str()),
        stop_reason: account.stopped,
    }
}

/// A line that cannot be written is lost, and the run goes on.
fn write(writer: &mut dyn Write, line: &Line<'_>) {
    if let Ok(mut text) = serde_json::to_string(line) {
        text.push('\n');
        let _ = writer.write_all(text.as_bytes());
    }
}
