//! Sunshine Conversations' behaviour: the users of one app, their deletion and clearing, keys as
//! Basic credentials or signing a JWT.
//!
//! Source: the official specification, 17.12
//! (<https://developer.zendesk.com/api-reference/conversations/>). The vendor publishes
//! neither limits nor the headers of a 429.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use super::hub::{Context, Machine, Sandbox};
use super::reply::{self, Reply, changed, ok};
use super::request::Call;
use super::request::SandboxRequest;
use super::settings::{AcceptedWindow, SandboxError};
use super::user::{User, UserSeed, UserStatus};
use crate::domain::{ProviderKind, Time};

/// The scope of each key, by what its id begins with, which a JWT has to claim.
const SCOPES: [(&str, &str); 4] = [
    ("app_", "app"),
    ("act_", "account"),
    ("svc_", "account"),
    ("int_", "integration"),
];
/// How long an external id may be, in characters.
const EXTERNAL_ID_MAX: usize = 1_024;

/// A Sunshine Conversations app.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    users: BTreeMap<String, User>,
    /// The ids of the users with an external id, by it and the brand.
    by_external_id: BTreeMap<(String, String), String>,
    app: AcceptedWindow,
}

impl Conversations {
    /// The user whom `target` names, who is not gone yet: users are deleted in the background. By external id
    /// one of a brand is found only with it.
    fn user(&mut self, target: &str, brand: String, context: &Context) -> Option<&mut User> {
        let of_brand = |brand| self.by_external_id.get(&(target.to_owned(), brand));
        let id = match of_brand(brand).or_else(|| of_brand(String::new())) {
            Some(id) if !self.users.contains_key(target) => id,
            _ => target,
        };
        let delay = context.settings.order_delay;
        let is_left = |at: Time| context.now < at.after(delay);
        let user = self.users.get_mut(id);
        user.filter(|user| {
            user.state != UserStatus::Deleted || user.changed_at.is_some_and(is_left)
        })
    }
}

impl Machine for Conversations {
    fn seed(&mut self, seed: &UserSeed, now: Time) -> Result<(), SandboxError> {
        let refuse = |reason| SandboxError::seed(ProviderKind::Sunco, &seed.id, reason);
        if seed.id.len() != 24 || !seed.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse("its id must be 24 hex digits"));
        }
        let length = seed.external_id.as_ref().map(|id| id.chars().count());
        if length.is_some_and(|length| !(1..=EXTERNAL_ID_MAX).contains(&length)) {
            return Err(refuse("its external id must have 1 to 1024 characters"));
        }
        let state = UserStatus::named(&seed.state, &[UserStatus::Active, UserStatus::Deleted])
            .ok_or_else(|| refuse("its state must be active or deleted"))?;
        if let Some(external) = &seed.external_id {
            let external = (external.clone(), seed.brand.clone());
            self.by_external_id.insert(external, seed.id.clone());
        }
        let user = User::new(seed.clone(), "", state, now);
        self.users.insert(seed.id.clone(), user);
        Ok(())
    }

    fn users(&mut self, _: &Context) -> Vec<User> {
        self.users.values().cloned().collect()
    }

    fn handle(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        let limit = context.settings.limit(context.settings.sunco.quota);
        if self.app.take(limit, context.now).is_err() {
            return fixed("throttle");
        }
        let Some(scope) = scope_of(request) else {
            return fixed("unauthorized");
        };
        if request.call == Call::Unknown {
            return fixed("no such path");
        }
        if request.app != Sandbox::SUNCO_APP_ID {
            return fixed("wrong-path");
        }
        let may_read_app = scope != "integration";
        let asks_webhooks = request.pattern.ends_with("/webhooks");
        let is_app = request.call == Call::Identity && !asks_webhooks;
        if scope.is_empty() || (!may_read_app && is_app) {
            return fixed("other scope");
        }
        if asks_webhooks {
            return fixed("webhooks");
        }
        if request.is_search() {
            return self.search(request);
        }
        let Some(target) = &request.user else {
            return fixed("app");
        };
        let brand = request.query("brandId").unwrap_or_default();
        let Some(user) = self.user(target, brand, context) else {
            return fixed("not found");
        };
        let becomes = match request.call {
            Call::Delete => UserStatus::Deleted,
            Call::DeletePersonalInformation if user.state == UserStatus::Active => {
                UserStatus::Cleared
            }
            _ => user.state,
        };
        let is_changed = becomes != user.state;
        if is_changed {
            user.change(becomes, context.now);
        }
        let reply = match request.call {
            Call::Delete => ok(&json!({})),
            _ => ok(&json!({"user": to_json(user)})),
        };
        if is_changed { changed(reply) } else { reply }
    }
}

