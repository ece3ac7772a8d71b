//! Providers from files: one user a request, known by id, answered at once or found out by a look.
//!
//! A file says which requests there are and what their answers mean, and proves itself: its examples are judged
//! whenever it is read. `format` is what stands in it, `check` what is refused of it, `answers`
//! what an answer means, `served` how the sandbox serves it. Here is what requests are made of it.

mod answers;
mod check;
mod format;
mod served;

use std::collections::BTreeMap;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::body::is_address;
use super::http::{endpoint, push_query};
use super::{
    Access, Authorize, Found, Identity, LookupFor, Provider, RateHints, Reply, Request, Token,
    UserLookup, Verdict, auth, digits,
};
use crate::domain::{FindBy, IdProblem, ProviderKind, Step, UserId, UserState};

pub use check::{FileProblem, span_of};
pub use format::ProviderFile;

use format::{FileAuth, FileCall, ID, KEY};

/// The provider files that this program brings, by name.
const SHIPPED: [(&str, &str); 8] = [
    ("intercom", include_str!("../files/intercom.toml")),
    ("freshdesk", include_str!("../files/freshdesk.toml")),
    ("gorgias", include_str!("../files/gorgias.toml")),
    ("jira", include_str!("../files/jira.toml")),
    ("helpscout", include_str!("../files/helpscout.toml")),
    ("okta", include_str!("../files/okta.toml")),
    ("auth0", include_str!("../files/auth0.toml")),
    ("hubspot", include_str!("../files/hubspot.toml")),
];

impl ProviderFile {
    /// The JSON schema of the format. A file that it takes may still be refused for its meaning.
    pub const SCHEMA: &str = include_str!("schema.json");

    /// The names of all that this program brings.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.into_iter().map(|(name, _)| name)
    }

    /// The text of the one called `name` that this program brings; `None`: there is none.
    pub fn shipped_text(name: &str) -> Option<&'static str> {
        let mut all = SHIPPED.into_iter();
        all.find(|(known, _)| *known == name).map(|(_, text)| text)
    }

    /// The provider called `name` that this program brings; `None`: there is none.
    pub fn shipped(name: &str) -> Option<Arc<Self>> {
        Self::parse(Self::shipped_text(name)?).ok().map(Arc::new)
    }
}

/// A provider file as one account uses it.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// The file.
    pub file: Arc<ProviderFile>,
    /// The file's, its keys filled in, or what stands in for it.
    pub base_url: Url,
    /// The values of the keys that are no secrets.
    pub plain: BTreeMap<String, String>,
    /// The values of those that are.
    pub secrets: BTreeMap<String, SecretString>,
}

impl FileSettings {
    /// `template` with the account's values in place of its keys.
    fn fill(&self, template: &str) -> String {
        let plain = self.plain.iter().map(|(key, value)| (key, &**value));
        let secrets = self.secrets.iter();
        let secrets = secrets.map(|(key, secret)| (key, secret.expose_secret()));
        let put = |text: String, (key, value)| text.replace(&format!("{{{key}}}"), value);
        plain.chain(secrets).fold(template.to_owned(), put)
    }

    /// The request of `step`.
    fn call(&self, step: Step) -> &FileCall {
        let Some((_, call, ..)) = self.file.step(step) else {
            unreachable!("{} has no step {step}", self.file.name);
        };
        call
    }

    /// The request that `call` describes, about the user `id`.
    fn request(&self, access: &Access, call: &FileCall, id: &str) -> Request {
        let mut request = call.about(&access.base, id);
        let own = self.file.headers.iter();
        let own = own.filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
        request.headers.extend::<HeaderMap>(own.collect());
        let name = self.file.auth.header.as_ref().map(|[name, _]| name.parse());
        let name: HeaderName = name.and_then(Result::ok).unwrap_or(header::AUTHORIZATION);
        request.headers.insert(name, access.authorization.clone());
        request
    }
}

impl FileAuth {
    /// The value of the header, with the result of `fill` for each template.
    fn authorization(&self, fill: impl Fn(&str) -> String) -> HeaderValue {
        match (&self.bearer, &self.basic, &self.header) {
            (Some(token), ..) => auth::token("Bearer", &fill(token).into()),
            (_, Some([user, password]), _) => auth::basic(&fill(user), &fill(password).into()),
            (.., Some([_, value])) => auth::sensitive(&fill(value)).unwrap_or(auth::EMPTY),
            _ => auth::EMPTY,
        }
    }
}

impl FileCall {
    /// The request about the user `id`, or the search for that key, below `base`, without headers of its own.
    /// Either is one segment, one value of the query or one string of the JSON, and encoded.
    ///
    /// # Panics
    ///
    /// For an id that would change the address: better no request than that one.
    fn about(&self, base: &Url, id: &str) -> Request {
        let Some((method, segments, query)) = self.parts() else {
            unreachable!("a file with another request is refused");
        };
        // One of them stands in it, once.
        let put = |text: &str| text.replacen(ID, KEY, 1).replacen(KEY, id, 1);
        let segments: Vec<String> = segments.into_iter().map(put).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut url = endpoint(base, &segments);
        for (key, value) in query {
            push_query(&mut url, key, &put(value));
        }
        let request = Request::new(method, url);
        match &self.json {
            Some(json) => {
                request.with_body("application/json", with_strings(json, &put).to_string())
            }
            None => request,
        }
    }
}

/// `json` with what `put` makes of each string in it.
fn with_strings(json: &Value, put: &impl Fn(&str) -> String) -> Value {
    match json {
        Value::String(text) => put(text).into(),
        Value::Array(values) => values.iter().map(|it| with_strings(it, put)).collect(),
        Value::Object(fields) => {
            let put = |(key, it): (&String, &Value)| (key.clone(), with_strings(it, put));
            Value::Object(fields.iter().map(put).collect())
        }
        other => other.clone(),
    }
}

