//! The screens of a run at work, as a person sees them at 80 and at 120 columns: it waits at one account and
//! works at another, is followed from a second terminal, interrupted twice, and gone on with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::screens::{for_its_owner, hold, screen};
use crate::support::World;
use crate::support::raw::{After, Raw};
use crate::support::terminal::Terminal;
use crate::support::usual::id;

/// How many deletions are answered before the server keeps silent.
const ANSWERED: u32 = 5;

/// Carries all on to the sandbox. Of deletions it answers the first few, and the others only once it is told to.
fn silent_after_some(world: &World, is_told: Arc<AtomicBool>) -> Raw {
    let sandbox = world.sandbox().addr();
    let deletions = AtomicU32::new(0);
    Raw::start(move |heard, wire| {
        let is_held = heard.method == "DELETE"
            && deletions.fetch_add(1, Ordering::SeqCst) >= ANSWERED
            && !is_told.load(Ordering::SeqCst);
        if is_held {
            // Until the client goes.
            wire.read(1);
            return After::Close;
        }
        wire.send(heard.carry(sandbox));
        After::Keep
    })
}

/// The lines of a terminal that are not empty, from the command on.
fn shown(title: &str, screen: &str) -> String {
    let lines = screen.lines().map(str::trim_end);
    let lines: Vec<_> = lines.filter(|line| *line != "$").collect();
    format!("--- {title}\n{}", lines.join("\n").trim_end())
}

/// Waits until both accounts stand where they stay.
fn at_work(terminal: &Terminal<'_>) -> String {
    terminal.until("one account waits and the other works", |screen| {
        let has = |part: &str| screen.contains(part);
        has("5/12") && has("3/9,") && has("waits ") && has("ends about")
    })
}

fn all_are_as_looked_at(columns: u16) {
    let world = World::new();
    world.wide();
    let acme = (1..=12).map(|n| (id("acme", n), "acme", "permanently-delete"));
    let chat = (1..=9).map(|n| (id("chat", n), "chat", "delete"));
    world.file_of(acme.chain(chat));
    let is_told = Arc::new(AtomicBool::new(false));
    let front = silent_after_some(&world, Arc::clone(&is_told));
    let wide = world.config().replacen(&world.base(), &front.base(), 1);
    let wide_chat = "[accounts.chat.limits]\nrequests = \"100000/1s\"";
    let narrow = wide.replace(wide_chat, "[accounts.chat.limits]\nrequests = \"4/2h\"");
    assert_ne!(narrow, wide);
    world.configure(&narrow);
    for_its_owner(&world);

    let terminal = world.terminal_of((columns, 40), "");
    terminal.types("clear; userpurge run users.csv --yes --concurrency 2");
    let mut all = vec![shown("at work", &at_work(&terminal))];
    let other = world.terminal_of((columns, 20), "");
    other.types("clear; userpurge status --follow");
    all.push(shown("followed", &at_work(&other)));
    terminal.key("C-c");
    let told = terminal.until("it says what it still does", |screen| {
        screen.contains("stopping after the requests") && screen.ends_with("finishing")
    });
    all.push(shown("Ctrl-C", &told));
    terminal.key("C-c");
    let told = terminal.until("it has ended", |screen| screen.ends_with("\n$"));
    all.push(shown("Ctrl-C again", &told));
    let told = other.until("it has ended", |screen| screen.ends_with("\n$"));
    all.push(shown("followed to the end", &told));

    is_told.store(true, Ordering::SeqCst);
    world.configure(&wide);
    for_its_owner(&world);
    all.push(screen(&terminal, "resume --progress none --yes"));
    all.push(screen(&terminal, "status"));
    hold("a_run_at_work", columns, &world, &all.join("\n\n"));
}

#[test]
fn at_80_columns_each_is_as_it_was_looked_at() {
    all_are_as_looked_at(80);
}

#[test]
fn at_120_columns_each_is_as_it_was_looked_at() {
    all_are_as_looked_at(120);
}
