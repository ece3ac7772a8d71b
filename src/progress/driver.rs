//! The one thing the rest of the program sees: entries in, progress out.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};

use indicatif::MultiProgress;
use jiff::tz::TimeZone;

use super::bar::Bars;
use super::lines::Lines;
use super::state::State;
use crate::domain::{AccountName, AccountPlan, Counted, Entry, Time, named};

named! {
    /// How progress is shown.
    #[derive(Default)]
    pub enum Mode {
        /// [`Mode::Bar`] on a terminal, else [`Mode::Plain`].
        #[default]
        Auto = "auto",
        /// A bar for each account.
        Bar = "bar",
        /// A plain line for an account now and then.
        Plain = "plain",
        /// One JSON object a line.
        Json = "json",
        /// Nothing.
        None = "none",
    }
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
    /// Progress on standard error of a session that began at `since`.
    pub fn start(mode: Mode, accounts: Vec<AccountPlan>, since: Time) -> Self {
        let mode = match mode {
            Mode::Auto if io::stderr().is_terminal() => Mode::Bar,
            mode => mode,
        };
        let mut progress =
            Self::start_on(mode, accounts, TimeZone::system(), Box::new(io::stderr()));
        progress.state.since = Some(since);
        progress
    }

    /// The same with times of day in `zone`, and lines written to `writer`; bars go to standard error all
    /// the same.
    pub fn start_on(
        mode: Mode,
        accounts: Vec<AccountPlan>,
        zone: TimeZone,
        writer: Box<dyn Write + Send>,
    ) -> Self {
        let state = State::new(accounts, zone);
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

    /// Counts a row that no entry tells of.
    pub fn row(&mut self, account: &AccountName, counted: Counted, now: Time) {
        self.state.on(account, |it| it.end(counted, now));
    }

    /// Shows where the run stands at `now`, if it is time to.
    pub fn tick(&mut self, now: Time) {
        if let Some(bars) = &mut self.bars {
            bars.tick(&self.state, now);
        }
        if let Some(lines) = &mut self.lines {
            lines.tick(&self.state, now);
        }
    }

    /// Where it stands at `now`, a line for each account: for whoever asks in between.
    pub fn status_lines(&self, now: Time) -> Vec<String> {
        let lines = self.state.lines(now);
        lines.map(|line| line.text(&self.state.zone)).collect()
    }

    /// From now on nothing more is begun: a person stops the session.
    pub fn stop(&mut self) {
        self.end("stopping");
    }

    fn end(&mut self, over: &'static str) {
        let accounts = self.state.accounts.iter_mut();
        accounts.for_each(|it| it.over = Some(over));
    }

    /// Shows where the run ended.
    pub fn finish(&mut self, now: Time) {
        self.end("ended");
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
