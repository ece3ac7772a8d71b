//! The format as it is on disk: a ledger of each format that was ever written is kept and read.

use std::fs;
use std::path::{Path, PathBuf};

use futures::executor::block_on;

use super::{bytes_of, fresh, read_all, write};
use crate::domain::{Entry, RunHeader};
use crate::ledger::samples::{one_of_each, state};
use crate::ledger::{LedgerError, LedgerState, LedgerWriter, TornTail};

/// Made once by the program that brought the format in. If a test below fails, the format has
/// changed: read "Changing the format" in the module's docs before touching the file.
const V2: &str = "fixtures/ledger/v2/every-kind.jsonl";

/// A ledger of the first format, which is not read any more.
const V1: &str = "fixtures/ledger/v1/every-kind.jsonl";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(V2)
}

#[test]
fn format_2_is_read_as_it_was_meant() {
    assert_eq!(read_all(&path()), one_of_each());
    let state = LedgerState::read(&path()).unwrap();
    let head = "fabe4297549c2a3140866877621c612d994a7d64c47e060be2725c9761a7a91e";
    assert_eq!(state.source.head.to_string(), head);
}

#[test]
fn format_2_is_still_what_is_written() {
    assert_eq!(RunHeader::FORMAT, 2);
    let kept = fs::read(path()).unwrap();
    let written = bytes_of(&one_of_each());
    assert_eq!(
        String::from_utf8(written).unwrap(),
        String::from_utf8(kept).unwrap()
    );
}

#[test]
fn format_1_is_named_and_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(V1);
    let error = LedgerState::read(&path).unwrap_err();
    assert!(
        matches!(error, LedgerError::OldFormat { found: 1, .. }),
        "{error}"
    );
}

#[test]
fn cut_at_any_byte_it_opens_with_the_state_of_its_whole_lines() {
    let (_folder, path) = fresh();
    let bytes = fs::read(self::path()).unwrap();
    let entries = one_of_each();
    let Entry::Run(header) = &entries[0] else {
        panic!("no header");
    };
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let ends: Vec<usize> = ends.map(|(at, _)| at + 1).collect();
    for (lines, end) in (1..).zip(&ends) {
        let mut expected = state((**header).clone(), &entries[1..lines]);
        let next = ends.get(lines).copied().unwrap_or(end + 1);
        for cut in *end..next {
            write(&path, &bytes[..cut]);
            let torn = (cut > *end).then(|| TornTail {
                byte: *end as u64,
                bytes: (cut - end) as u64,
            });
            let read = LedgerState::read(&path).unwrap();
            assert_eq!((read.source.lines, read.source.torn), (lines as u64, torn));
            let opened = LedgerWriter::open(&path).unwrap();
            assert_eq!(opened.cut, torn);
            expected.source = read.source.clone();
            assert_eq!(format!("{:?}", opened.state), format!("{expected:?}"));
            assert_eq!(format!("{read:?}"), format!("{expected:?}"));
            block_on(opened.writer.finish()).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes[..*end]);
        }
    }
}
