//! The thread that writes: it appends what it is handed, in groups, and tells when it is safe.

use std::sync::OnceLock;

use tokio::sync::{mpsc, oneshot};

use super::error::LedgerError;
use super::file::LedgerFile;
use super::state::LedgerState;
use crate::domain::{Counts, Entry};

/// How many entries wait to be written at most; who appends more waits for room.
pub const QUEUE_MAX: usize = 1_024;

/// Writes what comes in `messages` to `file` until it is told to finish, or all handles are gone, and
/// gives what the ledger says. The first failure is the last; `failure` tells it to the handles.
pub(super) fn run(
    mut file: LedgerFile,
    mut messages: mpsc::Receiver<Message>,
    failure: &OnceLock<LedgerError>,
) -> Result<LedgerState, LedgerError> {
    let mut group = Vec::with_capacity(QUEUE_MAX);
    let ended = write(&mut file, &mut messages, &mut group);
    if let Err(first) = &ended {
        let _ = failure.set(first.clone());
        messages.close();
        // Everyone is told: who is in the group, and who stands in line.
        loop {
            for message in group.drain(..) {
                if let Message::Append { ack: Some(ack), .. } = message {
                    // A caller who no longer waits will hear it at the next append.
                    let _ = ack.send(Err(first.clone()));
                }
            }
            if messages.blocking_recv_many(&mut group, QUEUE_MAX) == 0 {
                break;
            }
        }
    }
    ended.map(|()| file.state)
}

/// Writes group after group until there are no more. After a failure, `group` is not told of it.
fn write(
    file: &mut LedgerFile,
    messages: &mut mpsc::Receiver<Message>,
    group: &mut Vec<Message>,
) -> Result<(), LedgerError> {
    // Entries gather while those before them are being synced: a sync costs the same for one or many.
    loop {
        if messages.is_empty() {
            file.sync()?;
        }
        if messages.blocking_recv_many(group, QUEUE_MAX) == 0 {
            return file.sync();
        }
        commit(file, group)?;
        for message in group.drain(..) {
            match message {
                // A caller who no longer waits has lost interest, not durability.
                Message::Append { ack, .. } => drop(ack.map(|ack| ack.send(Ok(())))),
                Message::Counts(tell) => drop(tell.send(file.state.counts())),
                // Messages that stand in line already are still taken.
                Message::Finish => messages.close(),
            }
        }
    }
}

/// Writes a group in one call, and syncs it once if anyone in it waits for that. An entry that no
/// line holds is refused to whoever waits for it; if nobody does, it fails the ledger.
fn commit(file: &mut LedgerFile, group: &mut [Message]) -> Result<(), LedgerError> {
    let mut awaited = false;
    for message in group {
        if let Message::Append { entry, ack } = message {
            match (file.put(entry), ack.take()) {
                (Ok(()), waiting) => {
                    awaited |= waiting.is_some();
                    *ack = waiting;
                }
                (Err(unwritable), Some(ack)) => drop(ack.send(Err(unwritable))),
                (Err(unwritable), None) => return Err(unwritable),
            }
        }
    }
    file.write()?;
    if awaited { file.sync() } else { Ok(()) }
}

/// Tells whoever waits whether an entry is synced.
pub(super) type Acknowledgement = oneshot::Sender<Result<(), LedgerError>>;

/// The messages to the thread.
#[derive(Debug)]
pub(super) enum Message {
    /// An entry.
    Append {
        /// The entry.
        entry: Entry,
        /// The caller who waits for the bytes to be synced; `None`: nobody.
        ack: Option<Acknowledgement>,
    },
    /// Say where all rows stand.
    Counts(oneshot::Sender<Counts>),
    /// Take what stands in line, and end.
    Finish,
}
