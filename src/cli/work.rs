//! A session at work: lanes take the rows that were agreed to, the end is recorded and told.
//!
//! What is sent, and how it was asked, is decided before, in [`session`](super::session).

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::accounts::limits_advice;
use super::connect::Connected;
use super::earlier::way_past_stop;
use super::failure::mend;
use super::feed::{Feed, Queues};
use super::recorder::Recorder;
use super::session::{Session, rule};
use super::setup::Setup;
use super::signals;
use super::terminal::{keep_clear_of, put_standing, tell};
use super::{ExitCode, Failure};
use crate::domain::{AccountName, AccountPlan, Counted, Entry, RunEnd, RunState, WallClock};
use crate::lane::{AccountEnd, WorkSpec};
use crate::ledger::{LedgerState, LedgerWriter};
use crate::progress::{Mode, Progress};
use crate::report;
use crate::run::{Client, Durability, EventSink as _, run};

/// How long progress rests between two looks.
const TICK: Duration = Duration::from_millis(100);

impl Session<'_> {
    /// Works, shows how far it is, and says how it ended. The ledger is closed either way.
    pub(super) async fn see_through(
        self,
        recorder: &Arc<Recorder>,
        (queues, ahead): (BTreeMap<AccountName, Queues>, Vec<AccountPlan>),
        connected: Connected,
        specs: BTreeMap<AccountName, WorkSpec>,
        signals: &signals::Stop,
    ) -> Result<ExitCode, Failure> {
        let shown = Shown::start(self.mode, ahead, recorder);
        let rows = self.state.counts().total();
        let mut feed = Feed::new(&Arc::new(self.state), recorder);
        let work = begin(&mut feed, recorder, &self.setup, &queues, specs, &connected).await;
        let ended = match work {
            Ok(work) => run_lanes(work, feed).await,
            Err(failure) => Err(failure),
        };
        let ended = match ended {
            Ok(state) => {
                let is_whole = connected.held.is_empty();
                let state = if is_whole { state } else { RunState::Stopped };
                end(self.writer, recorder, rows, state).await
            }
            Err(failure) => {
                // The reason stands; that the ledger closes well or badly adds nothing to it.
                let _ = self.writer.finish().await;
                Err(failure)
            }
        };
        shown.finish().await;
        let (state, ledger) = ended?;
        // Before the closing words, which end with what to do next.
        for told in limits_advice(&self.setup.outline.accounts, &connected.lines) {
            tell(&told);
        }
        close(&ledger);
        Ok(exit_code(state, &ledger, signals.signal()))
    }
}

/// Gives every account with rows its work. Those that are held have stopped.
async fn begin(
    feed: &mut Feed,
    recorder: &Recorder,
    setup: &Setup,
    queues: &BTreeMap<AccountName, Queues>,
    mut specs: BTreeMap<AccountName, WorkSpec>,
    connected: &Connected,
) -> Result<Vec<(Client, WorkSpec)>, Failure> {
    for stop in connected.held.values() {
        let entry = Entry::Stop(stop.clone());
        let result = recorder.record(entry, Durability::Queued).await;
        result.map_err(|failed| Failure::sink(&failed))?;
    }
    let mut work = Vec::new();
    for line in &connected.lines {
        let rows = queues.get(&line.name).zip(specs.remove(&line.name));
        if let Some((queues, mut spec)) = rows {
            let rows = queues.iter().map(|(action, rows)| (*action, rows.len()));
            line.client.expect(rows);
            spec.queues = feed.add(rule(line, setup), queues)?;
            work.push((line.client.clone(), spec));
        }
    }
    Ok(work)
}

/// Runs lanes to their end, and says how all of them together ended.
pub(super) async fn run_lanes(
    work: Vec<(Client, WorkSpec)>,
    feed: Feed,
) -> Result<RunState, Failure> {
    let outcome = run(work, Arc::new(feed)).await;
    if let Some(failed) = &outcome.failed {
        return Err(Failure::sink(failed));
    }
    let mut state = RunState::Finished;
    for (_, end) in outcome.ends {
        match end {
            AccountEnd::Stopped(_) => state = RunState::Stopped,
            AccountEnd::Interrupted if state == RunState::Finished => {
                state = RunState::Interrupted;
            }
            AccountEnd::Done | AccountEnd::Interrupted => {}
            AccountEnd::SourceFailed(error) => return Err(Failure::input(error.as_ref())),
        }
    }
    Ok(state)
}

