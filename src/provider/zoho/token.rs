//! Tokens by refresh token, <https://www.zoho.com/crm/developer/docs/api/v8/refresh.html>, and the
//! hosts they are sent to.
//!
//! Zoho answers 200 to a wrong client or refresh token, and 400 `Access Denied` to one that asked
//! too often. The second passes, and asking on makes it longer.

use std::time::Duration;

use ::http::Method;
use secrecy::ExposeSecret;
use url::{Url, form_urlencoded};

use crate::domain::{Quota, StopKind};
use crate::provider::address::{endpoint, is_loopback};
use crate::provider::body::{Object, text};
use crate::provider::{
    Detail, Reply, Request, Token, Verdict, ZohoSettings, auth, contract, verdict,
};

/// Zoho gives ten tokens per refresh token in ten minutes,
/// <https://www.zoho.com/crm/developer/docs/api/v8/token-validity.html>; two are left to others
/// who use the same one.
pub(super) fn quota() -> Quota {
    contract::quota(8, Duration::from_mins(10))
}

/// The request for a token. The secrets go in a form, not in the URL, which is logged everywhere.
pub(super) fn mint(settings: &ZohoSettings) -> Request {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", &settings.client_id)
        .append_pair("client_secret", settings.client_secret.expose_secret())
        .append_pair("refresh_token", settings.refresh_token.expose_secret())
        .finish();
    let url = endpoint(&settings.accounts_url, &["oauth", "v2", "token"]);
    Request::new(Method::POST, url).with_body("application/x-www-form-urlencoded", form)
}

/// Reads the answer to [`mint`]. With a configured base, what the answer says of it is not read.
pub(super) fn minted(settings: &ZohoSettings, reply: &Reply) -> Result<Token, Verdict> {
    let token = |answer: &Object, secret| {
        let api_base = match settings.base_url {
            Some(_) => None,
            None => Some(api_base(&settings.accounts_url, answer)?),
        };
        Ok(Token {
            secret,
            api_base,
            expires_in: life(answer),
            refresh: None,
        })
    };
    auth::minted(reply, token, refused)
}

fn refused(said: Detail) -> Verdict {
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
pub(super) fn trusted_base(accounts_url: &Url, api_domain: &Url) -> Option<Url> {
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
