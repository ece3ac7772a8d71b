//! A run is bound to what was agreed to when it began: `resume` does just that, or nothing.

use rstest::rstest;
use serde_json::json;

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

/// With the configuration that it began with, the run goes on to its end.
fn goes_on_as_agreed(world: &World) {
    configured(world, "acme", "delete");
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(0);
    assert_eq!(standing(world), 0);
}

/// How many ordinary users stand.
fn standing(world: &World) -> usize {
    let users = serde_json::to_value(world.users()).unwrap();
    let states = users.as_array().unwrap().iter();
    states
        .filter(|user| user["id"].as_str().unwrap().len() == 1 && user["state"] == "active")
        .count()
}

#[test]
fn a_soft_deletion_does_not_become_a_purge_because_the_configuration_changed() {
    let world = stopped("id,account", ",acme");
    configured(&world, "acme", "purge");
    let before = (world.read(LEDGER), world.deletions().len());
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(4)
        .says("account `acme` had `action = \"delete\"` when the run began")
        .says("now has `action = \"purge\"`; nothing was sent");
    assert_eq!((world.read(LEDGER), world.deletions().len()), before);
    assert_eq!(standing(&world), 3);

    goes_on_as_agreed(&world);
}

#[test]
fn an_action_that_no_row_takes_from_the_configuration_may_change() {
    let world = stopped("id,account,action", ",acme,delete");
    configured(&world, "acme", "purge");
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(0);
    let outcomes = world.outcomes(LEDGER);
    assert!(outcomes.values().all(|it| it["action"] == "delete"));
}

#[test]
fn a_row_that_names_a_provider_goes_to_no_account_that_the_run_did_not_have() {
    let world = stopped("id,account", ",zendesk");
    configured(&world, "prod", "delete");
    let elsewhere = format!("base_url = \"{}/t/prod\"", world.base());
    let here = format!("base_url = \"{}\"", world.base());
    let config = world.read("userpurge.toml");
    world.configure(&config.replacen(&here, &elsewhere, 1));
    let users = [json!({"id": "1"}), json!({"id": "2"}), json!({"id": "3"})];
    world.seed(json!({"tenant": "prod", "zendesk": users}));
    let before = (world.read(LEDGER), world.deletions().len());
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(4)
        .says("row 1 would now go to account `prod`, which the run did not have (accounts then: acme)")
        .says("nothing was sent");
    assert_eq!((world.read(LEDGER), world.deletions().len()), before);
    assert_eq!(standing(&world), 6);
}

#[rstest]
#[case::no_action(",acme", "names no action", |world: &World| configured(world, "acme", ""))]
#[case::renamed(",acme", "no account has", |world: &World| configured(world, "prod", "delete"))]
#[case::one_more(",zendesk", "several accounts have", |world: &World| with_another(world, "late"))]
fn a_row_that_was_to_be_sent_is_not_called_invalid_later(
    #[case] cells: &str,
    #[case] why: &str,
    #[case] change: fn(&World),
) {
    let world = stopped("id,account", cells);
    change(&world);
    let before = world.read(LEDGER);
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(4)
        .says("row 1 was to be sent when the run began")
        .says(why);
    assert_eq!(world.read(LEDGER), before);

    goes_on_as_agreed(&world);
}

#[test]
fn a_row_that_was_invalid_may_be_mended_in_the_configuration() {
    let world = World::new();
    world.zendesk_users(1..=2);
    world.write("users.csv", "id,account\n1,acme\n2,late\n");
    configured(&world, "acme", "delete");
    world
        .call(&["run", "users.csv", "--yes", "--progress", "none"])
        .code(1);
    assert_eq!(world.outcomes(LEDGER)[&2]["code"], "unknown_account");
    with_another(&world, "late");
    world
        .call(&["retry", LEDGER, "--only", "invalid", "--yes"])
        .code(0);
    assert_eq!(world.outcomes(LEDGER)[&2]["outcome"], "deleted");
}
