//! Jobs under way at a provider: how many may be, when they are asked about, how they ended.
//!
//! One question asks about all of them, at a gentle pace that follows how long they take, because it
//! counts against the account's quota like any other request:
//!
//! - No question before two fifths of the jobs that may be under way are likely to have ended, 12 of 30,
//!   or all that are where they are fewer; nor before two fifths of the time that jobs take has passed
//!   since the last question.
//! - While more jobs may begin and more rows come, nobody waits for an answer: not before half as many
//!   jobs as may be under way have begun since the last question, but for [`GAP_MAX`].
//! - Never more often than every [`GAP_MIN`], never more than a [`QUOTA_PART`]th of what the account's
//!   quota allows, and never more seldom than every [`GAP_MAX`], or every [`GAP_OF_QUOTA_MAX`] where
//!   that tenth is less.
//! - After questions that found nothing ended the gap doubles, so that a job that hangs until it is
//!   given up after [`JOB_TIME_MAX`] costs some 130 questions.
//!
//! A thousand jobs are done with fewer than a hundred questions.
//!
//! Whoever waits for a job asks in turn; there is no task of its own that could outlive them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::client::Client;
use super::error::ClientError;
use super::limits::TRIED_AGAIN_AFTER;
use crate::domain::{JobId, UserId};
use crate::provider::{Bulk, ItemEnd, JobState, JobsHint};

/// The shortest time between two questions.
const GAP_MIN: Duration = Duration::from_millis(250);

/// The longest time between two questions: recorded jobs took 5 to 15 seconds.
const GAP_MAX: Duration = Duration::from_secs(30);

/// The same where a [`QUOTA_PART`]th of the quota is less than that.
const GAP_OF_QUOTA_MAX: Duration = Duration::from_mins(1);

/// Of so many requests that the account's quota allows, one may be a question.
const QUOTA_PART: u32 = 10;

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
    /// When the server last took no more; `None`: never.
    refused_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// How many jobs were begun since then.
    begun: usize,
    /// How many parts of the lane have rows for more jobs.
    feeding: usize,
    /// How long jobs take, of those that ended last; `None`: none has ended.
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
                refused_at: None,
                asked_at: None,
                begun: 0,
                feeding: 0,
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

    /// The server took no more jobs: no more than are open or about to be, for a while.
    pub(super) fn full(&self) {
        let mut state = self.state();
        let ours = state.open.len() + state.beginning;
        state.limit = ours.clamp(1, state.limit);
        state.refused_at = Some(Instant::now());
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

    /// A part of the lane has rows that may go many to a request, or has them no more.
    pub(super) fn feeding(&self, feeds: bool) {
        {
            let mut state = self.state();
            state.feeding = if feeds {
                state.feeding + 1
            } else {
                state.feeding.saturating_sub(1)
            };
        }
        self.changed.notify_waiters();
    }

    /// Waits for the time to ask.
    async fn rest(&self, client: &Client) -> Result<(), ClientError> {
        let interval = client.interval();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let until = self.state().next_question(interval);
            tokio::select! {
                biased;
                () = client.stop.admitting.cancelled() => return Err(ClientError::Stopping),
                () = sleep_until(until) => return Ok(()),
                // There may be a reason to ask sooner.
                () = changed => {}
            }
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
        self.state().begun = 0;
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
    /// When the next question may leave, where the account may send one request an `interval`.
    fn next_question(&self, interval: Duration) -> Instant {
        let mut since: Vec<Instant> = self.open.values().map(|open| open.since).collect();
        since.sort_unstable();
        // A little before, or the time that jobs seem to take would never become less.
        let likely = self.took.map_or(GAP_MIN, |took| took * 19 / 20);
        let likely = likely.clamp(GAP_MIN, GAP_MAX);
        let enough = match self.took {
            Some(_) => (self.limit * 2).div_ceil(5).min(since.len()),
            None => 1,
        };
        let first = since.first().map(|oldest| {
            let last = since.get(enough.saturating_sub(1)).unwrap_or(oldest);
            (*last + likely).min(*oldest + likely + GAP_MAX)
        });
        let next = self.asked_at.map(|asked| asked + self.gap(interval));
        first.max(next).unwrap_or_else(Instant::now)
    }

    /// The time between two questions.
    fn gap(&self, interval: Duration) -> Duration {
        let (gap, idle) = match self.took {
            // The first in vain only shows that these take a little longer.
            Some(took) => (took * 2 / 5, self.idle.saturating_sub(1)),
            None => (GAP_MIN, self.idle),
        };
        let gap = gap.max(GAP_MIN).saturating_mul(1 << idle.min(8));
        let is_full = self.open.len() + self.beginning >= self.limit;
        let is_due = is_full || self.feeding == 0 || self.begun >= self.limit.div_ceil(2);
        let gap = if is_due { gap.min(GAP_MAX) } else { GAP_MAX };
        gap.max((interval * QUOTA_PART).min(GAP_OF_QUOTA_MAX))
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
        let mut took = None;
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
                    // Of those that ended, the one that was begun last tells best.
                    let so_long = now - open.since;
                    took = Some(took.map_or(so_long, |least: Duration| least.min(so_long)));
                }
                self.end(job, end);
                any = true;
            }
        }
        self.took = took.or(self.took);
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
        // Until the server says again how many there may be. One that begins in vain costs a pause.
        let at = self.refused_at.map(|at| at + TRIED_AGAIN_AFTER);
        if at.is_none_or(|at| at <= Instant::now()) {
            self.limit = (self.limit + 1).min(self.limit_max);
        }
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
        self.jobs.state().begun += 1;
    }
}

