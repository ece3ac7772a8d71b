//! What is picked out of a ledger: rows to try again, rows that are done, rows to verify.

use std::collections::BTreeMap;

use futures::executor::block_on;
use roaring::RoaringTreemap;
use rstest::rstest;
use serde_json::json;

use super::{account, bad, entry, outcome, plan, verification, verified, written};
use userpurge::domain::{AccountName, Action, Finding, Outcome, SampleDraw, Task, TaskKey};
use userpurge::ledger::{
    Durability, Good, LedgerError, LedgerState, LedgerWriter, Only, Outcomes, RealDisk,
    draw_sample, each_found,
};

/// Rows by account.
type Rows = BTreeMap<AccountName, RoaringTreemap>;

#[rstest]
#[case("failed", Only::Outcome(Outcome::Failed))]
#[case(" Not-Found ", Only::Outcome(Outcome::NotFound))]
#[case("IN_DOUBT", Only::Outcome(Outcome::InDoubt))]
#[case("Standing", Only::Standing)]
#[case(" INVALID_DATA ", Only::Code("INVALID_DATA".to_owned()))]
fn what_is_no_outcome_is_a_code(#[case] text: &str, #[case] only: Only) {
    assert_eq!(text.parse(), Ok(only));
}

#[rstest]
#[case::plain(&[], &[2, 5])]
#[case::outcome(&["refused"], &[4])]
#[case::code(&["OpenTickets"], &[4, 5])]
#[case::both(&["not_found", "OpenTickets"], &[3, 4, 5])]
#[case::done_is_done(&["deleted"], &[])]
#[case::replaced(&["Gone"], &[])]
#[case::other_case(&["opentickets"], &[])]
#[case::standing(&["standing"], &[6])]
#[case::standing_too(&["standing", "refused"], &[4, 6])]
fn rows_are_picked_by_their_last_outcome(#[case] only: &[&str], #[case] rows: &[u64]) {
    let (_folder, path) = written(&[
        outcome(1, Outcome::Failed, 1),
        outcome(2, Outcome::Failed, 1),
        bad(3, Outcome::NotFound, "Gone", "x", 1),
        bad(4, Outcome::Refused, "OpenTickets", "x", 1),
        bad(5, Outcome::InDoubt, "OpenTickets", "x", 1),
        outcome(1, Outcome::Deleted, 2),
        outcome(3, Outcome::NotFound, 2),
        outcome(6, Outcome::Deleted, 2),
        verification(2, 3),
        verified(1, Finding::AsAsked, 3),
        verified(6, Finding::Standing, 3),
    ]);
    let state = LedgerState::read(&path).unwrap();
    // What was written after the state was read is not picked.
    let (writer, _) = LedgerWriter::open_on(&RealDisk, &path).unwrap();
    let later = bad(7, Outcome::Refused, "OpenTickets", "x", 9);
    block_on(writer.handle().append(later, Durability::Synced)).unwrap();
    let only: Vec<Only> = only.iter().map(|text| text.parse().unwrap()).collect();
    let picked: Vec<_> = state.select(&only).unwrap().iter().collect();
    assert_eq!(picked, rows);
}

#[test]
fn what_is_good_is_whose_last_outcome_is_good_and_whom_nobody_saw_standing_since() {
    let repeated = json!({"row": 6, "outcome": "duplicate", "id": "901"});
    let (_folder, path) = written(&[
        outcome(1, Outcome::Deleted, 1),
        outcome(2, Outcome::Failed, 1),
        outcome(3, Outcome::AlreadyGone, 1),
        outcome(4, Outcome::Deleted, 1),
        outcome(5, Outcome::DoneBefore, 1),
        entry("outcome", 1, repeated),
        outcome(2, Outcome::Deleted, 2),
        outcome(4, Outcome::Failed, 2),
        outcome(7, Outcome::Deleted, 2),
        outcome(8, Outcome::Deleted, 2),
        outcome(9, Outcome::Deleted, 2),
        verification(4, 3),
        verified(7, Finding::Standing, 3),
        verified(8, Finding::Standing, 3),
        verified(9, Finding::Standing, 3),
        outcome(8, Outcome::Deleted, 4),
        verification(4, 5),
        verified(7, Finding::Unknown, 6),
        verified(9, Finding::AsAsked, 6),
    ]);
    let key = |id| TaskKey::new(&account("acme"), Action::Purge, id);
    let expected = ["901", "902", "903", "905", "908", "909"].map(key);
    let good = Good::of(&path).unwrap();
    assert_eq!(good.keys, expected.into_iter().collect());
    assert_eq!(
        good.tenants[&account("acme")].as_deref(),
        Some("acme.example")
    );
}

