//! Every command that is printed in a state of a run keeps its promise when it is typed in that state: with
//! the exit code of its kind, and with requests about the users that it speaks of and about nobody else.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use serde_json::{Value, json};

use crate::init::answers as lines_of;
use crate::printed::{commands, in_a_shell};
use crate::signals::send;
use crate::stops::zone_where_the_minute_ends_in;
use crate::support::raw::{After, Raw};
use crate::support::usual::{LEDGER, PERMANENTLY, RUN, run};
use crate::support::{Done, World, ids, piped};

/// What a run, or a command after it, left behind.
struct State {
    world: World,
    told: Vec<Done>,
    /// A process that is at work still.
    child: Option<Child>,
}

impl State {
    fn of(world: World, told: Vec<Done>) -> Self {
        let child = None;
        Self { world, told, child }
    }

    /// Ends the process that is at work.
    fn ends(&mut self) {
        if let Some(child) = self.child.take() {
            send("-INT", &child);
            self.world.finish(child).code(130);
        }
    }

    /// What is printed in this state, also by those who only look: the summary, the report, the rows.
    fn printed(&self) -> Vec<String> {
        let mut text = String::new();
        for done in &self.told {
            text += &both(done);
        }
        let looks = [
            &["status", LEDGER][..],
            &["audit", LEDGER],
            &["report", LEDGER, "--format", "md"],
            &["report", LEDGER, "--format", "csv", "--out", "looked"],
        ];
        for look in looks {
            let done = self.world.call(look).code(0);
            text += &both(&done);
        }
        for file in ["deleted.csv", "failed.csv", "unprocessed.csv"] {
            text += &self.world.read(&format!("looked/{file}"));
        }
        commands(&text)
    }
}

fn both(done: &Done) -> String {
    format!("{}\n{}\n", done.out, done.err)
}

/// The rows that a command sets out for, by the ledger. Each world has user N in row N.
fn meant(world: &World, command: &[&str]) -> BTreeSet<u64> {
    let outcomes = world.outcomes(LEDGER);
    let only = command.iter().position(|it| *it == "--only");
    let only = only.map(|at| command[at + 1]);
    let ended = outcomes.iter().filter(|(_, end)| match only {
        Some(only) => end["outcome"] == only || end["code"] == only,
        None => ["failed", "in_doubt"].contains(&end["outcome"].as_str().unwrap()),
    });
    match (command[1], only) {
        ("resume", _) => {
            let is_left = |row: &u64| {
                outcomes
                    .get(row)
                    .is_none_or(|it| it["outcome"] == "in_doubt")
            };
            (1..=rows(world)).filter(is_left).collect()
        }
        ("retry", Some("standing")) => found(world, "standing"),
        ("retry", _) => ended.map(|(row, _)| *row).collect(),
        ("run", _) => {
            let good = ["deleted", "already_gone"].map(Value::from);
            let bad = outcomes
                .iter()
                .filter(|(_, end)| !good.contains(&end["outcome"]));
            bad.map(|(row, _)| *row).collect()
        }
        _ => BTreeSet::new(),
    }
}

fn rows(world: &World) -> u64 {
    world.status(LEDGER)["rows"].as_u64().unwrap()
}

/// The rows of which the last verification says this.
fn found(world: &World, finding: &str) -> BTreeSet<u64> {
    let entries = world.ledger(LEDGER);
    let seen = entries
        .iter()
        .filter(|it| it["kind"] == "verify" && it["finding"] == finding);
    seen.map(|it| it["row"].as_u64().unwrap()).collect()
}

/// Whether a command asks nobody anything.
fn reads(words: &[&str]) -> bool {
    let names = ["status", "audit", "report", "plan", "help", "providers"];
    words[0] != "userpurge" || names.contains(&words[1])
}

