//! Where one account stands at an instant: all that is printed of it. A line for an account is written
//! when something changed, now and then, and one at the end: plain, or JSON.

use std::io::Write;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::state::{AccountState, State};
use crate::domain::{Quota, StopKind, Sums, Time};
use crate::words::{clock, count, grouped, one_line, short_duration};

/// The least time between two lines of one account for people.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// The least time between two lines of one account for whoever wraps this program.
const JSON_EVERY: Duration = Duration::from_secs(1);

/// Writes lines.
pub(super) struct Lines {
    pub(super) writer: Box<dyn Write + Send>,
    pub(super) is_json: bool,
    /// For each account, when its last line was written and what makes another one worth writing.
    pub(super) said: Vec<Option<(Time, String)>>,
    /// For each account, why it waited when a line last said so.
    pub(super) reasons: Vec<Option<String>>,
}

impl Lines {
    pub(super) fn tick(&mut self, state: &State, now: Time) {
        let is_json = self.is_json;
        let every = [PLAIN_EVERY, JSON_EVERY][usize::from(is_json)];
        for (index, line) in state.lines(now).enumerate() {
            let says = self.says(&line);
            let is_due = match &self.said[index] {
                // For people there is nothing to tell at the start.
                None => is_json || line.done > 0 || line.state != "running",
                Some((at, said)) => *said != says && now.saturating_since(*at) >= every,
            };
            // People are told at once why it waits: the wait may be over before the next line.
            let reason = line.pause_reason.filter(|_| !is_json);
            if is_due || (reason.is_some() && reason != self.reasons[index].as_deref()) {
                if let Some(reason) = reason {
                    self.reasons[index] = Some(reason.to_owned());
                }
                self.said[index] = Some((now, says));
                self.write(&line, &state.zone);
            }
        }
    }

    pub(super) fn finish(&mut self, state: &State, now: Time) {
        for line in state.lines(now) {
            self.write(&line, &state.zone);
        }
    }

    /// The text that makes a new line worth writing. To people a pause that is renewed for the same
    /// reason is no news.
    fn says(&self, line: &AccountLine<'_>) -> String {
        let (done, bad, stop) = (line.done, line.ended.bad, line.stop_reason);
        if self.is_json {
            format!(
                "{done} {bad} {stop:?} {:?} {}",
                line.paused_until, line.throttled
            )
        } else {
            format!("{done} {bad} {stop:?} {:?}", line.pause_reason)
        }
    }

    /// A line that cannot be written is lost, and the run goes on.
    fn write(&mut self, line: &AccountLine<'_>, zone: &TimeZone) {
        let text = if self.is_json {
            // Nothing in it cannot be JSON.
            serde_json::to_string(line).unwrap_or_default()
        } else {
            line.text(zone)
        };
        let _ = self.writer.write_all(format!("{text}\n").as_bytes());
    }
}

/// Where an account stands. Serialised it is a line of `--progress json`; fields are added, never
/// renamed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct AccountLine<'a> {
    kind: &'static str,
    at: Time,
    pub(super) account: &'a str,
    /// `running`, `paused`, `stopping`, `stopped` or `ended`.
    pub(super) state: &'static str,
    pub(super) rows: u64,
    pub(super) done: u64,
    /// The outcomes of the rows that ended in this session.
    #[serde(flatten)]
    pub(super) ended: Sums,
    requests: u64,
    pub(super) throttled: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_per_minute: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) paused_until: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pause_reason: Option<&'a str>,
    /// Until when the quota itself is waited for, and which one that is, e.g. `700/10m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_until: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<Quota>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_reason: Option<StopKind>,
    /// How many rows are not done, also of those that ended before. Left out of the JSON; so below.
    #[serde(skip)]
    pub(super) not_done: u64,
    /// How many rows of a purge are soft-deleted, and have not ended.
    #[serde(skip)]
    pub(super) soft_deleted: u64,
    /// How many rows of the canary ended, and of how many.
    #[serde(skip)]
    canary: Option<(u64, u64)>,
    /// How long the rows that are left take; `None`: none are going to be sent, or it is not known.
    #[serde(skip)]
    left: Option<Duration>,
}

