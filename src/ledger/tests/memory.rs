//! A disk in memory that forgets in a power cut what was not synced, and fails when it is told to.

use std::fs::TryLockError;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::ledger::disk::{Disk, DiskFile, Look, Place};

/// Holds one file, whatever it is called.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryDisk(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What a process reads.
    pub(super) bytes: Vec<u8>,
    /// How many of the bytes a power cut cannot take.
    pub(super) synced: usize,
    /// How many bytes the next writes take before one fails (EIO, or ENOSPC: it is the same here).
    pub(super) write_fails_after: Option<usize>,
    /// Whether the next sync fails. Later ones succeed, and mean nothing.
    pub(super) sync_fails: bool,
    /// Writes and syncs that came after one had failed.
    pub(super) after_failure: u64,
    failed: bool,
    locked: bool,
    /// How many power cuts there were: who opened the file before the last one is dead.
    cuts: u64,
}

impl MemoryDisk {
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap()
    }

    /// Takes the power away: of what was not synced, as many bytes are kept as `keep` chooses.
    pub(super) fn cut_power(&self, keep: impl FnOnce(usize) -> usize) {
        let mut memory = self.memory();
        let unsynced = memory.bytes.len() - memory.synced;
        let kept = memory.synced + keep(unsynced);
        *memory = Memory {
            bytes: memory.bytes[..kept].to_vec(),
            synced: kept,
            after_failure: memory.after_failure,
            cuts: memory.cuts + 1,
            ..Memory::default()
        };
    }

    /// A process ends, and its failures with it.
    pub(super) fn restart(&self) {
        let mut memory = self.memory();
        memory.write_fails_after = None;
        memory.sync_fails = false;
        memory.failed = false;
    }

    fn file(&self) -> Box<dyn DiskFile> {
        let cuts = self.memory().cuts;
        Box::new(MemoryFile {
            disk: self.clone(),
            cuts,
            read: 0,
            holds_lock: false.into(),
        })
    }
}

impl Disk for MemoryDisk {
    fn create(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file())
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file())
    }

    fn sync_folder_of(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn pause(&self, _: Duration) {}
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    /// The power cuts there had been when it was opened.
    cuts: u64,
    read: usize,
    holds_lock: std::sync::atomic::AtomicBool,
}

impl MemoryFile {
    /// The disk, unless the power is gone.
    fn memory(&self) -> io::Result<MutexGuard<'_, Memory>> {
        let memory = self.disk.memory();
        if memory.cuts == self.cuts {
            Ok(memory)
        } else {
            Err(io::Error::other("no power"))
        }
    }
}

impl Read for MemoryFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = {
            let memory = self.memory()?;
            let mut rest = &memory.bytes[self.read..];
            rest.read(buffer)?
        };
        self.read += read;
        Ok(read)
    }
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut memory = self.memory()?;
        memory.after_failure += u64::from(memory.failed);
        let room = memory.write_fails_after.unwrap_or(usize::MAX);
        if room == 0 {
            memory.failed = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        let len = bytes.len().min(room);
        memory.bytes.extend_from_slice(&bytes[..len]);
        memory.write_fails_after = memory.write_fails_after.map(|room| room - len);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for MemoryFile {
    fn try_lock(&self) -> Result<(), TryLockError> {
        let mut memory = self.memory().map_err(TryLockError::Error)?;
        if memory.locked {
            return Err(TryLockError::WouldBlock);
        }
        memory.locked = true;
        self.holds_lock
            .store(true, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut memory = self.memory()?;
        memory.after_failure += u64::from(memory.failed);
        if memory.sync_fails {
            memory.sync_fails = false;
            memory.failed = true;
            return Err(io::Error::other("input/output error"));
        }
        memory.synced = memory.bytes.len();
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut memory = self.memory()?;
        let len = usize::try_from(len).unwrap();
        memory.bytes.truncate(len);
        memory.synced = memory.synced.min(len);
        Ok(())
    }

    fn look(&self, _: &Path) -> io::Result<Look> {
        let bytes = self.memory()?.bytes.len() as u64;
        let place = Place::Here;
        Ok(Look { bytes, place })
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let holds_lock = self.holds_lock.load(std::sync::atomic::Ordering::SeqCst);
        let mut memory = self.disk.memory();
        if holds_lock && memory.cuts == self.cuts {
            memory.locked = false;
        }
    }
}
