//! A ledger that a hand changed is named with the line, and not touched.

use std::fs;

use rstest::rstest;

use super::{
    account, after_plan, agreed, bytes_of, end, fresh, header, lines_of, outcome, plan, planned,
    put, session, unsent, written,
};
use userpurge::domain::{Action, Entry, Outcome, RunState};
use userpurge::ledger::{
    self, Audit, Good, LINE_BYTES_MAX, LedgerDamage, LedgerError, LedgerHead, LedgerReader,
    LedgerState, LedgerWriter, PlanRows, RealDisk,
};

const MISMATCH: LedgerDamage = LedgerDamage::Mismatch;

/// Reads and opens a ledger of `bytes`, which must both find the same damage and leave the file as
/// it is: the line, the byte and the reason.
fn damage_of(bytes: &[u8]) -> (u64, u64, LedgerDamage) {
    let (_folder, path) = fresh();
    put(&path, bytes);
    let opened = LedgerWriter::open_on(&RealDisk, &path)
        .map(drop)
        .unwrap_err();
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
    lines_of(&after_plan(
        3,
        &[
            agreed(1),
            session(2),
            outcome(1, Outcome::Deleted, 3),
            outcome(2, Outcome::Refused, 4),
        ],
    ))
}

/// Where line `number` (from 1) of `lines` begins.
fn start_of(lines: &[Vec<u8>], number: usize) -> u64 {
    lines[..number - 1]
        .iter()
        .map(|line| line.len() as u64)
        .sum()
}

