//! Verification: the largest reads, each row once, under the same quota.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fake::{FakeServer, Keeps};
use super::setup::Setup;
use crate::domain::{Action, Entry, Finding, Position, ToVerify, UserId, Verified};
use crate::pipeline::LaneEnd;
use crate::pipeline::sink::memory::MemorySink;

fn row(row: u64, id: u64, action: Action) -> ToVerify {
    ToVerify {
        position: Position { row, line: row + 1 },
        action,
        id: UserId::new(id.to_string()),
    }
}

fn server() -> FakeServer {
    FakeServer::new(Arc::new(MemorySink::default()), (1, 50), 3)
}

fn verified(server: &FakeServer) -> Vec<Verified> {
    let entries = server.sink.entries();
    let verified = entries.iter().filter_map(|entry| match entry {
        Entry::Verify(verified) => Some(verified.clone()),
        _ => None,
    });
    verified.collect()
}

#[tokio::test(start_paused = true)]
async fn rows_are_asked_in_the_largest_reads_and_each_is_told_of_once() {
    let server = Arc::new(server().keeping("20/6s", Keeps::Rolling));
    server.state().gone = (1..=995).map(|id: u64| id.to_string()).collect();
    let rows = (1..=1_000).map(|n| row(n, n, Action::Delete)).collect();
    let setup = Setup {
        requests: "20/6s".to_owned(),
        ..Setup::default()
    };
    assert!(matches!(setup.verify(&server, rows).await, LaneEnd::Done));
    let seen = verified(&server);
    let distinct: BTreeSet<u64> = seen.iter().map(|it| it.row).collect();
    assert_eq!((seen.len(), distinct.len()), (1_000, 1_000));
    let standing = seen.iter().filter(|it| it.finding == Finding::Standing);
    let standing: BTreeSet<u64> = standing.map(|it| it.row).collect();
    assert_eq!(standing, (996..=1_000).collect());
    let state = server.state();
    assert_eq!(state.asked_for, vec![10; 100]);
    assert_eq!(state.refused, 0, "the quota is kept");
}

#[tokio::test(start_paused = true)]
async fn a_user_with_two_rows_is_asked_for_once_and_each_row_is_judged_by_itself() {
    let server = Arc::new(server());
    server.state().gone.insert("1".to_owned());
    let rows = vec![
        row(1, 1, Action::DeletePersonalInformation),
        row(2, 1, Action::Delete),
        row(3, 1, Action::Purge),
    ];
    Setup::default().verify(&server, rows).await;
    let mut seen = verified(&server);
    seen.sort_by_key(|it| it.row);
    let findings: Vec<Finding> = seen.iter().map(|it| it.finding).collect();
    // This provider's closer read is the same one again, so of the purge nothing is proved.
    assert_eq!(
        findings,
        [Finding::AsAsked, Finding::AsAsked, Finding::Unknown]
    );
    assert_eq!(seen[2].code.as_deref(), Some("not_told"));
    assert_eq!(server.state().asked_for, [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn rows_without_a_clear_answer_are_unknown_and_say_why() {
    let mut blind = server();
    blind.blind = true;
    let server = Arc::new(blind);
    let rows = (1..=25).map(|n| row(n, n, Action::Delete)).collect();
    let setup = Setup {
        attempts: 2,
        ..Setup::default()
    };
    assert!(matches!(setup.verify(&server, rows).await, LaneEnd::Done));
    let seen = verified(&server);
    assert_eq!(seen.len(), 25);
    for row in seen {
        assert_eq!((row.finding, row.seen), (Finding::Unknown, None));
        assert_eq!(
            (row.status, row.code.as_deref()),
            (Some(500), Some("server_error"))
        );
    }
}
