//! A lane: all that runs for one account.

use std::collections::HashSet;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use tokio::sync::{Notify, mpsc};
use tokio::task::unconstrained;

use super::canary::{Canary, MoreRows, Verdict};
use super::client::{Client, ClientError};
use super::fuse::{FailureLimit, Fuse};
use super::sink::{Durability, SinkFailed};
use super::task::{RowEnded, TaskRun, outcome_entry};
use super::tokens::own;
use crate::domain::{Entry, LaneStop, Outcome, OutcomeEntry, StopKind, Task, Time, UserId};
use crate::provider::Roles;

/// How many tasks of a lane are looked after at once. More than the permits there are, so that
/// tasks that wait for one endpoint's quota do not keep others from theirs; bounded, so that
/// memory is.
const TASKS_UNDER_WAY_MAX: usize = 1_024;

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
        let canary = Canary::new(options.canary);
        Self {
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
            .map(|task| async { self.row(task?).await })
            .buffer_unordered(TASKS_UNDER_WAY_MAX)
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

    /// The tasks that may be sent: read in batches, those of a protected role ended at once.
    fn admitted(&self, tasks: TaskSource) -> impl Stream<Item = Result<Task, Halt>> {
        let stopping = self.client.stop.admitting.clone().cancelled_owned();
        stream::unfold(tasks, move |mut tasks| async move {
            let batch = self.batch(&mut tasks).await;
            (!batch.is_empty()).then_some((stream::iter(batch), tasks))
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

    /// The next batch; empty: there is none.
    async fn batch(&self, source: &mut TaskSource) -> Vec<Result<Task, Halt>> {
        let batch_max = self.client.provider.roles().map_or(1, Roles::users_max);
        loop {
            let mut tasks = Vec::with_capacity(batch_max);
            let mut broken = None;
            while tasks.len() < batch_max && broken.is_none() {
                match source.recv().await {
                    Some(Ok(task)) => tasks.push(task),
                    Some(Err(error)) => broken = Some(Err(Halt::Input(error))),
                    None => break,
                }
            }
            let over = tasks.is_empty() && broken.is_none();
            self.exhausted.fetch_or(over, Ordering::Relaxed);
            let mut batch = match self.without_protected(tasks).await {
                Ok(tasks) => tasks.into_iter().map(Ok).collect(),
                Err(halt) => vec![Err(halt)],
            };
            batch.extend(broken);
            if over || !batch.is_empty() {
                return batch;
            }
        }
    }

    /// Asks the roles of a batch and ends the rows of those who are protected.
    async fn without_protected(&self, mut tasks: Vec<Task>) -> Result<Vec<Task>, Halt> {
        let Some(roles) = self.client.provider.roles() else {
            return Ok(tasks);
        };
        let asked = |task: &Task| {
            let next = task.action.steps().get(task.steps_done);
            next.is_some_and(|step| roles.asked_before(*step))
        };
        let ids: Vec<UserId> = tasks
            .iter()
            .filter(|task| asked(task))
            .map(|task| task.id.clone())
            .collect();
        if ids.is_empty() {
            return Ok(tasks);
        }
        let protected = match self.client.protected_roles(roles, &ids).await {
            Ok(protected) => protected,
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
        for (id, role) in protected {
            if self
                .options
                .include_roles
                .iter()
                .any(|included| included.eq_ignore_ascii_case(&role))
            {
                continue;
            }
            for task in tasks.iter().filter(|task| task.id == id && asked(task)) {
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
            tasks.retain(|task| task.id != id || !asked(task));
        }
        Ok(tasks)
    }

    /// One row, to its outcome.
    async fn row(&self, task: Task) -> Result<(), Halt> {
        let _user = self.users.enter(task.id.clone()).await;
        match TaskRun::new(&self.client, task).run().await {
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

/// The users with a row under way: two requests about one user at once answer each other with 409
/// at best. Rows of one user go one after another, in the order of the file.
#[derive(Debug, Default)]
struct UsersUnderWay {
    users: Mutex<HashSet<UserId>>,
    left: Notify,
}

struct UserUnderWay<'a> {
    all: &'a UsersUnderWay,
    id: UserId,
}

impl UsersUnderWay {
    async fn enter(&self, id: UserId) -> UserUnderWay<'_> {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self
                .users
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(id.clone())
            {
                return UserUnderWay { all: self, id };
            }
            left.await;
        }
    }
}

impl Drop for UserUnderWay<'_> {
    fn drop(&mut self) {
        self.all
            .users
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
        self.all.left.notify_waiters();
    }
}
