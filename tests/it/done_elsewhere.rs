//! `--done-in` believes an earlier ledger only about the tenant that the ledger was written at.

use serde_json::Value;

use crate::support::usual::{LEDGER, RUN, plan_of};
use crate::support::{World, ids};

const USERS: u64 = 12;

/// A production, and beside it the ledger of a rehearsal of the same file at another tenant.
fn rehearsed() -> (World, World, &'static str) {
    const REHEARSAL: &str = "rehearsal.ledger.jsonl";
    let staging = World::of_users(USERS);
    let production = World::of_users(USERS);
    production.ask_acme_at(&staging.base());
    let args = [&RUN[..], &["--ledger", REHEARSAL]].concat();
    production.call(&args).code(0);
    assert!(!staging.deletions().is_empty());
    production.configure(&production.config());
    (staging, production, REHEARSAL)
}

fn standing(world: &World) -> usize {
    let users = world.users().into_iter();
    users.filter(|user| user.state == "active").count()
}

#[test]
fn a_rehearsal_makes_no_row_of_production_done() {
    let (staging, world, rehearsal) = rehearsed();
    let before = standing(&world);
    let args = [&RUN[..], &["--done-in", rehearsal]].concat();
    world
        .call(&args)
        .code(2)
        .says("rows of account `acme` were done at tenant")
        .says(staging.base().trim_start_matches("http://"))
        .says(world.base().trim_start_matches("http://"))
        .says("nothing was sent");
    assert_eq!(world.deletions().len(), 0);
    assert_eq!(standing(&world), before);
    assert!(!world.path(LEDGER).exists(), "there was no run");
    // Nor if a part of the file was never in the rehearsal.
    world.write("users.csv", ids(1..=USERS + 5));
    world.call(&args).code(2);
    assert_eq!(world.deletions().len(), 0);
}

#[test]
fn a_plan_says_where_rows_were_done() {
    let (staging, world, rehearsal) = rehearsed();
    let tenant = staging.base().trim_start_matches("http://").to_owned();
    let plan = [&plan_of("users.csv")[..], &["--done-in", rehearsal]].concat();
    let done = world.call(&plan).code(1);
    done.says("acme: done before at").says(&tenant);
    let json = world.call(&[&plan[..], &["--json"]].concat()).code(1);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["done_before"], USERS);
    assert_eq!(json["done_at"][0]["account"], "acme");
    assert!(
        json["done_at"][0]["tenant"]
            .as_str()
            .unwrap()
            .contains(&tenant)
    );
}

#[test]
fn a_saved_plan_that_counts_a_rehearsal_is_not_carried_out() {
    let (_staging, world, rehearsal) = rehearsed();
    world.write("users.csv", ids(1..=USERS + 5));
    let plan = [
        &plan_of("users.csv")[..],
        &["--done-in", rehearsal, "-o", "purge.ledger.jsonl"],
    ]
    .concat();
    world.call(&plan).code(0);
    world
        .call(&["run", "purge.ledger.jsonl", "--yes"])
        .code(2)
        .says("rows of account `acme` were done at tenant");
    assert_eq!(world.deletions().len(), 0);
}

#[test]
fn what_was_done_at_the_same_tenant_is_done_and_the_ledger_says_at_which() {
    let world = World::of_users(USERS);
    world.call(&RUN).code(0);
    let before = world.deletions().len();
    let again = [
        &RUN[..],
        &["--done-in", LEDGER, "--ledger", "again.ledger.jsonl"],
    ]
    .concat();
    world.call(&again).code(0).says("acme: done before at");
    assert_eq!(world.deletions().len(), before);
    let accounts = |ledger: &str| {
        let lines = world.ledger(ledger).into_iter();
        let mut sessions = lines.filter(|it| it["kind"] == "session");
        sessions.next().unwrap()["accounts"].clone()
    };
    assert_eq!(accounts("again.ledger.jsonl"), accounts(LEDGER));
    // A row that was done before has no id in the second ledger, so a third names the first as well.
    let third = [
        &RUN[..],
        &[
            "--done-in",
            "again.ledger.jsonl",
            "--done-in",
            LEDGER,
            "--ledger",
            "third.ledger.jsonl",
        ],
    ]
    .concat();
    world.call(&third).code(0);
    assert_eq!(world.deletions().len(), before);
}
