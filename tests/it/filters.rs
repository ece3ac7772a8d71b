//! `--where`, `--where-not` and `--max-rows`: who passes is deleted, who does not is left alone and counted,
//! and a row of which it cannot be told is never guessed at.

use std::collections::BTreeSet;
use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};
use userpurge::domain::Record;
use userpurge::input::{InputSource, ReadOptions, RowProblem, Test};

use crate::lists::{plan, touched};
use crate::support::World;
use crate::support::usual::{plan_of, run};

const FIRST: u64 = 361_808_352_001;

/// Users with roles and last logins; the fourth never logged in.
const TABLE: &str = "id;Role Name;last_login;tickets;mail
361808352001;end-user;2025-03-01;0;ada@example.org
361808352002;agent;2025-03-02;12;bo@example.org
361808352003;end-user;2026-02-01T10:00:00Z;7;cy@example.net
361808352004;end-user;;3;
361808352005;admin;2026-02-03;100;ed@example.org
";

const LINES: &str = r#"{"id":361808352001,"role_name":"end-user","seen":{"last":"2025-03-01"}}
{"id":361808352002,"role_name":"agent","seen":{"last":"2025-03-02"}}
{"id":361808352003,"role_name":"end-user","seen":{"last":"2026-02-01T10:00:00Z"}}
{"id":361808352004,"role_name":"end-user","seen":{"last":null}}
{"id":361808352005,"role_name":"admin","seen":{"last":"2026-02-03"}}
"#;

fn world() -> World {
    let world = World::new();
    world.wide();
    world.zendesk_users(FIRST..FIRST + 5);
    world.write("users.csv", TABLE);
    world.write("users.jsonl", LINES);
    world
}

/// The users whose ids end in these digits.
fn users(last: &[u64]) -> BTreeSet<String> {
    last.iter().map(|it| (FIRST - 1 + it).to_string()).collect()
}

#[rstest]
#[case("users.csv", &["--where", "role_name = end-user"], &[1, 3, 4])]
#[case("users.csv", &["--where", "Role Name=\"end-user\"", "--where", "tickets > 2"], &[3, 4])]
#[case("users.csv", &["--where", "role_name != agent", "--where-not", "role_name = admin"], &[1, 3, 4])]
#[case("users.csv", &["--where", "mail ~ (?i)@EXAMPLE\\.org$"], &[1, 2, 5])]
#[case("users.csv", &["--where", "mail empty"], &[4])]
#[case("users.csv", &["--where-not", "mail empty", "--max-rows", "2"], &[1, 2])]
#[case("users.csv", &["--where", "last_login < 2026-01-01"], &[1, 2])]
// Nobody saw the fourth log in since, and that is what is asked.
#[case("users.csv", &["--where-not", "last_login > 2026-01-01"], &[1, 2, 4])]
#[case("users.csv", &["--where", "tickets < 12"], &[1, 3, 4])]
#[case("users.csv", &["--where", "id > 361808352003"], &[4, 5])]
#[case("users.csv", &["--max-rows", "3"], &[1, 2, 3])]
#[case("users.csv", &["--max-rows", "9"], &[1, 2, 3, 4, 5])]
#[case("users.jsonl", &["--where", "role_name = end-user"], &[1, 3, 4])]
#[case("users.jsonl", &["--where", "seen.last > 2026-01-01"], &[3, 5])]
#[case("users.jsonl", &["--where", "seen.last empty"], &[4])]
fn who_passes_is_deleted_and_nobody_else(
    #[case] name: &str,
    #[case] options: &[&str],
    #[case] passing: &[u64],
) {
    let world = world();
    let left = 5 - passing.len();
    let planned = plan(&world, name, options);
    let told = ["rows", "to_delete", "filtered"].map(|it| planned[it].clone());
    assert_eq!(told, [json!(5), json!(passing.len()), json!(left)]);
    assert_eq!(
        planned["problems"],
        json!([]),
        "who is left out is no problem"
    );
    let args = [&run(name, "acme", "delete"), options].concat();
    world.call(&args).code(0);
    assert_eq!(touched(&world), users(passing));
    // The counts add up, and a ledger keeps nothing of a row that was left out but its number.
    let ledger = format!("{name}.ledger.jsonl");
    let outcomes = &world.status(&ledger)["outcomes"];
    assert_eq!(
        [&outcomes["deleted"], &outcomes["filtered"]],
        [&json!(passing.len()), &json!(left)]
    );
    let text = world.read(&ledger);
    for id in users(&[1, 2, 3, 4, 5]).difference(&users(passing)) {
        assert!(!text.contains(id.as_str()), "{id}");
    }
    let report = world.call(&["report", &ledger, "--format", "json"]).code(0);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(report["outcomes"]["filtered"], left);
    world
        .call(&["report", &ledger, "--format", "csv", "--out", "rows"])
        .code(0);
    let rest = world.read("rows/unprocessed.csv");
    assert_eq!(rest.matches(",filtered,filtered,").count(), left, "{rest}");
    world.call(&["audit", &ledger]).code(0);
}