impl Drop for JobSlot<'_> {
    fn drop(&mut self) {
        self.jobs.state().beginning -= 1;
        self.jobs.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;
    use tokio::time::{Instant, advance};

    use super::{GAP_MAX, JOB_TIME_MAX, JobEnd, Jobs, TRIED_AGAIN_AFTER};
    use crate::domain::JobId;
    use crate::provider::{JobState, JobsHint};

    const INTERVAL: Duration = Duration::from_millis(150);

    /// Begins `count` jobs of `job_time`, one each `begin_gap` while there may be more, and asks
    /// about them. Returns how many questions that took, and how long.
    async fn worked(count: u64, job_time: Duration, begin_gap: Duration) -> (u32, Duration) {
        let jobs = Jobs::new(30);
        jobs.feeding(true);
        let start = Instant::now();
        let (mut begun, mut ended, mut questions) = (0, 0, 0);
        let mut begin_at = start;
        while ended < count {
            let question = jobs.state().next_question(INTERVAL);
            let may_begin = begun < count && jobs.state().open.len() < 30;
            let now = Instant::now();
            if may_begin && (begin_at <= question || jobs.state().open.is_empty()) {
                advance(begin_at.saturating_duration_since(now)).await;
                begun += 1;
                jobs.adopt(&JobId::new(begun.to_string()));
                jobs.state().begun += 1;
                if begun == count {
                    jobs.feeding(false);
                }
                begin_at = Instant::now() + begin_gap;
                continue;
            }
            advance(question.saturating_duration_since(now)).await;
            questions += 1;
            let now = Instant::now();
            let mut state = jobs.state();
            state.begun = 0;
            state.asked_at = Some(now);
            let asked: Vec<_> = state.open.keys().cloned().collect();
            let told = state.open.iter().map(|(job, open)| {
                let is_over = now - open.since >= job_time;
                let told = if is_over {
                    JobState::Ended(Vec::new())
                } else {
                    JobState::UnderWay
                };
                (job.clone(), told)
            });
            let told = told.collect();
            let before = state.open.len();
            state.learn(&asked, 200, told, now);
            ended += (before - state.open.len()) as u64;
        }
        (questions, start.elapsed())
    }

    #[rstest]
    #[case::as_recorded(13_000, 300)]
    #[case::slow(40_000, 300)]
    #[case::quick(2_000, 300)]
    #[case::at_once(100, 300)]
    #[case::a_slow_account(13_000, 2_000)]
    #[case::a_quick_account(13_000, 20)]
    #[tokio::test(start_paused = true)]
    async fn a_thousand_jobs_take_fewer_than_a_hundred_questions_and_little_waiting(
        #[case] job_time: u64,
        #[case] begin_gap: u64,
    ) {
        let job_time = Duration::from_millis(job_time);
        let begin_gap = Duration::from_millis(begin_gap);
        let (questions, took) = worked(1_000, job_time, begin_gap).await;
        assert!(questions < 100, "{questions} in {took:?}");
        // Either the begins or the jobs, 30 at a time, take longest; the rest is what asking costs.
        let least = (begin_gap * 999 + job_time).max(job_time * 1_000 / 30);
        assert!(took < least.mul_f64(1.6), "{took:?} of {least:?}");
    }

    #[rstest]
    #[case(1, 13_000)]
    #[case(3, 13_000)]
    #[case(1, 900)]
    #[tokio::test(start_paused = true)]
    async fn a_few_jobs_are_known_soon_after_they_ended(#[case] count: u64, #[case] job_time: u64) {
        let job_time = Duration::from_millis(job_time);
        let (questions, took) = worked(count, job_time, INTERVAL).await;
        assert!(questions <= 8, "{questions}");
        assert!(took <= job_time * 2, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_hangs_costs_a_bounded_number_of_questions() {
        for known in [None, Some(Duration::from_millis(500))] {
            let jobs = Jobs::new(30);
            jobs.state().took = known;
            let (questions, took) = {
                jobs.adopt(&JobId::new("1"));
                let start = Instant::now();
                let mut questions = 0;
                while !jobs.state().open.is_empty() {
                    let until = jobs.state().next_question(INTERVAL);
                    advance(until.saturating_duration_since(Instant::now())).await;
                    questions += 1;
                    let now = Instant::now();
                    let mut state = jobs.state();
                    state.asked_at = Some(now);
                    let asked = [JobId::new("1")];
                    let told = vec![(JobId::new("1"), JobState::UnderWay)];
                    state.learn(&asked, 200, told, now);
                }
                (questions, start.elapsed())
            };
            assert!(questions <= 135, "{questions}");
            assert!(took <= JOB_TIME_MAX + GAP_MAX, "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_jobs_are_begun_than_the_server_says_there_is_room_for() {
        let jobs = Jobs::new(24);
        for job in 0..5 {
            jobs.adopt(&JobId::new(job.to_string()));
        }
        for (total, remaining, limit) in
            [(30, 25, 24), (30, 2, 7), (6, 4, 6), (30, 0, 5), (0, 0, 1)]
        {
            jobs.heed(JobsHint { total, remaining });
            assert_eq!(jobs.state().limit, limit, "{remaining} of {total}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_as_many_jobs_as_were_taken_and_one_more_a_while_later() {
        let jobs = Jobs::new(30);
        // Eight begin at once. Three are refused before the other five are known.
        jobs.state().beginning = 8;
        for _ in 0..3 {
            jobs.state().beginning -= 1;
            jobs.full();
        }
        assert_eq!(jobs.state().limit, 5);
        for job in 0..5 {
            jobs.state().beginning -= 1;
            jobs.adopt(&JobId::new(job.to_string()));
        }
        let ended = |job: u32| {
            let mut state = jobs.state();
            state.end(&JobId::new(job.to_string()), JobEnd::default());
            (state.limit, state.open.len())
        };
        assert_eq!(ended(0), (5, 4));
        advance(TRIED_AGAIN_AFTER).await;
        assert_eq!(ended(1), (6, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn questions_are_a_tenth_of_the_quota_at_most() {
        let jobs = Jobs::new(30);
        jobs.state().asked_at = Some(Instant::now());
        for (interval_ms, gap_ms) in [(1, 250), (150, 1_500), (3_000, 30_000), (17_280, 60_000)] {
            let gap = jobs.state().gap(Duration::from_millis(interval_ms));
            assert_eq!(gap, Duration::from_millis(gap_ms), "{interval_ms}");
        }
    }
}
