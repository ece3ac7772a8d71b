//! `--canary` where an account's rows wait for different things: the first rows go alone, to their ends,
//! and nothing is sent about the others before.

use rstest::rstest;
use serde_json::json;

use crate::support::World;
use crate::support::usual::LEDGER;

/// Rows of each action: more than may be asked about at once.
const EACH: u64 = 65;

/// Users of Zendesk, those of each of `actions` behind one another in the file.
fn world(actions: &[&str]) -> World {
    let world = World::new();
    world.wide();
    // Jobs take a hundredth of their time.
    world.settings(json!({"latency": "1ms..5ms", "scale_limits": 100.0}));
    world.file_of(actions.iter().zip(1_u64..).flat_map(|(action, part)| {
        let ids = 1_000 * part..1_000 * part + EACH;
        ids.map(|id| (id.to_string(), "acme", *action))
    }));
    world
}

/// Before the first row of the file had ended by `steps` deletions, nothing but who we are and that
/// row's own user was asked about.
#[track_caller]
fn the_first_went_alone(world: &World, steps: usize) {
    let log = world.sandbox().log(None);
    let deletions = log.iter().filter(|call| call.effect && call.step.deletes());
    let canary: Vec<_> = deletions.take(steps).collect();
    let user = canary[0].user.as_deref().unwrap();
    assert!(canary.iter().all(|call| call.concerns(user)), "{canary:?}");
    let over = canary[steps - 1].seq;
    let others = |id: &&String| id.as_str() != user;
    for call in log.iter().filter(|call| call.seq < over) {
        let about: Vec<_> = call.users.iter().chain(&call.user).filter(others).collect();
        assert!(about.is_empty(), "{call:?}");
    }
}

/// Whether an action has two steps.
fn steps(action: &str) -> usize {
    if action == "purge" { 2 } else { 1 }
}

#[rstest]
#[case("1", ["permanently-delete", "delete"])]
#[case("8", ["permanently-delete", "delete"])]
#[case("8", ["delete", "purge"])]
#[case("1", ["purge", "permanently-delete"])]
fn rows_of_two_actions_wait_for_the_canary_and_hold_nothing_meanwhile(
    #[case] concurrency: &str,
    #[case] actions: [&str; 2],
) {
    let world = world(&actions);
    let canary = ["--canary", "1", "--concurrency", concurrency];
    let run = ["run", "users.csv", "--yes"];
    world.call(&[&run[..], &canary].concat()).code(0);
    the_first_went_alone(&world, steps(actions[0]));
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 2 * EACH);
}

#[test]
fn a_canary_of_resume_goes_alone_too() {
    let world = world(&["permanently-delete", "delete"]);
    let mut child = world.start(&["run", "users.csv", "--yes", "--concurrency", "2"]);
    world.until("some are gone", || world.deletions().len() >= 5);
    child.kill().unwrap();
    child.wait().unwrap();
    world
        .call(&["resume", LEDGER, "--canary", "1", "--concurrency", "8"])
        .code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 2 * EACH);
}

/// A canary that has more rows than the account: all of them go, and the run ends.
#[test]
fn a_canary_larger_than_the_file_ends() {
    let world = world(&["permanently-delete", "delete", "purge"]);
    world
        .call(&["run", "users.csv", "--yes", "--canary", "1000"])
        .code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 3 * EACH);
}

/// One whose last row is the last of the file.
#[test]
fn a_canary_as_large_as_the_file_ends() {
    let world = world(&["permanently-delete", "delete"]);
    let all = (2 * EACH).to_string();
    world
        .call(&["run", "users.csv", "--yes", "--canary", &all])
        .code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 2 * EACH);
}
