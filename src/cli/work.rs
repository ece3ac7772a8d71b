//! A session at work: lanes take the rows that were agreed to, the end is recorded and told.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::accounts::limits_advice;
use super::earlier::way_past_stop;
use super::feed::{Feed, QueueSources, add_queues};
use super::recorder::{Recorder, locked};
use super::session::OpenRun;
use super::terminal::{keep_clear_of, put_page, render_state, tell};
use super::{CliError, ExitCode};
use crate::domain::{AccountName, AccountPlan, Counted, Entry, RunState, Time};
use crate::lane::{AccountEnd, WorkSpec};
use crate::ledger::{LedgerState, LedgerWriter};
use crate::progress::Progress;
use crate::report;
use crate::run::{Client, Durability, EventSink as _, SinkFailed, run, run_notify_command};

/// How long progress rests between two looks.
const TICK: Duration = Duration::from_millis(100);

impl OpenRun<'_> {
    /// Works, shows how far it is, and says how it ended. The ledger is closed either way.
    pub(super) async fn work(
        self,
        specs: BTreeMap<AccountName, WorkSpec>,
        ahead: Vec<AccountPlan>,
    ) -> Result<ExitCode, CliError> {
        let progress = Shown::start(&self, ahead);
        let rows = self.state.counts().total();
        let mut sources = QueueSources::new();
        let state = match self.give_out(&mut sources, specs).await {
            Ok(work) => {
                let feed = Feed::new(self.state, &self.recorder, sources);
                ended_as(run(work, Arc::new(feed)).await)
            }
            Err(failure) => Err(failure),
        };
        let state = match state {
            Ok(_) if !self.long_pauses.is_empty() => Ok(RunState::Stopped),
            state => state,
        };
        let ended = end(self.writer, &self.recorder, rows, state).await;
        progress.finish().await;
        let (state, ledger) = ended?;
        // Before the closing words, which end with what to do next.
        for advice in limits_advice(&self.setup.outline.accounts, &self.connections) {
            tell(&advice);
        }
        close(&ledger, self.args.is_demo);
        let counts = ledger.counts();
        let all_good = counts.counted(Counted::Bad) == 0 && counts.pending == 0;
        Ok(exit_code(state, all_good, self.signals.code()))
    }

    /// Gives every account with rows its work. Those that are held have stopped.
    async fn give_out(
        &self,
        sources: &mut QueueSources,
        mut specs: BTreeMap<AccountName, WorkSpec>,
    ) -> Result<Vec<(Client, WorkSpec)>, CliError> {
        for stop in self.long_pauses.values() {
            let entry = Entry::Stop(stop.clone());
            self.recorder.record(entry, Durability::Queued).await?;
        }
        let mut work = Vec::new();
        for connection in &self.connections {
            let queues = self.queues.get(&connection.name);
            if let Some((queues, mut spec)) = queues.zip(specs.remove(&connection.name)) {
                let rows = queues.iter();
                let rows = rows.map(|(action, rows)| (Some(*action), rows.len()));
                let client = &connection.client;
                client.with(|lane| lane.expect(&connection.name, rows));
                let rule = connection.rule(&self.setup.options);
                spec.queues = add_queues(sources, &self.state, rule, queues)?;
                work.push((connection.client.clone(), spec));
            }
        }
        Ok(work)
    }
}

/// How all accounts together ended.
pub(super) fn ended_as(
    ends: Result<Vec<(AccountName, AccountEnd)>, SinkFailed>,
) -> Result<RunState, CliError> {
    let mut state = RunState::Finished;
    for (_, end) in ends? {
        match end {
            AccountEnd::Stopped(_) => state = RunState::Stopped,
            AccountEnd::Interrupted if state == RunState::Finished => {
                state = RunState::Interrupted;
            }
            AccountEnd::Done | AccountEnd::Interrupted => {}
            AccountEnd::SourceFailed(error) => {
                return Err(CliError::plain(ExitCode::Ledger, error.as_ref()));
            }
        }
    }
    Ok(state)
}

/// Writes the session's end, if it came to one, and closes the ledger. Returns what that says then.
async fn end(
    writer: LedgerWriter,
    recorder: &Recorder,
    rows: u64,
    state: Result<RunState, CliError>,
) -> Result<(RunState, LedgerState), CliError> {
    let ended = async {
        let state = state?;
        let outcomes = writer.handle().counts().await?;
        let counted = outcomes.total();
        if counted != rows {
            return Err(CliError::bug(&format!(
                "the outcomes of {counted} rows were counted, the input has {rows}"
            )));
        }
        let end = Entry::end(state, outcomes);
        recorder.record(end, Durability::Synced).await?;
        Ok(state)
    };
    let ended = ended.await;
    // The first failure stands; that the ledger closes well or badly adds nothing to it.
    let ledger = writer.finish().await;
    Ok((ended?, ledger?))
}

