//! The one writer: a thread that appends what it is handed, in groups, and says when it is safe.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::chain::{self, Head};
use super::disk::{Disk, DiskFile, RealDisk};
use super::error::LedgerError;
use super::format::{self, BODY_BYTES_MAX};
use super::lock;
use super::reader::{LedgerReader, TornTail};
use super::state::LedgerState;
use crate::domain::{Entry, RunHeader};

/// How many entries wait to be written at most; who appends more waits for room.
pub const QUEUE_MAX: usize = 1_024;

/// How many bytes the buffer of a group keeps from one group to the next.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

/// When an append is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When the entry would survive a power cut.
    Synced,
    /// When it stands in line to be written. It is synced as soon as nothing else waits, and with
    /// [`LedgerWriter::finish`] at the latest; if that fails, every later append says so.
    Queued,
}

/// A ledger opened for going on with it.
#[derive(Debug)]
pub struct Opened {
    /// Appends to it.
    pub writer: LedgerWriter,
    /// What it says, read under the lock that the writer holds.
    pub state: LedgerState,
    /// The torn last line that was cut off; `None`: there was none.
    pub cut: Option<TornTail>,
}

/// The owner of a ledger: holds its lock and its thread. Append through [`LedgerWriter::handle`].
///
/// Dropped without [`LedgerWriter::finish`], the thread still writes and syncs what it was handed
/// until the last handle is gone, but nobody learns whether it could.
#[derive(Debug)]
pub struct LedgerWriter {
    handle: LedgerHandle,
    thread: JoinHandle<Result<Head, LedgerError>>,
    /// Closed when the thread has ended, however it did.
    ended: oneshot::Receiver<()>,
}

/// Appends to a ledger, from anywhere. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LedgerHandle {
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// The first failure, which is the last.
    failure: OnceLock<LedgerError>,
}

type Acknowledgement = oneshot::Sender<Result<(), LedgerError>>;

#[derive(Debug)]
enum Message {
    Append {
        body: Vec<u8>,
        /// Who waits for the bytes to be synced; `None`: nobody.
        ack: Option<Acknowledgement>,
    },
    Finish,
}

impl LedgerWriter {
    /// Begins a ledger at `path`: the file, for its owner's eyes only, its header, its lock, its
    /// name in the folder; all of it durable. Nothing is left behind if that fails.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Exists`] when there is a file already.
    pub fn create(path: &Path, header: RunHeader) -> Result<Self, LedgerError> {
        Self::create_on(&RealDisk, path, header)
    }

    /// Goes on with the ledger at `path`: takes its lock, reads and checks it, cuts a torn tail.
    ///
    /// # Errors
    ///
    /// When another process uses it, when it is damaged or of a newer format; it is then unchanged.
    pub fn open(path: &Path) -> Result<Opened, LedgerError> {
        Self::open_on(&RealDisk, path)
    }

    pub(super) fn create_on(
        disk: &dyn Disk,
        path: &Path,
        header: RunHeader,
    ) -> Result<Self, LedgerError> {
        let body = encode(path, &Entry::Run(Box::new(header)))?;
        let file = disk.create(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => LedgerError::Exists {
                path: path.to_owned(),
            },
            _ => LedgerError::io("create", path, source),
        })?;
        let begun = begin(disk, file, path, &body);
        if begun.is_err() {
            // What is left has no header and would only be in the way. The first error counts.
            let _ = disk.remove(path);
        }
        let (file, head) = begun?;
        Self::start(path, file, head)
    }

    pub(super) fn open_on(disk: &dyn Disk, path: &Path) -> Result<Opened, LedgerError> {
        let io = |doing| move |source| LedgerError::io(doing, path, source);
        let mut file = disk.open(path).map_err(io("open"))?;
        lock::acquire(disk, &*file, path)?;
        let state = LedgerState::collect(path, LedgerReader::new(path, &mut *file)?)?;
        let cut = state.source.torn;
        if let Some(torn) = cut {
            file.truncate(torn.byte)
                .map_err(io("cut the torn end of"))?;
            file.sync().map_err(io("sync"))?;
        }
        let writer = Self::start(path, file, state.source.head)?;
        Ok(Opened { writer, state, cut })
    }

    fn start(path: &Path, file: Box<dyn DiskFile>, head: Head) -> Result<Self, LedgerError> {
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let (alive, ended) = oneshot::channel();
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            failure: OnceLock::new(),
        });
        let scribe = Scribe {
            file,
            messages,
            shared: Arc::clone(&shared),
            head,
            lines: Vec::new(),
            unsynced: false,
        };
        let thread = Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                // Dropped at the end of the thread, also when it panics.
                let _alive: oneshot::Sender<()> = alive;
                scribe.run()
            })
            .map_err(|source| LedgerError::io("start a thread for", path, source))?;
        Ok(Self {
            handle: LedgerHandle { queue, shared },
            thread,
            ended,
        })
    }

    /// What appends to this ledger.
    pub fn handle(&self) -> LedgerHandle {
        self.handle.clone()
    }

    /// Writes and syncs all that was appended so far, ends the thread, releases the lock and gives
    /// the chain of the last line. Handles that are left then get [`LedgerError::Closed`].
    ///
    /// # Errors
    ///
    /// The first failure of this writer, if there was one: some entries are not in the ledger.
    pub async fn finish(self) -> Result<Head, LedgerError> {
        // If either of the two fails the thread has ended already, and says below how.
        let _ = self.handle.queue.send(Message::Finish).await;
        let _ = self.ended.await;
        self.thread.join().unwrap_or_else(|panic| {
            Err(LedgerError::Panicked {
                path: self.handle.shared.path.clone(),
                message: message_of(panic.as_ref()),
            })
        })
    }
}

