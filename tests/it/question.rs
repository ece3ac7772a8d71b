//! The question before a run, at a real terminal: what has to be typed, and that nothing leaves until
//! it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::support::raw::{After, Raw};
use crate::support::usual::{self, LEDGER, id};
use crate::support::{World, ids};

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
        for again in 1..=3 {
            terminal.types(wrong);
            terminal.until("it asks twice more", |screen| {
                screen.contains("code 2") || screen.matches("That is not 3").count() == again
            });
        }
        let screen = terminal.until("it is refused", |screen| screen.contains("code 2"));
        assert!(
            screen.contains("`3` was not typed; nothing was sent"),
            "{screen}"
        );
        nothing_was_sent(&world);
    }
    terminal.types(RUN);
    terminal.until("it asks", |screen| screen.ends_with("Type 3 to go on:"));
    terminal.types("4");
    terminal.until("it asks again", |screen| screen.contains("That is not 3"));
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
fn the_plan_is_there_before_any_provider_answers_and_all_are_asked_side_by_side() {
    let world = ordinary();
    let silent = Raw::start(|_, _| After::Keep);
    world.configure(&world.config().replace(&world.base(), &silent.base()));
    let terminal = world.terminal(80);
    terminal.types("clear; userpurge run users.csv");
    terminal.until("the plan is there", |screen| {
        screen.contains("cannot be undone") && screen.contains("Not sent")
    });
    world.until("both are asked, though neither answers", || {
        let asked: Vec<_> = silent.heard().into_iter().map(|it| it.target).collect();
        ["/api/v2/", "/v2/apps/"]
            .iter()
            .all(|path| asked.iter().any(|it| it.starts_with(path)))
    });
    terminal.key("C-c");
    terminal.until("it is over", |screen| screen.ends_with('$'));
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
        for again in 1..=3 {
            terminal.types(wrong);
            terminal.until("it asks twice more", |screen| {
                screen.contains("code 2") || screen.matches("That is not 127").count() == again
            });
        }
        let screen = terminal.until("it is refused", |screen| screen.contains("code 2"));
        assert!(
            screen.contains(&format!("`{tenant}` was not typed; nothing was sent")),
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
    for again in 1..=3 {
        terminal.types(&tenants[0]);
        terminal.until("it asks twice more", |screen| {
            screen.contains("code 2") || screen.matches("That is not").count() == again
        });
    }
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

/// An ordinary file: fifty rows of two accounts, some of them bad.
pub(crate) fn ordinary() -> World {
    let world = World::new();
    let acme = (1..=28).map(|n| (id("acme", n), "acme", "purge"));
    let again = (1..=2).map(|n| (id("acme", n), "acme", "purge"));
    let chat = (1..=15).map(|n| (id("chat", n), "chat", "delete"));
    world.file_of(acme.chain(again).chain(chat));
    let bad = [
        "5.5E+17,acme,purge",
        "x,acme,purge",
        "7,acmee,purge",
        "8,acme,",
        "9,acme,undo",
    ];
    let rows = world.read("users.csv") + &bad.join("\n") + "\n";
    world.write("users.csv", rows);
    world
}

#[test]
fn the_plan_of_an_ordinary_file_and_its_question_fit_one_screen() {
    let world = ordinary();
    let own = Permissions::from_mode(0o600);
    fs::set_permissions(world.path("userpurge.toml"), own).unwrap();
    let terminal = world.terminal(80);
    terminal.types("clear; userpurge run users.csv; echo code $?");
    let screen = terminal.until("it asks", |screen| screen.ends_with("Type 43 to go on:"));
    for part in [
        "users.csv: 50 rows, 43 to delete, 5 invalid, 2 duplicate",
        "acme: Zendesk Support",
        "purge 28 users",
        "chat: Sunshine Conversations",
        "delete 15 users",
        "cannot be undone",
    ] {
        assert!(screen.contains(part), "no `{part}`:\n{screen}");
    }
    assert!(terminal.coloured().contains('\u{1b}'), "weight is shown");
    assert_eq!(world.deletions().len(), 0);
}

#[test]
fn each_kind_of_deletion_is_asked_for_in_its_own_words() {
    let world = World::new();
    world.write(
        "users.csv",
        "id,account,action\n1,acme,delete\n2,acme,delete\n3,acme,purge\n5963c0d619a30a2e00de36a1,chat,delete\n",
    );
    let terminal = world.terminal(120);
    terminal.types("userpurge run users.csv; echo code $?");
    let screen = terminal.until("it asks", |screen| screen.ends_with("to go on:"));
    let asked = "Delete 2 users for good, and soft-delete 2 users? Zendesk deletes for good after 30 days. \
                 This cannot be undone.";
    assert!(screen.replace('\n', " ").contains(asked), "{screen}");
    assert_eq!(world.deletions().len(), 0);
}

#[test]
fn what_is_tried_again_is_told_before_the_question() {
    let world = World::new();
    world.seed(json!({"zendesk": [{"id": "1", "open_tickets": 1}, {"id": "2", "role": "agent"}]}));
    world.write("users.csv", ids([1, 2]));
    world.call(&usual::RUN).code(1);
    let terminal = world.terminal(100);
    let retry = "userpurge retry --only protected --include-role agent; echo code $?";
    terminal.types(retry);
    let screen = terminal.until("it asks", |screen| screen.ends_with("to go on:"));
    for part in [
        "acme: Zendesk Support at",
        "  delete 1 user: soft delete",
        "agent",
    ] {
        assert!(screen.contains(part), "no `{part}`:\n{screen}");
    }
}

#[test]
fn without_colours_a_plan_has_no_escape() {
    let world = ordinary();
    for (variables, option) in [("", " --color never"), ("NO_COLOR=1", "")] {
        let terminal = world.terminal_with(80, variables);
        terminal.record("stream");
        terminal.types(&format!("userpurge plan users.csv{option}; echo code $?"));
        terminal.until("it is over", |screen| screen.contains("code 0"));
        world.until("all is recorded", || {
            world.read("stream").contains("code 0")
        });
        let stream = world.read("stream");
        assert!(stream.contains("cannot be undone"), "{stream}");
        assert!(!stream.contains('\u{1b}'), "{stream:?}");
    }
}

#[test]
fn the_short_options_do_what_the_long_ones_do() {
    let world = World::of_users(3);
    let run = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
    ];
    world.call(&[&run[..], &["-n"]].concat()).code(0);
    nothing_was_sent(&world);
    world.call(&[&run[..], &["-y"]].concat()).code(0);
    assert_eq!(world.deletions().len(), 3);
}
