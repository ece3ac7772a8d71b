//! The bodies of Zoho CRM's answers, in their two envelopes.

use serde_json::{Value, json};

use crate::sandbox::message::Reply;

/// A line of the documentation's table: status, code, message and details.
#[derive(Debug, Clone)]
pub(super) struct Error {
    status: u16,
    /// Whether it comes as the one entry of the array `users`, or as the answer itself.
    in_users: bool,
    code: &'static str,
    message: String,
    details: Value,
}

impl Error {
    /// An error about one user.
    pub(super) fn of_user(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            in_users: true,
            ..Self::top(400, code, message)
        }
    }

    /// An error about the request.
    pub(super) fn top(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            in_users: false,
            code,
            message: message.into(),
            details: json!({}),
        }
    }

    /// The same with `details`.
    pub(super) fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }

    /// The answer.
    pub(super) fn reply(self) -> Reply {
        let is_success = self.code == "SUCCESS";
        let inner = json!({
            "code": self.code,
            "details": self.details,
            "message": self.message,
            "status": if is_success { "success" } else { "error" },
        });
        if self.in_users {
            json_reply(self.status, &json!({"users": [inner]}))
        } else {
            json_reply(self.status, &inner)
        }
    }
}

/// `body` as Zoho labels it.
pub(super) fn json_reply(status: u16, body: &Value) -> Reply {
    Reply::text(status, "application/json;charset=UTF-8", body.to_string())
}

/// The deleted user's confirmation. Half of the samples name the id, the other half do not.
pub(super) fn deleted(id: &str) -> Reply {
    let details = if digit_sum(id).is_multiple_of(2) {
        json!({"id": id})
    } else {
        json!({})
    };
    let success = Error {
        status: 200,
        ..Error::of_user("SUCCESS", "User deleted").with(details)
    };
    success.reply().changed()
}

/// An id nobody has. The documentation has two wordings, and for one of them status 200 was seen.
pub(super) fn unknown_user(id: &str) -> Reply {
    let (status, message) = match digit_sum(id) % 3 {
        0 => (400, "the id given seems to be invalid"),
        1 => (400, "the_id_given_seems_to_be_invalid"),
        _ => (200, "the id given seems to be invalid"),
    };
    let details = json!({"resource_path_index": 1});
    Error::top(status, "INVALID_DATA", message)
        .with(details)
        .reply()
}

/// No such path.
pub(super) fn no_path() -> Error {
    let message = "Please check if the URL trying to access is a correct one";
    Error::top(404, "INVALID_URL_PATTERN", message)
}

/// A token nobody handed out, or a dead one.
pub(super) fn bad_token() -> Error {
    Error::top(401, "INVALID_TOKEN", "invalid oauth token")
}

/// A token without the scope.
pub(super) fn scope_mismatch(method: &str, path: &str) -> Error {
    let message = "invalid oauth scope to access this URL";
    let details = json!({"method": method, "url": path});
    Error::top(401, "OAUTH_SCOPE_MISMATCH", message).with(details)
}

/// A profile without the permission.
pub(super) fn no_permission(permission: &str) -> Error {
    let details = json!({"permissions": [permission]});
    Error::top(403, "NO_PERMISSION", "permission denied").with(details)
}

/// More requests under way than may be.
pub(super) fn too_many_requests() -> Error {
    let message = "too many requests. please try again after some time";
    Error::top(429, "TOO_MANY_REQUESTS", message)
}

/// No credits left for the day.
pub(super) fn no_credits() -> Error {
    let message = "API rate limit exceeded. Please retry after some time";
    Error::top(429, "RATE_LIMIT_EXCEEDED", message)
}

/// A list longer than it may be, or a type that does not exist.
pub(super) fn bad_parameter(name: &str) -> Error {
    let details = json!({"param_name": name, "maximum_length": 100});
    Error::top(400, "INVALID_DATA", "invalid data").with(details)
}

fn digit_sum(id: &str) -> u32 {
    id.bytes()
        .map(|byte| u32::from(byte.wrapping_sub(b'0')))
        .sum()
}
