//! How a sandbox is started, what it accepts, and why it could not start.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use thiserror::Error;

use super::hub::Sandbox;
use super::settings::Settings;
use crate::domain::ProviderKind;
use crate::provider::ProviderFile;

/// Why a sandbox could not start or be changed.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct SandboxError(pub(super) String);

impl SandboxError {
    /// `what` was sent to change something and cannot be read.
    pub(super) fn unread(what: &str, error: &serde_json::Error) -> Self {
        Self(format!(
            "read {what}; see the sandbox's documentation for its fields: {error}"
        ))
    }

    /// A user of `provider` that cannot be, and the `reason`.
    pub(super) fn seed(provider: ProviderKind, id: &str, reason: &str) -> Self {
        let name = provider.name();
        Self(format!("the {name} user `{id}` cannot be seeded: {reason}"))
    }
}

/// How a sandbox is started. The defaults suit tests: any free port, no users, no faults.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where it listens; loopback only. Port 0: any free one.
    pub listen: SocketAddr,
    /// Whether the users that `fixtures/input/demo.csv` is about are there at the start, at the tenant
    /// `default`. Else nobody is, but the callers and Zendesk's account owner.
    pub has_demo_users: bool,
    /// The settings that every tenant begins with.
    pub settings: Settings,
    /// Provider files that are served under `/file/NAME`, beside those that this program brings.
    pub files: Vec<Arc<ProviderFile>>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            has_demo_users: false,
            settings: Settings::default(),
            files: Vec::new(),
        }
    }
}

/// The values that are accepted as credentials. These are no secrets: they open nothing but a sandbox.
impl Sandbox {
    /// The e-mail address that goes with Zendesk's API token.
    pub const ZENDESK_EMAIL: &str = "ops@acme.example";
    /// Zendesk's API token.
    pub const ZENDESK_TOKEN: &str = "sandbox-token";
    /// A Zendesk OAuth access token that never dies.
    pub(super) const ZENDESK_OAUTH_TOKEN: &str = "sandbox-oauth";
    /// A Zendesk OAuth access token that dies once its refresh token is used.
    pub const ZENDESK_PAIR: [&str; 2] = ["sandbox-access", "sandbox-refresh"];
    /// The id of Zendesk's OAuth client.
    pub(super) const ZENDESK_CLIENT_ID: &str = "sandbox-client";
    /// The secret of each client and key.
    pub const SECRET: &str = "sandbox-secret";
    /// The id of the Sunshine Conversations app.
    pub const SUNCO_APP_ID: &str = "5963c0d619a30a2e00de36b8";
    /// The id of its key.
    pub const SUNCO_KEY_ID: &str = "app_sandbox";
    /// The id of Zoho's OAuth client.
    pub const ZOHO_CLIENT_ID: &str = "1000.SANDBOX";
    /// The refresh token.
    pub const ZOHO_REFRESH_TOKEN: &str = "1000.sandbox-refresh";
}
