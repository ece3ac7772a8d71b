//! Background jobs that delete many users: queued, then working item by item, then completed.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::users::{Refusal, Users};
use crate::domain::Time;
use crate::sandbox::window::shortened;

/// How jobs are run.
#[derive(Debug, Clone, Copy)]
pub(super) struct JobPolicy {
    /// How many may be queued or running.
    pub(super) limit: u32,
    /// Every time is divided by this.
    pub(super) scale: f64,
    /// Whether jobs end as `failed` with nothing done.
    pub(super) fail: bool,
    /// Every so many result items one is left out; 0: none.
    pub(super) missing_every: u32,
    /// Who deletes.
    pub(super) caller: u64,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    Working,
    Completed(Time),
    Failed(Time),
}

/// A job.
#[derive(Debug)]
struct Job {
    id: String,
    number: u64,
    /// The ids as the request named them; what is no number is no user.
    ids: Vec<String>,
    queued_at: Time,
    begins_at: Time,
    ends_at: Time,
    stage: Stage,
    /// One item for every user done, in the order they were done.
    results: Vec<Value>,
}

/// All jobs of an account that are not forgotten yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    all: VecDeque<Job>,
    started: u64,
}

impl Jobs {
    /// How long a job waits before it begins; recorded jobs waited up to five seconds.
    const QUEUED: Duration = Duration::from_secs(3);
    /// How long one item takes; recorded jobs of a hundred took about ten seconds.
    const ITEM: Duration = Duration::from_millis(100);
    /// How long a job's status is kept, from its creation on
    /// (<https://developer.zendesk.com/api-reference/ticketing/ticket-management/job_statuses/>).
    const KEPT: Duration = Duration::from_hours(24);
    /// How many statuses are kept at most; after that the oldest is forgotten.
    const KEPT_MAX: usize = 10_000;

    /// Does what the jobs have had time for until `now`.
    pub(super) fn advance(&mut self, users: &mut Users, policy: JobPolicy, now: Time) {
        for job in &mut self.all {
            job.advance(users, policy, now);
        }
        let kept = shortened(Self::KEPT, policy.scale);
        self.all
            .retain(|job| job.running() || now < job.queued_at.after(kept));
    }

    /// Starts a job over `ids` and returns its status. `Err`: too many are running; their ids.
    pub(super) fn start(
        &mut self,
        ids: Vec<String>,
        policy: JobPolicy,
        now: Time,
        base_url: &str,
    ) -> Result<Value, Vec<String>> {
        let running: Vec<String> = self
            .all
            .iter()
            .filter(|job| job.running())
            .map(|job| job.id.clone())
            .collect();
        if running.len() >= policy.limit as usize {
            return Err(running);
        }
        self.started += 1;
        let digest = blake3::hash(format!("job {} {}", self.started, now.as_millis()).as_bytes());
        let items = u32::try_from(ids.len()).unwrap_or(u32::MAX).max(1);
        let begins_at = now.after(shortened(Self::QUEUED, policy.scale));
        let job = Job {
            id: format!("V3-{}", &digest.to_hex()[..32]),
            number: self.started,
            ids,
            queued_at: now,
            begins_at,
            ends_at: begins_at.after(shortened(Self::ITEM * items, policy.scale)),
            stage: Stage::Queued,
            results: Vec::new(),
        };
        let status = job.status(policy, base_url);
        if self.all.len() >= Self::KEPT_MAX {
            self.all.pop_front();
        }
        self.all.push_back(job);
        Ok(status)
    }

    /// The status of the job `id`; `None`: never known, or forgotten.
    pub(super) fn status(&self, id: &str, policy: JobPolicy, base_url: &str) -> Option<Value> {
        self.all
            .iter()
            .find(|job| job.id == id)
            .map(|job| job.status(policy, base_url))
    }

    /// How many jobs are queued or running.
    pub(super) fn running(&self) -> u32 {
        u32::try_from(self.all.iter().filter(|job| job.running()).count()).unwrap_or(u32::MAX)
    }
}

