//! A ledger that is looked at while it grows, and the state that is read block by block.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use futures::executor::block_on;
use proptest::prelude::*;

use super::model::arbitrary_entry;
use super::{
    after_plan, agreed, bad, bytes_of, cases, fresh, header, outcome, planned, put, session,
    state_of, written,
};
use userpurge::domain::{Entry, Outcome};
use userpurge::ledger::{
    Durability, LedgerDamage, LedgerError, LedgerHead, LedgerReader, LedgerState, LedgerWriter,
    RealDisk,
};

fn append(path: &Path, bytes: &[u8]) {
    let mut file = fs::File::options().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// A header and the ends of rows 1 to 4, and where each line begins; behind them, where the last
/// ends.
fn lines() -> (Vec<u8>, Vec<usize>) {
    let entries: Vec<_> = (1..=4)
        .map(|row| outcome(row, Outcome::Deleted, 1))
        .collect();
    let bytes = bytes_of(&entries);
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let begins = std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .collect();
    (bytes, begins)
}

/// How the rows ended that were written since `reader` looked last.
fn look(reader: &mut LedgerReader) -> Result<Vec<Outcome>, LedgerError> {
    let mut ends = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        if let Entry::Outcome(row) = entry {
            ends.push(row.outcome);
        }
    }
    Ok(ends)
}

#[test]
fn each_look_sees_what_was_appended_since() {
    let (_folder, path) = fresh();
    let (bytes, begins) = lines();
    put(&path, &bytes[..begins[2]]);
    let mut reader = LedgerReader::open(&path).unwrap();
    for (from, to, seen) in [(2, 2, 1), (2, 4, 2), (4, 5, 1), (5, 5, 0)] {
        append(&path, &bytes[begins[from]..begins[to]]);
        assert_eq!(look(&mut reader).unwrap().len(), seen);
    }
    assert_eq!(reader.head, LedgerState::read(&path).unwrap().head);
}

#[test]
fn what_an_earlier_look_has_read_is_not_read_again() {
    let (_folder, path) = fresh();
    let (bytes, begins) = lines();
    put(&path, &bytes[..begins[4]]);
    let mut reader = LedgerReader::open(&path).unwrap();
    look(&mut reader).unwrap();
    // Were it read again, it would be no ledger any more.
    let mut blanks = vec![b' '; begins[4]];
    blanks.extend_from_slice(&bytes[begins[4]..]);
    put(&path, &blanks);
    assert!(reader.reopen().unwrap());
    assert_eq!(look(&mut reader).unwrap().len(), 1);
    assert!(LedgerState::read(&path).is_err());
}

#[test]
fn half_a_line_is_no_damage_whether_it_is_finished_or_cut_off_by_who_takes_the_run_up() {
    for finished in [true, false] {
        let (_folder, path) = fresh();
        let (bytes, begins) = lines();
        let half = usize::midpoint(begins[3], begins[4]);
        put(&path, &bytes[..half]);
        let mut reader = LedgerReader::open(&path).unwrap();
        assert_eq!(look(&mut reader).unwrap().len(), 2);
        assert!(reader.torn().is_some());
        if finished {
            append(&path, &bytes[half..]);
        } else {
            let (writer, _) = LedgerWriter::open_on(&RealDisk, &path).unwrap();
            let handle = writer.handle();
            block_on(async {
                for row in [4, 3] {
                    let entry = outcome(row, Outcome::Refused, 2);
                    let queued = handle.append(entry.clone(), Durability::Queued);
                    queued.await.unwrap();
                }
                writer.finish().await.unwrap();
            });
        }
        assert!(reader.reopen().unwrap());
        let end = if finished {
            Outcome::Deleted
        } else {
            Outcome::Refused
        };
        assert_eq!(look(&mut reader).unwrap(), [end; 2]);
        assert_eq!(reader.torn(), None);
    }
}

#[test]
fn another_ledger_of_the_same_name_is_seen() {
    let (bytes, begins) = lines();
    let ends = [
        (bytes_of(&[planned(7)]), true),
        (
            bytes_of(&after_plan(
                7,
                &[agreed(1), session(2), session(3), session(4)],
            )),
            false,
        ),
    ];
    for (other, is_shorter) in ends {
        let (_folder, path) = fresh();
        put(&path, &bytes[..begins[3]]);
        let mut reader = LedgerReader::open(&path).unwrap();
        look(&mut reader).unwrap();
        put(&path, &other);
        assert_eq!(reader.reopen().unwrap(), !is_shorter);
        assert!(is_shorter || look(&mut reader).is_err());
    }
}

