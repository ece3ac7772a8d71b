//! Zoho CRM: deleting users of the organisation, one a request, by an OAuth client.
//!
//! Facts: <https://www.zoho.com/crm/developer/docs/api/v8/delete-user.html>, the same in every
//! version, and the vendor's `OpenAPI` files. It does not move records to other users: the
//! deleted user stays their owner.
//!
//! Tokens by refresh token, <https://www.zoho.com/crm/developer/docs/api/v8/refresh.html>: Zoho answers 200 to a
//! wrong client or refresh token, and 400 `Access Denied` to one that asked too often. The second passes, and
//! asking on makes it longer.

mod answers;

use std::time::Duration;

use ::http::{HeaderMap, Method};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::body::{Object, is_address, text};
use super::http::{endpoint, is_loopback, number};
use super::{
    Access, Authorize, Found, Identity, LookupFor, Provider, RateHints, Reply, Request, Said,
    Token, UserLookup, Verdict, ZohoSettings, auth, contract, digits, verdict,
};
use crate::domain::{
    AccountLimits, FindBy, IdProblem, ProviderKind, Quota, Step, StopKind, UserId, UserState, bound,
};

/// How many users `ids` takes,
/// <https://www.zoho.com/crm/developer/docs/api/v8/get-users.html>.
const IDS_MAX: usize = 100;

/// The versions of the API of which no document says that they heed `ids`.
const ONE_AT_A_TIME: [&str; 3] = ["v2", "v2.1", "v3"];

/// How many users one read of the API's `version` takes.
pub(in crate::provider) fn read_at_once(version: &str) -> usize {
    if ONE_AT_A_TIME.contains(&version) {
        return 1;
    }
    IDS_MAX
}

/// How many keys one reading of all pages is held against.
const KEYS_MAX: usize = 5_000;

impl ZohoSettings {
    fn crm(&self, method: Method, access: &Access, path: &[&str]) -> Request {
        let segments = [&["crm", self.version.as_str()], path].concat();
        let url = endpoint(&access.base, &segments);
        Request::new(method, url).authorized(access.authorization.clone())
    }

    fn users(&self, access: &Access, query: &str) -> Request {
        let mut request = self.crm(Method::GET, access, &["users"]);
        request.url.set_query(Some(query));
        request
    }

    /// Whether a lookup for `purpose` reads a list of users.
    fn is_list(&self, purpose: LookupFor) -> bool {
        self.lookup_max(purpose) > 1
    }
}

/// Zoho states no limit per minute, only credits per day and five requests at once in its smallest
/// edition, which others share. Ten a second is this program's own courtesy.
pub(in crate::provider) fn defaults() -> AccountLimits {
    contract::limits(contract::quota(600, Duration::from_mins(1)), 4)
}