/// Types `command` in this state, and holds it to its promise.
fn keeps_its_promise(state: &mut State, command: &str) {
    let world = &state.world;
    let words: Vec<&str> = command.split(' ').collect();
    let meant = meant(world, &words);
    if words.contains(&"refused") {
        // Somebody acts first, as the report asks.
        world.zendesk_users(meant.iter().copied());
    }
    let pending = world.status(LEDGER)["outcomes"]["pending"].clone();
    let before = world.sandbox().log(None).len();
    let typed = in_a_shell(world, command);
    let is_at_work = state.child.is_some();
    if words.contains(&"--follow") {
        // Whoever watches a run sees its end.
        state.ends();
    }
    let world = &state.world;
    let done = world.finish(typed);
    let told = format!("`{command}`: {done:?}");
    let log = world.sandbox().log(None).split_off(before);
    if reads(&words) {
        assert_eq!(done.code, 0, "{told}");
        assert!(log.is_empty(), "{told}");
        return looks_right(world, &words, &told);
    }
    if is_at_work {
        assert_eq!(done.code, 4, "{told}");
        return;
    }
    if done.err.contains("--ignore-pauses` sends all the same") {
        assert!(
            log.is_empty(),
            "before the time that a server named: {told}"
        );
        return;
    }
    assert!([0, 1].contains(&done.code), "{told}");
    if words[1] == "verify" {
        assert!(log.iter().all(|it| !it.step.deletes()), "{told}");
        return;
    }
    assert!(
        ["resume", "retry", "run"].contains(&words[1]),
        "what does it promise? {told}"
    );
    for row in 1..=rows(world) {
        let is_asked = log.iter().any(|it| it.concerns(&row.to_string()));
        assert_eq!(is_asked, meant.contains(&row), "row {row}: {told}");
    }
    let is_resumed = words[1] == "resume";
    let left = if is_resumed { Value::from(0) } else { pending };
    assert_eq!(world.status(LEDGER)["outcomes"]["pending"], left, "{told}");
    if words.contains(&"refused") {
        let outcomes = world.outcomes(LEDGER);
        let mut ends = meant.iter().map(|row| &outcomes[row]["outcome"]);
        assert!(ends.all(|it| it == "deleted"), "{told}");
    }
}

/// What a command that asks nobody leaves behind.
fn looks_right(world: &World, words: &[&str], told: &str) {
    if words[0] == "chmod" {
        let config = fs::metadata(world.path("userpurge.toml")).unwrap();
        assert_eq!(config.permissions().mode() & 0o777, 0o600, "{told}");
    }
    if words[1] == "report" && words.contains(&"csv") {
        let done = world.status(LEDGER)["outcomes"].clone();
        let names = [
            "not_found",
            "refused",
            "failed",
            "in_doubt",
            "invalid",
            "protected",
        ];
        let bad: u64 = names.iter().map(|it| done[it].as_u64().unwrap()).sum();
        let failed = world.read("report/failed.csv").lines().count() as u64 - 1;
        assert_eq!(failed, bad, "{told}");
    }
}

/// Each command that is printed in the state which `build` makes; those that may change something from
/// that very state.
#[track_caller]
fn all_keep_their_promises(build: impl Fn() -> State, expected: &[&str]) {
    let mut kept = build();
    let printed = kept.printed();
    for (number, command) in printed.iter().enumerate() {
        let words: Vec<&str> = command.split(' ').collect();
        if reads(&words) && !words.contains(&"--follow") {
            keeps_its_promise(&mut kept, command);
        } else {
            let mut state = build();
            let again = state.printed();
            assert_eq!(again.len(), printed.len(), "{again:#?}");
            keeps_its_promise(&mut state, &again[number]);
            state.ends();
        }
    }
    kept.ends();
    let names: BTreeSet<_> = printed
        .iter()
        .filter_map(|it| it.split(' ').nth(1))
        .collect();
    for name in expected {
        assert!(names.contains(name), "no `{name}` among {names:?}");
    }
}

/// Users of whom 1 is deleted, 2 has open tickets, 3 is an agent, 4 is unknown and 5 cannot be had.
fn mixed() -> State {
    let world = World::of_users(1);
    world.seed(json!({"zendesk": [
        {"id": "2", "open_tickets": 1}, {"id": "3", "role": "agent"}, {"id": "5"},
    ]}));
    fault(&world, "5", "error500", 9);
    world.write("users.csv", ids(1..=5));
    let run = [&RUN[..], &["--attempts", "1"]].concat();
    let done = world.call(&run).code(1);
    world.settings(json!({"faults": ""}));
    State::of(world, vec![done])
}

