//! A plain line for an account when something changed, now and then, and one at the end.

use std::io::Write;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::state::{AccountState, State};
use super::text::line;
use crate::domain::Time;

/// The least time between two lines of one account.
const EVERY: Duration = Duration::from_secs(10);

/// Writes plain lines.
pub(super) struct Plain {
    writer: Box<dyn Write + Send>,
    /// For each account, when its last line was written, and what it said.
    last: Vec<Option<(Time, Said)>>,
    /// For each account, why it waited when its last line about a wait was written.
    reasons: Vec<Option<String>>,
    zone: TimeZone,
}

/// What makes a new line worth writing: rows that ended, those that ended badly, why it is paused,
/// whether it was stopped.
type Said = (u64, u64, Option<String>, bool);

impl Plain {
    pub(super) fn new(writer: Box<dyn Write + Send>, accounts: usize, zone: TimeZone) -> Self {
        Self {
            writer,
            last: vec![None; accounts],
            reasons: vec![None; accounts],
            zone,
        }
    }

    pub(super) fn tick(&mut self, state: &State, now: Time) {
        let accounts = state.accounts.iter().zip(&mut self.last);
        for ((account, last), reason) in accounts.zip(&mut self.reasons) {
            let says = said(account, now);
            let due = match last {
                // At the start there is nothing to tell.
                None => account.done() > 0 || says.2.is_some() || says.3,
                Some((at, said)) => *said != says && now.saturating_since(*at) >= EVERY,
            };
            // Why it waits is told at once: the wait may be over before the next line.
            let is_news = says.2.is_some() && says.2 != *reason;
            if due || is_news {
                if says.2.is_some() {
                    reason.clone_from(&says.2);
                }
                *last = Some((now, says));
                write(&mut *self.writer, &line(account, now, &self.zone));
            }
        }
    }

    pub(super) fn finish(&mut self, state: &State, now: Time) {
        for account in &state.accounts {
            write(&mut *self.writer, &line(account, now, &self.zone));
        }
    }
}

fn said(account: &AccountState, now: Time) -> Said {
    // A pause that is renewed for the same reason is no news.
    let reason = account.paused(now).map(|pause| pause.reason.clone());
    (
        account.done(),
        account.bad(),
        reason,
        account.stopped.is_some(),
    )
}

/// A line that cannot be written is lost, and the run goes on.
fn write(writer: &mut dyn Write, line: &str) {
    let _ = writeln!(writer, "{line}");
}
