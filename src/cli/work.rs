//! A session at work: rows that are not sent get their outcomes, lanes take the others, and the
//! end is recorded. `run`, `resume` and `retry` differ only in what they hand in here.

use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use futures::executor::block_on;
use roaring::RoaringTreemap;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendError;
use tokio::task::JoinHandle;

use super::accounts::{Line, higher_limits, taken_at_once};
use super::along::Along;
use super::failure::mend;
use super::held;
use super::page;
use super::planning::{Planned, Planning};
use super::recorder::Recorder;
use super::shown::Shown;
use super::signals;
use super::terminal::{put_page, tell};
use super::{ExitCode, Failure};
use crate::domain::{
    AccountName, AccountPlan, Action, Counted, Counts, Entry, LaneStop, Outcome, OutcomeEntry,
    RunEnd, RunState, Task, WallClock,
};
use crate::ledger::{LedgerState, LedgerWriter};
use crate::pipeline::{
    Durability, EventSink, FailureLimit, Lane, LaneEnd, LaneOptions, RunOutcome, Stop, Until, run,
};
use crate::plan::{Cursor, Decision, Earlier, Ended, Group, Plan, PlanError};
use crate::progress::Mode;
use crate::report::{self, Lock, Summary};

/// Tasks that a cursor reads ahead of its lane.
const READ_AHEAD_MAX: usize = 512;

/// How many of them are handed over together: one at a time, each would wake two threads.
const HANDED_OVER: usize = 64;

/// Everything a session works on.
pub(super) struct Work<'a> {
    pub(super) planning: &'a Planning,
    pub(super) planned: &'a Planned,
    pub(super) lines: &'a [Line],
    pub(super) recorder: &'a Arc<Recorder>,
    /// The rows of each account to be sent in this session.
    pub(super) rows: BTreeMap<AccountName, RoaringTreemap>,
    /// Rows that ended before this session began.
    pub(super) ended: RoaringTreemap,
    /// What earlier processes did to rows that have not ended.
    pub(super) earlier: Earlier,
    /// Accounts that have to wait for longer than a process lives; they have no rows here.
    pub(super) held: BTreeMap<AccountName, LaneStop>,
    pub(super) safety: Safety,
    pub(super) stop: &'a Stop,
}

/// What stops a lane before its end.
#[derive(Debug)]
pub(super) struct Safety {
    pub(super) failure_limit: FailureLimit,
    /// The rows that go first, of the accounts that are not past their canary.
    pub(super) canary: BTreeMap<AccountName, NonZeroU64>,
    /// When no more rows are begun; `None`: never.
    pub(super) until: Option<Until>,
}

/// How a session ended.
#[derive(Debug)]
pub(super) struct Worked {
    pub(super) counts: Counts,
    pub(super) state: RunState,
}

