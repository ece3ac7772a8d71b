//! A lane: all that runs for one account.

use std::collections::HashSet;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, join_all, ready};
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::unconstrained;
use tokio::time::Instant;

use super::bulk::{Begun, BulkRun, Tries};
use super::canary::{Canary, MoreRows, Verdict};
use super::client::Client;
use super::error::ClientError;
use super::fuse::{FailureLimit, Fuse};
use super::reading::{Entered, Unit};
use super::roles::Stood;
use super::sink::SinkFailed;
use super::stop::Stopped;
use super::task::{Before, RowEnded, TaskRun};
use super::tokens::own;
use super::users::{Place, UsersUnderWay};
use crate::domain::{LaneStop, Outcome, Position, StopKind, Task, Time};

/// How often the wall clock is looked at for [`Until`]. It may be set, and a machine may sleep: one
/// long timer would know nothing of either.
const CLOCK_EVERY: Duration = Duration::from_secs(1);

/// How the tasks of a part of the input come in: from a cursor of its own, on a thread of its own, in
/// the order of the file. An error means that the input could not be read on.
pub type TaskSource = mpsc::Receiver<Result<Task, Box<dyn Error + Send + Sync>>>;

/// How a lane goes about its rows.
#[derive(Debug, Clone)]
pub struct LaneOptions {
    /// How much may go wrong.
    pub failure_limit: FailureLimit,
    /// Protected roles that may be deleted all the same, in the provider's words.
    pub include_roles: Vec<String>,
    /// So many rows go first, and the others only if all of those end well; `None`: all go.
    pub canary: Option<NonZeroU64>,
    /// When to admit no more; `None`: never.
    pub until: Option<Until>,
}

/// When a lane admits no more rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Until {
    /// The instant.
    pub at: Time,
    /// The time of day, as it was typed.
    pub typed: String,
}

/// All that runs for one account.
#[derive(Debug)]
pub struct Lane {
    pub(super) client: Arc<Client>,
    pub(super) options: LaneOptions,
    fuse: Mutex<Fuse>,
    pub(super) canary: Canary,
    stopped: Stopped,
    /// The parts of its tasks that it has not come to the end of: where it has, each task was begun,
    /// or ended as protected.
    pub(super) parts_left: AtomicUsize,
    /// The time that [`LaneOptions::until`] sets stopped it.
    out_of_time: AtomicBool,
    pub(super) users: UsersUnderWay,
    /// Whether requests for many rows are not taken here.
    pub(super) one_by_one: AtomicBool,
}

/// How a lane ended.
#[derive(Debug)]
pub enum LaneEnd {
    /// Every task has an outcome.
    Done,
    /// A safety stopped it; the rest of its rows are pending.
    Stopped(LaneStop),
    /// The run was stopped; the rest of its rows are pending.
    Interrupted,
    /// Its input could not be read on; the rest of its rows are pending.
    InputFailed(Box<dyn Error + Send + Sync>),
    /// The sink failed.
    SinkFailed(SinkFailed),
}

/// What keeps a lane from going on.
pub(super) enum Halt {
    Stopping,
    Input(Box<dyn Error + Send + Sync>),
    Sink(SinkFailed),
}

// === impl Lane ===

impl Lane {
    /// A lane that sends through `client`.
    pub fn new(client: Arc<Client>, options: LaneOptions) -> Self {
        let fuse = Mutex::new(Fuse::new(options.failure_limit));
        let canary = Canary::new(options.canary);
        Self {
            one_by_one: AtomicBool::new(false),
            client,
            options,
            fuse,
            canary,
            stopped: Stopped::default(),
            parts_left: AtomicUsize::new(0),
            out_of_time: AtomicBool::new(false),
            users: UsersUnderWay::default(),
        }
    }

    /// Sees every task of all `parts` to its outcome, or as far as it may go. All rows of one user
    /// must stand in the same part: between two parts nothing keeps their order.
    pub async fn run(self, parts: Vec<TaskSource>) -> LaneEnd {
        self.client.reach.at_work();
        self.parts_left.store(parts.len(), Ordering::Relaxed);
        let drained = tokio::select! {
            biased;
            never = self.out_of_time() => match never {},
            drained = self.drained(parts) => drained,
        };
        let interrupted = match drained {
            Ok(interrupted) => interrupted || self.parts_left.load(Ordering::Relaxed) > 0,
            Err(broken) => return broken,
        };
        if let Err(Halt::Sink(failed)) = self.stop_at_the_end(interrupted).await {
            return LaneEnd::SinkFailed(failed);
        }
        match self.stopped.into_inner() {
            Some(stop) => LaneEnd::Stopped(stop),
            None if interrupted => LaneEnd::Interrupted,
            None => LaneEnd::Done,
        }
    }

