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
    Audit, Damage, LINE_BYTES_MAX, LedgerError, LedgerWriter, Misfit, StateBuilder, TornTail,
};

type Lines = Vec<Vec<u8>>;

/// The lines of a ledger that holds `entries` after a header, each with its line feed. Ends get the
/// counts of what stands before them.
fn lines_of(entries: &[Entry]) -> Lines {
    let mut state = StateBuilder::new(header(4));
    let mut all = vec![Entry::Run(Box::new(header(4)))];
    for entry in entries {
        let mut entry = entry.clone();
        if let Entry::End(end) = &mut entry {
            end.outcomes = state.counts();
        }
        state.apply(&entry);
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

/// One thing done to a ledger, in one place. Places are counted from 0.
#[derive(Debug, Clone)]
enum Deed {
    /// One byte of a line is another.
    ChangeByte(Index, Index, u8),
    /// Many bytes of a line are others.
    Rewrite(Index),
    Drop(Index, Index),
    Move(Index, Index),
    /// A line of another ledger is put in.
    AddEntry(Index),
    AddJunk(Index, &'static str),
    Duplicate(Index, Index),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let index = any::<Index>;
    prop_oneof![
        (index(), index(), 1..=u8::MAX).prop_map(|(line, at, by)| Deed::ChangeByte(line, at, by)),
        index().prop_map(Deed::Rewrite),
        (index(), index()).prop_map(|(from, many)| Deed::Drop(from, many)),
        (index(), index()).prop_map(|(from, to)| Deed::Move(from, to)),
        index().prop_map(Deed::AddEntry),
        (
            index(),
            prop::sample::select(&["", "{}", "{\"kind\":\"intent\"}", "x"][..])
        )
            .prop_map(|(place, junk)| Deed::AddJunk(place, junk)),
        (index(), index()).prop_map(|(of, to)| Deed::Duplicate(of, to)),
    ]
}

impl Deed {
    /// Does it to `lines`, and says what an audit must find; `None`: nothing.
    fn done_to(&self, lines: &mut Lines) -> Option<Misfit> {
        let len = lines.len();
        match self {
            Self::ChangeByte(line, place, by) => {
                let line = line.index(len);
                let place = place.index(lines[line].len() - 1);
                let byte = &mut lines[line][place];
                // A line feed would make two lines of one.
                *byte ^= if *byte ^ by == b'\n' { by ^ 1 } else { *by };
                let mut misfit = at(lines, line + 1, Damage::Counts);
                let byte = Some(misfit.byte + place as u64);
                misfit.reason = Damage::Changed { byte };
                Some(misfit)
            }
            Self::Rewrite(line) => {
                let line = line.index(len);
                let text = String::from_utf8(lines[line].clone()).unwrap();
                lines[line] = text.replace("\"2026-", "\"1999-").into_bytes();
                let reason = if line + 1 < len {
                    Damage::ChangedOrDropped
                } else {
                    Damage::ChangedDroppedOrAdded
                };
                Some(at(lines, line + 1, reason))
            }
            Self::Drop(from, many) => {
                let from = from.index(len - 1);
                let many = many.index(len - 1 - from) + 1;
                lines.drain(from..from + many);
                let reason = match (lines.len() - from, from) {
                    (0, _) => return None,
                    (1, 0) => Damage::NotAHeader,
                    (1, _) => Damage::ChangedDroppedOrAdded,
                    (_, _) => Damage::ChangedOrDropped,
                };
                Some(at(lines, from + 1, reason))
            }
            Self::Move(from, to) => {
                let (from, to) = (from.index(len), to.index(len));
                let line = lines.remove(from);
                lines.insert(to, line);
                // After which line it was written is held against the lines, below.
                let reason = Damage::Moved { after: 0 };
                (from != to).then(|| at(lines, from.min(to) + 1, reason))
            }
            Self::AddEntry(place) => {
                let place = place.index(len + 1);
                let mut line = Vec::new();
                let other = blake3::hash(b"another ledger").to_string();
                let body = br#"{"kind":"step","row":1}"#;
                chain::seal(other.parse().unwrap(), body, &mut line);
                Some(add(lines, place, line, Damage::ChangedDroppedOrAdded))
            }
            Self::AddJunk(place, junk) => {
                let line = format!("{junk}\n").into_bytes();
                let place = place.index(len + 1);
                Some(add(lines, place, line, Damage::ChangedOrAdded))
            }
            Self::Duplicate(of, place) => {
                let (of, place) = (of.index(len), place.index(len + 1));
                lines.insert(place, lines[of].clone());
                // Side by side, the second is the copy.
                let beside = place == of || place == of + 1;
                let (copy, of) = if beside {
                    (of + 1, of)
                } else {
                    (place, of + usize::from(place < of))
                };
                let of = of as u64 + 1;
                Some(at(lines, copy + 1, Damage::Duplicated { of }))
            }
        }
    }
}

/// Puts `line` in; at the end, nothing tells that it was.
fn add(lines: &mut Lines, place: usize, line: Vec<u8>, at_end: Damage) -> Misfit {
    let reason = if place < lines.len() {
        Damage::Added {
            goes_on: place as u64 + 2,
        }
    } else {
        at_end
    };
    lines.insert(place, line);
    at(lines, place + 1, reason)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..config() })]

    #[test]
    fn one_deed_at_a_random_place_is_named_with_its_line_and_reason(
        entries in prop::collection::vec(arbitrary_entry(), 1..16),
        deed in any_deed(),
    ) {
        let whole = lines_of(&entries);
        let mut lines = whole.clone();
        let mut expected = deed.done_to(&mut lines);
        let found = audit(&lines, None);
        if let (Some(Damage::Moved { after: expected }), Some(Damage::Moved { after: found })) = (
            expected.as_mut().map(|it| &mut it.reason),
            found.misfit.as_ref().map(|it| &it.reason),
        ) {
            *expected = *found;
        }
        prop_assert_eq!(&found.misfit, &expected);
        if let Some(misfit) = expected {
            prop_assert_eq!((found.lines + 1, found.bytes), (misfit.line, misfit.byte));
            let line = usize::try_from(misfit.line).unwrap() - 1;
            if let Damage::Moved { after } = misfit.reason {
                // The line it was written after stands right before it in the ledger as it was.
                let was = whole.iter().position(|it| *it == lines[line]).unwrap();
                prop_assert!(was > 0);
                prop_assert_eq!(&whole[was - 1], &lines[usize::try_from(after).unwrap() - 1]);
            }
        }
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
fn another_end_of_the_same_ledger_is_told_from_another_ledger() {
    let lines = five_lines();
    let other = bytes_of(&[Entry::Run(Box::new(header(5)))]);
    let mut two = lines.clone();
    two.push(other);
    let found = audit(&two, None).misfit;
    assert_eq!(found, Some(at(&two, 6, Damage::Forked { after: 0 })));

    // A copy of the ledger went on by itself and was put behind it.
    let mut forked = lines;
    forked.push(lines_of(&[intent(3, Step::Delete, 9)])[1].clone());
    let found = audit(&forked, None).misfit;
    assert_eq!(found, Some(at(&forked, 6, Damage::Forked { after: 1 })));
}

#[test]
fn a_line_feed_in_a_line_or_none_between_two_is_a_change_or_an_addition() {
    let mut split = five_lines();
    split[2][20] = b'\n';
    let byte = at(&split, 3, Damage::Counts).byte;
    let found = audit(&split, None).misfit.unwrap();
    assert_eq!((found.line, found.byte), (3, byte));
    assert_eq!(found.reason, Damage::ChangedOrAdded);

    let mut merged = five_lines();
    *merged[1].last_mut().unwrap() = b' ';
    let found = audit(&merged, None).misfit;
    let expected = Damage::Changed { byte: None };
    assert_eq!(found, Some(at(&merged, 2, expected)));
}

#[test]
fn a_line_that_is_too_long_is_damage_and_later_ones_do_not_matter() {
    let mut lines = five_lines();
    let long = vec![b' '; LINE_BYTES_MAX * 2];
    lines.insert(3, [&long[..], b"\n"].concat());
    let found = audit(&lines, None).misfit;
    assert_eq!(found, Some(at(&lines, 4, Damage::TooLong)));
    // As one that is not the first that does not fit, it is read over.
    lines.remove(1);
    let found = audit(&lines, None).misfit;
    assert_eq!(found, Some(at(&lines, 2, Damage::ChangedOrAdded)));
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
