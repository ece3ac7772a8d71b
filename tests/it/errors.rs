//! What a person sees who got something wrong: where it is and what to do.

use rstest::rstest;

use crate::support::{World, ids};

const ARGS: [&str; 7] = [
    "run",
    "users.csv",
    "--account",
    "acme",
    "--action",
    "delete",
    "--yes",
];

#[test]
fn no_such_file() {
    World::new()
        .call(&ARGS)
        .code(2)
        .says("users.csv")
        .says("check the name");
}

#[test]
fn an_empty_file() {
    let world = World::new();
    world.write("users.csv", "");
    world.call(&ARGS).code(2).says("users.csv").says("empty");
}

#[test]
fn no_id_column() {
    let world = World::new();
    world.write("users.csv", "name,mail\nKim,kim@acme.example\n");
    world
        .call(&ARGS)
        .code(2)
        .says("users.csv")
        .says("--id-column");
}

#[rstest]
#[case("subdomane = \"acme\"\n", "subdomane")]
#[case(
    "api_token = { env = \"NO_SUCH_VARIABLE\" }\nsubdomain = \"acme\"\nemail = \"a@b.c\"\n",
    "NO_SUCH_VARIABLE"
)]
#[case(
    "base_url = \"http://acme.example\"\nemail = \"a@b.c\"\napi_token = \"x\"\n",
    "https"
)]
#[case("subdomain = \"acme\"\nemail = \"a@b.c\"\n", "api_token")]
fn a_mistake_in_the_configuration(#[case] lines: &str, #[case] says: &str) {
    let world = World::new();
    world.configure(&format!("[accounts.acme]\nprovider = \"zendesk\"\n{lines}"));
    world.write("users.csv", ids(1..=3));
    world.call(&ARGS).code(2).says("userpurge.toml").says(says);
}

#[test]
fn no_configuration_at_all() {
    let world = World::new();
    std::fs::remove_file(world.path("userpurge.toml")).unwrap();
    world.write("users.csv", ids(1..=3));
    world.call(&ARGS).code(2).says("userpurge.toml");
}

#[test]
fn an_account_that_is_not_there() {
    let world = World::new();
    world.write("users.csv", ids(1..=3));
    let args = [
        "run",
        "users.csv",
        "--account",
        "acmee",
        "--action",
        "delete",
        "--yes",
    ];
    world.call(&args).code(2).says("acme");
}

#[test]
fn a_folder_for_the_ledger_that_is_not_there() {
    let world = World::new();
    world.zendesk_users(1..=3);
    world.write("users.csv", ids(1..=3));
    let args = [&ARGS[..], &["--ledger", "no/such/folder/x.ledger.jsonl"]].concat();
    world.call(&args).code(4).says("no/such/folder");
    assert_eq!(world.deletions().len(), 0);
}

/// A real disk that is full.
#[test]
fn a_disk_that_refuses_the_ledger() {
    let world = World::new();
    world.zendesk_users(1..=3);
    world.write("users.csv", ids(1..=3));
    let args = [&ARGS[..], &["--ledger", "/dev/full"]].concat();
    let done = world.call(&args);
    assert!(done.code == 2 || done.code == 4, "{done:?}");
    assert!(done.err.contains("/dev/full"), "{done:?}");
    assert_eq!(world.deletions().len(), 0);
}

#[test]
fn a_ledger_that_is_no_ledger() {
    let world = World::new();
    world.write("users.csv", ids(1..=3));
    world
        .call(&["resume", "users.csv"])
        .code(4)
        .says("users.csv");
    world
        .call(&["status", "nothing.ledger.jsonl"])
        .code(4)
        .says("nothing.ledger.jsonl");
}
