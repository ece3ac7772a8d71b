//! Reading a ledger as a stream, each line checked against the chain.
//!
//! It takes no lock: a ledger that is being written can be read, and what is not there yet is a torn
//! tail or nothing.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder};
use std::time::UNIX_EPOCH;

use serde_json::Value;

use super::chain::{self, LINE_BYTES_MAX, LedgerHead};
use super::disk::open_to_read;
use super::error::{LedgerDamage, LedgerError};
use crate::domain::{Entry, RunHeader, Time, bound};

/// The end of ledgers' names.
pub const LEDGER_SUFFIX: &str = ".ledger.jsonl";

/// The most files of a folder looked at.
const FILES_MAX: usize = 100_000;

/// How much is read from the file at once, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// How many blocks of lines are under way, and how many threads decode them: `status` of a million rows has 1.5
/// seconds.
const BLOCKS: usize = 8;
const DECODERS: usize = 2;

/// A last line that a crash left without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Where it begins, in bytes from the start of the file.
    pub byte: u64,
    /// How many bytes of it there are.
    pub bytes: u64,
}

/// Where a line stands, and between which chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its number, from 1.
    pub line: u64,
    /// Where it begins, in bytes from the start of the file.
    pub byte: u64,
    /// The chain of the line before it.
    pub previous: LedgerHead,
    /// Its own chain.
    pub head: LedgerHead,
}

/// When the file at `path` was last written; `None`: there is no telling.
pub fn written_at(path: &Path) -> Option<Time> {
    let written = fs::metadata(path).and_then(|about| about.modified()).ok()?;
    let since = written.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).ok().map(Time::from_millis)
}

/// The entry and the chain of a line, or its damage.
type Checked = Result<(Entry, LedgerHead), LedgerDamage>;

/// Lines that follow a chain.
type Block = (LedgerHead, Vec<u8>);

/// Reads the entries of a ledger in order.
#[derive(Debug)]
pub struct LedgerReader<R = File> {
    /// The run's header, which [`LedgerReader::next_entry`] does not give again.
    pub header: RunHeader,
    pub(super) path: PathBuf,
    source: BufReader<R>,
    /// The line read last, its line feed counted, or as much of the next one as there is yet.
    line: Vec<u8>,
    /// Whether `line` is a whole line.
    whole: bool,
    /// The chain of the last line read.
    pub head: LedgerHead,
    /// How many lines have been read, the header's counted.
    pub lines: u64,
    /// How many bytes those lines have: where the next line begins.
    pub bytes: u64,
    /// Whether one of them ends the plan.
    planned: bool,
    /// Whether one of them is the agreement to it.
    agreed: bool,
}

impl LedgerReader {
    /// The ledger in `folder` whose run began last; of two, the one whose name sorts last.
    pub fn newest_in(folder: &Path) -> io::Result<Option<PathBuf>> {
        let mut ledgers = Vec::new();
        for entry in fs::read_dir(folder)?.take(FILES_MAX) {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(LEDGER_SUFFIX) && path.is_file() {
                // A damaged one is not passed over in silence.
                let began = match Self::open(&path) {
                    Ok(reader) => Some(reader.header.started_at),
                    Err(_) => written_at(&path),
                };
                ledgers.push((began, path));
            }
        }
        Ok(ledgers.into_iter().max().map(|(_, path)| path))
    }

    /// Opens the ledger at `path` and reads its header.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::new(path, open_to_read(path)?)
    }

    /// Goes on with what has been appended since. The file is opened again: an unfinished line may have
    /// been cut off meanwhile. `false`: the file is shorter than what was read of it.
    pub fn reopen(&mut self) -> Result<bool, LedgerError> {
        let failed = |source| LedgerError::io("read", &self.path, source);
        let mut file = open_to_read(&self.path)?;
        if file.metadata().map_err(failed)?.len() < self.bytes {
            return Ok(false);
        }
        let place = SeekFrom::Start(self.bytes);
        file.seek(place).map_err(failed)?;
        self.source = BufReader::with_capacity(READ_BYTES, file);
        self.line.clear();
        self.whole = true;
        Ok(true)
    }
}

