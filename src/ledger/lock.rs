//! One writer at a time: the exclusive lock on the ledger file itself. It goes with the process
//! that holds it, however that ends, so no stale lock is ever left.

use std::fs::TryLockError;
use std::path::Path;
use std::time::Duration;

use super::disk::{Disk, DiskFile, open_to_read};
use super::error::LedgerError;

/// How often the lock is tried before another process counts as using the ledger.
pub(super) const TRIES_MAX: u64 = 20;

/// How long between two tries. All of them together bridge half a second: another process that is
/// just ending, or a `status` that is looking (see [`is_locked`]).
const STEP: Duration = Duration::from_millis(25);

/// Takes the exclusive lock.
///
/// # Errors
///
/// [`LedgerError::Locked`] when another process keeps it.
pub(super) fn acquire(
    disk: &dyn Disk,
    file: &dyn DiskFile,
    path: &Path,
) -> Result<(), LedgerError> {
    for attempt in 1..=TRIES_MAX {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if attempt < TRIES_MAX => disk.pause(STEP),
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(source)) => return Err(LedgerError::io("lock", path, source)),
        }
    }
    Err(LedgerError::Locked {
        path: path.to_owned(),
    })
}

/// Whether a process is writing to the ledger at `path` right now. The shared lock this takes to
/// find out is released at once.
///
/// # Errors
///
/// When the file cannot be opened, or its file system knows no locks.
pub fn is_locked(path: &Path) -> Result<bool, LedgerError> {
    let file = open_to_read(path).map_err(|source| LedgerError::io("open", path, source))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(LedgerError::io("lock", path, source)),
    }
}
