//! Jobs under way at a provider: how many may be, when they are asked about, how they ended.
//!
//! One read asks about all of them, and counts against the account's quota like any other. So it
//! comes seldom:
//!
//! - not before a job may have ended, by what those before it took;
//! - not while more jobs may begin, as nobody waits for an answer then, but for [`GAP_MAX`];
//! - not more often than every [`GAP_MIN`], nor than a [`QUOTA_PART`]th of what the quota allows;
//! - after each read that found nothing ended, twice as late, up to [`GAP_MAX`].

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::limits::RETRIED_AFTER;
use crate::domain::{JobId, UserId};
use crate::provider::{ItemEnd, JobState, JobsHint};

/// The shortest time between two reads.
const GAP_MIN: Duration = Duration::from_millis(250);

/// The longest time between two reads: recorded jobs took 5 to 15 seconds.
const GAP_MAX: Duration = Duration::from_secs(30);

/// The same where a [`QUOTA_PART`]th of the quota is less than that.
const GAP_OF_QUOTA_MAX: Duration = Duration::from_mins(1);

/// Of so many requests that the account's quota allows, one may ask about jobs.
const QUOTA_PART: u32 = 10;

/// How long a job is taken to take before one has ended: recorded ones took 5 to 15 seconds.
const USUAL_TIME: Duration = Duration::from_secs(5);

/// How often a job that has been begun may be missing from an answer before it counts as lost.
const MISSING_MAX: u32 = 3;

/// How often in a row asking may fail, after all attempts at it, before the jobs count as lost.
const FAILED_MAX: u32 = 3;

/// How long a job is waited for. None was ever recorded that took a minute.
const JOB_TIME_MAX: Duration = Duration::from_hours(1);

/// The jobs of one account.
#[derive(Debug, Default)]
pub struct Jobs {
    open: BTreeMap<JobId, Job>,
    /// Requests in flight that may begin a job.
    beginning: usize,
    /// How many jobs may be under way.
    limit: usize,
    /// The number that this program may have under way, whatever the server says.
    limit_max: usize,
    /// When the server last took no more; `None`: never.
    refused_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// Whether they are being asked about.
    is_asking: bool,
    /// How long jobs take, of those that ended last; `None`: none has ended.
    took: Option<Duration>,
    /// How many reads in a row found nothing ended.
    idle: u32,
    failed: u32,
}

/// A job that is under way, has ended, or is lost.
#[derive(Debug)]
pub struct Job {
    since: Instant,
    missing: u32,
    /// The rows that it carries.
    pub rows: Vec<u64>,
    /// The end of each of its users, once it has ended.
    pub items: HashMap<UserId, ItemEnd>,
    /// The HTTP status of the answer that told how it ended; `None`: none did.
    pub status: Option<u16>,
}

