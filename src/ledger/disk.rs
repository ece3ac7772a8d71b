//! The seam between the ledger and the disk: files that can be locked, synced and cut. It knows
//! nothing of lines.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use super::error::{LedgerError, LedgerLoss};

/// Where ledgers lie: [`RealDisk`], or in tests one that loses what was not synced.
pub trait Disk: fmt::Debug {
    /// Makes a new file that only its owner may read; there must be none.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading from its start and appending to its end.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Makes the name of a new file durable.
    fn sync_folder_of(&self, path: &Path) -> io::Result<()>;

    /// Takes a file away.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Lets some time pass before a lock is tried again.
    fn pause(&self, step: Duration);
}

/// An open ledger: reads from its start, writes to its end.
pub trait DiskFile: Read + Write + Send + fmt::Debug {
    /// Takes the exclusive lock, which lasts as long as the file is open.
    fn try_lock(&self) -> Result<(), TryLockError>;

    /// Makes all that was written durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file after `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// How many bytes the file has, synced or not; or why `path` leads to it no longer.
    fn look(&self, path: &Path) -> io::Result<Result<u64, LedgerLoss>>;
}

/// Opens the regular file at `path`; a folder, a pipe or a device is [`ErrorKind::NotSeekable`].
pub(super) fn open_file(path: &Path, options: &OpenOptions) -> io::Result<File> {
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(ErrorKind::NotSeekable.into());
    }
    options.open(path)
}

pub(super) fn open_to_read(path: &Path) -> Result<File, LedgerError> {
    let file = open_file(path, OpenOptions::new().read(true));
    file.map_err(|source| LedgerError::io("open", path, source))
}

/// The disk of the machine.
#[derive(Debug, Clone, Copy)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create_new(true);
        options.mode(0o600);
        Ok(Box::new(options.open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = open_file(path, OpenOptions::new().read(true).append(true))?;
        Ok(Box::new(file))
    }

    fn sync_folder_of(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn pause(&self, step: Duration) {
        std::thread::sleep(step);
    }
}

impl DiskFile for File {
    fn try_lock(&self) -> Result<(), TryLockError> {
        File::try_lock(self)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn look(&self, path: &Path) -> io::Result<Result<u64, LedgerLoss>> {
        let open = self.metadata()?;
        Ok(match fs::metadata(path) {
            Ok(there) if (open.dev(), open.ino()) == (there.dev(), there.ino()) => Ok(open.len()),
            Ok(_) => Err(LedgerLoss::Replaced),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory if open.nlink() == 0 => {
                    Err(LedgerLoss::Removed)
                }
                ErrorKind::NotFound | ErrorKind::NotADirectory => Err(LedgerLoss::Moved),
                _ => return Err(error),
            },
        })
    }
}

/// How often a lock is tried before another process counts as using what it locks.
const LOCK_TRIES_MAX: u64 = 20;

/// How long between two tries. All of them together bridge half a second: another process that is
/// just ending, or a `status` that is looking (see [`is_locked`]).
const LOCK_STEP: Duration = Duration::from_millis(25);

/// Takes the exclusive lock on the ledger file itself, which goes with the process that holds it.
/// [`LedgerError::Locked`]: another process keeps it.
pub(super) fn lock(disk: &dyn Disk, file: &dyn DiskFile, path: &Path) -> Result<(), LedgerError> {
    let locked = lock_soon(|| file.try_lock(), |step| disk.pause(step));
    locked.map_err(|error| match error {
        TryLockError::WouldBlock => LedgerError::Locked(path.to_owned()),
        TryLockError::Error(source) => LedgerError::io("lock", path, source),
    })
}

/// Takes a lock that another process may be about to release.
pub(super) fn lock_soon(
    try_lock: impl Fn() -> Result<(), TryLockError>,
    pause: impl Fn(Duration),
) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES_MAX {
        match try_lock() {
            Err(TryLockError::WouldBlock) => pause(LOCK_STEP),
            done => return done,
        }
    }
    try_lock()
}

/// Whether a process is writing to the ledger at `path`. The shared lock for this is released at once.
pub fn is_locked(path: &Path) -> Result<bool, LedgerError> {
    let file = open_to_read(path)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(LedgerError::io("lock", path, source)),
    }
}

/// Locks the file at `path`, which holds nothing, until this process ends. `false`: another has it.
pub fn lock_for_good(path: &Path) -> io::Result<bool> {
    let file = open_private(path)?;
    match lock_soon(|| file.try_lock(), std::thread::sleep) {
        // It would release the lock.
        Ok(()) => std::mem::forget(file),
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(true)
}

/// Opens the file at `path`, which is made for its owner alone where there is none.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    path.parent().map_or(Ok(()), make_private_folder)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).open(path)
}

/// Makes the folder at `path` for its owner alone, and those above it.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
