//! Watching a process from outside: its memory and files, as the kernel tells them, and its ledger,
//! as it grows.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// After this time a process has all it needs, and must not take more.
const SETTLED: Duration = Duration::from_mins(1);
/// What is read of a ledger at once.
const READ_BYTES: usize = 1 << 20;

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Resident memory, in KiB.
    pub(crate) rss_kib: u64,
    /// The most resident memory so far, in KiB, also between two looks.
    pub(crate) peak_kib: u64,
    pub(crate) threads: u64,
    /// Open file descriptors.
    pub(crate) files: usize,
}

impl Usage {
    /// `None`: the process is gone, or this system has no `/proc`.
    pub(crate) fn of(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let number = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            rss_kib: number("VmRSS:")?,
            peak_kib: number("VmHWM:")?,
            threads: number("Threads:")?,
            files: fs::read_dir(format!("/proc/{process}/fd")).ok()?.count(),
        })
    }
}

/// A look at a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Since its start.
    pub(crate) at: Duration,
    pub(crate) usage: Usage,
}

/// What became of one process.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) lasted: Duration,
    pub(crate) killed: bool,
    pub(crate) samples: Vec<Sample>,
    /// Until its first request arrived.
    pub(crate) first_request: Option<Duration>,
    /// Until the intent of its first deletion was on disk.
    pub(crate) first_intent: Option<Duration>,
    pub(crate) requests: u64,
    /// Rows that ended in it.
    pub(crate) rows: u64,
    pub(crate) ledger_bytes: u64,
}

impl Life {
    /// From when on it must not grow: after a minute, or a tenth of a life that is too short.
    fn settled_at(&self) -> Duration {
        if self.is_long() {
            SETTLED
        } else {
            self.lasted / 10
        }
    }

    /// Whether it lived for long enough to tell whether it is flat.
    pub(crate) fn is_long(&self) -> bool {
        self.lasted >= SETTLED + SETTLED / 2
    }

    /// The looks after it had settled.
    fn settled(&self) -> impl Iterator<Item = Usage> {
        let from = self.settled_at();
        let samples = self.samples.iter();
        samples.filter(move |it| it.at >= from).map(|it| it.usage)
    }

    /// When the first request arrived: by then a process has read its input and its ledger.
    pub(crate) fn rss_at_first_request(&self) -> u64 {
        let from = self.first_request.unwrap_or_default();
        let sample = self.samples.iter().find(|it| it.at >= from);
        sample.map_or(0, |it| it.usage.rss_kib)
    }

    pub(crate) fn rss_settled(&self) -> u64 {
        self.settled().next().map_or(0, |it| it.rss_kib)
    }

    /// The most after it had settled.
    pub(crate) fn rss_settled_max(&self) -> u64 {
        self.settled().map(|it| it.rss_kib).max().unwrap_or(0)
    }

    /// The most at any moment.
    pub(crate) fn rss_peak(&self) -> u64 {
        let samples = self.samples.iter();
        samples.map(|it| it.usage.peak_kib).max().unwrap_or(0)
    }

    pub(crate) fn rss_at_end(&self) -> u64 {
        self.samples.last().map_or(0, |it| it.usage.rss_kib)
    }

    /// At each tenth of its life, the end among them.
    pub(crate) fn rss_at_tenths(&self) -> [u64; 10] {
        std::array::from_fn(|tenth| {
            let at = self.lasted * (u32::try_from(tenth).unwrap() + 1) / 10;
            let sample = self.samples.iter().rfind(|it| it.at <= at);
            sample.map_or(0, |it| it.usage.rss_kib)
        })
    }

    /// The least and the most open files after it had settled, and the most ever.
    pub(crate) fn files(&self) -> (usize, usize, usize) {
        let least = self.settled().map(|it| it.files).min().unwrap_or(0);
        let most = self.settled().map(|it| it.files).max().unwrap_or(0);
        let ever = self.samples.iter().map(|it| it.usage.files).max();
        (least, most, ever.unwrap_or(0))
    }

    pub(crate) fn threads_max(&self) -> u64 {
        let samples = self.samples.iter();
        samples.map(|it| it.usage.threads).max().unwrap_or(0)
    }
}

/// Counts a ledger's lines as they are written. What has no end yet is looked at again.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    /// Behind the last whole line seen.
    offset: u64,
    pub(crate) lines: u64,
    pub(crate) intents: u64,
    pub(crate) outcomes: u64,
}

impl Follower {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            offset: 0,
            lines: 0,
            intents: 0,
            outcomes: 0,
        }
    }

    /// Counts what has come since.
    pub(crate) fn look(&mut self) {
        let Ok(mut file) = File::open(&self.path) else {
            return;
        };
        let mut bytes = vec![0; READ_BYTES];
        loop {
            file.seek(SeekFrom::Start(self.offset)).unwrap();
            let read = file.read(&mut bytes).unwrap();
            let Some(end) = bytes[..read].iter().rposition(|byte| *byte == b'\n') else {
                return;
            };
            for line in bytes[..end].split(|byte| *byte == b'\n') {
                self.lines += 1;
                self.intents += u64::from(line.starts_with(br#"{"kind":"intent""#));
                self.outcomes += u64::from(line.starts_with(br#"{"kind":"outcome""#));
            }
            self.offset += end as u64 + 1;
        }
    }
}
