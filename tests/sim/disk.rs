//! A disk in memory, which keeps for sure only what was synced, and from which somebody may take the
//! ledger away.

use std::fmt;
use std::fs::TryLockError;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use userpurge::ledger::{Disk, DiskFile, LedgerLoss};

use crate::case::Draw;

/// The disk, which has room for one ledger.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    exists: bool,
    bytes: Vec<u8>,
    synced: usize,
    /// What somebody else did to it.
    loss: Option<LedgerLoss>,
    /// How much of the file is still there, where it was taken away.
    kept: Option<usize>,
    /// From how many bytes on writes fail.
    space: Option<usize>,
    /// Whether the next sync fails.
    is_broken: bool,
}

impl SimDisk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the file holds.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.inner().bytes.clone()
    }

    /// What is durable and can be found, from byte `from` on.
    pub(crate) fn durable(&self, from: usize) -> Vec<u8> {
        let inner = self.inner();
        let to = inner.synced.min(inner.kept.unwrap_or(usize::MAX));
        inner.bytes.get(from..to).unwrap_or_default().to_vec()
    }

    /// Something happens to the file, or to the disk under it.
    pub(crate) fn harm(&self, draw: &mut Draw) {
        let mut inner = self.inner();
        match draw.0.u32(..5) {
            0 => inner.space = Some(inner.bytes.len() + draw.0.usize(..600)),
            1 => inner.is_broken = true,
            place => {
                inner.loss = Some(match place {
                    2 => LedgerLoss::Removed,
                    3 => LedgerLoss::Moved,
                    _ => LedgerLoss::Replaced,
                });
                inner.kept = inner.kept.or(Some(inner.bytes.len()));
            }
        }
    }

    /// Whether anything is wrong with the file, or with the disk under it.
    pub(crate) fn is_harmed(&self) -> bool {
        let inner = self.inner();
        inner.kept.is_some() || inner.space.is_some() || inner.is_broken
    }

    /// The process is gone: of what was not synced, a part may have reached the disk. Whoever took the
    /// ledger away puts it back as it was.
    pub(crate) fn lose_unsynced(&self, draw: &mut Draw) {
        let mut inner = self.inner();
        let loose = inner.bytes.len() - inner.synced;
        let kept = match draw.0.u32(..3) {
            0 => 0,
            1 => loose,
            _ => draw.0.usize(..=loose),
        };
        let len = (inner.synced + kept).min(inner.kept.unwrap_or(usize::MAX));
        inner.bytes.truncate(len);
        inner.synced = inner.synced.min(len);
        inner.loss = None;
        inner.kept = None;
        inner.space = None;
        inner.is_broken = false;
    }
}

impl Disk for SimDisk {
    fn create(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.inner();
        if inner.exists {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        inner.exists = true;
        drop(inner);
        Ok(Box::new(SimFile(self.clone(), 0)))
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SimFile(self.clone(), 0)))
    }

    fn sync_folder_of(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        *self.inner() = Inner::default();
        Ok(())
    }

    fn pause(&self, _: Duration) {}
}

/// The open file, and how far it was read.
struct SimFile(SimDisk, usize);

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimFile")
    }
}

impl Read for SimFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let inner = self.0.inner();
        let mut rest = inner.bytes.get(self.1..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.1 += count;
        Ok(count)
    }
}

impl Write for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.inner();
        let room = inner
            .space
            .map_or(usize::MAX, |space| space.saturating_sub(inner.bytes.len()));
        let count = bytes.len().min(room);
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.bytes.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn try_lock(&self) -> Result<(), TryLockError> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.0.inner();
        if inner.is_broken {
            return Err(io::Error::other("input/output error"));
        }
        inner.synced = inner.bytes.len();
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let mut inner = self.0.inner();
        inner.bytes.truncate(len);
        inner.synced = inner.synced.min(len);
        Ok(())
    }

    fn look(&self, _: &Path) -> io::Result<Result<u64, LedgerLoss>> {
        let inner = self.0.inner();
        Ok(inner.loss.map_or(Ok(inner.bytes.len() as u64), Err))
    }
}
