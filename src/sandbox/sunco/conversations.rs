//! The state machine.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::key::{self, Access};
use crate::domain::{ProviderKind, Time};
use crate::sandbox::error::SandboxError;
use crate::sandbox::faults::{Fault, LONG_WAIT_SECS};
use crate::sandbox::message::{Reply, Request};
use crate::sandbox::options::Credentials;
use crate::sandbox::route::{Ask, Route};
use crate::sandbox::seed::{SuncoSeed, UserState};
use crate::sandbox::settings::Settings;
use crate::sandbox::window::{Window, scaled};

/// What stands of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Active,
    /// Without personal information, but with its conversations.
    Cleared,
    Deleted,
}

#[derive(Debug, Clone)]
struct User {
    id: String,
    external_id: Option<String>,
    brand_id: Option<String>,
    standing: Standing,
    signed_up_at: Time,
    changed_at: Option<Time>,
    changes: u32,
}

/// A Sunshine Conversations app.
#[derive(Debug)]
pub(in crate::sandbox) struct Conversations {
    credentials: Credentials,
    key_scope: String,
    users: BTreeMap<String, User>,
    /// The ids of the users with an external id, by it.
    by_external_id: BTreeMap<String, String>,
    app: Window,
}

impl Conversations {
    /// How long an external id may be, in characters.
    const EXTERNAL_ID_MAX: usize = 1_024;

    /// An app with no users.
    pub(in crate::sandbox) fn new(credentials: &Credentials, settings: &Settings) -> Self {
        let quota = scaled(settings.sunco.quota, settings.scale_limits);
        Self {
            credentials: credentials.clone(),
            key_scope: settings.sunco.key_scope.clone(),
            users: BTreeMap::new(),
            by_external_id: BTreeMap::new(),
            app: Window::new(quota, settings.quota_mode),
        }
    }

    /// Goes by other settings from now on.
    pub(in crate::sandbox) fn configure(&mut self, settings: &Settings) {
        let quota = scaled(settings.sunco.quota, settings.scale_limits);
        self.app.configure(quota, settings.quota_mode);
        self.key_scope.clone_from(&settings.sunco.key_scope);
    }

