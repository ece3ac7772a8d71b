//! Sunshine Conversations, v2: deleting a user with their conversations, or only the profile.
//!
//! Facts: the vendor's specification, <https://developer.zendesk.com/api-reference/conversations/>.
//! Users of brands may be kept apart: one who is named by external id is found only with the brand.
//! A deletion is asynchronous there: the answer says that it was taken, a webhook when it is done.
//!
//! A deletion's success is told by the body alone; every other answer goes through [`refusal`]: by its
//! status ([`by_status`](verdict::by_status)), but for 404. One that says `user_not_found`, is empty, or is
//! the plain words means that the row is not found. With another code, the app or the address is wrong.
//!
//! An empty 404 is the older specification's "no such user". It is believed because the app was
//! identified at the start of the run, through the same address. But a gateway may say so too, so
//! it settles no doubt: that takes `user_not_found`, and a look as well.
//!
//! How users stand:
//!
//! | read | users | proves | how certain |
//! | --- | --- | --- | --- |
//! | `users/{id}` | 1 | 404 `user_not_found`: the user is gone | documented |
//! | | | any other 404: nothing; a gateway that has lost its route answers so | seen |
//! | | | 200 with an empty profile, no metadata and no identities: the user is cleared | documented |
//! | | | 200 otherwise: the user stands | a deletion is carried out in the background, and how long a user can be read meanwhile is not documented: ask again before acting on it |
//!
//! There is no read for many. Of the answer only this is kept: whether there is anything personal
//! in it.

use std::slice::from_ref;
use std::time::Duration;

