//! How a sandbox is started, and why it could not be.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use thiserror::Error;

use super::settings::Settings;
use crate::domain::{ProviderKind, WallClock};

/// Why a sandbox could not start or be changed.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// It was told to listen where others could reach it.
    #[error(
        "the sandbox serves on loopback only and will not listen on {addr}; name an address such \
         as 127.0.0.1:8080"
    )]
    NotLoopback {
        /// The address it was told.
        addr: SocketAddr,
    },
    /// The address could not be had.
    #[error("listen on {addr}; choose another port, or port 0 for any free one")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Settings, a seed or a tenant that cannot be, and why.
    #[error("{0}")]
    Refused(String),
}

impl SandboxError {
    /// `what` was sent to change something and cannot be read.
    pub(super) fn unread(what: &str, error: &serde_json::Error) -> Self {
        Self::Refused(format!(
            "read {what}; see the sandbox's documentation for its fields: {error}"
        ))
    }

    /// A user of `provider` that cannot be, and the `reason`.
    pub(super) fn seed(provider: ProviderKind, id: &str, reason: &str) -> Self {
        let name = provider.name();
        Self::Refused(format!("the {name} user `{id}` cannot be seeded: {reason}"))
    }
}

/// How a sandbox is started. The defaults suit tests: any free port, no users, no faults.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where it listens; loopback only. Port 0: any free one.
    pub listen: SocketAddr,
    /// Who is there at the start, at the tenant `default`.
    pub population: Population,
    /// What it accepts.
    pub credentials: Credentials,
    /// What every tenant begins with.
    pub settings: Settings,
    /// Where the time comes from.
    pub clock: WallClock,
}

/// Who is there at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Population {
    /// Nobody but the callers and Zendesk's account owner.
    Empty,
    /// The users that `fixtures/input/demo.csv` is about.
    Demo,
}

/// What is accepted as credentials. These are no secrets: they open nothing but a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The e-mail address that goes with Zendesk's API token.
    pub zendesk_email: String,
    /// Zendesk's API token.
    pub zendesk_token: String,
    /// A Zendesk OAuth access token that never dies.
    pub zendesk_oauth_token: String,
    /// The id of Zendesk's OAuth client.
    pub zendesk_client_id: String,
    /// That client's secret.
    pub zendesk_client_secret: String,
    /// The id of the Sunshine Conversations app.
    pub sunco_app_id: String,
    /// The id of its key.
    pub sunco_key_id: String,
    /// That key's secret.
    pub sunco_key_secret: String,
    /// The id of Zoho's OAuth client.
    pub zoho_client_id: String,
    /// That client's secret.
    pub zoho_client_secret: String,
    /// The refresh token.
    pub zoho_refresh_token: String,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            population: Population::Empty,
            credentials: Credentials::default(),
            settings: Settings::default(),
            clock: WallClock::system(),
        }
    }
}

impl Default for Credentials {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            zendesk_email: text("ops@acme.example"),
            zendesk_token: text("sandbox-token"),
            zendesk_oauth_token: text("sandbox-oauth"),
            zendesk_client_id: text("sandbox-client"),
            zendesk_client_secret: text("sandbox-secret"),
            sunco_app_id: text("5963c0d619a30a2e00de36b8"),
            sunco_key_id: text("app_sandbox"),
            sunco_key_secret: text("sandbox-secret"),
            zoho_client_id: text("1000.SANDBOX"),
            zoho_client_secret: text("sandbox-secret"),
            zoho_refresh_token: text("1000.sandbox-refresh"),
        }
    }
}
