//! One report of several ledgers: sums in which each user and action counts once, by its latest outcome,
//! every run by its fingerprint, and references judged over all of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::World;
use crate::support::usual::{LEDGER, RUN, run};

const MORE: &str = "more.csv.ledger.jsonl";

/// Two refused in the first run, one of whom the second run deletes, and one more; a third is in no run's
/// file but the second's. The second file has no references.
fn world() -> World {
    let world = World::new();
    let busy = |id: &str| json!({"id": id, "open_tickets": 1});
    world.seed(json!({"zendesk": [{"id": "1"}, busy("2"), busy("3"), {"id": "4"}]}));
    world.write(
        "users.csv",
        "id,ref\n1,REQ-1\n2,REQ-1\n3,REQ-3\n5.5E+5,REQ-5\n",
    );
    world.call(&RUN).code(1);
    world.seed(json!({"zendesk": [{"id": "2"}]}));
    world.write("more.csv", "id\n2\n4\n");
    world.call(&run("more.csv", "acme", "delete")).code(0);
    world
}

fn as_json(world: &World, ledgers: &[&str]) -> Value {
    let args = [&["report"], ledgers, &["--format", "json"]].concat();
    serde_json::from_str(&world.call(&args).code(0).out).unwrap()
}

#[test]
fn sums_count_each_user_once_by_the_latest_outcome() {
    let world = world();
    // Whatever their order, and if one is named twice.
    for ledgers in [
        &[LEDGER, MORE][..],
        &[MORE, LEDGER],
        &[LEDGER, MORE, "./users.csv.ledger.jsonl"],
    ] {
        let report = as_json(&world, ledgers);
        assert_eq!(report["rows"], 5, "{ledgers:?}");
        let outcomes = &report["outcomes"];
        let counted =
            ["deleted", "refused", "invalid", "pending"].map(|it| outcomes[it].as_u64().unwrap());
        assert_eq!(counted, [3, 1, 1, 0]);
        assert_eq!((&report["good"], &report["bad"]), (&json!(3), &json!(2)));
        assert_eq!(report["accounts"]["acme"]["outcomes"]["deleted"], 3);
        assert_eq!(report["input"]["rows"], 6);
        let of_reasons: u64 = report["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["rows"].as_u64().unwrap())
            .sum();
        assert_eq!(of_reasons, 2);
        let refs = report["refs"]["listed"].as_array().unwrap();
        let verdicts: Vec<_> = refs
            .iter()
            .map(|it| (it["ref"].as_str().unwrap(), it["verdict"].as_str().unwrap()))
            .collect();
        let expected = [
            ("REQ-3", "untouched"),
            ("REQ-5", "untouched"),
            ("REQ-1", "all gone"),
        ];
        assert_eq!(
            verdicts.iter().collect::<BTreeSet<_>>(),
            expected.iter().collect()
        );
        let runs = report["runs"].as_array().unwrap();
        // What is true of one run alone stands with each run alone.
        for key in ["run_id", "head", "next", "ledger", "agreed", "audit"] {
            assert_eq!(report[key], Value::Null, "{key}");
            assert!(runs.iter().all(|it| it[key] != Value::Null), "{key}");
        }
        let heads: BTreeSet<_> = runs
            .iter()
            .map(|it| it["head"].as_str().unwrap().to_owned())
            .collect();
        let expected =
            [LEDGER, MORE].map(|it| world.status(it)["head"].as_str().unwrap().to_owned());
        assert_eq!(heads, expected.into());
    }
    // One alone is told as ever.
    let alone = as_json(&world, &[LEDGER]);
    assert_eq!((&alone["rows"], &alone["runs"]), (&json!(4), &Value::Null));
}

#[test]
fn the_page_and_the_ticket_name_every_run() {
    let world = world();
    let page = world.call(&["report", LEDGER, MORE]).code(0);
    assert_eq!(page.out, "users.csv.and-1-more.report.html\n");
    let page = world.read("users.csv.and-1-more.report.html");
    let md = world
        .call(&["report", LEDGER, MORE, "--format", "md"])
        .code(0)
        .out;
    for text in [&page, &md] {
        for ledger in [LEDGER, MORE] {
            assert!(
                text.contains(world.status(ledger)["head"].as_str().unwrap()),
                "{text}"
            );
            assert!(
                text.contains(world.status(ledger)["run_id"].as_str().unwrap()),
                "{text}"
            );
        }
        assert!(text.contains("3 of 5 rows"), "{text}");
    }
    // Every name of an element is used once.
    let ids: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .map(|it| it.split('"').next().unwrap())
        .collect();
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        ids.len(),
        "{ids:?}"
    );
    assert_eq!(page.matches("<main>").count(), 1);
}