use ::http::{HeaderValue, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::body::{Body, Object, by_key, child, is_address, list, text};
use super::detail::clean_name;
use super::http::{endpoint, place};
use super::{
    Access, Authorize, Found, Identity, LookupFor, Provider, Reply, Request, RowEnd, Said,
    SuncoSettings, UserLookup, Verdict, auth, contract, digits, verdict,
};
use crate::domain::{
    AccountLimits, FindBy, IdProblem, ProviderKind, Step, StopKind, UserId, UserState, split_brand,
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

    /// Of an integration's key, the webhooks are what was asked for. A key has no caller.
    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        let body = Body::of(reply);
        let answer = body.object().filter(|_| reply.status == 200);
        let app = answer.and_then(|answer| child(answer, "app"));
        let is_held = if self.is_integration() {
            answer.is_some_and(|answer| answer.get("webhooks").is_some_and(Value::is_array))
        } else {
            app.is_some()
        };
        if !is_held {
            return Err(verdict::of_identity(reply, refusal(reply, &body)));
        }
        if app.is_some_and(|app| text(app, "id") != Some(&*self.app_id)) {
            let what = "the answer does not name the app it was asked for";
            return Err(verdict::unclear("other_app", what));
        }
        let place = place(&access.base);
        Ok(Identity {
            // Two tenants may differ in the path alone; the API's own, `/sc`, tells nothing.
            tenant: format!(
                "{}/{}",
                place.strip_suffix("/sc").unwrap_or(&place),
                self.app_id
            ),
            name: app.and_then(|app| text(app, "displayName")).map(clean_name),
            ..Identity::default()
        })
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
        let body = Body::of(reply);
        if reply.status != 200 {
            return refusal(reply, &body);
        }
        match (step, body.object()) {
            // The documented answer is exactly `{}`. Any other without the user could be anyone's.
            (Step::Delete, Some(answer)) if answer.is_empty() && !is_called_html(reply) => {
                Verdict::Row(RowEnd::Deleted, Said::default())
            }
            (Step::Delete | Step::DeletePersonalInformation, Some(answer)) => {
                match child(answer, "user") {
                    Some(user) if is_named(user, id) => {
                        Verdict::Row(RowEnd::Deleted, Said::default())
                    }
                    Some(_) => verdict::other_user(),
                    None => verdict::unrecognised(reply, &body, said(&body)),
                }
            }
            (Step::PermanentlyDelete | Step::Own(_), _) | (_, None) => {
                verdict::unrecognised(reply, &body, Said::default())
            }
        }
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
        state_of(asked.purpose, &asked.ids[0], reply).map(|state| vec![state])
    }

    fn find_max(&self, by: FindBy, key: &str) -> usize {
        usize::from(match by {
            FindBy::Email => is_address(key),
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

    /// Reads the answer to a read of one user by external id. Or it reads a list of users by an e-mail
    /// address among their identities, which has no pages.
    fn found(&self, by: FindBy, keys: &[String], reply: &Reply) -> Result<Found, Verdict> {
        let body = Body::of(reply);
        if by == FindBy::ExternalId {
            let id = UserId::new(keys[0].as_str());
            let is_known = state_of(LookupFor::UnclearAnswer, &id, reply)? != UserState::Unknown;
            let user = body.object().and_then(|it| it.get("user"));
            let user = user.filter(|_| is_known);
            let users = user.map_or(&[][..], from_ref);
            let found = by_key(by, keys, users, ProviderKind::Sunco, |user| {
                text(user, "externalId").into_iter().collect()
            });
            return Ok((found?, false));
        }
        let Some((answer, users)) = list(reply, &body, "users") else {
            return Err(verdict::of_read(refusal(reply, &body)));
        };
        if child(answer, "meta").and_then(|meta| meta.get("hasMore")) == Some(&Value::Bool(true)) {
            return Err(verdict::part_of_answer());
        }
        let found = by_key(by, keys, users, ProviderKind::Sunco, |user| {
            let identities = user.get("identities").and_then(Value::as_array);
            let identities = identities.into_iter().flatten();
            let identities = identities.filter_map(Value::as_object);
            let emails = identities.filter(|it| text(it, "type") == Some("email"));
            emails.filter_map(|it| text(it, "value")).collect()
        });
        Ok((found?, false))
    }

    /// A deleted user is answered like one who never was; clearing a profile removes nobody.
    fn unknown_when_gone(&self, step: Step) -> bool {
        step == Step::Delete
    }
}

/// The meaning of an answer that confirms nothing. [`RowEnd::NotFound`]: there is no such user.
fn refusal(reply: &Reply, body: &Body<'_>) -> Verdict {
    let said = said(body);
    match reply.status {
        404 if !matches!(body, Body::Markup) => not_found(reply, body, said),
        _ => verdict::by_status(reply, body, said),
    }
}

/// Whether `user` is who `id` names, by id or by external id.
fn is_named(user: &Object, id: &UserId) -> bool {
    let (own, _) = split_brand(id.as_str());
    ["id", "externalId"]
        .into_iter()
        .any(|name| text(user, name) == Some(own))
}

fn not_found(reply: &Reply, body: &Body<'_>, said: Said) -> Verdict {
    match body {
        _ if said.has_code("user_not_found") => Verdict::Row(RowEnd::NotFound, said),
        Body::Empty => Verdict::Row(RowEnd::NotFound, said),
        Body::Text(text)
            if ["not found", "user not found"]
                .into_iter()
                .any(|words| text.trim_end_matches('.').eq_ignore_ascii_case(words)) =>
        {
            Verdict::Row(RowEnd::NotFound, said)
        }
        Body::Object(_) if said.code.is_some() => Verdict::Account(StopKind::WrongTenant, said),
        Body::Object(_) | Body::Markup | Body::Text(_) | Body::Other => {
            verdict::unrecognised(reply, body, said)
        }
    }
}

fn is_called_html(reply: &Reply) -> bool {
    reply
        .header(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
}

/// The statement of a body: v2's `errors`, of several the first, or v1's `error`.
fn said(body: &Body<'_>) -> Said {
    match body {
        Body::Object(answer) => {
            let v2 = answer
                .get("errors")
                .and_then(|errors| errors.as_array()?.first()?.as_object());
            if let Some(error) = v2 {
                return Said::of(text(error, "code"), text(error, "title"));
            }
            child(answer, "error").map_or_else(Said::default, |error| {
                Said::of(text(error, "code"), text(error, "description"))
            })
        }
        Body::Text(text) => Said::of(None, text.lines().next()),
        Body::Markup | Body::Empty | Body::Other => Said::default(),
    }
}

/// The personal fields of a profile, which a cleared one does not have.
const PERSONAL: [&str; 4] = ["givenName", "surname", "email", "avatarUrl"];

/// Reads the answer to a lookup of the user `id`. Only the API's own words say that nobody is there. A
/// lookup settles doubts, and a gateway that has lost its route answers with an empty 404 as well.
fn state_of(purpose: LookupFor, id: &UserId, reply: &Reply) -> Result<UserState, Verdict> {
    let body = Body::of(reply);
    let answer = body.object().filter(|_| reply.status == 200);
    match answer.and_then(|answer| child(answer, "user")) {
        Some(user) if !is_named(user, id) => Err(verdict::other_user()),
        Some(user) if is_cleared(user) => Ok(UserState::Cleared),
        Some(_) => Ok(UserState::Active { role: None }),
        None => match refusal(reply, &body) {
            Verdict::Row(RowEnd::NotFound, said) if said.code.is_some() => Ok(match purpose {
                LookupFor::UnclearAnswer => UserState::Unknown,
                _ => UserState::Gone,
            }),
            Verdict::Row(RowEnd::NotFound, said) => Err(verdict::unrecognised(reply, &body, said)),
            verdict => Err(verdict::of_read(verdict)),
        },
    }
}

/// Whether nothing personal is left. An answer without a profile at all shows nothing.
fn is_cleared(user: &Object) -> bool {
    let Some(profile) = child(user, "profile") else {
        return false;
    };
    PERSONAL.into_iter().all(|name| is_empty(profile.get(name)))
        && is_empty(user.get("metadata"))
        && is_empty(user.get("identities"))
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(values)) => values.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Bool(_) | Value::Number(_)) => false,
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
