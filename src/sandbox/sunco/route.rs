//! What a request asks of Sunshine Conversations.

use crate::sandbox::log::Call;
use crate::sandbox::message::{Request, decoded};

/// What a request asks of Sunshine Conversations, always of one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum Route {
    /// `GET /v2/apps/{appId}`.
    App(String),
    /// `GET …/users/{userIdOrExternalId}`.
    Read(Target),
    /// `DELETE …/users/{userIdOrExternalId}`.
    Delete(Target),
    /// `DELETE …/users/{userIdOrExternalId}/personalinformation`.
    Clear(Target),
    /// A path that is none of these.
    Unknown,
}

/// A user as a path names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Target {
    /// The app's id.
    pub(super) app: String,
    /// The user's id or external id, decoded.
    pub(super) user: String,
}

impl Route {
    /// What `request` asks.
    pub(in crate::sandbox) fn of(request: &Request) -> Self {
        let segments = request.segments();
        // Licensed customers of Zendesk reach it under /sc.
        let path = segments.strip_prefix(&["sc"]).unwrap_or(&segments);
        let target = |app: &str, user: &str| Target {
            app: decoded(app),
            user: decoded(user),
        };
        match (request.method.as_str(), path) {
            ("GET", ["v2", "apps", app]) if !app.is_empty() => Self::App(decoded(app)),
            ("GET", ["v2", "apps", app, "users", user]) if !user.is_empty() => {
                Self::Read(target(app, user))
            }
            ("DELETE", ["v2", "apps", app, "users", user]) if !user.is_empty() => {
                Self::Delete(target(app, user))
            }
            ("DELETE", ["v2", "apps", app, "users", user, "personalinformation"])
                if !user.is_empty() =>
            {
                Self::Clear(target(app, user))
            }
            _ => Self::Unknown,
        }
    }

    /// The word for it in the log.
    pub(in crate::sandbox) fn call(&self) -> Call {
        match self {
            Self::App(_) => Call::Identity,
            Self::Read(_) => Call::Read,
            Self::Delete(_) => Call::Delete,
            Self::Clear(_) => Call::DeletePersonalInformation,
            Self::Unknown => Call::Unknown,
        }
    }

    /// The user it is about, as the request names them; `None`: none.
    pub(in crate::sandbox) fn user(&self) -> Option<String> {
        match self {
            Self::Read(target) | Self::Delete(target) | Self::Clear(target) => {
                Some(target.user.clone())
            }
            Self::App(_) | Self::Unknown => None,
        }
    }

    /// The app it is about; `None`: the path names none.
    pub(super) fn app(&self) -> Option<&str> {
        match self {
            Self::App(app) => Some(app),
            Self::Read(target) | Self::Delete(target) | Self::Clear(target) => Some(&target.app),
            Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Route;
    use crate::sandbox::log::Call;
    use crate::sandbox::message::Request;

    #[rstest]
    #[case("GET", "/v2/apps/5963", Call::Identity, None)]
    #[case("GET", "/sc/v2/apps/5963", Call::Identity, None)]
    #[case("DELETE", "/v2/apps/5963/users/abc", Call::Delete, Some("abc"))]
    #[case("DELETE", "/sc/v2/apps/5963/users/abc", Call::Delete, Some("abc"))]
    #[case(
        "DELETE",
        "/v2/apps/5963/users/a%2Fb%20%3F%23%25%C3%BC",
        Call::Delete,
        Some("a/b ?#%ü")
    )]
    #[case("DELETE", "/v2/apps/5963/users/a/b", Call::Unknown, None)]
    #[case("DELETE", "/v2/apps/5963/users/", Call::Unknown, None)]
    #[case(
        "DELETE",
        "/v2/apps/5963/users/a%2Fb/personalinformation",
        Call::DeletePersonalInformation,
        Some("a/b")
    )]
    #[case("PATCH", "/v2/apps/5963/users/abc", Call::Unknown, None)]
    fn a_request_is_read(
        #[case] method: &str,
        #[case] target: &str,
        #[case] call: Call,
        #[case] user: Option<&str>,
    ) {
        let route = Route::of(&Request::new(method, target));
        assert_eq!(route.call(), call);
        assert_eq!(route.user().as_deref(), user);
    }
}
