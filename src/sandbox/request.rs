//! A request as the state machines take it: its tenant, its call and its user. They are told from
//! one table of the three providers' paths. And the log: one [`LogEntry`] for each that arrived.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use serde::{Deserialize, Serialize};

use super::faults::Fault;
use crate::domain::{ProviderKind, Time};

use Call::{
    Delete, DeleteMany, DeletePersonalInformation, Identity, Job, PermanentlyDelete, Read, Token,
};
use ProviderKind::{Sunco, Zendesk, Zoho};

/// Method, path (`{…}` is one segment that is not empty) and what it asks. No two providers share a path.
const TABLE: [(&str, &str, Call); 23] = [
    ("POST", "oauth/tokens", Token),
    ("GET", "api/v2/users/me", Identity),
    ("GET", "api/v2/custom_roles/{role}", Identity),
    ("GET", "api/v2/users/show_many", Read),
    ("GET", "api/v2/users/search", Read),
    ("DELETE", "api/v2/users/destroy_many", DeleteMany),
    ("GET", "api/v2/job_statuses/show_many", Job),
    ("GET", "api/v2/users/{user}", Read),
    ("DELETE", "api/v2/users/{user}", Delete),
    ("GET", "api/v2/deleted_users/{user}", Read),
    ("DELETE", "api/v2/deleted_users/{user}", PermanentlyDelete),
    (
        "GET",
        "api/v2/users/{user}/compliance_deletion_statuses",
        Read,
    ),
    ("GET", "v2/apps/{app}", Identity),
    ("GET", "v2/apps/{app}/integrations/me/webhooks", Identity),
    ("GET", "v2/apps/{app}/users", Read),
    ("GET", "v2/apps/{app}/users/{user}", Read),
    ("DELETE", "v2/apps/{app}/users/{user}", Delete),
    (
        "DELETE",
        "v2/apps/{app}/users/{user}/personalinformation",
        DeletePersonalInformation,
    ),
    ("POST", "oauth/v2/token", Token),
    ("GET", "crm/{version}/org", Identity),
    ("GET", "crm/{version}/users", Read),
    ("GET", "crm/{version}/users/{user}", Read),
    ("DELETE", "crm/{version}/users/{user}", Delete),
];

/// The versions of Zoho's API that are served.
const VERSIONS: [&str; 8] = ["v2", "v2.1", "v3", "v4", "v5", "v6", "v7", "v8"];

/// The call that a request makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Delete one user (at Zendesk: softly).
    Delete,
    /// Zendesk: softly delete up to a hundred users with one job.
    DeleteMany,
    /// Zendesk: delete a user for good.
    PermanentlyDelete,
    /// Sunshine Conversations: clear a user's profile.
    DeletePersonalInformation,
    /// Read one user or many.
    Read,
    /// Read one job or many.
    Job,
    /// Ask who the caller is, or which app or org this is.
    Identity,
    /// Ask for an access token.
    Token,
    /// Anything else.
    Unknown,
}

impl Call {
    /// Whether it asks for something to be deleted.
    pub const fn deletes(self) -> bool {
        matches!(
            self,
            Self::Delete
                | Self::DeleteMany
                | Self::PermanentlyDelete
                | Self::DeletePersonalInformation
        )
    }
}

/// One request that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its number, from 1, in the order in which requests were carried out.
    pub seq: u64,
    /// When it was carried out and counted against the quotas.
    pub at: Time,
    /// The tenant it was for.
    pub tenant: String,
    /// The provider it was for; `None`: the path is no provider's.
    pub provider: Option<ProviderKind>,
    /// Its method.
    pub method: String,
    /// Its path as sent, without tenant and query (which may hold secrets).
    pub path: String,
    /// The user it is about, as the request names it; `None`: none, or many.
    pub user: Option<String>,
    /// The users it is about where one request may name many; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// The call that it makes.
    pub step: Call,
    /// The status answered; `None`: the connection was closed without an answer.
    pub status: Option<u16>,
    /// Whether it changed anything, or started a job that will.
    pub effect: bool,
    /// The fault that was caused on purpose; `None`: nothing.
    pub fault: Option<Fault>,
}

