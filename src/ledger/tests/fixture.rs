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
    let head = "7d45dbe83a7e7da378c5f8a3bdf54762572cd361d5c8856a8acb39174d784a7b";
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
