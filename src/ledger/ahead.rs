//! Checking and decoding a ledger's lines on two threads, block by block, while the caller reads on
//! and folds the entries before. Without it, `status` of a million rows takes more than 1.5 seconds.
//!
//! A block is checked from the chain that the line before it *says* it has. The block with that line
//! tells whether it has it, and behind a line that does not fit nothing is handed over.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope};

use super::chain::{self, Head};
use super::error::{Damage, LedgerError};
use super::reader::{READ_BYTES, entry_of};
use crate::domain::Entry;

/// How many threads check and decode.
const WORKERS: usize = 2;

/// How many blocks may wait for each of them.
const AHEAD: usize = 2;

/// How much is read at once, in bytes.
pub(super) const BLOCK_BYTES: usize = READ_BYTES;

/// Whole lines, unchecked.
#[derive(Debug)]
pub(super) struct Block {
    /// Where the first line begins, in bytes from the start of the file.
    pub(super) place: u64,
    /// The chain that the line before says it has.
    pub(super) previous: Head,
    /// The lines; the last may lack its line feed if it is longer than a line may be.
    pub(super) lines: Vec<u8>,
}

impl Block {
    /// The chain that the last line says it has. Where it says none, nothing after this block is
    /// looked at.
    pub(super) fn stated(&self) -> Head {
        let text = self.lines.strip_suffix(b"\n").unwrap_or(&self.lines);
        let begin = memchr::memrchr(b'\n', text).map_or(0, |feed| feed + 1);
        chain::stated(&text[begin..]).unwrap_or(Head::GENESIS)
    }

    /// Checks and decodes the lines, up to one that is damaged.
    pub(super) fn check(mut self) -> Checked {
        let mut checked = Checked {
            entries: Vec::new(),
            head: self.previous,
            end: self.place,
            damage: None,
        };
        for line in self.lines.split_inclusive_mut(|byte| *byte == b'\n') {
            let length = line.len() as u64;
            match entry_of(checked.head, line) {
                Ok((entry, head)) => {
                    checked.entries.push((checked.end, entry));
                    checked.head = head;
                    checked.end += length;
                }
                Err(damage) => {
                    checked.damage = Some(damage);
                    break;
                }
            }
        }
        checked
    }
}

/// The entries of a block.
#[derive(Debug)]
pub(super) struct Checked {
    /// The entries, each with the place where its line begins.
    pub(super) entries: Vec<(u64, Entry)>,
    /// The chain of the last of them.
    pub(super) head: Head,
    /// Where the line after them begins.
    pub(super) end: u64,
    /// What is wrong with that line; `None`: nothing is known to be.
    pub(super) damage: Option<Damage>,
}

/// Hands the blocks that `read` gives to threads, and what they come to in the same order to `take`.
pub(super) fn each_checked(
    read: &mut dyn FnMut() -> Result<Option<Block>, LedgerError>,
    take: &mut dyn FnMut(Checked) -> Result<(), LedgerError>,
    failed: &dyn Fn(std::io::Error) -> LedgerError,
) -> Result<(), LedgerError> {
    std::thread::scope(|scope| {
        let mut workers = Vec::with_capacity(WORKERS);
        for _ in 0..WORKERS {
            workers.push(start(scope).map_err(failed)?);
        }
        let gone = || failed(std::io::Error::other("a thread that decodes it has ended"));
        let mut taken = 0;
        let mut handed = 0;
        let mut is_end = false;
        // Bounded by the blocks of the file.
        while !is_end || taken < handed {
            match if is_end { None } else { read()? } {
                Some(block) => {
                    let sent = workers[handed % WORKERS].0.send(block);
                    sent.map_err(|_| gone())?;
                    handed += 1;
                }
                None => is_end = true,
            }
            if taken < handed && (is_end || handed - taken > WORKERS * AHEAD) {
                let checked = workers[taken % WORKERS].1.recv();
                take(checked.map_err(|_| gone())?)?;
                taken += 1;
            }
        }
        Ok(())
    })
}

fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
) -> std::io::Result<(Sender<Block>, Receiver<Checked>)> {
    let (hand, blocks) = channel::<Block>();
    let (done, checked) = channel();
    let name = "ledger-decode".to_owned();
    Builder::new().name(name).spawn_scoped(scope, move || {
        let mut blocks = blocks.into_iter();
        blocks.try_for_each(|block| done.send(block.check()))
    })?;
    Ok((hand, checked))
}
