//! The bodies of Zendesk Support's answers.

use std::time::Duration;

use serde_json::{Value, json};

use super::users::{Role, Standing, User};
use crate::domain::Time;
use crate::sandbox::message::Reply;
use crate::sandbox::window::seconds_up;

/// What a name becomes after a permanent deletion
/// (<https://developer.zendesk.com/api-reference/ticketing/users/users/#list-deleted-users>).
const GONE_NAME: &str = "Permanently Deleted User";

/// `{"error": error, "description": description}`.
pub(in crate::sandbox) fn error(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, &json!({"error": error, "description": description}))
}

/// No such record.
pub(super) fn not_found() -> Reply {
    error(404, "RecordNotFound", "Not found")
}

/// No such path.
pub(in crate::sandbox) fn no_endpoint() -> Reply {
    error(404, "InvalidEndpoint", "Not found")
}

/// An id that is no whole number.
pub(super) fn bad_id() -> Reply {
    Reply::json(
        400,
        &json!({"error": {
            "title": "Invalid attribute",
            "message": "You passed an invalid value for the id attribute. must be an integer",
        }}),
    )
}

/// A record that cannot be changed so.
pub(super) fn invalid(why: &str) -> Reply {
    Reply::json(
        422,
        &json!({
            "error": "RecordInvalid",
            "description": "Record validation errors",
            "details": {"base": [{"description": why}]},
        }),
    )
}

/// A list longer than it may be.
pub(super) fn too_many_values(most: usize) -> Reply {
    Reply::json(
        400,
        &json!({
            "error": "TooManyValues",
            "description": format!("Parameter ids cannot specify more than {most} values"),
            "max_count": most,
        }),
    )
}

/// More jobs than may run.
pub(super) fn too_many_jobs(running: &[String]) -> Reply {
    Reply::json(
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
    Reply::text(
        429,
        "text/plain; charset=utf-8",
        format!("Number of allowed {what} exceeded"),
    )
    .with("retry-after", seconds_up(wait).max(1).to_string())
}

/// A caller without the right.
pub(in crate::sandbox) fn forbidden() -> Reply {
    Reply::json(
        403,
        &json!({"error": {
            "title": "Forbidden",
            "message": "You do not have access to this page. Please contact the account owner of \
                        this help desk for further help.",
        }}),
    )
}

/// A caller nobody knows.
pub(in crate::sandbox) fn unauthenticated() -> Reply {
    Reply::json(401, &json!({"error": "Couldn't authenticate you"}))
        .with("www-authenticate", "Basic realm=\"Web Password\"")
}

/// A Bearer token that is not good.
pub(in crate::sandbox) fn bad_token() -> Reply {
    let what =
        "The access token provided is expired, revoked, malformed or invalid for other reasons.";
    Reply::json(
        401,
        &json!({"error": "invalid_token", "error_description": what}),
    )
    .with(
        "www-authenticate",
        format!(
            "Bearer realm=\"Zendesk::OAuth Bearer Token Authentication\", error=\"invalid_token\", \
             error_description=\"{what}\""
        ),
    )
}

/// What `users/me` says to nobody.
pub(super) fn anonymous() -> Value {
    json!({"user": {
        "id": null,
        "name": "Anonymous user",
        "email": "invalid@example.com",
        "role": "end-user",
        "active": true,
    }})
}

/// How answers name a user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Naming<'a> {
    /// Where the account can be reached.
    pub(super) base_url: &'a str,
    /// How long after a permanent deletion the name still stands.
    pub(super) rename_delay: Duration,
    /// The time.
    pub(super) now: Time,
}

impl Naming<'_> {
    fn name(self, user: &User) -> String {
        match user.standing {
            Standing::PermanentlyDeleted(at) if at.after(self.rename_delay) <= self.now => {
                GONE_NAME.to_owned()
            }
            Standing::Active | Standing::SoftDeleted(_) | Standing::PermanentlyDeleted(_) => {
                user.name()
            }
        }
    }

    /// A user as the users endpoints show it.
    pub(super) fn user(self, user: &User) -> Value {
        let active = user.standing == Standing::Active;
        let (role, role_type, custom_role_id) = match user.role {
            Role::EndUser => ("end-user", Value::Null, Value::Null),
            Role::Agent => ("agent", json!(0), json!(360_001_000_001_u64)),
            Role::LightAgent => ("agent", json!(1), json!(360_001_000_002_u64)),
            Role::Admin => ("admin", json!(4), json!(360_001_000_003_u64)),
        };
        json!({
            "id": user.id,
            "url": format!("{}/api/v2/users/{}.json", self.base_url, user.id),
            "name": self.name(user),
            "email": active.then(|| user.email()),
            "created_at": seconds(user.created_at),
            "updated_at": seconds(user.changed_at.unwrap_or(user.created_at)),
            "time_zone": "Berlin",
            "iana_time_zone": "Europe/Berlin",
            "phone": null,
            "shared_phone_number": null,
            "photo": null,
            "locale_id": 1,
            "locale": "en-US",
            "organization_id": null,
            "role": role,
            "role_type": role_type,
            "custom_role_id": custom_role_id,
            "verified": active,
            "external_id": active.then(|| user.external_id()),
            "tags": [],
            "alias": null,
            "active": active,
            "shared": false,
            "shared_agent": false,
            "last_login_at": null,
            "suspended": false,
            "user_fields": {},
        })
    }

    /// A user as the deleted users endpoints show it: with less of them.
    pub(super) fn deleted_user(self, user: &User) -> Value {
        const KEPT: [&str; 14] = [
            "id",
            "url",
            "name",
            "email",
            "created_at",
            "updated_at",
            "time_zone",
            "phone",
            "shared_phone_number",
            "photo",
            "locale_id",
            "locale",
            "organization_id",
            "role",
        ];
        let mut shown = self.user(user);
        if let Value::Object(fields) = &mut shown {
            fields.retain(|name, _| KEPT.contains(&name.as_str()));
        }
        let folder = format!("{}/api/v2/deleted_users", self.base_url);
        shown["url"] = json!(format!("{folder}/{}.json", user.id));
        shown["email"] = Value::Null;
        shown["active"] = json!(false);
        shown
    }
}

/// What is known of a user's erasure: asked for and begun at once, complete after `delay`.
pub(super) fn compliance(user: &User, executer: u64, delay: Duration, now: Time) -> Value {
    let Standing::PermanentlyDeleted(at) = user.standing else {
        return json!({"compliance_deletion_statuses": []});
    };
    let entry = |action: &str, application: &str, at: Time| {
        json!({
            "action": action,
            "application": application,
            "account_subdomain": "sandbox",
            "created_at": seconds(at),
            "executer_id": (action == "request_deletion").then_some(executer),
            "user_id": user.id,
        })
    };
    let complete_at = at.after(delay);
    let mut entries = vec![
        entry("request_deletion", "all", at),
        entry("started", "support", at),
    ];
    if complete_at <= now {
        entries.push(entry("complete", "support", complete_at));
        entries.push(entry("complete", "all", complete_at));
    }
    json!({"compliance_deletion_statuses": entries})
}

/// A time as Zendesk writes it: no fractions.
fn seconds(at: Time) -> String {
    format!("{:.0}", at.timestamp())
}
