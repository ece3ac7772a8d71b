//! A line for an account when something changed, now and then, and one at the end: plain, or JSON.

use std::io::Write;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::line::Line;
use super::state::State;
use crate::domain::Time;

/// Writes lines.
pub(super) struct Lines {
    writer: Box<dyn Write + Send>,
    form: Form,
    zone: TimeZone,
    /// For each account, its last line.
    last: Vec<Last>,
}

/// What the lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people; at most every ten seconds.
    Plain,
    /// For whoever wraps this program; at most every second.
    Json,
}

impl Form {
    /// The least time between two lines of one account.
    const fn every(self) -> Duration {
        match self {
            Self::Plain => Duration::from_secs(10),
            Self::Json => Duration::from_secs(1),
        }
    }
}

/// The last line of an account.
#[derive(Debug, Clone, Default)]
struct Last {
    /// When it was written, and what makes another one worth writing.
    said: Option<(Time, String)>,
    /// Why the account waited when a line last said so.
    reason: Option<String>,
}

impl Lines {
    pub(super) fn new(
        writer: Box<dyn Write + Send>,
        form: Form,
        accounts: usize,
        zone: TimeZone,
    ) -> Self {
        Self {
            writer,
            form,
            zone,
            last: vec![Last::default(); accounts],
        }
    }

    pub(super) fn tick(&mut self, state: &State, now: Time) {
        for (index, line) in state.lines(now, false).enumerate() {
            let says = says(&line, self.form);
            let last = &mut self.last[index];
            let is_due = match &last.said {
                // For people there is nothing to tell at the start.
                None => self.form == Form::Json || line.done > 0 || line.state != "running",
                Some((at, said)) => *said != says && now.saturating_since(*at) >= self.form.every(),
            };
            // People are told at once why it waits: the wait may be over before the next line.
            let is_news = self.form == Form::Plain
                && line.pause_reason.is_some()
                && line.pause_reason != last.reason.as_deref();
            if is_due || is_news {
                if let Some(reason) = line.pause_reason {
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

    /// A line that cannot be written is lost, and the run goes on.
    fn write(&mut self, line: &Line<'_>) {
        let mut text = match self.form {
            Form::Plain => line.text(&self.zone),
            // Nothing in it cannot be JSON.
            Form::Json => serde_json::to_string(line).unwrap_or_default(),
        };
        text.push('\n');
        let _ = self.writer.write_all(text.as_bytes());
    }
}

/// What makes a new line worth writing. To people a pause that is renewed for the same reason is no
/// news.
fn says(line: &Line<'_>, form: Form) -> String {
    let (done, bad, stop) = (line.done, line.bad, line.stop_reason);
    match form {
        Form::Plain => format!("{done} {bad} {stop:?} {:?}", line.pause_reason),
        Form::Json => format!(
            "{done} {bad} {stop:?} {:?} {}",
            line.paused_until, line.throttled
        ),
    }
}