fn fault(world: &World, user: &str, fault: &str, times: u32) {
    let planned = json!({"user": user, "fault": fault, "times": times});
    let planned = serde_json::from_value(planned).unwrap();
    world
        .sandbox()
        .with(|sandbox, now| sandbox.plan("", planned, now))
        .unwrap();
}

/// A verification found two of four.
fn standing() -> State {
    let world = World::of_users(4);
    world.call(&RUN).code(0);
    world.zendesk_users([2, 3]);
    let done = world.call(&["verify", LEDGER]).code(1);
    State::of(world, vec![done])
}

/// A safety stopped the run of so many `users` at the first rows, which cannot be deleted.
fn stopped_by(safety: [&str; 2], bad: u64, users: u64) -> State {
    let world = World::of_users(users);
    let user = |id: u64| json!({"id": id.to_string(), "open_tickets": 1});
    world.seed(json!({"zendesk": (1..=bad).map(user).collect::<Vec<_>>()}));
    let run = [&RUN[..], &safety, &["--concurrency", "1"]].concat();
    let done = world.call(&run).code(3);
    State::of(world, vec![done])
}

/// Half of the rows wait for a quota.
fn slow() -> World {
    let world = World::of_soft_deleted(9);
    let wide = "permanently-delete = \"100000/1s\"";
    world.configure(
        &world
            .config()
            .replacen(wide, "permanently-delete = \"4/1h\"", 1),
    );
    world
}

fn until() -> State {
    let world = slow();
    let (zone, until) = zone_where_the_minute_ends_in(3);
    let mut command = world.command(&[&PERMANENTLY[..], &["--until", &until]].concat());
    let done = world.finish(piped(command.env("TZ", zone))).code(3);
    world.configure(&world.config());
    State::of(world, vec![done])
}

/// The first four rows are done, and the others wait.
fn at_work() -> (World, Child) {
    let world = slow();
    let child = world.start(&PERMANENTLY);
    world.until("four rows are done", || {
        world.path(LEDGER).exists() && world.outcomes(LEDGER).len() == 4
    });
    (world, child)
}

fn ended_by(signal: &str, code: i32) -> State {
    let (world, child) = at_work();
    send(signal, &child);
    let done = world.finish(child).code(code);
    world.configure(&world.config());
    State::of(world, vec![done])
}

/// Ctrl-C twice, while one answer is held back until the program has gone.
fn stopped_now() -> State {
    let world = World::of_soft_deleted(9);
    let (to, is_held) = (world.sandbox().addr(), AtomicBool::new(false));
    let server = Raw::start(move |heard, wire| {
        let answer = heard.carry(to);
        let is_it = heard.is_deletion() && heard.user() == "4";
        if is_it && !is_held.swap(true, Ordering::SeqCst) {
            // Nothing comes before the program goes.
            assert_eq!(wire.read(1), None);
            return After::Close;
        }
        wire.send(answer);
        After::Keep
    });
    world.ask_at(&server.base());
    let mut child = world.start(&[&PERMANENTLY[..], &["--concurrency", "1"]].concat());
    world.until("the answer is awaited", || {
        let mut heard = server.heard().into_iter();
        heard.any(|it| it.is_deletion() && it.user() == "4")
    });
    // It serves the commands that are typed in this state, too.
    std::mem::forget(server);
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    send("-INT", &child);
    while !told.contains("a second Ctrl-C stops now") {
        assert_ne!(err.read_line(&mut told).unwrap(), 0, "{told}");
    }
    send("-INT", &child);
    err.read_to_string(&mut told).unwrap();
    assert!(told.contains("stopping now"), "{told}");
    let done = world.finish(child).code(130);
    assert_eq!(world.outcomes(LEDGER)[&4]["outcome"], "in_doubt");
    State::of(world, vec![Done { err: told, ..done }])
}

