//! Access for requests. A token that comes from the tenant whose quota is kept is a request there like
//! any other: it has a slot of its own, and is recorded.

use super::Client;
use crate::domain::{Entry, Requested, StopKind};
use crate::pipeline::error::ClientError;
use crate::pipeline::limits::Refused;
use crate::pipeline::sink::Durability;
use crate::pipeline::tokens::{Granted, NoAccess};
use crate::provider::Detail;

/// The status that a token comes with.
const OK: u16 = 200;

impl Client {
    /// The access that there is, or that is fetched now; `None`: not yet, and all of the account waits
    /// for it.
    ///
    /// # Errors
    ///
    /// When there will be none, or nobody waits for it any more.
    pub(super) async fn access(&self) -> Result<Option<Granted>, ClientError> {
        let access = self.tokens.access();
        let access = self.stop.waiting.run_until_cancelled(access).await;
        let condemned = |reason, detail| {
            Err(ClientError::Account {
                reason,
                status: None,
                detail,
            })
        };
        match access.ok_or(ClientError::Stopping)? {
            Ok(granted) => Ok(Some(granted)),
            Err(NoAccess::Rejected(detail)) => condemned(StopKind::CredentialsRejected, detail),
            Err(NoAccess::Untrusted(detail)) => condemned(StopKind::WrongTenant, detail),
            Err(NoAccess::Exhausted(detail)) => condemned(StopKind::TokensExhausted, detail),
            Err(NoAccess::Later(wait, detail)) => {
                let reason = format!("no token yet: {}", detail.message.unwrap_or_default());
                self.hold(None, wait, reason, (None, &Detail::default()))
                    .await?;
                Ok(None)
            }
            Err(NoAccess::Unreached(detail)) => {
                self.unreached(detail).await?;
                Ok(None)
            }
        }
    }

    /// Fetches a token under the account's limits, if one is needed and its server counts it there.
    /// Whether it did.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub(super) async fn fetch_counted(&self) -> Result<bool, ClientError> {
        if !self.tokens.is_counted_and_due().await {
            return Ok(false);
        }
        let stopping = &self.stop.admitting;
        let refused = |refused| self.not_admitted(refused);
        let mut admission = self.limits.admit(None, stopping).await.map_err(refused)?;
        match admission.permitted(stopping).await {
            Ok(()) => {}
            Err(Refused::Late) => {
                admission.unsent();
                return Ok(false);
            }
            Err(stopped) => {
                admission.unsent();
                return Err(refused(stopped));
            }
        }
        // Another may have come meanwhile.
        if !self.tokens.is_counted_and_due().await {
            admission.unsent();
            return Ok(false);
        }
        let sent_at = self.wall.now();
        let access = self.access().await;
        admission.answered();
        let requested = Requested {
            account: self.account.clone(),
            what: "token".to_owned(),
            sent_at,
            at: self.wall.now(),
            status: matches!(access, Ok(Some(_))).then_some(OK),
        };
        self.record(Entry::Request(requested), Durability::Synced)
            .await?;
        access.map(|_| true)
    }
}