    /// Puts a user in.
    pub(in crate::sandbox) fn seed(
        &mut self,
        seed: &SuncoSeed,
        now: Time,
    ) -> Result<(), SandboxError> {
        let refuse = |reason| SandboxError::Seed {
            provider: ProviderKind::Sunco.name(),
            id: seed.id.clone(),
            reason,
        };
        if seed.id.len() != 24 || !seed.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse("its id must be 24 hex digits"));
        }
        if let Some(external) = &seed.external_id
            && !(1..=Self::EXTERNAL_ID_MAX).contains(&external.chars().count())
        {
            return Err(refuse("its external id must have 1 to 1024 characters"));
        }
        let standing = match seed.state.as_str() {
            "" | "active" => Standing::Active,
            "deleted" => Standing::Deleted,
            _ => return Err(refuse("its state must be active or deleted")),
        };
        if let Some(external) = &seed.external_id {
            self.by_external_id
                .insert(external.clone(), seed.id.clone());
        }
        self.users.insert(
            seed.id.clone(),
            User {
                id: seed.id.clone(),
                external_id: seed.external_id.clone(),
                brand_id: seed.brand_id.clone(),
                standing,
                signed_up_at: now,
                changed_at: None,
                changes: 0,
            },
        );
        Ok(())
    }

    /// All users as they stand.
    pub(in crate::sandbox) fn states(&self, tenant: &str) -> Vec<UserState> {
        self.users
            .values()
            .map(|user| UserState {
                tenant: tenant.to_owned(),
                provider: ProviderKind::Sunco,
                id: user.id.clone(),
                external_id: user.external_id.clone(),
                state: match user.standing {
                    Standing::Active => "active",
                    Standing::Cleared => "cleared",
                    Standing::Deleted => "deleted",
                }
                .to_owned(),
                role: String::new(),
                changed_at: user.changed_at,
                changes: user.changes,
            })
            .collect()
    }

    /// Answers `request`, which is carried out at `now`.
    pub(in crate::sandbox) fn handle(
        &mut self,
        request: &Request,
        route: &Route,
        now: Time,
    ) -> Reply {
        if self.app.take(now).is_err() {
            return Self::throttled();
        }
        let access = key::access(request, &self.credentials, &self.key_scope, now);
        if access == Access::Unauthorized {
            return Self::error(401, "unauthorized", "Authorization is required");
        }
        if route.ask == Ask::Unknown {
            return Self::error(404, "not_found", "Resource not found");
        }
        if route.name != self.credentials.sunco_app_id {
            return Self::error(404, "app_not_found", "App not found");
        }
        if access == Access::Forbidden {
            return Self::error(403, "forbidden", "Access denied");
        }
        let Some(target) = &route.user else {
            return Reply::json(
                200,
                &json!({"app": {
                    "id": route.name,
                    "displayName": "Sandbox",
                    "subdomain": "sandbox",
                    "settings": {"conversationRetentionSeconds": 0, "multiConvoEnabled": false},
                    "metadata": {},
                }}),
            );
        };
        let Some(user) = self.user(target, request.query("brandId")) else {
            return Self::error(404, "user_not_found", "User not found");
        };
        let changes = match route.ask {
            Ask::Delete => Some(Standing::Deleted),
            Ask::Clear if user.standing == Standing::Active => Some(Standing::Cleared),
            _ => None,
        };
        if let Some(standing) = changes {
            user.standing = standing;
            user.changed_at = Some(now);
            user.changes += 1;
        }
        let body = match route.ask {
            Ask::Delete => json!({}),
            _ => json!({"user": shown(user)}),
        };
        let mut reply = Reply::json(200, &body);
        reply.effect = changes.is_some();
        reply
    }

    /// The service's own words where `fault` has it refuse a request; `None`: it is none of its own.
    pub(in crate::sandbox) fn refusal(fault: Fault) -> Option<Reply> {
        let failed = "Something went wrong";
        Some(match fault {
            Fault::Error500 => Self::error(500, "internal_error", failed),
            Fault::Error503 => Self::error(503, "service_unavailable", failed),
            Fault::Throttle => Self::throttled(),
            Fault::Unauthorized => Self::error(401, "unauthorized", "Authorization is required"),
            Fault::Forbidden => Self::error(403, "forbidden", "Forbidden"),
            Fault::Payment => Self::error(402, "payment_required", "Upgrade to use this feature"),
            Fault::WrongPath => Self::error(404, "app_not_found", "App not found"),
            Fault::LongWait => Self::throttled().with("retry-after", LONG_WAIT_SECS),
            _ => return None,
        })
    }

    /// The 429, without a word on when to come back.
    fn throttled() -> Reply {
        Self::error(429, "too_many_requests", "Too many requests")
    }

    /// An error, as the specification shapes it.
    fn error(status: u16, code: &str, title: &str) -> Reply {
        Reply::json(status, &json!({"errors": [{"code": code, "title": title}]}))
    }

    /// The user whom `target` names, who is not deleted.
    fn user(&mut self, target: &str, brand: Option<&str>) -> Option<&mut User> {
        let by_id = self.users.contains_key(target);
        let id = if by_id {
            target
        } else {
            self.by_external_id.get(target)?
        };
        self.users
            .get_mut(id)
            .filter(|user| user.standing != Standing::Deleted)
            // A user of a brand is found by external id only where the brand is named.
            .filter(|user| by_id || user.brand_id.is_none() || user.brand_id.as_deref() == brand)
    }
}

/// A user as answers show it: with a profile, or without one.
fn shown(user: &User) -> Value {
    let (profile, metadata, identities) = if user.standing == Standing::Active {
        let email = format!("guest.{}@customers.example", user.id);
        (
            json!({"givenName": "Guest", "surname": user.id, "email": email, "locale": "en-US"}),
            json!({"plan": "gold"}),
            json!([{"type": "email", "value": email, "primary": true}]),
        )
    } else {
        (json!({}), json!({}), json!([]))
    };
    json!({
        "id": user.id,
        "externalId": user.external_id,
        "brandId": user.brand_id,
        "signedUpAt": user.signed_up_at,
        "hasPaymentInfo": false,
        "profile": profile,
        "metadata": metadata,
        "identities": identities,
    })
}
