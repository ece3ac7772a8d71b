//! A mixed file ends when its slowest limit allows, however its rows are ordered.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use tokio::time::Instant;

use super::fake::{FakeServer, Keeps};
use super::setup::{Setup, parts, task, tasks};
use crate::domain::{Action, Outcome, Step, Task};
use crate::pipeline::sink::memory::MemorySink;
use crate::pipeline::{LaneEnd, Stop};

/// How the rows of the actions lie in the file.
#[derive(Debug, Clone, Copy)]
enum Order {
    Sorted,
    Reversed,
    Shuffled,
}

/// Rows of `counts`, each of a user of its own.
fn rows(counts: &[(Action, u64)], order: Order) -> Vec<Task> {
    let mut actions: Vec<Action> = counts
        .iter()
        .flat_map(|(action, count)| (0..*count).map(|_| *action))
        .collect();
    match order {
        Order::Sorted => {}
        Order::Reversed => actions.reverse(),
        Order::Shuffled => fastrand::Rng::with_seed(5).shuffle(&mut actions),
    }
    (1..)
        .zip(actions)
        .map(|(row, action)| task(row, action))
        .collect()
}

/// The endpoint's quota decides: 1,400 at 70 a minute are 19 minutes; or the account's, of ten requests
/// a second.
#[rstest]
#[case::endpoint(&[(Action::PermanentlyDelete, 1_400), (Action::Delete, 2_000)], 1_140)]
#[case::account(&[(Action::PermanentlyDelete, 700), (Action::Delete, 5_700)], 600)]
#[case::purges(&[(Action::Purge, 2_100), (Action::Delete, 2_000)], 1_740)]
#[case::both(&[(Action::Purge, 700), (Action::PermanentlyDelete, 700), (Action::Delete, 2_000)], 1_140)]
#[tokio::test(start_paused = true)]
async fn the_slowest_limit_decides_when_a_mixed_file_is_over(
    #[case] counts: &[(Action, u64)],
    #[case] secs: u64,
    #[values(Order::Sorted, Order::Reversed, Order::Shuffled)] order: Order,
) {
    let server = FakeServer::new(Arc::new(MemorySink::default()), (1, 20), 1);
    let server = Arc::new(server);
    let setup = Setup {
        requests: "600/1m".to_owned(),
        steps: vec![(Step::PermanentlyDelete, "70/1m".to_owned())],
        ..Setup::default()
    };
    let rows = rows(counts, order);
    let start = Instant::now();
    let lane = setup.lane(&server, &Stop::default());
    let end = lane.run(parts(&rows)).await;
    let took = start.elapsed();
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    assert_eq!(server.sink.outcomes().len(), rows.len());
    let least = Duration::from_secs(secs);
    assert!(took >= least, "{took:?}");
    assert!(took <= least.mul_f64(1.02), "{took:?} of {least:?}");
}

/// Half of the account's quota would be the endpoint's if all took turns: 700 at 50 a minute take 13
/// minutes, and the quotas nine.
#[rstest]
#[tokio::test(start_paused = true)]
async fn the_endpoint_that_decides_goes_before_the_others(
    #[values(Order::Sorted, Order::Reversed, Order::Shuffled)] order: Order,
) {
    let counts = [(Action::PermanentlyDelete, 700), (Action::Delete, 299)];
    let server = FakeServer::new(Arc::new(MemorySink::default()), (1, 20), 1);
    let server = Arc::new(server.keeping("100/1m", Keeps::Rolling));
    let setup = Setup {
        requests: "100/1m".to_owned(),
        steps: vec![(Step::PermanentlyDelete, "70/1m".to_owned())],
        ..Setup::default()
    };
    let rows = rows(&counts, order);
    let start = Instant::now();
    let lane = setup.lane_for(counts, &server, &Stop::default());
    let end = lane.run(parts(&rows)).await;
    let took = start.elapsed();
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    assert_eq!(server.sink.outcomes().len(), rows.len());
    assert_eq!(server.state().refused, 0);
    let least = Duration::from_mins(9);
    assert!(took >= least, "{took:?}");
    assert!(took <= least.mul_f64(1.02), "{took:?} of {least:?}");
}

