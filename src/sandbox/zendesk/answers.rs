//! Zendesk Support's refusals.

use std::time::Duration;

use serde_json::json;

use crate::sandbox::reply::{Reply, json, ok, seconds_up, text, with};

pub(super) const LIST_MAX: usize = 100;

/// `{"error": error, "description": description}`.
pub(super) fn error(status: u16, error: &str, description: &str) -> Reply {
    json(status, &json!({"error": error, "description": description}))
}

pub(super) fn not_found() -> Reply {
    error(404, "RecordNotFound", "Not found")
}

pub(super) fn no_endpoint() -> Reply {
    error(404, "InvalidEndpoint", "Not found")
}

fn titled(status: u16, title: &str, message: &str) -> Reply {
    json(
        status,
        &json!({"error": {"title": title, "message": message}}),
    )
}

/// An id that is no whole number.
pub(super) fn bad_id() -> Reply {
    let what = "You passed an invalid value for the id attribute. must be an integer";
    titled(400, "Invalid attribute", what)
}

pub(super) fn forbidden() -> Reply {
    titled(
        403,
        "Forbidden",
        "You do not have access to this page. Please contact the account owner of this help desk \
         for further help.",
    )
}

/// A record that cannot be changed so.
pub(super) fn invalid(why: &str) -> Reply {
    json(
        422,
        &json!({
            "error": "RecordInvalid",
            "description": "Record validation errors",
            "details": {"base": [{"description": why}]},
        }),
    )
}

pub(super) fn too_many_values() -> Reply {
    json(
        400,
        &json!({
            "error": "TooManyValues",
            "description": format!("Parameter ids cannot specify more than {LIST_MAX} values"),
            "max_count": LIST_MAX,
        }),
    )
}

pub(super) fn too_many_jobs(running: &[&str]) -> Reply {
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

/// More requests than the account or the endpoint takes.
pub(super) fn too_many_requests(wait: Duration, what: &str) -> Reply {
    let body = format!("Number of allowed {what} exceeded");
    let reply = text(429, "text/plain; charset=utf-8", body);
    with(reply, "retry-after", seconds_up(wait).max(1).to_string())
}

pub(super) fn unauthenticated() -> Reply {
    let reply = json(401, &json!({"error": "Couldn't authenticate you"}));
    with(reply, "www-authenticate", "Basic realm=\"Web Password\"")
}

pub(super) fn bad_token() -> Reply {
    let what =
        "The access token provided is expired, revoked, malformed or invalid for other reasons.";
    let reply = json(
        401,
        &json!({"error": "invalid_token", "error_description": what}),
    );
    let header = format!(
        "Bearer realm=\"Zendesk::OAuth Bearer Token Authentication\", error=\"invalid_token\", \
         error_description=\"{what}\""
    );
    with(reply, "www-authenticate", header)
}

/// What `users/me` says to nobody.
pub(super) fn anonymous() -> Reply {
    ok(&json!({"user": {
        "id": null,
        "name": "Anonymous user",
        "email": "invalid@example.com",
        "role": "end-user",
        "active": true,
    }}))
}
