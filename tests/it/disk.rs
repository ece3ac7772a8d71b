//! A disk that is really full: the run stops, says so, and goes on when there is space.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use userpurge::sandbox::Call;

use crate::support::World;
use crate::support::usual::id;

const ROWS: u64 = 300;
const LEDGER: &str = "disk/users.ledger.jsonl";

/// How much of the ledger fits before there is space: some of its rows.
const SPACE_KIB: u64 = 64;

/// A file system of its own, taken away again however the test ends.
struct Mount(PathBuf);

impl Mount {
    /// `None`: this machine does not let us mount anything.
    fn tmpfs(at: PathBuf) -> Option<Self> {
        let size = format!("size={}k", 4 * SPACE_KIB);
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "userpurge-test"])
            .arg(&at);
        let done = mount.stderr(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
            .then_some(Self(at))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, so that a process that still has the ledger open does not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Rows of all three providers, and their users.
fn seed(world: &World) {
    world.file_of((1..=ROWS).map(|n| {
        let (account, action) = match n % 3 {
            0 => ("acme", "purge"),
            1 => ("chat", "delete"),
            _ => ("crm", "delete"),
        };
        (id(account, n), account, action)
    }));
}

/// The program under a limit on the size of the files it writes: for where nothing can be mounted.
fn limited(world: &World, args: &[&str]) -> Child {
    let program = env!("CARGO_BIN_EXE_userpurge");
    let script = format!("ulimit -f {}; exec \"$0\" \"$@\"", 2 * SPACE_KIB);
    let world_command = world.command(&[]);
    let variables = world_command.get_envs();
    Command::new("sh")
        .args(["-c", &script, program])
        .args(args)
        .current_dir(world.folder.path())
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// How many of `entries` are intents, by user and step.
fn intents(entries: &[Value]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry["kind"] == "intent") {
        let word = |field: &str| entry[field].as_str().unwrap().to_owned();
        *counts.entry((word("id"), word("step"))).or_default() += 1;
    }
    counts
}

/// Every deleting request that arrived has an intent of its own in the ledger.
fn assert_all_intended(world: &World) {
    let intents = intents(&world.ledger(LEDGER));
    let mut arrived: BTreeMap<_, usize> = BTreeMap::new();
    for call in world.deletions() {
        let step = match call.step {
            Call::DeleteMany => json!(Call::Delete),
            step => json!(step),
        };
        let step = step.as_str().unwrap();
        for user in call.users.into_iter().chain(call.user) {
            *arrived.entry((user, step.to_owned())).or_default() += 1;
        }
    }
    for (request, times) in arrived {
        let intended = intents.get(&request).copied().unwrap_or(0);
        assert!(
            times <= intended,
            "{request:?}: {times} arrived, {intended} intended"
        );
    }
}

#[test]
fn a_full_disk_stops_the_run_and_with_space_resume_ends_it() {
    let world = World::new();
    world.wide();
    world.settings(json!({"latency": "1ms..20ms", "scale_limits": 100.0}));
    seed(&world);
    std::fs::create_dir(world.path("disk")).unwrap();
    let mount = Mount::tmpfs(world.path("disk"));
    let form = match &mount {
        Some(_) => "a tmpfs that is full",
        None => "a limit on the size of files, since nothing can be mounted here",
    };
    let _ = writeln!(std::io::stderr(), "the full disk is {form}");
    let args = [
        "run",
        "users.csv",
        "--ledger",
        LEDGER,
        "--yes",
        "--progress",
        "none",
    ];
    let filler = "disk/filler";
    let run = if mount.is_some() {
        let len = usize::try_from(3 * SPACE_KIB * 1024).unwrap();
        world.write(filler, vec![b'x'; len]);
        world.start(&args)
    } else {
        limited(&world, &args)
    };
    let reason = if mount.is_some() {
        "No space left on device"
    } else {
        "File too large"
    };
    world
        .finish(run)
        .code(4)
        .says(&format!("could not write to ledger `{LEDGER}`"))
        .says(reason)
        .says("nothing more was sent")
        .says("make space")
        .says(&format!("userpurge resume {LEDGER}"));
    let arrived = world.deletions().len();
    assert!(arrived > 0, "it had begun");
    assert!(world.outcomes(LEDGER).len() < usize::try_from(ROWS).unwrap());
    assert_all_intended(&world);
    world.call(&["audit", LEDGER]).code(0);
    assert_eq!(world.status(LEDGER)["state"], "interrupted");

    if mount.is_some() {
        // While it is full there is no going on, and nothing is sent.
        let before = world.deletions().len();
        world
            .call(&["resume", LEDGER, "--progress", "none"])
            .code(4)
            .says(&format!("userpurge resume {LEDGER}"));
        let after = world.deletions().len();
        assert!(after - before < 100, "{before} then {after}");
        assert_all_intended(&world);
        std::fs::remove_file(world.path(filler)).unwrap();
    }
    world
        .call(&["resume", LEDGER, "--progress", "none"])
        .code(0);
    assert_all_intended(&world);
    let ours = |id: &str| {
        let number = |digits: &str| digits.parse::<u64>().is_ok_and(|n| n <= ROWS);
        id.len() == 24 || number(id) || id.strip_prefix("5725767000000").is_some_and(number)
    };
    for user in world.users().into_iter().filter(|user| ours(&user.id)) {
        let steps = if user.provider.name() == "zendesk" {
            2
        } else {
            1
        };
        assert_eq!(user.changes, steps, "{user:?}: each step once");
    }
    let standing = world.users().into_iter();
    let standing: Vec<_> = standing
        .filter(|user| matches!(user.state.as_str(), "active" | "soft-deleted") && ours(&user.id))
        .collect();
    assert!(standing.is_empty(), "{standing:?}");
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "finished");
    assert_eq!(status["outcomes"]["deleted"], ROWS);
    assert_eq!(status["outcomes"]["pending"], 0);
    world.call(&["audit", LEDGER]).code(0);
}

#[test]
fn a_limit_on_the_size_of_files_is_told_as_a_full_disk_is() {
    let world = World::new();
    world.wide();
    world.settings(json!({"latency": "1ms..20ms", "scale_limits": 100.0}));
    seed(&world);
    std::fs::create_dir(world.path("disk")).unwrap();
    let run = ["run", "users.csv", "--ledger", LEDGER, "--yes"];
    world
        .finish(limited(&world, &run))
        .code(4)
        .says(&format!("could not write to ledger `{LEDGER}`"))
        .says("File too large")
        .says("nothing more was sent")
        .says(&format!("userpurge resume {LEDGER}"));
    assert!(!world.deletions().is_empty(), "it had begun");
    assert_all_intended(&world);
    world.call(&["audit", LEDGER]).code(0);
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], ROWS);
}
