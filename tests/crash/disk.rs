//! A disk without mercy: what was not synced is in memory only, and goes with the process. At its
//! point it takes the process along.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use userpurge::ledger::{Disk, DiskFile, LedgerLoss};

use crate::points::Point;

/// What goes to the child by the environment.
pub(crate) const POINT: &str = "CRASH_CHILD_POINT";
pub(crate) const NUMBER: &str = "CRASH_CHILD_NUMBER";
pub(crate) const CHANCE: &str = "CRASH_CHILD_SEED";

/// The disk of a child.
#[derive(Debug, Clone)]
pub(crate) struct CrashDisk(Arc<Fate>);

/// When the process dies, and what is kept then.
#[derive(Debug)]
struct Fate {
    /// `None`: whenever the parent kills it.
    point: Option<Point>,
    /// How often the point is still to be passed, this time counted.
    left: Mutex<u32>,
    random: Mutex<fastrand::Rng>,
}

impl CrashDisk {
    pub(crate) fn from_environment() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let point = std::env::var(POINT).ok();
        Self(Arc::new(Fate {
            point: point.map(|name| Point::named(&name).expect("a point's name")),
            left: Mutex::new(u32::try_from(number(NUMBER).unwrap_or(1)).unwrap()),
            random: Mutex::new(fastrand::Rng::with_seed(number(CHANCE).unwrap_or(0))),
        }))
    }
}

impl Fate {
    /// Whether the process must die here and now.
    fn is_at(&self, point: Point) -> bool {
        if self.point != Some(point) {
            return false;
        }
        let mut left = self.left.lock().unwrap();
        *left = left.saturating_sub(1);
        *left == 0
    }

    /// A number of bytes out of `from..=to`.
    fn bytes(&self, from: usize, to: usize) -> usize {
        self.random.lock().unwrap().usize(from..=to.max(from))
    }

    fn coin(&self) -> bool {
        self.random.lock().unwrap().bool()
    }
}

/// SIGKILL to the process itself. No destructor runs, and no other thread gets any further.
fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        std::thread::park();
    }
}

impl Disk for CrashDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create_new(true).mode(0o600);
        let file = options.open(path)?;
        if self.0.is_at(Point::HeaderCreated) {
            die();
        }
        Ok(Box::new(CrashFile::new(file, path, &self.0, Stage::New)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).append(true).open(path)?;
        Ok(Box::new(CrashFile::new(file, path, &self.0, Stage::Begun)))
    }

    fn sync_folder_of(&self, path: &Path) -> io::Result<()> {
        if self.0.is_at(Point::NameUnsynced) {
            if self.0.coin() {
                fs::remove_file(path)?;
            }
            die();
        }
        if self.0.is_at(Point::LedgerBegun) {
            die();
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

/// Whether a header is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Begun,
}

struct CrashFile {
    file: File,
    path: PathBuf,
    fate: Arc<Fate>,
    stage: Stage,
    /// Written, and not synced.
    pending: Vec<u8>,
    /// To be cut after so many bytes, which is not synced either.
    cut: Option<u64>,
}

impl CrashFile {
    fn new(file: File, path: &Path, fate: &Arc<Fate>, stage: Stage) -> Self {
        Self {
            file,
            path: path.to_owned(),
            fate: Arc::clone(fate),
            stage,
            pending: Vec::new(),
            cut: None,
        }
    }

    /// Dies with `keep` bytes of what was not synced on disk.
    fn die_keeping(&mut self, keep: usize) -> ! {
        self.file.write_all(&self.pending[..keep]).unwrap();
        die()
    }

    /// Dies within a write: between one byte and all but one of `bytes` are there.
    fn die_within(&mut self, bytes: &[u8]) -> ! {
        let before = self.pending.len();
        let within = self.fate.bytes(1, bytes.len() - 1);
        self.pending.extend_from_slice(bytes);
        self.die_keeping(before + within)
    }

    /// Dies with whatever part of what was not synced the seed keeps.
    fn die_with_some(&mut self) -> ! {
        let keep = self.fate.bytes(0, self.pending.len());
        self.die_keeping(keep)
    }
}

/// Whether one of the lines is of this kind.
fn holds(lines: &[u8], kind: &str) -> bool {
    let start = format!("{{\"kind\":\"{kind}\"");
    lines
        .split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(start.as_bytes()))
}

/// Whether one of the lines tells what an answer said about a row.
fn holds_an_answer(lines: &[u8]) -> bool {
    let unsent = b"\"attempts\":0,";
    lines.split(|byte| *byte == b'\n').any(|line| {
        holds(line, "step")
            || (holds(line, "outcome") && !line.windows(unsent.len()).any(|it| it == unsent))
    })
}

impl Read for CrashFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Write for CrashFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stage == Stage::New {
            if self.fate.is_at(Point::HeaderTorn) {
                self.die_within(bytes);
            }
        } else {
            if holds(bytes, "session") && self.fate.is_at(Point::SessionTorn) {
                self.die_within(bytes);
            }
            if holds(bytes, "end") && self.fate.is_at(Point::EndTorn) {
                self.die_within(bytes);
            }
            if holds_an_answer(bytes) && self.fate.is_at(Point::AnswerUnwritten) {
                self.die_with_some();
            }
            if self.fate.is_at(Point::WriteTorn) {
                self.die_within(bytes);
            }
        }
        self.pending.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for CrashFile {
    fn try_lock(&self) -> Result<(), TryLockError> {
        self.file.try_lock()
    }

    fn sync(&mut self) -> io::Result<()> {
        if let Some(len) = self.cut.take() {
            if self.fate.is_at(Point::TailCutUnsynced) {
                if self.fate.coin() {
                    self.file.set_len(len)?;
                }
                die();
            }
            self.file.set_len(len)?;
            if self.fate.is_at(Point::TailCutDurable) {
                die();
            }
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        let unsynced = match self.stage {
            Stage::New => Point::HeaderUnsynced,
            Stage::Begun => Point::WriteUnsynced,
        };
        if self.fate.is_at(unsynced) {
            self.die_with_some();
        }
        // The page cache is as durable as it gets: it is the process that dies, not the machine.
        let lines = std::mem::take(&mut self.pending);
        self.file.write_all(&lines)?;
        self.stage = Stage::Begun;
        let durable = [
            ("intent", Point::IntentDurable),
            ("session", Point::SessionDurable),
            ("end", Point::EndDurable),
        ];
        for (kind, point) in durable {
            if holds(&lines, kind) && self.fate.is_at(point) {
                die();
            }
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if self.fate.is_at(Point::TailFound) {
            die();
        }
        self.cut = Some(len);
        Ok(())
    }

    fn look(&self, path: &Path) -> io::Result<Result<u64, LedgerLoss>> {
        let bytes = self.file.look(path)?;
        Ok(bytes.map(|bytes| bytes + self.pending.len() as u64))
    }
}

impl fmt::Debug for CrashFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashFile")
            .field("path", &self.path)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
