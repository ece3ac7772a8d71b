//! A disk that does as it is told: short writes, no space, broken hardware, a closed gate.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use userpurge::ledger::{Disk, DiskFile, LedgerLoss, RealDisk};

/// What goes wrong. By default nothing does.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that breaks, by itself"
)]
pub(super) struct Faults {
    /// No single write takes more bytes.
    pub(super) write_max: Option<usize>,
    /// So many bytes fit on the disk (ENOSPC).
    pub(super) space: Option<u64>,
    /// The write of this number, from 1, breaks (EIO).
    pub(super) broken_write: Option<u64>,
    /// The sync of this number, from 1, breaks (EIO), but no later one would.
    pub(super) broken_sync: Option<u64>,
    /// No file can be opened (EIO).
    pub(super) broken_open: bool,
    /// No file can be read (EIO).
    pub(super) broken_read: bool,
    /// No file can be cut (EIO).
    pub(super) broken_truncate: bool,
    /// No folder can be synced (EIO).
    pub(super) broken_folder_sync: bool,
    /// The write of this number panics.
    pub(super) panicking_write: Option<u64>,
}

/// A disk over the real one, shared with the test that counts.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultyDisk(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    faults: Faults,
    written: AtomicU64,
    writes: AtomicU64,
    syncs: AtomicU64,
    folder_syncs: AtomicU64,
    pauses: AtomicU64,
    /// Whether writes wait, and how many do.
    gate: Mutex<(bool, u64)>,
    moved: Condvar,
}

impl FaultyDisk {
    pub(super) fn new(faults: Faults) -> Self {
        Self(Arc::new(Inner {
            faults,
            ..Inner::default()
        }))
    }

    pub(super) fn writes(&self) -> u64 {
        self.0.writes.load(Ordering::SeqCst)
    }

    pub(super) fn syncs(&self) -> u64 {
        self.0.syncs.load(Ordering::SeqCst)
    }

    pub(super) fn folder_syncs(&self) -> u64 {
        self.0.folder_syncs.load(Ordering::SeqCst)
    }

    pub(super) fn pauses(&self) -> u64 {
        self.0.pauses.load(Ordering::SeqCst)
    }

    /// Waits until there have been so many syncs, but no longer than a test may last.
    pub(super) fn until_synced(&self, times: u64) {
        let gate = self.0.gate.lock().unwrap();
        let late = Duration::from_mins(1);
        let (_gate, waited) = self
            .0
            .moved
            .wait_timeout_while(gate, late, |_| self.syncs() < times)
            .unwrap();
        assert!(!waited.timed_out(), "only {} syncs", self.syncs());
    }

    /// Lets every write wait from now on, or lets them go.
    pub(super) fn shut(&self, shut: bool) {
        self.0.gate.lock().unwrap().0 = shut;
        self.0.moved.notify_all();
    }

    /// Waits until a write waits.
    pub(super) fn until_a_write_waits(&self) {
        let gate = self.0.gate.lock().unwrap();
        drop(self.0.moved.wait_while(gate, |gate| gate.1 == 0).unwrap());
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        drop(RealDisk.create(path)?);
        self.open(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        broken(self.0.faults.broken_open)?;
        let file = File::options().read(true).append(true).open(path)?;
        Ok(Box::new(FaultyFile(file, Arc::clone(&self.0))))
    }

    fn sync_folder_of(&self, path: &Path) -> io::Result<()> {
        self.0.folder_syncs.fetch_add(1, Ordering::SeqCst);
        broken(self.0.faults.broken_folder_sync)?;
        RealDisk.sync_folder_of(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn pause(&self, _: Duration) {
        self.0.pauses.fetch_add(1, Ordering::SeqCst);
    }
}

struct FaultyFile(File, Arc<Inner>);

impl fmt::Debug for FaultyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyFile")
    }
}

impl Read for FaultyFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        broken(self.1.faults.broken_read)?;
        self.0.read(buffer)
    }
}

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let inner = &self.1;
        let mut gate = inner.gate.lock().unwrap();
        gate.1 += 1;
        inner.moved.notify_all();
        gate = inner.moved.wait_while(gate, |gate| gate.0).unwrap();
        gate.1 -= 1;
        drop(gate);
        let number = inner.writes.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(
            inner.faults.panicking_write != Some(number),
            "the disk caught fire"
        );
        broken(inner.faults.broken_write == Some(number))?;
        let mut len = bytes
            .len()
            .min(inner.faults.write_max.unwrap_or(usize::MAX));
        if let Some(space) = inner.faults.space {
            let left = space.saturating_sub(inner.written.load(Ordering::SeqCst));
            if left == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            len = len.min(usize::try_from(left).unwrap());
        }
        let written = self.0.write(&bytes[..len])?;
        inner.written.fetch_add(written as u64, Ordering::SeqCst);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn try_lock(&self) -> Result<(), TryLockError> {
        self.0.try_lock()
    }

    fn sync(&mut self) -> io::Result<()> {
        let gate = self.1.gate.lock().unwrap();
        let number = self.1.syncs.fetch_add(1, Ordering::SeqCst) + 1;
        self.1.moved.notify_all();
        drop(gate);
        broken(self.1.faults.broken_sync == Some(number))?;
        self.0.sync()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        broken(self.1.faults.broken_truncate)?;
        self.0.truncate(len)
    }

    fn look(&self, path: &Path) -> io::Result<Result<u64, LedgerLoss>> {
        self.0.look(path)
    }
}

fn broken(is: bool) -> io::Result<()> {
    if is {
        return Err(io::Error::other("input/output error"));
    }
    Ok(())
}
