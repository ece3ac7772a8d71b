//! The screens before a first run, as a person sees them at 80 and at 120 columns: the questions of `init`, the
//! demo, the sandbox, a topic in the pager, the schema, and credentials that are wrong.

use std::fs;

use crate::screens::{for_its_owner, hold, screen};
use crate::support::World;
use crate::support::terminal::Terminal;

/// What is answered to the questions of `init`, three times what is none of the choices.
const ANSWERS: [&str; 11] = [
    "zendes",
    "zendesk",
    "acme corp",
    "acme",
    "client",
    "userpurge",
    "",
    "en",
    "env",
    "",
    "no",
];

/// Types `init` and its answers, and gives all that stood on the screen.
fn interview(terminal: &Terminal<'_>) -> String {
    terminal.types("clear; userpurge init");
    let mut before = String::new();
    for answer in ANSWERS {
        before = terminal.until("it asks", |screen| {
            screen.ends_with(':') && screen != before
        });
        terminal.types(answer);
    }
    terminal.until("it has ended", |screen| screen.ends_with("\n$"))
}

/// Shows what stays until a key ends it.
fn until_key(terminal: &Terminal<'_>, command: &str, shown: &str, key: &str) -> String {
    terminal.types(&format!("clear; userpurge {command}"));
    let screen = terminal.until("it is shown", |screen| {
        screen.contains(shown) && !screen.starts_with('$')
    });
    terminal.key(key);
    terminal.until("it has ended", |screen| screen.ends_with('$'));
    screen
}

fn all_are_as_looked_at(columns: u16) {
    let world = World::new();
    fs::remove_file(world.path("userpurge.toml")).unwrap();
    let terminal = world.terminal_of((columns, 50), "");
    let mut all = vec![screen(&terminal, "check"), interview(&terminal)];
    let sandbox = "sandbox --listen 127.0.0.1:0";
    all.push(until_key(&terminal, sandbox, "ends it.", "C-c"));
    all.push(until_key(&terminal, "help safety", "safety: ", "q"));
    all.push(screen(&terminal, "schema | head -20"));
    all.push(screen(&terminal, "demo"));
    let wrong = world
        .config()
        .replace("sandbox-token", "another")
        .replace("sandbox-secret", "another");
    world.configure(&wrong);
    for_its_owner(&world);
    all.push(screen(&terminal, "check"));
    hold("before_a_first_run", columns, &world, &all.join("\n\n"));
}

#[test]
fn at_80_columns_each_is_as_it_was_looked_at() {
    all_are_as_looked_at(80);
}

#[test]
fn at_120_columns_each_is_as_it_was_looked_at() {
    all_are_as_looked_at(120);
}
