//! Help, completions, man pages, and what somebody is told who mistyped something.

use std::fs;

use clap::{CommandFactory, Parser};
use rstest::rstest;
use userpurge::cli::args::Cli;
use userpurge::help::TOPICS;

use crate::support::World;

const COMMANDS: [&str; 18] = [
    "plan",
    "run",
    "resume",
    "retry",
    "status",
    "report",
    "verify",
    "lookup",
    "audit",
    "check",
    "init",
    "providers",
    "sandbox",
    "demo",
    "completions",
    "man",
    "schema",
    "help",
];

#[test]
fn every_command_has_examples_and_a_short_and_a_long_help() {
    let world = World::new();
    for command in COMMANDS {
        let long = world.call(&[command, "--help"]).code(0).out;
        let short = world.call(&[command, "-h"]).code(0).out;
        assert!(
            long.contains("Usage: userpurge ") && long.contains("\nExamples:\n"),
            "{long}"
        );
        assert!(short.lines().count() < long.lines().count(), "{short}");
        assert!(short.lines().count() <= 30, "{short}");
    }
    let run = world.call(&["run", "--help"]).code(0).out;
    assert!(run.lines().count() <= 60, "{run}");
    for section in [
        "Reading the input:",
        "Safety and pace:",
        "Examples:",
        "[default: ",
    ] {
        assert!(run.contains(section), "{section} is not in\n{run}");
    }
}

