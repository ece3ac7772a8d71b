//! The requests that arrived: one [`LogEntry`] each, in the order in which they were carried out.

use serde::{Deserialize, Serialize};

use super::faults::Fault;
use crate::domain::{ProviderKind, Time};

/// The call that a request makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Delete one user (at Zendesk: softly).
    Delete,
    /// Zendesk: softly delete up to a hundred users with one job.
    DeleteMany,
    /// Zendesk: delete a user for good.
    PermanentlyDelete,
    /// Sunshine Conversations: clear a user's profile.
    DeletePersonalInformation,
    /// Read one user or many.
    Read,
    /// Read one job or many.
    Job,
    /// Ask who the caller is, or which app or org this is.
    Identity,
    /// Ask for an access token.
    Token,
    /// Anything else.
    Unknown,
}

impl Call {
    /// Whether it asks for something to be deleted.
    pub const fn deletes(self) -> bool {
        matches!(
            self,
            Self::Delete
                | Self::DeleteMany
                | Self::PermanentlyDelete
                | Self::DeletePersonalInformation
        )
    }
}

/// One request that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its number, from 1, in the order in which requests were carried out.
    pub seq: u64,
    /// When it was carried out and counted against the quotas.
    pub at: Time,
    /// The tenant it was for.
    pub tenant: String,
    /// The provider it was for; `None`: the path is no provider's.
    pub provider: Option<ProviderKind>,
    /// Its method.
    pub method: String,
    /// Its path as sent, without tenant and query (which may hold secrets).
    pub path: String,
    /// The user it is about, as the request names it; `None`: none, or many.
    pub user: Option<String>,
    /// The users it is about where one request may name many; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// The call that it makes.
    pub step: Call,
    /// The status answered; `None`: the connection was closed without an answer.
    pub status: Option<u16>,
    /// Whether it changed anything, or started a job that will.
    pub effect: bool,
    /// The fault that was caused on purpose; `None`: nothing.
    pub fault: Option<Fault>,
}

impl LogEntry {
    /// Whether it is about the user `id`, alone or among others.
    pub fn concerns(&self, id: &str) -> bool {
        self.user.as_deref() == Some(id) || self.users.iter().any(|user| user == id)
    }
}
