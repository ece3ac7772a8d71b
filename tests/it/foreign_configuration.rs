//! A configuration runs commands for its secrets, so its path comes from `--config` and the documented
//! places only: never from a file that is read.

use crate::support::World;
use crate::support::usual::{LEDGER, RUN, plan_of};

/// A configuration whose secret is printed by a command that leaves `called` behind.
fn commanding(world: &World) -> String {
    let called = world.path("called").display().to_string();
    let command = format!(
        "api_token = {{ command = [\"sh\", \"-c\", \"echo x >> {called}; echo sandbox-token\"] }}"
    );
    let config = world.config();
    config.replacen("api_token = \"sandbox-token\"", &command, 1)
}

/// How often its command has run.
fn called(world: &World) -> usize {
    let path = world.path("called");
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn a_saved_plan_brings_no_configuration() {
    const SAVED: &str = "theirs.ledger.jsonl";
    let world = World::of_users(10);
    world.write("theirs.toml", commanding(&world));
    let plan = plan_of("users.csv");
    let more = ["--config", "theirs.toml", "-o", SAVED];
    world.call(&[&plan[..], &more].concat()).code(0);
    std::fs::remove_file(world.path("userpurge.toml")).unwrap();
    world
        .call(&["run", SAVED, "--yes"])
        .code(2)
        .says("theirs.toml`");
    assert_eq!(called(&world), 0);
    assert_eq!(world.deletions().len(), 0);

    world
        .call(&["run", SAVED, "--yes", "--config", "theirs.toml"])
        .code(0);
    assert_eq!(world.status(SAVED)["outcomes"]["deleted"], 10);
}

#[test]
fn a_ledger_brings_no_configuration() {
    let world = World::of_users(10);
    world.write("theirs.toml", commanding(&world));
    let config = ["--config", "theirs.toml"];
    let done = world.call(&[&RUN[..], &config].concat()).code(0);
    let theirs = world.path("theirs.toml").display().to_string();
    done.says(&format!("userpurge verify {LEDGER} --config {theirs}"));
    let before = called(&world);

    // Another configuration is here: it is used, and that is said.
    for command in [
        &["verify", LEDGER][..],
        &["retry", LEDGER],
        &["resume", LEDGER],
    ] {
        world
            .call(command)
            .code(0)
            .says(&format!("was made with the configuration `{theirs}`"))
            .says("is used now, since only `--config` names another");
    }
    // None is here: the person looks, and names it.
    std::fs::remove_file(world.path("userpurge.toml")).unwrap();
    for command in ["verify", "retry", "resume"] {
        world
            .call(&[command, LEDGER])
            .code(2)
            .says(&format!("then name it: `--config {theirs}`"));
    }
    assert_eq!(called(&world), before);
    world.call(&["verify", LEDGER, "--config", &theirs]).code(0);
    assert!(called(&world) > before);
}