/// Killed while requests are under way.
fn killed() -> State {
    let world = World::of_soft_deleted(9);
    world.settings(json!({"latency": "400ms"}));
    let child = world.start(&[&PERMANENTLY[..], &["--concurrency", "3"]].concat());
    world.until("three requests are under way", || {
        world.deletions().len() == 3
    });
    send("-KILL", &child);
    let done = world.finish(child).code(-1);
    world.settings(json!({"latency": "0ms"}));
    State::of(world, vec![done])
}

/// Commands that need the ledger, while a run holds it.
fn locked() -> State {
    let (world, child) = at_work();
    let told = [
        &["resume", LEDGER][..],
        &["retry", LEDGER],
        &["verify", LEDGER],
        &PERMANENTLY,
        &run("others.csv", "acme", "delete"),
    ];
    world.write("others.csv", ids(20..=21));
    let told = told.map(|args| world.call(args).code(4));
    State {
        world,
        told: Vec::from(told),
        child: Some(child),
    }
}

/// The credentials died in mid-run, and somebody has mended them since.
fn credentials() -> State {
    let world = World::of_soft_deleted(9);
    fault(&world, "4", "unauthorized", 1);
    let run = [&PERMANENTLY[..], &["--concurrency", "1"]].concat();
    let mut told = vec![world.call(&run).code(3)];
    world.settings(json!({"faults": "unauthorized=100%,reads=on,seed=1"}));
    told.push(world.call(&["resume", LEDGER]).code(2));
    world.settings(json!({"faults": ""}));
    State::of(world, told)
}

/// A server asked for a wait that nobody sits through.
fn told_to_wait() -> State {
    let world = World::of_soft_deleted(9);
    fault(&world, "4", "long-wait", 1);
    let run = [&PERMANENTLY[..], &["--concurrency", "1"]].concat();
    let told = vec![
        world.call(&run).code(3),
        world.call(&["resume", LEDGER]).code(3),
    ];
    State::of(world, told)
}

/// There is nothing to retry, and nothing to resume.
fn over() -> State {
    let world = World::of_users(3);
    world.call(&RUN).code(0);
    let told = vec![
        world.call(&["retry", LEDGER]).code(0),
        world.call(&["resume", LEDGER]).code(0),
        world.call(&["retry", LEDGER, "--only", "refused"]).code(0),
        world.call(&RUN).code(2),
    ];
    State::of(world, told)
}

/// A crash tore the last line, which said that all is over.
fn torn() -> State {
    let world = World::of_users(3);
    world.call(&RUN).code(0);
    let whole = world.read(LEDGER);
    world.write(LEDGER, &whole[..whole.len() - 30]);
    State::of(world, Vec::new())
}

/// A ledger that has grown since its fingerprint was noted.
fn grown() -> State {
    let world = World::of_users(3);
    world.call(&RUN).code(0);
    let head = world.status(LEDGER)["head"].as_str().unwrap().to_owned();
    world.call(&["verify", LEDGER]).code(0);
    let told = ["report", "verify"].map(|it| world.call(&[it, LEDGER, "--head", &head]).code(4));
    State::of(world, Vec::from(told))
}

/// A purge whose users are not listed for the second step.
fn half_done() -> State {
    let world = World::of_users(4);
    world.settings(json!({"zendesk": {"listing_delay": "1h"}}));
    let purge = run("users.csv", "acme", "purge");
    let done = world
        .call(&[&purge[..], &["--attempts", "1"]].concat())
        .code(1);
    world.settings(json!({"zendesk": {"listing_delay": "0s"}}));
    State::of(world, vec![done])
}

