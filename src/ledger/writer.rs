//! A ledger's owner and its handles: beginning a ledger, going on with one, appending, finishing.
//! The writing itself is done on a thread, see `writer_thread`.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use futures::FutureExt;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::disk::Disk;
use super::error::LedgerError;
use super::file::LedgerFile;
use super::state::LedgerState;
use super::writer_thread::{self, Acknowledgement, Message, QUEUE_MAX};
use crate::domain::{Counts, Durability, Entry, RunHeader};

/// The owner of a ledger: holds its lock and its thread. Dropped without [`LedgerWriter::finish`], the
/// thread still writes what it was handed, but nobody learns whether it could.
#[derive(Debug)]
pub struct LedgerWriter {
    handle: LedgerHandle,
    thread: JoinHandle<Result<LedgerState, LedgerError>>,
    /// Closed when the thread has ended, however it did.
    ended: oneshot::Receiver<()>,
}

/// Appends to a ledger, from anywhere. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LedgerHandle {
    queue: mpsc::Sender<Message>,
    path: Arc<Path>,
    /// The writer's first failure, which is the last.
    failure: Arc<OnceLock<LedgerError>>,
}

impl LedgerWriter {
    /// See [`LedgerFile::create_on`].
    pub fn create_on(disk: &dyn Disk, path: &Path, header: RunHeader) -> Result<Self, LedgerError> {
        Self::start(path, LedgerFile::create_on(disk, path, header)?)
    }

    /// See [`LedgerFile::open_on`]. The state is what the ledger says under its lock.
    pub fn open_on(disk: &dyn Disk, path: &Path) -> Result<(Self, LedgerState), LedgerError> {
        let mut file = LedgerFile::open_on(disk, path)?;
        let state = file.hand_over_state();
        Ok((Self::start(path, file)?, state))
    }

    fn start(path: &Path, file: LedgerFile) -> Result<Self, LedgerError> {
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let (alive, ended) = oneshot::channel();
        let failure = Arc::new(OnceLock::new());
        let shared = Arc::clone(&failure);
        let thread = Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                // Dropped at the end of the thread, also when it panics.
                let _alive: oneshot::Sender<()> = alive;
                writer_thread::run(file, messages, &shared)
            })
            .map_err(|source| LedgerError::io("start a thread for", path, source))?;
        Ok(Self {
            handle: LedgerHandle {
                queue,
                path: path.into(),
                failure,
            },
            thread,
            ended,
        })
    }

    /// The handle that appends to this ledger.
    pub fn handle(&self) -> LedgerHandle {
        self.handle.clone()
    }

    /// Writes and syncs all that was appended so far, ends the thread, releases the lock and gives what
    /// the ledger says. Handles that are left then get [`LedgerError::Closed`].
    pub async fn finish(self) -> Result<LedgerState, LedgerError> {
        // If either of the two fails the thread has ended already, and says below how.
        let _ = self.handle.queue.send(Message::Finish).await;
        let _ = self.ended.await;
        // A panic is a bug, and ends the program here as it does in a release.
        let ended = self.thread.join();
        ended.unwrap_or_else(|bug| std::panic::resume_unwind(bug))
    }
}

impl LedgerHandle {
    /// Appends `entry` after all that this handle has appended before. It stands in line from the call
    /// on, whatever becomes of the future. After an error nothing may be sent: this entry, or one
    /// before it, is not written.
    pub fn append(
        &self,
        entry: Entry,
        durability: Durability,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send + use<'_> {
        let (ack, synced) = match durability {
            Durability::Synced => {
                let (ack, synced) = oneshot::channel();
                (Some(ack), Some(synced))
            }
            Durability::Queued => (None, None),
        };
        let placed = self.place(entry, ack);
        async move {
            if let Some(message) = placed? {
                // Boxed: seldom needed, and large.
                let sent = self.queue.send(message).boxed().await;
                sent.map_err(|_| self.gone())?;
            }
            match synced {
                Some(synced) => synced.await.unwrap_or_else(|_| Err(self.gone())),
                None => Ok(()),
            }
        }
    }

    /// Where all rows stand after what this handle has appended.
    pub async fn counts(&self) -> Result<Counts, LedgerError> {
        let (tell, receiver) = oneshot::channel();
        let asked = self.queue.send(Message::Counts(tell)).await;
        asked.map_err(|_| self.gone())?;
        receiver.await.map_err(|_| self.gone())
    }

    /// Puts an entry in line; given back: there is no room.
    fn place(
        &self,
        entry: Entry,
        ack: Option<Acknowledgement>,
    ) -> Result<Option<Message>, LedgerError> {
        if let Some(failure) = self.failure.get() {
            return Err(failure.clone());
        }
        if matches!(entry, Entry::Run(_)) {
            return Err(LedgerError::Unwritable {
                path: self.path.to_path_buf(),
                reason: "a ledger has one header".to_owned(),
            });
        }
        match self.queue.try_send(Message::Append { entry, ack }) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(message)) => Ok(Some(message)),
            Err(TrySendError::Closed(_)) => Err(self.gone()),
        }
    }

    /// Why the thread takes nothing more.
    fn gone(&self) -> LedgerError {
        let failure = self.failure.get().cloned();
        failure.unwrap_or_else(|| LedgerError::Closed(self.path.to_path_buf()))
    }
}
