//! Two accounts at one tenant: a user belongs to one of them, so that no two requests about a user are
//! ever under way at once.

use serde_json::json;

use crate::support::World;
use crate::support::usual::LEDGER;

/// Accounts `acme` and `twin` at the same Zendesk.
fn twins() -> World {
    let world = World::new();
    world.wide();
    world.zendesk_users(1..=200);
    let base = world.base();
    let twin = format!(
        "[accounts.twin]\nprovider = \"zendesk\"\nbase_url = \"{base}\"\noauth_token = \"sandbox-oauth\"\n\
         [accounts.twin.limits]\nrequests = \"100000/1s\"\npermanently-delete = \"100000/1s\"\n"
    );
    world.configure(&format!("{}\n{twin}", world.config()));
    world
}

#[test]
fn a_user_under_both_names_is_a_duplicate_or_belongs_to_the_first() {
    let world = twins();
    let rows = (1..=200).map(|id| {
        let again = if id <= 100 { "delete" } else { "purge" };
        format!("{id},acme,delete\n{id},twin,{again}\n")
    });
    let text = format!("id,account,action\n{}", rows.collect::<String>());
    world.write("users.csv", text);
    world
        .call(&["plan", "users.csv"])
        .code(0)
        .says("at the same tenant");
    world.call(&["run", "users.csv", "--yes"]).code(1);

    let named = world.deletions().into_iter();
    let mut named: Vec<String> = named
        .flat_map(|it| it.users.into_iter().chain(it.user))
        .collect();
    assert_eq!(named.len(), 200, "each user is named once");
    named.sort();
    named.dedup();
    assert_eq!(named.len(), 200);
    let outcomes = &world.status(LEDGER)["outcomes"];
    assert_eq!(outcomes["deleted"], 200);
    assert_eq!(outcomes["duplicate"], 100);
    assert_eq!(outcomes["invalid"], 100);
    assert_eq!(world.outcomes(LEDGER)[&202]["code"], "other_account");
}

#[test]
fn both_are_checked_and_asked_who_we_are() {
    let world = twins();
    let done = world.call(&["check"]).code(0);
    for name in ["acme", "twin"] {
        let line = format!("{name}: Zendesk Support at 127.0.0.1");
        assert!(done.out.contains(&line), "{}", done.out);
    }
    world.write(
        "users.csv",
        "id,account,action\n1,acme,delete\n2,twin,delete\n",
    );
    let done = world.call(&["run", "users.csv", "--yes"]).code(0);
    assert_eq!(
        done.err.matches(": as Operations (admin)").count(),
        2,
        "{}",
        done.err
    );
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 2);
}

#[test]
fn different_users_go_side_by_side() {
    let world = twins();
    let rows = (1..=200).map(|id| {
        let account = if id % 2 == 0 { "acme" } else { "twin" };
        format!("{id},{account},delete\n")
    });
    world.write(
        "users.csv",
        format!("id,account,action\n{}", rows.collect::<String>()),
    );
    world.call(&["run", "users.csv", "--yes"]).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 200);
}

#[test]
fn both_are_held_while_their_tenant_asks_for_a_long_wait() {
    let world = twins();
    world.write(
        "users.csv",
        "id,account,action\n1,acme,delete\n2,twin,delete\n",
    );
    for user in ["1", "2"] {
        let fault = json!({"user": user, "fault": "long-wait", "times": 1});
        let fault = serde_json::from_value(fault).unwrap();
        let planned = world
            .sandbox()
            .with(|sandbox, now| sandbox.plan("", fault, now));
        planned.unwrap();
    }
    world
        .call(&["run", "users.csv", "--yes", "--concurrency", "1"])
        .code(3);
    let before = world.sandbox().log(None).len();
    world
        .call(&["resume", LEDGER])
        .code(3)
        .says("acme: the provider takes no more requests")
        .says("twin: the provider takes no more requests");
    assert_eq!(world.sandbox().log(None).len(), before, "nobody was asked");
}