    /// Sees every task to its outcome, or as far as it may go. Returns whether a row that was begun
    /// had to be left.
    async fn drained(&self, parts: Vec<TaskSource>) -> Result<bool, LaneEnd> {
        // The only concurrent part: everything that waits, waits in here. The loop below does no
        // waiting of its own, or requests under way would starve (rust-lang/futures-rs#2387).
        let mut rows = self
            .admitted(parts)
            .map(|unit| match unit {
                Ok(unit) => Either::Left(self.unit(unit)),
                Err(halt) => Either::Right(ready(Err(halt))),
            })
            // Bounded by the room that each part has.
            .buffer_unordered(usize::MAX)
            .boxed();
        let mut interrupted = false;
        let mut broken = None;
        // Unconstrained: tokio lets a task's futures be ready 128 times in one turn, and wakes those
        // it puts off last first. Rows would begin in the reverse order of the file, and of two
        // rows of one user the later might go first.
        while let Some(row) = unconstrained(rows.next()).await {
            match row {
                Ok(()) => {}
                Err(Halt::Stopping) => interrupted = true,
                Err(Halt::Input(error)) => broken = broken.or(Some(LaneEnd::InputFailed(error))),
                Err(Halt::Sink(failed)) => {
                    self.client.stop.admitting.cancel();
                    broken = Some(LaneEnd::SinkFailed(failed));
                }
            }
        }
        broken.map_or(Ok(interrupted), Err)
    }

    /// Stops admitting once the time is up, and never ends: what is under way goes on.
    async fn out_of_time(&self) -> Infallible {
        if let Some(until) = &self.options.until {
            loop {
                let left = until.at.saturating_since(self.client.now());
                if left.is_zero() {
                    break;
                }
                tokio::time::sleep(left.min(CLOCK_EVERY)).await;
            }
            if !self.client.stop.admitting.is_cancelled() {
                self.out_of_time.store(true, Ordering::Relaxed);
                self.client.stop.admitting.cancel();
            }
        }
        std::future::pending().await
    }

    /// The stops that show only when nothing is under way any more.
    async fn stop_at_the_end(&self, interrupted: bool) -> Result<(), Halt> {
        if interrupted {
            return match &self.options.until {
                Some(until) if self.out_of_time.load(Ordering::Relaxed) => {
                    let words = format!("stopped at {} as --until asked", until.typed);
                    self.stop_for(StopKind::UntilReached, "until", words).await
                }
                Some(_) | None => Ok(()),
            };
        }
        self.stop_for_canary(MoreRows::Over).await
    }

