//! A session at work: lanes take the rows that were agreed to, the end is recorded and told.
//!
//! What is sent, and how it was asked, is decided before, in `session`.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use super::accounts::{Line, higher_limits, taken_at_once};
use super::failure::mend;
use super::feed::{Feed, Queues};
use super::held;
use super::page;
use super::recorder::Recorder;
use super::setup::Setup;
use super::shown::Shown;
use super::signals;
use super::tenants::Tenants;
use super::terminal::{put_page, tell};
use super::{ExitCode, Failure};
use crate::domain::{
    AccountName, AccountPlan, Action, Counted, Counts, Entry, LaneStop, RunEnd, RunState, WallClock,
};
use crate::lane::{AccountEnd, FailureLimit, Until, WorkSpec};
use crate::ledger::{LedgerState, LedgerWriter};
use crate::plan::CallerRule;
use crate::progress::Mode;
use crate::report::{self, Lock, Summary};
use crate::run::{Channels, Durability, EventSink as _, RunOutcome, run};

/// A session that was agreed to.
pub(super) struct Work {
    pub(super) state: Arc<LedgerState>,
    pub(super) setup: Setup,
    pub(super) queues: BTreeMap<AccountName, Queues>,
    pub(super) lines: Vec<Line>,
    pub(super) rules: Vec<CallerRule>,
    pub(super) held: BTreeMap<AccountName, LaneStop>,
    pub(super) safety: Safety,
    pub(super) recorder: Arc<Recorder>,
    /// The tenants' locks.
    pub(super) _tenants: Tenants,
}

/// What stops a lane before its end.
pub(super) struct Safety {
    pub(super) failure_limit: FailureLimit,
    /// The rows that go first, of the accounts that are not past their canary.
    pub(super) canary: BTreeMap<AccountName, NonZeroU64>,
    /// When no more rows are begun; `None`: never.
    pub(super) until: Option<Until>,
}

/// How a session ended.
struct SessionEnd {
    counts: Counts,
    state: RunState,
    /// What the ledger says.
    ledger: LedgerState,
}

impl Work {
    /// Works, shows how far it is, and says how it ended. The ledger is closed either way.
    pub(super) async fn see_through(
        self,
        writer: LedgerWriter,
        (mode, ahead): (Mode, Vec<AccountPlan>),
        signals: &signals::Stop,
    ) -> Result<ExitCode, Failure> {
        let shown = Shown::start(mode, ahead, &self.recorder);
        let state = self.lanes().await;
        let ended = match state {
            Ok(state) => self.end(writer, state).await,
            Err(failure) => {
                // The reason stands; that the ledger closes well or badly adds nothing to it.
                let _ = writer.finish().await;
                Err(failure)
            }
        };
        shown.finish().await;
        let ended = ended?;
        // Before the closing words, which end with what to do next.
        let higher = higher_limits(&self.setup.outline.accounts, &self.lines);
        for told in higher.into_iter().chain(taken_at_once(&self.lines)) {
            tell(&told);
        }
        close(&ended.ledger);
        Ok(exit_code(&ended, signals.signal()))
    }

    /// Writes the session's end.
    async fn end(&self, writer: LedgerWriter, state: RunState) -> Result<SessionEnd, Failure> {
        let counts = self.recorder.counts();
        let rows = self.state.counts().total();
        let is_whole = counts.total() == rows;
        let end = RunEnd {
            state,
            outcomes: counts,
            at: WallClock::system().now(),
        };
        let mut recorded = Ok(());
        if is_whole {
            let entry = Entry::End(end);
            recorded = self.recorder.record(entry, Durability::Synced).await;
        }
        let ledger = writer.finish().await.map_err(Failure::from)?;
        recorded.map_err(|failed| Failure::sink(&failed))?;
        if !is_whole {
            return Err(Failure::bug(&format!(
                "the outcomes of {} rows were counted, the input has {rows}",
                counts.total()
            )));
        }
        Ok(SessionEnd {
            counts,
            state,
            ledger,
        })
    }

    /// Runs a lane for every account with rows.
    async fn lanes(&self) -> Result<RunState, Failure> {
        for stop in self.held.values() {
            self.recorder
                .record(Entry::Stop(stop.clone()), Durability::Queued)
                .await
                .map_err(|failed| Failure::sink(&failed))?;
        }
        let mut work = Vec::new();
        let mut channels = Channels::default();
        let mut threads = Vec::new();
        for (line, rule) in self.lines.iter().zip(&self.rules) {
            let Some(queues) = self.queues.get(&line.name) else {
                continue;
            };
            line.client.expect(counted(queues));
            let feed = Feed {
                state: Arc::clone(&self.state),
                account: line.name.clone(),
                rule: rule.clone(),
                recorder: Arc::clone(&self.recorder),
            };
            let (queues, of_feed) = feed.start(queues, &mut channels)?;
            threads.extend(of_feed);
            let spec = WorkSpec {
                queues,
                failure_limit: self.safety.failure_limit,
                include_roles: self.setup.options.include_roles.clone(),
                canary: self.safety.canary.get(&line.name).copied(),
                until: self.safety.until.clone(),
            };
            work.push((line.client.clone(), spec));
        }
        let outcome = run(work, Arc::new(channels)).await;
        for thread in threads {
            thread
                .await
                .map_err(|error| Failure::bug(&error.to_string()))?;
        }
        let state = end_of(outcome)?;
        if self.held.is_empty() {
            Ok(state)
        } else {
            Ok(RunState::Stopped)
        }
    }
}

/// How many rows of which action.
pub(super) fn counted(queues: &Queues) -> Vec<(Action, u64)> {
    let each = queues.iter();
    each.map(|(action, rows)| (*action, rows.len())).collect()
}

/// How all lanes together ended.
pub(super) fn end_of(outcome: RunOutcome) -> Result<RunState, Failure> {
    if let Some(failed) = &outcome.failed {
        return Err(Failure::sink(failed));
    }
    let mut state = RunState::Finished;
    for (_, end) in outcome.ends {
        match end {
            AccountEnd::Done => {}
            AccountEnd::Stopped(_) => state = RunState::Stopped,
            AccountEnd::Interrupted => {
                if state == RunState::Finished {
                    state = RunState::Interrupted;
                }
            }
            AccountEnd::SourceFailed(error) => return Err(Failure::input(error.as_ref())),
        }
    }
    Ok(state)
}

/// How the program ends for how the session did.
fn exit_code(ended: &SessionEnd, signal: Option<signals::Signal>) -> ExitCode {
    let all_good = ended.counts.counted(Counted::Bad) == 0 && ended.counts.pending == 0;
    match (ended.state, signal) {
        (RunState::Finished, _) if all_good => ExitCode::Success,
        (RunState::Finished, _) => ExitCode::SomeRowsBad,
        (RunState::Interrupted, Some(signal)) => signal.exit_code(),
        _ => ExitCode::Stopped,
    }
}

/// The closing words: what stopped and what to do about it, then where the run stands as the ledger
/// tells it, with its head and the next command.
fn close(state: &LedgerState) {
    for stop in &state.stops {
        tell(&stop_words(stop));
    }
    if let Some(words) = held::way_past_stop(state) {
        tell(&words);
    }
    let words = page::standing(&Summary::new(state, Lock::Free));
    if put_page(&words).is_err() {
        // The run is over whether or not its closing words can be put out; the code must say how.
        tell(&words);
    }
}

/// Why a lane stopped, with the words of whoever stopped it, and what to do.
fn stop_words(stop: &LaneStop) -> String {
    format!("{}; {}", report::text::stop_told(stop), mend(stop.reason))
}
