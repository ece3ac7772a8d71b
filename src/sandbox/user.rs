//! Users to put into a tenant, users as they truly stand, whoever their provider is, and the access
//! tokens that still live.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{ProviderKind, Time, named};

/// Users to put into a tenant. One that is there already is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seed {
    /// The tenant; empty: `default`.
    pub tenant: String,
    /// The users by their provider, of this program or a provider file.
    #[serde(flatten)]
    pub users: BTreeMap<ProviderKind, Vec<UserSeed>>,
}

impl Seed {
    /// The users of `provider`.
    pub fn of(&mut self, provider: ProviderKind) -> &mut Vec<UserSeed> {
        self.users.entry(provider).or_default()
    }
}

/// A user to put in. Not every provider has all of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserSeed {
    /// The id: digits, at Sunshine Conversations 24 hex digits.
    pub id: String,
    /// `active` (also if empty); at Zendesk also `soft-deleted` or `permanently-deleted`, at Sunshine
    /// Conversations `deleted`, at Zoho `inactive` or `deleted`.
    pub state: String,
    /// At Zendesk the role: `end-user` (also if empty), `agent`, `light-agent` or `admin`. At Zoho the
    /// kind, `regular` if empty, see `zoho::KINDS`.
    #[serde(alias = "kind")]
    pub role: String,
    /// How many tickets that are not closed the user is requester of.
    pub open_tickets: u32,
    /// At Zendesk: whether the user is suspended.
    pub suspended: bool,
    /// The external id; `None`: the user has none.
    pub external_id: Option<String>,
    /// At Sunshine Conversations the brand, without which the external id leads to nobody.
    pub brand: String,
    /// The e-mail address; `None`: one made of the id.
    pub email: Option<String>,
}

impl UserSeed {
    /// A user of whom nothing is said but the id.
    pub(super) fn of(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }
}

/// A user as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// The tenant.
    pub tenant: String,
    /// The provider.
    pub provider: ProviderKind,
    /// The provider's id.
    pub id: String,
    /// The external id; `None`: there is none, or the provider has no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The name of a [`UserStatus`].
    pub state: String,
    /// The role at Zendesk, the kind at Zoho; empty at Sunshine Conversations.
    pub role: String,
    /// When the state last changed; `None`: never since the user was seeded.
    pub changed_at: Option<Time>,
    /// How often requests changed the state: 2 after both deletions of Zendesk.
    pub changes: u32,
}

named! {
    /// How a user stands. No provider knows all of these. The name is the word in seeds and answers to a judge.
    pub enum UserStatus {
        /// All of it stands.
        Active = "active",
        /// Zoho: it may not log in.
        Inactive = "inactive",
        /// Zendesk: it is deleted softly.
        SoftDeleted = "soft-deleted",
        /// Zendesk: it is deleted for good.
        PermanentlyDeleted = "permanently-deleted",
        /// Sunshine Conversations: its personal information is gone, its conversations are not.
        Cleared = "cleared",
        /// It is gone.
        Deleted = "deleted",
    }
}

impl UserStatus {
    /// The one of `states` called `name`; an empty name is [`UserStatus::Active`].
    pub(super) fn named(name: &str, states: &[Self]) -> Option<Self> {
        let name = if name.is_empty() { "active" } else { name };
        states.iter().copied().find(|state| state.name() == name)
    }
}

/// A user.
#[derive(Debug, Clone)]
pub(super) struct User {
    /// As it was put in. The fields that follow are how it stands.
    pub(super) seed: UserSeed,
    /// The role at Zendesk, the kind at Zoho; empty at Sunshine Conversations.
    pub(super) role: &'static str,
    pub(super) state: UserStatus,
    pub(super) since: Time,
    pub(super) made_at: Time,
    /// When a request last changed its state; `None`: never.
    pub(super) changed_at: Option<Time>,
    pub(super) changes: u32,
}

impl User {
    /// A user as it is seeded.
    pub(super) fn new(seed: UserSeed, role: &'static str, state: UserStatus, now: Time) -> Self {
        Self {
            seed,
            role,
            state,
            since: now,
            made_at: now,
            changed_at: None,
            changes: 0,
        }
    }

    /// Has a request change its state.
    pub(super) fn change(&mut self, state: UserStatus, now: Time) {
        self.state = state;
        self.since = now;
        self.changed_at = Some(now);
        self.changes += 1;
    }

    /// The e-mail address, made of the id if none was put in. No test may find it in a ledger.
    pub(super) fn email(&self, who: &str) -> String {
        let made = || format!("{who}.{}@customers.example", self.seed.id);
        self.seed.email.clone().unwrap_or_else(made)
    }

    /// The user as a judge sees it.
    pub(super) fn state(&self, tenant: &str, provider: ProviderKind) -> UserRecord {
        UserRecord {
            tenant: tenant.to_owned(),
            provider,
            id: self.seed.id.clone(),
            external_id: self.seed.external_id.clone(),
            state: self.state.to_string(),
            role: self.role.to_owned(),
            changed_at: self.changed_at,
            changes: self.changes,
        }
    }
}

/// Access tokens that were handed out, oldest first.
#[derive(Debug)]
pub(super) struct MintedTokens {
    /// The text and the scope of each, and when it dies.
    live: VecDeque<(String, String, Time)>,
    live_max: usize,
    /// Mixed into every token, so that no tenant takes another's.
    salt: String,
    minted: u64,
}

impl MintedTokens {
    /// No tokens yet. Of more than `live_max`, the oldest dies.
    pub(super) fn new(salt: String, live_max: usize) -> Self {
        Self {
            live: VecDeque::new(),
            live_max,
            salt,
            minted: 0,
        }
    }

    /// A new token that begins with `prefix` and dies `life` after `now`.
    pub(super) fn mint(&mut self, prefix: &str, scope: &str, now: Time, life: Duration) -> String {
        self.minted += 1;
        let digest = blake3::hash(format!("{} {}", self.salt, self.minted).as_bytes()).to_hex();
        let text = format!("{prefix}{}", &digest[..32]);
        if self.live.len() >= self.live_max {
            self.live.pop_front();
        }
        let token = (text.clone(), scope.to_owned(), now.after(life));
        self.live.push_back(token);
        text
    }

    /// Has `text` die.
    pub(super) fn revoke(&mut self, text: &str) {
        self.live.retain(|(it, ..)| it != text);
    }

    /// The scope of `text`, if that is a token that lives at `now`.
    pub(super) fn scope(&self, text: &str, now: Time) -> Option<&str> {
        let mut live = self.live.iter();
        let (_, scope, _) = live.find(|(it, _, dies)| it == text && now < *dies)?;
        Some(scope)
    }
}
