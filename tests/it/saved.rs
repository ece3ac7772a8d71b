//! A saved plan: a ledger that holds a plan and nothing else yet. Judged by whom the provider was asked
//! to delete.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::json;

use crate::support::usual::{LEDGER, plan_of};
use crate::support::{World, ids};

const PLAN: [&str; 6] = plan_of("users.csv");

/// The plan's name.
const SAVED: &str = "purge.ledger.jsonl";

fn saved(users: u64, more: &[&str]) -> World {
    let world = World::of_users(users);
    world
        .call(&[&PLAN[..], &["-o", SAVED], more].concat())
        .code(0)
        .says(&format!("next: userpurge run {SAVED}"));
    world
}

fn asked(world: &World) -> BTreeSet<String> {
    let deletions = world.deletions().into_iter();
    deletions
        .flat_map(|it| it.users.into_iter().chain(it.user))
        .collect()
}

#[rstest]
#[case("users.csv", "exists already and is no ledger")]
#[case("userpurge.toml", "exists already and is no ledger")]
#[case("/dev/stdout", "exists already and is no ledger")]
#[case("link.jsonl", "exists already and is no ledger")]
#[case("folder.jsonl", "exists already and is no ledger")]
#[case("-", "`-` is standard output")]
#[case(
    SAVED,
    "exists already: a run of this input has been made, begun or planned"
)]
fn a_plan_takes_the_place_of_no_file(#[case] output: &str, #[case] why: &str) {
    let world = saved(3, &[]);
    std::os::unix::fs::symlink(world.path("users.csv"), world.path("link.jsonl")).unwrap();
    std::fs::create_dir(world.path("folder.jsonl")).unwrap();
    let kept = ["users.csv", "userpurge.toml", SAVED];
    let before = kept.map(|file| world.read(file));
    world
        .call(&[&PLAN[..], &["-o", output]].concat())
        .code(2)
        .says(why)
        .says("-o PATH");
    assert!(!world.path("-").exists());
    assert_eq!(kept.map(|file| world.read(file)), before);
}

#[test]
fn what_is_typed_at_its_run_holds_for_its_resume() {
    let world = saved(24, &[]);
    let users: Vec<_> = (1..=24)
        .map(|id| json!({"id": id.to_string(), "open_tickets": 1}))
        .collect();
    world.seed(json!({"zendesk": users}));
    let typed = [
        "--max-failures",
        "3",
        "--concurrency",
        "2",
        "--attempts",
        "4",
    ];
    world
        .call(&[&["run", SAVED, "--yes"], &typed[..]].concat())
        .code(3);
    world.call(&["resume", SAVED]).code(3);
    let mut sessions = world.ledger(SAVED);
    sessions.retain(|entry| entry["kind"] == "session");
    let concurrency = sessions.iter().map(|it| &it["accounts"][0]["concurrency"]);
    assert_eq!(concurrency.collect::<Vec<_>>(), [&json!(2), &json!(2)]);
    world
        .call(&["report", SAVED, "--format", "md"])
        .code(0)
        .says("| `--attempts` | `4` |");
}

#[test]
fn a_second_person_reads_it_and_runs_it_whatever_became_of_the_input() {
    let world = saved(5, &[]);
    std::fs::remove_file(world.path("users.csv")).unwrap();
    let status = world.status(SAVED);
    assert_eq!(
        (&status["state"], &status["outcomes"]["pending"]),
        (&json!("planned"), &json!(5))
    );
    world
        .call(&["status", SAVED])
        .code(0)
        .says(&format!("userpurge run {SAVED}"));
    world.call(&["report", SAVED, "--format", "md"]).code(0);
    world.call(&["audit", SAVED]).code(0);
    for command in ["resume", "retry"] {
        world
            .call(&[command, SAVED, "--yes"])
            .code(2)
            .says("a plan that nobody agreed to")
            .says(&format!("userpurge run {SAVED}"));
    }
    world
        .call(&["run", SAVED])
        .code(2)
        .says("5 rows would be sent");
    assert!(asked(&world).is_empty());
    assert_eq!(world.status(SAVED)["state"], "planned", "it is kept");
    world
        .call(&["run", SAVED, "--confirm", "5"])
        .code(0)
        .says("delete 5 users");
    assert_eq!(asked(&world), (1..=5).map(|id| id.to_string()).collect());
    let lines = world.ledger(SAVED);
    let agreed = lines.iter().find(|it| it["kind"] == "agreed").unwrap();
    assert_eq!(agreed["how"], "confirm");
    assert_eq!(
        agreed["accounts"]["acme"]["tenant"],
        world.base().replace("http://", "")
    );
    let before = world.deletions().len();
    world
        .call(&["run", SAVED, "--yes"])
        .code(2)
        .says(&format!("userpurge resume {SAVED}"))
        .says(&format!("userpurge retry {SAVED}"));
    assert_eq!(world.deletions().len(), before);
}

