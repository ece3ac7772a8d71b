//! `--head`: a ledger that is not the one whose head was noted is not gone on with.

use rstest::rstest;
use serde_json::json;

use crate::support::World;
use crate::support::usual::{LEDGER, PERMANENTLY};

const ROWS: u64 = 300;

fn head(world: &World) -> String {
    let lines = world.ledger(LEDGER);
    lines.last().unwrap()["chain"].as_str().unwrap().to_owned()
}

/// A run that was killed in the middle.
fn interrupted() -> World {
    let world = World::of_soft_deleted(ROWS);
    world.settings(json!({"latency": "5ms..10ms"}));
    let mut run = world.start(&PERMANENTLY);
    world.until("some users are deleted", || world.deletions().len() > 20);
    run.kill().unwrap();
    run.wait().unwrap();
    world
}

#[test]
fn resume_goes_on_only_with_the_ledger_whose_head_was_noted() {
    let world = interrupted();
    let noted = head(&world);
    let other = noted.replace(['1', 'a'], "0");
    let before = world.deletions().len();
    world
        .call(&["resume", LEDGER, "--head", &other])
        .code(4)
        .says(&format!("`--head` says {other}"))
        .says(&format!("userpurge audit {LEDGER} --head {other}"));
    assert!(world.deletions().len() < before + 64, "what was under way");
    assert_eq!(head(&world), noted, "nothing was written to it");
    world.call(&["resume", LEDGER, "--head", &noted]).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], ROWS);
}

#[rstest]
#[case::retry(&["retry", LEDGER, "--yes"])]
#[case::verify(&["verify", LEDGER])]
#[case::report(&["report", LEDGER, "--format", "md", "-o", "-"])]
#[case::report_csv(&["report", LEDGER, "--format", "csv", "--out", "rows"])]
fn others_refuse_it_as_well(#[case] args: &[&str]) {
    let world = World::of_soft_deleted(3);
    world.call(&PERMANENTLY).code(0);
    let noted = head(&world);
    let other = noted.replace(['1', 'a'], "0");
    let before = world.sandbox().log(None).len();
    world
        .call(&[args, &["--head", &other]].concat())
        .code(4)
        .says("`--head` says");
    assert_eq!(world.sandbox().log(None).len(), before, "nothing was asked");
    assert_eq!(head(&world), noted);
    world.call(&[args, &["--head", &noted]].concat()).code(0);
}
