//! A lane: all that runs for one account.

use std::collections::HashSet;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use futures::{Stream, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::unconstrained;
use tokio::time::Instant;

use super::bulk::{Begun, BulkRun};
use super::canary::{Canary, MoreRows, Verdict};
use super::client::{Client, ClientError};
use super::fuse::{FailureLimit, Fuse};
use super::sink::{Durability, SinkFailed};
use super::task::{Before, RowEnded, TaskRun, outcome_entry};
use super::tokens::own;
use super::users::{Place, UsersUnderWay};
use crate::domain::{
    Entry, LaneStop, LeftOpen, Outcome, OutcomeEntry, StopKind, Task, Time, UserId,
};
use crate::provider::Roles;

/// How many rows of a lane are looked after at once. More than the permits there are, so that
/// rows that wait for one endpoint's quota do not keep others from theirs; bounded, so that
/// memory is.
const ROWS_UNDER_WAY_MAX: usize = 1_024;

/// The same where one request carries many rows: as many as all jobs can hold that may be under
/// way (30 of 100 at Zendesk), and again as the bound above for those that have left theirs.
const BULK_ROWS_UNDER_WAY_MAX: usize = 4_096;

/// How often the wall clock is looked at for [`Until`]. It may be set, and a machine may sleep: one
/// long timer would know nothing of either.
const CLOCK_EVERY: Duration = Duration::from_secs(1);

/// How tasks come in: from a cursor over the input, on a thread of its own. An error means that the
/// input could not be read on.
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
    client: Arc<Client>,
    options: LaneOptions,
    fuse: Mutex<Fuse>,
    canary: Canary,
    stopped: OnceLock<LaneStop>,
    /// The lane came to the end of its tasks: each was begun, or ended as protected.
    exhausted: AtomicBool,
    /// The time that [`LaneOptions::until`] sets stopped it.
    out_of_time: AtomicBool,
    users: UsersUnderWay,
    rows_max: usize,
    /// Room for rows under way.
    rows: Arc<Semaphore>,
    /// Whether requests for many rows are not taken here.
    one_by_one: AtomicBool,
}

