//! Sunshine Conversations, v2: deleting a user with their conversations, or only the profile.
//!
//! Facts: the vendor's specification, <https://developer.zendesk.com/api-reference/conversations/>.
//! Users of brands may be kept apart: one who is named by external id is found only with the brand.
//! A deletion is asynchronous there: the answer says that it was taken, a webhook when it is done.

mod answers;
mod lookups;

use std::time::Duration;

use ::http::{HeaderValue, Method};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::address::endpoint;
use super::{
    Access, Authorize, Found, Identity, LookupFor, Provider, Reply, Request, SuncoSettings,
    UserLookup, Verdict, auth, contract, digits, find,
};
use crate::domain::{
    AccountLimits, FindBy, IdProblem, ProviderKind, Step, UserId, UserState, split_brand,
};

impl SuncoSettings {
    /// Whether the key is an integration's, which may not read the app.
    fn is_integration(&self) -> bool {
        self.key_id.starts_with(INTEGRATION)
    }

    fn request(&self, method: Method, access: &Access, path: &[&str]) -> Request {
        let segments = [&["v2", "apps", &self.app_id], path].concat();
        let url = endpoint(&access.base, &segments);
        Request::new(method, url).authorized(access.authorization.clone())
    }

    /// A request about the user whom `id` names, with their brand or else the account's.
    fn of_user(&self, method: Method, access: &Access, id: &UserId, more: &[&str]) -> Request {
        let (own, brand) = split_brand(id.as_str());
        let path = [&["users", own], more].concat();
        let mut request = self.request(method, access, &path);
        if let Some(brand) = brand.or(self.brand_id.as_deref()) {
            request.url.query_pairs_mut().append_pair("brandId", brand);
        }
        request
    }
}

/// The first letters of the id of an integration's key.
const INTEGRATION: &str = "int_";

/// A JWT without an end, as the documentation has it. Its scope is `app` for an app's key, `account` for an
/// account's (`act_…`) or a service account's (`svc_…`), `integration` for an integration's (`int_…`).
fn jwt(key_id: &str, secret: &SecretString) -> HeaderValue {
    let scope = match key_id.get(..4) {
        Some("act_" | "svc_") => "account",
        Some(INTEGRATION) => "integration",
        _ => "app",
    };
    let claims = json!({ "scope": scope });
    let header = json!({ "typ": "JWT", "alg": "HS256", "kid": key_id });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    auth::token("Bearer", &format!("{signed}.{signature}").into())
}

/// No limit is published, but who exceeds it is disabled; ten a second is our own courtesy.
pub(in crate::provider) fn defaults() -> AccountLimits {
    contract::limits(contract::quota(600, Duration::from_mins(1)), 8)
}

