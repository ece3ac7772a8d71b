//! Reading ahead: a thread reads the ledger block by block and others check the chain of the blocks,
//! while who asked for the lines makes sense of those before.
//!
//! A block is checked from the chain that the line before it *says* it has. Whether it has it, is told
//! with the block in which that line stands; behind a line that does not fit nothing is handed over.
//! So the blocks can be checked side by side, and hashing, which takes longest, is not waited for.

use std::io::{self, BufRead as _, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, Scope, available_parallelism};

use memchr::{memchr, memrchr};

use super::chain::{self, Head};
use super::error::Damage;
use super::format::LINE_BYTES_MAX;

/// How much is read at once, in bytes.
pub(super) const BLOCK_BYTES: usize = 512 * 1024;

/// How many threads check at most. Three hash faster than one makes sense of the lines.
const CHECKERS_MAX: usize = 3;

/// How many blocks wait at each of them to be checked. With one, threads wait for each other: waking
/// one takes about as long as reading a block.
const UNCHECKED_MAX: usize = 2;

/// How many wait at each of them to be made sense of.
const CHECKED_MAX: usize = 4;

/// Some of the ledger.
#[derive(Debug)]
pub(super) struct Handed {
    /// Whole lines.
    pub(super) lines: Vec<u8>,
    /// The chain of the last of them, or of the line before if there are none. Until they are
    /// checked, that of the line before.
    pub(super) head: Head,
    /// Why nothing follows; `None`: something does.
    pub(super) end: Option<End>,
}

/// Why nothing follows.
#[derive(Debug)]
pub(super) enum End {
    /// The next line does not fit.
    Damage(Damage),
    /// The ledger cannot be read further.
    Failed(io::Error),
    /// The ledger is at its end, but for this beginning of a line.
    Rest(Vec<u8>),
}

/// The ledger as it comes, in its order.
#[derive(Debug)]
pub(super) struct Blocks {
    /// What was too little for threads of its own.
    little: Option<Handed>,
    /// Who checks, in turn.
    turns: Vec<Receiver<Handed>>,
    turn: usize,
    used: Sender<Vec<u8>>,
}

impl Blocks {
    /// Gives a block's memory back, to be filled again.
    pub(super) fn give_back(&self, block: Vec<u8>) {
        // The thread may have come to the end and be gone.
        let _ = self.used.send(block);
    }
}

impl Iterator for Blocks {
    type Item = Handed;

    fn next(&mut self) -> Option<Handed> {
        if let Some(little) = self.little.take() {
            return Some(little);
        }
        let handed = self.turns.get(self.turn)?.recv().ok()?;
        self.turn = (self.turn + 1) % self.turns.len();
        Some(handed)
    }
}

/// Reads on behind a line whose chain is `head`, and of the next one `begun`.
///
/// # Errors
///
/// No thread can be started.
pub(super) fn start<'scope, R: Read + Send>(
    scope: &'scope Scope<'scope, '_>,
    source: &'scope mut BufReader<R>,
    head: Head,
    begun: Vec<u8>,
) -> io::Result<Blocks> {
    let (used, free) = channel();
    let mut blocks = Blocks {
        little: None,
        turns: Vec::new(),
        turn: 0,
        used,
    };
    let mut reader = Reader {
        source,
        head,
        begun,
        free,
    };
    let first = reader.read();
    if first.end.is_some() {
        blocks.little = Some(checked(first));
        return Ok(blocks);
    }
    let checkers = available_parallelism().map_or(1, |cores| cores.get().min(CHECKERS_MAX));
    let mut hands = Vec::with_capacity(checkers);
    for _ in 0..checkers {
        let (hand, unchecked) = sync_channel(UNCHECKED_MAX);
        let (done, turn) = sync_channel(CHECKED_MAX);
        hands.push(hand);
        blocks.turns.push(turn);
        let name = "ledger-check".to_owned();
        Builder::new().name(name).spawn_scoped(scope, move || {
            unchecked
                .into_iter()
                .try_for_each(|block| done.send(checked(block)))
        })?;
    }
    let name = "ledger-ahead".to_owned();
    Builder::new()
        .name(name)
        .spawn_scoped(scope, move || reader.hand_over(first, &hands))?;
    Ok(blocks)
}

