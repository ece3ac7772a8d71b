//! Authorization: headers, marked sensitive; what tells credentials apart without showing them; and
//! the common form of a token endpoint's answer, RFC 6749 section 5.

use std::time::Duration;

use ::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::body::{Body, Object, text};
use super::{Reply, Said, Token, Transient, Verdict, verdict};
use crate::domain::{Quota, StopKind};

pub(super) fn basic(name: &str, password: &SecretString) -> HeaderValue {
    let pair = format!("{name}:{}", password.expose_secret());
    // Base64 is always a header value, so this never is the empty one.
    sensitive(&format!("Basic {}", STANDARD.encode(pair))).unwrap_or(EMPTY)
}

/// `scheme` with this token; an empty header, which servers reject, if it cannot stand in one.
pub(super) fn token(scheme: &str, token: &SecretString) -> HeaderValue {
    sensitive(&format!("{scheme} {}", token.expose_secret())).unwrap_or(EMPTY)
}

/// A digest that tells one set of credentials from any other, in hexadecimal.
pub(super) fn digest(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("userpurge 2026 credentials of a token");
    for part in parts {
        // The length first, so that no two lists run together alike.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

pub(super) const EMPTY: HeaderValue = HeaderValue::from_static("");

/// `text` as a header that is never shown; `None`: it cannot stand in one.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The longest life of a token taken; one that claims more is asked for anew by then.
const LIFE_MAX: Duration = Quota::SPAN_MAX;

/// The longest token taken: servers take some 8 kB of all headers together.
const TOKEN_BYTES_MAX: usize = 4_096;

/// The token called `name` in `answer`; `None`: there is none, or none that can stand in a header.
fn plain_token(answer: &Object, name: &str) -> Option<SecretString> {
    text(answer, name)
        .filter(|token| (1..=TOKEN_BYTES_MAX).contains(&token.len()))
        .filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(SecretString::from)
}

/// How long the token lives by the field `name`, a number of seconds or a text of one.
pub(super) fn life_secs(answer: &Object, name: &str) -> Option<Duration> {
    let value = answer.get(name)?;
    let secs = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    Some(Duration::from_secs(secs).min(LIFE_MAX))
}

/// The statement of an answer without a token: `error` and `error_description`; `None`: neither.
fn refusal(answer: &Object) -> Option<Said> {
    let message = ["error_description", "description", "message"]
        .into_iter()
        .find_map(|name| text(answer, name));
    let said = Said::of(text(answer, "error"), message);
    (!said.is_empty()).then_some(said)
}

/// Reads a token endpoint's answer. `token`: what the provider makes of an answer with an access
/// token. `refused`: what it makes of a refusal that its status alone does not call passing.
pub(super) fn minted(
    reply: &Reply,
    token: impl FnOnce(&Object, SecretString) -> Result<Token, Verdict>,
    refused: impl FnOnce(Said) -> Verdict,
) -> Result<Token, Verdict> {
    if matches!(reply.status, 300..=399) {
        let what =
            "the token address redirects, which it never does; look at the address in the settings";
        return Err(verdict::of_account(StopKind::WrongTenant, "redirect", what));
    }
    let body = Body::of(reply);
    let Some(answer) = body.object() else {
        return Err(no_object(reply, &body));
    };
    if let (200..=299, Some(secret)) = (reply.status, plain_token(answer, "access_token")) {
        return token(answer, secret);
    }
    let http = format!("HTTP {}", reply.status);
    Err(match refusal(answer) {
        None => later(Said::ours(
            "no_token",
            format!("{http} with JSON that holds neither a token nor an error"),
        )),
        Some(said) if matches!(reply.status, 408 | 429 | 500..=599) => later(said),
        Some(said) => refused(said),
    })
}

/// Reads a token endpoint's answer at a provider that has no words of its own in it. `rotates`: each token
/// comes with the refresh token for the next.
pub(super) fn minted_plainly(reply: &Reply, rotates: bool) -> Result<Token, Verdict> {
    let token = |answer: &Object, secret| {
        Ok(Token {
            secret,
            api_base: None,
            expires_in: life_secs(answer, "expires_in"),
            refresh: plain_token(answer, "refresh_token").filter(|_| rotates),
        })
    };
    let refused = |said| Verdict::Account(StopKind::CredentialsRejected, said);
    minted(reply, token, refused)
}

/// Too many tokens were asked for, or the server has an error.
pub(super) fn later(detail: Said) -> Verdict {
    Verdict::Transient(Transient::ServerError { wait: None }, detail)
}

/// The meaning of an answer that is no JSON object: only a wrong address stays as it is.
fn no_object(reply: &Reply, body: &Body<'_>) -> Verdict {
    let http = format!("HTTP {} from the token address", reply.status);
    match reply.status {
        404 | 405 | 410 => {
            let what = format!("{http}; look at the address in the settings");
            verdict::of_account(StopKind::WrongTenant, "no_token_endpoint", what)
        }
        401 | 403 if !matches!(body, Body::Markup) => {
            let what = format!("{http}, without a word why");
            verdict::rejected("token_refused", what)
        }
        _ => {
            let what = format!("{http}, with something that is not its JSON");
            later(Said::ours("no_token", what))
        }
    }
}
