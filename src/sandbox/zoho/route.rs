//! What a request asks of Zoho CRM.

use crate::sandbox::log::Call;
use crate::sandbox::message::{Request, decoded};

/// What a request asks of Zoho CRM or of Zoho's accounts server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum Route {
    /// `POST /oauth/v2/token`.
    Token,
    /// `GET /crm/{version}/org`.
    Org,
    /// `GET /crm/{version}/users?type=CurrentUser`.
    CurrentUser,
    /// `GET /crm/{version}/users`, with other types or ids.
    ReadMany(Vec<String>),
    /// `GET /crm/{version}/users/{id}`.
    Read(String),
    /// `DELETE /crm/{version}/users/{id}`.
    Delete(String),
    /// One of these paths, with a method it does not take.
    BadMethod,
    /// A path that is none of these.
    Unknown,
}

/// The versions that are served.
const VERSIONS: [&str; 8] = ["v2", "v2.1", "v3", "v4", "v5", "v6", "v7", "v8"];

impl Route {
    /// What `request` asks.
    pub(in crate::sandbox) fn of(request: &Request) -> Self {
        let segments = request.segments();
        let method = request.method.as_str();
        let path = match segments.as_slice() {
            ["oauth", "v2", "token"] => {
                return match method {
                    "POST" => Self::Token,
                    _ => Self::BadMethod,
                };
            }
            ["crm", version, rest @ ..] if VERSIONS.contains(version) => rest,
            _ => return Self::Unknown,
        };
        match (method, path) {
            ("GET", ["org"]) => Self::Org,
            ("GET", ["users"]) if request.query("type") == Some("CurrentUser") => Self::CurrentUser,
            ("GET", ["users"]) => Self::ReadMany(
                request
                    .query("ids")
                    .unwrap_or_default()
                    .split(',')
                    .map(str::trim)
                    .filter(|id| !id.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
            // What is no number is no id, and so the path is none of Zoho's.
            ("GET" | "DELETE", ["users", id]) => match (method, number(id)) {
                (_, None) => Self::Unknown,
                ("GET", Some(id)) => Self::Read(id),
                (_, Some(id)) => Self::Delete(id),
            },
            (_, ["org" | "users"] | ["users", _]) => Self::BadMethod,
            _ => Self::Unknown,
        }
    }

    /// The word for it in the log.
    pub(in crate::sandbox) fn call(&self) -> Call {
        match self {
            Self::Token => Call::Token,
            Self::Org | Self::CurrentUser => Call::Identity,
            Self::ReadMany(_) | Self::Read(_) => Call::Read,
            Self::Delete(_) => Call::Delete,
            Self::BadMethod | Self::Unknown => Call::Unknown,
        }
    }

    /// The one user it is about; `None`: none, or many.
    pub(in crate::sandbox) fn user(&self) -> Option<String> {
        match self {
            Self::Read(id) | Self::Delete(id) => Some(id.clone()),
            Self::Token
            | Self::Org
            | Self::CurrentUser
            | Self::ReadMany(_)
            | Self::BadMethod
            | Self::Unknown => None,
        }
    }

    /// The users it is about where it may name many.
    pub(in crate::sandbox) fn users(&self) -> Vec<String> {
        match self {
            Self::ReadMany(ids) => ids.clone(),
            _ => Vec::new(),
        }
    }

    /// The scopes of which one is needed; empty: none is.
    pub(super) fn scopes(&self) -> &'static [&'static str] {
        match self {
            Self::Org => &["ZohoCRM.org.ALL", "ZohoCRM.org.READ"],
            Self::CurrentUser | Self::ReadMany(_) | Self::Read(_) => {
                &["ZohoCRM.users.ALL", "ZohoCRM.users.READ"]
            }
            Self::Delete(_) => &["ZohoCRM.users.ALL", "ZohoCRM.users.DELETE"],
            Self::Token | Self::BadMethod | Self::Unknown => &[],
        }
    }
}

fn number(segment: &str) -> Option<String> {
    let id = decoded(segment);
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Route;
    use crate::sandbox::message::Request;

    #[rstest]
    #[case("POST", "/oauth/v2/token", Route::Token)]
    #[case("GET", "/oauth/v2/token", Route::BadMethod)]
    #[case("GET", "/crm/v8/org", Route::Org)]
    #[case("GET", "/crm/v2.1/users?type=CurrentUser", Route::CurrentUser)]
    #[case("GET", "/crm/v8/users?ids=1,2", Route::ReadMany(vec!["1".into(), "2".into()]))]
    #[case("GET", "/crm/v8/users/17", Route::Read("17".into()))]
    #[case("DELETE", "/crm/v2/users/17", Route::Delete("17".into()))]
    #[case("DELETE", "/crm/v9/users/17", Route::Unknown)]
    #[case("DELETE", "/crm/v8/users/zcrm_17", Route::Unknown)]
    #[case("DELETE", "/crm/v8/users/5.7E%2B18", Route::Unknown)]
    #[case("DELETE", "/crm/v8/users/", Route::Unknown)]
    #[case("DELETE", "/crm/v8/users", Route::BadMethod)]
    #[case("PUT", "/crm/v8/users/17", Route::BadMethod)]
    fn a_request_is_read(#[case] method: &str, #[case] target: &str, #[case] route: Route) {
        assert_eq!(Route::of(&Request::new(method, target)), route);
    }
}
