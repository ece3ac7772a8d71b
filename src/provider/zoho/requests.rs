//! What is sent to Zoho CRM.

use ::http::Method;

use crate::domain::{Step, UserId};
use crate::provider::address::endpoint;
use crate::provider::{Access, LookupFor, Request};

/// Who are we: the user the token belongs to.
pub(super) fn identify(access: &Access, version: &str) -> Request {
    let mut request = request(Method::GET, access, version, &["users"]);
    request.url.set_query(Some("type=CurrentUser"));
    request
}

/// The organisation itself, <https://www.zoho.com/crm/developer/docs/api/v8/get-org-data.html>.
pub(super) fn org(access: &Access, version: &str) -> Request {
    request(Method::GET, access, version, &["org"])
}

/// How many users `ids` takes,
/// <https://www.zoho.com/crm/developer/docs/api/v8/get-users.html>.
pub(super) const IDS_MAX: usize = 100;

/// How users stand.
pub(super) fn lookup(
    access: &Access,
    version: &str,
    purpose: LookupFor,
    ids: &[UserId],
) -> Request {
    match purpose {
        LookupFor::Roles | LookupFor::Verification => {
            let mut request = request(Method::GET, access, version, &["users"]);
            let ids: Vec<&str> = ids.iter().map(UserId::as_str).collect();
            let query = format!("ids={}", ids.join(","));
            request.url.set_query(Some(&query));
            request
        }
        _ => request(Method::GET, access, version, &["users", ids[0].as_str()]),
    }
}

/// The deleting request of `step`.
///
/// # Panics
///
/// For a step that Zoho has not: no [`Action`](crate::domain::Action) of it leads there.
pub(super) fn step(access: &Access, version: &str, step: Step, id: &UserId) -> Request {
    match step {
        Step::Delete => request(Method::DELETE, access, version, &["users", id.as_str()]),
        Step::PermanentlyDelete | Step::DeletePersonalInformation => {
            unreachable!("Zoho CRM has no step {step}")
        }
    }
}

fn request(method: Method, access: &Access, version: &str, path: &[&str]) -> Request {
    let segments = [&["crm", version], path].concat();
    Request::new(method, endpoint(&access.base, &segments)).authorized(access.authorization.clone())
}
