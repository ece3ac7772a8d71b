//! What is sent to Sunshine Conversations.

use ::http::Method;

use crate::domain::{Step, UserId};
use crate::provider::address::endpoint;
use crate::provider::{Access, Request};

/// The app.
pub(super) fn identify(access: &Access, app_id: &str) -> Request {
    request(Method::GET, access, app_id, &[])
}

/// One user.
pub(super) fn user(access: &Access, app_id: &str, id: &UserId) -> Request {
    request(Method::GET, access, app_id, &["users", id.as_str()])
}

/// The deleting request of `step`.
///
/// # Panics
///
/// For a step that Sunshine Conversations has not: no [`Action`](crate::domain::Action) of it leads
/// there.
pub(super) fn step(access: &Access, app_id: &str, step: Step, id: &UserId) -> Request {
    let user = ["users", id.as_str()];
    let profile = ["users", id.as_str(), "personalinformation"];
    let path: &[&str] = match step {
        Step::Delete => &user,
        Step::DeletePersonalInformation => &profile,
        Step::PermanentlyDelete => unreachable!("Sunshine Conversations has no step {step}"),
    };
    request(Method::DELETE, access, app_id, path)
}

fn request(method: Method, access: &Access, app_id: &str, path: &[&str]) -> Request {
    let segments = [&["v2", "apps", app_id], path].concat();
    Request::new(method, endpoint(&access.base, &segments)).authorized(access.authorization.clone())
}
