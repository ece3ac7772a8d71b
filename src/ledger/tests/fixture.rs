//! The format as it is on disk: a ledger of each format that was ever written is kept and read.

use std::fs;
use std::path::{Path, PathBuf};

use super::{bytes_of, read_all};
use crate::domain::RunHeader;
use crate::ledger::LedgerState;
use crate::ledger::samples::one_of_each;

/// Made once by the program that brought the format in. If a test below fails, the format has
/// changed: read "Changing the format" in the module's docs before touching the file.
const V1: &str = "fixtures/ledger/v1/every-kind.jsonl";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(V1)
}

#[test]
fn format_1_is_read_as_it_was_meant() {
    assert_eq!(read_all(&path()), one_of_each());
    let state = LedgerState::read(&path()).unwrap();
    let head = "a8218a70af3900b4b43396943e548b788e7232d55d79a02445bcdb20e12ed834";
    assert_eq!(state.source.head.to_string(), head);
}

#[test]
fn format_1_is_still_what_is_written() {
    assert_eq!(RunHeader::FORMAT, 1);
    let kept = fs::read(path()).unwrap();
    let written = bytes_of(&one_of_each());
    assert_eq!(
        String::from_utf8(written).unwrap(),
        String::from_utf8(kept).unwrap()
    );
}
