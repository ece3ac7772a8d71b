//! Background jobs that delete many users: queued, then working item by item, then completed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::users::soft_delete;
use super::{LIST_MAX, refused};
use crate::domain::Time;
use crate::sandbox::hub::Context;
use crate::sandbox::reply::{Reply, changed, json, ok};
use crate::sandbox::request::SandboxRequest;
use crate::sandbox::user::User;

/// A job.
#[derive(Debug)]
struct ServerJob {
    id: String,
    number: u64,
    /// The ids as the request named them; what is no number is no user.
    ids: Vec<String>,
    queued_at: Time,
    begins_at: Time,
    ends_at: Time,
    /// Whether it failed; `None`: it has not ended.
    failed: Option<bool>,
    /// One item for every user done, in the order they were done.
    results: Vec<Value>,
}

/// All jobs of an account that are not forgotten yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct ServerJobs {
    all: VecDeque<ServerJob>,
    started: u64,
}

impl ServerJobs {
    /// How long a job waits before it begins; recorded jobs waited up to five seconds.
    const QUEUED: Duration = Duration::from_secs(3);
    /// How long one item takes; recorded jobs of a hundred took about ten seconds.
    const ITEM: Duration = Duration::from_millis(100);
    /// How long a job's status is kept, from its creation on
    /// (<https://developer.zendesk.com/api-reference/ticketing/ticket-management/job_statuses/>).
    const KEPT: Duration = Duration::from_hours(24);
    /// How many statuses are kept at most; after that the oldest is forgotten.
    const KEPT_MAX: usize = 10_000;

    /// Does what the jobs have had time for.
    pub(super) fn advance(&mut self, users: &mut BTreeMap<u64, User>, context: &Context) {
        for job in &mut self.all {
            job.advance(users, context);
        }
        let kept = context.settings.shortened(Self::KEPT);
        self.all
            .retain(|job| job.is_running() || context.now < job.queued_at.after(kept));
    }

    /// Starts a job over the ids of `request` and answers with its status.
    pub(super) fn start(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        let ids = request.ids.clone();
        if ids.is_empty() {
            return refused("no ids");
        }
        if ids.len() > LIST_MAX {
            return refused("many ids");
        }
        let running = self.all.iter().filter(|job| job.is_running());
        let running: Vec<&str> = running.map(|job| job.id.as_str()).collect();
        if running.len() >= context.settings.zendesk.job_limit as usize {
            return too_many_jobs(&running);
        }
        self.started += 1;
        let (now, number) = (context.now, self.started);
        let digest = blake3::hash(format!("job {number} {}", now.as_millis()).as_bytes());
        let items = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let begins_at = now.after(context.settings.shortened(Self::QUEUED));
        let job = ServerJob {
            id: format!("V3-{}", &digest.to_hex()[..32]),
            number,
            ids,
            queued_at: now,
            begins_at,
            ends_at: begins_at.after(context.settings.shortened(Self::ITEM * items)),
            failed: None,
            results: Vec::new(),
        };
        let status = job.status(request, context);
        if self.all.len() >= Self::KEPT_MAX {
            self.all.pop_front();
        }
        self.all.push_back(job);
        changed(ok(&json!({"job_status": status})))
    }

    /// The statuses of the jobs that `request` names and that are known.
    pub(super) fn read(&self, request: &SandboxRequest, context: &Context) -> Reply {
        if request.ids.len() > LIST_MAX {
            return refused("many ids");
        }
        let ids = request.ids.iter();
        let jobs = ids.filter_map(|id| self.all.iter().find(|job| job.id == *id));
        let statuses: Vec<Value> = jobs.map(|job| job.status(request, context)).collect();
        ok(&json!({"job_statuses": statuses}))
    }

    pub(super) fn running(&self) -> u32 {
        let running = self.all.iter().filter(|job| job.is_running()).count();
        u32::try_from(running).unwrap_or(u32::MAX)
    }
}

impl ServerJob {
    fn is_running(&self) -> bool {
        self.failed.is_none()
    }

    fn advance(&mut self, users: &mut BTreeMap<u64, User>, context: &Context) {
        let (zendesk, now) = (&context.settings.zendesk, context.now);
        if !self.is_running() || now < self.begins_at {
            return;
        }
        if !zendesk.jobs_fail {
            while self.results.len() < self.ids.len() && self.due(self.results.len()) <= now {
                let index = self.results.len();
                let (id, at) = (&self.ids[index], self.due(index));
                let item = delete_item(users, index, id, zendesk.caller_id, at);
                self.results.push(item);
            }
        }
        if now >= self.ends_at {
            self.failed = Some(zendesk.jobs_fail);
        }
    }

    /// When the item at `index` is done.
    fn due(&self, index: usize) -> Time {
        let work = self.ends_at.saturating_since(self.begins_at);
        let done = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let all = u32::try_from(self.ids.len().max(1)).unwrap_or(u32::MAX);
        self.begins_at
            .after(work.saturating_mul(done) / all)
            .min(self.ends_at)
    }

    fn status(&self, request: &SandboxRequest, context: &Context) -> Value {
        let (done, ended) = (self.results.len(), self.ends_at.timestamp());
        let (status, progress, message) = match self.failed {
            None if context.now < self.begins_at => ("queued", None, None),
            None => (
                "working",
                Some(done),
                Some(format!("Deleting User #{done}")),
            ),
            Some(false) => {
                let message = format!("Completed at {ended}");
                ("completed", Some(self.ids.len()), Some(message))
            }
            Some(true) => ("failed", None, Some(format!("Failed at {ended}"))),
        };
        let results = (self.failed == Some(false)).then(|| self.shuffled(context));
        // It names the account's canonical host, which need not be the one called.
        let tenant = request.tenant.as_deref().unwrap_or("default");
        let host = format!("https://{tenant}-canonical.zendesk.example");
        json!({
            "id": self.id,
            "job_type": "Bulk Update User",
            "url": format!("{host}/api/v2/job_statuses/{}.json", self.id),
            "total": self.ids.len(),
            "progress": progress,
            "status": status,
            "message": message,
            "results": results,
        })
    }

    /// The results in an order of their own, and perhaps not all of them.
    fn shuffled(&self, context: &Context) -> Vec<Value> {
        let mut results = self.results.clone();
        fastrand::Rng::with_seed(self.number).shuffle(&mut results);
        let every = context.settings.zendesk.job_items_missing_every as usize;
        let mut count = 0;
        results.retain(|_| {
            count += 1;
            every == 0 || count % every != 0
        });
        results
    }
}

fn too_many_jobs(running: &[&str]) -> Reply {
    json(
        429,
        &json!({
            "error": "TooManyJobs",
            "description": "Too many UserBulkUpdateJobV2 jobs are currently queued or running. \
                            Try again later.",
            "current_job_ids": running,
        }),
    )
}

/// Deletes one user of a job and says how, as recorded: a failed item has no `success`.
fn delete_item(
    users: &mut BTreeMap<u64, User>,
    index: usize,
    id: &str,
    caller: u64,
    now: Time,
) -> Value {
    let number = id.parse::<u64>().ok();
    let done = number.ok_or(None);
    let done = done.and_then(|id| soft_delete(users, id, caller, now).map(|_| ()));
    let id = number.map_or_else(|| json!(id), |id| json!(id));
    let (error, details) = match done {
        Ok(()) => {
            return json!({"action": "delete", "id": id, "status": "Deleted", "success": true});
        }
        Err(None) => ("RecordNotFound", "Not found".to_owned()),
        Err(Some(why)) => ("UserDeleteFailed", why),
    };
    json!({"index": index, "error": error, "id": id, "details": details})
}