#[rstest]
#[case("role = end-user", " end-user", "End-User")]
#[case("role!=agent", "", "agent")]
#[case("role = \"end user\"", "end user", "'end user'")]
#[case("Last login empty", "\u{a0}", "0")]
#[case("mail ~ (?i)@EXAMPLE\\.org$", "a@example.org", "a@example.org.uk")]
#[case("n < 10", "9", "10")]
#[case("n > 9007199254740992", "9007199254740993", "9007199254740992")]
#[case("n > -1.5", "-1.25", "")]
#[case("seen < 2026-01-05", "2026-01-04T23:59:59Z", "2026-01-05")]
#[case("seen < 2026-01-05", "2026-01-05T01:00:00+02:00", "")]
#[case("seen > 2026-01-05", "2026-01-05 00:00:01 UTC", "2026-01-04 10:00")]
fn a_test_takes_the_cells_it_says(#[case] text: &str, #[case] taken: &str, #[case] left: &str) {
    let test: Test = text.parse().unwrap();
    let column = text.split(['=', '!', '~', '<', '>']).next().unwrap();
    let column = column.trim().trim_end_matches(" empty");
    let table = format!("{column};id\n{taken};u1\n{left};u2\n");
    for (test, kept) in [(test.clone(), "u1"), (test.negated(), "u2")] {
        let options = ReadOptions {
            tests: vec![test],
            ..ReadOptions::default()
        };
        let (path, table) = (Path::new("a.csv"), table.clone().into_bytes());
        let mut rows = InputSource::of_bytes(path, table, 64, &options).unwrap();
        let mut ids = Vec::new();
        let take = |_, row: &Result<Record<'_>, RowProblem>| match row {
            Ok(row) => ids.push(row.id.to_string()),
            Err(problem) => assert_eq!(problem.code, "filtered"),
        };
        rows.each_row(take).unwrap();
        assert_eq!(ids, [kept], "{text}");
    }
}

#[rstest]
fn what_cannot_be_compared_is_no_guess(#[values("1,5", "ten", "nan", "2026-01-05")] cell: &str) {
    let tests = vec!["n < 10".parse().unwrap()];
    let options = ReadOptions {
        tests,
        ..ReadOptions::default()
    };
    let table = format!("id;n\n1;{cell}\n").into_bytes();
    let mut rows = InputSource::of_bytes(Path::new("a.csv"), table, 64, &options).unwrap();
    rows.advance().unwrap();
    assert_eq!(rows.content().unwrap_err().code, "not_comparable");
}

#[rstest]
fn what_is_no_test_is_refused(
    #[values(
        "",
        "role",
        "empty",
        "= x",
        "role =",
        "n < x",
        "n <= 1",
        "n == 1",
        "n ~ (",
        "n ~ .{9999}{999}"
    )]
    text: &str,
) {
    assert!(text.parse::<Test>().is_err(), "{text}");
}

/// A test that wants something not to be true takes blank cells, and the plan counts them.
#[test]
fn blank_cells_that_a_negated_test_takes_are_counted() {
    let world = world();
    let args = [&run("users.csv", "acme", "delete")[..], &["--dry-run"]].concat();
    let told = "(1 row is taken although a cell is blank that `--where-not` or `!=` asks about)";
    for test in [
        ["--where-not", "last_login > 2026-01-01"],
        ["--where", "mail != x"],
    ] {
        world.call(&[&args[..], &test].concat()).code(0).says(told);
    }
    let told = world
        .call(&[&args[..], &["--where", "mail empty"]].concat())
        .code(0);
    assert!(!told.out.contains("although"), "{told:?}");
}

#[test]
fn a_saved_plan_keeps_what_was_left_out() {
    let world = world();
    let save = [
        &plan_of("users.csv")[..],
        &[
            "--where",
            "role_name = end-user",
            "--max-rows",
            "2",
            "-o",
            "saved.jsonl",
        ],
    ]
    .concat();
    world.call(&save).code(0).says("3 filtered");
    world.write("users.csv", "id\n361808352005\n");
    world
        .call(&[
            "run",
            "saved.jsonl",
            "--yes",
            "--where",
            "role_name = agent",
        ])
        .code(2)
        .says("--where");
    world
        .call(&["run", "saved.jsonl", "--confirm", "2"])
        .code(0);
    assert_eq!(touched(&world), users(&[1, 3]));
}