impl Jobs {
    /// No jobs, and at most `limit` at once.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            limit_max: limit,
            ..Self::default()
        }
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether another job may begin.
    pub fn has_room(&self) -> bool {
        self.under_way() < self.limit
    }

    /// A request leaves that may begin a job.
    pub const fn begin(&mut self) {
        self.beginning += 1;
    }

    /// It began none.
    pub const fn not_begun(&mut self) {
        self.beginning = self.beginning.saturating_sub(1);
    }

    /// Takes `job` for one under way that carries `rows` too.
    pub fn adopt(&mut self, job: JobId, rows: impl IntoIterator<Item = u64>, now: Instant) {
        let open = self.open.entry(job).or_insert_with(|| Job {
            since: now,
            missing: 0,
            rows: Vec::new(),
            items: HashMap::new(),
            status: None,
        });
        open.rows.extend(rows);
    }

    /// Observes what a server says of its limit: others may have jobs under way there too.
    pub fn observe(&mut self, hint: JobsHint) {
        let room = self.under_way().saturating_add(hint.remaining);
        self.limit = room.min(hint.total).clamp(1, self.limit_max.max(1));
    }

    /// The server took no more jobs: no more than are open or about to be, for a while.
    pub fn full(&mut self, now: Instant) {
        self.limit = self.under_way().clamp(1, self.limit.max(1));
        self.refused_at = Some(now);
    }

    /// How long a job that began now is likely to take.
    pub fn likely_time(&self) -> Duration {
        self.took
            .map_or(USUAL_TIME, |took| took.clamp(GAP_MIN, GAP_MAX))
    }

    fn under_way(&self) -> usize {
        self.open.len() + self.beginning
    }

    /// When they are to be asked about next, if at all. `is_feeding`: more jobs are about to begin.
    pub fn next_question(&self, interval: Duration, is_feeding: bool) -> Option<Instant> {
        let oldest = self.open.values().map(|job| job.since).min()?;
        if self.is_asking {
            return None;
        }
        // A little before, or the time that jobs seem to take would never become less.
        let likely = self.took.map_or(GAP_MIN, |took| took * 19 / 20);
        let first = oldest + likely.clamp(GAP_MIN, GAP_MAX);
        let gap = self.took.map_or(GAP_MIN, |took| took / 4);
        let gap = gap.max(GAP_MIN).saturating_mul(1 << self.idle.min(8));
        let is_waited_for = !is_feeding || !self.has_room();
        let gap = if is_waited_for {
            gap.min(GAP_MAX)
        } else {
            GAP_MAX
        };
        let gap = gap.max((interval * QUOTA_PART).min(GAP_OF_QUOTA_MAX));
        let begun = if is_waited_for {
            first
        } else {
            first.max(oldest + GAP_MAX)
        };
        Some(self.asked_at.map_or(begun, |asked| begun.max(asked + gap)))
    }

    /// Those to ask about with one read of `most`, the oldest first.
    pub fn ask(&mut self, most: usize) -> Vec<JobId> {
        self.is_asking = true;
        let mut open: Vec<_> = self.open.iter().map(|(id, job)| (job.since, id)).collect();
        open.sort_unstable();
        open.into_iter()
            .take(most)
            .map(|(_, id)| id.clone())
            .collect()
    }

    /// Takes in what an answer says of the jobs `asked` about; returns those that ended.
    pub fn apply(
        &mut self,
        asked: &[JobId],
        (status, seen): (Option<u16>, Vec<(JobId, JobState)>),
        now: Instant,
    ) -> Vec<(JobId, Job)> {
        self.is_asking = false;
        self.asked_at = Some(now);
        self.failed = 0;
        let mut seen: HashMap<JobId, JobState> = seen.into_iter().collect();
        let mut ended = Vec::new();
        let mut took: Option<Duration> = None;
        for id in asked {
            let Some(open) = self.open.get_mut(id) else {
                continue;
            };
            let so_long = now - open.since;
            let state = seen.remove(id);
            let is_named = state.is_some();
            let (items, is_over) = match state {
                Some(JobState::Ended(items)) => {
                    // Of those that ended, the one that was begun last tells best.
                    took = Some(took.map_or(so_long, |least| least.min(so_long)));
                    (items, true)
                }
                Some(JobState::UnderWay) => {
                    open.missing = 0;
                    (Vec::new(), false)
                }
                None => {
                    open.missing += 1;
                    (Vec::new(), open.missing >= MISSING_MAX)
                }
            };
            if is_over || so_long > JOB_TIME_MAX {
                let status = status.filter(|_| is_named && is_over);
                ended.extend(self.end(id, items, status, now));
            }
        }
        self.took = took.or(self.took);
        self.idle = if ended.is_empty() { self.idle + 1 } else { 0 };
        ended
    }

    /// Asking failed; returns the jobs that are given up for it.
    pub fn asking_failed(&mut self, asked: &[JobId], now: Instant) -> Vec<(JobId, Job)> {
        self.is_asking = false;
        self.asked_at = Some(now);
        self.failed += 1;
        if self.failed < FAILED_MAX {
            return Vec::new();
        }
        self.failed = 0;
        let ended = asked.iter().map(|id| self.end(id, Vec::new(), None, now));
        ended.flatten().collect()
    }

    fn end(
        &mut self,
        id: &JobId,
        items: Vec<(UserId, ItemEnd)>,
        status: Option<u16>,
        now: Instant,
    ) -> Option<(JobId, Job)> {
        let mut job = self.open.remove(id)?;
        // Until the server says again how many there may be. One that begins in vain costs a pause.
        let at = self.refused_at.map(|at| at + RETRIED_AFTER);
        if at.is_none_or(|at| at <= now) {
            self.limit = (self.limit + 1).min(self.limit_max);
        }
        job.items = items.into_iter().collect();
        job.status = status;
        Some((id.clone(), job))
    }
}
