//! Why a sandbox could not start or be changed.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use super::message::Reply;

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
    /// Settings that make no sense.
    #[error("the sandbox's setting `{setting}` cannot be {value}; {hint}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// The value.
        value: String,
        /// What to write in its place.
        hint: &'static str,
    },
    /// A change of settings or a seed that cannot be read.
    #[error("read {what}; see the sandbox's documentation for its fields")]
    Json {
        /// What it was meant to be, e.g. `the settings`.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// More tenants than are kept.
    #[error(
        "the tenant `{tenant}` is one too many or has no fit name; {limit} tenants are kept, \
             named with at most 64 of A-Z a-z 0-9 . _ -"
    )]
    Tenant {
        /// The tenant's name, cut.
        tenant: String,
        /// How many are kept.
        limit: usize,
    },
    /// More users than a tenant takes.
    #[error("the tenant `{tenant}` takes no more than {limit} users; reset it to begin anew")]
    Full {
        /// The tenant's name.
        tenant: String,
        /// How many it takes.
        limit: usize,
    },
    /// A seed with a user that cannot be.
    #[error("the {provider} user `{id}` cannot be seeded: {reason}")]
    Seed {
        /// The provider's name.
        provider: &'static str,
        /// The id.
        id: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl SandboxError {
    /// The answer to a request that has it.
    pub(super) fn reply(&self) -> Reply {
        Reply::text(404, "text/plain", self.to_string())
    }
}
