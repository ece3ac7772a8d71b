//! How long a run takes when nothing but its limits slows it down.
//!
//! Pacing costs half a hundredth of that at most ([`crate::domain::Quota::spread`]) and is left out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{AccountLimits, Action, Many, Step};

/// The requests of some rows.
#[derive(Debug, Default)]
struct Requests {
    steps: BTreeMap<Step, u64>,
    /// Reads that tell who is protected, and questions about jobs.
    reads: u64,
    /// How long the jobs take.
    jobs: Duration,
}

/// The least time in which all of `rows`, how many of which action, can be sent under `limits`: the
/// limit that takes longest decides, as all of them run at once. A purge is two requests, the first of
/// which may be one for many; its second steps begin when its first job has ended.
///
/// It says nothing of the server's own slowness, nor of retries.
pub fn time_at_limit(rows: &[(Action, u64)], limits: &AccountLimits) -> Duration {
    let mut requests = Requests::default();
    let mut first_job = Duration::ZERO;
    for (action, count) in rows {
        if limits.asked_alone.is_some() && limits.asked_alone == action.steps().first().copied() {
            requests.reads = requests.reads.saturating_add(*count);
        }
        for (place, step) in action.steps().iter().enumerate() {
            let many = limits.many.filter(|many| many.step == *step);
            let took = requests.add(*step, *count, many);
            if place + 1 < action.steps().len() {
                first_job = first_job.max(took);
            }
        }
    }
    let all = requests
        .steps
        .values()
        .fold(requests.reads, |sum, n| sum.saturating_add(*n));
    let of_account = limits.requests.time_for(all);
    let of_steps = limits
        .steps
        .iter()
        .map(|(step, quota)| quota.time_for(requests.steps.get(step).copied().unwrap_or(0)))
        .max()
        .unwrap_or_default();
    let of_steps = of_steps.saturating_add(first_job);
    of_steps.max(of_account).max(requests.jobs)
}

impl Requests {
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

/// How many of `rows` can be sent within `time`, taken evenly from each action: what
/// [`time_at_limit`] says of them is not more.
pub fn rows_within(rows: &[(Action, u64)], limits: &AccountLimits, time: Duration) -> u64 {
    let all = rows
        .iter()
        .fold(0_u64, |sum, (_, n)| sum.saturating_add(*n));
    let part_of = |n: u64, part: u64| {
        let share = u128::from(n) * u128::from(part) / u128::from(all.max(1));
        u64::try_from(share).unwrap_or(n)
    };
    let fits = |part: u64| {
        let some: Vec<_> = rows
            .iter()
            .map(|(action, n)| (*action, part_of(*n, part)))
            .collect();
        time_at_limit(&some, limits) <= time
    };
    // The most that fit lie in low..=high; at most 64 halvings.
    let (mut low, mut high) = (0, all);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::{rows_within, time_at_limit};
    use crate::domain::Action::{Delete, PermanentlyDelete, Purge};
    use crate::domain::{AccountLimits, Action, Many, Step};

    fn limits(account: &str) -> AccountLimits {
        AccountLimits {
            requests: account.parse().unwrap(),
            share: 1.0,
            concurrency: NonZeroU32::MIN,
            steps: vec![(Step::PermanentlyDelete, "700/10m".parse().unwrap())],
            many: None,
            asked_alone: None,
        }
    }

    type Rows = &'static [(Action, u64)];

    #[test]
    fn the_slowest_limit_decides() {
        // Rows, the account's limit, which endpoint is another, and the seconds they take.
        let table: [(Rows, &str, &str, u64); 16] = [
            // Within every limit.
            (&[], "400/1m", "", 0),
            (&[(Delete, 400)], "400/1m", "", 0),
            (&[(PermanentlyDelete, 700)], "9999/1s", "", 0),
            // The endpoint's window decides.
            (&[(PermanentlyDelete, 701)], "9999/1s", "", 600),
            (&[(PermanentlyDelete, 5000)], "400/1m", "", 4200),
            // The account's window decides: two requests a purge.
            (&[(Delete, 401)], "400/1m", "", 60),
            (&[(Delete, 301), (Purge, 150)], "60/1m", "", 600),
            // Who is asked about alone takes two requests, but by the endpoint, or before a purge.
            (&[(PermanentlyDelete, 600)], "400/1m", "alone", 120),
            (&[(PermanentlyDelete, 1_400)], "400/1m", "alone", 600),
            (&[(Purge, 400)], "400/1m", "alone", 60),
            // Too few for a job: each a request, and one read.
            (&[(Delete, 24)], "25/1m", "many", 0),
            (&[(Delete, 25)], "25/1m", "many", 5),
            // 1,000 jobs, 30 at once, each of 13 seconds and some waiting; and 2,104 requests.
            (&[(Delete, 100_000)], "400/1m", "many", 656),
            (&[(Delete, 100_000)], "100/1m", "many", 1_260),
            // The permanent steps follow the first job.
            (&[(Purge, 700)], "1000/1m", "many", 13),
            (&[(Purge, 7_000)], "1000/1m", "many", 5_413),
        ];
        // As Zendesk has it.
        let many = Many {
            step: Step::Delete,
            users_min: 25,
            users_max: 100,
            jobs_max: 30,
            job_begins: Duration::from_secs(3),
            job_user: Duration::from_millis(100),
        };
        for (rows, account, other, secs) in table {
            let limits = AccountLimits {
                many: (other == "many").then_some(many),
                asked_alone: (other == "alone").then_some(Step::PermanentlyDelete),
                ..limits(account)
            };
            assert_eq!(time_at_limit(rows, &limits).as_secs(), secs, "{rows:?}");
        }
        // Of no number of requests it overflows.
        let rows = [(Purge, u64::MAX), (Delete, u64::MAX)];
        time_at_limit(&rows, &limits("1/31d"));
        rows_within(&rows, &limits("1/31d"), Duration::MAX);
    }

    #[test]
    fn so_many_rows_fit() {
        let table: [(Rows, &str, u64, u64); 6] = [
            (&[], "400/1m", 60, 0),
            (&[(Delete, 12_000)], "60/1m", 600, 660),
            (&[(Delete, 500)], "60/1m", 600, 500),
            (&[(PermanentlyDelete, 5_000)], "100000/1m", 599, 700),
            (&[(PermanentlyDelete, 5_000)], "100000/1m", 600, 1_400),
            (&[(Delete, 1_000), (Purge, 1_000)], "60/1m", 600, 441),
        ];
        for (rows, account, secs, fit) in table {
            let within = rows_within(rows, &limits(account), Duration::from_secs(secs));
            assert_eq!(within, fit, "{rows:?}");
        }
    }
}
