//! Tokens by OAuth client credentials,
//! <https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/>.

use ::http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use crate::provider::address::endpoint;
use crate::provider::body::Body;
use crate::provider::{Reply, Request, Token, TokenRefused, grant};

/// How long a token is asked to live. Zendesk takes more than 300 and less than 172,800 seconds;
/// half an hour is what its new clients give anyway.
const LIFE_SECS: u32 = 1_800;

/// The request for a token.
pub(super) fn mint(base: &Url, client_id: &str, client_secret: &SecretString) -> Request {
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret.expose_secret(),
        "scope": "users:read users:write",
        "expires_in": LIFE_SECS,
    });
    Request::new(Method::POST, endpoint(base, &["oauth", "tokens"]))
        .with_body("application/json", body.to_string())
}

/// Reads the answer to [`mint`].
///
/// # Errors
///
/// Why there is no token.
pub(super) fn minted(reply: &Reply) -> Result<Token, TokenRefused> {
    if let Some(refused) = grant::redirected(reply) {
        return Err(refused);
    }
    let body = Body::of(reply);
    let Some(answer) = body.object() else {
        return Err(grant::no_object(reply, &body));
    };
    if let (200..=299, Some(secret)) = (reply.status, grant::access_token(answer)) {
        return Ok(Token {
            secret,
            api_base: None,
            expires_in: grant::life_secs(answer, "expires_in"),
        });
    }
    Err(match grant::refusal(answer) {
        None => grant::neither(reply),
        Some(said) if matches!(reply.status, 408 | 429 | 500..=599) => TokenRefused::Later(said),
        Some(said) => TokenRefused::Rejected(said),
    })
}