impl Provider for ZohoSettings {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Zoho
    }

    fn authorize(&self) -> Authorize {
        Authorize::Token {
            quota: Some(token_quota()),
            key: auth::digest(&[
                "zoho",
                self.accounts_url.as_str(),
                &self.client_id,
                self.client_secret.expose_secret(),
                self.refresh_token.expose_secret(),
            ]),
            first: None,
        }
    }

    fn identify(&self, access: &Access) -> Request {
        self.users(access, "type=CurrentUser")
    }

    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        answers::identified(&access.base, reply)
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        match step {
            Step::Delete => self.crm(Method::DELETE, access, &["users", id.as_str()]),
            Step::PermanentlyDelete | Step::DeletePersonalInformation | Step::Own(_) => {
                unreachable!("Zoho CRM has no step {step}")
            }
        }
    }

    /// There is one step, so the answer is judged alike whatever `step` says.
    fn judge(&self, _step: Step, id: &UserId, reply: &Reply) -> Verdict {
        answers::judge(id, reply)
    }

    /// Zoho has one step.
    fn lookup_before(&self, _step: Step) -> Option<LookupFor> {
        Some(LookupFor::Roles)
    }

    fn lookup_max(&self, purpose: LookupFor) -> usize {
        match purpose {
            LookupFor::Roles | LookupFor::Verification => {
                bound("lookup users", 1, read_at_once(&self.version))
            }
            LookupFor::UnclearAnswer => 1,
            _ => 0,
        }
    }

    fn lookup(&self, access: &Access, purpose: LookupFor, ids: &[UserId]) -> Request {
        if self.is_list(purpose) {
            let ids: Vec<&str> = ids.iter().map(UserId::as_str).collect();
            return self.users(access, &format!("ids={}", ids.join(",")));
        }
        self.crm(Method::GET, access, &["users", ids[0].as_str()])
    }

    fn states_of(&self, asked: &UserLookup<'_>, reply: &Reply) -> Result<Vec<UserState>, Verdict> {
        if self.is_list(asked.purpose) {
            return answers::listed(asked, reply);
        }
        answers::read_state(asked, reply).map(|state| vec![state])
    }

    /// There is no search: the list of all users is read, and the more keys it is held against the fewer times.
    fn find_max(&self, by: FindBy, key: &str) -> usize {
        match by {
            FindBy::Email if is_address(key) => KEYS_MAX,
            FindBy::Email | FindBy::ExternalId => 0,
        }
    }

    /// The largest pages there are, <https://www.zoho.com/crm/developer/docs/api/v8/get-users.html>.
    fn find(&self, access: &Access, _by: FindBy, _keys: &[String], page: u32) -> Request {
        self.users(access, &format!("type=AllUsers&page={page}&per_page=200"))
    }

    fn found(&self, _by: FindBy, keys: &[String], reply: &Reply) -> Result<Found, Verdict> {
        answers::found(keys, reply)
    }

    /// <https://www.zoho.com/crm/developer/docs/api/v8/get-org-data.html>.
    fn primary_contact(&self, access: &Access) -> Option<Request> {
        Some(self.crm(Method::GET, access, &["org"]))
    }

    fn found_primary_contact(&self, reply: &Reply) -> Result<Option<String>, Verdict> {
        answers::primary_zuid(reply)
    }

    fn no_primary_contact(&self) -> Option<&'static str> {
        Some(
            "Zoho CRM does not say who the primary contact is, which takes the scope \
             ZohoCRM.org.READ; they are not protected here, but Zoho itself refuses to delete them",
        )
    }

    /// A deleted user is `ID_ALREADY_DELETED`; only an id that never was is `INVALID_DATA`.
    fn unknown_when_gone(&self, _step: Step) -> bool {
        false
    }

    /// Credits left of the last 24 hours; the header comes once half of them are used,
    /// <https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html>.
    fn rate_hints(&self, _step: Option<Step>, headers: &HeaderMap) -> RateHints {
        RateHints {
            day_left: number(headers, &["x-api-credits-remaining"]),
            ..RateHints::default()
        }
    }

    /// The secrets go in a form, not in the URL, which is logged everywhere.
    fn mint(&self, _refresh: Option<&SecretString>) -> Request {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose_secret())
            .append_pair("refresh_token", self.refresh_token.expose_secret())
            .finish();
        let url = endpoint(&self.accounts_url, &["oauth", "v2", "token"]);
        Request::new(Method::POST, url).with_body("application/x-www-form-urlencoded", form)
    }

    /// With a configured base, what the answer says of it is not read.
    fn minted(&self, reply: &Reply) -> Result<Token, Verdict> {
        let token = |answer: &Object, secret| {
            let api_base = match self.base_url {
                Some(_) => None,
                None => Some(api_base(&self.accounts_url, answer)?),
            };
            Ok(Token {
                secret,
                api_base,
                expires_in: life(answer),
                refresh: None,
            })
        };
        auth::minted(reply, token, refused_token)
    }

    /// The configured base, else where the token says, if it may go there.
    fn access(&self, token: &Token) -> Option<Access> {
        let said = || trusted_base(&self.accounts_url, token.api_base.as_ref()?);
        Some(Access {
            base: self.base_url.clone().or_else(said)?,
            authorization: auth::token("Zoho-oauthtoken", &token.secret),
        })
    }
}

/// Zoho gives ten tokens per refresh token in ten minutes,
/// <https://www.zoho.com/crm/developer/docs/api/v8/token-validity.html>; two are left to others
/// who use the same one.
fn token_quota() -> Quota {
    contract::quota(8, Duration::from_mins(10))
}

fn refused_token(said: Said) -> Verdict {
    let too_often = ["access denied", "too many requests"]
        .into_iter()
        .any(|words| said.mentions(words))
        || said.has_code("access_denied");
    if too_often {
        return auth::later(said);
    }
    let hint =
        "look at client, refresh token and data centre: each refresh token belongs to one of each";
    Verdict::Account(StopKind::CredentialsRejected, said.with_hint(hint))
}

/// Where the answer says the API is, if a token may be sent there.
fn api_base(accounts_url: &Url, answer: &Object) -> Result<Url, Verdict> {
    let wrong = |code, what| verdict::of_account(StopKind::WrongTenant, code, what);
    let Some(domain) = text(answer, "api_domain") else {
        let what = "the token's answer does not say where the API is; set base_url";
        return Err(wrong("no_api_domain", what));
    };
    let url = Url::parse(domain).ok();
    url.and_then(|url| trusted_base(accounts_url, &url))
        .ok_or_else(|| {
            let what = "the token's answer names an API address that is none of this data centre's, and the \
                        token is not sent there; if it is yours, set base_url";
            wrong("foreign_api_domain", what)
        })
}