impl LogEntry {
    /// Whether it is about the user `id`, alone or among others.
    pub fn concerns(&self, id: &str) -> bool {
        self.user.as_deref() == Some(id) || self.users.iter().any(|user| user == id)
    }
}

/// A request as it arrived, and what it asks.
#[derive(Debug, Clone)]
pub(super) struct SandboxRequest {
    pub(super) sent: http::Request<Bytes>,
    /// The tenant its path names with `/t/{name}`; `None`: it has no such prefix.
    pub(super) tenant: Option<String>,
    /// The path as sent, still percent-encoded, without tenant and query.
    pub(super) path: String,
    /// Where the tenant can be reached, without a slash at the end; answers name it.
    pub(super) base_url: String,
    /// How many requests of this tenant and provider are under way, this one included.
    pub(super) in_flight: u32,
    /// Whether it deletes a user whose deletion another request is about, which came before and is under way.
    pub(super) meets_another: bool,
    /// Whose path it is; `None`: no provider's.
    pub(super) provider: Option<ProviderKind>,
    pub(super) call: Call,
    /// The path in the table; empty: it is none of those.
    pub(super) pattern: &'static str,
    /// The one user it is about; `None`: none, or many.
    pub(super) user: Option<String>,
    /// The users or jobs it is about where it may name many, or what users are searched by.
    pub(super) ids: Vec<String>,
    /// The app's id, decoded.
    pub(super) app: String,
}

impl SandboxRequest {
    pub(super) fn of(sent: http::Request<Bytes>) -> Self {
        let (tenant, path) = tenant_of(sent.uri().path());
        let (tenant, path) = (tenant.map(str::to_owned), path.to_owned());
        let mut request = Self {
            sent,
            tenant,
            path,
            base_url: String::new(),
            in_flight: 1,
            meets_another: false,
            provider: None,
            call: Call::Unknown,
            pattern: "",
            user: None,
            ids: Vec::new(),
            app: String::new(),
        };
        let host = request.header("host").unwrap_or("127.0.0.1");
        request.base_url = match &request.tenant {
            Some(name) => format!("http://{host}/t/{name}"),
            None => format!("http://{host}"),
        };
        request.read_path();
        request.read_query();
        request
    }

    /// Finds the path in the table.
    fn read_path(&mut self) {
        let whole = self.path.clone();
        let mut path: Vec<&str> = whole
            .strip_prefix('/')
            .unwrap_or(&whole)
            .split('/')
            .collect();
        self.provider = provider_of(&path);
        if let ["file", name, ..] = path[..] {
            // Its call stands in the file.
            self.provider = ProviderKind::named(name);
            return;
        }
        if self.provider == Some(Zendesk)
            && let Some(last) = path.last_mut()
        {
            // The extension is optional on the last segment.
            *last = last.strip_suffix(".json").unwrap_or(last);
        }
        if path[0] == "sc" {
            // Licensed customers of Zendesk reach Sunshine Conversations under it.
            path.remove(0);
        }
        let is_it = |(method, pattern, _): &&(&str, &str, Call)| {
            *method == self.method() && fits(pattern, &path)
        };
        let Some((_, pattern, call)) = TABLE.iter().find(is_it) else {
            return;
        };
        (self.call, self.pattern) = (*call, pattern);
        for (part, segment) in pattern.split('/').zip(path) {
            match part {
                "{user}" => self.user = Some(decoded(segment)),
                "{app}" => self.app = decoded(segment),
                _ => {}
            }
        }
    }

    /// The parts that the table does not tell: lists of ids, ids that are none, and Zoho's caller.
    fn read_query(&mut self) {
        if self.provider == Some(Zoho) && self.query("type").as_deref() == Some("CurrentUser") {
            self.call = Identity;
        }
        if self.user.is_none() && matches!(self.call, Read | DeleteMany | Job) {
            let ids = self.query("ids").unwrap_or_default();
            let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
            self.ids = ids.map(str::to_owned).collect();
        }
        if self.is_search() {
            let names = ["external_id", "query", "filter[identities.email]"];
            let only = names.into_iter().filter_map(|name| self.query(name));
            let many = self.query("external_ids").unwrap_or_default();
            let many = many.split(',').filter(|it| !it.is_empty());
            self.ids = only.chain(many.map(str::to_owned)).collect();
        }
        if let (Some(Zendesk), Some(id)) = (self.provider, &self.user) {
            // `u64` would take a leading plus.
            match id.parse::<u64>() {
                Ok(number) if !id.starts_with('+') => self.user = Some(number.to_string()),
                _ => self.call = Call::Unknown,
            }
        }
    }

