//! Few descriptors: the run takes fewer connections, says so, and no row pays for it.

use std::process::{Child, Command, Stdio};

use crate::support::World;
use crate::support::usual::{LEDGER, PERMANENTLY};

const ROWS: u64 = 300;

/// Starts the program with so many descriptors and no more; none of them is left open by whoever runs
/// the tests, or by a test beside this one.
fn with_descriptors(world: &World, limit: &str, args: &[&str]) -> Child {
    let program = env!("CARGO_BIN_EXE_userpurge");
    let close = "for fd in /dev/fd/*; do fd=${fd##*/}; ((fd > 2)) && eval \"exec $fd>&-\"; done";
    let script = format!("{close}; ulimit {limit}; exec \"$0\" \"$@\"");
    let usual = world.command(&[]);
    let variables = usual.get_envs();
    Command::new("bash")
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

/// Every row was deleted, with one request.
fn assert_done_at_once(world: &World) {
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], ROWS);
    let twice: Vec<_> = world
        .outcomes(LEDGER)
        .into_values()
        .filter(|outcome| outcome["attempts"] != 1)
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert_eq!(world.deletions().len() as u64, ROWS);
}

#[test]
fn a_run_with_twenty_descriptors_ends_as_any_other() {
    let world = World::of_soft_deleted(ROWS);
    let run = with_descriptors(&world, "-n 20", &PERMANENTLY);
    world
        .finish(run)
        .code(0)
        .says("requests in parallel instead of")
        .says("`ulimit -n`");
    assert_done_at_once(&world);
}

#[test]
fn more_requests_at_once_than_descriptors_are_fewer_and_none_is_lost() {
    let world = World::of_soft_deleted(ROWS);
    world.settings(serde_json::json!({"latency": "20ms..40ms"}));
    let args = [&PERMANENTLY[..], &["--concurrency", "128"]].concat();
    let run = with_descriptors(&world, "-n 64", &args);
    world
        .finish(run)
        .code(0)
        .says("requests in parallel instead of 128");
    assert_done_at_once(&world);
}

#[test]
fn a_limit_that_may_be_raised_is_raised() {
    let world = World::of_soft_deleted(ROWS);
    let args = [&PERMANENTLY[..], &["--concurrency", "128"]].concat();
    let run = with_descriptors(&world, "-Sn 32", &args);
    let done = world.finish(run).code(0);
    assert!(!done.err.contains("instead of"), "{done:?}");
    assert_done_at_once(&world);
}

#[test]
fn too_few_descriptors_for_one_connection_are_refused_before_anything_is_sent() {
    let world = World::of_soft_deleted(ROWS);
    let run = with_descriptors(&world, "-n 16", &PERMANENTLY);
    world
        .finish(run)
        .code(2)
        .says("may have 16 files and connections open")
        .says("help: raise the limit first: `ulimit -n");
    assert!(world.sandbox().log(None).is_empty());
}