impl Job {
    fn running(&self) -> bool {
        matches!(self.stage, Stage::Queued | Stage::Working)
    }

    fn advance(&mut self, users: &mut Users, policy: JobPolicy, now: Time) {
        if !self.running() || now < self.begins_at {
            return;
        }
        self.stage = Stage::Working;
        if policy.fail {
            if now >= self.ends_at {
                self.stage = Stage::Failed(self.ends_at);
            }
            return;
        }
        while self.results.len() < self.ids.len() && self.due(self.results.len()) <= now {
            let index = self.results.len();
            let done_at = self.due(index);
            let item = delete_item(users, index, &self.ids[index], policy.caller, done_at);
            self.results.push(item);
        }
        if now >= self.ends_at {
            self.stage = Stage::Completed(self.ends_at);
        }
    }

    /// When the item at `index` is done.
    fn due(&self, index: usize) -> Time {
        let work = self.ends_at.saturating_since(self.begins_at);
        let share = (index + 1) as f64 / self.ids.len().max(1) as f64;
        self.begins_at.after(work.mul_f64(share)).min(self.ends_at)
    }

    fn status(&self, policy: JobPolicy, base_url: &str) -> Value {
        let (status, progress, message, results) = match self.stage {
            Stage::Queued => ("queued", Value::Null, Value::Null, Value::Null),
            Stage::Working => (
                "working",
                json!(self.results.len()),
                json!(format!("Deleting User #{}", self.results.len())),
                Value::Null,
            ),
            Stage::Completed(at) => (
                "completed",
                json!(self.ids.len()),
                json!(format!("Completed at {}", at.timestamp())),
                Value::Array(self.shuffled(policy)),
            ),
            Stage::Failed(at) => (
                "failed",
                Value::Null,
                json!(format!("Failed at {}", at.timestamp())),
                Value::Null,
            ),
        };
        json!({"job_status": {
            "id": self.id,
            "job_type": "Bulk Update User",
            "url": format!("{}/api/v2/job_statuses/{}.json", other_host(base_url), self.id),
            "total": self.ids.len(),
            "progress": progress,
            "status": status,
            "message": message,
            "results": results,
        }})
    }

    /// The results in an order of their own, and perhaps not all of them.
    fn shuffled(&self, policy: JobPolicy) -> Vec<Value> {
        let mut results = self.results.clone();
        fastrand::Rng::with_seed(self.number).shuffle(&mut results);
        let every = policy.missing_every as usize;
        results
            .into_iter()
            .enumerate()
            .filter(|(index, _)| every == 0 || (index + 1) % every != 0)
            .map(|(_, item)| item)
            .collect()
    }
}

/// Deletes one user of a job and says how it went, in the two shapes that were recorded: a failed
/// item has neither `success` nor `action`.
fn delete_item(users: &mut Users, index: usize, id: &str, caller: u64, now: Time) -> Value {
    let done = id
        .parse()
        .map_err(|_| Refusal::NotFound)
        .and_then(|id| users.soft_delete(id, caller, now).map(|user| user.id));
    let named = id.parse::<u64>().map_or_else(|_| json!(id), |id| json!(id));
    match done {
        Ok(id) => json!({"action": "delete", "id": id, "status": "Deleted", "success": true}),
        Err(Refusal::NotFound) => {
            json!({"index": index, "error": "RecordNotFound", "id": named, "details": "Not found"})
        }
        Err(Refusal::Invalid(why)) => {
            json!({"index": index, "error": "UserDeleteFailed", "id": named, "details": why})
        }
    }
}

/// The url of an answer names the account's canonical host, which need not be the one called.
fn other_host(base_url: &str) -> String {
    let tenant = base_url
        .split_once("/t/")
        .map_or("default", |(_, tenant)| tenant);
    format!("https://{tenant}-canonical.zendesk.example")
}
