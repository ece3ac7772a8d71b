//! Why a request brought nothing, in words for the person who waits for it.

use thiserror::Error;

use crate::domain::{Said, StopKind};

/// Why a read brought nothing, or a lane cannot go on.
#[derive(Debug, Clone, Error)]
pub enum RequestError {
    /// The run is stopping.
    #[error("the run is stopping")]
    Stopping,
    /// The account is condemned.
    #[error("{}", describe(*.reason, said))]
    Account {
        /// Why.
        reason: StopKind,
        /// What the provider said, or our own reason.
        said: Said,
    },
    /// Every attempt at a read met a passing error.
    #[error("{attempts} attempts failed, the last with {}", brief(.class, said))]
    Passing {
        /// How many attempts were made.
        attempts: u32,
        /// The stable word for the last error.
        class: &'static str,
        /// What the provider said last, or the network.
        said: Said,
    },
}

fn describe(reason: StopKind, said: &Said) -> String {
    let parts = [
        Some(reason.describe()),
        said.code.as_deref(),
        said.message.as_deref(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}

fn brief(class: &str, said: &Said) -> String {
    let status = said.status.map(|status| format!(" ({status})"));
    let message = said.message.as_ref().map(|message| format!(": {message}"));
    [
        class.to_owned(),
        status.unwrap_or_default(),
        message.unwrap_or_default(),
    ]
    .concat()
}