    /// The path below that of a provider file; `None`: it is for none.
    pub(super) fn file_path(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("/file/")?;
        rest.find('/').map(|end| &rest[end..])
    }

    pub(super) fn method(&self) -> &str {
        self.sent.method().as_str()
    }

    pub(super) fn body(&self) -> &[u8] {
        self.sent.body()
    }

    /// The first header called `name`; `None`: there is none that is text.
    fn header(&self, name: &str) -> Option<&str> {
        self.sent.headers().get(name)?.to_str().ok()
    }

    /// The first parameter of the query called `name`, decoded; `None`: there is none.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        find(self.sent.uri().query().unwrap_or_default().as_bytes(), name)
    }

    /// The first field called `name` of a body that is a form, decoded; `None`: there is none.
    pub(super) fn form(&self, name: &str) -> Option<String> {
        find(self.body(), name)
    }

    /// The user's id where ids are whole numbers; 0, which nobody has, else.
    pub(super) fn number(&self) -> u64 {
        let id = self.user.as_deref();
        id.and_then(|id| id.parse().ok()).unwrap_or_default()
    }

    /// Whether it asks for the users who have an e-mail address or external id; at Zoho for all users.
    pub(super) fn is_search(&self) -> bool {
        let is_one = ["api/v2/users/search", "v2/apps/{app}/users"].contains(&self.pattern);
        let is_list = self.query("external_ids").is_some()
            || self.query("type").as_deref() == Some("AllUsers");
        self.call == Read && (is_one || (is_list && self.user.is_none()))
    }

    /// The page that it asks for, from 1.
    pub(super) fn page(&self) -> usize {
        let page = self.query("page").and_then(|page| page.parse().ok());
        page.unwrap_or(1).max(1)
    }

    /// The users it is about where it may name many.
    pub(super) fn users(&self) -> &[String] {
        match self.call {
            Job => &[],
            _ => &self.ids,
        }
    }

    /// The credentials it carries: the scheme in lower case, then user and password, or the token and
    /// nothing. Judges none of them.
    pub(super) fn presented(&self) -> (String, String, String) {
        let authorization = self.header("authorization").unwrap_or_default();
        let (scheme, rest) = authorization.split_once(' ').unwrap_or_default();
        let (scheme, rest) = (scheme.to_ascii_lowercase(), rest.trim());
        if scheme != "basic" {
            return (scheme, rest.to_owned(), String::new());
        }
        let pair = STANDARD.decode(rest).unwrap_or_default();
        let pair = String::from_utf8(pair).unwrap_or_default();
        let (user, password) = pair.split_once(':').unwrap_or_default();
        (scheme, user.to_owned(), password.to_owned())
    }
}

/// Parts `/t/{name}/rest` into the name and `/rest`; the name is `None` without such a prefix.
fn tenant_of(path: &str) -> (Option<&str>, &str) {
    let Some(rest) = path.strip_prefix("/t/") else {
        return (None, path);
    };
    match rest.find('/') {
        Some(end) => (Some(&rest[..end]), &rest[end..]),
        None => (Some(rest), "/"),
    }
}

/// Whose path it is.
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
            // A text that is no number is no id of Zoho's, and so the path is none.
            "{user}" if is_zohos => is_number(&decoded(segment)),
            part if part.starts_with('{') => !segment.is_empty(),
            part => part == *segment,
        })
}

/// Whether `id` is digits and nothing else.
pub(super) fn is_number(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first value called `name` among encoded pairs.
fn find(pairs: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(pairs)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// A path segment with its percent signs resolved; bytes that are no UTF-8 are replaced.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}