#[test]
fn damage_that_comes_later_is_named_by_its_line() {
    let (_folder, path) = fresh();
    let (bytes, begins) = lines();
    put(&path, &bytes[..begins[3]]);
    let mut reader = LedgerReader::open(&path).unwrap();
    look(&mut reader).unwrap();
    append(&path, &bytes[begins[4]..]);
    let error = look(&mut reader).unwrap_err();
    assert!(
        matches!(
            error,
            LedgerError::Damaged {
                line: 4,
                reason: LedgerDamage::Mismatch,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn lines_of_every_length_are_read_over_the_ends_of_blocks() {
    // Some forty blocks of 256 KiB, of lines up to the longest there may be.
    let entries: Vec<Entry> = (1..=40)
        .map(|row| {
            let length = usize::try_from(row * row * 600).unwrap();
            bad(row, Outcome::Deleted, "x", &"x".repeat(length), 1)
        })
        .collect();
    let (_folder, path) = written(&entries);
    let state = LedgerState::read(&path).unwrap();
    assert_eq!((state.counts().deleted, state.lines), (40, 41));
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 200_000;
    bytes[last] ^= 1;
    put(&path, &bytes);
    let error = LedgerState::read(&path).unwrap_err();
    assert!(
        matches!(error, LedgerError::Damaged { line: 41, .. }),
        "{error}"
    );
}

/// What is wrong with a ledger of `bytes`, in words: read in blocks that are checked side by side, which
/// must find the same as one line after another.
fn wrong(bytes: &[u8]) -> Option<String> {
    let (_folder, path) = fresh();
    put(&path, bytes);
    let one_by_one = LedgerReader::open(&path).and_then(|mut reader| {
        while reader.next_entry()?.is_some() {}
        Ok(reader.head)
    });
    let said = |error: LedgerError| error.to_string().replace(&path.display().to_string(), "a");
    let blocks = LedgerState::read(&path)
        .map(|state| state.head)
        .map_err(said);
    assert_eq!(blocks, one_by_one.map_err(said));
    blocks.err()
}

#[test]
fn what_is_wrong_at_the_end_of_a_block_is_found_whoever_checks_the_next() {
    let entries: Vec<_> = (1..=9_000)
        .map(|row| outcome(row, Outcome::Deleted, 1))
        .collect();
    let bytes = bytes_of(&entries);
    let line_at = |at: usize| {
        let before = bytes[..at].iter().rposition(|byte| *byte == b'\n');
        let begin = before.map_or(0, |feed| feed + 1);
        begin..at + bytes[at..].iter().position(|byte| *byte == b'\n').unwrap()
    };
    let block = 256 * 1024;
    let header = line_at(0).end + 1;
    assert!(bytes.len() > header + 3 * block);
    assert_eq!(wrong(&bytes), None);
    for blocks in 1..=3 {
        // The line in which a block ends is the first of the next, the one before it the last of this.
        let first = line_at(header + blocks * block);
        for at in [first.start - 2, first.start] {
            let line = line_at(at);
            let number = bytes[..at].split(|byte| *byte == b'\n').count();
            for changed in [line.start + 10, line.end - 10] {
                let mut bytes = bytes.clone();
                bytes[changed] ^= 1;
                let expected = format!("line {number} ");
                assert!(wrong(&bytes).unwrap().contains(&expected), "{changed}");
            }
            // Sealed anew by somebody who knows how: then the next line does not follow.
            let before = String::from_utf8(bytes[line_at(line.start - 1)].to_vec()).unwrap();
            let previous: LedgerHead = before[before.len() - 66..before.len() - 2].parse().unwrap();
            let forged = outcome(number as u64 - 1, Outcome::Refused, 1);
            let forged = super::line_of(previous, &forged).0;
            let forged = [&bytes[..line.start], &forged, &bytes[line.end + 1..]].concat();
            let expected = format!("line {} ", number + 1);
            assert!(wrong(&forged).unwrap().contains(&expected), "{at}");
        }
    }
}

/// All of a state but for where it comes from.
fn told(mut state: LedgerState) -> String {
    state.path = "a".into();
    state.head = LedgerHead::GENESIS;
    format!("{state:?}")
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_state_read_from_a_file_is_that_of_its_entries(
        entries in prop::collection::vec(arbitrary_entry(), 0..60),
    ) {
        let (_folder, path) = written(&entries);
        let (writer, state) = LedgerWriter::open_on(&RealDisk, &path).unwrap();
        block_on(writer.finish()).unwrap();
        let mut expected = state_of(header(), &entries);
        expected.lines = entries.len() as u64 + 1;
        prop_assert_eq!(told(state), told(expected.clone()));
        prop_assert_eq!(told(LedgerState::read(&path).unwrap()), told(expected));
    }
}