/// `expires_in` is seconds, but milliseconds where `expires_in_sec` stands beside it.
fn life(answer: &Object) -> Option<Duration> {
    auth::life_secs(answer, "expires_in_sec").or_else(|| auth::life_secs(answer, "expires_in"))
}

/// Zoho's data centres: the name of each, its accounts server
/// (<https://www.zoho.com/accounts/protocol/oauth/multi-dc.html>), and its API host, which stands alone or
/// after `www.`, `sandbox.` or `developer.` (<https://www.zoho.com/crm/developer/docs/api/v8/multi-dc.html>).
pub const ZOHO_DATA_CENTERS: [(&str, &str, &str); 11] = [
    ("us", "accounts.zoho.com", "zohoapis.com"),
    ("eu", "accounts.zoho.eu", "zohoapis.eu"),
    ("in", "accounts.zoho.in", "zohoapis.in"),
    ("au", "accounts.zoho.com.au", "zohoapis.com.au"),
    ("jp", "accounts.zoho.jp", "zohoapis.jp"),
    ("cn", "accounts.zoho.com.cn", "zohoapis.com.cn"),
    ("ca", "accounts.zohocloud.ca", "zohoapis.ca"),
    ("sa", "accounts.zoho.sa", "zohoapis.sa"),
    ("uk", "accounts.zoho.uk", "zohoapis.uk"),
    ("ae", "accounts.zoho.ae", "zohoapis.ae"),
    ("sg", "accounts.zoho.sg", "zohoapis.sg"),
];

/// The base of `api_domain`, if a token may be sent there. It must be the bare host of an API of
/// the accounts server's own data centre, by https. An accounts server that is none of Zoho's (a
/// gateway) may name any; one on this machine may also name another address on it.
fn trusted_base(accounts_url: &Url, api_domain: &Url) -> Option<Url> {
    let extra = !api_domain.username().is_empty()
        || api_domain.password().is_some()
        || api_domain.query().is_some()
        || api_domain.fragment().is_some();
    if extra {
        return None;
    }
    let local = is_loopback(accounts_url)
        && is_loopback(api_domain)
        && matches!(api_domain.scheme(), "http" | "https");
    (local || is_zohos(accounts_url, api_domain)).then(|| api_domain.clone())
}

fn is_zohos(accounts_url: &Url, api_domain: &Url) -> bool {
    let centers = ZOHO_DATA_CENTERS.iter();
    let own = (centers.clone()).find(|(_, accounts, _)| accounts_url.host_str() == Some(*accounts));
    let known = |domain: &str| match own {
        Some((.., api)) => domain == *api,
        None => centers.clone().any(|(.., api)| domain == *api),
    };
    let host = api_domain.host_str().unwrap_or_default();
    let is_kind = |(kind, domain): (&str, &str)| {
        matches!(kind, "www" | "sandbox" | "developer") && known(domain)
    };
    (known(host) || host.split_once('.').is_some_and(is_kind))
        && api_domain.scheme() == "https"
        && api_domain.port().is_none()
        && api_domain.path() == "/"
}

/// The shortest id, in digits.
const DIGITS_MIN: usize = 15;
/// The longest id, in digits.
const DIGITS_MAX: usize = 19;

/// The prefix of an id in CSV exports.
const EXPORT_PREFIX: &str = "zcrm_";

/// How many digits at an id's end tell users of one org apart; those before are the org's.
const USER_DIGITS: usize = 12;

/// The rule for user ids. The prefix of an export is taken off. Zeros at the end are let pass:
/// true ids end so as well, if rarely; it takes the whole column to tell.
pub(in crate::provider) fn check_id(text: &str) -> Result<&str, IdProblem> {
    let id = match text.get(..EXPORT_PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(EXPORT_PREFIX) => &text[prefix.len()..],
        _ => text,
    };
    digits::plain(id)?;
    let code = match id.len() {
        DIGITS_MIN..=DIGITS_MAX => return Ok(id),
        8 | 9 => "zuid",
        0..DIGITS_MIN => "too_short",
        _ => "too_long",
    };
    Err(digits::problem("zoho", code))
}

/// The digits that every id of the org of `caller` begins with.
fn org_prefix(caller: &UserId) -> String {
    let digits = caller.as_str();
    let end = digits.len().saturating_sub(USER_DIGITS);
    digits.get(..end).unwrap_or_default().to_owned()
}
