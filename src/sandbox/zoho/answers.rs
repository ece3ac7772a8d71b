//! The bodies of Zoho CRM's answers, in their two envelopes.

use serde_json::{Value, json};

use crate::sandbox::message::Reply;

/// A line of the documentation's table: status, code, message and details.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Verdict {
    /// The HTTP status.
    pub(super) status: u16,
    /// Which envelope it comes in.
    pub(super) envelope: Envelope,
    /// The code.
    pub(super) code: &'static str,
    /// The message.
    pub(super) message: String,
    /// The details.
    pub(super) details: Value,
}

/// How an answer is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Envelope {
    /// `{"code", "details", "message", "status"}` itself.
    Top,
    /// One such object in the array `users`.
    Users,
}

impl Verdict {
    /// An error about one user.
    pub(super) fn of_user(code: &'static str, message: &str, details: Value) -> Self {
        Self {
            status: 400,
            envelope: Envelope::Users,
            code,
            message: message.to_owned(),
            details,
        }
    }

    /// An error about the request.
    pub(in crate::sandbox) fn top(
        status: u16,
        code: &'static str,
        message: &str,
        details: Value,
    ) -> Self {
        Self {
            status,
            envelope: Envelope::Top,
            code,
            message: message.to_owned(),
            details,
        }
    }

    /// The answer.
    pub(in crate::sandbox) fn reply(self) -> Reply {
        let status = if self.code == "SUCCESS" {
            "success"
        } else {
            "error"
        };
        let inner = json!({
            "code": self.code,
            "details": self.details,
            "message": self.message,
            "status": status,
        });
        let body = match self.envelope {
            Envelope::Top => inner,
            Envelope::Users => json!({"users": [inner]}),
        };
        json_reply(self.status, &body)
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
    Verdict {
        status: 200,
        ..Verdict::of_user("SUCCESS", "User deleted", details)
    }
    .reply()
    .changed()
}

/// An id nobody has. The documentation has two wordings, and for one of them status 200 was seen.
pub(super) fn unknown_user(id: &str) -> Reply {
    let (status, message) = match digit_sum(id) % 3 {
        0 => (400, "the id given seems to be invalid"),
        1 => (400, "the_id_given_seems_to_be_invalid"),
        _ => (200, "the id given seems to be invalid"),
    };
    let details = json!({"resource_path_index": 1});
    Verdict::top(status, "INVALID_DATA", message, details).reply()
}

/// No such path.
pub(in crate::sandbox) fn no_path() -> Reply {
    Verdict::top(
        404,
        "INVALID_URL_PATTERN",
        "Please check if the URL trying to access is a correct one",
        json!({}),
    )
    .reply()
}

/// A method the path does not take.
pub(super) fn bad_method() -> Reply {
    Verdict::top(
        400,
        "INVALID_REQUEST_METHOD",
        "The http request method type is not a valid one",
        json!({}),
    )
    .reply()
}

/// A token nobody handed out, or a dead one.
pub(in crate::sandbox) fn bad_token() -> Reply {
    Verdict::top(401, "INVALID_TOKEN", "invalid oauth token", json!({})).reply()
}

/// No token at all.
pub(super) fn no_token() -> Reply {
    Verdict::top(
        401,
        "AUTHENTICATION_FAILURE",
        "Authentication failed",
        json!({}),
    )
    .reply()
}

/// A token without the scope.
pub(super) fn scope_mismatch(method: &str, path: &str) -> Reply {
    Verdict::top(
        401,
        "OAUTH_SCOPE_MISMATCH",
        "invalid oauth scope to access this URL",
        json!({"method": method, "url": path}),
    )
    .reply()
}

/// A profile without the permission.
pub(in crate::sandbox) fn no_permission(permission: &str) -> Reply {
    Verdict::top(
        403,
        "NO_PERMISSION",
        "permission denied",
        json!({"permissions": [permission]}),
    )
    .reply()
}

/// More requests under way than may be.
pub(super) fn too_many_requests() -> Reply {
    Verdict::top(
        429,
        "TOO_MANY_REQUESTS",
        "too many requests. please try again after some time",
        json!({}),
    )
    .reply()
}

/// No credits left for the day.
pub(in crate::sandbox) fn no_credits() -> Reply {
    Verdict::top(
        429,
        "RATE_LIMIT_EXCEEDED",
        "API rate limit exceeded. Please retry after some time",
        json!({}),
    )
    .reply()
}

/// A list longer than it may be, or a type that does not exist.
pub(super) fn bad_parameter(name: &str) -> Reply {
    Verdict::top(
        400,
        "INVALID_DATA",
        "invalid data",
        json!({"param_name": name, "maximum_length": 100}),
    )
    .reply()
}

/// Zoho's own failure.
pub(super) fn broken(status: u16) -> Reply {
    let (code, message) = if status == 503 {
        (
            "SERVICE_UNAVAILABLE",
            "Service temporarily unavailable for maintenance",
        )
    } else {
        ("INTERNAL_ERROR", "Internal Server Error")
    };
    Verdict::top(status, code, message, json!({})).reply()
}

fn digit_sum(id: &str) -> u32 {
    id.bytes()
        .map(|byte| u32::from(byte.wrapping_sub(b'0')))
        .sum()
}
