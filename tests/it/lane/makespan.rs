//! A mixed file ends when its slowest limit allows, however its rows are ordered.

use std::time::Duration;

use rstest::rstest;

use super::{EPOCH, Keeps, Setup, Sim, done, task};
use userpurge::domain::{AccountName, Action, Outcome, Step, Task, UserId};
use userpurge::lane::Until;

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
fn the_slowest_limit_decides_when_a_mixed_file_is_over(
    #[case] counts: &[(Action, u64)],
    #[case] secs: u64,
    #[values(Order::Sorted, Order::Reversed, Order::Shuffled)] order: Order,
) {
    let mut sim = Sim::new((1, 20), 1);
    let setup = Setup {
        requests: "600/1m".to_owned(),
        steps: vec![(Step::PermanentlyDelete, "70/1m".to_owned())],
        ..Setup::default()
    };
    let rows = rows(counts, order);
    let setup = Setup {
        is_expected: false,
        ..setup
    };
    let end = setup.run_rows(&mut sim, rows.clone());
    let took = sim.elapsed();
    done(&end);
    assert_eq!(sim.outcomes().len(), rows.len());
    let least = Duration::from_secs(secs);
    assert!(took >= least, "{took:?}");
    assert!(took <= least.mul_f64(1.02), "{took:?} of {least:?}");
}

/// Half of the account's quota would be the endpoint's if all took turns: 700 at 50 a minute take 13
/// minutes, and the quotas nine.
#[rstest]
fn the_endpoint_that_decides_goes_before_the_others(
    #[values(Order::Sorted, Order::Reversed, Order::Shuffled)] order: Order,
) {
    let counts = [(Action::PermanentlyDelete, 700), (Action::Delete, 299)];
    let mut sim = Sim::new((1, 20), 1).keeping("100/1m", Keeps::Rolling);
    let setup = Setup {
        requests: "100/1m".to_owned(),
        steps: vec![(Step::PermanentlyDelete, "70/1m".to_owned())],
        ..Setup::default()
    };
    let rows = rows(&counts, order);
    let end = setup.run_rows(&mut sim, rows.clone());
    let took = sim.elapsed();
    done(&end);
    assert_eq!(sim.outcomes().len(), rows.len());
    assert_eq!(sim.server.refused, 0);
    let least = Duration::from_mins(9);
    assert!(took >= least, "{took:?}");
    assert!(took <= least.mul_f64(1.02), "{took:?} of {least:?}");
}

/// Accounts share a tenant's limits, and one of them stops while its requests of the endpoint that
/// decides wait: the other goes on.
#[test]
fn nobody_lets_those_go_first_who_have_stopped() {
    let mut sim = Sim::new((1, 20), 1);
    let setup = |name: &str| Setup {
        account: AccountName::new(name),
        requests: "100/1m".to_owned(),
        steps: vec![(Step::PermanentlyDelete, "70/1m".to_owned())],
        ..Setup::default()
    };
    let stopped = Setup {
        until: Some(Until {
            at: EPOCH.after(Duration::from_secs(90)),
            typed: "06:00".to_owned(),
        }),
        ..setup("acme")
    };
    let deletes = (1_001..=1_250)
        .map(|row| task(row, Action::Delete))
        .collect();
    let count = [(Action::PermanentlyDelete, 700)];
    let first = rows(&count, Order::Sorted);
    sim.add_joined(vec![(stopped, first), (setup("other"), deletes)]);
    done(sim.run().last().unwrap());
}

#[test]
fn a_canary_is_the_first_rows_of_the_file_whatever_their_actions() {
    let mut sim = Sim::new((10, 30), 1);
    let setup = Setup {
        canary: 5,
        steps: vec![(Step::PermanentlyDelete, "1/1m".to_owned())],
        ..Setup::default()
    };
    let actions = [Action::PermanentlyDelete, Action::Delete, Action::Delete];
    let actions = actions.into_iter().cycle().take(60);
    let rows: Vec<Task> = (1..).zip(actions).map(|(row, it)| task(row, it)).collect();
    let end = setup.run_rows(&mut sim, rows);
    done(&end);
    let state = &sim.server;
    let arrived = state.arrived.iter();
    let arrived: Vec<u64> = arrived.map(|(_, id, _)| id.parse().unwrap()).collect();
    let mut first = arrived[..5].to_vec();
    first.sort_unstable();
    assert_eq!(first, [1, 2, 3, 4, 5]);
    assert_eq!(arrived.len(), 60);
}

/// In queues of their own: they end in the order of the file.
#[test]
fn rows_of_one_user_keep_their_order_though_they_wait_for_different_limits() {
    let mut sim = Sim::new((10, 30), 1);
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
        task.id = UserId::new((row.div_ceil(2)).to_string());
        task.again = even;
        task
    });
    setup.run_rows(&mut sim, rows.collect());
    assert_eq!(sim.server.collisions, 0);
    let ended = sim.outcomes();
    assert_eq!(ended.len(), 40);
    assert!(ended.iter().all(|it| it.outcome == Outcome::Deleted));
    let place = |row| ended.iter().position(|it| it.position.row == row);
    for first in (1..40).step_by(2) {
        assert!(place(first) < place(first + 1), "{first}");
    }
}
