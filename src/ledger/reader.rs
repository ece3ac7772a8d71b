//! Reading a ledger as a stream, each line checked against the chain.
//!
//! It keeps one line in memory and takes no lock: a ledger that is being written can be read, and
//! what is not there yet is a torn tail or nothing.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ahead::{self, BLOCK_BYTES, Block, Checked};
use super::chain::{self, Head};
use super::disk::open_to_read;
use super::error::{Damage, LedgerError};
use super::format::{self, LINE_BYTES_MAX};
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
    pub fn new(path: &Path, source: R) -> Result<Self, LedgerError> {
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

    /// Shows `take` all entries that there are, with the place where each one's line begins.
    pub(super) fn each_entry(&mut self, take: impl FnMut(u64, &Entry)) -> Result<(), LedgerError> {
        self.lines.each_entry(take)
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
        let is_first = self.count == 0;
        if is_first {
            // A newer format may chain its lines in another way: its number comes first.
            let text = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            self.check_format(text)?;
        }
        let decoded = if is_first {
            decode(self.head, &mut self.line)
        } else {
            entry_of(self.head, &mut self.line)
        };
        let (entry, head) = decoded.map_err(|damage| self.damaged(damage))?;
        if is_first && !matches!(entry, Entry::Run(_)) {
            return Err(self.damaged(Damage::NotAHeader));
        }
        self.head = head;
        self.count += 1;
        self.bytes += self.line.len() as u64;
        Ok(Some(entry))
    }

    fn each_entry(&mut self, mut take: impl FnMut(u64, &Entry)) -> Result<(), LedgerError> {
        let path = self.path.clone();
        let failed = |source| LedgerError::io("read", &path, source);
        let mut previous = self.head;
        let mut place = self.bytes;
        let Self {
            source,
            line,
            whole,
            head,
            count,
            bytes,
            ..
        } = self;
        if std::mem::take(whole) {
            line.clear();
        }
        let mut read = || {
            let lines = read_block(source, line).map_err(failed)?;
            Ok(lines.map(|lines| {
                let block = Block {
                    place,
                    previous,
                    lines,
                };
                previous = block.stated();
                place += block.lines.len() as u64;
                block
            }))
        };
        let mut keep = |checked: Checked| {
            for (place, entry) in &checked.entries {
                take(*place, entry);
            }
            *count += checked.entries.len() as u64;
            (*head, *bytes) = (checked.head, checked.end);
            match checked.damage {
                Some(reason) => Err(LedgerError::Damaged {
                    path: path.clone(),
                    line: *count + 1,
                    byte: *bytes,
                    reason,
                }),
                None => Ok(()),
            }
        };
        ahead::each_checked(&mut read, &mut keep, &failed)
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

/// The entry of a line that follows one whose chain is `previous`, and the line's own chain.
///
/// # Errors
///
/// What is wrong with the line.
fn decode(previous: Head, line: &mut [u8]) -> Result<(Entry, Head), Damage> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Damage::TooLong);
    }
    let end = line.len() - usize::from(line.last() == Some(&b'\n'));
    let line = &mut line[..end];
    let head = chain::check(previous, line)?;
    let entry = format::decode(line).map_err(|error| Damage::NotAnEntry {
        detail: error.to_string(),
    })?;
    Ok((entry, head))
}

/// [`decode`] of a line that is not the first.
pub(super) fn entry_of(previous: Head, line: &mut [u8]) -> Result<(Entry, Head), Damage> {
    match decode(previous, line)? {
        (Entry::Run(_), _) => Err(Damage::SecondHeader),
        decoded => Ok(decoded),
    }
}

/// Reads about [`BLOCK_BYTES`] up to the end of a line; what follows is left in `begun`, where the
/// block's first line was begun. `None`: there is no more than `begun`.
fn read_block(source: &mut impl Read, begun: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let mut lines = std::mem::take(begun);
    loop {
        let from = lines.len();
        source.take(BLOCK_BYTES as u64).read_to_end(&mut lines)?;
        if lines.len() == from {
            *begun = lines;
            return Ok(None);
        }
        if let Some(end) = memchr::memrchr(b'\n', &lines[from..]) {
            *begun = lines.split_off(from + end + 1);
            return Ok(Some(lines));
        }
        if lines.len() > LINE_BYTES_MAX {
            return Ok(Some(lines));
        }
    }
}

/// Reads on to the end of the line of which `line` is the beginning, the line feed included, but no
/// further than one byte more than a line may have: that tells one that is too long.
fn read_on(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
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
