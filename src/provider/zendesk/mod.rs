//! Zendesk Support: soft deletion, permanent deletion, and the reads around them.
//!
//! Facts and where they come from: <https://developer.zendesk.com/api-reference/ticketing/users/users/>
//! and, for limits, <https://developer.zendesk.com/api-reference/introduction/rate-limits/>. Many soft
//! deletions go out in one request, `bulk`; permanent ones each in their own, as the API has it.
//!
//! Limits stand in Zendesk's headers in the spellings of all the years: `x-rate-limit`, `rate-limit`,
//! `ratelimit-limit`; `zendesk-rate-limit-…`, `zendesk-ratelimit-…`.

mod answers;
mod bulk;

use std::num::NonZeroU32;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::body::{Body, is_address};
use super::http::{composed, endpoint, number, retry_after};
use super::{
    Access, Authorize, Bulk, Found, Identity, LookupFor, Provider, RateHint, RateHints, Reply,
    Request, Said, Scope, Token, Transient, UserLookup, Verdict, ZendeskCredentials,
    ZendeskSettings, auth, contract, digits,
};
use crate::domain::{
    AccountLimits, FindBy, IdProblem, ProviderKind, Quota, Step, UserId, UserState, bound,
    looks_rounded,
};

/// How long a token is asked to live; Zendesk takes more than 300 and less than 172,800 seconds.
const TOKEN_LIFE_SECS: u32 = 1_800;

/// How many users `show_many` takes,
/// <https://developer.zendesk.com/api-reference/ticketing/users/users/#show-many-users>.
const SHOW_MANY_MAX: usize = 100;

/// How many bytes external ids may have together in one address, before they are encoded.
const KEY_BYTES_MAX: usize = 2_000;

/// The account's limit is counted per minute.
const ACCOUNT_SPAN: Duration = Duration::from_mins(1);
/// Permanent deletions are counted per ten minutes.
const PERMANENT_SPAN: Duration = Duration::from_mins(10);

const LIMIT: [&str; 3] = ["x-rate-limit", "ratelimit-limit", "rate-limit"];
const REMAINING: [&str; 3] = [
    "x-rate-limit-remaining",
    "ratelimit-remaining",
    "rate-limit-remaining",
];
const RESET: [&str; 2] = ["ratelimit-reset", "rate-limit-reset"];

impl ZendeskSettings {
    /// Whether each token comes with the refresh token for the next.
    const fn rotates(&self) -> bool {
        matches!(self.credentials, ZendeskCredentials::Refresh { .. })
    }
}

/// The text about a refresh token that is not taken.
const REFRESH_VOID: &str = "Zendesk does not take the refresh token: it expired, was revoked or used (maybe \
    by a process that died before the answer). Authorize anew; write both new tokens to the configuration";

/// 400 a minute is what the Professional plan has; 700 in ten minutes is stated beside the
/// permanent deletion,
/// <https://developer.zendesk.com/api-reference/ticketing/users/users/#permanently-delete-user>.
pub(in crate::provider) fn defaults() -> AccountLimits {
    AccountLimits {
        steps: vec![(
            Step::PermanentlyDelete,
            contract::quota(700, PERMANENT_SPAN),
        )],
        many: Some(bulk::MANY),
        asked_alone: Some(Step::PermanentlyDelete),
        ..contract::limits(contract::quota(400, ACCOUNT_SPAN), 8)
    }
}

