//! Whether users still stand, asked of many at once: for rows of which a job said nothing clear.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::{self, error::TryRecvError};

use super::client::Client;
use super::error::ClientError;
use crate::domain::UserId;
use crate::provider::Roles;

/// Users asked for by different rows, gathered into as few reads as they fit in.
#[derive(Debug, Default)]
pub(super) struct Rereads {
    waiting: Mutex<Vec<Waiting>>,
    /// Who asks.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    id: UserId,
    answer: oneshot::Sender<Stands>,
}

/// Whether a user stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// The provider lists them.
    Yes,
    /// It does not.
    No,
    /// It could not be asked.
    Unknown,
}

impl Rereads {
    /// Whether `id` stands.
    ///
    /// # Errors
    ///
    /// See [`ClientError`]; that asking fails in passing is [`Stands::Unknown`].
    pub(super) async fn stands(
        &self,
        client: &Client,
        roles: &dyn Roles,
        id: &UserId,
    ) -> Result<Stands, ClientError> {
        // Anew only if whoever asked for us failed; then we ask, and fail ourselves.
        loop {
            let (tx, mut rx) = oneshot::channel();
            self.waiting().push(Waiting {
                id: id.clone(),
                answer: tx,
            });
            // Rows of one job come here together: the others first, then one question for all.
            tokio::task::yield_now().await;
            loop {
                tokio::select! {
                    biased;
                    answer = &mut rx => match answer {
                        Ok(stands) => return Ok(stands),
                        Err(_) => break,
                    },
                    _turn = self.turn.lock() => match rx.try_recv() {
                        Ok(stands) => return Ok(stands),
                        Err(TryRecvError::Closed) => break,
                        Err(TryRecvError::Empty) => self.ask(client, roles).await?,
                    },
                }
            }
        }
    }

    /// Asks for as many as one read takes.
    async fn ask(&self, client: &Client, roles: &dyn Roles) -> Result<(), ClientError> {
        let asked: Vec<Waiting> = {
            let mut waiting = self.waiting();
            waiting.retain(|it| !it.answer.is_closed());
            let count = waiting.len().min(roles.users_max());
            waiting.drain(..count).collect()
        };
        let ids: Vec<UserId> = asked.iter().map(|it| it.id.clone()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let listed = match client.listed(roles, &ids).await {
            Ok(listed) => Some(listed),
            Err(ClientError::Passing { .. }) => None,
            Err(other) => return Err(other),
        };
        for it in asked {
            let stands = match &listed {
                Some(listed) if listed.iter().any(|user| user.id == it.id) => Stands::Yes,
                Some(_) => Stands::No,
                None => Stands::Unknown,
            };
            // Nobody listens any more only if the row was given up.
            let _ = it.answer.send(stands);
        }
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
