//! Numbers, times and reasons, as short texts.

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::state::AccountState;
use crate::domain::Time;
use crate::words::{clock, grouped, one_line, short_duration};

/// What an account is doing, as a text: `62/min, 1h 12m left`, `paused 1m 33s: 429 …`,
/// `stopped: …`. Empty: all rows ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doing {
    /// It waits, for so long and for that reason.
    Paused(Duration, String),
    /// It stopped.
    Stopped(&'static str),
    /// It works. Canary, pace and time left, as far as they are known.
    Working {
        canary: Option<String>,
        pace: Option<String>,
        left: Option<String>,
    },
}

impl Doing {
    pub(super) fn of(account: &AccountState, now: Time) -> Self {
        if let Some(stop) = account.stopped {
            return Self::Stopped(stop.told());
        }
        if let Some(pause) = account.paused(now) {
            return Self::Paused(pause.until.saturating_since(now), one_line(&pause.reason));
        }
        let pace = account.per_minute(now).map(whole).filter(|pace| *pace > 0);
        let canary = account.canary();
        Self::Working {
            canary: canary
                .map(|(done, rows)| format!("canary {} of {}", grouped(done), grouped(rows))),
            pace: pace.map(|pace| format!("{}/min", grouped(pace))),
            left: account
                .left(now)
                .map(|left| format!("{} left", short_duration(left))),
        }
    }

    /// The same in full, without what can be done without, and without what is told elsewhere too.
    pub(super) fn by_length(&self) -> [String; 3] {
        let full = self.to_string();
        match self {
            Self::Paused(..) | Self::Stopped(_) => [full.clone(), full.clone(), full],
            Self::Working { canary, left, .. } => {
                let needed = canary.clone().unwrap_or_default();
                let short = canary.as_ref().or(left.as_ref()).cloned();
                [full, short.unwrap_or_default(), needed]
            }
        }
    }

    /// The colour that goes with it; the words say the same.
    pub(super) const fn colour(&self) -> &'static str {
        match self {
            Self::Paused(..) => "yellow",
            Self::Stopped(_) => "red",
            Self::Working { .. } => "",
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused(wait, reason) => write!(f, "paused {}: {reason}", short_duration(*wait)),
            Self::Stopped(reason) => write!(f, "stopped: {reason}"),
            Self::Working { canary, pace, left } => {
                let parts = [canary, pace, left].into_iter().flatten();
                f.write_str(&parts.cloned().collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Where an account stands, on a line of its own: `acme: 55 of 1,200 rows, 0 bad, 300/min, 3m 49s
/// left, ends 09:47`.
pub(super) fn line(account: &AccountState, now: Time, zone: &TimeZone) -> String {
    let doing = Doing::of(account, now).to_string();
    let end = account.left(now).map(|left| {
        let end = clock(now.after(left), now, zone);
        format!("ends {end}")
    });
    let parts = [Some(doing).filter(|doing| !doing.is_empty()), end];
    let parts = parts.into_iter().flatten();
    let rest = parts.fold(String::new(), |rest, part| format!("{rest}, {part}"));
    format!(
        "{}: {} of {} rows, {} bad{rest}",
        account.plan.name,
        grouped(account.done()),
        grouped(account.rows()),
        grouped(account.bad()),
    )
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
