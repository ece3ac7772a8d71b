//! What a driver needs of the world: where entries and tokens go, and where rows come from.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use thiserror::Error;

use crate::domain::{AccountName, Durability, Entry};
use crate::lane::{KeptToken, Queue, Rows, SourceError};

/// Takes entries in the order they are handed in: the ledger, or memory in tests.
pub trait EventSink: Send + Sync + fmt::Debug {
    /// Records `entry`.
    ///
    /// # Errors
    ///
    /// When this entry, or an earlier one, could not be written. Nothing may be sent after that.
    fn record(&self, entry: Entry, durability: Durability)
    -> BoxFuture<'_, Result<(), SinkFailed>>;
}

/// An entry could not be recorded; the run must stop.
#[derive(Debug, Clone, Error)]
#[error("record what happened")]
pub struct SinkFailed(#[source] pub Arc<dyn std::error::Error + Send + Sync>);

/// Keeps tokens between processes. What cannot be kept is fetched again: failing is no error here.
pub trait TokenStore: Send + Sync + fmt::Debug {
    /// The token kept under `key`.
    fn load(&self, key: &str) -> Option<KeptToken>;
    /// Keeps `token` under `key`.
    fn keep(&self, key: &str, token: &KeptToken);
}

/// Gives rows of an account's queue, in the order of the file.
pub trait RowSource: Send + Sync + fmt::Debug {
    /// The next rows of a queue, which may be none for now; `None`: it has no more.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn next_rows(
        &self,
        account: AccountName,
        queue: Queue,
    ) -> BoxFuture<'_, Result<Option<Rows>, SourceError>>;
}