impl<R: Read> LedgerReader<R> {
    /// Reads the ledger that `source` holds from its start; errors name it `path`.
    pub fn new(path: &Path, source: R) -> Result<Self, LedgerError> {
        let mut source = BufReader::with_capacity(READ_BYTES, source);
        let mut line = Vec::new();
        read_on(&mut source, &mut line).map_err(|it| LedgerError::io("read", path, it))?;
        let damaged = |reason| LedgerError::Damaged {
            path: path.to_owned(),
            line: 1,
            byte: 0,
            reason,
        };
        if line.len() > LINE_BYTES_MAX {
            return Err(damaged(LedgerDamage::TooLong));
        }
        let bytes = line.len() as u64;
        let Some(text) = line.strip_suffix(b"\n") else {
            // Whoever is told to remove a file must be sure that nothing else is in it.
            return Err(if is_beginning_of_header(&line) {
                LedgerError::NoHeader(path.to_owned())
            } else {
                damaged(LedgerDamage::NotAHeader)
            });
        };
        // A newer format may chain its lines in another way: its number comes first.
        let format = format_of(text).ok_or_else(|| damaged(LedgerDamage::NotAHeader))?;
        if format != RunHeader::FORMAT {
            let (path, found) = (path.to_owned(), format);
            return Err(LedgerError::Format { path, found });
        }
        let (Entry::Run(header), head) = decode(LedgerHead::GENESIS, &mut line).map_err(damaged)?
        else {
            return Err(damaged(LedgerDamage::NotAHeader));
        };
        Ok(Self {
            header: *header,
            path: path.to_owned(),
            source,
            line,
            whole: true,
            head,
            lines: 1,
            bytes,
            planned: false,
            agreed: false,
        })
    }

    /// The next entry; `None` at the end, torn or not. If the ledger has grown since, the next call
    /// goes on with what is new. After an error there is nothing more.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, LedgerError> {
        if mem::take(&mut self.whole) {
            self.line.clear();
        }
        read_on(&mut self.source, &mut self.line)
            .map_err(|source| LedgerError::io("read", &self.path, source))?;
        self.whole = self.line.last() == Some(&b'\n');
        if !self.whole && self.line.len() <= LINE_BYTES_MAX {
            return Ok(None);
        }
        let length = self.line.len() as u64;
        let checked = decode(self.head, &mut self.line);
        let (_, entry) = self.take(length, checked)?;
        Ok(Some(entry))
    }

    /// Shows `see` all entries there are, until `see` fails. Faster than [`LedgerReader::next_entry`].
    pub fn each_entry<E: From<LedgerError>>(
        &mut self,
        mut see: impl FnMut(&Link, &Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = self.path.clone();
        let failed = |source| LedgerError::io("read", &path, source);
        if mem::take(&mut self.whole) {
            self.line.clear();
        }
        let mut previous = self.head;
        thread::scope(|scope| {
            let mut decoders = Vec::with_capacity(DECODERS);
            for _ in 0..DECODERS {
                let (to_check, blocks) = sync_channel(BLOCKS);
                let (done, checked) = sync_channel(BLOCKS);
                let check = move || check_blocks(&blocks, &done);
                let thread = Builder::new().name("ledger-decode".to_owned());
                thread.spawn_scoped(scope, check).map_err(failed)?;
                decoders.push((to_check, checked));
            }
            let (mut sent, mut taken) = (0, 0);
            // Bounded by the blocks of the file, which the decoders have in turn.
            loop {
                while sent - taken < BLOCKS
                    && let Some(lines) =
                        read_block(&mut self.source, &mut self.line).map_err(failed)?
                {
                    // Each block is checked on its own, and trusts the digest that the block before ends with.
                    // That digest is checked with the block before: an error there discards this one too.
                    let begins = mem::replace(&mut previous, stated(&lines));
                    // If the decoder is gone, nothing comes back from it.
                    let _ = decoders[sent % DECODERS].0.send((begins, lines));
                    sent += 1;
                }
                if taken == sent {
                    return Ok(());
                }
                let gone = |_| failed(io::Error::other("a thread that decodes it has ended"));
                let checked = decoders[taken % DECODERS].1.recv().map_err(gone)?;
                taken += 1;
                for (length, checked) in checked {
                    let (link, entry) = self.take(length, checked)?;
                    see(&link, &entry)?;
                }
            }
        })
    }

    /// The unfinished line at which reading stopped; `None`: none, or nothing was read yet.
    pub fn torn(&self) -> Option<TornTail> {
        (!self.whole && !self.line.is_empty()).then_some(TornTail {
            byte: self.bytes,
            bytes: self.line.len() as u64,
        })
    }

    /// Takes the next line, of `length` bytes, if it is good.
    fn take(&mut self, length: u64, checked: Checked) -> Result<(Link, Entry), LedgerError> {
        let checked =
            checked.and_then(|(entry, head)| self.misplaced(&entry).map_or(Ok((entry, head)), Err));
        let (entry, head) = checked.map_err(|reason| LedgerError::Damaged {
            path: self.path.clone(),
            line: self.lines + 1,
            byte: self.bytes,
            reason,
        })?;
        self.lines += 1;
        let link = Link {
            line: self.lines,
            byte: self.bytes,
            previous: self.head,
            head,
        };
        self.bytes += length;
        self.head = head;
        Ok((link, entry))
    }

    /// The fault of `entry` as the next one; `None`: nothing.
    fn misplaced(&mut self, entry: &Entry) -> Option<LedgerDamage> {
        let is_second = match entry {
            Entry::Run(_) => return Some(LedgerDamage::SecondHeader),
            Entry::Planned(_) => mem::replace(&mut self.planned, true),
            Entry::Agreed(_) => mem::replace(&mut self.agreed, true),
            // The plan that was counted and agreed to is the one that is done.
            Entry::Plan(_) | Entry::Unsent(_) if self.planned || self.agreed => {
                return Some(LedgerDamage::LatePlan);
            }
            _ => false,
        };
        is_second.then_some(LedgerDamage::SecondPlan)
    }
}