#[rstest]
#[case(&["--action", "purge"])]
#[case(&["--account", "acme"])]
#[case(&["--format", "csv"])]
#[case(&["--protect", "users.csv"])]
#[case(&["--done-in", SAVED])]
#[case(&["--include-role", "agent"])]
#[case(&["--force-foreign-ids"])]
#[case(&["--ledger", "other.ledger.jsonl"])]
fn an_option_about_reading_is_refused(#[case] option: &[&str]) {
    let world = saved(3, &[]);
    world
        .call(&[&["run", SAVED, "--yes"], option].concat())
        .code(2)
        .says(&format!("`{}`", option[0]));
    assert!(asked(&world).is_empty());
}

#[test]
fn whom_it_spares_is_spared_whatever_becomes_of_the_lists() {
    let world = World::of_users(4);
    world.write("one.csv", ids([1]));
    let args = ["--account", "acme", "--action", "delete"];
    world
        .call(&[&["run", "one.csv", "--yes"][..], &args].concat())
        .code(0);
    world.write("vips.txt", "2\n");
    let with = ["--protect", "vips.txt", "--done-in", "latest", "-o", SAVED];
    world
        .call(&[&PLAN[..], &with].concat())
        .code(0)
        .says("2 to delete, 1 protected, 1 done before");
    world.write("vips.txt", "3\n");
    world.call(&["run", SAVED, "--yes"]).code(0);
    assert_eq!(asked(&world), ["1", "3", "4"].map(str::to_owned).into());
    let agreed = world.ledger(SAVED);
    let agreed = agreed.iter().find(|it| it["kind"] == "agreed").unwrap();
    assert_eq!(agreed["protect"]["ids"], 1);
    assert_eq!(agreed["done_in"].as_array().unwrap().len(), 1);
    let outcomes = world.outcomes(SAVED);
    let told: Vec<_> = outcomes.values().map(|it| &it["outcome"]).collect();
    assert_eq!(told, ["done_before", "protected", "deleted", "deleted"]);
}

#[test]
fn a_configuration_that_leads_elsewhere_does_not_carry_it_out() {
    let world = saved(3, &[]);
    let here = format!("base_url = \"{}\"", world.base());
    let elsewhere = format!("base_url = \"{}/t/other\"", world.base());
    world.configure(&world.config().replacen(&here, &elsewhere, 1));
    world
        .call(&["run", SAVED, "--yes"])
        .code(2)
        .says("account `acme` led to")
        .says("nothing was sent");
    world.configure(&world.config().replace("[accounts.acme", "[accounts.prod"));
    world
        .call(&["run", SAVED, "--yes"])
        .code(2)
        .says("account `acme` has rows in ledger")
        .says("is not in the configuration");
    assert!(asked(&world).is_empty());
    world.configure(&world.config());
    world.call(&["run", SAVED, "--yes"]).code(0);
    assert_eq!(asked(&world).len(), 3);
}

#[test]
fn what_is_declined_leaves_no_ledger() {
    let world = World::of_users(5);
    let run = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
    ];
    for more in [
        &[][..],
        &["--confirm", "4"],
        &["--yes", "--max-delete", "4"],
    ] {
        world.call(&[&run[..], more].concat()).code(2);
        assert!(!world.path(LEDGER).exists(), "{more:?}");
    }
    assert!(asked(&world).is_empty());
    world.call(&[&run[..], &["--yes"]].concat()).code(0);
}

#[test]
fn a_plan_that_was_killed_while_it_was_made_is_named_and_refused() {
    let world = saved(600, &[]);
    let text = world.read(SAVED);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let planned = lines
        .iter()
        .position(|it| it.contains("\"planned\""))
        .unwrap();
    assert!(planned > 2);
    for cut in 1..=planned {
        world.write(SAVED, lines[..cut].concat());
        for command in [
            &["run", SAVED, "--yes"][..],
            &["resume", SAVED],
            &["retry", SAVED, "--yes"],
        ] {
            world
                .call(command)
                .code(2)
                .says("holds the beginning of a plan")
                .says("remove the file");
        }
    }
    assert!(asked(&world).is_empty());
    world.write(SAVED, &text);
    world.call(&["run", SAVED, "--yes"]).code(0);
    assert_eq!(asked(&world).len(), 600);
}

#[test]
fn the_commands_for_a_ledger_that_is_there_name_the_configuration_that_was_typed() {
    let world = saved(3, &[]);
    std::fs::rename(world.path("userpurge.toml"), world.path("my own.toml")).unwrap();
    let config = ["--config", "my own.toml"];
    let again = format!("{SAVED} --config 'my own.toml'");
    let there = [&PLAN[..], &["-o", SAVED], &config].concat();
    let told = format!("`userpurge run {again}`");
    world.call(&there).code(2).says(&told);
    let as_input = [&["run", SAVED, "--account", "acme"][..], &config].concat();
    world.call(&as_input).code(2).says("`--account`");
    let run = [&["run", SAVED, "--yes"][..], &config].concat();
    world.call(&run).code(0);
    for command in ["resume", "retry"] {
        let told = format!("`userpurge {command} {again}`");
        world.call(&run).code(2).says(&told);
        world.call(&there).code(2).says(&told);
    }
}