#[test]
fn there_is_a_man_page_for_every_command_and_completions_for_four_shells() {
    let world = World::new();
    world.call(&["man", "--out", "pages"]).code(0);
    let mut pages: Vec<_> = fs::read_dir(world.path("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let topics = TOPICS.map(|(name, section, _)| format!("userpurge-{name}.{section}"));
    let mut expected: Vec<_> = COMMANDS
        .iter()
        .map(|command| format!("userpurge-{command}.1"))
        .chain(["userpurge.1".to_owned()])
        .chain(topics)
        .collect();
    expected.sort();
    assert_eq!(pages, expected);
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = world.call(&["completions", shell]).code(0).out;
        assert!(
            COMMANDS.iter().all(|command| script.contains(command)),
            "{shell}"
        );
    }
}

/// The shell that is everywhere; zsh and fish were tried by hand.
#[test]
fn bash_completes_commands_options_and_values() {
    let world = World::new();
    let script = world.call(&["completions", "bash"]).code(0).out;
    world.write("userpurge.bash", script);
    let completed = |words: &str| {
        let line = format!(
            "source ./userpurge.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _userpurge userpurge \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let output = std::process::Command::new("bash")
            .args(["--norc", "-c", &line])
            .current_dir(world.folder.path())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(completed("userpurge resu"), "resume");
    assert_eq!(completed("userpurge run --max-d"), "--max-delete");
    assert_eq!(
        completed("userpurge report --format ''"),
        "html json md csv"
    );
}

#[rstest]
#[case::an_option(&["run", "users.csv", "--acount", "acme"], "--account")]
#[case::a_command(&["resum", "latest"], "resume")]
#[case::a_value(&["run", "users.csv", "--progress", "plian"], "plain")]
#[case::an_action(&["run", "users.csv", "--action", "purg"], "purge")]
#[case::an_account(&["plan", "users.csv", "--account", "acm", "--action", "purge"], "did you mean `acme`?")]
#[case::a_column(&["plan", "users.csv", "--id-column", "mial"], "did you mean `mail`?")]
fn what_was_mistyped_is_told_the_nearest_there_is(#[case] args: &[&str], #[case] meant: &str) {
    let world = World::new();
    world.write("users.csv", "id,mail\n12,x\n");
    let done = world.call(args).code(2);
    assert!(done.err.contains(meant), "{done:?}");
}

#[test]
fn an_account_or_action_in_a_row_is_told_the_nearest_there_is() {
    let world = World::new();
    world.write(
        "users.csv",
        "id,account,action\n12,acmee,purge\n13,acme,purg\n",
    );
    let done = world.call(&["plan", "users.csv", "--json"]).code(1);
    for meant in ["did you mean `acme`?", "did you mean `purge`?"] {
        assert!(done.out.contains(meant), "{}", done.out);
    }
}

#[test]
fn a_mistake_in_a_file_is_underlined_and_no_secret_beside_it_is_shown() {
    let world = World::new();
    world.write("users.csv", "name,mail\nKim,kim@acme.example\n");
    let args = ["plan", "users.csv"];
    insta::assert_snapshot!(world.call(&args).code(2).err, @r#"
    error: no column of `users.csv` is known to hold user ids; name one with `--id-column`, or give `--format ids` if each line begins with an id (columns seen: `name`, `mail`)
     --> users.csv:1:1
    1 | name,mail
      | ^^^^^^^^^ none of these is known to hold user ids
    help: `userpurge lookup users.csv --by email --id-column mail -o users.csv.ids.csv` asks for their ids
    "#);
    let plan = ["plan", "users.csv", "--id-column", "name"];
    let of = |text: &str| {
        world.configure(text);
        let done = world.call(&plan).code(2);
        let folder = world.folder.path().display().to_string();
        done.err.replace(&folder, "/home/ops")
    };
    let key = of(
        "[accounts.acme]\nprovider = \"zendesk\"\nsubdomian = \"acme\"\napi_token = \"s3cret\"\n",
    );
    insta::assert_snapshot!(key, @r"
    error: `accounts.acme.subdomian` in `/home/ops/userpurge.toml`, line 3, cannot be used: there is no such key; did you mean `subdomain`?
     --> /home/ops/userpurge.toml:3:1
    3 | subdomian
      | ^^^^^^^^^ here
    ");
    let syntax = of("[accounts.acme]\nprovider = \"zendesk\"\napi_token = \"s3cret\n");
    insta::assert_snapshot!(syntax, @r#"
    error: the configuration `/home/ops/userpurge.toml`, line 3, column 20, is no TOML: invalid basic string, expected `"`
     --> /home/ops/userpurge.toml:3:20
    3 | api_token
      |                    ^ here
    "#);
    assert!(!key.contains("s3cret") && !syntax.contains("s3cret"));
}

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("userpurge").chain(line.split_whitespace()))
}

#[test]
fn the_definitions_fit_together() {
    Cli::command().debug_assert();
    let head = "00000000000000000000000000000000000000000000000000000000000000aF";
    for line in [
        "plan - --delimiter tab",
        "plan - --delimiter |",
        "plan - --format jsonl --delimiter ; --action Permanently_Delete --json",
        "run users.csv --dry-run --live --yes -q --max-failures 2.5% --canary 5 --until 23:59",
        &format!("resume l --head {head} --concurrency 1000 --progress plain"),
        "retry --only refused --only TOO_MANY --include-role agent --confirm 3",
        "verify latest --sample 100 --seed 7 --json --config c --progress none",
        "-v sandbox --listen [::1]:9000 --latency 50ms --faults error500=2% --scale-limits 10",
    ] {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn anything_else_is_refused_with_2_and_with_what_to_write() {
    let head = "00000000000000000000000000000000000000000000000000000000000000a";
    for (line, words) in [
        ("run users.csv --live", "--dry-run"),
        ("run users.csv --yes --confirm 3", "--confirm"),
        ("run users.csv --action eräse", "an action's name"),
        ("run users.csv --format xml", "possible values"),
        ("run users.csv --delimiter ab", "write one character"),
        ("run users.csv --delimiter a", "write one character"),
        ("run users.csv --delimiter \"", "write one character"),
        ("run users.csv --delimiter §", "write one character"),
        ("run users.csv --until 7:05", "23:59"),
        ("run users.csv --until 007:05", "23:59"),
        ("run users.csv --until 07:00:00", "23:59"),
        ("run users.csv --until +7:00", "23:59"),
        ("run users.csv --until 7pm", "23:59"),
        ("run users.csv --until ٠٧:00", "23:59"),
        ("sandbox --scale-limits=-1", "write a factor"),
        ("sandbox --scale-limits nan", "write a factor"),
        ("run users.csv --attempts 101", "1..=100"),
        (
            "run users.csv --concurrency 0",
            "write a number from 1 to 1000",
        ),
        (
            "run users.csv --concurrency 1001",
            "write a number from 1 to 1000",
        ),
        ("run users.csv --confirm 12,480", "in digits alone"),
        ("run users.csv --max-delete 1k", "in digits alone"),
        ("run users.csv -q -v", "--verbose"),
        (
            "run users.csv --canary 0",
            "write a number of rows, 1 at least",
        ),
        ("run users.csv --canary 5%", "write a number of rows"),
        ("run users.csv --until 24:00", "23:59"),
        ("resume l --account acme", "--account"),
        ("resume l --done-in m", "--done-in"),
        ("resume l --include-role agent", "--include-role"),
        ("retry l --protect staff.txt", "--protect"),
        ("report l --format csv", "--out"),
        ("verify l --sample 0", "write a number of rows, 1 at least"),
        ("verify l --seed 7", "--sample"),
        ("verify l --sample 9 --seed x", "write the number that"),
        ("audit l --head 12ab", "64 hexadecimal digits"),
        (&format!("audit l --head g{head}"), "64 hexadecimal digits"),
        (&format!("audit l --head {head}FF"), "64 hexadecimal digits"),
        ("sandbox --listen 0.0.0.0:80", "loopback only"),
        ("sandbox --listen localhost", "write an address"),
        ("sandbox --scale-limits 0", "write a factor"),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
        assert!(error.to_string().contains(words), "{line}: {error}");
    }
}
