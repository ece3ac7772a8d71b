//! Jobs under way at a provider: how many may be, when they are asked about, how they ended.
//!
//! One question asks about all of them, at a gentle pace that follows how long they take. Whoever
//! waits for a job asks in turn; there is no task of its own that could outlive them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::client::Client;
use super::error::ClientError;
use crate::domain::{JobId, UserId};
use crate::provider::{Bulk, ItemEnd, JobState, JobsHint};

/// The shortest time between two questions.
const GAP_MIN: Duration = Duration::from_millis(250);

/// The longest time between two questions: recorded jobs took 5 to 15 seconds.
const GAP_MAX: Duration = Duration::from_secs(5);

/// How often a job that has been begun may be missing from an answer before it counts as lost.
const MISSING_MAX: u32 = 3;

/// How often in a row asking may fail, after all attempts at it, before the jobs count as lost.
const FAILED_MAX: u32 = 3;

/// How long a job is waited for. None was ever recorded that took a minute.
const JOB_TIME_MAX: Duration = Duration::from_hours(1);

/// The jobs of one account.
#[derive(Debug)]
pub(super) struct Jobs {
    state: Mutex<State>,
    /// A job ended, or another may begin.
    changed: Notify,
    /// Who asks.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    open: BTreeMap<JobId, OpenJob>,
    ended: BTreeMap<JobId, Arc<JobEnd>>,
    /// Requests under way that may begin a job.
    beginning: usize,
    /// How many jobs may be under way.
    limit: usize,
    /// What this program may have under way, whatever the server says.
    limit_max: usize,
    asked_at: Option<Instant>,
    /// How long the last job took that ended; `None`: none has.
    took: Option<Duration>,
    /// How many questions in a row found nothing ended.
    idle: u32,
    failed: u32,
}

#[derive(Debug)]
struct OpenJob {
    since: Instant,
    missing: u32,
}

/// What a job did, as far as it says.
#[derive(Debug, Default)]
pub(super) struct JobEnd {
    items: HashMap<UserId, ItemEnd>,
    /// The HTTP status of the answer that told; `None`: none did.
    status: Option<u16>,
}

/// Leave to begin a job; dropping it gives it back.
#[derive(Debug)]
pub(super) struct JobSlot<'j> {
    jobs: &'j Jobs,
}

// === impl Jobs ===

