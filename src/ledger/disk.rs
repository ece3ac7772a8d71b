//! The seam between the ledger and the disk: files that can be locked, synced and cut. It knows
//! nothing of lines. The real disk is here, and for the unit tests one that fails on order.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

/// Where ledgers lie. The program uses [`RealDisk`]; the crash test has one of its own, which loses
/// what was not synced when it dies.
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

    /// How long the file is now, and whether `path` still leads to it.
    fn look(&self, path: &Path) -> io::Result<Look>;
}

/// What an open file looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How many bytes it has, also those that are not synced.
    pub bytes: u64,
    /// Where it is.
    pub place: Place,
}

/// Where an open file is, as far as the path it was opened at tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At its path.
    Here,
    /// Nowhere: it has no name any more.
    Removed,
    /// Nothing is at its path, and it has a name elsewhere.
    Moved,
    /// Another file is at its path.
    Replaced,
}

/// Where the file of `open` is, if it was opened at `path`.
fn place(open: &Metadata, path: &Path) -> io::Result<Place> {
    let gone = if is_nameless(open) {
        Place::Removed
    } else {
        Place::Moved
    };
    match fs::metadata(path) {
        Ok(there) if is_same(open, &there) => Ok(Place::Here),
        Ok(_) => Ok(Place::Replaced),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(gone),
            _ => Err(error),
        },
    }
}

#[cfg(unix)]
fn is_nameless(open: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    open.nlink() == 0
}

#[cfg(unix)]
fn is_same(open: &Metadata, there: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

/// Elsewhere an open file cannot be removed or renamed.
#[cfg(not(unix))]
fn is_nameless(_: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// There is something at a path that is no regular file: a pipe or a device, or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it is a folder, a pipe or a device")]
pub(super) struct NotAFile;

/// Opens the regular file at `path`.
pub(super) fn open_file(path: &Path, options: &OpenOptions) -> io::Result<File> {
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, NotAFile));
    }
    options.open(path)
}

/// Opens the regular file at `path` for reading.
pub(super) fn open_to_read(path: &Path) -> io::Result<File> {
    open_file(path, OpenOptions::new().read(true))
}

/// The disk of the machine.
#[derive(Debug, Clone, Copy)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Box::new(options.open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = open_file(path, OpenOptions::new().read(true).append(true))?;
        Ok(Box::new(file))
    }

    fn sync_folder_of(&self, path: &Path) -> io::Result<()> {
        // Only Unix has folders that can be opened and synced.
        if cfg!(unix) {
            let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(())
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

    fn look(&self, path: &Path) -> io::Result<Look> {
        let open = self.metadata()?;
        Ok(Look {
            bytes: open.len(),
            place: place(&open, path)?,
        })
    }
}

#[cfg(test)]
pub(super) mod faulty {
    //! A disk that does as it is told: short writes, no space, broken hardware, a closed gate.

    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Condvar, Mutex};

    use super::{
        Disk, DiskFile, Duration, File, Look, Path, Read, RealDisk, TryLockError, Write, fmt, io,
    };

    /// What goes wrong. By default nothing does.
    #[derive(Debug, Clone, Default)]
    #[expect(
        clippy::struct_excessive_bools,
        reason = "each is one thing that breaks, by itself"
    )]
    pub(in crate::ledger) struct Faults {
        /// No single write takes more bytes.
        pub(in crate::ledger) write_max: Option<usize>,
        /// So many bytes fit on the disk (ENOSPC).
        pub(in crate::ledger) space: Option<u64>,
        /// The write of this number, from 1, breaks (EIO).
        pub(in crate::ledger) broken_write: Option<u64>,
        /// The sync of this number, from 1, breaks (EIO), but no later one would.
        pub(in crate::ledger) broken_sync: Option<u64>,
        /// No file can be opened (EIO).
        pub(in crate::ledger) broken_open: bool,
        /// No file can be read (EIO).
        pub(in crate::ledger) broken_read: bool,
        /// No file can be cut (EIO).
        pub(in crate::ledger) broken_truncate: bool,
        /// No folder can be synced (EIO).
        pub(in crate::ledger) broken_folder_sync: bool,
        /// The write of this number panics.
        pub(in crate::ledger) panicking_write: Option<u64>,
    }

    /// A disk over the real one, shared with the test that counts.
    #[derive(Debug, Clone, Default)]
    pub(in crate::ledger) struct FaultyDisk(Arc<Inner>);

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
        pub(in crate::ledger) fn new(faults: Faults) -> Self {
            Self(Arc::new(Inner {
                faults,
                ..Inner::default()
            }))
        }

        pub(in crate::ledger) fn writes(&self) -> u64 {
            self.0.writes.load(Ordering::SeqCst)
        }

        pub(in crate::ledger) fn syncs(&self) -> u64 {
            self.0.syncs.load(Ordering::SeqCst)
        }

        pub(in crate::ledger) fn folder_syncs(&self) -> u64 {
            self.0.folder_syncs.load(Ordering::SeqCst)
        }

        pub(in crate::ledger) fn pauses(&self) -> u64 {
            self.0.pauses.load(Ordering::SeqCst)
        }

        /// Waits until there have been so many syncs, but no longer than a test may last.
        pub(in crate::ledger) fn until_synced(&self, times: u64) {
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
        pub(in crate::ledger) fn shut(&self, shut: bool) {
            self.0.gate.lock().unwrap().0 = shut;
            self.0.moved.notify_all();
        }

        /// Waits until a write waits.
        pub(in crate::ledger) fn until_a_write_waits(&self) {
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

        fn look(&self, path: &Path) -> io::Result<Look> {
            self.0.look(path)
        }
    }

    fn broken(is: bool) -> io::Result<()> {
        if is {
            return Err(io::Error::other("input/output error"));
        }
        Ok(())
    }
}
