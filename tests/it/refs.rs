//! One verdict for a person: what the reports say of rows that share a reference, held against who is
//! left at the provider, and trying the rows of one person again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::usual::LEDGER;
use crate::support::{PEAK_KIB_MAX, World};

/// The rows of people: all gone, partly, untouched, and what makes it hard: a row that is another's
/// duplicate, one that cannot be sent, and one of which no reference can be read.
const USERS: &str = "id,account,action,ref\n\
    1,acme,delete,REQ-1\n5963c0d619a30a2e00de36a1,chat,delete,REQ-1\n\
    2,acme,delete,REQ-2\n20,acme,delete,REQ-2\n5963c0d619a30a2e00de36a2,chat,delete,REQ-2\n\
    21,acme,delete,REQ-3\n\
    1,acme,delete,REQ-4\n\
    3,acme,delete,REQ-5\n5.5E+5,acme,delete,REQ-5\n\
    6,acme,delete,=REQ-6\n\
    4,acme,delete,\n7,acme\n";

fn world() -> World {
    let world = World::new();
    let busy = |id: &str| json!({"id": id, "open_tickets": 1});
    world.seed(json!({"zendesk": [{"id": "1"}, {"id": "2"}, {"id": "3"}, {"id": "4"}, {"id": "6"}, busy("20"), busy("21")],
        "sunco": [{"id": "5963c0d619a30a2e00de36a1"}, {"id": "5963c0d619a30a2e00de36a2"}]}));
    world.write("users.csv", USERS);
    world.call(&["run", "users.csv", "--yes"]).code(1);
    world
}

