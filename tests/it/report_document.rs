//! `report --format html|json|md`: where the document goes, and that it says what ledger and
//! sandbox say.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use crate::support::World;
use crate::support::usual::{LEDGER, RUN};

fn run(world: &World, more: &[&str], code: i32) {
    world.call(&[&RUN[..], more].concat()).code(code);
}

/// Five rows: two gone, one refused, one invalid, one twice.
fn world() -> World {
    let world = World::new();
    world.seed(json!({"zendesk": [{"id": "1"}, {"id": "2"}, {"id": "3", "open_tickets": 2}]}));
    world.write("users.csv", "id,ref\n1,A\n2,B\n3,<b>|C\n5.5E+5,D\n1,E\n");
    run(&world, &[], 1);
    world
}

fn as_json(world: &World) -> Value {
    let done = world.call(&["report", LEDGER, "--format", "json"]).code(0);
    serde_json::from_str(&done.out).unwrap()
}

#[test]
fn json_has_what_status_has_and_the_reasons_of_all_bad_rows() {
    let world = world();
    let report = as_json(&world);
    let status = world.status(LEDGER);
    for (key, value) in status.as_object().unwrap() {
        assert_eq!(&report[key], value, "{key}");
    }
    assert_eq!(report["report"], 2);
    let reasons = report["reasons"].as_array().unwrap();
    let told: Vec<_> = reasons
        .iter()
        .map(|it| {
            (
                it["outcome"].as_str().unwrap(),
                it["places"]["spans"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("refused", json!([[4, 4]])), ("invalid", json!([[5, 5]]))]
    );
    assert_eq!(reasons[0]["listed"][0]["ref"], "<b>|C");
    assert_eq!(reasons[0]["listed"][0]["id"], "3");
    assert_eq!(report["callers"][0]["role"], "admin");
    let gone = world.users().iter().filter(|it| it.changes > 0).count();
    assert_eq!(report["good"], gone);
    let last = report["progress"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["good"], &last["bad"]), (&json!(2), &json!(2)));
    // What it says about proving it is so.
    let audit = report["audit"].as_str().unwrap();
    let args: Vec<&str> = audit.split(' ').skip(1).collect();
    world
        .call(&args)
        .code(0)
        .says("this is the fingerprint that was noted");
}

#[test]
fn a_later_end_of_a_row_replaces_its_reason() {
    let world = world();
    world.seed(json!({"zendesk": [{"id": "3"}]}));
    let retry = ["retry", LEDGER, "--only", "refused", "--yes"];
    world.call(&retry).code(1);
    let report = as_json(&world);
    assert_eq!((&report["good"], &report["bad"]), (&json!(3), &json!(1)));
    assert_eq!(report["reasons"].as_array().unwrap().len(), 1);
    assert_eq!(report["reasons"][0]["code"], "scientific_notation");
    let commands: Vec<_> = report["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["command"].as_str().unwrap())
        .collect();
    assert_eq!(commands, ["run", "retry"]);
}

#[test]
fn a_document_goes_where_it_is_told_to_whole_and_for_its_owner_only() {
    let world = world();
    world
        .call(&["report", LEDGER, "--format", "html"])
        .code(0)
        .says("users.csv.report.html");
    let page = world.path("users.csv.report.html");
    let mode = fs::metadata(&page).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        world
            .read("users.csv.report.html")
            .starts_with("<!doctype html>")
    );
    for (format, begins) in [
        ("html", "<!doctype html>"),
        ("md", "# Report of"),
        ("json", "{\n"),
    ] {
        let report = ["report", LEDGER, "--format", format];
        let to_file = [&report[..], &["-o", "out.txt"]].concat();
        for _ in 0..2 {
            let done = world.call(&to_file).code(0);
            assert_eq!(done.out, "out.txt\n");
        }
        assert!(world.read("out.txt").starts_with(begins), "{format}");
        let done = world.call(&[&report[..], &["-o", "-"]].concat()).code(0);
        assert!(done.out.starts_with(begins), "{format}");
    }
    let mut left: Vec<_> = fs::read_dir(world.folder.path())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".local")
        .filter(|name| name.contains("out") || name.contains("tmp") || name.starts_with('.'))
        .collect();
    left.sort();
    assert_eq!(left, ["out.txt"], "nothing else is left behind");
}

