//! Where a run's entries go: to the ledger, which may refuse, and to progress, which may not.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures::{FutureExt, TryFutureExt};

use crate::domain::{Durability, Entry};
use crate::ledger::{LedgerError, LedgerHandle};
use crate::run::{EventSink, Recorded, SinkFailed};

/// The function that is shown every entry as it is recorded.
pub(super) type Watcher = Box<dyn FnMut(&Entry) + Send>;

/// Takes every entry of a run. Before a ledger is attached entries wait in memory. The default one never has a
/// ledger, and keeps nothing.
#[derive(Default)]
pub(super) struct Recorder {
    ledger: OnceLock<LedgerHandle>,
    /// Entries from before there was a ledger, a handful; `None`: there never will be one.
    before: Mutex<Option<Vec<Entry>>>,
    watcher: Mutex<Option<Watcher>>,
}

impl Recorder {
    /// A recorder that waits for its ledger.
    pub(super) fn new() -> Arc<Self> {
        let before = Mutex::new(Some(Vec::new()));
        Arc::new(Self {
            before,
            ..Self::default()
        })
    }

    /// Attaches the ledger and writes what waited for it.
    pub(super) async fn attach(&self, ledger: LedgerHandle) -> Result<(), LedgerError> {
        let before = std::mem::take(&mut *locked(&self.before));
        for entry in before.into_iter().flatten() {
            ledger.append(entry, Durability::Queued).await?;
        }
        let _ = self.ledger.set(ledger);
        Ok(())
    }

    /// Shows every entry to `watcher` from now on.
    pub(super) fn watch(&self, watcher: Watcher) {
        *locked(&self.watcher) = Some(watcher);
    }
}

/// The value in a lock, also if a thread panicked with it: each change of it is whole.
pub(super) fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EventSink for Recorder {
    fn record(&self, entry: Entry, durability: Durability) -> Recorded<'_> {
        if let Some(watcher) = &mut *locked(&self.watcher) {
            watcher(&entry);
        }
        let Some(ledger) = self.ledger.get() else {
            if let Some(before) = &mut *locked(&self.before) {
                before.push(entry);
            }
            return async { Ok(()) }.boxed();
        };
        let appended = ledger.append(entry, durability);
        appended
            .map_err(|error| SinkFailed(Arc::new(error)))
            .boxed()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}
