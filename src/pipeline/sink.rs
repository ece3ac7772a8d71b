//! Where entries go.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use thiserror::Error;

use crate::domain::Entry;

/// When [`EventSink::record`] is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When the entry would survive a power cut.
    Synced,
    /// When it stands in line to be written, in order.
    Queued,
}

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

#[cfg(test)]
pub(crate) mod memory {
    //! A sink in memory, for tests on a paused clock: a plain thread's acknowledgement would let
    //! the clock jump.

    use std::sync::{Mutex, MutexGuard, PoisonError};

    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::{Durability, EventSink, SinkFailed};
    use crate::domain::{Entry, OutcomeEntry};

    /// Keeps every entry.
    #[derive(Debug, Default)]
    pub(crate) struct MemorySink(Mutex<Vec<Entry>>);

    impl MemorySink {
        pub(crate) fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn outcomes(&self) -> Vec<OutcomeEntry> {
            let entries = self.entries();
            let outcomes = entries.iter().filter_map(|entry| match entry {
                Entry::Outcome(outcome) => Some(outcome.clone()),
                _ => None,
            });
            outcomes.collect()
        }
    }

    impl EventSink for MemorySink {
        fn record(&self, entry: Entry, _: Durability) -> BoxFuture<'_, Result<(), SinkFailed>> {
            self.entries().push(entry);
            async { Ok(()) }.boxed()
        }
    }
}
