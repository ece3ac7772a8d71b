//! A ledger that is open for writing, without threads. Lines are put together, written and synced one step at a
//! time, and the state follows them. The writer's thread drives it; so may a test, on any disk.

use std::path::Path;
use std::sync::Arc;

use super::chain::BODY_BYTES_MAX;
use super::chain::{self, LedgerHead};
use super::disk::{self, Disk, DiskFile};
use super::error::{LedgerError, LedgerLoss};
use super::reader::{LedgerReader, Link};
use super::state::LedgerState;
use crate::domain::{Entry, RunHeader};

/// How many bytes the buffers keep from one group of lines to the next.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

/// A ledger open for writing; it holds the lock. After the first error nothing more may be asked.
#[derive(Debug)]
pub struct LedgerFile {
    file: Box<dyn DiskFile>,
    /// The state by the ledger, with the lines that are not written yet.
    pub state: LedgerState,
    /// How long the file is, if nobody else has touched it.
    bytes: u64,
    /// The lines that are not written yet.
    lines: Vec<u8>,
    /// The body of the line that is being made.
    body: Vec<u8>,
    /// Whether there are written bytes that no sync has followed.
    unsynced: bool,
}

impl LedgerFile {
    /// Begins a ledger at `path`: the file, its header, its lock, its name in the folder; all of it
    /// durable. Nothing is left behind if that fails. [`LedgerError::Exists`]: there is a file already.
    pub fn create_on(disk: &dyn Disk, path: &Path, header: RunHeader) -> Result<Self, LedgerError> {
        let mut body = Vec::new();
        encode(path, &Entry::Run(Box::new(header.clone())), &mut body)?;
        let file = disk.create(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => LedgerError::Exists(path.to_owned()),
            _ => LedgerError::io("create", path, source),
        })?;
        let begun = begin(disk, file, path, &body);
        if begun.is_err() {
            // The rest has no header and would only be in the way. The first error counts.
            let _ = disk.remove(path);
        }
        let (file, head) = begun?;
        let mut state = LedgerState::new(header);
        path.clone_into(&mut state.path);
        state.head = head;
        Self::new(file, state)
    }

    /// Goes on with the ledger at `path`: takes its lock, reads and checks it, and cuts the torn tail
    /// that [`LedgerState::torn`] tells of. A ledger that is in use, damaged or of another format is
    /// left unchanged.
    pub fn open_on(disk: &dyn Disk, path: &Path) -> Result<Self, LedgerError> {
        let io = |doing| move |source| LedgerError::io(doing, path, source);
        let mut file = disk.open(path).map_err(io("open"))?;
        disk::lock(disk, &*file, path)?;
        let state = LedgerState::collect(LedgerReader::new(path, &mut *file)?)?;
        if let Some(torn) = state.torn {
            file.truncate(torn.byte)
                .map_err(io("cut the torn end of"))?;
        }
        // The text just read may be a dead process's that never synced it. From here on it is relied on.
        file.sync().map_err(io("sync"))?;
        Self::new(file, state)
    }

    fn new(file: Box<dyn DiskFile>, state: LedgerState) -> Result<Self, LedgerError> {
        let path = &state.path;
        let look = file.look(path);
        let look = look.map_err(|source| LedgerError::io("check", path, source))?;
        let bytes = look.map_err(|how| LedgerError::Lost {
            path: path.clone(),
            how,
        })?;
        Ok(Self {
            file,
            state,
            bytes,
            lines: Vec::new(),
            body: Vec::new(),
            unsynced: false,
        })
    }

    /// The state by the ledger; from here on [`LedgerState::sent`] tells only later requests.
    pub(super) fn hand_over_state(&mut self) -> LedgerState {
        let sent = std::mem::take(&mut self.state.sent);
        let mut state = self.state.clone();
        state.sent = sent;
        self.state.torn = None;
        state
    }

    /// Puts the line of `entry` in line to be written. An entry that no line holds changes nothing.
    pub fn put(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        encode(&self.state.path, entry, &mut self.body)?;
        let byte = self.bytes + self.lines.len() as u64;
        let previous = self.state.head;
        self.state.head = chain::seal(previous, &self.body, &mut self.lines);
        self.state.lines += 1;
        let link = Link {
            line: self.state.lines,
            byte,
            previous,
            head: self.state.head,
        };
        self.state.apply(&link, entry);
        Ok(())
    }

    /// Writes what waits, in one call.
    pub fn write(&mut self) -> Result<(), LedgerError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        // A line behind a cut fits nothing before it: the rest would be damaged for good.
        self.look()?;
        self.unsynced = true;
        let written = self.file.write_all(&self.lines);
        written.map_err(|source| self.failed("write to", source))?;
        self.bytes += self.lines.len() as u64;
        self.lines.clear();
        self.lines.shrink_to(BUFFER_BYTES_KEPT);
        Ok(())
    }

    /// Makes what was written durable.
    pub fn sync(&mut self) -> Result<(), LedgerError> {
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
        let path = &self.state.path;
        let look = self.file.look(path);
        let look = look.map_err(|source| self.failed("check", source))?;
        let written = self.bytes;
        let how = match look {
            Ok(found) if found == written => return Ok(()),
            Ok(found) => LedgerLoss::Resized { found, written },
            Err(how) => how,
        };
        Err(LedgerError::Lost {
            path: path.clone(),
            how,
        })
    }

    fn failed(&self, doing: &'static str, source: std::io::Error) -> LedgerError {
        LedgerError::Failed {
            doing,
            path: self.state.path.clone(),
            source: Arc::new(source),
        }
    }
}

/// Locks a new ledger and makes its header and its name durable.
fn begin(
    disk: &dyn Disk,
    mut file: Box<dyn DiskFile>,
    path: &Path,
    body: &[u8],
) -> Result<(Box<dyn DiskFile>, LedgerHead), LedgerError> {
    let io = |doing| move |source| LedgerError::io(doing, path, source);
    disk::lock(disk, &*file, path)?;
    let mut line = Vec::new();
    let head = chain::seal(LedgerHead::GENESIS, body, &mut line);
    file.write_all(&line).map_err(io("write to"))?;
    file.sync().map_err(io("sync"))?;
    disk.sync_folder_of(path)
        .map_err(io("sync the folder of"))?;
    Ok((file, head))
}

/// Puts the body of an entry's line into `body`, if it fits into one.
fn encode(path: &Path, entry: &Entry, body: &mut Vec<u8>) -> Result<(), LedgerError> {
    let unwritable = |reason| LedgerError::Unwritable {
        path: path.to_owned(),
        reason,
    };
    body.clear();
    body.shrink_to(BUFFER_BYTES_KEPT);
    serde_json::to_writer(&mut *body, entry).map_err(|error| unwritable(error.to_string()))?;
    let len = body.len();
    if len > BODY_BYTES_MAX {
        return Err(unwritable(format!(
            "it has {len} bytes, and a line holds {BODY_BYTES_MAX}"
        )));
    }
    Ok(())
}
