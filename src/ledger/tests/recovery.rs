//! What a crash leaves: every prefix of a ledger's bytes opens, and loses nothing but its torn end.

use std::fs;

use futures::executor::block_on;
use proptest::prelude::*;

use super::model::arbitrary_entry;
use super::{bytes_of, config, fresh, read_all, write};
use crate::domain::{Entry, Outcome, Step};
use crate::ledger::samples::{header, intent, outcome, session};
use crate::ledger::{Durability, LedgerError, LedgerReader, LedgerState, LedgerWriter, TornTail};

fn small_ledger() -> Vec<Entry> {
    vec![
        Entry::Run(Box::new(header(2))),
        intent(1, Step::Delete, 1),
        outcome(1, Outcome::Deleted, 2),
        intent(2, Step::Delete, 3),
        outcome(2, Outcome::Deleted, 4),
    ]
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
    let entries = small_ledger();
    let bytes = bytes_of(&entries);
    for cut in 0..=bytes.len() {
        write(&path, &bytes[..cut]);
        let (lines, torn) = whole(&bytes[..cut]);
        if lines == 0 {
            let error = LedgerWriter::open(&path).map(drop).unwrap_err();
            assert!(matches!(error, LedgerError::NoHeader { .. }), "{error}");
            assert_eq!(fs::metadata(&path).unwrap().len(), cut as u64, "left alone");
            continue;
        }
        let read = LedgerState::read(&path).unwrap();
        assert_eq!(read.source.torn, torn, "a reader leaves it out");

        let opened = LedgerWriter::open(&path).unwrap();
        assert_eq!(opened.cut, torn);
        let state = opened.state;
        assert_eq!(state.source.head, read.source.head);
        let outstanding: Vec<_> = state.outstanding().iter().collect();
        let in_doubt: Vec<_> = state.in_doubt().iter().collect();
        let (expected, doubt): (&[u64], &[u64]) = match lines {
            1 => (&[1, 2], &[]),
            2 => (&[1, 2], &[1]),
            3 => (&[2], &[]),
            4 => (&[2], &[2]),
            _ => (&[], &[]),
        };
        assert_eq!(
            (&*outstanding, &*in_doubt),
            (expected, doubt),
            "cut at {cut}"
        );

        // And it goes on: what is appended now follows the last whole line.
        let handle = opened.writer.handle();
        block_on(handle.append(session(9), Durability::Synced)).unwrap();
        block_on(opened.writer.finish()).unwrap();
        let mut expected = entries[..lines].to_vec();
        expected.push(session(9));
        assert_eq!(read_all(&path), expected);
    }
}

#[test]
fn a_last_line_that_lacks_only_its_line_feed_was_never_acknowledged() {
    let (_folder, path) = fresh();
    let mut bytes = bytes_of(&small_ledger());
    bytes.pop();
    write(&path, &bytes);
    let state = LedgerState::read(&path).unwrap();
    assert_eq!(state.source.lines, 4);
    assert!(state.outstanding().contains(2));
}

#[test]
fn a_reader_at_the_end_goes_on_with_what_is_appended() {
    let (_folder, path) = fresh();
    let entries = small_ledger();
    let bytes = bytes_of(&entries);
    let first = bytes_of(&entries[..1]).len();
    write(&path, &bytes[..first + 5]);
    let mut reader = LedgerReader::open(&path).unwrap();
    assert_eq!(reader.next_entry().unwrap(), None);
    assert_eq!(reader.torn().unwrap().bytes, 5);
    let mut file = fs::File::options().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, &bytes[first + 5..]).unwrap();
    for entry in &entries[1..] {
        assert_eq!(reader.next_entry().unwrap().as_ref(), Some(entry));
    }
    assert_eq!(reader.next_entry().unwrap(), None);
    assert_eq!(reader.torn(), None);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        ..config()
    })]

    #[test]
    fn a_ledger_cut_at_any_byte_opens_with_a_prefix_of_its_entries(
        entries in prop::collection::vec((arbitrary_entry(), any::<bool>()), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let (_folder, path) = fresh();
        let writer = LedgerWriter::create(&path, header(9)).unwrap();
        let handle = writer.handle();
        let ended = block_on(async {
            for (entry, synced) in &entries {
                let durability = if *synced { Durability::Synced } else { Durability::Queued };
                handle.append(entry.clone(), durability).await.unwrap();
            }
            writer.finish().await.unwrap()
        });
        prop_assert_eq!(LedgerState::read(&path).unwrap().source.head, ended.source.head);

        let bytes = fs::read(&path).unwrap();
        let header_len = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
        let cut = header_len + cut.index(bytes.len() - header_len + 1);
        write(&path, &bytes[..cut]);
        let (lines, torn) = whole(&bytes[..cut]);
        let opened = LedgerWriter::open(&path).unwrap();
        prop_assert_eq!(opened.cut, torn);
        prop_assert_eq!(opened.state.source.lines, lines as u64);
        block_on(opened.writer.finish()).unwrap();
        let survived = read_all(&path);
        prop_assert_eq!(survived.len(), lines);
        for (survivor, (written, _)) in survived[1..].iter().zip(&entries) {
            prop_assert_eq!(survivor, written);
        }
    }
}
