//! What is sent to Zendesk.

use ::http::{HeaderValue, Method, header};
use url::Url;

use crate::domain::{JobId, Step, UserId};
use crate::provider::address::endpoint;
use crate::provider::{Access, LookupFor, Request};

/// How many users `show_many` takes,
/// <https://developer.zendesk.com/api-reference/ticketing/users/users/#show-many-users>.
pub(super) const SHOW_MANY_MAX: usize = 100;

/// Who are we.
pub(super) fn identify(access: &Access) -> Request {
    read(access, &["users", "me"])
}

/// How users stand.
pub(super) fn lookup(access: &Access, purpose: LookupFor, ids: &[UserId]) -> Request {
    let id = ids[0].as_str();
    match purpose {
        LookupFor::Roles | LookupFor::Verification => {
            let mut request = read(access, &["users", "show_many"]);
            let list = list(ids.iter().map(UserId::as_str));
            request.url.set_query(Some(&list));
            request
        }
        // <https://developer.zendesk.com/api-reference/ticketing/users/users/#show-deleted-user>.
        LookupFor::SoftDeletedRoles | LookupFor::ClosestVerification => {
            read(access, &["deleted_users", id])
        }
        LookupFor::UnclearAnswer => read(access, &["users", id]),
        LookupFor::CloserVerification => {
            read(access, &["users", id, "compliance_deletion_statuses"])
        }
    }
}

/// The request that begins a job over up to [`USERS_MAX`](super::bulk::USERS_MAX) users.
///
/// # Panics
///
/// For an id that is no number: it would change the request.
pub(super) fn destroy_many(access: &Access, ids: &[UserId]) -> Request {
    let plain = |id: &UserId| {
        let id = id.as_str();
        !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
    };
    assert!(ids.iter().all(plain), "only checked ids go into a request");
    let mut request = request(Method::DELETE, access, &["users", "destroy_many"]);
    request.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    request
        .url
        .set_query(Some(&list(ids.iter().map(UserId::as_str))));
    request
}

/// How up to [`JOBS_ASKED_MAX`](super::bulk::JOBS_ASKED_MAX) jobs stand.
pub(super) fn show_jobs(access: &Access, jobs: &[JobId]) -> Request {
    let mut request = read(access, &["job_statuses", "show_many"]);
    request
        .url
        .set_query(Some(&list(jobs.iter().map(JobId::as_str))));
    request
}

fn list<'i>(ids: impl Iterator<Item = &'i str>) -> String {
    format!("ids={}", ids.collect::<Vec<_>>().join(","))
}

/// The deleting request of `step`.
///
/// # Panics
///
/// For a step that Zendesk has not: no [`Action`](crate::domain::Action) of it leads there.
pub(super) fn step(access: &Access, step: Step, id: &UserId) -> Request {
    let list = match step {
        Step::Delete => "users",
        Step::PermanentlyDelete => "deleted_users",
        Step::DeletePersonalInformation => unreachable!("Zendesk has no step {step}"),
    };
    let mut request = request(Method::DELETE, access, &[list, id.as_str()]);
    // Zendesk wants it in every PUT, POST and DELETE, body or not.
    request.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    request
}

fn read(access: &Access, path: &[&str]) -> Request {
    request(Method::GET, access, path)
}

fn request(method: Method, access: &Access, path: &[&str]) -> Request {
    let segments = [&["api", "v2"], path].concat();
    let url: Url = endpoint(&access.base, &segments);
    Request::new(method, url).authorized(access.authorization.clone())
}
