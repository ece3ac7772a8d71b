//! The thread that writes: it appends what it is handed, in groups, and tells when it is safe.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::error::LedgerError;
use super::file::LedgerFile;
use super::state::LedgerState;
use crate::domain::{Counts, Entry};

/// How many entries wait to be written at most; who appends more waits for room.
pub const QUEUE_MAX: usize = 1_024;

/// How long entries gather for one sync while they come thick: a sync costs the machine much the same
/// however many entries it is for.
const GATHER_TIME: Duration = Duration::from_millis(1);

/// The thread's own: nobody else touches the file.
#[derive(Debug)]
pub(super) struct Scribe {
    file: LedgerFile,
    messages: mpsc::Receiver<Message>,
    /// The first failure, which is the last; the handles tell it.
    failure: Arc<OnceLock<LedgerError>>,
    /// Whether entries come faster than one by one.
    thick: bool,
}

impl Scribe {
    /// Writes what comes in `messages` to `file`.
    pub(super) const fn new(
        file: LedgerFile,
        messages: mpsc::Receiver<Message>,
        failure: Arc<OnceLock<LedgerError>>,
    ) -> Self {
        Self {
            file,
            messages,
            failure,
            thick: false,
        }
    }

    /// Writes until it is told to finish, or all handles are gone, and gives what the ledger says.
    pub(super) fn run(mut self) -> Result<LedgerState, LedgerError> {
        let mut group = Vec::with_capacity(QUEUE_MAX);
        loop {
            if self.thick {
                thread::sleep(GATHER_TIME);
            }
            let idle = self.messages.is_empty();
            let settled = if idle { self.file.sync() } else { Ok(()) };
            if let Err(failure) = settled {
                return Err(self.poison(failure, group));
            }
            if self.messages.blocking_recv_many(&mut group, QUEUE_MAX) == 0 {
                break;
            }
            self.thick = group.len() > 1;
            if let Err(failure) = self.commit(&mut group) {
                return Err(self.poison(failure, group));
            }
            for message in group.drain(..) {
                match message {
                    // Who no longer waits has lost interest, not durability.
                    Message::Append { ack, .. } => drop(ack.map(|ack| ack.send(Ok(())))),
                    // Who asked may have lost interest.
                    Message::Counts(tell) => drop(tell.send(self.file.state().counts())),
                    // What stands in line already is still taken.
                    Message::Finish => self.messages.close(),
                }
            }
        }
        match self.file.sync() {
            Ok(()) => Ok(self.file.into_state()),
            Err(failure) => Err(self.poison(failure, group)),
        }
    }

    /// Writes a group in one call, and syncs it once if anyone in it waits for that. An entry that no
    /// line holds is refused to whoever waits for it; if nobody does, it fails the ledger.
    fn commit(&mut self, group: &mut [Message]) -> Result<(), LedgerError> {
        let mut awaited = false;
        for message in group {
            if let Message::Append { entry, ack } = message {
                match (self.file.put(entry), ack.take()) {
                    (Ok(()), waiting) => {
                        awaited |= waiting.is_some();
                        *ack = waiting;
                    }
                    (Err(unwritable), Some(ack)) => drop(ack.send(Err(unwritable))),
                    (Err(unwritable), None) => return Err(unwritable),
                }
            }
        }
        self.file.write()?;
        if awaited { self.file.sync() } else { Ok(()) }
    }

    /// Tells `failure` to everyone: who is in `group`, who stands in line, and who comes later.
    fn poison(mut self, failure: LedgerError, mut group: Vec<Message>) -> LedgerError {
        let _ = self.failure.set(failure.clone());
        self.messages.close();
        loop {
            for message in group.drain(..) {
                if let Message::Append { ack: Some(ack), .. } = message {
                    // Who no longer waits will hear it at the next append.
                    let _ = ack.send(Err(failure.clone()));
                }
            }
            if self.messages.blocking_recv_many(&mut group, QUEUE_MAX) == 0 {
                return failure;
            }
        }
    }
}

/// Tells whoever waits whether an entry is synced.
pub(super) type Acknowledgement = oneshot::Sender<Result<(), LedgerError>>;

/// What the thread is handed.
#[derive(Debug)]
pub(super) enum Message {
    /// An entry.
    Append {
        /// The entry.
        entry: Entry,
        /// Who waits for the bytes to be synced; `None`: nobody.
        ack: Option<Acknowledgement>,
    },
    /// Say where all rows stand.
    Counts(oneshot::Sender<Counts>),
    /// Take what stands in line, and end.
    Finish,
}