impl<'a> AccountLine<'a> {
    /// The line of `account` at `now`.
    pub(super) fn of(account: &'a AccountState, now: Time) -> Self {
        let pause = account.paused(now);
        let left = account.time_left(now);
        let pace = account.per_minute(now);
        let waits = account.waits(now);
        Self {
            kind: "progress",
            at: now,
            account: account.plan.name.as_str(),
            state: match (account.stopped, account.over, pause) {
                (Some(_), _, _) => "stopped",
                (None, Some(over), _) => over,
                (None, None, Some(_)) => "paused",
                (None, None, None) => "running",
            },
            rows: account.plan.ended + account.rows(),
            done: account.plan.ended + account.done(),
            ended: account.ended,
            requests: account.requests,
            throttled: account.throttled,
            rows_per_minute: pace.map(|pace| (pace * 10.0).round() / 10.0),
            seconds_left: left.map(|left| left.as_secs()),
            ends_at: left.map(|left| now.after(left)),
            paused_until: pause.map(|pause| pause.until),
            pause_reason: pause.map(|pause| pause.reason.as_str()),
            waits_until: waits.map(|(_, until)| until),
            waits_for: waits.map(|(limit, _)| limit.quota),
            stop_reason: account.stopped,
            not_done: account.plan.bad + account.ended.bad,
            soft_deleted: account.halves.min(account.rows() - account.done()),
            canary: account.canary(),
            left,
        }
    }

    /// The account's activity, in full, then shorter and shorter: `62/min, 1h 12m left`, `waits 7m
    /// 12s: quota 700/10m, 41m left`, `paused 1m 33s: 429 …`, `stopping`, `stopped: …`. Empty: all rows ended.
    pub(super) fn doing(&self) -> [String; 3] {
        if let Some(stop) = self.stop_reason {
            return [(); 3].map(|()| format!("stopped: {}", stop.describe()));
        }
        if self.state == "stopping" && self.done < self.rows {
            return [(); 3].map(|()| self.state.to_owned());
        }
        let pause = self.paused_until.zip(self.pause_reason);
        if let Some((until, reason)) = pause.filter(|_| self.state == "paused") {
            let wait = short_duration(until.saturating_since(self.at));
            return [(); 3].map(|()| format!("paused {wait}: {}", one_line(reason)));
        }
        let canary = self
            .canary
            .map(|(done, rows)| format!("canary {} of {}", grouped(done), grouped(rows)));
        let pace = self.rows_per_minute.map(whole).filter(|pace| *pace > 0);
        let pace = pace.map(|pace| format!("{}/min", grouped(pace)));
        let left = self
            .left
            .map(|left| format!("{} left", short_duration(left)));
        let waits = self.waits_until.zip(self.waits_for).map(|(until, quota)| {
            let wait = short_duration(until.saturating_since(self.at));
            format!("waits {wait}: quota {quota}")
        });
        let pace = waits.clone().or(pace);
        let full = [&canary, &pace, &left].into_iter().flatten();
        [
            full.cloned().collect::<Vec<_>>().join(", "),
            canary.clone().or(waits).or(left).unwrap_or_default(),
            canary.unwrap_or_default(),
        ]
    }

    /// The line for a log: `acme: 55 of 1,200 rows, 0 not done, 300/min, 3m 49s left, ends 09:47`.
    pub(super) fn text(&self, zone: &TimeZone) -> String {
        let [mut rest, ..] = self.doing();
        if !rest.is_empty() {
            rest.insert_str(0, ", ");
        }
        if let Some(end) = self.ends_at {
            rest = format!("{rest}, ends {}", clock(end, self.at, zone));
        }
        format!(
            "{}: {} of {}, {} not done{rest}",
            self.account,
            grouped(self.done),
            count(self.rows, "row"),
            grouped(self.not_done),
        )
    }
}

/// A pace without its decimals.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a pace is never negative, and the cast saturates"
)]
fn whole(pace: f64) -> u64 {
    pace.round() as u64
}