/// How the program ends. `all_good`: no row is left to be seen to. `signal`: the code of the one that came.
pub(super) fn exit_code(state: RunState, all_good: bool, signal: Option<u8>) -> ExitCode {
    match (state, signal) {
        (RunState::Finished, _) if all_good => ExitCode::Success,
        (RunState::Finished, _) => ExitCode::SomeRowsBad,
        (RunState::Interrupted, Some(130)) => ExitCode::Interrupted,
        (RunState::Interrupted, Some(_)) => ExitCode::Terminated,
        _ => ExitCode::Stopped,
    }
}

/// The closing words: the advice on a stop, then where the run stands as the ledger tells it.
/// Its head and the next command follow. A demo has no next command: its sandbox ends.
fn close(ledger: &LedgerState, is_demo: bool) {
    let counts = ledger.account_counts();
    for stop in &ledger.stops {
        let counts = counts.get(&stop.account).copied().unwrap_or_default();
        let mend = match counts.pending + counts.in_doubt {
            0 => "no row is left to send; look at the rows that are not done",
            _ => report::mend(stop.reason),
        };
        // Why the only one stopped is said by progress, and below.
        tell(&match ledger.stops.len() {
            1 => format!("note: {}: {mend}", stop.account),
            _ => format!("note: {}; {mend}", report::text::describe_stop(stop)),
        });
    }
    if let Some(words) = way_past_stop(ledger) {
        tell(&words);
    }
    let page = render_state(ledger);
    let without_next = page.rsplit_once("\nnext ").filter(|_| is_demo);
    let page = without_next.map_or(&*page, |(page, _)| page);
    // The run is over whether or not its closing words can be put out; the code must say how.
    if put_page(page).is_err() {
        tell(page);
    }
}

/// Runs the `command` of `--notify` with `status --json` of `ledger` on its standard input. A
/// failure is said, and changes nothing.
pub(super) fn notify(command: &str, ledger: &Path) {
    let summary = LedgerState::read(ledger).map_err(io::Error::other);
    let summary = summary.map(|state| serde_json::to_string(&report::Summary::new(&state, false)));
    let failure = summary.and_then(|summary| run_notify_command(command, &summary?));
    if let Some(why) = failure.unwrap_or_else(|error| Some(format!("cannot be run: {error}"))) {
        tell(&format!(
            "warning: `--notify {command}` {why}; the run and its ledger are as told above"
        ));
    }
}

/// Progress that is shown until [`Shown::finish`]: entries as they are recorded, and a tick now and then.
pub(super) struct Shown {
    progress: Arc<Mutex<Progress>>,
    ticking: JoinHandle<()>,
}

impl Shown {
    /// Shows what `run` records from now on, and that it is stopped.
    pub(super) fn start(run: &OpenRun<'_>, accounts: Vec<AccountPlan>) -> Self {
        let (mode, stop) = (run.args.progress, run.signals.admitting.clone());
        let progress = Progress::start(mode, accounts, Time::now());
        keep_clear_of(progress.bars());
        let progress = Arc::new(Mutex::new(progress));
        let seeing = Arc::clone(&progress);
        run.recorder
            .watch(Box::new(move |entry| locked(&seeing).see(entry)));
        let ticking = Arc::clone(&progress);
        let ticking = tokio::spawn(async move {
            let mut interval = tokio::time::interval(TICK);
            loop {
                interval.tick().await;
                let mut progress = locked(&ticking);
                if stop.is_cancelled() {
                    progress.stop();
                }
                progress.tick(Time::now());
            }
        });
        Self { progress, ticking }
    }

    /// Counts a row that no entry tells of.
    pub(super) fn row(&self, account: &AccountName, counted: Counted) {
        locked(&self.progress).row(account, counted, Time::now());
    }

    /// Shows where it ended. No line of progress comes after this.
    pub(super) async fn finish(self) {
        self.ticking.abort();
        // Waited for, so that no line comes after the closing words.
        let _ = self.ticking.await;
        locked(&self.progress).finish(Time::now());
        keep_clear_of(None);
    }
}
