//! Deleting many users with one request, `destroy_many`, and what the job it begins says of each.
//!
//! A job that is `completed` may hold nothing but failures. Its `results` may be `null`, an object, incomplete,
//! or in any order. So every item is read by the id it names. An id that no item speaks of clearly is left out,
//! to be looked up. The answer's `url` may name another host than the one called, and is not used.
//! <https://developer.zendesk.com/api-reference/ticketing/users/users/#bulk-delete-users>,
//! <https://developer.zendesk.com/api-reference/ticketing/ticket-management/job_statuses/>.

use std::collections::HashMap;
use std::time::Duration;

use ::http::HeaderMap;
use serde_json::Value;

use crate::domain::{JobId, Many, Step, StopKind, UserId, bound};
use crate::provider::body::{Body, Object, child, id_text, text};
use crate::provider::digits::is_digits;
use crate::provider::http::composed;
use crate::provider::{
    Access, Bulk, ItemEnd, JobState, JobsHint, Reply, Request, RowEnd, Said, Verdict, verdict,
};

use super::answers::{known_phrase, refusal};
use super::{ZendeskSettings, delete, read, with_ids};

/// The limits of `destroy_many`. Recorded jobs took some three seconds to begin and a tenth of a
/// second for each user. Single requests leave every 150 ms at the usual quota, so with fewer than
/// 25 users a job is not sooner done. "Up to 30 queued or running jobs at once",
/// <https://developer.zendesk.com/api-reference/introduction/rate-limits/#job-limit>.
pub(super) const MANY: Many = Many {
    step: Step::Delete,
    users_min: 25,
    users_max: 100,
    jobs_max: 30,
    jobs_asked_max: 100,
    job_begins: Duration::from_secs(3),
    job_user: Duration::from_millis(100),
};

/// The longest job id that is taken, in characters; recorded ones have 35.
const JOB_ID_CHARS_MAX: usize = 128;

/// The header of the limit on jobs, in both spellings.
const JOBS_HEADERS: [&str; 2] = [
    "zendesk-ratelimit-inflight-jobs",
    "zendesk-rate-limit-inflight-jobs",
];

/// Error codes of an item that say that Zendesk will not delete the user, as of single deletions: no
/// failing item was ever recorded. Any other code says nothing clear, unless the details do.
const REFUSING: [&str; 1] = ["recordinvalid"];

/// Parts of error codes that say nothing of the user: another try may go better.
const PASSING: [&str; 9] = [
    "conflict",
    "timeout",
    "timedout",
    "locked",
    "ratelimit",
    "toomany",
    "internal",
    "unavailable",
    "notfound",
];

impl Bulk for ZendeskSettings {
    fn many(&self) -> Many {
        Many {
            users_max: bound("job users", 1, MANY.users_max),
            jobs_max: bound("jobs", 1, MANY.jobs_max),
            jobs_asked_max: bound("jobs asked", 1, MANY.jobs_asked_max),
            ..MANY
        }
    }

    /// # Panics
    ///
    /// For an id that is no number: it would change the request.
    fn begin(&self, access: &Access, ids: &[UserId]) -> Request {
        let ids = ids.iter().map(UserId::as_str);
        assert!(
            ids.clone().all(is_digits),
            "only checked ids go into a request"
        );
        with_ids(delete(access, &["users", "destroy_many"]), ids)
    }

    fn begun(&self, reply: &Reply) -> Result<JobId, Verdict> {
        let body = Body::of(reply);
        if reply.status != 200 {
            return Err(refusal(reply, &body));
        }
        let job = body
            .object()
            .and_then(|answer| child(answer, "job_status"))
            .and_then(|job| job_id(job.get("id")));
        job.ok_or_else(|| verdict::unrecognised(reply, &body, Said::default()))
    }

