//! Verification: the largest reads, each row once, under the same quota.

use std::collections::BTreeSet;

use super::{Keeps, Setup, Sim, done};
use userpurge::domain::{AccountName, Action, Entry, Finding, Position, Task, UserId, Verified};

fn row(row: u64, id: u64, action: Action) -> Task {
    let position = Position { row, line: row + 1 };
    let id = UserId::new(id.to_string());
    Task::new(position, AccountName::new("acme"), action, id)
}

fn sim() -> Sim {
    Sim::new((1, 50), 3)
}

fn verified(sim: &Sim) -> Vec<Verified> {
    let verified = sim.entries.iter().filter_map(|entry| match entry {
        Entry::Verify(verified) => Some(verified.clone()),
        _ => None,
    });
    verified.collect()
}

#[test]
fn rows_are_asked_in_the_largest_reads_and_each_is_told_of_once() {
    let mut sim = sim().keeping("20/6s", Keeps::Rolling);
    sim.server.gone = (1..=995).map(|id: u64| id.to_string()).collect();
    let rows = (1..=1_000).map(|n| row(n, n, Action::Delete)).collect();
    let setup = Setup {
        requests: "20/6s".to_owned(),
        ..Setup::default()
    };
    done(&setup.verify(&mut sim, rows));
    let seen = verified(&sim);
    let distinct: BTreeSet<u64> = seen.iter().map(|it| it.position.row).collect();
    assert_eq!((seen.len(), distinct.len()), (1_000, 1_000));
    let standing = seen.iter().filter(|it| it.finding == Finding::Standing);
    let standing: BTreeSet<u64> = standing.map(|it| it.position.row).collect();
    assert_eq!(standing, (996..=1_000).collect());
    let state = &sim.server;
    assert_eq!(state.asked_for, vec![10; 100]);
    assert_eq!(state.refused, 0, "the quota is kept");
}

#[test]
fn a_user_with_two_rows_is_asked_for_once_and_each_row_is_judged_by_itself() {
    let mut sim = sim();
    sim.server.gone.insert("1".to_owned());
    let rows = vec![
        row(1, 1, Action::DeletePersonalInformation),
        row(2, 1, Action::Delete),
        row(3, 1, Action::Purge),
    ];
    Setup::default().verify(&mut sim, rows);
    let mut seen = verified(&sim);
    seen.sort_by_key(|it| it.position.row);
    let findings: Vec<Finding> = seen.iter().map(|it| it.finding).collect();
    // This provider's closer read is the same one again, so of the purge nothing is proved.
    assert_eq!(
        findings,
        [Finding::AsAsked, Finding::AsAsked, Finding::Unknown]
    );
    assert_eq!(seen[2].said.code.as_deref(), Some("not_told"));
    assert_eq!(sim.server.asked_for, [1, 1]);
}

#[test]
fn rows_without_a_clear_answer_are_unknown_and_say_why() {
    let mut sim = sim();
    sim.server.blind = true;
    let rows = (1..=25).map(|n| row(n, n, Action::Delete)).collect();
    let setup = Setup {
        attempts: 2,
        ..Setup::default()
    };
    done(&setup.verify(&mut sim, rows));
    let seen = verified(&sim);
    assert_eq!(seen.len(), 25);
    for row in seen {
        assert_eq!((row.finding, row.seen), (Finding::Unknown, None));
        assert_eq!(
            (row.said.status, row.said.code.as_deref()),
            (Some(500), Some("server_error"))
        );
    }
}
