//! The soak: a long run over all three providers, with faults, killed in between and resumed, whose
//! memory and open files are watched from outside. In the end the books are held against each other.
//!
//! `cargo test` runs a short form, `make soak` the full one, on a release build. What can be set:
//!
//! | variable | is | default |
//! | --- | --- | --- |
//! | `SOAK_ROWS` | rows of the file | 2,000 |
//! | `SOAK_KILLS` | how often the process is killed, at even distances | 1 |
//! | `SOAK_LATENCY` | how long answers take | 1ms..25ms |
//! | `SOAK_SEED` | the seed of the rows' order and of the faults | 7 |
//!
//! Bounds of memory and files are held against every process that lived for longer than a minute and
//! a half: after its first minute it has all it needs. Without `/proc` neither is measured.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on says so by panicking, and this one prints its own summary"
)]

mod input;
mod judge;
mod table;
mod watch;
mod world;

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitCode};
use std::time::Duration;

use tokio::time::Instant;
use userpurge::domain::Outcome;

use crate::input::Input;
use crate::judge::{Books, judge};
use crate::table::{Times, print};
use crate::watch::{Follower, Life, Sample, Usage};
use crate::world::{CONNECTIONS, Called, World};

const ROWS: usize = 2_000;
const KILLS: usize = 1;
const SEED: u64 = 7;
/// With the connections that each account has, some 1,200 rows a second: a million rows last long
/// enough for every process of the full form to live for minutes.
const LATENCY: &str = "1ms..25ms";

/// Resident memory after the first minute, at most so many times what it is then.
const GROWTH_MAX: f64 = 1.15;
/// Resident memory at any moment, in KiB.
const RSS_KIB_MAX: u64 = 200 * 1024;
/// Open files at any moment: the connections of all accounts, as many again that a fault has broken
/// and that are not closed yet, and what a process has anyway.
const FILES_MAX: usize = 2 * CONNECTIONS + 32;
/// A process in which no line is written for so long hangs.
const STILL_MAX: Duration = Duration::from_secs(90);
/// How often the parent looks at a process's progress.
const LOOK: Duration = Duration::from_millis(10);
/// Nothing is on its way any more if nothing has arrived for so long.
const QUIET: Duration = Duration::from_millis(100);
const QUIET_LOOKS_MAX: usize = 100;
/// How often memory and files are looked at, in the full form and in the short one.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
const SAMPLE_EVERY_SHORT: Duration = Duration::from_millis(50);
/// From so many rows on, it is the full form.
const FULL_FORM: usize = 100_000;
/// Rows that are asked about in the end.
const VERIFIED: usize = 1_000;

fn main() -> ExitCode {
    // What the usual test harness is asked, this one answers too.
    let args: Vec<String> = std::env::args().skip(1).collect();
    let listed = args.iter().any(|arg| arg == "--list");
    let mut filters = args.iter().filter(|arg| !arg.starts_with('-')).peekable();
    if listed || (filters.peek().is_some() && !filters.any(|filter| "soak".contains(&**filter))) {
        return ExitCode::SUCCESS;
    }
    run()
}

