//! A pipe in the place of a file is refused at once: to read one that nobody writes to would wait for
//! ever, and what is read twice cannot be a pipe.

use rstest::rstest;

use crate::support::usual::{LEDGER, RUN, plan_of};
use crate::support::{World, ids};

/// A world with a ledger, and a pipe that nobody writes to.
fn world() -> World {
    const PIPES: [&str; 4] = ["pipe", "pipe.ledger.jsonl", "pipe.csv", "pipe.json"];
    let world = World::of_users(3);
    world.call(&RUN).code(0);
    world.write("more.csv", ids(1..=3));
    for name in PIPES {
        let made = std::process::Command::new("mkfifo")
            .arg(world.path(name))
            .status();
        assert!(made.unwrap().success());
    }
    world
}

/// The run of another file, with more words.
fn run<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let run = ["run", "more.csv", "--account", "acme", "--action", "delete"];
    [&run[..], &["--yes"], more].concat()
}

#[rstest]
#[case::status(&["status", "pipe.ledger.jsonl"])]
#[case::report(&["report", "pipe.ledger.jsonl", "--format", "md"])]
#[case::audit(&["audit", "pipe.ledger.jsonl"])]
#[case::verify(&["verify", "pipe.ledger.jsonl"])]
#[case::resume(&["resume", "pipe.ledger.jsonl"])]
#[case::retry(&["retry", "pipe.ledger.jsonl", "--yes"])]
#[case::plan(&plan_of("pipe.csv"))]
#[case::saved_plan(&["run", "pipe.json", "--account", "acme", "--action", "delete", "--yes"])]
#[case::saved_over(&["plan", "more.csv", "--account", "acme", "--action", "delete", "-o", "pipe.json"])]
#[case::done_in(&run(&["--done-in", "pipe"]))]
#[case::protect(&run(&["--protect", "pipe"]))]
#[case::ledger(&run(&["--ledger", "pipe"]))]
#[case::configuration(&run(&["--config", "pipe"]))]
#[case::check(&["check", "--config", "pipe"])]
#[case::report_over(&["report", LEDGER, "--format", "md", "-o", "pipe"])]
fn a_pipe_is_not_waited_for(#[case] args: &[&str]) {
    let world = world();
    let before = world.deletions().len();
    let done = world.call(args).code(2);
    assert!(done.err.contains("pipe"), "{done:?}");
    assert_eq!(world.deletions().len(), before);
}

#[test]
fn a_secret_is_not_read_from_a_pipe() {
    let world = world();
    let secret = "api_token = \"sandbox-token\"";
    let from_pipe = "api_token = { file = \"pipe\" }";
    world.configure(&world.config().replace(secret, from_pipe));
    world
        .call(&run(&[]))
        .code(2)
        .says("`")
        .says("it is a folder, a pipe or a device");
}