impl Jobs {
    /// No jobs, and at most `limit` at once.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::new(State {
                open: BTreeMap::new(),
                ended: BTreeMap::new(),
                beginning: 0,
                limit,
                limit_max: limit,
                asked_at: None,
                took: None,
                idle: 0,
                failed: 0,
            }),
            changed: Notify::new(),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Waits until another job may begin.
    ///
    /// # Errors
    ///
    /// When the lane is stopping.
    pub(super) async fn slot(&self, client: &Client) -> Result<JobSlot<'_>, ClientError> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.state();
                if state.open.len() + state.beginning < state.limit {
                    state.beginning += 1;
                    return Ok(JobSlot { jobs: self });
                }
            }
            tokio::select! {
                biased;
                () = client.stop.admitting.cancelled() => return Err(ClientError::Stopping),
                () = changed => {}
            }
        }
    }

    /// Heeds what a server says of its limit: others may have jobs under way there too.
    pub(super) fn heed(&self, hint: JobsHint) {
        let mut state = self.state();
        let ours = state.open.len() + state.beginning;
        let room = ours.saturating_add(hint.remaining).min(hint.total);
        state.limit = room.clamp(1, state.limit_max);
    }

    /// The server took no more jobs: no more than are open now, until one ends.
    pub(super) fn full(&self) {
        let mut state = self.state();
        state.limit = state.open.len().clamp(1, state.limit_max);
    }

    /// Waits until `job` has ended, or is lost.
    ///
    /// # Errors
    ///
    /// See [`ClientError`]; that asking fails in passing is none.
    pub(super) async fn wait(
        &self,
        client: &Client,
        bulk: &dyn Bulk,
        job: &JobId,
    ) -> Result<Arc<JobEnd>, ClientError> {
        self.adopt(job);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(end) = self.state().ended.get(job) {
                return Ok(Arc::clone(end));
            }
            tokio::select! {
                () = changed => {}
                _turn = self.turn.lock() => {
                    if !self.state().ended.contains_key(job) {
                        self.rest(client).await?;
                        self.ask(client, bulk).await?;
                    }
                }
            }
        }
    }

    /// Forgets how `job` ended: everyone who waited for it knows.
    pub(super) fn forget(&self, job: &JobId) {
        self.state().ended.remove(job);
    }

    /// Waits for the time to ask.
    async fn rest(&self, client: &Client) -> Result<(), ClientError> {
        let until = self.state().next_question(Instant::now());
        tokio::select! {
            biased;
            () = client.stop.admitting.cancelled() => Err(ClientError::Stopping),
            () = sleep_until(until) => Ok(()),
        }
    }

    /// Asks about as many jobs as one request can.
    async fn ask(&self, client: &Client, bulk: &dyn Bulk) -> Result<(), ClientError> {
        // The oldest first: with more than fit into one question, they end first.
        let mut jobs: Vec<(Instant, JobId)> = {
            let state = self.state();
            let open = state.open.iter();
            open.map(|(job, open)| (open.since, job.clone())).collect()
        };
        jobs.sort_unstable();
        jobs.truncate(bulk.jobs_asked_max());
        let jobs: Vec<JobId> = jobs.into_iter().map(|(_, job)| job).collect();
        let answer = client.job_states(bulk, &jobs).await;
        let now = Instant::now();
        let mut state = self.state();
        state.asked_at = Some(now);
        let ended = match answer {
            Ok((status, told)) => state.learn(&jobs, status, told, now),
            Err(ClientError::Passing { .. }) => state.asking_failed(&jobs),
            Err(other) => return Err(other),
        };
        drop(state);
        if ended {
            self.changed.notify_waiters();
        }
        Ok(())
    }

    /// Takes `job` for one under way, unless it is known already.
    fn adopt(&self, job: &JobId) {
        let mut state = self.state();
        if !state.ended.contains_key(job) {
            let since = Instant::now();
            let open = OpenJob { since, missing: 0 };
            state.open.entry(job.clone()).or_insert(open);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// When the next question may leave: not before the oldest job can have ended, as far as the
    /// last one tells, and a part of its time after the last question.
    fn next_question(&self, now: Instant) -> Instant {
        let gap = match self.took {
            Some(took) => (took * 2 / 5).clamp(GAP_MIN, GAP_MAX),
            None => (GAP_MIN * 2_u32.saturating_pow(self.idle.min(8))).min(GAP_MAX),
        };
        let likely = self.took.unwrap_or_default().min(JOB_TIME_MAX);
        let oldest = self.open.values().map(|open| open.since).min();
        let first = oldest.map_or(now, |since| since + likely.max(GAP_MIN));
        // A job that takes longer than the one before must not be waited for without end.
        let first = first.min(now + GAP_MAX);
        let next = self.asked_at.map_or(first, |asked| first.max(asked + gap));
        next.max(now)
    }

    /// Takes in what an answer says of the jobs `asked` about; returns whether a job ended.
    fn learn(
        &mut self,
        asked: &[JobId],
        status: u16,
        told: Vec<(JobId, JobState)>,
        now: Instant,
    ) -> bool {
        self.failed = 0;
        let told: HashMap<JobId, JobState> = told.into_iter().collect();
        let mut any = false;
        for job in asked {
            let Some(open) = self.open.get_mut(job) else {
                continue;
            };
            let is_late = now - open.since > JOB_TIME_MAX;
            let end = match told.get(job) {
                Some(JobState::Ended(items)) => Some(JobEnd {
                    items: items.iter().cloned().collect(),
                    status: Some(status),
                }),
                Some(JobState::UnderWay) => {
                    open.missing = 0;
                    is_late.then(JobEnd::default)
                }
                None => {
                    open.missing += 1;
                    (is_late || open.missing >= MISSING_MAX).then(JobEnd::default)
                }
            };
            if let Some(end) = end {
                if told.contains_key(job) {
                    self.took = Some(now - open.since);
                }
                self.end(job, end);
                any = true;
            }
        }
        self.idle = if any { 0 } else { self.idle + 1 };
        any
    }

    /// Asking failed; returns whether the jobs are given up.
    fn asking_failed(&mut self, asked: &[JobId]) -> bool {
        self.failed += 1;
        if self.failed < FAILED_MAX {
            return false;
        }
        self.failed = 0;
        for job in asked {
            self.end(job, JobEnd::default());
        }
        true
    }

    fn end(&mut self, job: &JobId, end: JobEnd) {
        self.open.remove(job);
        self.ended.insert(job.clone(), Arc::new(end));
        // Until the server says again how many there may be.
        self.limit = (self.limit + 1).min(self.limit_max);
    }
}

// === impl JobEnd ===

impl JobEnd {
    /// What the job says of `id`; `None`: nothing clear.
    pub(super) fn item(&self, id: &UserId) -> Option<&ItemEnd> {
        self.items.get(id)
    }

    /// The HTTP status of the answer that told; `None`: none did.
    pub(super) const fn status(&self) -> Option<u16> {
        self.status
    }
}

// === impl JobSlot ===

impl JobSlot<'_> {
    /// The job that was begun with it.
    pub(super) fn begun(self, job: &JobId) {
        self.jobs.adopt(job);
    }
}

impl Drop for JobSlot<'_> {
    fn drop(&mut self) {
        self.jobs.state().beginning -= 1;
        self.jobs.changed.notify_waiters();
    }
}
