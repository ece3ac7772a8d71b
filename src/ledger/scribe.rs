//! The thread that writes: it appends what it is handed, in groups, and tells when it is safe.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::chain::{self, Head};
use super::disk::DiskFile;
use super::error::{LedgerError, Loss};
use super::format::{self, BODY_BYTES_MAX};
use crate::domain::Entry;

/// How many entries wait to be written at most; who appends more waits for room.
pub const QUEUE_MAX: usize = 1_024;

/// How many bytes the buffer of a group keeps from one group to the next.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

/// How long entries gather for one sync while they come thick: a sync costs the machine much the same
/// however many entries it is for.
const GATHER_TIME: Duration = Duration::from_millis(1);

/// The thread's own: nobody else touches the file.
#[derive(Debug)]
pub(super) struct Scribe {
    file: Box<dyn DiskFile>,
    messages: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
    head: Head,
    /// How long the file is, if nobody else has touched it.
    bytes: u64,
    /// The lines of the group that is being written.
    lines: Vec<u8>,
    /// The body of the line that is being made.
    body: Vec<u8>,
    /// Whether there are written bytes that no sync has followed.
    unsynced: bool,
    /// Whether entries come faster than one by one.
    thick: bool,
}

impl Scribe {
    /// Goes on after a line whose chain is `head`, with which the file is `bytes` long.
    pub(super) fn new(
        file: Box<dyn DiskFile>,
        messages: mpsc::Receiver<Message>,
        shared: Arc<Shared>,
        (head, bytes): (Head, u64),
    ) -> Self {
        Self {
            file,
            messages,
            shared,
            head,
            bytes,
            lines: Vec::new(),
            body: Vec::new(),
            unsynced: false,
            thick: false,
        }
    }

    /// Writes until it is told to finish, or all handles are gone.
    pub(super) fn run(mut self) -> Result<Head, LedgerError> {
        let mut group = Vec::with_capacity(QUEUE_MAX);
        loop {
            if self.thick {
                thread::sleep(GATHER_TIME);
            }
            let idle = self.messages.is_empty();
            let settled = if idle { self.sync() } else { Ok(()) };
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

    /// Writes a group in one call, and syncs it once if anyone in it waits for that. An entry that no
    /// line holds is refused to whoever waits for it; if nobody does, it fails the ledger.
    fn commit(&mut self, group: &mut [Message]) -> Result<(), LedgerError> {
        self.lines.clear();
        self.lines.shrink_to(BUFFER_BYTES_KEPT);
        let mut head = self.head;
        let mut awaited = false;
        for message in group {
            if let Message::Append { entry, ack } = message {
                match (encode(&self.shared.path, entry, &mut self.body), ack.take()) {
                    (Ok(()), waiting) => {
                        head = chain::seal(head, &self.body, &mut self.lines);
                        awaited |= waiting.is_some();
                        *ack = waiting;
                    }
                    (Err(unwritable), Some(ack)) => drop(ack.send(Err(unwritable))),
                    (Err(unwritable), None) => return Err(unwritable),
                }
            }
        }
        if !self.lines.is_empty() {
            // What is behind a cut fits nothing before it: what is left would be damaged for good.
            self.look()?;
            self.unsynced = true;
            let written = self.file.write_all(&self.lines);
            written.map_err(|source| self.failed("write to", source))?;
            self.head = head;
            self.bytes += self.lines.len() as u64;
        }
        if awaited { self.sync() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), LedgerError> {
        if self.unsynced {
            let synced = self.file.sync();
            synced.map_err(|source| self.failed("sync", source))?;
            // Bytes in a file that nobody can find again are not safe.
            self.look()?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Looks whether the ledger is where it was, and as long as what was written to it.
    fn look(&self) -> Result<(), LedgerError> {
        let path = &self.shared.path;
        let look = self.file.look(path);
        let look = look.map_err(|source| self.failed("check", source))?;
        match Loss::of(look, self.bytes) {
            None => Ok(()),
            Some(how) => Err(LedgerError::Lost {
                path: path.clone(),
                how,
            }),
        }
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

/// Puts the body of an entry's line into `body`, if it fits into one.
pub(super) fn encode(path: &Path, entry: &Entry, body: &mut Vec<u8>) -> Result<(), LedgerError> {
    let unwritable = |reason| LedgerError::Unwritable {
        path: path.to_owned(),
        reason,
    };
    body.clear();
    body.shrink_to(BUFFER_BYTES_KEPT);
    format::encode_to(entry, body).map_err(|error| unwritable(error.to_string()))?;
    let len = body.len();
    if len > BODY_BYTES_MAX {
        return Err(unwritable(format!(
            "it has {len} bytes, and a line holds {BODY_BYTES_MAX}"
        )));
    }
    Ok(())
}

/// What the thread and the handles share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The ledger.
    pub(super) path: PathBuf,
    /// The first failure, which is the last.
    pub(super) failure: OnceLock<LedgerError>,
}

type Acknowledgement = oneshot::Sender<Result<(), LedgerError>>;

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
    /// Take what stands in line, and end.
    Finish,
}
