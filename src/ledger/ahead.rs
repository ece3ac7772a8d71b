//! Reading ahead: a thread of its own reads the ledger and checks its chain, block by block, while
//! who asked for the lines makes sense of those before. Either takes about as long.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, Scope};

use memchr::{memchr, memrchr};

use super::chain::{self, Head};
use super::error::Damage;
use super::format::LINE_BYTES_MAX;

/// How much is read at once, in bytes.
const BLOCK_BYTES: usize = 256 * 1024;

/// How many blocks wait at most to be made sense of.
const BLOCKS_MAX: usize = 4;

/// What the thread hands over, in the order of the ledger.
#[derive(Debug)]
pub(super) enum Handed {
    /// Whole lines that fit, with the chain of the last.
    Lines(Vec<u8>, Head),
    /// The line behind them does not fit. Nothing follows.
    Damage(Damage),
    /// The ledger cannot be read further. Nothing follows.
    Failed(io::Error),
    /// The ledger is at its end, but for this beginning of a line. Nothing follows.
    Rest(Vec<u8>),
}

/// The blocks as they come.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) handed: Receiver<Handed>,
    used: Sender<Vec<u8>>,
}

impl Blocks {
    /// Gives a block's memory back, to be filled again.
    pub(super) fn give_back(&self, block: Vec<u8>) {
        // The thread may have come to the end and be gone.
        let _ = self.used.send(block);
    }
}

/// Reads on behind a line whose chain is `head`, and of the next one `begun`.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    source: &'scope mut (impl Read + Send),
    head: Head,
    begun: Vec<u8>,
) -> io::Result<Blocks> {
    let (hand, handed) = sync_channel(BLOCKS_MAX);
    let (used, free) = channel();
    let reader = Ahead {
        source,
        head,
        begun,
        hand,
        free,
    };
    Builder::new()
        .name("ledger-ahead".to_owned())
        .spawn_scoped(scope, move || reader.run())?;
    Ok(Blocks { handed, used })
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

/// The thread's own.
struct Ahead<'a, R> {
    source: &'a mut R,
    /// The chain of the last line that fits.
    head: Head,
    /// The beginning of the line that the next block begins with.
    begun: Vec<u8>,
    hand: SyncSender<Handed>,
    free: Receiver<Vec<u8>>,
}

impl<R: Read> Ahead<'_, R> {
    fn run(mut self) {
        if let Some(last) = self.hand_over() {
            // If nobody takes it, nobody wants it.
            let _ = self.hand.send(last);
        }
    }

    /// Hands blocks over up to the last thing there is to say; `None`: nobody listens.
    fn hand_over(&mut self) -> Option<Handed> {
        // Bounded by the ledger.
        loop {
            let mut block = self.free.try_recv().unwrap_or_default();
            block.clear();
            block.append(&mut self.begun);
            block.reserve(BLOCK_BYTES);
            let mut part = (&mut *self.source).take(BLOCK_BYTES as u64);
            let read = match part.read_to_end(&mut block) {
                Ok(read) => read,
                Err(error) => return Some(Handed::Failed(error)),
            };
            let whole = memrchr(b'\n', &block).map_or(0, |end| end + 1);
            self.begun.extend_from_slice(&block[whole..]);
            block.truncate(whole);
            let damage = self.check(&mut block);
            self.hand.send(Handed::Lines(block, self.head)).ok()?;
            if let Some(damage) = damage {
                return Some(Handed::Damage(damage));
            }
            if self.begun.len() > LINE_BYTES_MAX {
                return Some(Handed::Damage(Damage::TooLong));
            }
            if read < BLOCK_BYTES {
                return Some(Handed::Rest(std::mem::take(&mut self.begun)));
            }
        }
    }

    /// Checks the lines of `block` and cuts it before the first that does not fit.
    fn check(&mut self, block: &mut Vec<u8>) -> Option<Damage> {
        let mut from = 0;
        while let Some(end) = memchr(b'\n', &block[from..]) {
            let line = &block[from..from + end];
            let checked = if line.len() < LINE_BYTES_MAX {
                chain::check(self.head, line).map_err(Damage::Chain)
            } else {
                Err(Damage::TooLong)
            };
            match checked {
                Ok(head) => self.head = head,
                Err(damage) => {
                    block.truncate(from);
                    return Some(damage);
                }
            }
            from += end + 1;
        }
        None
    }
}
