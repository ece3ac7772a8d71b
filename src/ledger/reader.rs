//! Reading a ledger as a stream, each line checked against the chain.
//!
//! It keeps one line in memory and takes no lock: a ledger that is being written can be read, and
//! what is not there yet is a torn tail or nothing.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ahead::{self, End, Handed};
use super::chain::{self, Head};
use super::disk::open_to_read;
use super::error::{Damage, LedgerError};
use super::format::{self, LINE_BYTES_MAX};
use super::told::Told;
use crate::domain::{Entry, RunHeader};

/// How much is read from the file at once, in bytes.
pub(super) const READ_BYTES: usize = 256 * 1024;

/// A last line that a crash left without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Where it begins, in bytes from the start of the file.
    pub byte: u64,
    /// How many bytes of it there are.
    pub bytes: u64,
}

/// Reads the entries of a ledger in order.
pub struct LedgerReader<R = File> {
    header: RunHeader,
    lines: Lines<R>,
}

impl LedgerReader {
    /// Opens the ledger at `path` and reads its header.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let file = open_to_read(path).map_err(|source| LedgerError::io("open", path, source))?;
        Self::new(path, file)
    }

    /// How many bytes the file has beyond what was read of it.
    pub(super) fn unread(&self) -> Result<u64, LedgerError> {
        let Lines { path, bytes, .. } = &self.lines;
        let file = fs::metadata(path).map_err(|source| LedgerError::io("read", path, source))?;
        Ok(file.len().saturating_sub(*bytes))
    }

    /// Goes on with what has been appended since. The file is opened again and an unfinished line
    /// read from its beginning: a process that took the run up may have cut it off meanwhile.
    /// `false`: the file is shorter than what was read of it.
    pub fn reopen(&mut self) -> Result<bool, LedgerError> {
        let lines = &mut self.lines;
        let path = &lines.path;
        let io = |doing| move |source| LedgerError::io(doing, path, source);
        let mut file = open_to_read(path).map_err(io("open"))?;
        if file.metadata().map_err(io("read"))?.len() < lines.bytes {
            return Ok(false);
        }
        let place = SeekFrom::Start(lines.bytes);
        file.seek(place).map_err(io("read"))?;
        lines.source = BufReader::with_capacity(READ_BYTES, file);
        lines.line.clear();
        lines.whole = true;
        Ok(true)
    }
}

impl<R: Read> LedgerReader<R> {
    /// Reads the ledger that `source` holds from its start; errors name it `path`.
    pub(crate) fn new(path: &Path, source: R) -> Result<Self, LedgerError> {
        let mut lines = Lines {
            path: path.to_owned(),
            source: BufReader::with_capacity(READ_BYTES, source),
            line: Vec::new(),
            whole: true,
            head: Head::GENESIS,
            count: 0,
            bytes: 0,
        };
        match lines.next_entry()? {
            Some(Entry::Run(header)) => Ok(Self {
                header: *header,
                lines,
            }),
            // Of an entry that is no header, `Lines` has made an error; of half a line nobody has yet
            // said whether it begins like one, and whoever is told to remove a file must be sure.
            _ if !is_beginning_of_header(&lines.line) => Err(lines.damaged(Damage::NotAHeader)),
            _ => Err(LedgerError::NoHeader { path: lines.path }),
        }
    }

    /// The run's header, which [`LedgerReader::next_entry`] does not give again.
    pub const fn header(&self) -> &RunHeader {
        &self.header
    }

    /// The next entry; `None` at the end, torn or not. If the ledger has grown since, the next call
    /// goes on with what is new.
    ///
    /// # Errors
    ///
    /// After the first error there is nothing to be had any more.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, LedgerError> {
        self.lines.next_entry()
    }

    /// Shows `take` all entries that there are, as much of each as the state needs, with the chain
    /// checked on other threads.
    pub(super) fn each_told(&mut self, take: impl FnMut(u64, &Told<'_>)) -> Result<(), LedgerError>
    where
        R: Send,
    {
        self.lines.each_told(take)
    }

    /// The chain of the last line read.
    pub const fn head(&self) -> Head {
        self.lines.head
    }

    /// How many lines have been read, the header's counted.
    pub const fn lines(&self) -> u64 {
        self.lines.count
    }

    /// How many bytes those lines have: where the next line begins.
    pub const fn bytes(&self) -> u64 {
        self.lines.bytes
    }

    /// The unfinished line at which [`LedgerReader::next_entry`] stopped; `None` before that, or if
    /// the last line is whole.
    pub fn torn(&self) -> Option<TornTail> {
        let lines = &self.lines;
        (!lines.whole && !lines.line.is_empty()).then_some(TornTail {
            byte: lines.bytes,
            bytes: lines.line.len() as u64,
        })
    }
}

/// Whether a crash in the writing of a header may have left `bytes`.
fn is_beginning_of_header(bytes: &[u8]) -> bool {
    let begins = b"{\"kind\":\"run\",";
    let len = bytes.len().min(begins.len());
    bytes[..len] == begins[..len]
}

impl<R> fmt::Debug for LedgerReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerReader")
            .field("path", &self.lines.path)
            .field("lines", &self.lines.count)
            .finish_non_exhaustive()
    }
}

