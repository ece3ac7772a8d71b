//! Users to put into a tenant, and users as they stand.

use serde::{Deserialize, Serialize};

use crate::domain::{ProviderKind, Time};

/// Users to put into a tenant. One that is there already is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seed {
    /// The tenant; empty: `default`.
    pub tenant: String,
    /// Users of Zendesk Support.
    pub zendesk: Vec<ZendeskSeed>,
    /// Users of Sunshine Conversations.
    pub sunco: Vec<SuncoSeed>,
    /// Users of Zoho CRM.
    pub zoho: Vec<ZohoSeed>,
}

/// A user of Zendesk Support.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZendeskSeed {
    /// The id: digits.
    pub id: String,
    /// `active` (also if empty), `soft-deleted` or `permanently-deleted`.
    pub state: String,
    /// `end-user` (also if empty), `agent`, `light-agent` or `admin`.
    pub role: String,
    /// How many tickets that are not closed the user is requester of.
    pub open_tickets: u32,
}

/// A user of Sunshine Conversations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SuncoSeed {
    /// The id: 24 hex digits.
    pub id: String,
    /// The external id; `None`: the user has none.
    pub external_id: Option<String>,
    /// The brand the user is kept apart for; `None`: for none. With one, the external id is found
    /// only by requests that name the brand.
    pub brand_id: Option<String>,
    /// `active` (also if empty) or `deleted`.
    pub state: String,
}

/// A user of Zoho CRM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZohoSeed {
    /// The id: up to 19 digits.
    pub id: String,
    /// What kind of user it is.
    pub kind: ZohoKind,
    /// `active` (also if empty), `inactive` or `deleted`.
    pub state: String,
}

/// What kind of user a Zoho user is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZohoKind {
    /// One that can be deleted.
    #[default]
    Regular,
    /// The org's primary contact.
    PrimaryContact,
    /// A support user.
    Support,
    /// A system user.
    System,
    /// A digital employee.
    DigitalEmployee,
    /// One over whom the org may not act: closed.
    Closed,
    /// One that can be deleted, with the administrators' profile.
    Administrator,
}

/// A user as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserState {
    /// The tenant.
    pub tenant: String,
    /// The provider.
    pub provider: ProviderKind,
    /// The provider's id.
    pub id: String,
    /// The external id; `None`: there is none, or the provider has no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// `active`, `inactive`, `soft-deleted`, `permanently-deleted`, `cleared` or `deleted`.
    pub state: String,
    /// The role at Zendesk, the kind at Zoho; empty at Sunshine Conversations.
    pub role: String,
    /// When the state last changed; `None`: never since the user was seeded.
    pub changed_at: Option<Time>,
    /// How often requests changed the state: 2 after both deletions of Zendesk.
    pub changes: u32,
}