#[rstest]
#[case::a_purge_that_is_half_done(half_done, &["retry"])]
#[case::rows_that_are_not_done(mixed, &["retry", "report", "verify", "audit"])]
#[case::users_who_still_stand(standing, &["retry", "audit"])]
#[case::a_canary(|| stopped_by(["--canary", "2"], 1, 12), &["resume"])]
#[case::a_failure_limit(|| stopped_by(["--max-failures", "3"], 3, 12), &["resume"])]
#[case::a_failure_limit_at_the_last_row(|| stopped_by(["--max-failures", "3"], 3, 3), &["retry"])]
#[case::the_time_of_until(until, &["resume"])]
#[case::ctrl_c(|| ended_by("-INT", 130), &["resume"])]
#[case::ctrl_c_twice(stopped_now, &["resume"])]
#[case::a_termination(|| ended_by("-TERM", 143), &["resume"])]
#[case::a_kill(killed, &["resume"])]
#[case::a_run_at_work(locked, &["status"])]
#[case::credentials_that_died(credentials, &["resume"])]
#[case::a_long_wait(told_to_wait, &["resume"])]
#[case::nothing_left(over, &["verify", "resume", "retry"])]
#[case::a_torn_line(torn, &["verify"])]
#[case::a_head_of_before(grown, &["audit"])]
fn each_is_kept_in_its_state(#[case] build: fn() -> State, #[case] expected: &[&str]) {
    all_keep_their_promises(build, expected);
}

/// Where the last row trips a safety, there is nothing to resume, and nothing says so.
#[rstest]
#[case(["--canary", "2"])]
#[case(["--max-failures", "2"])]
fn a_safety_that_the_last_row_trips_speaks_of_no_resume(#[case] safety: [&str; 2]) {
    let State { world, told, .. } = stopped_by(safety, 2, 2);
    assert_eq!(world.status(LEDGER)["outcomes"]["pending"], 0);
    let told = both(&told[0]);
    assert!(!told.contains("resume"), "{told}");
    assert!(
        told.contains("note: acme: no row is left to send; look at the rows that are not done"),
        "{told}"
    );
}

/// What helps the rows of `failed.csv` is told of each kind that it holds, and of no other.
#[test]
fn failed_csv_is_told_with_what_helps_its_rows() {
    const WAYS: [(&str, &str); 3] = [
        (
            "try failed and in_doubt rows again as they are",
            "retry users.csv.ledger.jsonl",
        ),
        (
            "try refused rows again once somebody has acted on the reason",
            "retry users.csv.ledger.jsonl --only refused",
        ),
        (
            "fix what is wrong in that file first",
            "run out/failed.csv --done-in users.csv.ledger.jsonl --account acme --action ",
        ),
    ];
    let safety = ["--max-failures", "2"];
    for (state, is_told) in [
        (mixed(), [true, true, true]),
        (half_done(), [true, false, false]),
        (stopped_now(), [true, false, false]),
        (stopped_by(safety, 2, 3), [false, true, false]),
        (over(), [false, false, false]),
    ] {
        let report = ["report", LEDGER, "--format", "csv", "--out", "out"];
        let told = state.world.call(&report).code(0).err;
        for ((note, command), is_told) in WAYS.into_iter().zip(is_told) {
            let way = format!("note: {note}\nnext: userpurge {command}");
            assert_eq!(told.contains(&way), is_told, "{way}: {told}");
            assert_eq!(told.contains(note), is_told, "{note}: {told}");
        }
    }
}

/// Each command of `done`, all of which only tell, in the folder where it was printed.
fn all_tell(world: &World, done: &Done, expected: &str) {
    let before = world.sandbox().log(None).len();
    let printed = commands(&both(done));
    assert!(printed.iter().any(|it| it == expected), "{printed:#?}");
    for command in printed {
        let ran = world.finish(in_a_shell(world, &command)).code(0);
        assert!(!ran.out.is_empty(), "{command}");
    }
    assert_eq!(world.sandbox().log(None).len(), before);
}

#[test]
fn of_a_name_that_is_none() {
    let world = World::new();
    for (args, expected) in [
        (&["providers", "nope"][..], "userpurge providers"),
        (&["providers", "./nope.toml"], "userpurge help providers"),
        (&["help", "nope"], "userpurge help"),
        (&["init"], "userpurge help config"),
    ] {
        all_tell(&world, &world.call(args).code(2), expected);
    }
}

