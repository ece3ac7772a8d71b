//! Ctrl-C once, Ctrl-C twice, SIGTERM, a terminal that goes away, and a second process that looks on.

use std::collections::BTreeSet;
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::support::World;
use crate::support::usual::{LEDGER, PERMANENTLY, run};

/// Four requests under way at once.
fn start(world: &World, run: [&str; 7]) -> Child {
    world.start(&[&run[..], &["--concurrency", "4"]].concat())
}

pub(crate) fn send(signal: &str, child: &Child) {
    let killed = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
}

fn world() -> World {
    let world = World::of_soft_deleted(400);
    world.settings(json!({"latency": "30ms"}));
    world
}

#[test]
fn the_first_signal_lets_requests_under_way_end_and_names_the_command_that_goes_on() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let world = world();
        let child = start(&world, PERMANENTLY);
        world.until("some are gone", || world.deletions().len() >= 20);
        send(signal, &child);
        let done = world
            .finish(child)
            .code(code)
            .says(&format!("userpurge resume {LEDGER}"));
        drop(done);
        let arrived = world.deletions().len();
        assert!(arrived < 400);
        assert_eq!(
            world.outcomes(LEDGER).len(),
            arrived,
            "each that left was recorded"
        );
        let status = world.status(LEDGER);
        assert_eq!(status["state"], "interrupted");
        assert_eq!(status["outcomes"]["in_doubt"], 0);
        world.call(&["resume", LEDGER, "--yes"]).code(0);
        assert_eq!(world.deletions().len(), 400, "none twice");
    }
}

/// Where a run stands at its end whose terminal went away in the middle. `shell`: what is typed in
/// front of it.
fn without_a_terminal(world: &World, shell: &str) -> Value {
    let terminal = world.terminal(100);
    let line = PERMANENTLY.join(" ");
    terminal.types(&format!("{shell}userpurge {line} --concurrency 4 -v"));
    world.until("some are gone", || world.deletions().len() >= 20);
    // Its window is closed: the kernel tells the program, and so does a shell that is one's login.
    drop(terminal);
    world.until("the run has ended", || {
        world.status(LEDGER)["state"] != "running"
    });
    world.status(LEDGER)
}

#[test]
fn a_terminal_that_goes_away_leaves_no_row_in_doubt() {
    let world = world();
    let status = without_a_terminal(&world, "");
    assert_eq!(status["state"], "interrupted");
    assert_eq!(status["outcomes"]["in_doubt"], 0);
    let arrived = world.deletions().len();
    assert!(arrived < 400);
    assert_eq!(world.outcomes(LEDGER).len(), arrived);
    world.call(&["resume", LEDGER, "--yes"]).code(0);
    assert_eq!(world.deletions().len(), 400, "none twice");
}

#[test]
fn a_hang_up_drains_and_one_more_changes_nothing() {
    let world = world();
    let child = start(&world, PERMANENTLY);
    world.until("some are gone", || world.deletions().len() >= 20);
    send("-HUP", &child);
    send("-HUP", &child);
    world
        .finish(child)
        .code(143)
        .says(&format!("userpurge resume {LEDGER}"));
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "interrupted");
    assert_eq!(status["outcomes"]["in_doubt"], 0);
    assert_eq!(world.outcomes(LEDGER).len(), world.deletions().len());
}

#[test]
fn where_hang_ups_are_ignored_a_run_outlives_its_terminal() {
    let world = world();
    // As `nohup` has it, which would take the bars away.
    let status = without_a_terminal(&world, "trap '' HUP; ");
    assert_eq!(status["state"], "finished");
    assert_eq!(world.deletions().len(), 400);
}

#[test]
fn the_second_signal_waits_for_nothing_and_leaves_doubt_in_the_ledger() {
    // Nothing but deletions goes there: what is under way is known by its intents.
    let ids = (1..=400).map(|row| format!("5fe0a0f0b5e2a4001c8d{row:04}"));
    let world = World::of_ids("sunco", ids);
    world.settings(json!({"latency": "30ms"}));
    let child = start(&world, run("users.csv", "chat", "delete"));
    world.until("some are gone", || world.deletions().len() >= 20);
    world.settings(json!({"latency": "20s"}));
    // Requests that will not be answered for long are under way now.
    let changed = jiff::Timestamp::now().to_string();
    // As four intents were written since, four others ended: these took their places.
    world.until("four are on their way that left since", || {
        let entries = world.ledger(LEDGER);
        let of = |kind: &'static str| entries.iter().filter(move |entry| entry["kind"] == kind);
        let ended: BTreeSet<u64> = of("outcome").filter_map(|it| it["row"].as_u64()).collect();
        let open = of("intent").filter(|it| !ended.contains(&it["row"].as_u64().unwrap()));
        let since = |it: &&Value| it["at"].as_str() > Some(changed.as_str());
        open.filter(since).count() >= 4
    });
    // Each leaves as soon as the disk has acknowledged its intent.
    std::thread::sleep(std::time::Duration::from_secs(1));
    send("-INT", &child);
    world.until("it says that it stops", || {
        world.status(LEDGER)["state"] == "running"
    });
    send("-INT", &child);
    world
        .finish(child)
        .code(130)
        .says("4 in_doubt: the answer to `delete` never came");
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "interrupted");
    assert_eq!(status["outcomes"]["in_doubt"], 4);
    let ledger = world.ledger(LEDGER);
    for doubt in ledger.iter().filter(|it| it["outcome"] == "in_doubt") {
        let is_its = |it: &&Value| it["kind"] == "intent" && it["row"] == doubt["row"];
        let sent = ledger.iter().find(is_its).unwrap()["at"].to_string();
        let message = doubt["message"].to_string();
        assert!(
            message.contains("the answer to `delete` never came; it was sent at "),
            "{message}"
        );
        // To the minute, as it leaves when its intent is on disk.
        assert!(
            message.contains(&sent[1..17].replace('T', " ")),
            "{message}"
        );
        assert!(
            message.contains("`userpurge resume` settles it"),
            "{message}"
        );
    }
    world.settings(json!({"latency": "1ms"}));
    world.call(&["resume", LEDGER, "--yes"]).code(0);
    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["deleted"], 400);
    assert_eq!(status["outcomes"]["in_doubt"], 0);
}

#[test]
fn another_process_sees_where_the_run_stands_and_cannot_take_it_over() {
    let world = world();
    let child = start(&world, PERMANENTLY);
    world.until("some are recorded", || {
        world.path(LEDGER).exists()
            && world.status(LEDGER)["outcomes"]["deleted"].as_u64() >= Some(20)
    });
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "running");
    let outcomes = &status["outcomes"];
    let sum: u64 = outcomes
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(sum, 400, "the counts add up at any moment");
    world
        .call(&["resume", LEDGER, "--yes"])
        .code(4)
        .says("another process");
    world.finish(child).code(0);
    assert_eq!(world.deletions().len(), 400);
}
