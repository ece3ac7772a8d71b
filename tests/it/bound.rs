//! What was agreed to stands in the ledger: `resume` does just that, whatever the configuration says.

use rstest::rstest;
use serde_json::json;
use userpurge::sandbox::Call;

use crate::support::World;
use crate::support::usual::LEDGER;

/// A run of three rows that stopped before anybody was deleted. `cells`: of each row, behind the id.
fn stopped(header: &str, cells: &str) -> World {
    let world = World::new();
    world.zendesk_users(1..=3);
    let rows = [1, 2, 3].map(|id| format!("{id}{cells}\n"));
    world.write("users.csv", format!("{header}\n{}", rows.concat()));
    configured(&world, "acme", "delete");
    world.settings(json!({"zendesk": {"caller_role": "agent"}}));
    world
        .call(&["run", "users.csv", "--yes", "--progress", "none"])
        .code(3);
    world.settings(json!({"zendesk": {"caller_role": "admin"}}));
    assert_eq!(standing(&world), 3);
    world
}

/// The usual configuration, in which `acme` is called `name` and its rows that name no action get
/// `action`.
fn configured(world: &World, name: &str, action: &str) {
    let line = match action {
        "" => String::new(),
        action => format!("\naction = \"{action}\""),
    };
    let zendesk = "provider = \"zendesk\"";
    let config = world
        .config()
        .replacen(zendesk, &format!("{zendesk}{line}"), 1);
    world.configure(&config.replace("[accounts.acme", &format!("[accounts.{name}")));
}

/// One account at Zendesk more.
fn with_another(world: &World, name: &str) {
    let base = world.base();
    let config = world.read("userpurge.toml");
    world.configure(&format!(
        "[accounts.{name}]\nprovider = \"zendesk\"\naction = \"delete\"\nbase_url = \"{base}\"\n\
         oauth_token = \"sandbox-oauth\"\n{config}"
    ));
}

/// How many ordinary users stand.
fn standing(world: &World) -> usize {
    let users = serde_json::to_value(world.users()).unwrap();
    let states = users.as_array().unwrap().iter();
    states
        .filter(|user| user["id"].as_str().unwrap().len() == 1 && user["state"] == "active")
        .count()
}

#[rstest]
#[case::another_action("id,account", ",acme", |world: &World| configured(world, "acme", "purge"))]
#[case::no_action("id,account", ",acme", |world: &World| configured(world, "acme", ""))]
#[case::own_action("id,account,action", ",acme,delete", |world: &World| configured(world, "acme", "purge"))]
#[case::one_more("id,account", ",zendesk", |world: &World| with_another(world, "late"))]
fn what_the_configuration_says_since_changes_no_row(
    #[case] header: &str,
    #[case] cells: &str,
    #[case] change: fn(&World),
) {
    let world = stopped(header, cells);
    change(&world);
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(0);
    let outcomes = world.outcomes(LEDGER);
    assert!(outcomes.values().all(|it| it["action"] == "delete"));
    assert!(outcomes.values().all(|it| it["account"] == "acme"));
    assert_eq!(standing(&world), 0);
    assert!(world.calls(Call::PermanentlyDelete).is_empty());
}

#[test]
fn an_account_that_is_gone_is_named() {
    let world = stopped("id,account", ",zendesk");
    configured(&world, "prod", "delete");
    let before = (world.read(LEDGER), world.deletions().len());
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(2)
        .says("account `acme` has rows in ledger")
        .says("nothing was sent");
    assert_eq!((world.read(LEDGER), world.deletions().len()), before);
    assert_eq!(standing(&world), 3);

    configured(&world, "acme", "delete");
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(0);
    assert_eq!(standing(&world), 0);
}

#[test]
fn a_row_that_was_invalid_is_mended_in_the_input_and_not_tried_again() {
    let world = World::new();
    world.zendesk_users(1..=2);
    world.write("users.csv", "id,account\n1,acme\n2,late\n");
    configured(&world, "acme", "delete");
    world
        .call(&["run", "users.csv", "--yes", "--progress", "none"])
        .code(1);
    assert_eq!(world.outcomes(LEDGER)[&2]["code"], "unknown_account");
    with_another(&world, "late");
    let sent = world.deletions().len();
    for only in ["invalid", "unknown_account"] {
        world
            .call(&["retry", LEDGER, "--only", only, "--yes"])
            .code(1)
            .says("1 row of these cannot be sent as they stand in the input (row 2)")
            .says("the ledger has no ids of them")
            .says("then plan and run the fixed rows");
    }
    assert_eq!(world.deletions().len(), sent);
}