/// Writes the session's end. Returns what the ledger says then.
async fn end(
    writer: LedgerWriter,
    recorder: &Recorder,
    rows: u64,
    state: RunState,
) -> Result<(RunState, LedgerState), Failure> {
    let outcomes = match writer.handle().counts().await {
        Ok(outcomes) => outcomes,
        Err(failure) => {
            // The failure stands; that the ledger closes well or badly adds nothing to it.
            let _ = writer.finish().await;
            return Err(Failure::from(failure));
        }
    };
    let counted = outcomes.total();
    let mut result = Ok(());
    if counted == rows {
        let at = WallClock::system().now();
        let entry = Entry::End(RunEnd {
            state,
            outcomes,
            at,
        });
        result = recorder.record(entry, Durability::Synced).await;
    }
    let ledger = writer.finish().await.map_err(Failure::from)?;
    result.map_err(|failed| Failure::sink(&failed))?;
    if counted != rows {
        return Err(Failure::bug(&format!(
            "the outcomes of {counted} rows were counted, the input has {rows}"
        )));
    }
    Ok((state, ledger))
}

/// How the program ends for how the session did.
fn exit_code(state: RunState, ledger: &LedgerState, signal: Option<signals::Signal>) -> ExitCode {
    let counts = ledger.counts();
    let all_good = counts.counted(Counted::Bad) == 0 && counts.pending == 0;
    match (state, signal) {
        (RunState::Finished, _) if all_good => ExitCode::Success,
        (RunState::Finished, _) => ExitCode::SomeRowsBad,
        (RunState::Interrupted, Some(signal)) => signal.exit_code(),
        _ => ExitCode::Stopped,
    }
}

/// The closing words: what stopped and what to do about it, then where the run stands as the ledger
/// tells it, with its head and the next command.
fn close(ledger: &LedgerState) {
    for stop in &ledger.stops {
        tell(&format!(
            "{}; {}",
            report::text::stop_told(stop),
            mend(stop.reason)
        ));
    }
    if let Some(words) = way_past_stop(ledger) {
        tell(&words);
    }
    // The run is over whether or not its closing words can be put out; the code must say how.
    if put_standing(ledger).is_err() {
        tell(&report::text::render(
            &report::Summary::new(ledger, report::Lock::Free),
            None,
        ));
    }
}

/// Progress that is shown until [`Shown::finish`]: entries as they are recorded, and a tick now and then.
pub(super) struct Shown {
    progress: Arc<Mutex<Progress>>,
    ticking: JoinHandle<()>,
}

impl Shown {
    /// Shows what `recorder` is given from now on.
    pub(super) fn start(mode: Mode, accounts: Vec<AccountPlan>, recorder: &Recorder) -> Self {
        let progress = Progress::start(mode, std::io::stderr().is_terminal(), accounts);
        keep_clear_of(progress.bars());
        let progress = Arc::new(Mutex::new(progress));
        let seeing = Arc::clone(&progress);
        recorder.watch(Box::new(move |entry| locked(&seeing).see(entry)));
        let ticking = Arc::clone(&progress);
        let ticking = tokio::spawn(async move {
            let mut interval = tokio::time::interval(TICK);
            loop {
                interval.tick().await;
                locked(&ticking).tick(WallClock::system().now());
            }
        });
        Self { progress, ticking }
    }

    /// Shows where it ended. No line of progress comes after this.
    pub(super) async fn finish(self) {
        self.ticking.abort();
        // Waited for, so that no line comes after the closing words.
        let _ = self.ticking.await;
        locked(&self.progress).finish(WallClock::system().now());
        keep_clear_of(None);
    }
}

fn locked(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}