    /// What is sent together, each of its rows to its outcome.
    ///
    /// No `async fn`, nor are those that it calls: such a one holds what it is given twice, and
    /// hundreds of rows wait to be begun.
    fn unit<'l>(
        &'l self,
        unit: Unit<'l>,
    ) -> impl Future<Output = Result<(), Halt>> + Send + use<'l> {
        match unit {
            Unit::Row(row) => Either::Left(async move {
                let Entered {
                    task,
                    user,
                    room,
                    role,
                } = row;
                let _held = (&user, &room);
                if !user.is_first() {
                    self.turn_of(&user).boxed().await?;
                }
                self.row(TaskRun::new(self, task, role)).await
            }),
            Unit::Bulk(rows) => Either::Right(self.bulk(rows).boxed()),
        }
    }

    async fn turn_of(&self, place: &Place<'_>) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = place.turn() => Ok(()),
            // Rows that are gathered are not sent any more: they would be waited for in vain.
            () = self.client.stop.admitting.cancelled() => Err(Halt::Stopping),
        }
    }

    /// Rows that one request carries.
    async fn bulk(&self, mut rows: Vec<Entered<'_>>) -> Result<(), Halt> {
        let Some((bulk, step)) = self.client.provider.bulk().zip(
            rows.first()
                .and_then(|row| row.task.action.steps().get(row.task.steps_done)),
        ) else {
            return Ok(());
        };
        let started = Instant::now();
        let mut tries = Tries::new(&self.client, &rows);
        let mut alone = Vec::new();
        let begun = loop {
            match BulkRun::new(&self.client, bulk, *step, &rows)
                .begin(&mut tries)
                .await
            {
                Ok(Begun::RolesOld) => {
                    let others = self.ask_again(&mut rows).await?;
                    alone.extend(others);
                }
                Ok(begun) => break begun,
                Err(error) => {
                    self.stop(error).await?;
                    return Err(Halt::Stopping);
                }
            }
        };
        let job = match &begun {
            Begun::Job(job) => match self.client.jobs.wait(&self.client, bulk, job).await {
                Ok(end) => {
                    self.client.jobs.forget(job);
                    Some((job, end))
                }
                Err(error) => {
                    self.stop(error).await?;
                    return Err(Halt::Stopping);
                }
            },
            Begun::Never => {
                self.one_by_one.store(true, Ordering::Relaxed);
                None
            }
            Begun::Doubt | Begun::NotNow | Begun::RolesOld | Begun::Abandoned => None,
        };
        let before = || match (&begun, &job) {
            (_, Some((job, end))) => Before::Job((*job).clone(), Arc::clone(end)),
            (Begun::Doubt, None) => Before::Doubt,
            (Begun::Abandoned, None) => Before::Abandoned,
            (Begun::Job(_) | Begun::Never | Begun::NotNow | Begun::RolesOld, None) => {
                Before::Nothing
            }
        };
        let carried = rows.into_iter().map(|row| (row, before()));
        let left = alone.into_iter().map(|row| (row, Before::Nothing));
        let runs = carried.chain(left).map(|(row, before)| {
            let Entered {
                task,
                user,
                room,
                role,
            } = row;
            let run = match before {
                Before::Nothing => TaskRun::new(self, task, role),
                before => TaskRun::after(self, task, role, before, started),
            };
            async move {
                let _held = (user, room);
                self.row(run).await
            }
        });
        let mut worst = Ok(());
        for row in join_all(runs).await {
            // A ledger that failed is told before a lane that stopped.
            if matches!(row, Err(Halt::Sink(_))) || worst.is_ok() {
                worst = row;
            }
        }
        worst
    }

    /// Asks the roles of the users of `rows` again, which wait for one request. Leaves those who stand
    /// and are not protected, and returns those who do not stand any more: no request for many may
    /// carry them.
    async fn ask_again<'l>(&self, rows: &mut Vec<Entered<'l>>) -> Result<Vec<Entered<'l>>, Halt> {
        let tasks = rows.iter().map(|row| row.task.clone()).collect();
        let (tasks, read) = self.without_protected(tasks).await?;
        let kept: HashSet<Position> = tasks.iter().map(|task| task.position).collect();
        let mut others = Vec::new();
        for mut row in std::mem::take(rows) {
            if !kept.contains(&row.task.position) {
                continue;
            }
            row.role = read.get(&row.task.id).map(|(role, _)| *role);
            if row.role.is_some_and(|role| role.stood == Stood::Active) {
                rows.push(row);
            } else {
                others.push(row);
            }
        }
        Ok(others)
    }

    /// One row, to its outcome.
    #[expect(clippy::manual_async_fn, reason = "see what it is called by")]
    fn row<'l>(
        &'l self,
        run: TaskRun<'l>,
    ) -> impl Future<Output = Result<(), Halt>> + Send + use<'l> {
        async move {
            match run.run().await {
                // Cut off by the person who would not wait: no failure of the row's.
                Ok(RowEnded { outcome, .. })
                    if outcome == Outcome::InDoubt && self.client.stop.waiting.is_cancelled() =>
                {
                    Ok(())
                }
                Ok(ended) => self.count(ended).await,
                Err(error) => {
                    self.stop(error).boxed().await?;
                    Err(Halt::Stopping)
                }
            }
        }
    }

    /// A row ended: too many such rows stop the lane.
    async fn count(&self, ended: RowEnded) -> Result<(), Halt> {
        let blown = {
            let mut fuse = self.fuse.lock().unwrap_or_else(PoisonError::into_inner);
            fuse.count(ended.outcome)
        };
        self.canary.ended(ended);
        if let Some(blown) = blown {
            let stop = self.stop_for(blown.kind, blown.code, blown.words);
            stop.boxed().await?;
        }
        self.stop_for_canary(MoreRows::Perhaps).await
    }

    async fn stop_for_canary(&self, more: MoreRows) -> Result<(), Halt> {
        match self.canary.verdict(more) {
            Verdict::Good | Verdict::Open => Ok(()),
            Verdict::Bad(words) => {
                let stop = self.stop_for(StopKind::CanaryFailed, "canary", words);
                stop.boxed().await
            }
        }
    }

    /// Stops the lane for a reason of our own.
    async fn stop_for(
        &self,
        reason: StopKind,
        code: &'static str,
        words: String,
    ) -> Result<(), Halt> {
        self.stop(ClientError::Account {
            reason,
            status: None,
            detail: own(code, words),
        })
        .await
    }

    /// Stops the lane for `error` and says so once.
    pub(super) async fn stop(&self, error: ClientError) -> Result<(), Halt> {
        let (reason, status, detail) = match error {
            ClientError::Stopping => return Ok(()),
            ClientError::Sink(failed) => return Err(Halt::Sink(failed)),
            ClientError::Account {
                reason,
                status,
                detail,
            } => (reason, status, detail),
            ClientError::Passing { status, detail, .. } => (StopKind::RolesUnknown, status, detail),
        };
        let stopped = self.stopped.stop(&self.client, reason, status, detail);
        stopped.await.map_err(Halt::Sink)
    }
}

impl fmt::Debug for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Halt")
    }
}