/// Accounts share a tenant's limits, and one of them stops while its requests of the endpoint that
/// decides wait: the other goes on.
#[tokio::test(start_paused = true)]
async fn nobody_lets_those_go_first_who_have_stopped() {
    let server = Arc::new(FakeServer::new(Arc::default(), (1, 20), 1));
    let setup = || Setup {
        requests: "100/1m".to_owned(),
        steps: vec![(Step::PermanentlyDelete, "70/1m".to_owned())],
        ..Setup::default()
    };
    let shared = setup().own_limits();
    let limits = || Some(Arc::clone(&shared));
    let (stop, other) = (Stop::default(), Stop::default());
    let count = [(Action::PermanentlyDelete, 700)];
    let lane = Setup {
        limits: limits(),
        ..setup()
    }
    .lane_for(count, &server, &stop);
    let stopped = lane.run(parts(&rows(&count, Order::Sorted)));
    let deletes = (1_001..=1_250)
        .map(|row| task(row, Action::Delete))
        .collect();
    let lane = Setup {
        limits: limits(),
        ..setup()
    }
    .lane(&server, &other);
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(90)).await;
        stop.admitting.cancel();
    };
    let (_, end, ()) = tokio::join!(stopped, lane.run(tasks(deletes)), stopping);
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_canary_is_the_first_rows_of_the_file_whatever_their_actions() {
    let server = Arc::new(FakeServer::new(Arc::default(), (10, 30), 1));
    let setup = Setup {
        canary: 5,
        steps: vec![(Step::PermanentlyDelete, "1/1m".to_owned())],
        ..Setup::default()
    };
    let actions = [Action::PermanentlyDelete, Action::Delete, Action::Delete];
    let actions = actions.into_iter().cycle().take(60);
    let rows: Vec<Task> = (1..).zip(actions).map(|(row, it)| task(row, it)).collect();
    let lane = setup.lane(&server, &Stop::default());
    let end = lane.run(parts(&rows)).await;
    assert!(matches!(end, LaneEnd::Done), "{end:?}");
    let state = server.state();
    let arrived = state.arrived.iter();
    let arrived: Vec<u64> = arrived.map(|(_, id, _)| id.parse().unwrap()).collect();
    let mut first = arrived[..5].to_vec();
    first.sort_unstable();
    assert_eq!(first, [1, 2, 3, 4, 5]);
    assert_eq!(arrived.len(), 60);
}

/// All in one part, as a plan has it: they end in the order of the file.
#[tokio::test(start_paused = true)]
async fn rows_of_one_user_keep_their_order_though_they_wait_for_different_limits() {
    let server = Arc::new(FakeServer::new(Arc::default(), (10, 30), 1));
    let setup = Setup {
        steps: vec![(Step::PermanentlyDelete, "1/1m".to_owned())],
        ..Setup::default()
    };
    let rows = (1..=40).map(|row| {
        let even = row % 2 == 0;
        let mut task = task(
            row,
            [Action::PermanentlyDelete, Action::Delete][usize::from(even)],
        );
        task.id = crate::domain::UserId::new((row.div_ceil(2)).to_string());
        task
    });
    let lane = setup.lane(&server, &Stop::default());
    lane.run(tasks(rows.collect())).await;
    assert_eq!(server.state().collisions, 0);
    let ended = server.sink.outcomes();
    assert_eq!(ended.len(), 40);
    assert!(ended.iter().all(|it| it.outcome == Outcome::Deleted));
    let place = |row| ended.iter().position(|it| it.position.row == row);
    for first in (1..40).step_by(2) {
        assert!(place(first) < place(first + 1), "{first}");
    }
}