/// The lines of a block, each without its line feed.
pub(super) fn lines(block: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let end = memchr(b'\n', rest)?;
        let (line, after) = std::mem::take(&mut rest).split_at_mut(end + 1);
        rest = after;
        Some(&mut line[..end])
    })
}

/// What reads.
struct Reader<'a, R> {
    source: &'a mut BufReader<R>,
    /// The chain that the last line says it has.
    head: Head,
    /// The beginning of the line that the next block begins with.
    begun: Vec<u8>,
    free: Receiver<Vec<u8>>,
}

impl<R: Read> Reader<'_, R> {
    /// Hands `first` and what follows to those who check, in turn, as long as they take it.
    fn hand_over(mut self, first: Handed, hands: &[SyncSender<Handed>]) {
        let mut block = first;
        // Bounded by the ledger.
        for hand in hands.iter().cycle() {
            let is_last = block.end.is_some();
            // Whom nobody listens to any more does not take it.
            if hand.send(block).is_err() || is_last {
                return;
            }
            block = self.read();
        }
    }

    /// The next block, unchecked.
    fn read(&mut self) -> Handed {
        let mut lines = self.free.try_recv().unwrap_or_default();
        lines.clear();
        lines.append(&mut self.begun);
        lines.reserve(BLOCK_BYTES);
        let read = self.fill(&mut lines);
        let whole = memrchr(b'\n', &lines).map_or(0, |end| end + 1);
        self.begun.extend_from_slice(&lines[whole..]);
        lines.truncate(whole);
        let head = self.head;
        // Of a line that says none, the check says that it does not fit.
        self.head = last_of(&lines).and_then(chain::stated).unwrap_or(head);
        let end = match read {
            Err(error) => Some(End::Failed(error)),
            Ok(_) if self.begun.len() > LINE_BYTES_MAX => Some(End::Damage(Damage::TooLong)),
            Ok(read) if read < BLOCK_BYTES => Some(End::Rest(std::mem::take(&mut self.begun))),
            Ok(_) => None,
        };
        Handed { lines, head, end }
    }

    /// Reads a block's worth behind `lines`; less only at the end.
    fn fill(&mut self, lines: &mut Vec<u8>) -> io::Result<usize> {
        let buffered = self.source.buffer();
        let buffered = &buffered[..buffered.len().min(BLOCK_BYTES)];
        lines.extend_from_slice(buffered);
        let begun = buffered.len();
        self.source.consume(begun);
        if begun == BLOCK_BYTES {
            return Ok(begun);
        }
        // Past the buffer, which would be filled and copied from.
        let mut rest = self.source.get_mut().take((BLOCK_BYTES - begun) as u64);
        Ok(begun + rest.read_to_end(lines)?)
    }
}

/// The last of some lines, without its line feed; `None`: there are none.
fn last_of(lines: &[u8]) -> Option<&[u8]> {
    let lines = lines.strip_suffix(b"\n")?;
    Some(&lines[memrchr(b'\n', lines).map_or(0, |end| end + 1)..])
}

/// Checks the lines of `block`, and cuts them before the first that does not fit.
fn checked(mut block: Handed) -> Handed {
    let mut from = 0;
    while let Some(end) = memchr(b'\n', &block.lines[from..]) {
        let line = &block.lines[from..from + end];
        let checked = if line.len() < LINE_BYTES_MAX {
            chain::check(block.head, line).map_err(Damage::Chain)
        } else {
            Err(Damage::TooLong)
        };
        match checked {
            Ok(head) => block.head = head,
            Err(damage) => {
                block.lines.truncate(from);
                block.end = Some(End::Damage(damage));
                return block;
            }
        }
        from += end + 1;
    }
    block
}