/// Whether a crash in the writing of a header may have left `bytes`.
fn is_beginning_of_header(bytes: &[u8]) -> bool {
    let begins = b"{\"kind\":\"run\",";
    let len = bytes.len().min(begins.len());
    bytes[..len] == begins[..len]
}

/// The format that a header of any format names; `None`: `line` is no header.
fn format_of(line: &[u8]) -> Option<u32> {
    let header: Value = serde_json::from_slice(line).ok()?;
    let format = u32::try_from(header["format"].as_u64()?).ok()?;
    (header["kind"] == "run" && format >= 1).then_some(format)
}

/// The entry of a line that follows one whose chain is `previous`, and the line's own chain.
pub(super) fn decode(previous: LedgerHead, line: &mut [u8]) -> Checked {
    if line.len() > LINE_BYTES_MAX {
        return Err(LedgerDamage::TooLong);
    }
    let end = line.len() - usize::from(line.last() == Some(&b'\n'));
    let line = &mut line[..end];
    let head = chain::check(previous, line)?;
    let entry = chain::decode(line).map_err(|error| LedgerDamage::NotAnEntry {
        detail: error.to_string(),
    })?;
    Ok((entry, head))
}

/// Checks the blocks that come.
fn check_blocks(blocks: &Receiver<Block>, done: &SyncSender<Vec<(u64, Checked)>>) {
    for (begins, lines) in blocks {
        // Nobody waits for what stands behind a damaged one.
        if done.send(check_block(begins, lines)).is_err() {
            return;
        }
    }
}

/// The entries of lines that follow `previous`, with each line's length, up to a damaged one.
fn check_block(mut previous: LedgerHead, mut lines: Vec<u8>) -> Vec<(u64, Checked)> {
    let mut all = Vec::new();
    let mut rest = &mut *lines;
    // Bounded by the lines: each turn takes one of them.
    while !rest.is_empty() {
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |feed| feed + 1);
        let (line, behind) = mem::take(&mut rest).split_at_mut(length);
        rest = behind;
        let checked = decode(previous, line);
        let head = checked.as_ref().ok().map(|(_, head)| *head);
        all.push((length as u64, checked));
        match head {
            Some(head) => previous = head,
            None => break,
        }
    }
    all
}

/// The chain that the last of `lines` says it has. Where it says none, nothing behind it is looked at.
fn stated(lines: &[u8]) -> LedgerHead {
    let text = lines.strip_suffix(b"\n").unwrap_or(lines);
    let begin = memchr::memrchr(b'\n', text).map_or(0, |feed| feed + 1);
    chain::stated(&text[begin..]).unwrap_or(LedgerHead::GENESIS)
}

/// Reads about [`READ_BYTES`] up to the end of a line; what follows is left in `begun`, where the
/// block's first line was begun. `None`: there is no more than `begun`.
fn read_block(source: &mut impl Read, begun: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let mut lines = mem::take(begun);
    let most = bound("bytes read", 256, READ_BYTES);
    loop {
        let from = lines.len();
        lines.reserve_exact(most + 1);
        source.take(most as u64).read_to_end(&mut lines)?;
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

/// Reads on to the end of the line that `line` begins, the line feed included. It stops one byte
/// after the most that a line may have: that tells one that is too long.
fn read_on(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    let room = LINE_BYTES_MAX + 1 - line.len();
    source.take(room as u64).read_until(b'\n', line)?;
    Ok(())
}

/// The line of `file` that begins at `byte`, its line feed included.
pub(super) fn line_at(file: &mut BufReader<File>, byte: u64) -> io::Result<Vec<u8>> {
    // Lines that are asked for stand more or less one behind the other, so that most are in the buffer.
    let from = file.stream_position()?;
    file.seek_relative(byte.checked_signed_diff(from).ok_or_else(changed)?)?;
    let mut line = Vec::new();
    file.take(LINE_BYTES_MAX as u64)
        .read_until(b'\n', &mut line)?;
    Ok(line)
}

/// A line is not the one that stood there when the ledger was read.
pub(super) fn changed() -> io::Error {
    io::Error::other("it has been changed meanwhile")
}