impl Work<'_> {
    /// Works to the end, or as far as it may go. The ledger is closed either way.
    pub(super) async fn go(self, ledger: LedgerWriter) -> Result<Worked, Failure> {
        let wall = WallClock::system();
        let worked = match self.end_unsent(&wall).await {
            Ok(()) => self.lanes().await,
            Err(failure) => Err(failure),
        };
        let state = match worked {
            Ok(state) => state,
            Err(failure) => {
                // The reason stands; that the ledger closes well or badly adds nothing to it.
                let _ = ledger.finish().await;
                return Err(failure);
            }
        };
        let counts = self.recorder.counts();
        let rows = self.planned.plan.rows;
        if counts.total() != rows {
            let _ = ledger.finish().await;
            return Err(Failure::bug(&format!(
                "the outcomes of {} rows were counted, the input has {rows}",
                counts.total()
            )));
        }
        let end = RunEnd {
            state,
            outcomes: counts,
            at: wall.now(),
        };
        let recorded = self
            .recorder
            .record(Entry::End(end), Durability::Synced)
            .await;
        ledger.finish().await.map_err(Failure::from)?;
        recorded.map_err(|failed| Failure::sink(&failed))?;
        Ok(Worked { counts, state })
    }

    /// Gives every row that is not sent its outcome, unless it has one.
    async fn end_unsent(&self, wall: &WallClock) -> Result<(), Failure> {
        if self.is_sent_or_ended() {
            return Ok(());
        }
        let (tx, mut rx) = mpsc::channel::<Entry>(READ_AHEAD_MAX);
        let mut source = self.planning.open()?;
        let planner = self.planning.planner(&self.planned.judge);
        let plan = Arc::clone(&self.planned.plan);
        let ended = self.ended.clone();
        let clock = wall.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let path = source.path().to_owned();
            let mut changed = None;
            source.each_row(|row| match planner.decide(&plan, row) {
                Some(Decision::End(end)) if !ended.contains(end.position.row) => {
                    // Nobody listens any more only if the ledger failed, which is told there.
                    let _ = tx.blocking_send(Entry::Outcome(unsent(&end, clock.now())));
                }
                Some(_) => {}
                None => changed = changed.or(Some(row.position.row)),
            })?;
            match changed {
                Some(row) => Err(PlanError::Changed { path, row }),
                None => Ok(()),
            }
        });
        let mut recorded = Ok(());
        while let Some(entry) = rx.recv().await {
            recorded = self.recorder.record(entry, Durability::Queued).await;
            if recorded.is_err() {
                break;
            }
        }
        drop(rx);
        recorded.map_err(|failed| Failure::sink(&failed))?;
        reading
            .await
            .map_err(|error| Failure::bug(&error.to_string()))?
            .map_err(Failure::refused)?;
        Ok(())
    }

    /// Whether no row is left that has no outcome and gets none from a lane: a session that goes on
    /// need not read the whole input once more.
    fn is_sent_or_ended(&self) -> bool {
        let plan = &self.planned.plan;
        let mut rows = self.ended.clone();
        for to_send in plan.to_send.values() {
            rows |= to_send;
        }
        rows.len() == plan.rows
    }

    /// How many of the `rows` that an account sends in this session are of which action: in the
    /// proportions of its whole plan.
    fn expected(&self, account: &AccountName, rows: u64) -> Vec<(Action, u64)> {
        let groups = self.planned.plan.accounts.get(account);
        let groups = || groups.into_iter().flatten();
        let planned: u64 = groups().map(|(_, group)| group.rows).sum();
        let part = |(action, group): (&Action, &Group)| {
            let part = u128::from(group.rows) * u128::from(rows) / u128::from(planned.max(1));
            (*action, u64::try_from(part).unwrap_or(rows))
        };
        groups().map(part).collect()
    }

    /// Runs a lane for every account with rows.
    async fn lanes(&self) -> Result<RunState, Failure> {
        for stop in self.held.values() {
            self.recorder
                .record(Entry::Stop(stop.clone()), Durability::Queued)
                .await
                .map_err(|failed| Failure::sink(&failed))?;
        }
        let mut lanes = Vec::new();
        let mut cursors = Vec::new();
        let earlier = Arc::new(self.earlier.clone());
        for line in self.lines {
            let Some(rows) = self.rows.get(&line.name).filter(|rows| !rows.is_empty()) else {
                continue;
            };
            line.client.expect(self.expected(&line.name, rows.len()));
            let plan = &self.planned.plan;
            let mut parts = Vec::new();
            for part in plan.parts(&line.name) {
                let cursor = Cursor::new(
                    self.planning.open()?,
                    Arc::clone(&self.planned.judge),
                    line.name.clone(),
                    rows.clone(),
                    Arc::clone(&earlier),
                );
                let (tasks, reading) = read_ahead(cursor.only(part, &plan.shared));
                parts.push(tasks);
                cursors.push(reading);
            }
            let options = LaneOptions {
                failure_limit: self.safety.failure_limit,
                include_roles: self.planning.options.include_roles.clone(),
                canary: self.safety.canary.get(&line.name).copied(),
                until: self.safety.until.clone(),
            };
            lanes.push((
                line.name.clone(),
                Lane::new(Arc::clone(&line.client), options),
                parts,
            ));
        }
        let outcome = run(lanes, self.stop).await;
        for reading in cursors {
            reading
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

/// How all lanes together ended.
fn end_of(outcome: RunOutcome) -> Result<RunState, Failure> {
    let mut state = RunState::Finished;
    for (_, end) in outcome.lanes {
        match end {
            LaneEnd::Done => {}
            LaneEnd::Stopped(_) => state = RunState::Stopped,
            LaneEnd::Interrupted => {
                if state == RunState::Finished {
                    state = RunState::Interrupted;
                }
            }
            LaneEnd::InputFailed(error) => return Err(Failure::input(error.as_ref())),
            LaneEnd::SinkFailed(failed) => return Err(Failure::sink(&failed)),
        }
    }
    Ok(state)
}

type Read = Result<Task, Box<dyn Error + Send + Sync>>;
type Tasks = mpsc::Receiver<Read>;

/// Reads a cursor's tasks on a thread of its own, a little ahead of who takes them.
fn read_ahead(cursor: Cursor) -> (Tasks, JoinHandle<()>) {
    let (tx, rx) = mpsc::channel(READ_AHEAD_MAX);
    let reading = tokio::task::spawn_blocking(move || {
        let mut read = Vec::with_capacity(HANDED_OVER);
        for task in cursor {
            read.push(task.map_err(Into::into));
            // A lane that has taken all there was is not kept waiting for more to gather.
            let is_taken = tx.capacity() == READ_AHEAD_MAX;
            if (is_taken || read.len() == HANDED_OVER) && hand_over(&tx, &mut read).is_err() {
                return;
            }
        }
        // A lane that ended early wants no rest.
        let _ = hand_over(&tx, &mut read);
    });
    (rx, reading)
}

/// Hands over what was read as soon as there is room for all of it.
///
/// # Errors
///
/// The lane ended early: there is nothing more to read for.
fn hand_over(tx: &mpsc::Sender<Read>, read: &mut Vec<Read>) -> Result<(), SendError<()>> {
    let room = block_on(tx.reserve_many(read.len()))?;
    room.zip(read.drain(..))
        .for_each(|(place, task)| place.send(task));
    Ok(())
}

/// The outcome of a row for which nothing is sent.
fn unsent(end: &Ended, at: crate::domain::Time) -> OutcomeEntry {
    OutcomeEntry {
        position: end.position,
        account: end.account.clone(),
        action: end.action,
        id: end.id.clone(),
        reference: end.reference.clone(),
        outcome: end.outcome,
        status: None,
        code: Some(end.code.to_owned()),
        message: Some(end.reason.clone()),
        attempts: 0,
        settled: false,
        at,
        elapsed_ms: 0,
        request_id: None,
    }
}

impl Worked {
    /// Whether every row ended well.
    pub(super) fn all_good(&self) -> bool {
        self.counts.counted(Counted::Bad) == 0 && self.counts.pending == 0
    }
}

/// The rows of `ended` by the outcome they had, of those that are taken up again.
pub(super) fn reopened(
    state: &LedgerState,
    rows: &RoaringTreemap,
) -> BTreeMap<Outcome, RoaringTreemap> {
    let of = |outcome| (outcome, state.rows_of(outcome) & rows);
    Outcome::ALL
        .into_iter()
        .map(of)
        .filter(|(_, rows)| !rows.is_empty())
        .collect()
}

/// What lies before each account of a session that sends `rows`, which are all rows of the plan or
/// those that an earlier process left.
#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate is shown with two units"
)]
pub(super) fn ahead(
    planning: &Planning,
    plan: &Plan,
    rows: &BTreeMap<AccountName, RoaringTreemap>,
    canary: &BTreeMap<AccountName, NonZeroU64>,
) -> Vec<AccountPlan> {
    let times = planning.times(plan);
    let account = |(name, rows): (&AccountName, &RoaringTreemap)| {
        let all = plan.to_send.get(name).map_or(0, RoaringTreemap::len);
        let part = rows.len() as f64 / all.max(1) as f64;
        let time = times.get(name).copied().unwrap_or_default();
        AccountPlan {
            name: name.clone(),
            rows: rows.len(),
            at_limit: time.mul_f64(part.min(1.0)),
            canary: canary.get(name).copied(),
        }
    };
    rows.iter().map(account).collect()
}

