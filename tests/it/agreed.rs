//! What was agreed to is what is done, whatever becomes of the input, the protect list and the
//! configuration afterwards. Judged by whom the provider was asked to delete.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use rstest::rstest;
use serde_json::json;

use crate::support::usual::{LEDGER, PERMANENTLY, RUN};
use crate::support::{World, csv};

/// The users that are agreed to, soft-deleted: each is a request of its own.
const AGREED: RangeInclusive<u64> = 1..=1_600;

/// Others who stand just so, with longer ids: a text made of both files names nobody of either.
const OTHERS: RangeInclusive<u64> = 36_100_000_001..=36_100_001_600;

/// Both at the sandbox, and a file of those who are agreed to.
fn world() -> World {
    let world = World::of_soft_deleted(*AGREED.end());
    world.soft_deleted_users(OTHERS);
    world.write("users.csv", file(AGREED));
    world.settings(json!({"latency": "8ms"}));
    world
}

/// How often each user was to be deleted; what the provider turned away (403) is left out.
fn asked(world: &World) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    let taken = |status: Option<u16>| status != Some(403);
    for entry in world.deletions().into_iter().filter(|it| taken(it.status)) {
        for id in entry.users.into_iter().chain(entry.user) {
            *asked.entry(id).or_default() += 1;
        }
    }
    asked
}

/// Exactly those who were agreed to are gone, and nobody else was ever named.
fn only_the_agreed(world: &World) {
    let asked: BTreeSet<String> = asked(world).into_keys().collect();
    let agreed: BTreeSet<String> = AGREED.map(|id| id.to_string()).collect();
    assert_eq!(asked.difference(&agreed).next(), None, "nobody else");
    assert_eq!(agreed.difference(&asked).next(), None, "all of them");
}

/// A file of these users, far longer than what a reader of it holds at a time.
fn file(ids: RangeInclusive<u64>) -> String {
    let note = "x".repeat(1_000);
    csv("id,note", ids.map(|id| [id.to_string(), note.clone()]))
}

fn until_deletions(world: &World, count: usize) {
    world.until("deletions arrive", || world.deletions().len() >= count);
}

/// How the file is changed under the program.
#[derive(Clone, Copy)]
enum Change {
    InPlace,
    Replaced,
    Removed,
}

fn change(world: &World, change: Change) {
    match change {
        Change::InPlace => drop(world.write("users.csv", file(OTHERS))),
        Change::Replaced => {
            let new = world.write("new.csv", file(OTHERS));
            std::fs::rename(new, world.path("users.csv")).unwrap();
        }
        Change::Removed => std::fs::remove_file(world.path("users.csv")).unwrap(),
    }
}

#[rstest]
#[case::in_place(Change::InPlace)]
#[case::replaced(Change::Replaced)]
#[case::removed(Change::Removed)]
fn an_input_that_changes_during_the_run_changes_nobody_s_fate(#[case] how: Change) {
    let world = world();
    let run = world.start(&[&PERMANENTLY[..], &["--progress", "none"]].concat());
    until_deletions(&world, 40);
    change(&world, how);
    world.finish(run).code(0);
    only_the_agreed(&world);
    assert!(asked(&world).values().all(|times| *times == 1));
    world.call(&["audit", LEDGER]).code(0);
}

#[rstest]
#[case::in_place(Change::InPlace)]
#[case::replaced(Change::Replaced)]
#[case::removed(Change::Removed)]
fn an_input_that_changes_before_resume_changes_nobody_s_fate(#[case] how: Change) {
    let world = world();
    let mut run = world.start(&[&PERMANENTLY[..], &["--progress", "none"]].concat());
    until_deletions(&world, 40);
    run.kill().unwrap();
    run.wait().unwrap();
    change(&world, how);
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(0);
    only_the_agreed(&world);
    world.call(&["audit", LEDGER]).code(0);
}

#[test]
fn an_input_that_is_replaced_while_the_question_waits_changes_nobody_s_fate() {
    let world = world();
    let plan = [&["plan"], &PERMANENTLY[1..6], &["-o", "purge.ledger.jsonl"]].concat();
    world.call(&plan).code(0);
    let tenant = world.base().replace("http://", "");
    let terminal = world.terminal(80);
    for command in [
        "clear; userpurge run purge.ledger.jsonl; echo code $?",
        "clear; userpurge run users.csv --account acme --action permanently-delete; echo code $?",
    ] {
        world.write("users.csv", file(AGREED));
        terminal.types(command);
        terminal.until("it asks", |screen| {
            screen.ends_with(&format!("Type {tenant} to go on:"))
        });
        change(&world, Change::Replaced);
        terminal.types(&tenant);
        terminal.until("it has run", |screen| screen.contains("code "));
        only_the_agreed(&world);
    }
}