impl Provider for ZendeskSettings {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Zendesk
    }

    fn authorize(&self) -> Authorize {
        use ZendeskCredentials::{ApiToken, Client, OAuthToken, Refresh};

        let base = &self.base_url;
        let fetched = |key, first| Authorize::Token {
            quota: None,
            key,
            first,
        };
        let authorization = match &self.credentials {
            ApiToken { email, token } => auth::basic(&format!("{email}/token"), token),
            OAuthToken { token } => auth::token("Bearer", token),
            Refresh { token, refresh, .. } => {
                let [one, two] = [token, refresh].map(ExposeSecret::expose_secret);
                let key = auth::digest(&["zendesk refresh", base.as_str(), one, two]);
                let first = Token {
                    secret: token.clone(),
                    api_base: None,
                    expires_in: None,
                    refresh: Some(refresh.clone()),
                };
                return fetched(key, Some(first));
            }
            Client { id, secret } => {
                let secret = secret.expose_secret();
                return fetched(auth::digest(&["zendesk", base.as_str(), id, secret]), None);
            }
        };
        Authorize::Fixed(Access {
            base: base.clone(),
            authorization,
        })
    }

    fn identify(&self, access: &Access) -> Request {
        read(access, &["users", "me"])
    }

    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        answers::identified(&access.base, reply)
    }

    /// <https://developer.zendesk.com/api-reference/ticketing/account-configuration/custom_roles/>.
    fn rights(&self, access: &Access, role: &str) -> Option<Request> {
        Some(read(access, &["custom_roles", role]))
    }

    fn lacks(&self, reply: &Reply) -> Result<Vec<String>, Verdict> {
        answers::role_lacks(reply)
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        let list = match step {
            Step::Delete => "users",
            Step::PermanentlyDelete => "deleted_users",
            Step::DeletePersonalInformation | Step::Own(_) => {
                unreachable!("Zendesk has no step {step}")
            }
        };
        delete(access, &[list, id.as_str()])
    }

    fn judge(&self, step: Step, id: &UserId, reply: &Reply) -> Verdict {
        answers::judge(step, id, reply)
    }

    /// A soft-deleted user is in no list that can be asked for certain users.
    fn lookup_before(&self, step: Step) -> Option<LookupFor> {
        match step {
            Step::Delete => Some(LookupFor::Roles),
            Step::PermanentlyDelete => Some(LookupFor::SoftDeletedRoles),
            Step::DeletePersonalInformation | Step::Own(_) => None,
        }
    }

    fn lookup_max(&self, purpose: LookupFor) -> usize {
        match purpose {
            LookupFor::Roles | LookupFor::Verification => bound("lookup users", 1, SHOW_MANY_MAX),
            _ => 1,
        }
    }

    fn lookup(&self, access: &Access, purpose: LookupFor, ids: &[UserId]) -> Request {
        let id = ids[0].as_str();
        match purpose {
            LookupFor::Roles | LookupFor::Verification => {
                let ids = ids.iter().map(UserId::as_str);
                with_ids(read(access, &["users", "show_many"]), ids)
            }
            // <https://developer.zendesk.com/api-reference/ticketing/users/users/#show-deleted-user>.
            LookupFor::SoftDeletedRoles | LookupFor::ClosestVerification => {
                read(access, &["deleted_users", id])
            }
            LookupFor::UnclearAnswer => read(access, &["users", id]),
            LookupFor::CloserVerification => {
                read(access, &["users", id, "compliance_deletion_statuses"])
            }
        }
    }

    fn states_of(&self, asked: &UserLookup<'_>, reply: &Reply) -> Result<Vec<UserState>, Verdict> {
        answers::states_of(asked, reply)
    }

    /// A search takes one address. External ids stand in one list, if no comma is in them.
    fn find_max(&self, by: FindBy, key: &str) -> usize {
        match by {
            FindBy::Email => usize::from(is_address(key)),
            FindBy::ExternalId if key.is_empty() => 0,
            FindBy::ExternalId if key.contains(',') => 1,
            FindBy::ExternalId => (KEY_BYTES_MAX / (key.len() + 1)).clamp(1, SHOW_MANY_MAX),
        }
    }

    /// <https://developer.zendesk.com/api-reference/ticketing/users/users/#search-users>.
    fn find(&self, access: &Access, by: FindBy, keys: &[String], page: u32) -> Request {
        let (path, name, value) = match (by, keys) {
            (FindBy::Email, _) => ("search", "query", format!("email:{}", keys[0])),
            (FindBy::ExternalId, [only]) => ("search", "external_id", only.clone()),
            (FindBy::ExternalId, _) => ("show_many", "external_ids", keys.join(",")),
        };
        let mut request = read(access, &["users", path]);
        let pages = (page > 1).then(|| ("page", page.to_string()));
        let query = [(name, value)].into_iter().chain(pages);
        request.url.query_pairs_mut().extend_pairs(query);
        request
    }

    fn found(&self, by: FindBy, keys: &[String], reply: &Reply) -> Result<Found, Verdict> {
        answers::found(by, keys, reply)
    }

    /// After a soft delete a user is still shown, as inactive. The state after the permanent one is
    /// not documented: "no such user" is taken for its effect.
    fn unknown_when_gone(&self, step: Step) -> bool {
        step == Step::PermanentlyDelete
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        Some(self)
    }

    fn rate_hints(&self, step: Option<Step>, headers: &HeaderMap) -> RateHints {
        RateHints {
            account: account_hint(headers),
            endpoint: endpoint_hint(headers).map(|(name, (total, hint))| RateHint {
                limit: span_of(step, name).and_then(|span| stated_quota(total?, span)),
                ..hint
            }),
            day_left: None,
        }
    }

    /// Tokens by OAuth client credentials, or by the newest refresh token,
    /// <https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/>.
    ///
    /// # Panics
    ///
    /// With credentials that need no token: called only under [`Authorize::Token`].
    fn mint(&self, refresh: Option<&SecretString>) -> Request {
        let (id, secret) = match &self.credentials {
            ZendeskCredentials::Client { id, secret } => (Some(id), Some(secret)),
            ZendeskCredentials::Refresh { id, secret, .. } => (id.as_ref(), secret.as_ref()),
            _ => unreachable!("these credentials need no token"),
        };
        let mut body = match refresh.map(ExposeSecret::expose_secret) {
            Some(refresh) => json!({"grant_type": "refresh_token", "refresh_token": refresh}),
            None => json!({"grant_type": "client_credentials", "scope": "users:read users:write"}),
        };
        body["expires_in"] = json!(TOKEN_LIFE_SECS);
        if let Some(id) = id {
            body["client_id"] = json!(id);
        }
        if let Some(secret) = secret {
            body["client_secret"] = json!(secret.expose_secret());
        }
        let url = endpoint(&self.base_url, &["oauth", "tokens"]);
        Request::new(Method::POST, url).with_body("application/json", body.to_string())
    }

    fn minted(&self, reply: &Reply) -> Result<Token, Verdict> {
        auth::minted_plainly(reply, self.rotates()).map_err(|verdict| match verdict {
            Verdict::Account(stop, said) if self.rotates() && said.has_code("invalid_grant") => {
                Verdict::Account(stop, Said::ours("invalid_grant", REFRESH_VOID))
            }
            other => other,
        })
    }

    fn access(&self, token: &Token) -> Option<Access> {
        Some(Access {
            base: self.base_url.clone(),
            authorization: auth::token("Bearer", &token.secret),
        })
    }
}

