//! Users of Zoho CRM as they truly stand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::Time;
use crate::sandbox::seed::ZohoKind;

/// What stands of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may log in.
    Active,
    /// It may not.
    Inactive,
    /// It is gone.
    Deleted,
}

impl Standing {
    /// Zoho's word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Deleted => "deleted",
        }
    }
}

/// A user.
#[derive(Debug, Clone)]
pub(super) struct User {
    /// The id.
    pub(super) id: String,
    /// What kind of user it is.
    pub(super) kind: ZohoKind,
    /// What stands of it.
    pub(super) standing: Standing,
    /// Whether its profile is the administrators'.
    pub(super) admin: bool,
    /// When its standing last changed; `None`: never.
    pub(super) changed_at: Option<Time>,
    /// How often requests changed its standing.
    pub(super) changes: u32,
}

/// All users of an org, by id.
pub(super) type Users = BTreeMap<String, User>;

impl User {
    /// The nine digits of its Zoho account, which is not its id here.
    pub(super) fn zuid(&self) -> String {
        let tail = self.id.len().saturating_sub(8);
        format!("6{:0>8}", self.id.get(tail..).unwrap_or_default())
    }

    /// Its e-mail address. No test may find it in a ledger.
    pub(super) fn email(&self) -> String {
        format!("seller.{}@customers.example", self.id)
    }

    /// The user as answers show it.
    pub(super) fn shown(&self) -> Value {
        let kind = match self.kind {
            ZohoKind::Regular
            | ZohoKind::PrimaryContact
            | ZohoKind::Closed
            | ZohoKind::Administrator => "Regular User",
            ZohoKind::Support => "Support User",
            ZohoKind::System => "System User",
            ZohoKind::DigitalEmployee => "Digital Employee",
        };
        let (profile, role) = if self.admin {
            ("Administrator", "CEO")
        } else {
            ("Standard", "Manager")
        };
        let status = match self.kind {
            ZohoKind::Closed => "closed",
            _ => self.standing.name(),
        };
        json!({
            "id": self.id,
            "zuid": self.zuid(),
            "full_name": format!("Seller {}", self.id),
            "last_name": self.id,
            "email": self.email(),
            "status": status,
            "confirm": true,
            "type__s": kind,
            "profile": {"name": profile, "id": "5725767000000026011"},
            "role": {"name": role, "id": "5725767000000026005"},
        })
    }
}
