//! What the program writes is for its owner's eyes and hands alone, whatever the umask says: a plan that
//! others may write is an instruction to delete.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::usual::LEDGER;
use crate::support::{Done, World, piped};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Calls the program with a umask that takes nobody's rights away.
fn call_without_umask(world: &World, args: &[&str]) -> Done {
    let usual = world.command(&[]);
    let variables = usual.get_envs();
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 0; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_userpurge"))
        .args(args)
        .current_dir(world.folder.path())
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .env("TMPDIR", world.folder.path())
        .stdin(Stdio::null());
    world.finish(piped(&mut command))
}

#[test]
fn ledger_plan_reports_and_tokens_are_for_their_owner() {
    let world = World::of_users(3);
    world.file_of([
        ("5725767000000412001".to_owned(), "crm", "delete"),
        ("7".to_owned(), "acme", "delete"),
    ]);
    call_without_umask(&world, &["plan", "users.csv", "-o", "purge.ledger.jsonl"]).code(0);
    call_without_umask(&world, &["run", "users.csv", "--yes"]).code(0);
    for format in ["html", "md", "json"] {
        let output = format!("report.{format}");
        let report = ["report", LEDGER, "--format", format, "-o", &output];
        call_without_umask(&world, &report).code(0);
        assert_eq!(mode(&world.path(&output)), 0o600, "{output}");
    }
    for name in ["purge.ledger.jsonl", LEDGER] {
        assert_eq!(mode(&world.path(name)), 0o600, "{name}");
    }
    let tokens = world.path("cache/userpurge/tokens");
    assert_eq!(mode(&tokens), 0o700);
    for token in std::fs::read_dir(tokens).unwrap() {
        assert_eq!(mode(&token.unwrap().path()), 0o600);
    }
}

#[test]
fn the_folder_of_a_demo_is_for_its_owner() {
    let world = World::new();
    call_without_umask(&world, &["demo"]).code(0);
    let folders = std::fs::read_dir(world.folder.path()).unwrap();
    let is_demo = |path: &Path| path.to_string_lossy().contains("userpurge-demo-");
    let mut folders = folders
        .map(|entry| entry.unwrap().path())
        .filter(|it| is_demo(it));
    let folder = folders.next().unwrap();
    assert_eq!(mode(&folder), 0o700);
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
}
