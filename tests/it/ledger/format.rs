//! The format as it is on disk: a ledger of each format that was ever written is kept; and what a crash
//! leaves of one: every prefix of its bytes opens, and loses nothing but its torn end.

use std::fs;
use std::path::{Path, PathBuf};

use futures::executor::block_on;

use super::{after_plan, bytes_of, fresh, intent, line_of, outcome, put, read_all, session};
use userpurge::domain::{Entry, Outcome, RunHeader, Step};
use userpurge::ledger::{
    Durability, LedgerError, LedgerHead, LedgerReader, LedgerState, LedgerWriter, RealDisk,
    TornTail,
};

fn kept(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/ledger/{format}/every-kind.jsonl"))
}

/// If this fails, the format has changed: read "Changing the format" in the module's docs before
/// touching the file.
#[test]
fn format_2_is_read_as_it_was_meant_and_still_what_is_written() {
    assert_eq!(RunHeader::FORMAT, 2);
    let path = kept("v2");
    let header = LedgerReader::open(&path).unwrap().header;
    let entries = std::iter::once(Entry::Run(Box::new(header))).chain(read_all(&path));
    let mut written = String::new();
    let mut head = LedgerHead::GENESIS;
    for entry in entries {
        let (line, next) = line_of(head, &entry);
        written.push_str(&String::from_utf8(line).unwrap());
        head = next;
        let again: Entry = serde_json::from_str(written.lines().last().unwrap()).unwrap();
        assert_eq!(again, entry, "the short way of reading and the long one");
    }
    assert_eq!(written, fs::read_to_string(&path).unwrap());
    assert_eq!(LedgerState::read(&path).unwrap().head, head);
}

#[test]
fn format_1_is_named_and_refused() {
    let error = LedgerState::read(&kept("v1")).unwrap_err();
    assert!(
        matches!(error, LedgerError::Format { found: 1, .. }),
        "{error}"
    );
}

/// How many whole lines `bytes` has, and what follows them.
fn whole(bytes: &[u8]) -> (usize, Option<TornTail>) {
    let end = bytes
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let lines = bytes.split(|b| *b == b'\n').count() - 1;
    let torn = (end < bytes.len()).then(|| TornTail {
        byte: end as u64,
        bytes: (bytes.len() - end) as u64,
    });
    (lines, torn)
}

#[test]
fn a_torn_tail_at_every_byte_is_cut_and_its_row_is_outstanding() {
    let (_folder, path) = fresh();
    let entries = after_plan(
        2,
        &[
            intent(1, Step::Delete, 1),
            outcome(1, Outcome::Deleted, 2),
            intent(2, Step::Delete, 3),
            outcome(2, Outcome::Deleted, 4),
        ],
    );
    let bytes = bytes_of(&entries);
    for cut in 0..=bytes.len() {
        put(&path, &bytes[..cut]);
        let (lines, torn) = whole(&bytes[..cut]);
        if lines == 0 {
            let error = LedgerWriter::open_on(&RealDisk, &path)
                .map(drop)
                .unwrap_err();
            assert!(matches!(error, LedgerError::NoHeader(_)), "{error}");
            assert_eq!(fs::metadata(&path).unwrap().len(), cut as u64, "left alone");
            continue;
        }
        let read = LedgerState::read(&path).unwrap();
        assert_eq!(read.torn, torn, "a reader leaves it out");

        let (writer, state) = LedgerWriter::open_on(&RealDisk, &path).unwrap();
        assert_eq!(state.torn, torn);
        assert_eq!(state.head, read.head);
        let outstanding: Vec<_> = state.outstanding().iter().collect();
        let in_doubt: Vec<_> = state.in_doubt().iter().collect();
        let (expected, doubt): (&[u64], &[u64]) = match lines {
            2 | 3 => (&[1, 2], &[]),
            4 => (&[1, 2], &[1]),
            5 => (&[2], &[]),
            6 => (&[2], &[2]),
            // The header alone, and all of it.
            _ => (&[], &[]),
        };
        assert_eq!(
            (&*outstanding, &*in_doubt),
            (expected, doubt),
            "cut at {cut}"
        );

        // And it goes on: what is appended now follows the last whole line.
        let handle = writer.handle();
        block_on(handle.append(session(9), Durability::Synced)).unwrap();
        block_on(writer.finish()).unwrap();
        let mut expected = entries[..lines - 1].to_vec();
        expected.push(session(9));
        assert_eq!(read_all(&path), expected);
    }
}
