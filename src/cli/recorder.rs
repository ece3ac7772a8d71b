//! Where a run's entries go: to the ledger, which may refuse, and to progress, which may not.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use roaring::RoaringTreemap;

use crate::domain::{Counts, Entry, Outcome, OutcomeEntry};
use crate::ledger::{self, LedgerError, LedgerHandle};
use crate::run::{Durability, EventSink, SinkFailed};

/// Who is shown every entry as it is recorded.
pub(super) type Watcher = Box<dyn FnMut(&Entry) + Send>;

/// Takes every entry of a run. Before a ledger is attached (who we are is asked before the
/// question, and the ledger begins after it) entries wait in memory.
pub(super) struct Recorder {
    ledger: OnceLock<LedgerHandle>,
    state: Mutex<State>,
}

struct State {
    /// Entries from before there was a ledger. A handful: identities and pauses. `None`: there never
    /// will be a ledger, and what is recorded is of use to the watcher alone.
    before: Option<Vec<Entry>>,
    counts: Counts,
    /// Rows taken up again, by the outcome they had.
    reopened: BTreeMap<Outcome, RoaringTreemap>,
    watcher: Option<Watcher>,
}

impl Recorder {
    /// A recorder that waits for its ledger.
    pub(super) fn new() -> Arc<Self> {
        Self::keeping(Some(Vec::new()))
    }

    /// A recorder that never has a ledger, and keeps nothing.
    pub(super) fn without_ledger() -> Arc<Self> {
        Self::keeping(None)
    }

    fn keeping(before: Option<Vec<Entry>>) -> Arc<Self> {
        Arc::new(Self {
            ledger: OnceLock::new(),
            state: Mutex::new(State {
                before,
                counts: Counts::default(),
                reopened: BTreeMap::new(),
                watcher: None,
            }),
        })
    }

    /// Attaches the ledger and writes what waited for it.
    ///
    /// # Errors
    ///
    /// When that cannot be written.
    pub(super) async fn attach(&self, ledger: LedgerHandle) -> Result<(), LedgerError> {
        let before = std::mem::take(&mut self.state().before);
        for entry in before.into_iter().flatten() {
            ledger.append(entry, ledger::Durability::Queued).await?;
        }
        // A second ledger is no use anybody makes of this.
        let _ = self.ledger.set(ledger);
        Ok(())
    }

    /// Counts from `counts` on; rows in `reopened` leave the outcome they had when they end again.
    pub(super) fn count_from(&self, counts: Counts, reopened: BTreeMap<Outcome, RoaringTreemap>) {
        let mut state = self.state();
        state.counts = counts;
        state.reopened = reopened;
    }

    /// Shows every entry to `watcher` from now on.
    pub(super) fn watch(&self, watcher: Watcher) {
        self.state().watcher = Some(watcher);
    }

    /// Where all rows stand.
    pub(super) fn counts(&self) -> Counts {
        self.state().counts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn see(&mut self, entry: &Entry) {
        if let Entry::Outcome(outcome) = entry {
            self.count(outcome);
        }
        if let Some(watcher) = &mut self.watcher {
            watcher(entry);
        }
    }

    fn count(&mut self, ended: &OutcomeEntry) {
        let row = ended.position.row;
        let earlier = self
            .reopened
            .iter_mut()
            .find(|(_, rows)| rows.contains(row));
        let left = match earlier {
            Some((outcome, rows)) => {
                rows.remove(row);
                self.counts.slot(*outcome)
            }
            None => &mut self.counts.pending,
        };
        *left = left.saturating_sub(1);
        *self.counts.slot(ended.outcome) += 1;
    }
}

impl EventSink for Recorder {
    fn record(
        &self,
        entry: Entry,
        durability: Durability,
    ) -> BoxFuture<'_, Result<(), SinkFailed>> {
        self.state().see(&entry);
        let Some(ledger) = self.ledger.get() else {
            if let Some(before) = &mut self.state().before {
                before.push(entry);
            }
            return async { Ok(()) }.boxed();
        };
        let durability = match durability {
            Durability::Synced => ledger::Durability::Synced,
            Durability::Queued => ledger::Durability::Queued,
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

#[cfg(test)]
mod tests {
    use super::{Durability, EventSink as _, Recorder};
    use crate::domain::Outcome;
    use crate::ledger::samples::outcome;

    #[tokio::test]
    async fn what_never_has_a_ledger_keeps_nothing_and_what_waits_for_one_keeps_all() {
        for (recorder, kept) in [
            (Recorder::without_ledger(), None),
            (Recorder::new(), Some(9)),
        ] {
            for row in 0..9 {
                let entry = outcome(row, Outcome::Deleted, 1);
                recorder.record(entry, Durability::Queued).await.unwrap();
            }
            assert_eq!(recorder.state().before.as_ref().map(Vec::len), kept);
        }
    }
}
