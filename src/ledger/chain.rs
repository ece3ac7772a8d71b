//! An entry as a line, and back; and the chain through the lines: each carries the hash of the one
//! before with its own bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::from_slice;

use super::error::LedgerDamage;
use crate::domain::Entry;

/// The chain of a line: of the last one, it stands for the whole ledger.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LedgerHead(blake3::Hash);

impl LedgerHead {
    /// The chain before the first line.
    pub const GENESIS: Self = Self(blake3::Hash::from_bytes([0; 32]));
}

impl Default for LedgerHead {
    fn default() -> Self {
        Self::GENESIS
    }
}

impl fmt::Display for LedgerHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_hex())
    }
}

impl fmt::Debug for LedgerHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerHead({self})")
    }
}

impl Serialize for LedgerHead {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for LedgerHead {
    type Err = ();

    /// Takes 64 hex digits of either case.
    fn from_str(text: &str) -> Result<Self, ()> {
        blake3::Hash::from_hex(text).map(Self).map_err(|_| ())
    }
}

const FIELD: &[u8] = b",\"chain\":\"";
const CLOSE: &[u8] = b"\"}";
const HEX_LEN: usize = 64;
const TAIL_LEN: usize = FIELD.len() + HEX_LEN + CLOSE.len();

/// The longest line there may be, its line feed counted: 4 MiB. A block of a plan has 256 rows.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The longest body a line can hold, in bytes.
pub(super) const BODY_BYTES_MAX: usize = LINE_BYTES_MAX - TAIL_LEN;

/// Checks that `line`, without its line feed, follows `previous`, and gives its own chain.
pub fn check(previous: LedgerHead, line: &[u8]) -> Result<LedgerHead, LedgerDamage> {
    let (open, stated) = split(line).ok_or(LedgerDamage::NoChain)?;
    let head = next(previous, open);
    if head.0.to_hex().as_bytes() == stated {
        Ok(head)
    } else {
        Err(LedgerDamage::Mismatch)
    }
}

/// The chain that `line` says it has, fitting or not; `None`: it says none.
pub(super) fn stated(line: &[u8]) -> Option<LedgerHead> {
    let (_, hex) = split(line)?;
    blake3::Hash::from_hex(hex).map(LedgerHead).ok()
}

/// The body of a line, but for its closing brace, and the chain it states.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (open, tail) = line.split_at(line.len().checked_sub(TAIL_LEN)?);
    let stated = tail.strip_prefix(FIELD)?.strip_suffix(CLOSE)?;
    Some((open, stated))
}

/// Appends to `lines` the line that holds `body` (a JSON object that is not empty), with its line
/// feed. It follows a line whose chain is `previous`. Gives its chain.
pub fn seal(previous: LedgerHead, body: &[u8], lines: &mut Vec<u8>) -> LedgerHead {
    let open = body.strip_suffix(b"}").unwrap_or(body);
    let head = next(previous, open);
    lines.extend_from_slice(open);
    lines.extend_from_slice(FIELD);
    lines.extend_from_slice(head.0.to_hex().as_bytes());
    lines.extend_from_slice(CLOSE);
    lines.push(b'\n');
    head
}

/// The chain of the body that `open` is, but for its closing brace.
fn next(previous: LedgerHead, open: &[u8]) -> LedgerHead {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous.0.as_bytes());
    hasher.update(open);
    hasher.update(b"}");
    LedgerHead(hasher.finalize())
}

/// The entry that a line holds; its chain is passed over. The line is used up by it.
///
/// Serde reads a tagged enum by way of a tree. Of the frequent kinds, only the text between `kind`
/// and chain is read, as the struct it is. `status` of a million rows has 1.5 seconds.
pub(super) fn decode(line: &mut [u8]) -> Result<Entry, serde_json::Error> {
    const OPEN: &[u8] = b"{\"kind\":\"";
    let kind = line.strip_prefix(OPEN).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b'"').next().unwrap_or_default();
    let from = OPEN.len() + kind.len() + 1;
    let to = split(line).map_or(0, |(open, _)| open.len());
    if from >= to || line[from] != b',' {
        return from_slice(line);
    }
    let read: fn(&[u8]) -> Result<Entry, serde_json::Error> = match kind {
        b"plan" => |it| from_slice(it).map(Entry::Plan),
        b"unsent" => |it| from_slice(it).map(Entry::Unsent),
        b"intent" => |it| from_slice(it).map(Entry::Intent),
        b"job" => |it| from_slice(it).map(Entry::Bulk),
        b"attempt" => |it| from_slice(it).map(Entry::Attempt),
        b"step" => |it| from_slice(it).map(Entry::Step),
        b"outcome" => |it| from_slice(it).map(Entry::Outcome),
        b"request" => |it| from_slice(it).map(Entry::Request),
        b"verify" => |it| from_slice(it).map(Entry::Verify),
        _ => return from_slice(line),
    };
    // A brace in the place of the comma on either side makes an object.
    (line[from], line[to]) = (b'{', b'}');
    read(&line[from..=to])
}
