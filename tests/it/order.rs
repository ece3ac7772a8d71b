//! The order write, sync, send, as seen from outside: by the kernel's account of the real program,
//! and by a witness who looks into the file when a request arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::json;

use crate::support::World;
use crate::support::usual::{LEDGER, id};
use crate::support::witness::{Target, of_path};

const RUN: [&str; 5] = ["run", "users.csv", "--yes", "--progress", "none"];
/// Users at each provider.
const USERS: usize = 12;
/// Deleting requests when none has to be sent again: Zendesk's are purges.
const STEPS: usize = 4 * USERS;

fn seed(world: &World) {
    world.wide();
    world.file_of((1..=USERS as u64).flat_map(|n| {
        let row = |account, action| (id(account, n), account, action);
        [
            row("acme", "purge"),
            row("chat", "delete"),
            row("crm", "delete"),
        ]
    }));
}

#[test]
fn when_a_deletion_arrives_its_intent_is_in_the_file_already() {
    let world = World::new();
    seed(&world);
    let witness = world.witness(LEDGER);
    world.ask_at(&witness.base_url());
    world.settings(json!({"faults": "error500=5%,reset=5%,reset-after=5%,seed=3"}));
    world.call(&RUN).code(0);
    assert_eq!(witness.wrong(), []);
    let passed: BTreeSet<Target> = witness.passed().into_iter().map(|it| it.target).collect();
    assert_eq!(passed.len(), STEPS, "each was seen");
    let all = world.deletions().len();
    assert_eq!(all, witness.count(), "and nothing went past the witness");
}

/// What the program did, in the order in which the kernel's tracer saw it.
#[derive(Debug, PartialEq, Eq)]
enum Did {
    /// Intents for these were written to the ledger.
    Wrote(Vec<Target>),
    /// A sync of the ledger was asked for.
    SyncBegan,
    /// A sync of the ledger was over, and well.
    SyncEnded,
    /// A request to delete these went to a socket.
    Sent(Vec<Target>),
}

#[test]
fn write_then_sync_then_send_as_strace_sees_the_program() {
    let world = World::new();
    let trace = world.path("trace");
    let strace = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&trace)
        .arg("true")
        .output();
    if !strace.is_ok_and(|output| output.status.success()) {
        // `when_a_deletion_arrives_its_intent_is_in_the_file_already` shows the same but the sync.
        not_shown("strace is not here, or may not trace: the witness alone shows the order");
        return;
    }
    seed(&world);
    let program = world.command(&RUN);
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-y", "-s", "1000000", "-e"])
        .arg("trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,fdatasync,fsync")
        .arg("-o")
        .arg(&trace)
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(world.folder.path())
        .env_clear()
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    // The tracer itself is found by the path it has here.
    if let Some(path) = std::env::var_os("PATH") {
        traced.env("PATH", path);
    }
    let output = traced.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    let did = read(&world.read("trace"));
    let mut written: BTreeMap<Target, usize> = BTreeMap::new();
    let mut asked: BTreeMap<Target, usize> = BTreeMap::new();
    let mut durable: BTreeMap<Target, usize> = BTreeMap::new();
    let mut sent: BTreeMap<Target, usize> = BTreeMap::new();
    for step in did {
        match step {
            Did::Wrote(targets) => {
                for target in targets {
                    *written.entry(target).or_default() += 1;
                }
            }
            // One thread writes and syncs: what is written after a sync began is not in it.
            Did::SyncBegan => asked.clone_from(&written),
            Did::SyncEnded => durable.clone_from(&asked),
            Did::Sent(targets) => {
                for target in targets {
                    let times = sent.entry(target.clone()).or_default();
                    *times += 1;
                    assert!(
                        durable.get(&target) >= Some(times),
                        "{target:?} was sent {times} times, with {:?} intents synced and {:?} written",
                        durable.get(&target),
                        written.get(&target)
                    );
                }
            }
        }
    }
    assert_eq!(sent.len(), STEPS, "every request was seen to leave");
    assert_eq!(sent.values().sum::<usize>(), world.deletions().len());
}

#[expect(
    clippy::print_stderr,
    reason = "whoever runs the tests should know what was not shown"
)]
fn not_shown(words: &str) {
    eprintln!("{words}");
}

/// What of strace's lines matters: `PID call(FD<path>, "bytes"…) = result`, or in two halves when
/// another thread comes in between.
fn read(trace: &str) -> Vec<Did> {
    let mut syncing: BTreeSet<&str> = BTreeSet::new();
    let mut did = Vec::new();
    for line in trace.lines() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if rest.starts_with("<... f") && rest.contains("sync resumed>") {
            if syncing.remove(pid) && rest.ends_with("= 0") {
                did.push(Did::SyncEnded);
            }
            continue;
        }
        let Some((call, arguments)) = rest.split_once('(') else {
            continue;
        };
        let file = arguments.split([',', ')', ' ']).next().unwrap_or_default();
        match (call, file.contains(".ledger.jsonl")) {
            ("fdatasync" | "fsync", true) => {
                did.push(Did::SyncBegan);
                if rest.ends_with("<unfinished ...>") {
                    syncing.insert(pid);
                } else if rest.ends_with("= 0") {
                    did.push(Did::SyncEnded);
                }
            }
            ("fdatasync" | "fsync", false) => {}
            (_, true) => did.push(Did::Wrote(intents(arguments))),
            // Anything that is no ledger: a request may go to a socket by any of these calls.
            (_, false) => {
                let targets = requests(arguments);
                if !targets.is_empty() {
                    did.push(Did::Sent(targets));
                }
            }
        }
    }
    did
}

/// The intents among the lines that were written.
fn intents(arguments: &str) -> Vec<Target> {
    let plain = arguments.replace("\\\"", "\"");
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    plain
        .split("\\n")
        .filter(|line| line.contains("{\"kind\":\"intent\""))
        .map(|line| (field(line, "id").unwrap(), field(line, "step").unwrap()))
        .collect()
}

/// Whom the requests that were sent delete.
fn requests(arguments: &str) -> Vec<Target> {
    let heads = arguments.split("DELETE /").skip(1);
    heads
        .filter(|head| head.contains(" HTTP/1.1"))
        .flat_map(|head| of_path(&format!("/{}", head.split(' ').next().unwrap_or_default())))
        .collect()
}
