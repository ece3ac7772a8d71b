//! A line for an account when something changed, now and then, and one at the end: plain, or JSON.

use std::io::Write;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::line::AccountLine;
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
    /// For each account, when its last line was written and what makes another one worth writing.
    pub(super) said: Vec<Option<(Time, String)>>,
    /// For each account, why it waited when a line last said so.
    pub(super) reasons: Vec<Option<String>>,
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
    fn says(&self, line: &AccountLine<'_>) -> String {
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
    fn write(&mut self, line: &AccountLine<'_>) {
        let text = if self.is_json {
            // Nothing in it cannot be JSON.
            serde_json::to_string(line).unwrap_or_default()
        } else {
            line.text(&self.zone)
        };
        let _ = self.writer.write_all(format!("{text}\n").as_bytes());
    }
}