/// Nothing leads on from a ledger that does not fit, and nothing is sent by it.
#[rstest]
#[case::a_line_that_was_changed(|it: &str| it.replacen("\"outcome\":\"deleted\"", "\"outcome\":\"refused\"", 1))]
#[case::a_line_that_was_dropped(|it: &str| {
    let (before, from) = it.split_once("{\"kind\":\"planned\"").unwrap();
    before.to_owned() + from.split_once('\n').unwrap().1
})]
#[case::another_format(|it: &str| it.replacen("\"format\":2", "\"format\":99", 1))]
#[case::no_ledger(|_: &str| "id\n1\n".to_owned())]
fn a_ledger_that_does_not_fit_leads_to_nothing(#[case] damage: fn(&str) -> String) {
    let world = World::of_users(3);
    world.call(&RUN).code(0);
    let damaged = damage(&world.read(LEDGER));
    world.write(LEDGER, &damaged);
    let before = world.sandbox().log(None).len();
    for command in ["audit", "status", "report", "verify", "resume", "retry"] {
        let done = world.call(&[command, LEDGER]).code(4);
        assert_eq!(commands(&done.err), [""; 0], "{done:?}");
        assert_eq!(world.read(LEDGER), damaged, "{done:?}");
    }
    assert_eq!(world.sandbox().log(None).len(), before);
}

#[test]
fn what_the_audit_of_a_torn_ledger_promises_is_done() {
    let State { world, .. } = torn();
    let torn = || {
        serde_json::from_str::<Value>(&world.call(&["audit", LEDGER, "--json"]).out).unwrap()["torn"].clone()
    };
    assert!(!torn().is_null());
    world
        .call(&["audit", LEDGER])
        .code(0)
        .says("`resume` cuts them off");
    let before = world.deletions().len();
    world.call(&["resume", LEDGER]).code(0);
    assert!(torn().is_null());
    assert_eq!(world.deletions().len(), before);
}

/// The commands at its end, each without what is said about it.
#[test]
fn of_a_demo() {
    let world = World::new();
    fs::remove_file(world.path("userpurge.toml")).unwrap();
    let done = world.call(&["demo"]).code(0);
    let (_, next) = done.out.split_once("next:\n").unwrap();
    let printed = commands(next);
    let names: Vec<_> = printed
        .iter()
        .map(|it| it.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(names, ["audit", "init", "sandbox", "--help"], "{next}");
    world
        .finish(in_a_shell(&world, &printed[0]))
        .code(0)
        .says("is whole");
    world
        .finish(in_a_shell(&world, &printed[3]))
        .code(0)
        .says("Usage:");
    // Its words end with the comment's sign, as a shell reads them.
    let words = |command: &str| {
        let words = command.split_whitespace().skip(1);
        let words = words.take_while(|it| *it != "#").map(str::to_owned);
        words.collect::<Vec<_>>()
    };
    let sandbox = words(&printed[2]);
    let listens = ["--listen", "127.0.0.1:0"].map(str::to_owned);
    let sandbox = [sandbox, Vec::from(listens)].concat();
    let sandbox: Vec<_> = sandbox.iter().map(String::as_str).collect();
    let mut child = world.start(&sandbox);
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("sandbox at http://127.0.0.1:"), "{line}");
    world.until("it is listened to", || {
        send("-INT", &child);
        child.try_wait().unwrap().is_some()
    });
    let init = words(&printed[1]);
    let init: Vec<_> = init.iter().map(String::as_str).collect();
    initialises(&world, &init);
}

/// Answers every question, and does what is left to do.
fn initialises(world: &World, init: &[&str]) {
    let base = world.base();
    let answers = [
        "zendesk",
        &base,
        "client",
        "sandbox-client",
        "support",
        "file",
        "secret.txt",
        "no",
    ];
    let done = world.call_with(init, &lines_of(&answers)).code(0);
    let done = done.says("next: put the secret into `secret.txt`");
    assert_eq!(commands(&done.err), ["userpurge check"], "{done:?}");
    world.write("secret.txt", "sandbox-secret\n");
    let checked = world.finish(in_a_shell(world, "userpurge check")).code(0);
    checked.says("support: Zendesk Support at");
    assert!(world.deletions().is_empty());
}
