//! Keys of Sunshine Conversations, as Basic credentials or signing a JWT.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::Deserialize;

use crate::domain::Time;
use crate::sandbox::auth::Presented;
use crate::sandbox::message::Request;
use crate::sandbox::options::Credentials;

/// What a request's credentials are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// A good key of a scope that may delete users.
    Granted,
    /// A good key of another scope.
    Forbidden,
    /// No good key.
    Unauthorized,
}

/// The scopes that may use the users endpoints, by the specification.
const SCOPES: [&str; 3] = ["app", "account", "integration"];

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    scope: Option<String>,
    /// When the token dies, in seconds since the epoch; `None`: never.
    exp: Option<i64>,
}

/// What the credentials of `request` are worth, for a key whose scope is `key_scope`.
pub(super) fn access(
    request: &Request,
    credentials: &Credentials,
    key_scope: &str,
    now: Time,
) -> Access {
    let good = match Presented::of(request) {
        Presented::Basic { user, password } => {
            user == credentials.sunco_key_id && password == credentials.sunco_key_secret
        }
        Presented::Bearer(token) => match claims(&token, credentials, now) {
            // A token cannot claim another scope than its key has.
            Some(claims) if claims.scope.as_deref() != Some(key_scope) => {
                return Access::Forbidden;
            }
            claims => claims.is_some(),
        },
        Presented::Zoho(_) | Presented::Nothing => false,
    };
    if !good {
        Access::Unauthorized
    } else if SCOPES.contains(&key_scope) {
        Access::Granted
    } else {
        Access::Forbidden
    }
}

/// The claims of `token`, if it is signed with the key it names and has not died.
fn claims(token: &str, credentials: &Credentials, now: Time) -> Option<Claims> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let [header, claims, signature] =
        [header, claims, signature].map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header: Header = serde_json::from_slice(&header?).ok()?;
    if header.alg != "HS256" || header.kid.as_ref() != Some(&credentials.sunco_key_id) {
        return None;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, credentials.sunco_key_secret.as_bytes());
    hmac::verify(&key, signed.as_bytes(), &signature?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims?).ok()?;
    let alive = claims
        .exp
        .is_none_or(|exp| now.as_millis() < exp.saturating_mul(1_000));
    alive.then_some(claims)
}