impl Provider for SuncoSettings {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Sunco
    }

    fn authorize(&self) -> Authorize {
        let (key, secret) = (&self.key_id, &self.key_secret);
        Authorize::Fixed(Access {
            base: self.base_url.clone(),
            authorization: if self.is_jwt {
                jwt(key, secret)
            } else {
                auth::basic(key, secret)
            },
        })
    }

    fn identify(&self, access: &Access) -> Request {
        if self.is_integration() {
            // The one read that such a key may make of the app itself.
            let own = ["integrations", "me", "webhooks"];
            return self.request(Method::GET, access, &own);
        }
        self.request(Method::GET, access, &[])
    }

    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        let body = if self.is_integration() {
            "webhooks"
        } else {
            "app"
        };
        answers::identified(&access.base, &self.app_id, body, reply)
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        let more: &[&str] = match step {
            Step::Delete => &[],
            Step::DeletePersonalInformation => &["personalinformation"],
            Step::PermanentlyDelete | Step::Own(_) => {
                unreachable!("Sunshine Conversations has no step {step}")
            }
        };
        self.of_user(Method::DELETE, access, id, more)
    }

    fn judge(&self, step: Step, id: &UserId, reply: &Reply) -> Verdict {
        answers::judge(step, id, reply)
    }

    /// There is no read for many, and one read proves all that there is to prove.
    fn lookup_max(&self, purpose: LookupFor) -> usize {
        match purpose {
            LookupFor::UnclearAnswer | LookupFor::Verification => 1,
            _ => 0,
        }
    }

    fn lookup(&self, access: &Access, _purpose: LookupFor, ids: &[UserId]) -> Request {
        self.of_user(Method::GET, access, &ids[0], &[])
    }

    fn states_of(&self, asked: &UserLookup<'_>, reply: &Reply) -> Result<Vec<UserState>, Verdict> {
        lookups::states_of(asked.purpose, &asked.ids[0], reply).map(|state| vec![state])
    }

    fn find_max(&self, by: FindBy, key: &str) -> usize {
        usize::from(match by {
            FindBy::Email => find::is_address(key),
            FindBy::ExternalId => check_id(key).is_ok(),
        })
    }

    fn find(&self, access: &Access, by: FindBy, keys: &[String], _page: u32) -> Request {
        if by == FindBy::ExternalId {
            return self.of_user(Method::GET, access, &UserId::new(keys[0].as_str()), &[]);
        }
        let mut request = self.request(Method::GET, access, &["users"]);
        let mut query = request.url.query_pairs_mut();
        query.append_pair("filter[identities.email]", &keys[0]);
        query.extend_pairs(self.brand_id.iter().map(|brand| ("brandId", brand)));
        drop(query);
        request
    }

    fn found(&self, by: FindBy, keys: &[String], reply: &Reply) -> Result<Found, Verdict> {
        lookups::found(by, keys, reply)
    }

    /// A deleted user is answered like one who never was; clearing a profile removes nobody.
    fn unknown_when_gone(&self, step: Step) -> bool {
        step == Step::Delete
    }
}

/// How often an id is decoded to see what it may become: more often than servers on a way do.
const DECODINGS_MAX: usize = 8;

/// The longest external id, in characters.
const CHARS_MAX: usize = 1_024;

/// The rule for user ids, with a brand or without. Nothing is mended: what looks like a slip may be an
/// external id.
pub(in crate::provider) fn check_id(id: &str) -> Result<&str, IdProblem> {
    let (text, _) = split_brand(id);
    if is_given(text) {
        return Ok(id);
    }
    let code = if text.is_empty() {
        "empty"
    } else if text.chars().any(char::is_control) {
        "control_character"
    } else if text.len() > CHARS_MAX && text.chars().nth(CHARS_MAX).is_some() {
        "too_long"
    } else if leads_elsewhere(text) {
        "dots"
    } else {
        return Ok(id);
    };
    Err(digits::problem("sunco", code))
}

/// Whether a server on the way could take the id for steps in a path. One that decodes an address
/// would make of `../x`, `%2e%2e` or `x/` a request about another user, or the whole app. The text
/// behind a `;` is no part of a step for some servers.
fn leads_elsewhere(text: &str) -> bool {
    // Nearly all ids: one step, which is no dots and not empty.
    if !text.contains(['.', '/', '\\', ';', '%']) && !text.trim().is_empty() {
        return false;
    }
    let mut text = text.to_owned();
    for _ in 0..DECODINGS_MAX {
        let step = |step: &str| step.split(';').next().unwrap_or_default().trim().to_owned();
        let steps = text.split(['/', '\\']).map(step);
        let leads = |step: String| matches!(step.as_str(), "" | "." | "..");
        // Behind a user's id it makes a request of its own, about that user.
        let is_request = |step: String| step.eq_ignore_ascii_case("personalinformation");
        if steps.clone().any(leads) || steps.skip(1).any(is_request) {
            return true;
        }
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            return false;
        }
        text = decoded;
    }
    // Nobody encodes an id so often but to hide something.
    true
}

/// Whether an id could be another with blanks around it, as an external id may be any text.
pub(in crate::provider) fn blanks_count(id: &str) -> bool {
    !is_given(split_brand(id).0)
}

/// Whether `text` is an id as the provider gives them out.
fn is_given(text: &str) -> bool {
    let digits: Result<&[u8; 24], _> = text.as_bytes().try_into();
    // All of them, without a way out before: that is done many at a time.
    digits.is_ok_and(|digits| {
        let is_digit = |all, byte: &u8| all & byte.is_ascii_hexdigit();
        digits.iter().fold(true, is_digit)
    })
}
