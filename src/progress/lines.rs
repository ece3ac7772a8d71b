//! A line for an account when something changed, now and then, and one at the end: plain, or JSON.

use std::io::Write;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::line::Line;
use super::state::State;
use crate::domain::Time;

/// The least time between two lines of one account for people.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// The least time between two lines of one account for whoever wraps this program.
const JSON_EVERY: Duration = Duration::from_secs(1);

/// Writes lines.
pub(super) struct Lines {
    pub(super) writer: Box<dyn Write + Send>,
    pub(super) is_json: bool,
    pub(super) zone: TimeZone,
    /// For each account, its last line.
    pub(super) last: Vec<Last>,
}

/// The last line of an account.
#[derive(Debug, Clone, Default)]
pub(super) struct Last {
    /// When it was written, and what makes another one worth writing.
    said: Option<(Time, String)>,
    /// Why the account waited when a line last said so.
    reason: Option<String>,
}

impl Lines {
    pub(super) fn tick(&mut self, state: &State, now: Time) {
        let (is_json, every) = if self.is_json {
            (true, JSON_EVERY)
        } else {
            (false, PLAIN_EVERY)
        };
        for (index, line) in state.lines(now, false).enumerate() {
            let says = self.says(&line);
            let last = &mut self.last[index];
            let is_due = match &last.said {
                // For people there is nothing to tell at the start.
                None => is_json || line.done > 0 || line.state != "running",
                Some((at, said)) => *said != says && now.saturating_since(*at) >= every,
            };
            // People are told at once why it waits: the wait may be over before the next line.
            let reason = line.pause_reason.filter(|_| !is_json);
            if is_due || (reason.is_some() && reason != last.reason.as_deref()) {
                if let Some(reason) = reason {
                    last.reason = Some(reason.to_owned());
                }
                last.said = Some((now, says));
                self.write(&line);
            }
        }
    }

    pub(super) fn finish(&mut self, state: &State, now: Time) {
        for line in state.lines(now, true) {
            self.write(&line);
        }
    }

    /// What makes a new line worth writing. To people a pause that is renewed for the same reason is
    /// no news.
    fn says(&self, line: &Line<'_>) -> String {
        let (done, bad, stop) = (line.done, line.bad, line.stop_reason);
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
    fn write(&mut self, line: &Line<'_>) {
        let text = if self.is_json {
            // Nothing in it cannot be JSON.
            serde_json::to_string(line).unwrap_or_default()
        } else {
            line.text(&self.zone)
        };
        let _ = self.writer.write_all(format!("{text}\n").as_bytes());
    }
}
