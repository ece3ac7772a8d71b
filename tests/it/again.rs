//! `run --again`: after a restore from a backup, the users that earlier ledgers show as deleted are
//! deleted once more, as a new run that is agreed to like any other.

use serde_json::json;

use crate::support::World;
use crate::support::usual::{LEDGER, RUN, run};

const AGAIN: &str = "users.csv.again.ledger.jsonl";

/// Five users, one of whom cannot be deleted; then all stand again.
fn restored() -> World {
    let world = World::new();
    world.zendesk_users(1..=4);
    world.seed(json!({"zendesk": [{"id": "5", "open_tickets": 1}]}));
    world.write("users.csv", "id,ref\n1,A\n2,B\n3,C\n4,D\n5,E\n");
    world.call(&RUN).code(1);
    world.zendesk_users(1..=5);
    world
}

/// The ids that were deleted from the request `from` on.
fn sent(world: &World, from: usize) -> Vec<String> {
    let mut sent: Vec<_> = world
        .deletions()
        .split_off(from)
        .into_iter()
        .filter_map(|it| it.user)
        .collect();
    sent.sort();
    sent
}

#[test]
fn who_was_deleted_is_deleted_again_and_nobody_else() {
    let world = restored();
    let (before, first) = (world.deletions().len(), world.read(LEDGER));
    // It is asked like any run.
    world
        .call(&["run", "--again", LEDGER])
        .code(2)
        .says("no terminal to ask at");
    assert!(!world.path(AGAIN).exists());
    world
        .call(&["run", "--again", LEDGER, "--confirm", "4"])
        .code(0);
    assert_eq!(sent(&world, before), ["1", "2", "3", "4"]);
    assert_eq!(world.read(LEDGER), first, "the first ledger stays as it is");
    let outcomes = world.outcomes(AGAIN);
    let mut refs: Vec<_> = outcomes
        .values()
        .map(|it| it["ref"].as_str().unwrap())
        .collect();
    refs.sort_unstable();
    assert_eq!(refs, ["A", "B", "C", "D"]);
    let header = &world.ledger(AGAIN)[0];
    let named = world.path(LEDGER).canonicalize().unwrap();
    assert_eq!(header["options"]["again"], json!([named]));
    world
        .call(&["run", "--again", LEDGER, "--yes"])
        .code(2)
        .says("exists already");
}

#[test]
fn several_ledgers_are_done_again_as_one_run_each_user_once() {
    let world = restored();
    world.write("more.csv", "id\n4\n5\n");
    world.call(&run("more.csv", "acme", "delete")).code(0);
    world.zendesk_users(1..=5);
    let before = world.deletions().len();
    let more = "more.csv.ledger.jsonl";
    let args = [
        "run",
        "--again",
        LEDGER,
        "--again",
        more,
        "--ledger",
        "all.ledger.jsonl",
        "--yes",
    ];
    world.call(&args).code(0);
    assert_eq!(sent(&world, before), ["1", "2", "3", "4", "5"]);
}

#[test]
fn a_ledger_of_another_tenant_is_refused_and_so_are_an_input_beside_it_and_no_ledger() {
    let world = restored();
    let before = world.deletions().len();
    world
        .call(&["run", "users.csv", "--again", LEDGER, "--yes"])
        .code(2);
    world
        .call(&["run", "--again", "users.csv", "--yes"])
        .code(2);
    world.call(&["run"]).code(2).says("INPUT");
    let port = world.base().rsplit(':').next().unwrap().to_owned();
    let elsewhere = world
        .config()
        .replacen(&world.base(), &format!("http://localhost:{port}"), 1);
    world.configure(&elsewhere);
    let done = world.call(&["run", "--again", LEDGER, "--yes"]).code(2);
    done.says("`--again` says").says("nothing was sent");
    assert!(!world.path(AGAIN).exists());
    assert_eq!(world.deletions().len(), before);
}
