//! The state that is kept, against a model that keeps everything and looks it up the long way.

use proptest::prelude::*;
use serde_json::json;

use super::{
    account, attempt, cases, end, entry, intent, outcome, pause, plan, request, session, state,
    step, stop, unsent, written,
};
use userpurge::domain::{
    AccountName, Action, Counts, Entry, LeftOpen, Outcome, RunState, Step, StopKind, UserId,
};
use userpurge::ledger::{LedgerState, PlanRows};

/// How many rows the made-up runs have.
const ROWS: u64 = 4;

/// Any entry but a header, about few rows, so that they meet.
pub(super) fn arbitrary_entry() -> impl Strategy<Value = Entry> {
    let row = 1..=ROWS;
    let any_outcome = prop::sample::select(&Outcome::ALL[..]);
    let class = prop::sample::select(&["throttled", "timed_out", "held_back"][..]);
    let any_step = prop::sample::select(vec![Step::Delete, Step::PermanentlyDelete]);
    prop_oneof![
        4 => (row.clone(), any_step, 0..99i64).prop_map(|(row, it, at)| intent(row, it, at)),
        3 => (row.clone(), class, any::<bool>(), 0..99i64)
            .prop_map(|(row, class, doubt, at)| attempt(row, class, doubt, at)),
        2 => (row.clone(), 0..99i64).prop_map(|(row, at)| step(row, at)),
        3 => (row, any_outcome, any::<bool>(), 0..99i64).prop_map(|(row, it, named, at)| {
            let name = named.then_some(if row % 2 == 0 { "acme" } else { "crm" });
            entry("outcome", at, json!({"row": row, "outcome": it, "account": name}))
        }),
        1 => (0..99i64).prop_map(request),
        1 => (0..99i64).prop_map(session),
        1 => (0..99i64).prop_map(|at| pause(None, at, at + 9)),
        1 => (0..99i64).prop_map(|at| stop(StopKind::OrgCap, at)),
        1 => (0..99i64).prop_map(|at| end(RunState::Stopped, at)),
    ]
}

fn last_outcome(entries: &[Entry], row: u64) -> Option<Outcome> {
    entries.iter().rev().find_map(|entry| match entry {
        Entry::Outcome(it) if it.position.row == row => Some(it.outcome),
        _ => None,
    })
}

/// The entries about `row`, since the last that settled it.
fn since_settled(entries: &[Entry], row: u64, settles: impl Fn(&Entry) -> bool) -> Vec<&Entry> {
    let of_row = entries.iter().filter(|entry| match entry {
        Entry::Intent(it) => it.position.row == row,
        Entry::Attempt(it) => it.row == row,
        Entry::Step(it) => it.row == row,
        Entry::Outcome(it) => it.position.row == row,
        Entry::Unsent(it) => it.rows.iter().any(|it| it.row == row),
        _ => false,
    });
    let mut open: Vec<_> = of_row.rev().take_while(|entry| !settles(entry)).collect();
    open.reverse();
    open
}

/// An outcome ends a row's history, unless it says that it does not know, or that it gave up.
fn ends(entry: &Entry) -> bool {
    match entry {
        Entry::Outcome(it) => !matches!(it.outcome, Outcome::InDoubt | Outcome::Failed),
        Entry::Unsent(_) => true,
        _ => false,
    }
}