/// Each reference of the CSV with its cells, by the names of their columns.
fn refs(world: &World, args: &[&str]) -> BTreeMap<String, BTreeMap<String, String>> {
    let by_ref = ["--format", "csv", "--by", "ref", "--out", "out"];
    let done = world.call(&[&["report"], args, &by_ref].concat()).code(0);
    assert!(done.out.starts_with("out/refs.csv: "), "{done:?}");
    let mut reader = csv::Reader::from_path(world.path("out/refs.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let row = |row: Result<csv::StringRecord, _>| {
        let row = row.unwrap();
        let cells = header
            .iter()
            .map(str::to_owned)
            .zip(row.iter().map(str::to_owned));
        (row[0].to_owned(), cells.collect())
    };
    reader.records().map(row).collect()
}

fn told(row: &BTreeMap<String, String>) -> [&str; 6] {
    [
        "verdict",
        "rows",
        "gone",
        "left",
        "left in acme",
        "left in chat",
    ]
    .map(|it| row[it].as_str())
}

#[test]
fn rows_that_share_a_reference_get_one_verdict_in_every_form() {
    let world = world();
    let expected = [
        ("'=REQ-6", ["all gone", "1", "1", "0", "0", "0"]),
        ("REQ-1", ["all gone", "2", "2", "0", "0", "0"]),
        ("REQ-2", ["partly", "3", "2", "1", "1", "0"]),
        ("REQ-3", ["untouched", "1", "0", "1", "1", "0"]),
        // The user whom this row names too was deleted for another row.
        ("REQ-4", ["all gone", "1", "1", "0", "0", "0"]),
        // A row that could not be sent is left, too.
        ("REQ-5", ["partly", "2", "1", "1", "1", "0"]),
    ];
    let found = refs(&world, &[LEDGER]);
    let found: Vec<_> = found
        .iter()
        .map(|(name, row)| (name.as_str(), told(row)))
        .collect();
    assert_eq!(found, expected);

    let json = world.call(&["report", LEDGER, "--format", "json"]).code(0);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    let refs = &json["refs"];
    let counts =
        ["all_gone", "partly", "untouched", "rows_without"].map(|it| refs[it].as_u64().unwrap());
    assert_eq!(counts, [3, 2, 1, 2]);
    let listed = refs["listed"].as_array().unwrap();
    let names: Vec<_> = listed
        .iter()
        .map(|it| it["ref"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["REQ-2", "REQ-5", "REQ-3", "REQ-1", "=REQ-6", "REQ-4"]
    );
    assert_eq!(listed[0]["left"], json!({"acme": 1}));

    let md = world.call(&["report", LEDGER, "--format", "md"]).code(0);
    for line in [
        "| all gone | 3 |",
        "| partly | 2 |",
        "| untouched | 1 |",
        "| `REQ-2` | partly | 3 | 2 | 1 in `acme` |",
        "2 rows without a reference that could be read are in no verdict.",
    ] {
        assert!(md.out.contains(line), "{line} in {}", md.out);
    }
    let page = world.call(&["report", LEDGER, "-o", "-"]).code(0);
    assert!(
        page.out
            .contains("What became of the rows that share a reference")
    );
}

#[test]
fn a_user_who_is_soft_deleted_or_stands_again_is_not_gone() {
    let world = World::new();
    world.zendesk_users(1..=2);
    world.write("users.csv", "id,ref\n1,REQ-1\n2,REQ-2\n");
    let run = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
        "--yes",
    ];
    world.call(&run).code(0);
    world.zendesk_users([1]);
    world.call(&["verify", LEDGER]).code(1);
    let found = refs(&world, &[LEDGER]);
    assert_eq!(found["REQ-1"]["verdict"], "untouched");
    assert_eq!(found["REQ-2"]["verdict"], "all gone");
}

#[test]
fn the_rows_of_one_person_are_tried_again() {
    let world = world();
    world.seed(json!({"zendesk": [{"id": "20"}, {"id": "21"}]}));
    let before = world.deletions().len();
    let retry = ["retry", LEDGER, "--only", "refused", "--yes"];
    world
        .call(&[&retry[..], &["--ref", "REQ-9"]].concat())
        .code(2)
        .says("did you mean `REQ-");
    world
        .call(&[&retry[..], &["--ref", "REQ-2"]].concat())
        .code(1);
    let sent = world.deletions().split_off(before);
    let sent: Vec<_> = sent
        .iter()
        .map(|it| it.user.as_deref().unwrap_or_default())
        .collect();
    assert_eq!(sent, ["20"]);
    let found = refs(&world, &[LEDGER]);
    assert_eq!(told(&found["REQ-2"]), ["all gone", "3", "3", "0", "0", "0"]);
    assert_eq!(found["REQ-3"]["verdict"], "untouched");
}

#[test]
fn a_report_without_references_has_no_verdicts_and_many_take_little_memory() {
    let world = World::new();
    world.zendesk_users(1..=9);
    let mut text = "id,ref\n".to_owned();
    (1..=60_000).for_each(|id| writeln!(text, "{id},REQ-{}", id % 40_000).unwrap());
    world.write("users.csv", &text);
    world.write("bare.csv", "id\n1\n");
    for input in ["users.csv", "bare.csv"] {
        let ledger = format!("{input}.ledger.jsonl");
        world
            .call(&[
                "plan",
                input,
                "--account",
                "acme",
                "--action",
                "delete",
                "-o",
                &ledger,
            ])
            .code(0);
    }
    let bare = world
        .call(&["report", "bare.csv.ledger.jsonl", "--format", "json"])
        .code(0);
    assert!(!bare.out.contains("\"refs\""));
    let args = [
        "report", LEDGER, "--format", "csv", "--by", "ref", "--out", "out",
    ];
    let (done, peak) = world.measured(&args);
    assert_eq!(
        (done.code, done.out.as_str()),
        (0, "out/refs.csv: 40,000 references\n")
    );
    assert!(peak < PEAK_KIB_MAX, "{peak} KiB");
}

/// Whatever the file's form, a row whose id cannot be read stays its person's.
#[test]
fn a_row_of_json_whose_id_cannot_be_read_is_left_of_its_reference() {
    let world = World::new();
    world.zendesk_users([1, 2, 3]);
    let rows = [r#""a b""#, "null", "3.6E+11", "1.0", "-5", "true", "[7]"];
    let mut text = String::new();
    for (n, id) in rows.iter().enumerate() {
        for id in ["1", id] {
            writeln!(
                text,
                r#"{{"id":{id},"account":"acme","action":"delete","ref":"REQ-{n}"}}"#
            )
            .unwrap();
        }
    }
    world.write("users.jsonl", text);
    world.call(&["run", "users.jsonl", "--yes"]).code(1);
    let found = refs(&world, &["users.jsonl.ledger.jsonl"]);
    assert_eq!(found.len(), rows.len());
    for row in found.values() {
        let told = ["verdict", "rows", "left", "left in acme"].map(|it| row[it].as_str());
        assert_eq!(told, ["partly", "2", "1", "1"], "{row:?}");
    }
}