/// A ledger as a kill in the first moment leaves it: the plan was agreed to, and nothing was sent.
fn killed_at_once(world: &World, args: &[&str]) {
    world.settings(json!({"zendesk": {"caller_role": "agent"}}));
    world.call(args).code(3);
    world.settings(json!({"zendesk": {"caller_role": "admin"}}));
    assert_eq!(asked(world).len(), 0);
    let ledger = world.read(LEDGER);
    let agreed = ledger.find("\"kind\":\"agreed\"").unwrap();
    let end = agreed + ledger[agreed..].find('\n').unwrap() + 1;
    world.write(LEDGER, &ledger[..end]);
}

#[test]
fn resume_spares_whom_the_protect_list_named_when_the_run_was_agreed_to() {
    let world = World::of_users(100);
    let staff: Vec<String> = (51..=100).map(|id: u64| id.to_string()).collect();
    world.write("staff.txt", staff.join("\n"));
    let run = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
        "--yes",
        "--protect",
        "staff.txt",
        "--progress",
        "none",
    ];
    killed_at_once(&world, &run);
    world.write("staff.txt", "51\n");
    std::fs::remove_file(world.path("users.csv")).unwrap();
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(0);
    let gone: BTreeSet<u64> = asked(&world).keys().map(|id| id.parse().unwrap()).collect();
    assert_eq!(gone, (1..=50).collect());
}

#[test]
fn resume_sends_no_row_that_has_an_action_only_since_the_run_was_agreed_to() {
    let world = World::of_users(40);
    let rows = (1..=40).map(|id| format!("{id},{}\n", if id <= 5 { "delete" } else { "" }));
    world.write(
        "users.csv",
        format!("id,action\n{}", rows.collect::<String>()),
    );
    let run = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--confirm",
        "5",
        "--progress",
        "none",
    ];
    killed_at_once(&world, &run);
    let zendesk = "provider = \"zendesk\"";
    let before = world.config();
    world.configure(&before.replacen(zendesk, &format!("{zendesk}\naction = \"delete\""), 1));
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(1);
    assert_eq!(asked(&world).len(), 5);
    assert_eq!(world.status(LEDGER)["outcomes"]["invalid"], 35);
}

#[test]
fn a_ledger_is_no_input() {
    let world = World::of_users(20);
    world.write("staff.txt", "7\n");
    let run = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
        "--yes",
        "--protect",
        "staff.txt",
    ];
    world.call(&run).code(0);
    let sent = world.deletions().len();
    let text = world.read(LEDGER);
    let rows = text.lines().filter(|line| line.contains("\"outcome\""));
    world.write("rows.jsonl", rows.collect::<Vec<_>>().join("\n"));
    world.write("export.json", &text);
    for input in [LEDGER, "rows.jsonl", "export.json"] {
        for command in ["plan", "run"] {
            let more: &[&str] = if command == "run" { &["--yes"] } else { &[] };
            let call = [
                &[command, input, "--account", "acme", "--action", "delete"],
                more,
            ];
            world
                .call(&call.concat())
                .code(2)
                .says(&format!("`{input}` is a ledger and no list of users"))
                .says(&format!("userpurge resume {input}"));
        }
    }
    assert_eq!(world.deletions().len(), sent);
}

#[test]
fn resume_spares_whose_role_was_protected_when_the_run_was_agreed_to() {
    let world = World::of_users(20);
    world.seed(json!({"zendesk": [{"id": "7", "role": "agent"}]}));
    killed_at_once(&world, &[&RUN[..], &["--progress", "none"]].concat());
    world
        .call(&["resume", LEDGER, "--include-role", "agent"])
        .code(2)
        .says("--include-role");
    assert_eq!(asked(&world).len(), 0);

    world.call(&["resume", LEDGER]).code(1);
    assert!(!asked(&world).contains_key("7"));
    assert_eq!(asked(&world).len(), 19);
    // Who wants more asks for it, and is asked.
    let retry = [
        "retry",
        LEDGER,
        "--only",
        "protected",
        "--include-role",
        "agent",
    ];
    world.call(&retry).code(2);
    assert!(!asked(&world).contains_key("7"));
    world.call(&[&retry[..], &["--yes"]].concat()).code(0);
    assert!(asked(&world).contains_key("7"));
}
