//! An entry as the body of a line, and back. The chain around it is `chain`'s.

use serde_json::{Result, from_slice};

use super::chain::{self, LINE_OVERHEAD};
use crate::domain::Entry;

/// The longest line there may be, its line feed counted, in bytes: 4 MiB. A block of a plan has 256
/// rows, each with an id and a reference.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The longest body a line can hold, in bytes.
pub(super) const BODY_BYTES_MAX: usize = LINE_BYTES_MAX - LINE_OVERHEAD;

/// Appends the body of an entry's line to `body`.
pub(super) fn encode_to(entry: &Entry, body: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(body, entry)
}

/// The entry that a line holds; its chain is passed over. The line is used up by it.
///
/// Serde reads a tagged enum by way of a tree of the whole object. `kind` stands first and the chain
/// last: of the kinds there are many of, only what stands between is read, as the struct it is.
/// Without it, `status` of a million rows takes more than 1.5 seconds.
pub(super) fn decode(line: &mut [u8]) -> Result<Entry> {
    const OPEN: &[u8] = b"{\"kind\":\"";
    let kind = line.strip_prefix(OPEN).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b'"').next().unwrap_or_default();
    let from = OPEN.len() + kind.len() + 1;
    let to = chain::body_len(line).map_or(0, |length| length - 1);
    if from >= to || line[from] != b',' {
        return from_slice(line);
    }
    let kind = String::from_utf8_lossy(kind).into_owned();
    let whole = (line[from], line[to]);
    // A brace in the place of the comma on either side makes an object.
    (line[from], line[to]) = (b'{', b'}');
    let fields = &line[from..=to];
    match kind.as_str() {
        "plan" => from_slice(fields).map(Entry::Plan),
        "unsent" => from_slice(fields).map(Entry::Unsent),
        "intent" => from_slice(fields).map(Entry::Intent),
        "job" => from_slice(fields).map(Entry::Bulk),
        "attempt" => from_slice(fields).map(Entry::Attempt),
        "step" => from_slice(fields).map(Entry::Step),
        "outcome" => from_slice(fields).map(Entry::Outcome),
        "request" => from_slice(fields).map(Entry::Request),
        "verify" => from_slice(fields).map(Entry::Verify),
        _ => {
            (line[from], line[to]) = whole;
            from_slice(line)
        }
    }
}