impl LedgerHandle {
    /// Appends `entry` after all that this handle has appended before. Dropping the future once it
    /// has begun to wait may or may not take the entry back.
    ///
    /// # Errors
    ///
    /// When this entry or any before it could not be written. Nothing may be sent after that.
    pub async fn append(&self, entry: &Entry, durability: Durability) -> Result<(), LedgerError> {
        if let Some(failure) = self.shared.failure.get() {
            return Err(failure.clone());
        }
        if matches!(entry, Entry::Run(_)) {
            return Err(LedgerError::Unwritable {
                path: self.shared.path.clone(),
                reason: "a ledger has one header".to_owned(),
            });
        }
        let body = encode(&self.shared.path, entry)?;
        let (ack, synced) = match durability {
            Durability::Synced => {
                let (ack, synced) = oneshot::channel();
                (Some(ack), Some(synced))
            }
            Durability::Queued => (None, None),
        };
        let message = Message::Append { body, ack };
        let sent = self.queue.send(message).await;
        sent.map_err(|_| self.gone())?;
        match synced {
            Some(synced) => synced.await.unwrap_or_else(|_| Err(self.gone())),
            None => Ok(()),
        }
    }

    /// Why the thread takes nothing more.
    fn gone(&self) -> LedgerError {
        let failure = self.shared.failure.get().cloned();
        failure.unwrap_or_else(|| LedgerError::Closed {
            path: self.shared.path.clone(),
        })
    }
}

/// The thread's own: nobody else touches the file.
#[derive(Debug)]
struct Scribe {
    file: Box<dyn DiskFile>,
    messages: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
    head: Head,
    /// The lines of the group that is being written.
    lines: Vec<u8>,
    /// Whether there are written bytes that no sync has followed.
    unsynced: bool,
}

impl Scribe {
    /// Writes until it is told to finish, or all handles are gone.
    fn run(mut self) -> Result<Head, LedgerError> {
        let mut group = Vec::with_capacity(QUEUE_MAX);
        loop {
            let idle = self.messages.is_empty();
            let settled = if idle { self.sync() } else { Ok(()) };
            if let Err(failure) = settled {
                return Err(self.poison(failure, group));
            }
            if self.messages.blocking_recv_many(&mut group, QUEUE_MAX) == 0 {
                break;
            }
            if let Err(failure) = self.commit(&group) {
                return Err(self.poison(failure, group));
            }
            for message in group.drain(..) {
                match message {
                    // Who no longer waits has lost interest, not durability.
                    Message::Append { ack, .. } => drop(ack.map(|ack| ack.send(Ok(())))),
                    // What stands in line already is still taken.
                    Message::Finish => self.messages.close(),
                }
            }
        }
        match self.sync() {
            Ok(()) => Ok(self.head),
            Err(failure) => Err(self.poison(failure, group)),
        }
    }

    /// Writes a group in one call, and syncs it once if anyone in it waits for that.
    fn commit(&mut self, group: &[Message]) -> Result<(), LedgerError> {
        self.lines.clear();
        self.lines.shrink_to(BUFFER_BYTES_KEPT);
        let mut head = self.head;
        let mut awaited = false;
        for message in group {
            if let Message::Append { body, ack } = message {
                head = chain::seal(head, body, &mut self.lines);
                awaited |= ack.is_some();
            }
        }
        if !self.lines.is_empty() {
            self.unsynced = true;
            let written = self.file.write_all(&self.lines);
            written.map_err(|source| self.failed("write to", source))?;
            self.head = head;
        }
        if awaited { self.sync() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), LedgerError> {
        if self.unsynced {
            let synced = self.file.sync();
            synced.map_err(|source| self.failed("sync", source))?;
            self.unsynced = false;
        }
        Ok(())
    }

    fn failed(&self, doing: &'static str, source: std::io::Error) -> LedgerError {
        LedgerError::Failed {
            doing,
            path: self.shared.path.clone(),
            source: Arc::new(source),
        }
    }

    /// Tells `failure` to everyone: who is in `group`, who stands in line, and who comes later.
    fn poison(mut self, failure: LedgerError, mut group: Vec<Message>) -> LedgerError {
        let _ = self.shared.failure.set(failure.clone());
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

/// Locks a new ledger and makes its header and its name durable.
fn begin(
    disk: &dyn Disk,
    mut file: Box<dyn DiskFile>,
    path: &Path,
    body: &[u8],
) -> Result<(Box<dyn DiskFile>, Head), LedgerError> {
    let io = |doing| move |source| LedgerError::io(doing, path, source);
    lock::acquire(disk, &*file, path)?;
    let mut line = Vec::new();
    let head = chain::seal(Head::GENESIS, body, &mut line);
    file.write_all(&line).map_err(io("write to"))?;
    file.sync().map_err(io("sync"))?;
    disk.sync_folder_of(path)
        .map_err(io("sync the folder of"))?;
    Ok((file, head))
}

/// The body of an entry's line, if it fits into one.
fn encode(path: &Path, entry: &Entry) -> Result<Vec<u8>, LedgerError> {
    let unwritable = |reason| LedgerError::Unwritable {
        path: path.to_owned(),
        reason,
    };
    let body = format::encode(entry).map_err(|error| unwritable(error.to_string()))?;
    if body.len() > BODY_BYTES_MAX {
        let len = body.len();
        return Err(unwritable(format!(
            "it has {len} bytes, and a line holds {BODY_BYTES_MAX}"
        )));
    }
    Ok(body)
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "it left no message".to_owned()
    }
}