#[test]
fn a_daily_share_goes_on_behind_what_was_done() {
    let world = world();
    let share = [
        &run("users.csv", "acme", "delete")[..],
        &["--max-rows", "2"],
    ]
    .concat();
    world.call(&share).code(0);
    let more = [
        "--done-in",
        "users.csv.ledger.jsonl",
        "--ledger",
        "second.jsonl",
    ];
    world.call(&[&share[..], &more].concat()).code(0);
    assert_eq!(touched(&world), users(&[1, 2, 3, 4]));
    let outcomes = &world.status("second.jsonl")["outcomes"];
    assert_eq!(
        [
            &outcomes["done_before"],
            &outcomes["deleted"],
            &outcomes["filtered"]
        ],
        [&json!(2), &json!(2), &json!(1)]
    );
    // Done before is skipped, wherever it is counted.
    let status = world.call(&["status", "second.jsonl"]).code(0);
    assert!(
        status.out.contains("done         2 (2 deleted)\n"),
        "{status:?}"
    );
    let skipped = "pending      0; skipped 3 (2 done_before, 1 filtered)\n";
    assert!(status.out.contains(skipped), "{status:?}");
    let report = ["report", "second.jsonl", "--format"];
    let json = world.call(&[&report[..], &["json"]].concat()).code(0).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    let counts = ["good", "bad", "skipped"].map(|it| json[it].as_u64().unwrap());
    assert_eq!(counts, [2, 0, 3]);
    let md = world.call(&[&report[..], &["md"]].concat()).code(0).out;
    assert!(md.contains("2 of 5 rows done, 3 skipped"), "{md}");
    let csv = [&report[..], &["csv", "--out", "again"]].concat();
    world.call(&csv).code(0);
    assert_eq!(world.read("again/deleted.csv").lines().count(), 3);
}

#[rstest]
// Neither a number nor a date; a row of which the tested cell may have slipped; a broken row.
#[case(
    "tickets < 5",
    "id,name,tickets\n361808352001,x,few\n361808352002,x,9\n",
    "not_comparable"
)]
#[case(
    "role = end-user",
    "id,name,role\n361808352001,Test, Ada,end-user\n361808352002,x,agent\n",
    "long_row"
)]
#[case(
    "role != agent",
    "id,name,role\n361808352001,agent\n361808352002,x,agent\n",
    "short_row"
)]
#[case(
    "name = x",
    "id,name\n361808352002,y\n361808352001,\"x\n",
    "unclosed_quote"
)]
fn a_row_that_cannot_be_tested_is_invalid(
    #[case] test: &str,
    #[case] text: &str,
    #[case] code: &str,
) {
    let world = world();
    world.write("users.csv", text);
    let planned = plan(&world, "users.csv", &["--where", test]);
    let told = ["to_delete", "invalid", "filtered"].map(|it| planned[it].clone());
    assert_eq!(told, [json!(0), json!(1), json!(1)], "{planned}");
    assert_eq!(planned["problems"][0]["code"], code);
    let args = [&run("users.csv", "acme", "delete")[..], &["--where", test]].concat();
    world.call(&args).code(1);
    assert!(world.deletions().is_empty());
}

#[rstest]
#[case("users.csv", "rolename = x", "did you mean")]
#[case("users.csv", "Role Nam = x", "did you mean `Role Name`?")]
#[case("users.csv", "quite_else = x", "no column `quite_else`")]
#[case("users.jsonl", "role_nam = x", "did you mean `role_name`?")]
#[case("users.ids", "role = x", "no column `role`")]
#[case("users.csv", "tickets <= 5", "<= is no operator")]
#[case("users.csv", "tickets < few", "a number or a date")]
#[case("users.csv", "mail ~ (", "group")]
#[case("users.csv", "mail", "COLUMN OP VALUE")]
fn a_test_that_cannot_be_meant_is_refused(
    #[case] name: &str,
    #[case] test: &str,
    #[case] says: &str,
) {
    let world = world();
    world.write("users.ids", "361808352001\n");
    let is_known = test.starts_with("rolename");
    for option in ["--where", "--where-not"] {
        let args = [
            &run(name, "acme", "delete")[..],
            &[option, test, "--dry-run"],
        ]
        .concat();
        let done = world.call(&args);
        // Case, blanks and `_` make no difference.
        assert_eq!(done.code, if is_known { 0 } else { 2 }, "{done:?}");
        assert!(is_known || done.err.contains(says), "{done:?}");
    }
    assert!(world.deletions().is_empty());
}

/// A row that `--where` leaves out never counts towards `--max-rows`, and each is told its own reason.
#[test]
fn a_row_is_left_out_for_its_own_reason() {
    let world = world();
    let both = ["--where", "role_name = end-user", "--max-rows", "1"];
    let args = [&run("users.csv", "acme", "delete"), &both[..]].concat();
    world.call(&args).code(0);
    assert_eq!(touched(&world), users(&[1]));
    let ledger = "users.csv.ledger.jsonl";
    world
        .call(&["report", ledger, "--format", "csv", "--out", "rows"])
        .code(0);
    let rest = world.read("rows/unprocessed.csv");
    let reasons: Vec<&str> = rest
        .lines()
        .skip(1)
        .map(|row| row.split('`').nth(1).unwrap())
        .collect();
    assert_eq!(reasons, ["--where", "--max-rows", "--max-rows", "--where"]);
}