impl Provider for FileSettings {
    fn kind(&self) -> ProviderKind {
        self.file.kind()
    }

    fn authorize(&self) -> Authorize {
        if self.file.auth.client_credentials.is_some() {
            let mut parts = vec![self.file.name.as_str(), self.base_url.as_str()];
            parts.extend(self.secrets.values().map(SecretString::expose_secret));
            let key = auth::digest(&parts);
            return Authorize::Token {
                quota: None,
                key,
                first: None,
            };
        }
        Authorize::Fixed(Access {
            base: self.base_url.clone(),
            authorization: self.file.auth.authorization(|text| self.fill(text)),
        })
    }

    fn identify(&self, access: &Access) -> Request {
        self.request(access, &self.file.identify, "")
    }

    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        self.file.who(&access.base, reply)
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        self.request(access, self.call(step), id.as_str())
    }

    fn judge(&self, step: Step, id: &UserId, reply: &Reply) -> Verdict {
        self.file.judge(self.call(step), id, reply)
    }

    fn lookup_before(&self, step: Step) -> Option<LookupFor> {
        self.looks_first(step).then_some(LookupFor::Roles)
    }

    fn looks_first(&self, step: Step) -> bool {
        let step = self.file.step(step);
        step.is_some_and(|(.., action, _)| action.look_first)
    }

    fn lookup_max(&self, purpose: LookupFor) -> usize {
        match purpose {
            LookupFor::Roles => (self.file.actions.values()).any(|it| it.look_first).into(),
            LookupFor::UnclearAnswer | LookupFor::Verification => 1,
            _ => 0,
        }
    }

    fn lookup(&self, access: &Access, _purpose: LookupFor, ids: &[UserId]) -> Request {
        self.request(access, &self.file.look, ids[0].as_str())
    }

    /// Where orders are only taken, who stands after one is being deleted.
    fn states_of(&self, asked: &UserLookup<'_>, reply: &Reply) -> Result<Vec<UserState>, Verdict> {
        let state = self.file.state(&asked.ids[0], reply)?;
        let is_later = self.file.all_steps().all(|(_, call, ..)| call.is_later());
        Ok(vec![match (asked.purpose, state) {
            (LookupFor::Verification, UserState::Unknown) => UserState::Gone,
            (LookupFor::Verification, UserState::Active { .. }) if is_later => UserState::Erasing,
            (_, state) => state,
        }])
    }

    fn find_max(&self, by: FindBy, key: &str) -> usize {
        let is_key = match by {
            FindBy::Email => is_address(key),
            FindBy::ExternalId => is_key(key),
        };
        (is_key && self.file.find.contains_key(&by)).into()
    }

    fn find(&self, access: &Access, by: FindBy, keys: &[String], _page: u32) -> Request {
        self.request(access, &self.file.find[&by], &keys[0])
    }

    fn found(&self, by: FindBy, keys: &[String], reply: &Reply) -> Result<Found, Verdict> {
        let users = (self.file).found((by, &self.file.find[&by]), &keys[0], reply)?;
        Ok((vec![users], false))
    }

    fn unknown_when_gone(&self, step: Step) -> bool {
        // A request that is like the last one may delete, whichever step it is sent for.
        self.file.step(step).is_some_and(|(_, call, action, _)| {
            let last = action.steps.last();
            last.is_some_and(|it| (&it.request, &it.json) == (&call.request, &call.json))
        })
    }

    fn rate_hints(&self, _step: Option<Step>, headers: &HeaderMap) -> RateHints {
        self.file.hints(headers)
    }

    fn mint(&self, _refresh: Option<&SecretString>) -> Request {
        let Some(call) = &self.file.auth.client_credentials else {
            unreachable!("these credentials need no token");
        };
        let request = call.about(&self.base_url, "");
        match (&call.json, &call.form) {
            (Some(json), _) => request.with_body(
                "application/json",
                with_strings(json, &|text| self.fill(text)).to_string(),
            ),
            (None, form) => {
                let pairs = form.iter().flatten();
                let pairs = pairs.map(|(key, value)| (key, self.fill(value)));
                let mut form = form_urlencoded::Serializer::new(String::new());
                let form = form.extend_pairs(pairs).finish();
                request.with_body("application/x-www-form-urlencoded", form)
            }
        }
    }

    fn minted(&self, reply: &Reply) -> Result<Token, Verdict> {
        auth::minted_plainly(reply, false)
    }

    fn access(&self, token: &Token) -> Option<Access> {
        Some(Access {
            base: self.base_url.clone(),
            authorization: auth::token("Bearer", &token.secret),
        })
    }
}

/// The longest id of a provider file, in bytes.
const ID_BYTES_MAX: usize = 255;

/// Whether `text` can be another system's id: it is sent encoded, and as a segment it must be able to stand
/// alone.
fn is_key(text: &str) -> bool {
    let is_long = text.is_empty() || text.len() > ID_BYTES_MAX;
    !is_long && !text.contains(char::is_control) && !matches!(text, "." | "..")
}

/// The rule for every id of every provider file, whatever its pattern. No server on the way can
/// take it for several steps of a path.
pub(super) fn check_id(text: &str) -> Result<&str, IdProblem> {
    let code = if text.is_empty() {
        "empty"
    } else if text.len() > ID_BYTES_MAX {
        "too_long"
    } else if text.contains('@') {
        "email"
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        "not_plain"
    } else if text.contains(['/', '\\', '%', ';', '?', '#', '{', '}'])
        || text.bytes().all(|it| it == b'.')
    {
        "not_one_word"
    } else {
        return Ok(text);
    };
    Err(digits::problem("file", code))
}
