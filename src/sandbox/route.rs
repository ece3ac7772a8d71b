//! What a request asks for: one table of the three providers' paths.

use super::log::Call;
use super::message::{Request, decoded};
use crate::domain::ProviderKind;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// An access token.
    Token,
    /// Who the caller is, or which app or organisation this is.
    Identity,
    /// Zoho: the organisation.
    Org,
    /// One user.
    Read,
    /// Many users, or a page of all.
    ReadMany,
    /// Zendesk: a page of the deleted users.
    ListDeleted,
    /// Zendesk: one soft-deleted user.
    ReadDeleted,
    /// Zendesk: how far a user's erasure is.
    Compliance,
    /// One job.
    Job,
    /// Many jobs.
    Jobs,
    /// Delete a user, at Zendesk softly.
    Delete,
    /// Zendesk: delete many users with a job.
    DeleteMany,
    /// Zendesk: delete a user for good.
    PermanentlyDelete,
    /// Sunshine Conversations: clear a user's profile.
    Clear,
    /// Zendesk: a user whose id is no whole number.
    BadId,
    /// Zoho: a path of the table with a method it does not take.
    BadMethod,
    /// Anything else.
    Unknown,
}

use Ask::{
    Clear, Compliance, Delete, DeleteMany, Identity, Job, Jobs, ListDeleted, Org,
    PermanentlyDelete, Read, ReadDeleted, ReadMany, Token,
};
use ProviderKind::{Sunco, Zendesk, Zoho};

/// Provider, method, path and what it asks. `{user}` and the like stand for one segment that is not
/// empty. The first that fits counts.
const TABLE: [(ProviderKind, &str, &str, Ask); 21] = [
    (Zendesk, "POST", "oauth/tokens", Token),
    (Zendesk, "GET", "api/v2/users/me", Identity),
    (Zendesk, "GET", "api/v2/users/show_many", ReadMany),
    (Zendesk, "DELETE", "api/v2/users/destroy_many", DeleteMany),
    (Zendesk, "GET", "api/v2/job_statuses/show_many", Jobs),
    (Zendesk, "GET", "api/v2/job_statuses/{job}", Job),
    (Zendesk, "GET", "api/v2/users/{user}", Read),
    (Zendesk, "DELETE", "api/v2/users/{user}", Delete),
    (Zendesk, "GET", "api/v2/deleted_users", ListDeleted),
    (Zendesk, "GET", "api/v2/deleted_users/{user}", ReadDeleted),
    (
        Zendesk,
        "DELETE",
        "api/v2/deleted_users/{user}",
        PermanentlyDelete,
    ),
    (
        Zendesk,
        "GET",
        "api/v2/users/{user}/compliance_deletion_statuses",
        Compliance,
    ),
    (Sunco, "GET", "v2/apps/{app}", Identity),
    (Sunco, "GET", "v2/apps/{app}/users/{user}", Read),
    (Sunco, "DELETE", "v2/apps/{app}/users/{user}", Delete),
    (
        Sunco,
        "DELETE",
        "v2/apps/{app}/users/{user}/personalinformation",
        Clear,
    ),
    (Zoho, "POST", "oauth/v2/token", Token),
    (Zoho, "GET", "crm/{version}/org", Org),
    (Zoho, "GET", "crm/{version}/users", ReadMany),
    (Zoho, "GET", "crm/{version}/users/{user}", Read),
    (Zoho, "DELETE", "crm/{version}/users/{user}", Delete),
];

/// The versions of Zoho's API that are served.
const VERSIONS: [&str; 8] = ["v2", "v2.1", "v3", "v4", "v5", "v6", "v7", "v8"];

/// What a request asks for, and of whom, told from its method and its address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// Whose path it is; `None`: no provider's.
    pub(super) provider: Option<ProviderKind>,
    /// What it asks for.
    pub(super) ask: Ask,
    /// The one user it is about; `None`: none, or many.
    pub(super) user: Option<String>,
    /// The users or jobs it is about where it may name many.
    pub(super) ids: Vec<String>,
    /// The app's id or the job's, decoded.
    pub(super) name: String,
}

