//! What a person sees who got something wrong: where it is and what to do.

use rstest::rstest;

use crate::support::usual::{LEDGER, PERMANENTLY, RUN, run};
use crate::support::{World, ids, piped};

#[test]
fn no_such_file() {
    World::new()
        .call(&RUN)
        .code(2)
        .says("users.csv")
        .says("check the name");
}

#[test]
fn an_empty_file() {
    let world = World::new();
    world.write("users.csv", "");
    world.call(&RUN).code(2).says("users.csv").says("empty");
}

#[rstest]
#[case("plan")]
#[case("run")]
fn an_empty_standard_input(#[case] command: &str) {
    let world = World::new();
    let args = [&[command, "-"], &RUN[2..6]].concat();
    let done = world.call_with(&args, b"").code(2);
    let said = "error: standard input is empty; check that the export ran to its end\n";
    assert_eq!(done.err, said, "and no copy of it is named");
    let done = world.call_with(&args, b"name,mail\nKim,k@x\n").code(2);
    let done = done
        .says("no column of standard input")
        .says("--> standard input:1:1");
    assert!(!done.err.contains(".input"), "{}", done.err);
}

#[test]
fn a_folder_in_the_place_of_a_ledger() {
    let world = World::new();
    for command in ["status", "audit", "resume", "retry", "verify"] {
        world
            .call(&[command, "."])
            .code(2)
            .says("`.` is a folder, not a ledger");
    }
}

#[test]
fn no_id_column() {
    let world = World::new();
    world.write("users.csv", "name,mail\nKim,kim@acme.example\n");
    world
        .call(&RUN)
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
    world.call(&RUN).code(2).says("userpurge.toml").says(says);
}

#[test]
fn no_configuration_at_all() {
    let world = World::new();
    std::fs::remove_file(world.path("userpurge.toml")).unwrap();
    world.write("users.csv", ids(1..=3));
    world.call(&RUN).code(2).says("userpurge.toml");
}

#[test]
fn an_account_that_is_not_there() {
    let world = World::new();
    world.write("users.csv", ids(1..=3));
    world
        .call(&run("users.csv", "acmee", "delete"))
        .code(2)
        .says("acme");
}

#[test]
fn a_folder_for_the_ledger_that_is_not_there() {
    let world = World::of_users(3);
    let args = [&RUN[..], &["--ledger", "no/such/folder/x.ledger.jsonl"]].concat();
    world.call(&args).code(2).says("no/such/folder");
    assert_eq!(world.deletions().len(), 0);
}

/// The system's limit on the size of a file stands for a disk that takes no more.
#[test]
fn a_disk_that_refuses_the_ledger_stops_the_run_and_resume_goes_on() {
    let world = World::of_soft_deleted(60);
    let script = format!(
        "trap '' XFSZ; ulimit -f 56; exec '{}' {} --progress none",
        env!("CARGO_BIN_EXE_userpurge"),
        PERMANENTLY.join(" ")
    );
    let mut command = world.command(&[]);
    let shell = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(world.folder.path())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    command.stdin(std::process::Stdio::null());
    world
        .finish(shell)
        .code(4)
        .says(LEDGER)
        .says("userpurge resume");
    let arrived = world.deletions().len();
    assert!(arrived > 0 && arrived < 60, "{arrived}");
    let intended = |id: &str| {
        let entries = world.ledger(LEDGER);
        entries
            .iter()
            .any(|entry| entry["kind"] == "intent" && entry["id"] == id)
    };
    for call in world.deletions() {
        assert!(
            intended(&call.user.unwrap()),
            "a request without its intent"
        );
    }
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 60);
}

#[test]
fn a_ledger_that_is_no_ledger() {
    let world = World::new();
    world.write("users.csv", ids(1..=3));
    world
        .call(&["resume", "users.csv"])
        .code(2)
        .says("`users.csv` is no ledger");
    world
        .call(&["status", "nothing.ledger.jsonl"])
        .code(2)
        .says("nothing.ledger.jsonl");
}

/// A pipe would be waited for without end, and a device be "removed" as an empty ledger.
#[cfg(unix)]
#[rstest]
#[case("folder")]
#[case("pipe")]
#[case("/dev/null")]
#[case("userpurge.toml")]
fn a_place_for_the_ledger_that_holds_something_else(#[case] place: &str) {
    let world = World::new();
    world.write("users.csv", ids(1..=3));
    std::fs::create_dir(world.path("folder")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(world.path("pipe"))
        .status();
    assert!(made.unwrap().success());
    world
        .call(&[&RUN[..], &["--ledger", place]].concat())
        .code(2)
        .says(&format!("`{place}` exists already and is no ledger"))
        .says("name another file with `--ledger PATH`");
    assert!(world.deletions().is_empty());
}

/// Its ledger could not name it, and no `resume` would find it again.
#[cfg(target_os = "linux")]
#[test]
fn an_input_whose_name_is_not_utf_8_is_refused_before_anybody_is_asked() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let world = World::new();
    world.zendesk_users([1]);
    world.write("users.csv", ids([1]));
    let name = OsStr::from_bytes(b"\xff.csv");
    std::fs::rename(world.path("users.csv"), world.path("").join(name)).unwrap();
    let mut command = world.command(&["run", "--account=acme", "--action=delete", "--yes"]);
    let child = piped(command.arg(name));
    world.finish(child).code(2).says("not UTF-8").says("rename");
    assert!(world.sandbox().log(None).is_empty(), "nobody was asked");
}