fn read(access: &Access, path: &[&str]) -> Request {
    request(Method::GET, access, path)
}

/// Zendesk wants the content type in every PUT, POST and DELETE, body or not.
fn delete(access: &Access, path: &[&str]) -> Request {
    let mut request = request(Method::DELETE, access, path);
    let json = HeaderValue::from_static("application/json");
    request.headers.insert(header::CONTENT_TYPE, json);
    request
}

fn request(method: Method, access: &Access, path: &[&str]) -> Request {
    let segments = [&["api", "v2"], path].concat();
    let url = endpoint(&access.base, &segments);
    Request::new(method, url).authorized(access.authorization.clone())
}

/// `request` about the users or jobs of these ids.
fn with_ids<'i>(mut request: Request, ids: impl Iterator<Item = &'i str>) -> Request {
    let ids = ids.collect::<Vec<_>>().join(",");
    request.url.set_query(Some(&format!("ids={ids}")));
    request
}

/// The wait that a 429 (or a refusal of a job) asks for. The endpoint's limit is meant if its own
/// header says that nothing is left, or if the account's says that something is. A text for an
/// answer speaks of an endpoint as well; the account's limit is told in JSON.
fn throttled(reply: &Reply, body: &Body<'_>) -> Transient {
    let account = account_hint(&reply.headers);
    let endpoint = endpoint_hint(&reply.headers).map(|(_, (_, hint))| hint);
    let left = account.and_then(|hint| hint.remaining);
    let endpoint_is_empty = endpoint.is_some_and(|said| said.remaining == Some(0));
    let scope = match left {
        _ if endpoint_is_empty => Scope::Endpoint,
        Some(0) => Scope::Account,
        Some(_) => Scope::Endpoint,
        None if matches!(body, Body::Text(text) if speaks_of_an_endpoint(text)) => Scope::Endpoint,
        None => Scope::Account,
    };
    let wait = retry_after(&reply.headers).or_else(|| match scope {
        Scope::Endpoint if endpoint_is_empty => endpoint?.resets_in,
        Scope::Account if left == Some(0) => account?.resets_in,
        Scope::Endpoint | Scope::Account | Scope::Concurrency => None,
    });
    Transient::Throttled { scope, wait }
}

fn account_hint(headers: &HeaderMap) -> Option<RateHint> {
    let hint = RateHint {
        limit: number(headers, &LIMIT).and_then(|limit| stated_quota(limit, ACCOUNT_SPAN)),
        remaining: number(headers, &REMAINING),
        // More than any limit's span is no number of seconds, but a date or nonsense.
        resets_in: number(headers, &RESET)
            .map(Duration::from_secs)
            .filter(|wait| *wait <= Quota::SPAN_MAX),
    };
    (hint != RateHint::default()).then_some(hint)
}

/// The composed header of the endpoint called, of several the one with the least left.
fn endpoint_hint(headers: &HeaderMap) -> Option<(&str, (Option<u64>, RateHint))> {
    headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str();
            let of = name
                .strip_prefix("zendesk-ratelimit-")
                .or_else(|| name.strip_prefix("zendesk-rate-limit-"))?;
            let said = composed(value.to_str().ok()?)?;
            (of != "inflight-jobs").then_some((of, said))
        })
        .min_by_key(|(_, (_, hint))| hint.remaining.unwrap_or(u64::MAX))
}

/// The span that an endpoint's total is for; `None`: it is not known.
fn span_of(step: Option<Step>, name: &str) -> Option<Duration> {
    match step? {
        Step::PermanentlyDelete if name.contains("deleted-user") => Some(PERMANENT_SPAN),
        _ => None,
    }
}

fn speaks_of_an_endpoint(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("rate limit for") && !text.contains("account")
}

fn stated_quota(requests: u64, span: Duration) -> Option<Quota> {
    let requests = NonZeroU32::new(u32::try_from(requests).ok()?)?;
    Quota::try_new(requests, span)
}

/// The rule for user ids.
pub(in crate::provider) fn check_id(text: &str) -> Result<&str, IdProblem> {
    digits::plain(text)?;
    // More than twenty digits do not fit either.
    if text.parse::<u64>().is_err() {
        return Err(digits::problem("zendesk", "too_long"));
    }
    if looks_rounded(text) {
        return Err(digits::problem("zendesk", "rounded"));
    }
    Ok(text)
}