#[test]
fn no_document_takes_the_place_of_what_a_run_is_bound_to() {
    let world = world();
    let before = (world.read("users.csv"), world.read(LEDGER));
    let config = world.read("userpurge.toml");
    world.write("another.csv.ledger.jsonl", "somebody's");
    let report = |file: &str| world.call(&["report", LEDGER, "--format", "md", "-o", file]);
    for (file, why) in [
        ("users.csv", "is the input of this run, or its ledger"),
        (LEDGER, "is the input of this run, or its ledger"),
        ("./users.csv", "is the input of this run, or its ledger"),
        ("userpurge.toml", "is the configuration of this run"),
        ("another.csv.ledger.jsonl", "is a ledger"),
        (".", "is no plain file"),
        ("none/out.md", "could not write"),
    ] {
        report(file).code(2).says(why);
    }
    world.write("elsewhere.md", "mine");
    symlink(world.path("elsewhere.md"), world.path("link.md")).unwrap();
    report("link.md").code(2).says("is no plain file");
    assert_eq!(world.read("elsewhere.md"), "mine");
    assert_eq!((world.read("users.csv"), world.read(LEDGER)), before);
    assert_eq!(world.read("userpurge.toml"), config);
    assert_eq!(world.read("another.csv.ledger.jsonl"), "somebody's");
}

#[test]
fn options_that_do_not_fit_together_are_told_with_2() {
    let world = World::new();
    for (args, why) in [
        (&["--format", "csv"][..], "--out"),
        (
            &["--format", "csv", "--out", "a", "-o", "b"],
            "cannot be used with",
        ),
        (&["--format", "md", "--out", "a"], "is for `--format csv`"),
        (&["--format", "pdf"], "html"),
    ] {
        let args = [&["report", LEDGER][..], args].concat();
        world.call(&args).code(2).says(why);
    }
}

#[test]
fn a_damaged_ledger_makes_no_document() {
    let world = world();
    let damaged = world
        .read(LEDGER)
        .replacen("\"ref\":\"A\"", "\"ref\":\"X\"", 1);
    world.write(LEDGER, damaged);
    for format in ["html", "md", "json"] {
        let args = ["report", LEDGER, "--format", format, "-o", "out.txt"];
        world.call(&args).code(4).says("damaged at line");
    }
    assert!(!world.path("out.txt").exists());
}

/// What lies between two sessions has no width on the chart, and so is marked there and told.
#[test]
fn the_chart_marks_the_break_before_each_later_session() {
    let world = world();
    let page = || {
        world.call(&["report", LEDGER, "--format", "html"]).code(0);
        world.read("users.csv.report.html")
    };
    assert!(!page().contains("class=\"gap\"") && !page().contains("the run rested"));
    let retry = ["retry", LEDGER, "--only", "refused", "--yes"];
    (0..2).for_each(|_| drop(world.call(&retry).code(1)));
    // A verification is no part of the run.
    world.call(&["verify", LEDGER]).code(0);
    assert_eq!(page().matches("class=\"gap\"").count(), 2);
    assert!(page().contains("At each dashed line the run rested."));
}

/// A ticket is pasted, so what stands in the file must be as harmless as what stands in a terminal.
#[test]
fn markdown_keeps_hostile_refs_in_their_cells() {
    let world = world();
    let done = world.call(&["report", LEDGER, "--format", "md"]).code(0);
    assert!(
        done.out
            .contains("| 4 | `acme` | delete | `3` | `<b>\\|C` |"),
        "{}",
        done.out
    );
    let sum = "| **sum** | **as many as the input has** | **5** |";
    assert!(done.out.contains(sum), "{}", done.out);
}