#[test]
fn the_rows_of_all_inputs_come_back_each_once() {
    let world = world();
    world
        .call(&["report", LEDGER, MORE, "--format", "csv", "--out", "out"])
        .code(0);
    let rows = |name: &str| world.read(&format!("out/{name}")).lines().count() - 1;
    let files = ["deleted.csv", "failed.csv", "unprocessed.csv"];
    assert_eq!(
        files.map(|it| rows(&format!("1-users.csv/{it}"))),
        [1, 2, 0]
    );
    assert_eq!(files.map(|it| rows(&format!("2-more.csv/{it}"))), [2, 0, 0]);
    world
        .call(&[
            "report", LEDGER, MORE, "--format", "csv", "--by", "ref", "--out", "out",
        ])
        .code(0);
    assert!(world.read("out/refs.csv").contains("REQ-1,all gone,2,2,0,"));
    world.write("damaged.ledger.jsonl", "{\"kind\":\"run\"}\n");
    world
        .call(&["report", LEDGER, "damaged.ledger.jsonl"])
        .code(4);
}

/// Rows that one run left out and another took are told once, and so are those that all runs left out.
#[test]
fn a_row_that_one_of_two_runs_of_a_file_left_out_counts_once() {
    let world = World::of_users(6);
    let first = [&RUN[..], &["--where", "id < 3"]].concat();
    world.call(&first).code(0);
    let second = ["--where", "id < 5", "--done-in", LEDGER, "--ledger", MORE];
    world.call(&[&RUN[..], &second].concat()).code(0);
    for ledgers in [[LEDGER, MORE], [MORE, LEDGER]] {
        let report = as_json(&world, &ledgers);
        let outcomes = &report["outcomes"];
        let counted =
            ["deleted", "done_before", "filtered"].map(|it| outcomes[it].as_u64().unwrap());
        assert_eq!(
            (counted, &report["rows"]),
            ([4, 0, 2], &json!(6)),
            "{ledgers:?}"
        );
        let csv = [
            "report", ledgers[0], ledgers[1], "--format", "csv", "--out", "rows",
        ];
        world.call(&csv).code(0);
        let left = ["1", "2"].map(|it| {
            let name = if ledgers[0] == LEDGER {
                ["users.csv", "more.csv"]
            } else {
                ["more.csv", "users.csv"]
            };
            let name = name[usize::from(it == "2")];
            world
                .read(&format!("rows/{it}-{name}/unprocessed.csv"))
                .lines()
                .count()
                - 1
        });
        assert_eq!(left.iter().sum::<usize>(), 2);
    }
    // Another sheet, or another file, has other rows.
    world.write("users.csv", "id\n1\n2\n9\n");
    let third = [
        "--where",
        "id < 9",
        "--done-in",
        LEDGER,
        "--ledger",
        "third.ledger.jsonl",
    ];
    world.call(&[&RUN[..], &third].concat()).code(0);
    let report = as_json(&world, &[LEDGER, "third.ledger.jsonl"]);
    assert_eq!(report["outcomes"]["filtered"], 5);
}

#[test]
fn rows_do_not_go_into_a_file() {
    let world = world();
    world.write("rows.csv", "");
    world
        .call(&["report", LEDGER, "--format", "csv", "--out", "rows.csv"])
        .code(2)
        .says("`rows.csv` is no folder")
        .says("name a folder with `--out DIR`");
    assert_eq!(world.read("rows.csv"), "");
}