/// In doubt: an attempt or outcome said so, or an intent is followed by another, or by nothing.
fn in_doubt(entries: &[Entry], row: u64) -> bool {
    let open = since_settled(entries, row, |it| ends(it) || matches!(it, Entry::Step(_)));
    let said = open.iter().any(|entry| match entry {
        Entry::Attempt(it) => it.in_doubt,
        Entry::Outcome(it) => it.outcome == Outcome::InDoubt,
        _ => false,
    });
    let unanswered = open.iter().zip(open.iter().skip(1).map(Some).chain([None]));
    said || unanswered.into_iter().any(|(entry, next)| {
        matches!(entry, Entry::Intent(_)) && matches!(next, None | Some(Entry::Intent(_)))
    })
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_state_matches_the_model(
        entries in prop::collection::vec(arbitrary_entry(), 0..60),
    ) {
        let state = state(ROWS, &entries);
        let mut counts = Counts::default();
        for row in 1..=ROWS {
            match last_outcome(&entries, row) {
                Some(outcome) => *counts.slot(outcome) += 1,
                None => counts.pending += 1,
            }
            for outcome in Outcome::ALL {
                let ended_so = last_outcome(&entries, row) == Some(outcome);
                prop_assert_eq!(state.rows_of(outcome).contains(row), ended_so);
            }
            let pending = last_outcome(&entries, row).is_none();
            prop_assert_eq!(state.outstanding().contains(row), pending);
            prop_assert_eq!(state.in_doubt().contains(row), in_doubt(&entries, row), "row {}", row);
            let open = since_settled(&entries, row, ends);
            let done = open.iter().any(|entry| matches!(entry, Entry::Step(_)));
            prop_assert_eq!(state.steps_done(row), usize::from(done));
        }
        prop_assert_eq!(state.counts(), counts);
        prop_assert_eq!(counts.total(), ROWS);

        let last = entries.iter().rfind(|it| matches!(it, Entry::Session(_) | Entry::End(_)));
        prop_assert_eq!(state.end.is_some(), matches!(last, Some(Entry::End(_))));
    }

    #[test]
    fn every_request_that_left_is_sent_once(
        entries in prop::collection::vec(arbitrary_entry(), 0..60),
    ) {
        let state = state(ROWS, &entries);
        // Every request of the samples is acme's, and no span of a quota ends within 99 seconds.
        let taken_back = (1..=ROWS).map(|row| {
            let of_row = since_settled(&entries, row, |_| false);
            let held = of_row.windows(2).filter(|pair| {
                let class = |it: &Entry| matches!(it, Entry::Attempt(it) if it.class.as_deref() == Some("held_back"));
                matches!(pair[0], Entry::Intent(_)) && class(pair[1])
            });
            held.count()
        });
        let left = entries.iter().filter(|it| matches!(it, Entry::Intent(_) | Entry::Request(_)));
        let left = left.count() - taken_back.sum::<usize>();
        prop_assert_eq!(state.sent(&account("acme")).count(), left);
        prop_assert_eq!(state.requests, left as u64);
    }
}

#[test]
fn a_later_outcome_replaces_an_earlier_one_also_under_another_account() {
    let nowhere = entry(
        "outcome",
        1,
        json!({"row": 1, "outcome": "invalid", "account": null}),
    );
    let entries = [nowhere, outcome(1, Outcome::Deleted, 2)];
    let state = state(1, &entries);
    assert_eq!(state.counts().invalid, 0);
    assert_eq!(state.counts().deleted, 1);
    assert_eq!(state.account_counts()[&account("acme")].deleted, 1);
}

/// What a row is to be, as the last block or outcome about it says.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    /// To be sent: account, action and id.
    Queue(AccountName, Action, UserId),
    Ended(Outcome),
}

/// Entries of a plan and of a run, mixed in any order. No block holds a row twice.
fn arbitrary_planned_entry() -> impl Strategy<Value = Entry> {
    let rows = || prop::sample::subsequence(vec![1, 2, 3, 4], 1..=4);
    let name = || prop::sample::select(&["acme", "crm"][..]);
    let action = prop::sample::select(&[Action::Delete, Action::Purge][..]);
    let unsent_as = prop::sample::select(&[Outcome::Invalid, Outcome::DoneBefore][..]);
    prop_oneof![
        3 => (name(), action, rows(), 0..99u64).prop_map(|(name, action, rows, id)| {
            let mut entry = plan(name, action, &rows);
            if let Entry::Plan(block) = &mut entry {
                block.rows.iter_mut().for_each(|row| row.id = UserId::new(format!("{id}{}", row.id)));
            }
            entry
        }),
        2 => (prop::option::of(name()), unsent_as, rows())
            .prop_map(|(name, outcome, rows)| unsent(name, outcome, &rows)),
        6 => arbitrary_entry(),
    ]
}

