//! The chain through a ledger's lines: each carries the hash of the one before with its own bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::domain::Entry;

/// The chain of a line: of the last one, it stands for the whole ledger.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Head(blake3::Hash);

impl Head {
    /// What stands before the first line.
    pub const GENESIS: Self = Self(blake3::Hash::from_bytes([0; 32]));
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_hex())
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Head {
    type Err = ();

    /// Takes 64 hex digits of either case.
    fn from_str(text: &str) -> Result<Self, ()> {
        blake3::Hash::from_hex(text).map(Self).map_err(|_| ())
    }
}

/// Why a line is not the next one of its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    /// There is nothing to check.
    #[error("it does not end in a chain")]
    NoChain,
    /// The chain is another one than these bytes, after the line before, would have.
    #[error(
        "its chain does not fit: this line was changed, or one was dropped, added or moved here"
    )]
    Mismatch,
}

const FIELD: &[u8] = b",\"chain\":\"";
const CLOSE: &[u8] = b"\"}";
const HEX_LEN: usize = 64;
const TAIL_LEN: usize = FIELD.len() + HEX_LEN + CLOSE.len();

/// By how much a line, with its line feed, is longer than its body.
pub(super) const LINE_OVERHEAD: usize = TAIL_LEN;

/// Checks that `line` (without its line feed) follows a line whose chain is `previous`, and gives
/// its own chain.
///
/// # Errors
///
/// When it does not. A hex digit in upper case does not fit either: the bytes were changed.
pub fn check(previous: Head, line: &[u8]) -> Result<Head, Unfit> {
    let (open, stated) = split(line).ok_or(Unfit::NoChain)?;
    let head = next(previous, open);
    if hex(head) == stated {
        Ok(head)
    } else {
        Err(Unfit::Mismatch)
    }
}

/// The chain that `line` says it has, fitting or not; `None`: it says none.
pub(super) fn stated(line: &[u8]) -> Option<Head> {
    let (_, hex) = split(line)?;
    let lower = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    if !hex.iter().all(lower) {
        return None;
    }
    blake3::Hash::from_hex(hex).map(Head).ok()
}

/// How long the body of `line` is, its closing brace counted; `None`: the line ends in no chain.
pub(super) fn body_len(line: &[u8]) -> Option<usize> {
    split(line).map(|(open, _)| open.len() + 1)
}

/// The body of a line, but for its closing brace, and the chain it states.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (open, tail) = line.split_at(line.len().checked_sub(TAIL_LEN)?);
    let stated = tail.strip_prefix(FIELD)?.strip_suffix(CLOSE)?;
    Some((open, stated))
}

/// How many bytes of a chain and a body are hashed at once; nearly all have fewer.
const SHORT_BYTES: usize = 512;

/// Appends to `lines` the line that holds `body` (a JSON object that is not empty) after a line
/// whose chain is `previous`, with its line feed, and gives its chain.
pub fn seal(previous: Head, body: &[u8], lines: &mut Vec<u8>) -> Head {
    let open = body.strip_suffix(b"}").unwrap_or(body);
    let head = next(previous, open);
    lines.extend_from_slice(open);
    lines.extend_from_slice(FIELD);
    lines.extend_from_slice(&hex(head));
    lines.extend_from_slice(CLOSE);
    lines.push(b'\n');
    head
}

/// The line of `entry` after a line whose chain is `previous`, with its line feed, and its chain.
///
/// # Errors
///
/// The entry cannot be written as JSON.
pub fn line(previous: Head, entry: &Entry) -> Result<(Vec<u8>, Head), serde_json::Error> {
    let body = serde_json::to_vec(entry)?;
    let mut line = Vec::with_capacity(body.len() + LINE_OVERHEAD);
    let head = seal(previous, &body, &mut line);
    Ok((line, head))
}

/// The chain in hexadecimal digits. blake3's own way puts each digit behind the others one by one.
fn hex(head: Head) -> [u8; HEX_LEN] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; HEX_LEN];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(head.0.as_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xF)];
    }
    hex
}

/// The chain of the body that `open` is, but for its closing brace.
fn next(previous: Head, open: &[u8]) -> Head {
    let (before, from) = (previous.0.as_bytes(), previous.0.as_bytes().len());
    let to = from + open.len();
    let mut short = [0; SHORT_BYTES];
    if let Some(whole) = short.get_mut(..=to) {
        // All at once is faster, and comes to the same.
        whole[..from].copy_from_slice(before);
        whole[from..to].copy_from_slice(open);
        whole[to] = b'}';
        return Head(blake3::hash(whole));
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous.0.as_bytes());
    hasher.update(open);
    hasher.update(b"}");
    Head(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::{Head, LINE_OVERHEAD, SHORT_BYTES, Unfit, check, seal, stated};

    fn sealed(previous: Head, body: &str) -> (Vec<u8>, Head) {
        let mut line = Vec::new();
        let head = seal(previous, body.as_bytes(), &mut line);
        assert_eq!(line.pop(), Some(b'\n'));
        assert_eq!(line.len() + 1, body.len() + LINE_OVERHEAD);
        (line, head)
    }

    #[test]
    fn the_chain_is_blake3_of_the_chain_before_and_the_line_without_it() {
        let (line, head) = sealed(Head::GENESIS, r#"{"kind":"x","n":1}"#);
        let mut bytes = vec![0; 32];
        bytes.extend_from_slice(br#"{"kind":"x","n":1}"#);
        let by_hand = blake3::hash(&bytes).to_hex();
        assert_eq!(head.to_string(), by_hand.as_str());
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, format!(r#"{{"kind":"x","n":1,"chain":"{by_hand}"}}"#));
        assert_eq!(by_hand.as_str().parse(), Ok(head));
    }

    #[test]
    fn a_chain_is_the_same_however_long_the_line() {
        for len in (1..10).chain(SHORT_BYTES - 50..SHORT_BYTES).chain([2_000]) {
            let body = format!(r#"{{"x":"{}"}}"#, "x".repeat(len - 1));
            let (_, head) = sealed(Head::GENESIS, &body);
            let by_hand = blake3::hash(&[&[0; 32], body.as_bytes()].concat()).to_hex();
            assert_eq!(head.to_string(), by_hand.as_str(), "{len}");
        }
    }

    #[test]
    fn a_line_fits_only_after_the_one_it_was_written_after() {
        let (first, head) = sealed(Head::GENESIS, r#"{"a":1}"#);
        let (second, last) = sealed(head, r#"{"b":2}"#);
        assert_eq!(check(Head::GENESIS, &first), Ok(head));
        assert_eq!(stated(&first), Some(head));
        assert_eq!(check(head, &second), Ok(last));
        assert_eq!(check(Head::GENESIS, &second), Err(Unfit::Mismatch));
        assert_eq!(check(head, &first), Err(Unfit::Mismatch));
    }

    #[test]
    fn a_line_with_any_one_bit_flipped_does_not_fit() {
        let (line, _) = sealed(Head::GENESIS, r#"{"kind":"x","n":1}"#);
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut other = line.clone();
                other[at] ^= 1 << bit;
                assert!(check(Head::GENESIS, &other).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_line_without_a_chain_says_so() {
        for line in ["", "{}", r#"{"kind":"x"}"#, &"x".repeat(200)] {
            assert_eq!(
                check(Head::GENESIS, line.as_bytes()),
                Err(Unfit::NoChain),
                "{line}"
            );
        }
    }
}