impl Route {
    /// What `request` asks.
    pub(super) fn of(request: &Request) -> Self {
        let segments = request.segments();
        let mut route = Self {
            provider: provider_of(&segments),
            ask: Ask::Unknown,
            user: None,
            ids: Vec::new(),
            name: String::new(),
        };
        let Some(provider) = route.provider else {
            return route;
        };
        let mut path: Vec<&str> = segments;
        match provider {
            // The extension is optional on the last segment.
            Zendesk => {
                if let Some(last) = path.last_mut() {
                    *last = last.strip_suffix(".json").unwrap_or(last);
                }
            }
            // Licensed customers of Zendesk reach it under /sc.
            Sunco if path.first() == Some(&"sc") => drop(path.remove(0)),
            Sunco | Zoho => {}
        }
        let method = request.method.as_str();
        let rows = TABLE.iter().filter(|row| row.0 == provider);
        let mut fitting = rows
            .filter(|(_, _, pattern, _)| fits(pattern, &path))
            .peekable();
        let is_known = fitting.peek().is_some();
        let Some((_, _, pattern, ask)) = fitting.find(|row| row.1 == method) else {
            if is_known && provider == Zoho {
                route.ask = Ask::BadMethod;
            }
            return route;
        };
        route.ask = *ask;
        for (part, segment) in pattern.split('/').zip(path) {
            match part {
                "{user}" => route.user = Some(decoded(segment)),
                "{app}" | "{job}" => route.name = decoded(segment),
                _ => {}
            }
        }
        if matches!(route.ask, ReadMany | DeleteMany | Jobs) {
            route.ids = list(request);
        }
        route.refined(request)
    }

    /// What the table does not tell: ids that are none, and Zoho's caller.
    fn refined(mut self, request: &Request) -> Self {
        match (self.provider, self.user.as_deref()) {
            // `u64` would take a leading plus.
            (Some(Zendesk), Some(id)) => match id.parse::<u64>() {
                Ok(number) if !id.starts_with('+') => self.user = Some(number.to_string()),
                _ => self.ask = Ask::BadId,
            },
            (Some(Zoho), None)
                if self.ask == ReadMany && request.query("type") == Some("CurrentUser") =>
            {
                self.ask = Identity;
                self.ids.clear();
            }
            _ => {}
        }
        self
    }

    /// The user's id where ids are whole numbers; 0, which nobody has, else.
    pub(super) fn number(&self) -> u64 {
        let id = self.user.as_deref();
        id.and_then(|id| id.parse().ok()).unwrap_or_default()
    }

    /// The users it is about where it may name many.
    pub(super) fn users(&self) -> &[String] {
        match self.ask {
            ReadMany | DeleteMany => &self.ids,
            _ => &[],
        }
    }

    /// The word for it in the log.
    pub(super) fn call(&self) -> Call {
        match self.ask {
            Token => Call::Token,
            Identity | Org => Call::Identity,
            Read | ReadMany | ListDeleted | ReadDeleted | Compliance => Call::Read,
            Job | Jobs => Call::Job,
            Delete => Call::Delete,
            DeleteMany => Call::DeleteMany,
            PermanentlyDelete => Call::PermanentlyDelete,
            Clear => Call::DeletePersonalInformation,
            Ask::BadId | Ask::BadMethod | Ask::Unknown => Call::Unknown,
        }
    }
}

/// Whose path it is: the three providers' paths do not collide.
fn provider_of(path: &[&str]) -> Option<ProviderKind> {
    match path {
        ["api", "v2", ..] | ["oauth", "tokens" | "tokens.json"] => Some(Zendesk),
        ["v2" | "sc", ..] => Some(Sunco),
        ["oauth", "v2", ..] | ["crm", ..] => Some(Zoho),
        _ => None,
    }
}

fn fits(pattern: &str, path: &[&str]) -> bool {
    let parts: Vec<&str> = pattern.split('/').collect();
    let is_zohos = pattern.starts_with("crm/");
    parts.len() == path.len()
        && parts.iter().zip(path).all(|(part, segment)| match *part {
            "{version}" => VERSIONS.contains(segment),
            // What is no number is no id of Zoho's, and so the path is none.
            "{user}" if is_zohos => is_number(&decoded(segment)),
            part if part.starts_with('{') => !segment.is_empty(),
            part => part == *segment,
        })
}

