//! The two stages of stopping, and a stop that says why.

use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::sink::{Durability, SinkFailed};
use crate::domain::{Entry, LaneStop, StopKind};
use crate::provider::Detail;

/// Asks a run to end, in two stages.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Admit nothing more; what is under way ends and is recorded.
    pub admitting: CancellationToken,
    /// Wait for nothing any more; what is under way is in doubt.
    pub waiting: CancellationToken,
}

impl Stop {
    /// A stop for one lane: it is stopped with the whole run, and can be stopped alone.
    #[must_use]
    pub fn lane(&self) -> Self {
        Self {
            admitting: self.admitting.child_token(),
            waiting: self.waiting.child_token(),
        }
    }
}

/// Why an account was stopped: said once, however many of its rows find a reason.
#[derive(Debug, Default)]
pub(super) struct Stopped(OnceLock<LaneStop>);

impl Stopped {
    /// Stops the account of `client`, and records why, unless that was done before.
    ///
    /// # Errors
    ///
    /// When the sink fails.
    pub(super) async fn stop(
        &self,
        client: &Client,
        reason: StopKind,
        status: Option<u16>,
        detail: Detail,
    ) -> Result<(), SinkFailed> {
        let stop = LaneStop {
            account: client.account.clone(),
            reason,
            status,
            code: detail.code,
            message: detail.message,
            at: client.now(),
        };
        if self.0.set(stop.clone()).is_err() {
            return Ok(());
        }
        client.stop.admitting.cancel();
        client.record(Entry::Stop(stop), Durability::Queued).await
    }

    /// The reason; `None`: it was not stopped.
    pub(super) fn into_inner(self) -> Option<LaneStop> {
        self.0.into_inner()
    }
}
