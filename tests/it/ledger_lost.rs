//! A ledger that something else removes, moves, replaces or cuts while it is written to: nothing more
//! is sent, the program says what happened, and never that nothing was sent.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::usual::{LEDGER, PERMANENTLY};
use crate::support::{Done, World};

const ROWS: u64 = 600;

/// How many users are deleted before something happens to the ledger.
const BEFORE: usize = 40;

/// Requests that may be under way, or have their intents safe, when it happens; far fewer than rows.
const UNDER_WAY_MAX: usize = 120;

/// Where the ledger goes when it is moved.
const ELSEWHERE: &str = "elsewhere";

/// What happens to the ledger.
struct Blow {
    fall: fn(&Path),
    /// Whether the file that the run began has all of its lines afterwards, wherever it is.
    keeps_lines: bool,
}

const fn blow(fall: fn(&Path), keeps_lines: bool) -> Blow {
    Blow { fall, keeps_lines }
}

fn removed(ledger: &Path) {
    fs::remove_file(ledger).unwrap();
}

fn moved(ledger: &Path) {
    fs::rename(ledger, ledger.with_file_name(ELSEWHERE)).unwrap();
}

fn replaced(ledger: &Path) {
    let copy = ledger.with_file_name("copy");
    fs::copy(ledger, &copy).unwrap();
    fs::rename(&copy, ledger).unwrap();
}

fn emptied(ledger: &Path) {
    File::create(ledger).unwrap();
}

/// Cut after the whole lines of its first half.
fn cut(ledger: &Path) {
    let bytes = fs::read(ledger).unwrap();
    let half = &bytes[..bytes.len() / 2];
    let whole = half.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let file = OpenOptions::new().write(true).open(ledger).unwrap();
    file.set_len(whole as u64).unwrap();
}

fn written_to(ledger: &Path) {
    let mut file = OpenOptions::new().append(true).open(ledger).unwrap();
    file.write_all(b"{}\n").unwrap();
}

/// Begins a run, has `blow` fall on its ledger in the middle, and sees it to its end. What was written to
/// the file that it began is given back, wherever that file is now.
fn struck(world: &World, blow: &Blow) -> (Done, Vec<Value>) {
    world.settings(json!({"latency": "5ms..10ms"}));
    let run = world.start(&PERMANENTLY);
    world.until("some users are deleted", || {
        world.deletions().len() >= BEFORE
    });
    let mut ledger = File::open(world.path(LEDGER)).unwrap();
    (blow.fall)(&world.path(LEDGER));
    let done = world.finish(run);
    let mut text = String::new();
    ledger.seek(SeekFrom::Start(0)).unwrap();
    ledger.read_to_string(&mut text).unwrap();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (done, lines.collect())
}

fn ids_of(lines: &[Value], kind: &str) -> BTreeSet<String> {
    let of_kind = lines.iter().filter(|line| line["kind"] == kind);
    let id = |line: &Value| line["id"].as_str().unwrap().to_owned();
    of_kind.map(id).collect()
}

fn deleted(world: &World) -> BTreeSet<String> {
    let deletions = world.deletions().into_iter();
    deletions.filter_map(|entry| entry.user).collect()
}

#[rstest]
#[case::removed(
    blow(removed, true),
    "was removed while it was written to, so nothing more was sent"
)]
#[case::moved(blow(moved, true), "was moved or renamed while it was written to")]
#[case::replaced(
    blow(replaced, true),
    "was replaced by another file while it was written to"
)]
#[case::emptied(blow(emptied, false), "was changed by something else (0 bytes, and")]
#[case::cut(blow(cut, false), "was changed by something else (")]
#[case::written_to(blow(written_to, true), "was changed by something else (")]
fn nothing_more_is_sent_and_the_run_says_what_happened(#[case] blow: Blow, #[case] told: &str) {
    let world = World::of_soft_deleted(ROWS);
    let (done, lines) = struck(&world, &blow);
    done.code(4)
        .says(&format!("ledger `{LEDGER}` {told}"))
        .says(&format!("userpurge resume {LEDGER}"));
    let deletions = world.deletions().len();
    assert!(deletions < BEFORE + UNDER_WAY_MAX, "{deletions} deletions");
    if blow.keeps_lines {
        let unrecorded: Vec<_> = deleted(&world)
            .difference(&ids_of(&lines, "intent"))
            .cloned()
            .collect();
        assert!(unrecorded.is_empty(), "{unrecorded:?}");
    }
}

#[test]
fn a_ledger_that_was_moved_goes_on_from_its_old_place() {
    let world = World::of_soft_deleted(ROWS);
    struck(&world, &blow(moved, true)).0.code(4);
    fs::rename(world.path(ELSEWHERE), world.path(LEDGER)).unwrap();
    world.call(&["audit", LEDGER]).code(0);
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], ROWS);
    let users = world.users().into_iter();
    let twice: Vec<_> = users.filter(|user| user.changes > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn a_ledger_that_was_cut_is_not_written_to_so_what_is_left_is_whole() {
    let world = World::of_soft_deleted(ROWS);
    struck(&world, &blow(cut, false))
        .0
        .code(4)
        .says("userpurge audit");
    world.call(&["audit", LEDGER]).code(0);
    let resumed = world.call(&["resume", LEDGER]);
    assert!(resumed.code < 2, "{resumed:?}");
    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["pending"], 0);
    assert!(
        world
            .users()
            .iter()
            .all(|user| user.state != "soft-deleted"),
        "nobody is left"
    );
}

#[test]
fn a_verification_whose_ledger_is_gone_ends_as_trouble_with_the_ledger() {
    let world = World::of_users(ROWS);
    world
        .call(&crate::support::usual::run("users.csv", "acme", "delete"))
        .code(0);
    world.settings(json!({"latency": "500ms..600ms"}));
    let verify = world.start(&["verify", LEDGER]);
    let begun = || fs::read_to_string(world.path(LEDGER)).unwrap();
    world.until("it has begun", || {
        begun().contains("\"kind\":\"verification\"")
    });
    removed(&world.path(LEDGER));
    // Whichever of those who use it finds it gone first.
    world.finish(verify).code(4).says(LEDGER);
}
