//! Where one account stands at an instant: all that any renderer prints, computed in one place.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::state::AccountState;
use crate::domain::{StopKind, Time};
use crate::words::{clock, grouped, one_line, short_duration};

/// Where an account stands. Serialised it is a line of `--progress json`; fields are added, never
/// renamed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct AccountLine<'a> {
    kind: &'static str,
    at: Time,
    pub(super) account: &'a str,
    /// `running`, `paused`, `stopped` or `ended`.
    pub(super) state: &'static str,
    pub(super) rows: u64,
    pub(super) done: u64,
    good: u64,
    pub(super) bad: u64,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_reason: Option<StopKind>,
    /// How many rows of the canary ended, and of how many. Left out of the JSON; so below.
    #[serde(skip)]
    canary: Option<(u64, u64)>,
    /// How long the rows that are left take.
    #[serde(skip)]
    left: Option<Duration>,
}

impl<'a> AccountLine<'a> {
    /// The line of `account` at `now`. `over`: the session has ended.
    pub(super) fn of(account: &'a AccountState, now: Time, over: bool) -> Self {
        let pause = account.paused(now);
        let left = account.left(now);
        let pace = account.per_minute(now);
        Self {
            kind: "progress",
            at: now,
            account: account.plan.name.as_str(),
            state: match (account.stopped, over, pause) {
                (Some(_), _, _) => "stopped",
                (None, true, _) => "ended",
                (None, false, Some(_)) => "paused",
                (None, false, None) => "running",
            },
            rows: account.rows(),
            done: account.done(),
            good: account.good,
            bad: account.bad,
            requests: account.requests,
            throttled: account.throttled,
            rows_per_minute: pace.map(|pace| (pace * 10.0).round() / 10.0),
            seconds_left: left.map(|left| left.as_secs()),
            ends_at: left.map(|left| now.after(left)),
            paused_until: pause.map(|pause| pause.until),
            pause_reason: pause.map(|pause| pause.reason.as_str()),
            stop_reason: account.stopped,
            canary: account.canary(),
            left,
        }
    }

    /// What the account is doing, in full, then shorter and shorter: `62/min, 1h 12m left`,
    /// `paused 1m 33s: 429 …`, `stopped: …`. Empty: all rows ended.
    pub(super) fn doing(&self) -> [String; 3] {
        if let Some(stop) = self.stop_reason {
            return [(); 3].map(|()| format!("stopped: {}", stop.describe()));
        }
        if let (Some(until), Some(reason)) = (self.paused_until, self.pause_reason) {
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
        let full = [&canary, &pace, &left].into_iter().flatten();
        [
            full.cloned().collect::<Vec<_>>().join(", "),
            canary.clone().or(left).unwrap_or_default(),
            canary.unwrap_or_default(),
        ]
    }

    /// The line for a log: `acme: 55 of 1,200 rows, 0 bad, 300/min, 3m 49s left, ends 09:47`.
    pub(super) fn text(&self, zone: &TimeZone) -> String {
        let [mut rest, ..] = self.doing();
        if !rest.is_empty() {
            rest.insert_str(0, ", ");
        }
        if let Some(end) = self.ends_at {
            rest = format!("{rest}, ends {}", clock(end, self.at, zone));
        }
        format!(
            "{}: {} of {} rows, {} bad{rest}",
            self.account,
            grouped(self.done),
            grouped(self.rows),
            grouped(self.bad),
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
