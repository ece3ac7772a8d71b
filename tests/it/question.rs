//! The question before a run, at a real terminal: what has to be typed, and that nothing leaves until
//! it is.

use serde_json::json;

use crate::support::World;
use crate::support::usual::{LEDGER, id};

const RUN: &str = "clear; userpurge run users.csv --account acme --action delete; echo code $?";

/// Nobody was touched, and there is nothing to go on with.
fn nothing_was_sent(world: &World) {
    assert_eq!(world.deletions().len(), 0);
    world.until("the ledger is taken away", || !world.path(LEDGER).exists());
}

#[test]
fn up_to_a_thousand_rows_want_their_number_typed_and_no_other_word() {
    let world = World::of_users(3);
    let terminal = world.terminal(80);
    for wrong in ["y", "yes", "4", ""] {
        terminal.types(RUN);
        terminal.until("it asks", |screen| screen.ends_with("Type 3 to go on:"));
        terminal.types(wrong);
        let screen = terminal.until("it is refused", |screen| screen.contains("code 2"));
        assert!(
            screen.contains("3 was not typed; nothing was sent"),
            "{screen}"
        );
        nothing_was_sent(&world);
    }
    terminal.types(RUN);
    terminal.until("it asks", |screen| screen.ends_with("Type 3 to go on:"));
    terminal.types("3");
    terminal.until("it has run", |screen| screen.contains("code 0"));
    assert_eq!(world.deletions().len(), 3);
}

#[test]
fn a_provider_that_keeps_silent_is_waited_for_in_words() {
    let world = World::of_users(3);
    world.settings(json!({"latency": "25s"}));
    let terminal = world.terminal(80);
    for command in [RUN, "clear; userpurge check"] {
        terminal.types(command);
        terminal.until("it says what it waits for", |screen| {
            screen.contains("acme: waiting for Zendesk Support to answer")
        });
        terminal.key("C-c");
        terminal.until("it is over", |screen| screen.ends_with('$'));
    }
    nothing_was_sent(&world);
}

#[test]
fn more_than_a_thousand_rows_want_the_tenant_s_name_and_not_their_number() {
    let world = World::of_users(1_001);
    let tenant = world.base().replace("http://", "");
    let terminal = world.terminal(80);
    let asks = format!("Type {tenant} to go on:");
    for wrong in ["1001", "acme", "y", "127.0.0.1"] {
        terminal.types(RUN);
        terminal.until("it asks", |screen| screen.ends_with(&asks));
        terminal.types(wrong);
        let screen = terminal.until("it is refused", |screen| screen.contains("code 2"));
        assert!(
            screen.contains("the tenant's name was not typed; nothing was sent"),
            "{screen}"
        );
        nothing_was_sent(&world);
    }
    terminal.types(RUN);
    terminal.until("it asks", |screen| screen.ends_with(&asks));
    terminal.types(&tenant);
    terminal.until("it has run", |screen| screen.contains("code 0"));
    let gone = world
        .users()
        .iter()
        .filter(|user| user.state != "active")
        .count();
    assert_eq!(gone, 1_001);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 1_001);
}

#[test]
fn of_several_accounts_each_tenant_s_name_is_typed_before_anything_leaves_for_one() {
    let world = World::new();
    world.wide();
    let acme = (1..=700).map(|n| (id("acme", n), "acme", "delete"));
    let chat = (1..=400).map(|n| (id("chat", n), "chat", "delete"));
    world.file_of(acme.chain(chat));
    let host = world.base().replace("http://", "");
    let tenants = [host.clone(), format!("{host}/5963c0d619a30a2e00de36b8")];
    let terminal = world.terminal(100);
    let run = "clear; userpurge run users.csv; echo code $?";
    let asks = |place: usize| format!("Type {} to go on ({place} of 2):", tenants[place - 1]);

    // The first name twice: the second account's is another.
    terminal.types(run);
    terminal.until("it asks for the first", |screen| screen.ends_with(&asks(1)));
    terminal.types(&tenants[0]);
    terminal.until("it asks for the second", |screen| {
        screen.ends_with(&asks(2))
    });
    terminal.types(&tenants[0]);
    terminal.until("it is refused", |screen| screen.contains("code 2"));
    nothing_was_sent(&world);

    terminal.types(run);
    terminal.until("it asks for the first", |screen| screen.ends_with(&asks(1)));
    terminal.types(&tenants[0]);
    terminal.until("it asks for the second", |screen| {
        screen.ends_with(&asks(2))
    });
    assert_eq!(world.deletions().len(), 0);
    assert_eq!(world.status(LEDGER)["state"], "planned");
    terminal.types(&tenants[1]);
    terminal.until("it has run", |screen| screen.contains("code 0"));
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 1_100);
}