/// Why the rest of a ledger is not read.
enum Unread {
    Damage(Damage),
    Io(&'static str, io::Error),
}

/// The lines of a ledger, checked.
struct Lines<R> {
    path: PathBuf,
    source: BufReader<R>,
    /// The line read last, its line feed counted, or as much of the next one as there is yet.
    line: Vec<u8>,
    /// Whether [`Lines::line`] is a whole line.
    whole: bool,
    /// The chain of the last good line.
    head: Head,
    /// How many good lines there were.
    count: u64,
    /// How many bytes they have.
    bytes: u64,
}

impl<R: Read> Lines<R> {
    fn next_entry(&mut self) -> Result<Option<Entry>, LedgerError> {
        if !self.read_line()? {
            return Ok(None);
        }
        let end = self.line.len() - 1;
        let text = &self.line[..end];
        if self.count == 0 {
            // A newer format may chain its lines in another way: its number comes first.
            self.check_format(text)?;
        }
        let head =
            chain::check(self.head, text).map_err(|unfit| self.damaged(Damage::Chain(unfit)))?;
        let entry = format::decode(&mut self.line[..end]).map_err(|error| {
            self.damaged(Damage::NotAnEntry {
                detail: error.to_string(),
            })
        })?;
        match (&entry, self.count) {
            (Entry::Run(_), 0) => {}
            (Entry::Run(_), _) => return Err(self.damaged(Damage::SecondHeader)),
            (_, 0) => return Err(self.damaged(Damage::NotAHeader)),
            (_, _) => {}
        }
        self.head = head;
        self.count += 1;
        self.bytes += self.line.len() as u64;
        Ok(Some(entry))
    }

    fn each_told(&mut self, mut take: impl FnMut(u64, &Told<'_>)) -> Result<(), LedgerError>
    where
        R: Send,
    {
        if self.whole {
            self.line.clear();
        }
        let begun = std::mem::take(&mut self.line);
        self.whole = false;
        let Self {
            source,
            line: rest,
            head,
            count,
            bytes,
            ..
        } = self;
        let ended = std::thread::scope(|scope| {
            let blocks = ahead::start(scope, source, *head, begun);
            let mut blocks = blocks.map_err(|source| Unread::Io("start a thread for", source))?;
            while let Some(Handed {
                mut lines,
                head: last,
                end,
            }) = blocks.next()
            {
                for line in ahead::lines(&mut lines) {
                    let length = line.len() as u64 + 1;
                    let told = format::decode_told(line).map_err(|error| {
                        Unread::Damage(Damage::NotAnEntry {
                            detail: error.to_string(),
                        })
                    })?;
                    if matches!(&told, Told::Other(entry) if matches!(**entry, Entry::Run(_))) {
                        return Err(Unread::Damage(Damage::SecondHeader));
                    }
                    take(*bytes, &told);
                    *count += 1;
                    *bytes += length;
                }
                *head = last;
                blocks.give_back(lines);
                match end {
                    None => {}
                    Some(End::Damage(damage)) => return Err(Unread::Damage(damage)),
                    Some(End::Failed(source)) => return Err(Unread::Io("read", source)),
                    Some(End::Rest(begun)) => *rest = begun,
                }
            }
            Ok(())
        });
        ended.map_err(|why| match why {
            Unread::Damage(damage) => self.damaged(damage),
            Unread::Io(doing, source) => LedgerError::io(doing, &self.path, source),
        })
    }

    /// Reads up to the next line feed; whether there was one.
    fn read_line(&mut self) -> Result<bool, LedgerError> {
        if self.whole {
            self.line.clear();
            self.whole = false;
        }
        read_on(&mut self.source, &mut self.line)
            .map_err(|source| LedgerError::io("read", &self.path, source))?;
        if self.line.len() > LINE_BYTES_MAX {
            return Err(self.damaged(Damage::TooLong));
        }
        self.whole = self.line.last() == Some(&b'\n');
        Ok(self.whole)
    }

    fn check_format(&self, text: &[u8]) -> Result<(), LedgerError> {
        #[derive(Deserialize)]
        struct Preamble {
            kind: String,
            format: u32,
        }
        match serde_json::from_slice::<Preamble>(text) {
            Ok(Preamble { kind, format }) if kind == "run" && format >= 1 => {
                if format == RunHeader::FORMAT {
                    return Ok(());
                }
                if format < RunHeader::FORMAT {
                    return Err(LedgerError::OldFormat {
                        path: self.path.clone(),
                        found: format,
                    });
                }
                Err(LedgerError::NewerFormat {
                    path: self.path.clone(),
                    found: format,
                    known: RunHeader::FORMAT,
                })
            }
            _ => Err(self.damaged(Damage::NotAHeader)),
        }
    }
}

/// Reads on to the end of the line of which `line` is the beginning, the line feed included, but no
/// further than one byte more than a line may have: that tells one that is too long.
pub(super) fn read_on(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    let room = LINE_BYTES_MAX + 1 - line.len();
    source.take(room as u64).read_until(b'\n', line)?;
    Ok(())
}

impl<R> Lines<R> {
    /// The line after the last good one is damaged.
    fn damaged(&self, reason: Damage) -> LedgerError {
        LedgerError::Damaged {
            path: self.path.clone(),
            line: self.count + 1,
            byte: self.bytes,
            reason,
        }
    }
}
