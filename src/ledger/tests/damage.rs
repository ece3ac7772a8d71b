//! A ledger that a hand changed is named with the line, and not touched.

use std::fs;

use rstest::rstest;

use super::{bytes_of, fresh, write};
use crate::domain::{Entry, Outcome};
use crate::ledger::samples::{header, one_of_each, outcome};
use crate::ledger::{
    Damage, Good, LINE_BYTES_MAX, LedgerError, LedgerReader, LedgerState, LedgerWriter, Unfit,
};

const MISMATCH: Damage = Damage::Chain(Unfit::Mismatch);

/// Reads and opens a ledger of `bytes`, which must both find the same damage and leave the file as
/// it is: the line, the byte and the reason.
fn damage_of(bytes: &[u8]) -> (u64, u64, Damage) {
    let (_folder, path) = fresh();
    write(&path, bytes);
    let opened = LedgerWriter::open(&path).map(drop).unwrap_err();
    assert_eq!(Good::of(&path).unwrap_err().to_string(), opened.to_string());
    let LedgerError::Damaged {
        path: named,
        line,
        byte,
        reason,
    } = LedgerState::read(&path).unwrap_err()
    else {
        panic!("{opened}");
    };
    assert_eq!(named, path);
    assert!(
        opened
            .to_string()
            .contains(&format!("line {line} (byte {byte})"))
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
    (line, byte, reason)
}

fn sample_lines() -> Vec<Vec<u8>> {
    let bytes = bytes_of(&one_of_each());
    bytes
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// Where line `number` (from 1) of `lines` begins.
fn start_of(lines: &[Vec<u8>], number: usize) -> u64 {
    lines[..number - 1]
        .iter()
        .map(|line| line.len() as u64)
        .sum()
}

#[test]
fn a_changed_line_is_damage_and_named() {
    let lines = sample_lines();
    for number in 1..=lines.len() {
        let mut changed = lines.clone();
        // The version of the header, or the year of a time: still JSON, still an entry.
        let text = String::from_utf8(changed[number - 1].clone()).unwrap();
        let other = text.replacen("2026-", "2025-", 1);
        assert_ne!(text, other);
        changed[number - 1] = other.into_bytes();
        let expected = (number as u64, start_of(&lines, number), MISMATCH);
        assert_eq!(damage_of(&changed.concat()), expected);
    }
}

#[test]
fn a_line_changed_in_any_byte_is_damage_and_named() {
    let lines = sample_lines();
    let number = 3;
    for at in 0..lines[number - 1].len() - 1 {
        let mut changed = lines.clone();
        changed[number - 1][at] ^= 1;
        let (line, byte, _) = damage_of(&changed.concat());
        assert_eq!(
            (line, byte),
            (number as u64, start_of(&lines, number)),
            "byte {at}"
        );
    }
}

#[test]
fn a_dropped_line_is_damage_named_by_what_stands_in_its_place() {
    let lines = sample_lines();
    for number in 2..lines.len() {
        let mut changed = lines.clone();
        changed.remove(number - 1);
        let expected = (number as u64, start_of(&lines, number), MISMATCH);
        assert_eq!(damage_of(&changed.concat()), expected);
    }
}

#[test]
fn a_dropped_header_is_named() {
    let lines = sample_lines();
    assert_eq!(damage_of(&lines[1..].concat()), (1, 0, Damage::NotAHeader));
}

#[test]
fn two_lines_that_changed_places_are_damage_and_the_first_is_named() {
    let lines = sample_lines();
    for number in 2..lines.len() {
        let mut changed = lines.clone();
        changed.swap(number - 1, number);
        let expected = (number as u64, start_of(&lines, number), MISMATCH);
        assert_eq!(damage_of(&changed.concat()), expected);
    }
}

#[test]
fn a_duplicated_line_is_damage_and_the_copy_is_named() {
    let lines = sample_lines();
    for number in 1..=lines.len() {
        let mut changed = lines.clone();
        changed.insert(number, lines[number - 1].clone());
        let expected = (number as u64 + 1, start_of(&changed, number + 1), MISMATCH);
        assert_eq!(damage_of(&changed.concat()), expected);
    }
}

#[test]
fn lines_cut_off_at_the_end_are_seen_by_who_knows_the_head() {
    let (_folder, path) = fresh();
    let lines = sample_lines();
    write(&path, &lines.concat());
    let whole = LedgerState::read(&path).unwrap().source.head;
    write(&path, &lines[..lines.len() - 1].concat());
    assert_ne!(LedgerState::read(&path).unwrap().source.head, whole);
}

#[rstest]
#[case::second_header(&[Entry::Run(Box::new(header(1))), Entry::Run(Box::new(header(1)))], 2, Damage::SecondHeader)]
#[case::no_header(&[outcome(1, Outcome::Deleted, 1)], 1, Damage::NotAHeader)]
fn a_header_stands_first_and_only_there(
    #[case] entries: &[Entry],
    #[case] line: u64,
    #[case] reason: Damage,
) {
    let found = damage_of(&bytes_of(entries));
    assert_eq!((found.0, found.2), (line, reason));
}

#[rstest]
#[case::prose(b"Dear ledger,\nall is well.\n")]
#[case::csv(b"id,action\n4711,delete\n")]
#[case::other_json(b"{\"kind\":\"run\"}\n")]
#[case::format_zero(b"{\"kind\":\"run\",\"format\":0}\n")]
#[case::not_text(b"\xff\xfe\n")]
#[case::blank(b"\n")]
fn a_file_that_is_no_ledger_is_told_so(#[case] bytes: &[u8]) {
    assert_eq!(damage_of(bytes), (1, 0, Damage::NotAHeader));
}

#[test]
fn a_line_beyond_the_cap_is_damage_before_it_is_read_whole() {
    let mut lines = sample_lines();
    let start = lines.concat().len() as u64;
    lines.push(vec![b' '; LINE_BYTES_MAX + 1]);
    let number = lines.len() as u64;
    assert_eq!(damage_of(&lines.concat()), (number, start, Damage::TooLong));
}

#[test]
fn an_entry_of_an_unknown_kind_is_named_although_it_fits() {
    let mut bytes = bytes_of(&[Entry::Run(Box::new(header(1)))]);
    let start = bytes.len() as u64;
    let line = bytes.strip_suffix(b"\n").unwrap();
    let head = crate::ledger::check(crate::ledger::Head::GENESIS, line).unwrap();
    super::chain::seal(head, br#"{"kind":"fired","row":1}"#, &mut bytes);
    let (line, byte, reason) = damage_of(&bytes);
    assert_eq!((line, byte), (2, start));
    assert!(matches!(reason, Damage::NotAnEntry { detail } if detail.contains("fired")));
}

#[test]
fn a_ledger_of_a_newer_format_is_refused_readably_and_never_written_to() {
    let (_folder, path) = fresh();
    // Its first line need be nothing else that we know; not even its chain.
    let bytes = b"{\"kind\":\"run\",\"format\":3,\"seal\":\"x\"}\n{\"torn";
    write(&path, bytes);
    let errors = [
        LedgerReader::open(&path).map(drop).unwrap_err(),
        LedgerState::read(&path).map(drop).unwrap_err(),
        LedgerWriter::open(&path).map(drop).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(
            error,
            LedgerError::NewerFormat {
                found: 3,
                known: 2,
                ..
            }
        ));
        assert!(error.to_string().contains("has format 3"));
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
}