#[test]
fn each_good_row_is_asked_about_once_and_each_finding_has_its_rows() {
    let (_folder, path) = written(&[
        plan("acme", Action::Purge, &[1, 2, 3, 6]),
        plan("crm", Action::Purge, &[5]),
        outcome(1, Outcome::Deleted, 1),
        outcome(2, Outcome::Failed, 1),
        outcome(3, Outcome::Deleted, 1),
        outcome(4, Outcome::Duplicate, 1),
        entry(
            "outcome",
            1,
            json!({"row": 5, "outcome": "deleted", "account": "crm"}),
        ),
        outcome(2, Outcome::AlreadyGone, 2),
        outcome(1, Outcome::Deleted, 3),
        outcome(3, Outcome::Failed, 3),
        outcome(6, Outcome::DoneBefore, 3),
        verification(2, 4),
        verified(1, Finding::Standing, 4),
        verified(2, Finding::AsAsked, 4),
        verification(1, 5),
        verified(2, Finding::Unknown, 5),
    ]);
    let state = LedgerState::read(&path).unwrap();
    let mut rows = state.verifiable();
    assert_eq!(rows.len(), 2);
    let acme = rows.remove(&account("acme")).unwrap();
    let mut given = Vec::new();
    let queues = &state.queues_of(&acme)[&account("acme")];
    let see = |task: Task| given.push(task.id.to_string());
    state.each_task(&account("acme"), queues, see).unwrap();
    assert_eq!(given, ["901", "902"]);
    let found = Finding::ALL.map(|finding| {
        let mut rows = Vec::new();
        each_found::<LedgerError>(&state, finding, |verified| {
            rows.push(verified.position.row);
            Ok(())
        })
        .unwrap();
        rows
    });
    assert_eq!(
        found,
        [vec![2], vec![1], vec![], vec![]],
        "no clear answer takes nothing back"
    );
}

#[test]
fn each_row_has_its_last_outcome_and_a_ledger_changed_in_between_is_an_error() {
    let ends = [
        (1, Outcome::Failed),
        (70, Outcome::Refused),
        (2, Outcome::Deleted),
        (1, Outcome::Deleted),
    ];
    let entries: Vec<_> = ends
        .iter()
        .map(|(row, end)| outcome(*row, *end, 1))
        .collect();
    let (_folder, path) = written(&entries);
    let state = LedgerState::read(&path).unwrap();
    let mut outcomes = Outcomes::of(&state).unwrap();
    for row in (0..=130).chain((0..=130).rev()) {
        let last = ends.iter().rfind(|(it, _)| *it == row).map(|(_, end)| *end);
        let found = outcomes.get(row).unwrap().map(|entry| entry.outcome);
        assert_eq!(found, last);
    }
    let mut outcomes = Outcomes::of(&state).unwrap();
    std::fs::File::create(&path).unwrap();
    assert!(outcomes.get(70).is_err());
}

#[test]
fn a_sample_is_spread_over_the_accounts() {
    let cases: [(&[u64], u64, &[u64]); 9] = [
        (&[10], 4, &[4]),
        (&[10, 10], 4, &[2, 2]),
        (&[90, 10], 20, &[18, 2]),
        (&[97, 2, 1], 10, &[8, 1, 1]),
        (&[97, 2, 1], 3, &[1, 1, 1]),
        (&[1, 97, 2], 1, &[0, 1, 0]),
        (&[5, 5], 10, &[5, 5]),
        (&[5, 5], 99, &[5, 5]),
        (&[3, 0, 3], 4, &[2, 0, 2]),
    ];
    let name = |place: usize| AccountName::new(place.to_string());
    for (sizes, rows, expected) in cases {
        let all = sizes.iter().map(|size| (0..*size).collect());
        let all: Rows = all.enumerate().map(|(n, rows)| (name(n), rows)).collect();
        let drawn = draw_sample(&all, SampleDraw { rows, seed: 7 });
        let shares = (0..sizes.len()).map(|n| drawn.get(&name(n)).map_or(0, RoaringTreemap::len));
        assert_eq!(shares.collect::<Vec<_>>(), expected, "{rows} of {sizes:?}");
    }
}

#[test]
fn every_row_is_drawn_about_as_often_as_any_other_and_again_by_its_seed() {
    let rows: Rows = [(AccountName::new("a"), (0..20).collect::<RoaringTreemap>())].into();
    let mut times = [0_u32; 20];
    for seed in 0..4_000 {
        let drawn = draw_sample(&rows, SampleDraw { rows: 5, seed });
        assert_eq!(drawn, draw_sample(&rows, SampleDraw { rows: 5, seed }));
        for row in drawn.into_values().flatten() {
            times[usize::try_from(row).unwrap()] += 1;
        }
    }
    assert_eq!(times.iter().sum::<u32>(), 5 * 4_000);
    // 1,000 each, with a deviation of 27.
    assert!(times.iter().all(|n| (860..=1_140).contains(n)), "{times:?}");
}