/// A session with all that is around its work: progress, signals, the closing words.
pub(super) struct Session<'a> {
    pub(super) ledger: PathBuf,
    pub(super) mode: Mode,
    pub(super) signals: signals::Stop,
    pub(super) ahead: Vec<AccountPlan>,
    pub(super) work: Work<'a>,
}

/// Works, shows how far it is, and says how it ended. Whatever goes wrong from here on, the program does
/// not end with the code that says that nothing was sent.
pub(super) async fn run_session(
    session: Session<'_>,
    writer: LedgerWriter,
) -> Result<ExitCode, Failure> {
    let worked = work_session(session, writer).await;
    worked.map_err(Failure::once_begun)
}

async fn work_session(session: Session<'_>, writer: LedgerWriter) -> Result<ExitCode, Failure> {
    let Session {
        ledger,
        mode,
        signals,
        ahead,
        work,
    } = session;
    let shown = Shown::start(mode, ahead, work.recorder);
    let (planning, lines) = (work.planning, work.lines);
    let along = Along::start(&ledger);
    let worked = work.go(writer).await;
    shown.finish().await;
    let worked = worked?;
    // Before the closing words, which end with what to do next.
    let higher = higher_limits(&planning.outline.accounts, lines);
    for told in higher.into_iter().chain(taken_at_once(lines)) {
        tell(&told);
    }
    close(&along.finish()?);
    Ok(exit_code(&worked, signals.signal()))
}

/// How the program ends for how the session did.
fn exit_code(worked: &Worked, signal: Option<signals::Signal>) -> ExitCode {
    match (worked.state, signal) {
        (RunState::Finished, _) if worked.all_good() => ExitCode::Success,
        (RunState::Finished, _) => ExitCode::SomeRowsBad,
        (RunState::Interrupted | RunState::Running, Some(signal)) => signal.exit_code(),
        (RunState::Stopped | RunState::Interrupted | RunState::Running, _) => ExitCode::Stopped,
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
pub(super) fn stop_words(stop: &LaneStop) -> String {
    format!("{}; {}", report::text::stop_told(stop), mend(stop.reason))
}