fn is_number(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The values of `ids`, split at commas.
fn list(request: &Request) -> Vec<String> {
    let ids = request.query("ids").unwrap_or_default().split(',');
    let ids = ids.map(str::trim).filter(|id| !id.is_empty());
    ids.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Ask, Route};
    use crate::sandbox::message::Request;

    #[rstest]
    #[case("GET", "/api/v2/users/me.json", Ask::Identity, "")]
    #[case("GET", "/api/v2/users/7", Ask::Read, "7")]
    #[case("DELETE", "/api/v2/users/7.json", Ask::Delete, "7")]
    #[case("DELETE", "/api/v2/deleted_users/7", Ask::PermanentlyDelete, "7")]
    #[case(
        "DELETE",
        "/api/v2/users/destroy_many.json?ids=1,2",
        Ask::DeleteMany,
        "1,2"
    )]
    #[case("GET", "/api/v2/job_statuses/V3-ab.json", Ask::Job, "")]
    #[case("POST", "/oauth/tokens", Ask::Token, "")]
    #[case("DELETE", "/api/v2/users/", Ask::Unknown, "")]
    #[case("DELETE", "/api/v2/users", Ask::Unknown, "")]
    #[case("PUT", "/api/v2/users/7", Ask::Unknown, "")]
    #[case("DELETE", "/api/v2/users/7/", Ask::Unknown, "")]
    #[case("DELETE", "/api/v2/users/3.6E+11", Ask::BadId, "3.6E+11")]
    #[case("DELETE", "/api/v2/users/+7", Ask::BadId, "+7")]
    #[case("DELETE", "/api/v2/users/..%2Fx", Ask::BadId, "../x")]
    #[case("GET", "/v2/apps/5963", Ask::Identity, "")]
    #[case("GET", "/sc/v2/apps/5963", Ask::Identity, "")]
    #[case("DELETE", "/v2/apps/5963/users/abc", Ask::Delete, "abc")]
    #[case("DELETE", "/sc/v2/apps/5963/users/abc", Ask::Delete, "abc")]
    #[case(
        "DELETE",
        "/v2/apps/5963/users/a%2Fb%20%3F%23%25%C3%BC",
        Ask::Delete,
        "a/b ?#%ü"
    )]
    #[case("DELETE", "/v2/apps/5963/users/a/b", Ask::Unknown, "")]
    #[case("DELETE", "/v2/apps/5963/users/", Ask::Unknown, "")]
    #[case(
        "DELETE",
        "/v2/apps/5963/users/a%2Fb/personalinformation",
        Ask::Clear,
        "a/b"
    )]
    #[case("PATCH", "/v2/apps/5963/users/abc", Ask::Unknown, "")]
    #[case("POST", "/oauth/v2/token", Ask::Token, "")]
    #[case("GET", "/oauth/v2/token", Ask::BadMethod, "")]
    #[case("GET", "/crm/v8/org", Ask::Org, "")]
    #[case("GET", "/crm/v2.1/users?type=CurrentUser", Ask::Identity, "")]
    #[case("GET", "/crm/v8/users?ids=1,2", Ask::ReadMany, "1,2")]
    #[case("GET", "/crm/v8/users/17", Ask::Read, "17")]
    #[case("DELETE", "/crm/v2/users/17", Ask::Delete, "17")]
    #[case("DELETE", "/crm/v9/users/17", Ask::Unknown, "")]
    #[case("DELETE", "/crm/v8/users/zcrm_17", Ask::Unknown, "")]
    #[case("DELETE", "/crm/v8/users/5.7E%2B18", Ask::Unknown, "")]
    #[case("DELETE", "/crm/v8/users/", Ask::Unknown, "")]
    #[case("DELETE", "/crm/v8/users", Ask::BadMethod, "")]
    #[case("PUT", "/crm/v8/users/17", Ask::BadMethod, "")]
    fn a_request_is_read(
        #[case] method: &str,
        #[case] target: &str,
        #[case] ask: Ask,
        #[case] users: &str,
    ) {
        let route = Route::of(&Request::new(method, target));
        let named = route
            .user
            .clone()
            .unwrap_or_else(|| route.users().join(","));
        assert_eq!((route.ask, named.as_str()), (ask, users));
    }
}
