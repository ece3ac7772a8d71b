//! What the program prints as a command is one: each runs as it stands, whatever state the run is in, and
//! the closing words are short.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::signals::send;
use crate::support::usual::{LEDGER, PERMANENTLY, RUN, plan_of};
use crate::support::{Done, World, ids, piped};

/// The commands in `text`: what stands between backticks, behind `next`, and alone on a line.
pub(crate) fn commands(text: &str) -> Vec<String> {
    // A line that was folded goes on.
    let ticked = text
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|it| it.replace('\n', " "));
    let next = text.lines().filter_map(|line| {
        let behind = || Some(line.split_once("next: ")?.1);
        let next = line.strip_prefix("next ");
        next.or_else(|| line.strip_prefix("next: ")).or_else(behind)
    });
    let alone = text.lines().filter(|line| !line.contains('`'));
    let all = ticked.chain(next.chain(alone).map(|it| it.trim().to_owned()));
    let mut found: Vec<String> = Vec::new();
    for it in all {
        let mut programs = ["userpurge ", "chmod ", "sha256sum "].iter();
        if programs.any(|program| it.starts_with(program)) && !found.contains(&it) {
            found.push(it);
        }
    }
    found
}

/// Starts `command` in a shell, as it stands; what asks is answered by `--yes`.
pub(crate) fn in_a_shell(world: &World, command: &str) -> Child {
    let asks = ["run", "retry"]
        .iter()
        .any(|it| command.starts_with(&format!("userpurge {it} ")));
    let yes = if asks { " --yes" } else { "" };
    let program = Path::new(env!("CARGO_BIN_EXE_userpurge"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let model = world.command(&[]);
    let variables = model
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{command}{yes}")])
        .current_dir(world.folder.path())
        .env_clear()
        .envs(variables)
        .env("PATH", path)
        .stdin(Stdio::null());
    piped(&mut shell)
}

/// Runs every command of `done` in a shell, as it stands; what asks is answered by `--yes`.
fn all_run(world: &World, done: &Done) {
    let printed = commands(&format!("{}\n{}", done.out, done.err));
    assert!(!printed.is_empty(), "{done:?}");
    for command in printed {
        let ran = world.finish(in_a_shell(world, &command));
        assert!(
            [0, 1, 3].contains(&ran.code),
            "`{command}` of {done:?}: {ran:?}"
        );
    }
}

fn closing_words_are_short(done: &Done) {
    let lines = done.out.lines().count();
    assert!((1..=10).contains(&lines), "{lines} lines: {}", done.out);
}

/// Nine users with open tickets, who cannot be deleted, then ones who can.
fn busy() -> World {
    let world = World::new();
    let users = (1..=9).map(|id| json!({"id": id.to_string(), "open_tickets": 1}));
    world.seed(json!({"zendesk": users.collect::<Vec<_>>()}));
    world.zendesk_users(10..=20);
    world.write("users.csv", ids(1..=20));
    world
}

#[test]
fn of_a_run_that_is_finished() {
    let world = World::of_users(3);
    let done = world.call(&RUN).code(0);
    closing_words_are_short(&done);
    all_run(&world, &done);
    let world = busy();
    let done = world.call(&RUN).code(1);
    closing_words_are_short(&done);
    all_run(&world, &done);
    world.write("wrong.csv", "id\n1\nx9\n");
    world.zendesk_users([1]);
    let wrong = [
        "run",
        "wrong.csv",
        "--account",
        "acme",
        "--action",
        "delete",
        "--yes",
    ];
    let done = world.call(&wrong).code(1);
    closing_words_are_short(&done);
    all_run(&world, &done);
    let done = world.call(&[
        "report",
        "wrong.csv.ledger.jsonl",
        "--format",
        "csv",
        "--out",
        "out",
    ]);
    let mended = done
        .err
        .split("next: ")
        .nth(1)
        .unwrap_or_else(|| panic!("{done:?}"));
    assert!(
        mended.starts_with("userpurge run out/failed.csv "),
        "{mended}"
    );
}

#[test]
fn of_a_run_that_was_interrupted() {
    let world = World::of_soft_deleted(400);
    world.settings(json!({"latency": "30ms"}));
    let child = world.start(&[&PERMANENTLY[..], &["--concurrency", "4"]].concat());
    world.until("some are gone", || world.deletions().len() >= 20);
    send("-INT", &child);
    let done = world.finish(child).code(130);
    closing_words_are_short(&done);
    world.settings(json!({"latency": "0ms"}));
    all_run(&world, &done);
}

#[test]
fn of_a_run_that_the_failure_limit_or_a_canary_stopped() {
    for safety in [["--max-failures", "3"], ["--canary", "2"]] {
        let world = busy();
        let done = world
            .call(&[&RUN[..], &safety, &["--concurrency", "1"]].concat())
            .code(3);
        closing_words_are_short(&done);
        all_run(&world, &done);
    }
}

#[test]
fn of_a_plan_that_is_saved_and_of_one_that_nobody_agreed_to() {
    let world = World::of_users(3);
    let plan = plan_of("users.csv");
    all_run(&world, &world.call(&plan).code(0));
    let world = World::of_users(3);
    all_run(
        &world,
        &world.call(&[&plan[..], &["-o", LEDGER]].concat()).code(0),
    );
    let world = World::of_users(3);
    world.call(&[&plan[..], &["-o", LEDGER]].concat()).code(0);
    let done = world.call(&["resume", LEDGER]).code(2);
    all_run(&world, &done);
    let world = World::of_users(3);
    world.call(&[&plan[..], &["-o", LEDGER]].concat()).code(0);
    // Once as a plan, and once as the run that it became.
    for _ in 0..2 {
        let done = world.call(&RUN).code(2);
        all_run(&world, &done);
    }
}

#[test]
fn a_code_that_no_row_has_is_told_with_those_that_rows_have() {
    let world = busy();
    world.call(&RUN).code(1);
    let retry = ["retry", LEDGER, "--only", "RecordInvalids", "--yes"];
    world
        .call(&retry)
        .code(2)
        .says("did you mean `RecordInvalid`?")
        .says(&format!("help: `userpurge report {LEDGER} --format md`"))
        .says("codes in this ledger: RecordInvalid");
}

#[test]
fn of_a_lookup_whatever_says_the_action() {
    let world = World::new();
    world.wide();
    world.seed(json!({"zendesk": [{"id": "1", "email": "a@shop.example"}]}));
    world.write("people.csv", "email\na@shop.example\n");
    world.write("rows.csv", "email,action\na@shop.example,purge\n");
    let lookup = |input, more: &[&str]| {
        let output = format!("{input}.ids.csv");
        let args = ["lookup", input, "--account", "acme", "-o", &output];
        let done = world.call(&[&args[..], more].concat()).code(0);
        world.write("plan.json", "");
        all_run(&world, &done);
        std::fs::remove_file(world.path(&output)).unwrap();
        done.err
    };
    for (input, more, says) in [
        (
            "people.csv",
            &[][..],
            "plan people.csv.ids.csv --action delete`, or with permanently-delete, purge",
        ),
        (
            "people.csv",
            &["--action", "purge"],
            "plan people.csv.ids.csv --action purge`",
        ),
        ("rows.csv", &[], "plan rows.csv.ids.csv`"),
    ] {
        let told = lookup(input, more);
        assert!(told.contains(&format!("next: `userpurge {says}")), "{told}");
    }
}

#[test]
fn of_a_file_that_names_people_otherwise() {
    let world = World::new();
    world.wide();
    let user = json!({"id": "1", "email": "a@shop.example", "external_id": "shop-1"});
    world.seed(json!({"zendesk": [user]}));
    world.write("mails.csv", "email\na@shop.example\n");
    world.write("keys.csv", "external_id\nshop-1\n");
    for file in ["mails.csv", "keys.csv"] {
        let done = world.call(&plan_of(file)).code(2);
        assert!(done.err.contains("`userpurge lookup"), "{done:?}");
        all_run(&world, &done);
        assert!(
            world
                .read(&format!("{file}.ids.csv"))
                .contains("1,acme,one")
        );
    }
}

/// The account of a run names a command for each reason.
#[test]
fn of_a_report() {
    let world = busy();
    world.seed(json!({"zendesk": [{"id": "21", "role": "agent"}]}));
    world.write("users.csv", ids(1..=22));
    world.call(&RUN).code(1);
    let done = world.call(&["report", LEDGER, "--format", "md"]).code(0);
    let lets = format!("retry {LEDGER} --only protected --include-role agent");
    assert!(done.out.contains(&lets), "{}", done.out);
    all_run(&world, &done);
    assert!(
        world
            .users()
            .iter()
            .all(|it| it.id != "21" || it.state != "active")
    );
}

/// Nobody agrees: three wrong answers, or Ctrl-C.
#[test]
fn of_a_question_that_was_not_answered() {
    let world = World::of_users(3);
    let terminal = world.terminal(100);
    let run = "clear; userpurge run users.csv --account acme --action delete; echo code $?";
    for gives_up in [false, true] {
        terminal.types(run);
        terminal.until("it asks", |screen| screen.ends_with("Type 3 to go on:"));
        if gives_up {
            terminal.key("C-c");
        } else {
            for again in 1..=3 {
                terminal.types("4");
                terminal.until("it asks again", |screen| {
                    screen.contains("code 2") || screen.matches("That is not 3").count() == again
                });
            }
        }
        let told = terminal.until("it is over", |screen| screen.contains("code "));
        let done = Done {
            code: 2,
            out: told.clone(),
            err: String::new(),
        };
        for command in commands(&told) {
            all_run(&world, &done);
            assert!(
                !command.starts_with("userpurge resume"),
                "there is no run: {told}"
            );
        }
        assert!(told.contains("nothing was sent"), "{told}");
        world.until("the ledger is taken away", || !world.path(LEDGER).exists());
    }
    assert!(world.deletions().is_empty());
}
