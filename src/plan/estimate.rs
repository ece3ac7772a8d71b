//! How long a run takes when nothing but its limits slows it down.
//!
//! Pacing costs 0.5 % of that at most ([`crate::domain::Quota::spread`]) and is left out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{AccountLimits, Action, Many, Quota, Step};

/// The requests of some rows.
#[derive(Debug, Default)]
struct Requests {
    steps: BTreeMap<Step, u64>,
    /// Reads that tell who is protected, and questions about jobs.
    reads: u64,
    /// How long the jobs take.
    jobs: Duration,
}

/// The least time in which all of `rows`, so many of each action, can be sent under `limits`. The
/// limit that takes longest decides, as all of them run at once. A purge is two requests, the first
/// of which may be one for many; its second steps begin when its first job has ended.
///
/// It says nothing of the server's own slowness, nor of retries.
pub fn time_at_limit(rows: &[(Action, u64)], limits: &AccountLimits) -> Duration {
    deciding_limit(rows, limits).0
}

/// That time, and the limit that decides it: that of a step, or of all requests (`None`). `None` in all: jobs
/// take that long.
pub fn deciding_limit(
    rows: &[(Action, u64)],
    limits: &AccountLimits,
) -> (Duration, Option<(Option<Step>, Quota)>) {
    let (requests, first_job) = Requests::of(rows, limits);
    let of_step = |(step, quota): &(Step, Quota)| {
        let count = requests.steps.get(step).copied().unwrap_or(0);
        let time = quota.time_for(count).saturating_add(first_job);
        (time, Some((Some(*step), *quota)))
    };
    let of_account = limits.requests.time_for(requests.all());
    let of_account = (of_account, Some((None, limits.requests)));
    let of_steps = limits.steps.iter().map(of_step);
    let jobs = (requests.jobs.max(first_job), None);
    // Of several that take as long, the last is named.
    let all = [of_account].into_iter().chain(of_steps).chain([jobs]);
    let longest = all.max_by_key(|(time, _)| *time);
    longest.unwrap_or_default()
}

/// How many requests `rows` take of each endpoint, and in all (`None`).
pub fn requests_of(rows: &[(Action, u64)], limits: &AccountLimits) -> BTreeMap<Option<Step>, u64> {
    let (requests, _) = Requests::of(rows, limits);
    let steps = requests.steps.iter().map(|(step, n)| (Some(*step), *n));
    steps.chain([(None, requests.all())]).collect()
}

impl Requests {
    /// Those of `rows`, and how long the first job takes that second steps wait for.
    fn of(rows: &[(Action, u64)], limits: &AccountLimits) -> (Self, Duration) {
        let mut requests = Self::default();
        let mut first_job = Duration::ZERO;
        for (action, count) in rows {
            if limits.asked_alone.is_some() && limits.asked_alone == action.steps().first().copied()
            {
                requests.reads = requests.reads.saturating_add(*count);
            }
            for (index, step) in action.steps().iter().enumerate() {
                let many = limits.many.filter(|many| many.step == *step);
                let took = requests.add(*step, *count, many);
                if index + 1 < action.steps().len() {
                    first_job = first_job.max(took);
                }
            }
        }
        (requests, first_job)
    }

    /// All of them, reads too.
    fn all(&self) -> u64 {
        let steps = self.steps.values();
        steps.fold(self.reads, |sum, n| sum.saturating_add(*n))
    }

    /// Adds `step` of `users`. Returns how long the first job takes; zero: there is none.
    fn add(&mut self, step: Step, users: u64, many: Option<Many>) -> Duration {
        let sum = self.steps.entry(step).or_default();
        let Some(many) = many else {
            *sum = sum.saturating_add(users);
            return Duration::ZERO;
        };
        let [users_min, users_max, jobs_max] =
            [many.users_min, many.users_max, many.jobs_max].map(|most| most as u64);
        let full = users.div_ceil(users_max.max(1));
        self.reads = self.reads.saturating_add(full);
        if users < users_min {
            *sum = sum.saturating_add(users);
            return Duration::ZERO;
        }
        *sum = sum.saturating_add(full);
        // About as many as there are: a few for the first, then one for ten.
        self.reads = self.reads.saturating_add(full.div_ceil(10) + 4);
        let of_job = u32::try_from(users.min(users_max)).unwrap_or(u32::MAX);
        let job = many.job_begins + many.job_user.saturating_mul(of_job);
        let rounds = u32::try_from(full.div_ceil(jobs_max.max(1))).unwrap_or(u32::MAX);
        // The next begin when a question has told that some ended, one after the other.
        let more = (job * 3 / 2).saturating_mul(rounds - 1);
        self.jobs = self.jobs.saturating_add(job).saturating_add(more);
        job
    }
}
