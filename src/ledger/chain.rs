//! The chain through a ledger's lines: each carries the hash of the one before with its own bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::error::Damage;
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
pub fn check(previous: Head, line: &[u8]) -> Result<Head, Damage> {
    let (open, stated) = split(line).ok_or(Damage::NoChain)?;
    let head = next(previous, open);
    if head.0.to_hex().as_bytes() == stated {
        Ok(head)
    } else {
        Err(Damage::Mismatch)
    }
}

/// The chain that `line` says it has, fitting or not; `None`: it says none.
pub(super) fn stated(line: &[u8]) -> Option<Head> {
    let (_, hex) = split(line)?;
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

/// Appends to `lines` the line that holds `body` (a JSON object that is not empty) after a line
/// whose chain is `previous`, with its line feed, and gives its chain.
pub fn seal(previous: Head, body: &[u8], lines: &mut Vec<u8>) -> Head {
    let open = body.strip_suffix(b"}").unwrap_or(body);
    let head = next(previous, open);
    lines.extend_from_slice(open);
    lines.extend_from_slice(FIELD);
    lines.extend_from_slice(head.0.to_hex().as_bytes());
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

/// The chain of the body that `open` is, but for its closing brace.
fn next(previous: Head, open: &[u8]) -> Head {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous.0.as_bytes());
    hasher.update(open);
    hasher.update(b"}");
    Head(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::{Damage, Head, check, seal};

    fn sealed(previous: Head, body: &str) -> (Vec<u8>, Head) {
        let mut line = Vec::new();
        let head = seal(previous, body.as_bytes(), &mut line);
        assert_eq!(line.pop(), Some(b'\n'));
        (line, head)
    }

    #[test]
    fn the_chain_is_blake3_of_the_chain_before_and_the_line_without_it() {
        let body = r#"{"kind":"x","n":1}"#;
        let (line, head) = sealed(Head::GENESIS, body);
        let by_hand = blake3::hash(&[&[0; 32], body.as_bytes()].concat()).to_hex();
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, format!(r#"{{"kind":"x","n":1,"chain":"{by_hand}"}}"#));
        assert_eq!(by_hand.as_str().parse(), Ok(head));
    }

    #[test]
    fn a_line_fits_whole_and_only_after_the_one_it_was_written_after() {
        let (first, head) = sealed(Head::GENESIS, r#"{"a":1}"#);
        let (second, last) = sealed(head, r#"{"b":2}"#);
        for (before, line, expected) in [
            (Head::GENESIS, &first[..], Ok(head)),
            (head, &second, Ok(last)),
            (Head::GENESIS, &second, Err(Damage::Mismatch)),
            (head, &first, Err(Damage::Mismatch)),
            (head, b"", Err(Damage::NoChain)),
            (head, br#"{"kind":"x"}"#, Err(Damage::NoChain)),
        ] {
            assert_eq!(check(before, line), expected);
        }
        for at in 0..first.len() * 8 {
            let mut other = first.clone();
            other[at / 8] ^= 1 << (at % 8);
            assert!(check(Head::GENESIS, &other).is_err(), "bit {at}");
        }
    }
}
