//! Tokens by refresh token, <https://www.zoho.com/crm/developer/docs/api/v8/refresh.html>.
//!
//! Zoho answers 200 to a wrong client or refresh token, and 400 `Access Denied` to one that asked
//! too often; the second passes, and asking on makes it longer.

use std::time::Duration;

use ::http::Method;
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use crate::domain::Quota;
use crate::provider::address::endpoint;
use crate::provider::body::{Object, text};
use crate::provider::{Detail, Reply, Request, Token, TokenRefused, auth, contract};

use super::data_centre;

/// Zoho gives ten tokens per refresh token in ten minutes,
/// <https://www.zoho.com/crm/developer/docs/api/v8/token-validity.html>; two are left to others
/// who use the same one.
pub(super) fn quota() -> Quota {
    contract::quota(8, Duration::from_mins(10))
}

/// The request for a token. The secrets go in a form, not in the URL, which is logged everywhere.
pub(super) fn mint(
    accounts_url: &Url,
    client_id: &str,
    client_secret: &SecretString,
    refresh_token: &SecretString,
) -> Request {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", client_id)
        .append_pair("client_secret", client_secret.expose_secret())
        .append_pair("refresh_token", refresh_token.expose_secret())
        .finish();
    Request::new(
        Method::POST,
        endpoint(accounts_url, &["oauth", "v2", "token"]),
    )
    .with_body("application/x-www-form-urlencoded", form)
}

/// Reads the answer to [`mint`]. With a `configured` base, what the answer says of it is not read.
///
/// # Errors
///
/// Why there is no token, or none that may be sent where the answer says.
pub(super) fn minted(
    accounts_url: &Url,
    configured: Option<&Url>,
    reply: &Reply,
) -> Result<Token, TokenRefused> {
    let token = |answer: &Object, secret| {
        let api_base = match configured {
            Some(_) => None,
            None => Some(api_base(accounts_url, answer).map_err(TokenRefused::Misplaced)?),
        };
        Ok(Token {
            secret,
            api_base,
            expires_in: life(answer),
        })
    };
    auth::minted(reply, token, refused)
}

fn refused(said: Detail) -> TokenRefused {
    let too_often = ["access denied", "too many requests"]
        .into_iter()
        .any(|words| said.mentions(words))
        || said.has_code("access_denied");
    if too_often {
        return TokenRefused::Later(said);
    }
    TokenRefused::Rejected(said.with_hint(
        "look at client, refresh token and data centre: each refresh token belongs to one of each",
    ))
}

/// Where the answer says the API is, if a token may be sent there.
fn api_base(accounts_url: &Url, answer: &Object) -> Result<Url, Detail> {
    let Some(domain) = text(answer, "api_domain") else {
        return Err(Detail::ours(
            "no_api_domain",
            "the token's answer does not say where the API is; set base_url",
        ));
    };
    Url::parse(domain)
        .ok()
        .and_then(|url| data_centre::api_base(accounts_url, &url))
        .ok_or_else(|| {
            Detail::ours(
                "foreign_api_domain",
                "the token's answer names an API address that is none of this data centre's, and the \
                 token is not sent there; if it is yours, set base_url",
            )
        })
}

/// `expires_in` is seconds, but milliseconds where `expires_in_sec` stands beside it.
fn life(answer: &Object) -> Option<Duration> {
    auth::life_secs(answer, "expires_in_sec").or_else(|| auth::life_secs(answer, "expires_in"))
}