impl Conversations {
    /// Those who have an e-mail identity.
    fn search(&self, request: &SandboxRequest) -> Reply {
        let [email] = request.ids.as_slice() else {
            return fixed("no address");
        };
        let has_it = |user: &&User| {
            user.state == UserStatus::Active && user.email("guest").eq_ignore_ascii_case(email)
        };
        let users: Vec<Value> = self.users.values().filter(has_it).map(to_json).collect();
        ok(&json!({"users": users, "meta": {"hasMore": false}}))
    }
}

fn fixed(name: &str) -> Reply {
    reply::refused(ProviderKind::Sunco, name)
}

/// A user as answers show it: with a profile, or without one.
fn to_json(user: &User) -> Value {
    // One who is being deleted shows what they had; whoever was cleared before was changed twice.
    let is_whole =
        user.state == UserStatus::Active || (user.state == UserStatus::Deleted && user.changes < 2);
    let (profile, metadata, identities) = if is_whole {
        let email = user.email("guest");
        (
            json!({"givenName": "Guest", "surname": user.seed.id, "email": email, "locale": "en-US"}),
            json!({"plan": "gold"}),
            json!([{"type": "email", "value": email, "primary": true}]),
        )
    } else {
        (json!({}), json!({}), json!([]))
    };
    json!({
        "id": user.seed.id,
        "externalId": user.seed.external_id,
        "signedUpAt": user.made_at,
        "hasPaymentInfo": false,
        "profile": profile,
        "metadata": metadata,
        "identities": identities,
    })
}

/// The scope of the good key that `request` shows; `None`: it shows none. A JWT claims its scope.
fn scope_of(request: &SandboxRequest) -> Option<String> {
    let (scheme, login, password) = request.presented();
    match scheme.as_str() {
        "basic" => {
            let scope = scope_of_key(&login).filter(|_| password == Sandbox::SECRET)?;
            Some(scope.to_owned())
        }
        "bearer" => {
            let (claims, own) = claims(&login)?;
            let claimed = claims["scope"].as_str().filter(|scope| *scope == own);
            Some(claimed.unwrap_or_default().to_owned())
        }
        _ => None,
    }
}

/// The scope of the key called `id`; `None`: there is no such key.
fn scope_of_key(id: &str) -> Option<&'static str> {
    let (_, own) = Sandbox::SUNCO_KEY_ID.split_once('_')?;
    let of = SCOPES
        .iter()
        .find(|(kind, _)| id.strip_prefix(kind) == Some(own));
    of.map(|(_, scope)| *scope)
}

/// The claims of `token`, if it is signed with the key it names, and that key's scope.
fn claims(token: &str) -> Option<(Value, &'static str)> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decoded = |part| URL_SAFE_NO_PAD.decode(part).ok();
    let header: Value = serde_json::from_slice(&decoded(header)?).ok()?;
    let scope = scope_of_key(header["kid"].as_str()?).filter(|_| header["alg"] == "HS256")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, Sandbox::SECRET.as_bytes());
    hmac::verify(&key, signed.as_bytes(), &decoded(signature)?).ok()?;
    let claims = serde_json::from_slice(&decoded(claims)?).ok()?;
    Some((claims, scope))
}