#[test]
fn a_line_changed_in_any_byte_is_damage_and_named() {
    let lines = sample_lines();
    let number = 4;
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
fn a_line_that_is_changed_dropped_moved_or_copied_is_named() {
    let lines = sample_lines();
    for at in 1..lines.len() - 1 {
        let mut mistyped = lines.clone();
        let text = String::from_utf8(lines[at].clone()).unwrap();
        let text = text
            .replacen("\"row", "\"Row", 1)
            .replacen("\"at\"", "\"aT\"", 1);
        mistyped[at] = text.into_bytes();
        let mut dropped = lines.clone();
        dropped.remove(at);
        let mut moved = lines.clone();
        moved.swap(at, at + 1);
        let mut copied = lines.clone();
        copied.insert(at, lines[at].clone());
        for (place, hurt) in [(at, mistyped), (at, dropped), (at, moved), (at + 1, copied)] {
            let expected = (place as u64 + 1, start_of(&hurt, place + 1), MISMATCH);
            assert_eq!(damage_of(&hurt.concat()), expected);
        }
    }
    assert_eq!(
        damage_of(&lines[1..].concat()),
        (1, 0, LedgerDamage::NotAHeader)
    );
}

#[test]
fn lines_cut_off_at_the_end_are_seen_by_who_knows_the_head() {
    let (_folder, path) = fresh();
    let lines = sample_lines();
    put(&path, &lines.concat());
    let whole = LedgerState::read(&path).unwrap().head;
    put(&path, &lines[..lines.len() - 1].concat());
    assert_ne!(LedgerState::read(&path).unwrap().head, whole);
}

#[rstest]
#[case::second_header(vec![Entry::Run(Box::new(header()))], LedgerDamage::SecondHeader)]
#[case::late_plan(after_plan(1, &[agreed(1), plan("acme", Action::Purge, &[2])]), LedgerDamage::LatePlan)]
#[case::plan_behind_its_end(after_plan(1, &[plan("acme", Action::Purge, &[2])]), LedgerDamage::LatePlan)]
#[case::second_end(after_plan(1, &[planned(1)]), LedgerDamage::SecondPlan)]
#[case::second_agreement(after_plan(1, &[agreed(1), agreed(2)]), LedgerDamage::SecondPlan)]
#[case::late_unsent(after_plan(2, &[agreed(1), unsent(None, Outcome::Invalid, &[2])]), LedgerDamage::LatePlan)]
fn a_line_that_fits_and_stands_in_the_wrong_place_is_damage(
    #[case] entries: Vec<Entry>,
    #[case] reason: LedgerDamage,
) {
    let found = damage_of(&bytes_of(&entries));
    assert_eq!(
        (found.0, found.2),
        (entries.len() as u64 + 1, reason.clone())
    );
    let (_folder, path) = written(&entries);
    let damage = Audit::of(&path, None).unwrap().damage;
    assert!(matches!(damage, Some(LedgerError::Damaged { reason: it, .. }) if it == reason));
}

#[test]
fn an_end_that_counts_otherwise_than_the_outcomes_is_found_by_an_audit() {
    let entries = after_plan(
        1,
        &[outcome(1, Outcome::Deleted, 2), end(RunState::Finished, 4)],
    );
    let (_folder, path) = written(&entries);
    let audit = Audit::of(&path, None).unwrap();
    let bytes = bytes_of(&entries[..3]).len() as u64;
    assert_eq!((audit.lines, audit.bytes, audit.torn), (4, bytes, None));
    let Some(LedgerError::Damaged {
        line, byte, reason, ..
    }) = audit.damage
    else {
        panic!("no damage");
    };
    assert_eq!((line, byte, reason), (5, bytes, LedgerDamage::Counts));
}

#[test]
fn a_block_of_the_plan_that_was_changed_after_it_was_read_is_not_believed() {
    let entries = after_plan(1, &[]);
    let (_folder, path) = written(&entries);
    let state = LedgerState::read(&path).unwrap();
    let rows = state.outstanding();
    let read = || {
        let mut rows = PlanRows::open(&state, account("acme"), Action::Purge, &rows).unwrap();
        rows.next_block(&state)
    };
    assert_eq!(read().unwrap().len(), 1);
    // Sealed anew, so that the line itself fits; and changed in place, so that it does not.
    let mut forged = plan("acme", Action::Purge, &[1]);
    if let Entry::Plan(block) = &mut forged {
        block.rows[0].id = userpurge::domain::UserId::new("902");
    }
    let lines = lines_of(&entries);
    let sealed = bytes_of(&[forged, entries[1].clone()]);
    let text = String::from_utf8(lines.concat()).unwrap();
    for changed in [
        sealed,
        text.replacen("\"901\"", "\"902\"", 1).into_bytes(),
        lines[0].clone(),
    ] {
        put(&path, &changed);
        let error = read().unwrap_err();
        assert!(
            matches!(error, LedgerError::Io { doing: "read", .. }),
            "{error}"
        );
    }
}

#[rstest]
#[case::prose(b"Dear ledger,\nall is well.\n")]
#[case::csv(b"id,action\n4711,delete\n")]
#[case::other_json(b"{\"kind\":\"run\"}\n")]
#[case::format_zero(b"{\"kind\":\"run\",\"format\":0}\n")]
#[case::not_text(b"\xff\xfe\n")]
#[case::blank(b"\n")]
#[case::entry(b"{\"kind\":\"end\"}\n")]
fn a_file_that_is_no_ledger_is_told_so(#[case] bytes: &[u8]) {
    assert_eq!(damage_of(bytes), (1, 0, LedgerDamage::NotAHeader));
}

#[test]
fn a_line_beyond_the_cap_is_damage_before_it_is_read_whole() {
    let mut lines = sample_lines();
    let start = lines.concat().len() as u64;
    lines.push(vec![b' '; LINE_BYTES_MAX + 1]);
    let number = lines.len() as u64;
    assert_eq!(
        damage_of(&lines.concat()),
        (number, start, LedgerDamage::TooLong)
    );
}

#[test]
fn an_entry_of_an_unknown_kind_is_named_although_it_fits() {
    let mut bytes = bytes_of(&[]);
    let start = bytes.len() as u64;
    let head = ledger::check(LedgerHead::GENESIS, &bytes[..bytes.len() - 1]).unwrap();
    let open = r#"{"kind":"fired","row":1"#;
    let chain = blake3::Hasher::new()
        .update(blake3::Hash::from_hex(head.to_string()).unwrap().as_bytes())
        .update(format!("{open}}}").as_bytes())
        .finalize();
    bytes.extend(format!("{open},\"chain\":\"{chain}\"}}\n").bytes());
    let (line, byte, reason) = damage_of(&bytes);
    assert_eq!((line, byte), (2, start));
    assert!(matches!(reason, LedgerDamage::NotAnEntry { detail } if detail.contains("fired")));
}

#[test]
fn a_ledger_of_a_newer_format_is_refused_readably_and_never_written_to() {
    let (_folder, path) = fresh();
    // Its first line need be nothing else that we know; not even its chain.
    let bytes = b"{\"kind\":\"run\",\"format\":3,\"seal\":\"x\"}\n{\"torn";
    put(&path, bytes);
    let errors = [
        LedgerReader::open(&path).map(drop).unwrap_err(),
        LedgerState::read(&path).map(drop).unwrap_err(),
        LedgerWriter::open_on(&RealDisk, &path)
            .map(drop)
            .unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, LedgerError::Format { found: 3, .. }));
        let told = "has format 3, and this program knows formats up to 2; use the newer version";
        assert!(error.to_string().contains(told), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
}