    fn jobs_hint(&self, headers: &HeaderMap) -> Option<JobsHint> {
        let value = JOBS_HEADERS.iter().find_map(|name| headers.get(*name))?;
        let (total, said) = composed(value.to_str().ok()?)?;
        let count = |number: u64| usize::try_from(number).ok();
        Some(JobsHint {
            total: count(total?)?,
            remaining: count(said.remaining?)?,
        })
    }

    fn ask(&self, access: &Access, jobs: &[JobId]) -> Request {
        let jobs = jobs.iter().map(JobId::as_str);
        with_ids(read(access, &["job_statuses", "show_many"]), jobs)
    }

    fn asked(&self, reply: &Reply) -> Result<Vec<(JobId, JobState)>, Verdict> {
        let body = Body::of(reply);
        let jobs = match body.object().and_then(|answer| answer.get("job_statuses")) {
            Some(Value::Array(jobs)) if reply.status == 200 => jobs,
            _ => {
                return match refusal(reply, &body) {
                    // None of them is known any more.
                    Verdict::Look(RowEnd::NotFound, _) => Ok(Vec::new()),
                    Verdict::Account(StopKind::WrongTenant, said) if reply.status == 404 => {
                        Err(verdict::of_read(Verdict::Row(RowEnd::NotFound, said)))
                    }
                    verdict => Err(verdict::of_read(verdict)),
                };
            }
        };
        let states = jobs.iter().filter_map(|job| {
            let job = job.as_object()?;
            Some((job_id(job.get("id"))?, state(job)))
        });
        Ok(states.collect())
    }
}

/// A job of an unknown state is under way: it is asked about again, and given up after a time.
fn state(job: &Object) -> JobState {
    match text(job, "status") {
        Some("completed" | "failed" | "killed") => JobState::Ended(items(job.get("results"))),
        Some(_) | None => JobState::UnderWay,
    }
}

/// The statement of `results` on each user. An id that two items speak of differently is left out.
fn items(results: Option<&Value>) -> Vec<(UserId, ItemEnd)> {
    let Some(Value::Array(items)) = results else {
        return Vec::new();
    };
    let mut ends: HashMap<String, Option<ItemEnd>> = HashMap::new();
    for item in items.iter().filter_map(Value::as_object) {
        let Some(id) = id_text(item.get("id")) else {
            continue;
        };
        let end = item_end(item);
        ends.entry(id)
            .and_modify(|kept| {
                if *kept != end {
                    *kept = None;
                }
            })
            .or_insert(end);
    }
    ends.into_iter()
        .filter_map(|(id, end)| Some((UserId::new(id), end?)))
        .collect()
}

/// The statement of one item; `None`: nothing clear.
fn item_end(item: &Object) -> Option<ItemEnd> {
    let success = item.get("success").and_then(Value::as_bool);
    let error = text(item, "error").filter(|error| !error.is_empty());
    if let Some(error) = error {
        let lower = error.to_ascii_lowercase().replace(['_', '-', ' '], "");
        let passing = PASSING.iter().any(|part| lower.contains(part));
        let why = text(item, "details").and_then(known_phrase);
        let refuses = why.is_some() || REFUSING.contains(&lower.as_str());
        return (success != Some(true) && !passing && refuses)
            .then(|| ItemEnd::Refused(Said::of(Some(error), why)));
    }
    let is = |name: &str, word: &str| {
        text(item, name).is_none_or(|text| text.eq_ignore_ascii_case(word))
    };
    let no_errors = item
        .get("errors")
        .is_none_or(|errors| errors.is_null() || errors == "");
    let confirmed = success == Some(true) || (success.is_none() && item.contains_key("status"));
    (confirmed && no_errors && is("status", "Deleted") && is("action", "delete"))
        .then_some(ItemEnd::Deleted)
}

/// An id that may stand in a query as it is.
fn job_id(value: Option<&Value>) -> Option<JobId> {
    let id = id_text(value)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    ((1..=JOB_ID_CHARS_MAX).contains(&id.len()) && id.chars().all(plain)).then(|| JobId::new(id))
}
