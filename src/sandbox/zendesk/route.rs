//! What a request asks of Zendesk Support.

use crate::sandbox::log::Call;
use crate::sandbox::message::{Request, decoded};

/// What a request asks of Zendesk Support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum Route {
    /// `POST /oauth/tokens`.
    Token,
    /// `GET /api/v2/users/me`.
    Me,
    /// `GET /api/v2/users/{id}`.
    Read(u64),
    /// `GET /api/v2/users/show_many?ids=`.
    ReadMany(Vec<String>),
    /// `DELETE /api/v2/users/{id}`.
    Delete(u64),
    /// `DELETE /api/v2/users/destroy_many?ids=`.
    DeleteMany(Vec<String>),
    /// `GET /api/v2/job_statuses/{id}`.
    Job(String),
    /// `GET /api/v2/job_statuses/show_many?ids=`.
    Jobs(Vec<String>),
    /// `GET /api/v2/deleted_users`.
    ListDeleted,
    /// `GET /api/v2/deleted_users/{id}`.
    ReadDeleted(u64),
    /// `DELETE /api/v2/deleted_users/{id}`.
    PermanentlyDelete(u64),
    /// `GET /api/v2/users/{id}/compliance_deletion_statuses`.
    Compliance(u64),
    /// One of the above, with an id that is no whole number.
    BadId(String),
    /// A path that is none of these.
    Unknown,
}

impl Route {
    /// What `request` asks.
    pub(in crate::sandbox) fn of(request: &Request) -> Self {
        let path = request.segments();
        let path: Vec<&str> = match path.as_slice() {
            // The extension is optional on the last segment.
            [before @ .., last] => before
                .iter()
                .copied()
                .chain([last.strip_suffix(".json").unwrap_or(last)])
                .collect(),
            [] => Vec::new(),
        };
        let method = request.method.as_str();
        match (method, path.as_slice()) {
            ("POST", ["oauth", "tokens"]) => Self::Token,
            (_, ["api", "v2", rest @ ..]) => Self::of_api(method, rest, request),
            _ => Self::Unknown,
        }
    }

    fn of_api(method: &str, path: &[&str], request: &Request) -> Self {
        let with_id = |id: &str, route: fn(u64) -> Self| {
            // `u64` would take a leading plus.
            let id = decoded(id);
            match id.parse() {
                Ok(number) if !id.starts_with('+') => route(number),
                _ => Self::BadId(id),
            }
        };
        match (method, path) {
            ("GET", ["users", "me"]) => Self::Me,
            ("GET", ["users", "show_many"]) => Self::ReadMany(list(request)),
            ("DELETE", ["users", "destroy_many"]) => Self::DeleteMany(list(request)),
            ("GET", ["job_statuses", "show_many"]) => Self::Jobs(list(request)),
            ("GET", ["job_statuses", id]) if !id.is_empty() => Self::Job(decoded(id)),
            ("GET", ["users", id]) if !id.is_empty() => with_id(id, Self::Read),
            ("DELETE", ["users", id]) if !id.is_empty() => with_id(id, Self::Delete),
            ("GET", ["deleted_users"]) => Self::ListDeleted,
            ("GET", ["deleted_users", id]) if !id.is_empty() => with_id(id, Self::ReadDeleted),
            ("DELETE", ["deleted_users", id]) if !id.is_empty() => {
                with_id(id, Self::PermanentlyDelete)
            }
            ("GET", ["users", id, "compliance_deletion_statuses"]) if !id.is_empty() => {
                with_id(id, Self::Compliance)
            }
            _ => Self::Unknown,
        }
    }

    /// The word for it in the log.
    pub(in crate::sandbox) fn call(&self) -> Call {
        match self {
            Self::Token => Call::Token,
            Self::Me => Call::Identity,
            Self::Read(_)
            | Self::ReadMany(_)
            | Self::ListDeleted
            | Self::ReadDeleted(_)
            | Self::Compliance(_) => Call::Read,
            Self::Delete(_) => Call::Delete,
            Self::DeleteMany(_) => Call::DeleteMany,
            Self::Job(_) | Self::Jobs(_) => Call::Job,
            Self::PermanentlyDelete(_) => Call::PermanentlyDelete,
            Self::BadId(_) | Self::Unknown => Call::Unknown,
        }
    }

    /// The one user it is about; `None`: none, or many.
    pub(in crate::sandbox) fn user(&self) -> Option<String> {
        match self {
            Self::Read(id)
            | Self::Delete(id)
            | Self::ReadDeleted(id)
            | Self::PermanentlyDelete(id)
            | Self::Compliance(id) => Some(id.to_string()),
            Self::BadId(id) => Some(id.clone()),
            Self::Token
            | Self::Me
            | Self::ReadMany(_)
            | Self::ListDeleted
            | Self::DeleteMany(_)
            | Self::Job(_)
            | Self::Jobs(_)
            | Self::Unknown => None,
        }
    }

    /// The users it is about where it may name many.
    pub(in crate::sandbox) fn users(&self) -> Vec<String> {
        match self {
            Self::ReadMany(ids) | Self::DeleteMany(ids) => ids.clone(),
            _ => Vec::new(),
        }
    }
}

/// The values of `ids`, split at commas.
fn list(request: &Request) -> Vec<String> {
    request
        .query("ids")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Route;
    use crate::sandbox::message::Request;

    #[rstest]
    #[case("GET", "/api/v2/users/me.json", Route::Me)]
    #[case("GET", "/api/v2/users/7", Route::Read(7))]
    #[case("DELETE", "/api/v2/users/7.json", Route::Delete(7))]
    #[case("DELETE", "/api/v2/deleted_users/7", Route::PermanentlyDelete(7))]
    #[case("DELETE", "/api/v2/users/destroy_many.json?ids=1,2", Route::DeleteMany(vec!["1".into(), "2".into()]))]
    #[case("GET", "/api/v2/job_statuses/V3-ab.json", Route::Job("V3-ab".into()))]
    #[case("POST", "/oauth/tokens", Route::Token)]
    #[case("DELETE", "/api/v2/users/", Route::Unknown)]
    #[case("DELETE", "/api/v2/users", Route::Unknown)]
    #[case("PUT", "/api/v2/users/7", Route::Unknown)]
    #[case("DELETE", "/api/v2/users/7/", Route::Unknown)]
    #[case("DELETE", "/api/v2/users/3.6E+11", Route::BadId("3.6E+11".into()))]
    #[case("DELETE", "/api/v2/users/+7", Route::BadId("+7".into()))]
    #[case("DELETE", "/api/v2/users/..%2Fx", Route::BadId("../x".into()))]
    fn a_request_is_read(#[case] method: &str, #[case] target: &str, #[case] route: Route) {
        assert_eq!(Route::of(&Request::new(method, target)), route);
    }
}