/// What is sent together.
enum Unit<'l> {
    /// A row of its own, and its place among those of its user.
    Row(Task, Place<'l>, Room),
    /// The same, whose turn it is already.
    Entered(Entered<'l>),
    /// Rows that one request carries.
    Bulk(Vec<Entered<'l>>),
}

/// A row that has the first place of its user.
struct Entered<'l> {
    task: Task,
    user: Place<'l>,
    room: Room,
}

/// Room for rows, held until they have ended.
struct Room(Option<OwnedSemaphorePermit>);

impl Room {
    /// Takes the room for `count` of them.
    fn split(&mut self, count: usize) -> Self {
        Self(self.0.as_mut().and_then(|room| room.split(count)))
    }
}

/// Where a lane is in its tasks.
struct Reading<'l> {
    tasks: TaskSource,
    /// Rows that one request may carry, until there are enough of them.
    gathered: Vec<Entered<'l>>,
    /// How many rows of the canary are still to come.
    canary: u64,
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
enum Halt {
    Stopping,
    Input(Box<dyn Error + Send + Sync>),
    Sink(SinkFailed),
}

// === impl Lane ===

impl Lane {
    /// A lane that sends through `client`.
    pub fn new(client: Arc<Client>, options: LaneOptions) -> Self {
        let fuse = Mutex::new(Fuse::new(options.failure_limit));
        let rows_max = match client.provider.bulk() {
            Some(_) => BULK_ROWS_UNDER_WAY_MAX,
            None => ROWS_UNDER_WAY_MAX,
        };
        let canary = Canary::new(options.canary);
        Self {
            rows_max,
            rows: Arc::new(Semaphore::new(rows_max)),
            one_by_one: AtomicBool::new(false),
            client,
            options,
            fuse,
            canary,
            stopped: OnceLock::new(),
            exhausted: AtomicBool::new(false),
            out_of_time: AtomicBool::new(false),
            users: UsersUnderWay::default(),
        }
    }

    /// Sees every task to its outcome, or as far as it may go.
    pub async fn run(self, tasks: TaskSource) -> LaneEnd {
        let drained = tokio::select! {
            biased;
            never = self.out_of_time() => match never {},
            drained = self.drained(tasks) => drained,
        };
        let interrupted = match drained {
            Ok(interrupted) => interrupted || !self.exhausted.load(Ordering::Relaxed),
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
    async fn drained(&self, tasks: TaskSource) -> Result<bool, LaneEnd> {
        // The only concurrent part: everything that waits, waits in here. The loop below does no
        // waiting of its own, or requests under way would starve (rust-lang/futures-rs#2387).
        let mut rows = self
            .admitted(tasks)
            .map(|unit| async { self.unit(unit?).await })
            .buffer_unordered(self.rows_max)
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

    /// The tasks that may be sent, as they are sent: read in batches, those of a protected role
    /// ended at once, those that one request can carry gathered.
    fn admitted(&self, tasks: TaskSource) -> impl Stream<Item = Result<Unit<'_>, Halt>> {
        let stopping = self.client.stop.admitting.clone().cancelled_owned();
        let reading = Reading {
            tasks,
            gathered: Vec::new(),
            canary: self.options.canary.map_or(0, NonZeroU64::get),
        };
        stream::unfold(reading, move |mut reading| async move {
            let units = self.units(&mut reading).await;
            (!units.is_empty()).then_some((stream::iter(units), reading))
        })
        .flatten()
        .then(|task| async {
            if task.is_ok() {
                self.canary.let_in().await;
            }
            task
        })
        .take_until(stopping)
    }

    /// What is sent next; empty: nothing is left.
    async fn units<'l>(&'l self, reading: &mut Reading<'l>) -> Vec<Result<Unit<'l>, Halt>> {
        let batch_max = self.client.provider.roles().map_or(1, Roles::users_max);
        loop {
            let mut tasks = Vec::with_capacity(batch_max);
            let mut broken = None;
            let mut room = self.room(batch_max).await;
            while tasks.len() < batch_max && broken.is_none() {
                match reading.tasks.recv().await {
                    Some(Ok(task)) => tasks.push(task),
                    Some(Err(error)) => broken = Some(Err(Halt::Input(error))),
                    None => break,
                }
            }
            let over = tasks.len() < batch_max;
            let ended = tasks.is_empty() && broken.is_none();
            self.exhausted.fetch_or(ended, Ordering::Relaxed);
            let mut units = Vec::new();
            match self.without_protected(tasks).await {
                Ok((tasks, standing)) => {
                    for task in tasks {
                        let room = room.split(1);
                        match self.gatherable(reading, &task, &standing) {
                            Some(user) => reading.gathered.push(Entered { task, user, room }),
                            None => {
                                let place = self.users.place(&task.id);
                                units.push(Ok(Unit::Row(task, place, room)));
                            }
                        }
                    }
                }
                Err(halt) => units.push(Err(halt)),
            }
            units.extend(self.gathered(reading, over).map(Ok));
            units.extend(broken);
            if over || !units.is_empty() {
                return units;
            }
        }
    }

    /// Room for `count` more rows.
    async fn room(&self, count: usize) -> Room {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // The semaphore lives as long as the lane and is never closed.
        Room(Arc::clone(&self.rows).acquire_many_owned(count).await.ok())
    }

    /// The first place of the task's user, if it is free and the task can go with others in one
    /// request. Those of the canary go one by one.
    fn gatherable(
        &self,
        reading: &mut Reading<'_>,
        task: &Task,
        standing: &HashSet<UserId>,
    ) -> Option<Place<'_>> {
        if reading.canary > 0 {
            reading.canary -= 1;
            return None;
        }
        let bulk = self.client.provider.bulk()?;
        let step = task.action.steps().get(task.steps_done)?;
        let fit = bulk.takes(*step)
            && standing.contains(&task.id)
            && !self.one_by_one.load(Ordering::Relaxed);
        fit.then(|| self.users.first_place(&task.id)).flatten()
    }

    /// The gathered rows, as many requests as they fill; all of them if no more will come.
    fn gathered<'l>(
        &self,
        reading: &mut Reading<'l>,
        over: bool,
    ) -> impl Iterator<Item = Unit<'l>> + use<'l> {
        let mut units = Vec::new();
        if let Some(bulk) = self.client.provider.bulk() {
            let (least, most) = (bulk.users_min(), bulk.users_max());
            while reading.gathered.len() >= most {
                units.push(Unit::Bulk(reading.gathered.drain(..most).collect()));
            }
            if over {
                let rest = std::mem::take(&mut reading.gathered);
                if rest.len() >= least {
                    units.push(Unit::Bulk(rest));
                } else {
                    units.extend(rest.into_iter().map(Unit::Entered));
                }
            }
        }
        units.into_iter()
    }

    /// Asks the roles of a batch and ends the rows of those who are protected. Returns the rest,
    /// and who of them was listed as standing.
    async fn without_protected(
        &self,
        mut tasks: Vec<Task>,
    ) -> Result<(Vec<Task>, HashSet<UserId>), Halt> {
        let Some(roles) = self.client.provider.roles() else {
            return Ok((tasks, HashSet::new()));
        };
        // Of a row in a job that an earlier process began it was asked before.
        let asked = |task: &Task| {
            let next = task.action.steps().get(task.steps_done);
            !matches!(task.left_open, LeftOpen::Job(_))
                && next.is_some_and(|step| roles.asked_before(*step))
        };
        let ids: Vec<UserId> = tasks
            .iter()
            .filter(|task| asked(task))
            .map(|task| task.id.clone())
            .collect();
        if ids.is_empty() {
            return Ok((tasks, HashSet::new()));
        }
        let listed = match self.client.listed(roles, &ids).await {
            Ok(listed) => listed,
            Err(ClientError::Passing { status, detail, .. }) => {
                // Deleting an administrator cannot be mended; not asking is no way out.
                let reason = StopKind::RolesUnknown;
                self.stop(ClientError::Account {
                    reason,
                    status,
                    detail,
                })
                .await?;
                return Err(Halt::Stopping);
            }
            Err(other) => {
                self.stop(other).await?;
                return Err(Halt::Stopping);
            }
        };
        for user in &listed {
            let Some(role) = user.protected.as_ref().filter(|role| !self.includes(role)) else {
                continue;
            };
            for task in tasks
                .iter()
                .filter(|task| task.id == user.id && asked(task))
            {
                let detail = own("protected_role", format!("this user's role is {role}"));
                let entry = OutcomeEntry {
                    code: detail.code,
                    message: detail.message,
                    ..outcome_entry(task, Outcome::Protected, self.client.now())
                };
                let entry = Entry::Outcome(entry);
                self.client
                    .record(entry, Durability::Queued)
                    .await
                    .map_err(Halt::Sink)?;
            }
            tasks.retain(|task| task.id != user.id || !asked(task));
        }
        Ok((tasks, listed.into_iter().map(|user| user.id).collect()))
    }

    /// Whether users of `role` may be deleted all the same.
    fn includes(&self, role: &str) -> bool {
        let mut included = self.options.include_roles.iter();
        included.any(|included| included.eq_ignore_ascii_case(role))
    }

    /// What is sent together, each of its rows to its outcome.
    async fn unit(&self, unit: Unit<'_>) -> Result<(), Halt> {
        match unit {
            Unit::Row(task, place, _room) => {
                tokio::select! {
                    biased;
                    () = place.turn() => {}
                    // Rows that are gathered are not sent any more: they would be waited for in vain.
                    () = self.client.stop.admitting.cancelled() => return Err(Halt::Stopping),
                }
                self.row(TaskRun::new(&self.client, task)).await
            }
            Unit::Entered(Entered { task, user, room }) => {
                let _held = (user, room);
                self.row(TaskRun::new(&self.client, task)).await
            }
            Unit::Bulk(rows) => self.bulk(rows).await,
        }
    }

    /// Rows that one request carries.
    async fn bulk(&self, rows: Vec<Entered<'_>>) -> Result<(), Halt> {
        let Some((bulk, step)) = self.client.provider.bulk().zip(
            rows.first()
                .and_then(|row| row.task.action.steps().get(row.task.steps_done)),
        ) else {
            return Ok(());
        };
        let started = Instant::now();
        let tasks: Vec<Task> = rows.iter().map(|row| row.task.clone()).collect();
        let begun = match BulkRun::new(&self.client, bulk, *step, &tasks)
            .begin()
            .await
        {
            Ok(begun) => begun,
            Err(error) => {
                self.stop(error).await?;
                return Err(Halt::Stopping);
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
            Begun::Doubt | Begun::NotNow | Begun::Abandoned => None,
        };
        let runs = rows.into_iter().map(|row| {
            let Entered { task, user, room } = row;
            let before = match (&begun, &job) {
                (_, Some((job, end))) => Before::Job((*job).clone(), Arc::clone(end)),
                (Begun::Doubt, None) => Before::Doubt,
                (Begun::Abandoned, None) => Before::Abandoned,
                (Begun::Job(_) | Begun::Never | Begun::NotNow, None) => Before::Nothing,
            };
            let run = match before {
                Before::Nothing => TaskRun::new(&self.client, task),
                before => TaskRun::after(&self.client, task, before, started),
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

    /// One row, to its outcome.
    async fn row(&self, run: TaskRun<'_>) -> Result<(), Halt> {
        match run.run().await {
            Ok(ended) => self.count(ended).await,
            Err(error) => {
                self.stop(error).await?;
                Err(Halt::Stopping)
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
            self.stop_for(blown.kind, blown.code, blown.words).await?;
        }
        self.stop_for_canary(MoreRows::Perhaps).await
    }

    async fn stop_for_canary(&self, more: MoreRows) -> Result<(), Halt> {
        match self.canary.verdict(more) {
            Verdict::Good | Verdict::Open => Ok(()),
            Verdict::Bad(words) => self.stop_for(StopKind::CanaryFailed, "canary", words).await,
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
    async fn stop(&self, error: ClientError) -> Result<(), Halt> {
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
        let stop = LaneStop {
            account: self.client.account.clone(),
            reason,
            status,
            code: detail.code,
            message: detail.message,
            at: self.client.now(),
        };
        if self.stopped.set(stop.clone()).is_ok() {
            self.client.stop.admitting.cancel();
            let entry = Entry::Stop(stop);
            self.client
                .record(entry, Durability::Queued)
                .await
                .map_err(Halt::Sink)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Halt")
    }
}
