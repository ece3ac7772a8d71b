//! Help, completions, man pages, and what somebody is told who mistyped something.

use std::fs;

use rstest::rstest;

use crate::support::World;

const COMMANDS: [&str; 15] = [
    "plan",
    "run",
    "resume",
    "retry",
    "status",
    "report",
    "verify",
    "audit",
    "check",
    "init",
    "sandbox",
    "demo",
    "completions",
    "man",
    "help",
];

#[test]
fn every_command_has_examples_and_a_short_and_a_long_help() {
    let world = World::new();
    for command in &COMMANDS[..14] {
        let long = world.call(&[command, "--help"]).code(0).out;
        let short = world.call(&[command, "-h"]).code(0).out;
        assert!(
            long.contains("Usage: userpurge ") && long.contains("\nExamples:\n"),
            "{long}"
        );
        assert!(short.lines().count() < long.lines().count(), "{short}");
    }
    let run = world.call(&["run", "--help"]).code(0).out;
    for section in ["Accounts:", "Reading the input:", "Examples:", "[default: "] {
        assert!(run.contains(section), "{section} is not in\n{run}");
    }
}

#[test]
fn there_is_a_man_page_for_every_command_and_completions_for_four_shells() {
    let world = World::new();
    world.call(&["man", "--out", "man1"]).code(0);
    let mut pages: Vec<_> = fs::read_dir(world.path("man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let mut expected: Vec<_> = COMMANDS[..14]
        .iter()
        .map(|command| format!("userpurge-{command}.1"))
        .chain(["userpurge.1".to_owned()])
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
    insta::assert_snapshot!(world.call(&args).code(2).err, @r"
    error: no column of `users.csv` is known to hold user ids; name one with `--id-column`, or give `--format ids` if each line begins with an id (columns seen: `name`, `mail`)
     --> users.csv:1:1
    1 | name,mail
      | ^^^^^^^^^ none of these is known to hold user ids
    ");
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
