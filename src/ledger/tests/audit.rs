//! What an audit says of a ledger that something was done to.

use std::fs;

use proptest::prelude::*;
use proptest::sample::Index;

use super::model::arbitrary_entry;
use super::{bytes_of, config, fresh, write};
use crate::domain::{Entry, Outcome, RunState, Step};
use crate::ledger::chain::{self, Head};
use crate::ledger::samples::{end, header, intent, outcome};
use crate::ledger::{
    Audit, Damage, LINE_BYTES_MAX, LedgerError, LedgerState, LedgerWriter, Misfit, TornTail,
};

type Lines = Vec<Vec<u8>>;

/// The lines of a ledger that holds `entries` after a header, each with its line feed. Ends get the
/// counts of what stands before them.
fn lines_of(entries: &[Entry]) -> Lines {
    let mut state = LedgerState::new(header(4));
    let mut all = vec![Entry::Run(Box::new(header(4)))];
    for entry in entries {
        let mut entry = entry.clone();
        if let Entry::End(end) = &mut entry {
            end.outcomes = state.counts();
        }
        state.apply(0, &entry);
        all.push(entry);
    }
    let bytes = bytes_of(&all);
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn five_lines() -> Lines {
    lines_of(&[
        intent(1, Step::Delete, 1),
        outcome(1, Outcome::Deleted, 2),
        intent(2, Step::Delete, 3),
        end(RunState::Interrupted, 4),
    ])
}

fn audit(lines: &Lines, noted: Option<Head>) -> Audit {
    let (_folder, path) = fresh();
    write(&path, &lines.concat());
    Audit::of(&path, noted).unwrap()
}

fn heads(lines: &Lines) -> Vec<Head> {
    let heads = lines.iter().map(|line| &line[..line.len() - 1]);
    heads.map(|line| chain::stated(line).unwrap()).collect()
}

/// The place of line `number` and a reason.
fn at(lines: &Lines, number: usize, reason: Damage) -> Misfit {
    let before = lines[..number - 1].iter().map(|line| line.len() as u64);
    Misfit {
        line: number as u64,
        byte: before.sum(),
        reason,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..config() })]

    #[test]
    fn a_change_at_a_random_place_is_named_with_its_line(
        entries in prop::collection::vec(arbitrary_entry(), 1..16),
        line in any::<Index>(),
        place in any::<Index>(),
        change in 0..4usize,
    ) {
        let mut lines = lines_of(&entries);
        let line = line.index(lines.len());
        let place = place.index(lines[line].len() - 1);
        match change {
            0 => lines[line][place] ^= 1 << 7,
            1 => lines.insert(line, b"{}\n".to_vec()),
            2 if line > 0 => lines.insert(line, lines[line - 1].clone()),
            _ if line + 1 < lines.len() => drop(lines.remove(line)),
            _ => drop(lines[line].remove(place)),
        }
        let found = audit(&lines, None);
        let misfit = found.misfit.unwrap();
        let expected = at(&lines, line + 1, misfit.reason.clone());
        prop_assert_eq!(&misfit, &expected);
        prop_assert_eq!((found.lines + 1, found.bytes), (misfit.line, misfit.byte));
        prop_assert!(matches!(misfit.reason, Damage::Chain(_) | Damage::NotAHeader));
    }

    #[test]
    fn a_head_finds_every_cut_and_no_growth(
        entries in prop::collection::vec(arbitrary_entry(), 1..16),
        noted in any::<Index>(),
        kept in any::<Index>(),
    ) {
        let mut lines = lines_of(&entries);
        let noted = noted.index(lines.len());
        let kept = kept.index(lines.len()) + 1;
        let head = heads(&lines)[noted];
        lines.truncate(kept);
        let found = audit(&lines, Some(head));
        if noted < kept {
            prop_assert_eq!(found.misfit, None);
            prop_assert_eq!(found.noted_at, Some(noted as u64 + 1));
        } else {
            let byte = lines.concat().len() as u64;
            let cut = Misfit { line: kept as u64 + 1, byte, reason: Damage::CutOff { head } };
            prop_assert_eq!(found.misfit, Some(cut));
            prop_assert_eq!(found.head, heads(&lines)[kept - 1]);
        }
    }
}

#[test]
fn a_whole_ledger_is_counted_and_changes_nothing_on_disk() {
    let (_folder, path) = fresh();
    let lines = five_lines();
    write(&path, &lines.concat());
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let found = Audit::of(&path, None).unwrap();
    let expected = Audit {
        path: path.clone(),
        run_id: Some(header(4).run_id),
        lines: 5,
        bytes: lines.concat().len() as u64,
        head: *heads(&lines).last().unwrap(),
        torn: None,
        noted_at: None,
        misfit: None,
    };
    assert_eq!(found, expected);
    assert!(found.damage().is_none());
    assert_eq!(fs::read(&path).unwrap(), lines.concat());
}

#[test]
fn a_ledger_is_audited_beside_the_process_that_writes_it() {
    let (_folder, path) = fresh();
    let writer = LedgerWriter::create(&path, header(4)).unwrap();
    assert_eq!(Audit::of(&path, None).unwrap().lines, 1);
    drop(writer);
}

#[test]
fn a_torn_last_line_is_no_damage() {
    let mut lines = five_lines();
    let last = lines.pop().unwrap();
    let byte = lines.concat().len() as u64;
    lines.push(last[..7].to_vec());
    let found = audit(&lines, None);
    assert_eq!(found.torn, Some(TornTail { byte, bytes: 7 }));
    assert_eq!((found.lines, found.misfit), (4, None));
}

#[test]
fn a_head_of_a_torn_line_is_cut_off() {
    let mut lines = five_lines();
    let head = *heads(&lines).last().unwrap();
    lines.last_mut().unwrap().pop();
    let found = audit(&lines, Some(head)).misfit;
    assert_eq!(found, Some(at(&lines, 5, Damage::CutOff { head })));
}

#[test]
fn a_line_that_is_too_long_is_damage_and_later_ones_do_not_matter() {
    let mut lines = five_lines();
    let long = vec![b' '; LINE_BYTES_MAX * 2];
    lines.insert(3, [&long[..], b"\n"].concat());
    let found = audit(&lines, None).misfit;
    assert_eq!(found, Some(at(&lines, 4, Damage::TooLong)));
}

#[test]
fn an_end_that_counts_otherwise_than_the_outcomes_is_damage_although_it_fits() {
    let bytes = bytes_of(&[
        Entry::Run(Box::new(header(4))),
        outcome(1, Outcome::Deleted, 2),
        end(RunState::Finished, 4),
    ]);
    let lines: Lines = bytes
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    assert_eq!(
        audit(&lines, None).misfit,
        Some(at(&lines, 3, Damage::Counts))
    );
}

#[test]
fn what_is_no_ledger_and_what_is_newer_is_told_so() {
    let csv = vec![b"id,action\n".to_vec(), b"4711,delete\n".to_vec()];
    let found = audit(&csv, None);
    assert_eq!(found.misfit, Some(at(&csv, 1, Damage::NotAHeader)));
    assert_eq!((found.run_id, found.lines), (None, 0));

    let (_folder, path) = fresh();
    write(&path, b"{\"kind\":\"run\",\"format\":3}\n");
    let error = Audit::of(&path, None).unwrap_err();
    assert!(matches!(error, LedgerError::NewerFormat { found: 3, .. }));
    write(&path, b"{\"kind\":\"ru");
    let error = Audit::of(&path, None).unwrap_err();
    assert!(matches!(error, LedgerError::NoHeader { .. }));
}
