//! The one thing the rest of the program sees: entries in, progress out.

use std::fmt;
use std::io::{self, Write};

use indicatif::MultiProgress;
use jiff::tz::TimeZone;

use super::bar::Bars;
use super::lines::Lines;
use super::state::State;
use crate::domain::{AccountPlan, Entry, Time};

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// [`Mode::Bar`] on a terminal, else [`Mode::Plain`].
    #[default]
    Auto,
    /// A bar for each account.
    Bar,
    /// A plain line for an account now and then.
    Plain,
    /// One JSON object a line.
    Json,
    /// Nothing.
    None,
}

/// Shows how a run is getting on. Call [`see`](Self::see) for every entry a lane makes,
/// [`tick`](Self::tick) a few times a second, and [`finish`](Self::finish) at the end.
pub struct Progress {
    state: State,
    // One of both, or nothing is shown.
    bars: Option<Bars>,
    lines: Option<Lines>,
}

impl Progress {
    /// Progress on standard error. `terminal`: whether that is one, for [`Mode::Auto`].
    pub fn start(mode: Mode, terminal: bool, accounts: Vec<AccountPlan>) -> Self {
        let mode = match mode {
            Mode::Auto if terminal => Mode::Bar,
            mode => mode,
        };
        let state = State::new(accounts, TimeZone::system());
        Self::start_on(mode, state, Box::new(io::stderr()))
    }

    /// The same with lines written to `writer`; bars go to standard error all the same.
    fn start_on(mode: Mode, state: State, writer: Box<dyn Write + Send>) -> Self {
        let lines = || Lines {
            writer,
            is_json: mode == Mode::Json,
            said: vec![None; state.accounts.len()],
            reasons: vec![None; state.accounts.len()],
        };
        Self {
            bars: (mode == Mode::Bar).then(|| Bars::on_stderr(&state)),
            lines: (!matches!(mode, Mode::Bar | Mode::None)).then(lines),
            state,
        }
    }

    /// Counts what `entry` says. Cheap: nothing is drawn.
    pub fn see(&mut self, entry: &Entry) {
        self.state.see(entry);
    }

    /// Shows where the run stands at `now`, if it is time to.
    pub fn tick(&mut self, now: Time) {
        self.state.tick(now);
        if let Some(bars) = &mut self.bars {
            bars.tick(&self.state, now);
        }
        if let Some(lines) = &mut self.lines {
            lines.tick(&self.state, now);
        }
    }

    /// Where it stands at `now`, a line for each account: for whoever asks in between.
    pub fn told(&mut self, now: Time) -> Vec<String> {
        self.state.tick(now);
        let lines = self.state.lines(now, false);
        lines.map(|line| line.text(&self.state.zone)).collect()
    }

    /// Shows where the run ended.
    pub fn finish(&mut self, now: Time) {
        self.state.tick(now);
        if let Some(bars) = &mut self.bars {
            bars.finish(&self.state, now);
        }
        if let Some(lines) = &mut self.lines {
            lines.finish(&self.state, now);
        }
    }

    /// The bars, which other lines on standard error have to keep clear of; `None`: there are none.
    pub fn bars(&self) -> Option<MultiProgress> {
        self.bars.as_ref().map(|bars| bars.screen.clone())
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use jiff::tz::TimeZone;

    use super::super::state::State;
    use super::super::state::tests::{at, outcome, pause, plan, stop};
    use super::{Mode, Progress};
    use crate::domain::Outcome;

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
        let state = State::new(accounts, TimeZone::UTC);
        let mut progress = Progress::start_on(mode, state, Box::new(lines.clone()));
        progress.tick(at(0));
        for second in 1..=40 {
            for row in 0..5 {
                let is_refused = row == 0 && second % 20 == 0;
                let end = if is_refused {
                    Outcome::Refused
                } else {
                    Outcome::Deleted
                };
                progress.see(&outcome("acme", end));
            }
            if second == 12 {
                progress.see(&pause("crm", None, 30));
            }
            if second == 35 {
                progress.see(&outcome("crm", Outcome::NotFound));
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
        insta::assert_snapshot!(shown(Mode::Plain), @r"
        acme: 5 of 1,200 rows, 0 bad, 3m 59s left, ends 09:47
        acme: 55 of 1,200 rows, 0 bad, 300/min, 3m 49s left, ends 09:47
        crm: 0 of 40 rows, 0 bad, paused 18s: 429 with Retry-After: 93, ends 09:43
        acme: 105 of 1,200 rows, 1 bad, 300/min, 3m 39s left, ends 09:47
        crm: 0 of 40 rows, 0 bad, 20s left, ends 09:44
        acme: 155 of 1,200 rows, 1 bad, 300/min, 3m 29s left, ends 09:47
        crm: 1 of 40 rows, 1 bad, stopped: too many rows failed or were refused
        acme: 200 of 1,200 rows, 2 bad, 293/min, 3m 25s left, ends 09:47
        crm: 1 of 40 rows, 1 bad, stopped: too many rows failed or were refused
        ");
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
        {"kind":"progress","at":"2026-11-22T09:43:32.000Z","account":"crm","state":"paused","rows":40,"done":0,"good":0,"bad":0,"requests":0,"throttled":0,"rows_per_minute":0.0,"seconds_left":20,"ends_at":"2026-11-22T09:43:52.000Z","paused_until":"2026-11-22T09:43:50.000Z","pause_reason":"429 with Retry-After: 93"}
        {"kind":"progress","at":"2026-11-22T09:44:01.000Z","account":"crm","state":"stopped","rows":40,"done":1,"good":0,"bad":1,"requests":0,"throttled":0,"rows_per_minute":1.5,"stop_reason":"failure_limit"}
        "#);
    }
}