fn run() -> ExitCode {
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let rows = setting("SOAK_ROWS").map_or(ROWS, |rows: u64| usize::try_from(rows).unwrap());
    let kills = setting("SOAK_KILLS").map_or(KILLS, |kills: u64| usize::try_from(kills).unwrap());
    let seed = setting("SOAK_SEED").unwrap_or(SEED);
    let latency = std::env::var("SOAK_LATENCY").unwrap_or_else(|_| LATENCY.to_owned());
    println!("soak: {rows} rows, {kills} kills, answers after {latency}, seed {seed}");
    let faults = format!(
        "error500=1%,error503=0.005%,throttle=0.005%,html=0.5%,reset=0.5%,reset-after=0.5%,\
         cut=0.5%,wrong-id=0.25%,seed={seed}"
    );
    let world = World::new(Input::new(rows, seed), &latency, &faults);
    println!("soak: everything lies in {}", world.folder().display());

    let begun = Instant::now();
    let mut follower = Follower::new(&world.ledger());
    let mut lives = Vec::new();
    for kill in 1..=kills {
        let at = rows * kill / (kills + 1);
        lives.push(live(&world, &mut follower, Some(at as u64)));
    }
    lives.push(live(&world, &mut follower, None));
    let took = begun.elapsed();
    let books = judge(&world);
    let bytes = world.ledger_bytes().unwrap();
    let (times, wrong) = ask(&world, &books);
    print(&lives, &books, &times, (rows, bytes, took));

    let mut wrong: Vec<String> = wrong.into_iter().chain(books.wrong).collect();
    for (number, life) in (1..).zip(&lives) {
        wrong.extend(too_much(life).map(|what| format!("process {number}: {what}")));
    }
    for what in &wrong {
        println!("- {what}");
    }
    if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Starts a process and watches it to its end, or until so many rows have ended: then it is killed.
fn live(world: &World, follower: &mut Follower, kill_at: Option<u64>) -> Life {
    wait_for_quiet(world);
    let (requests, outcomes, intents) = (
        world
            .sandbox()
            .with(|it, _| it.last().map_or(0, |it| it.seq)),
        follower.outcomes,
        follower.intents,
    );
    let every = if world.input.rows < FULL_FORM {
        SAMPLE_EVERY_SHORT
    } else {
        SAMPLE_EVERY
    };
    let begun = Instant::now();
    let mut child = world.start();
    let mut life = Life::default();
    let mut written = (follower.lines, begun);
    loop {
        let ended = child.try_wait().unwrap();
        let at = begun.elapsed();
        follower.look();
        if life.first_request.is_none()
            && world
                .sandbox()
                .with(|it, _| it.last().map_or(0, |it| it.seq))
                > requests
        {
            life.first_request = Some(at);
        }
        if life.first_intent.is_none() && follower.intents > intents {
            life.first_intent = Some(at);
        }
        if let Some(status) = ended {
            let (code, signal) = (status.code(), status.signal());
            let over = kill_at.is_none() && code == Some(1);
            assert!(over, "ended with {code:?} {signal:?}: {}", world.words());
            break;
        }
        if life.samples.last().is_none_or(|it| at >= it.at + every)
            && let Some(usage) = Usage::of(child.id())
        {
            life.samples.push(Sample { at, usage });
        }
        if kill_at.is_some_and(|rows| follower.outcomes >= rows) {
            kill(&mut child);
            life.killed = true;
            break;
        }
        if follower.lines > written.0 {
            written = (follower.lines, Instant::now());
        }
        assert!(
            written.1.elapsed() < STILL_MAX,
            "nothing is written any more: {}",
            world.words()
        );
        std::thread::sleep(LOOK);
    }
    life.lasted = begun.elapsed();
    follower.look();
    life.requests = world
        .sandbox()
        .with(|it, _| it.last().map_or(0, |it| it.seq))
        - requests;
    life.rows = follower.outcomes - outcomes;
    life.ledger_bytes = world.ledger_bytes().unwrap();
    life
}

/// Waits for what a killed process sent last, so that it does not count as the next one's.
fn wait_for_quiet(world: &World) {
    let mut arrived = world
        .sandbox()
        .with(|it, _| it.last().map_or(0, |it| it.seq));
    for _ in 0..QUIET_LOOKS_MAX {
        std::thread::sleep(QUIET);
        let now = world
            .sandbox()
            .with(|it, _| it.last().map_or(0, |it| it.seq));
        if now == arrived {
            return;
        }
        arrived = now;
    }
    panic!("requests arrive with nobody to send them");
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "it ended before it was killed");
}

/// What the program says of the run in the end, and what is wrong with it.
fn ask(world: &World, books: &Books) -> (Times, Vec<String>) {
    let mut wrong = Vec::new();
    let mut expect = |called: &Called, code, what: &str| {
        if called.code != Some(code) {
            wrong.push(format!(
                "{what} ended with {:?}: {}",
                called.code, called.out
            ));
        }
    };
    let audit = world.call("audit", &[]);
    expect(&audit, 0, "audit");
    let status = world.call("status", &["--json"]);
    expect(&status, 0, "status");
    let said = world.status(&status);
    let sample = VERIFIED.to_string();
    let verify = world.call("verify", &["--sample", &sample, "--seed", "7"]);
    expect(&verify, 0, "verify");
    let resume = world.call("resume", &["--yes"]);
    expect(&resume, 1, "a resume of what is over");

    let same = Outcome::ALL
        .into_iter()
        .all(|it| said["outcomes"][it.name()].as_u64() == Some(books.counts.of(it)));
    if !same || said["outcomes"]["pending"] != 0 || said["state"] != "finished" {
        wrong.push(format!("status says {said}, the rows {:?}", books.counts));
    }
    let times = Times {
        audit: audit.took,
        status: status.took,
        verify: verify.took,
        resume: resume.took,
    };
    (times, wrong)
}

/// What a process took that it must not.
#[expect(
    clippy::cast_precision_loss,
    reason = "memory is no number of more than 52 bits"
)]
fn too_much(life: &Life) -> impl Iterator<Item = String> {
    let mut wrong = Vec::new();
    let (settled, most) = (life.rss_settled(), life.rss_settled_max());
    if life.is_long() && most as f64 > settled as f64 * GROWTH_MAX {
        wrong.push(format!("memory grew from {settled} KiB to {most} KiB"));
    }
    if life.rss_peak() > RSS_KIB_MAX {
        wrong.push(format!("{} KiB of memory", life.rss_peak()));
    }
    let (.., files) = life.files();
    if files > FILES_MAX {
        wrong.push(format!("{files} open files"));
    }
    wrong.into_iter()
}