fn last_place(entries: &[Entry], row: u64) -> Option<Place> {
    entries.iter().rev().find_map(|entry| match entry {
        Entry::Plan(it) => {
            let planned = it.rows.iter().find(|it| it.position.row == row)?;
            Some(Place::Queue(
                it.account.clone(),
                it.action,
                planned.id.clone(),
            ))
        }
        Entry::Unsent(it) if it.rows.iter().any(|it| it.row == row) => {
            Some(Place::Ended(it.outcome))
        }
        Entry::Outcome(it) if it.position.row == row => Some(Place::Ended(it.outcome)),
        _ => None,
    })
}

/// The queue that `row` was last put in, ended since or not; `None`: none, or it was taken out.
fn last_queue(entries: &[Entry], row: u64) -> Option<Place> {
    let no_outcome = |entry: &&Entry| !matches!(entry, Entry::Outcome(_));
    let plan: Vec<Entry> = entries.iter().filter(no_outcome).cloned().collect();
    let place = last_place(&plan, row);
    place.filter(|place| matches!(place, Place::Queue(..)))
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_plan_gives_each_row_from_its_last_block_with_what_was_done_to_it(
        entries in prop::collection::vec(arbitrary_planned_entry(), 0..60),
    ) {
        let (_folder, path) = written(&entries);
        let state = LedgerState::read(&path).unwrap();
        let mut found = Counts::default();
        for row in 1..=ROWS {
            match last_place(&entries, row) {
                Some(Place::Ended(outcome)) => *found.slot(outcome) += 1,
                Some(Place::Queue(..)) => found.pending += 1,
                None => {}
            }
            let is_outstanding = match last_place(&entries, row) {
                Some(Place::Queue(..)) => true,
                Some(Place::Ended(_)) | None => false,
            };
            prop_assert_eq!(state.outstanding().contains(row), is_outstanding, "row {}", row);
        }
        prop_assert_eq!(state.counts(), found);
        for name in ["acme", "crm"] {
            for action in Action::ALL {
                let expected = |row: &u64| matches!(last_queue(&entries, *row),
                    Some(Place::Queue(account, it, _)) if (account.as_str(), it) == (name, action));
                let expected: Vec<u64> = (1..=ROWS).filter(expected).collect();
                let all = (1..=ROWS).collect();
                let mut plan = PlanRows::open(&state, account(name), action, &all).unwrap();
                let mut tasks = Vec::new();
                // Bounded by the blocks.
                loop {
                    let block = plan.next_block(&state).unwrap();
                    if block.is_empty() {
                        break;
                    }
                    tasks.extend(block);
                }
                let mut rows: Vec<u64> = tasks.iter().map(|task| task.position.row).collect();
                rows.sort_unstable();
                prop_assert_eq!(&rows, &expected);
                for task in tasks {
                    let row = task.position.row;
                    let place = Place::Queue(task.account, task.action, task.id);
                    prop_assert_eq!(last_queue(&entries, row), Some(place));
                    prop_assert_eq!(task.again, row.is_multiple_of(3));
                    let open = if in_doubt(&entries, row) { LeftOpen::Request } else { LeftOpen::Nothing };
                    prop_assert_eq!(task.left_open, open);
                    let done = since_settled(&entries, row, ends);
                    let done = done.iter().any(|entry| matches!(entry, Entry::Step(_)));
                    prop_assert_eq!(task.steps_done == 1, done && action == Action::Purge);
                }
            }
        }
    }
}
