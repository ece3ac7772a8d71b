//! An entry as the body of a line, and back. The chain around it is `chain`'s.

use serde_json::{Result, from_slice};

use super::chain::LINE_OVERHEAD;
use crate::domain::Entry;

/// The longest line there may be, its line feed counted, in bytes: 1 MiB.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// The longest body a line can hold, in bytes.
pub(super) const BODY_BYTES_MAX: usize = LINE_BYTES_MAX - LINE_OVERHEAD;

/// The body of an entry's line.
pub(crate) fn encode(entry: &Entry) -> Result<Vec<u8>> {
    serde_json::to_vec(entry)
}

/// The entry that a line holds; its chain is passed over.
///
/// Serde reads a tagged enum by way of a tree of the whole object. We write `kind` first, so a look
/// at it spares that for the kinds there are many of.
pub(super) fn decode(line: &[u8]) -> Result<Entry> {
    let kind = line
        .strip_prefix(b"{\"kind\":\"")
        .and_then(|rest| rest.split(|byte| *byte == b'"').next());
    match kind {
        Some(b"intent") => from_slice(line).map(Entry::Intent),
        Some(b"attempt") => from_slice(line).map(Entry::Attempt),
        Some(b"step") => from_slice(line).map(Entry::Step),
        Some(b"outcome") => from_slice(line).map(Entry::Outcome),
        Some(b"request") => from_slice(line).map(Entry::Request),
        _ => from_slice(line),
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::domain::Entry;
    use crate::ledger::samples;

    #[test]
    fn every_kind_reads_back_on_the_short_way_and_on_the_long() {
        for entry in samples::one_of_each() {
            let body = encode(&entry).unwrap();
            assert!(body.starts_with(b"{\"kind\":\""));
            assert_eq!(decode(&body).unwrap(), entry);
            assert_eq!(serde_json::from_slice::<Entry>(&body).unwrap(), entry);
            // With the chain behind it, and with a blank in front, which is the long way.
            let mut line = body.clone();
            line.splice(line.len() - 1.., *b",\"chain\":\"00\"}");
            assert_eq!(decode(&line).unwrap(), entry);
            line.insert(0, b' ');
            assert_eq!(decode(&line).unwrap(), entry);
        }
    }

    #[test]
    fn an_unknown_kind_is_no_entry() {
        assert!(decode(br#"{"kind":"intentional","row":1}"#).is_err());
        assert!(decode(br#"{"kind":"#).is_err());
    }
}
