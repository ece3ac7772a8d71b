//! Files as people have them: pages of an API, values over many lines, titles above a header, columns that
//! mean something else, and what is no list at all. Whoever a file means is sent, nobody else is, and a file
//! that cannot be read is named for what it is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use serde_json::{Value, json};

use crate::lists::{plan, touched};
use crate::support::usual::{plan_of, run};
use crate::support::{PEAK_KIB_MAX, World};

/// The users whom the files mean.
pub(crate) const USERS: [u64; 3] = [361_808_353_001, 361_808_353_012, 361_808_353_023];

/// The users, and others whom a careless reader would take for them.
pub(crate) fn world() -> World {
    let world = World::new();
    world.wide();
    world.zendesk_users([1, 2, 3, 77, 114_200].into_iter().chain(USERS));
    world
}

pub(crate) fn users(count: usize) -> BTreeSet<String> {
    USERS[..count].iter().map(u64::to_string).collect()
}

/// Plans and runs `name`, and holds both to the first `count` users.
pub(crate) fn means(world: &World, name: &str, options: &[&str], count: usize) -> Value {
    let planned = plan(world, name, options);
    assert_eq!(planned["to_delete"], count, "{planned}");
    assert_eq!(planned["invalid"], 0, "{planned}");
    let args = [&run(name, "acme", "delete")[..], options].concat();
    world.call(&args).code(0);
    assert_eq!(touched(world), users(count));
    planned
}

/// A page of Zendesk's, as it comes: the organization's id and the next page are nobody's.
pub(crate) fn page(key: &str, ids: &[u64], is_pretty: bool) -> String {
    let user = |id: &u64| json!({"id": id, "organization_id": 114_200, "tags": ["a]", "b}"], "photo": {"id": 77}});
    let users: Vec<Value> = ids.iter().map(user).collect();
    let page = json!({
        "count": 3, key: users, "next_page": null, "organizations": [{"id": 114_200}],
    });
    if is_pretty {
        serde_json::to_string_pretty(&page).unwrap()
    } else {
        page.to_string()
    }
}

#[rstest]
#[case::page("users.json", page("users", &USERS, true))]
#[case::compact("users.json", page("users", &USERS, false))]
#[case::by_content("users.txt", page("users", &USERS, true))]
#[case::deleted("users.json", page("deleted_users", &USERS, true))]
#[case::pages("users.json", page("users", &USERS[..1], true) + "\n" + &page("users", &USERS[1..], true))]
#[case::a_page_a_line("users.jsonl", page("users", &USERS[..1], false) + "\n" + &page("users", &USERS[1..], false))]
#[case::an_empty_page("users.json", page("users", &[], true) + &page("users", &USERS, true))]
#[case::an_array_of_pages("users.json", format!("[{},{}]", page("users", &USERS[..2], true), page("users", &USERS[2..], false)))]
#[case::bare_ids("users.json", format!("{{\"users\":{USERS:?}}}"))]
#[case::objects_over_lines("users.json", USERS.map(|id| format!("{{\n  \"id\": {id},\n  \"note\": \"}}\"\n}}")).join("\n"))]
#[case::objects_over_lines("users.jsonl", USERS.map(|id| format!("{{\n  \"id\": {id}\n}}")).join("\n"))]
#[case::objects_without_a_blank("users.json", USERS.map(|id| format!("{{\n\"id\":{id}}}")).join(""))]
#[case::two_arrays("users.json", format!("{:?}\n{:?}\n", &USERS[..2], &USERS[2..]))]
fn json_of_any_shape_is_read_for_its_users(#[case] name: &str, #[case] text: String) {
    let world = world();
    world.write(name, &text);
    means(&world, name, &[], 3);
    // The account of the run finds the same rows again.
    let ledger = format!("{name}.ledger.jsonl");
    world
        .call(&["report", &ledger, "--format", "csv", "--out", "rows"])
        .code(0);
    assert_eq!(
        world.read("rows/deleted.csv").matches(",deleted,").count(),
        3
    );
}

#[test]
fn a_packed_page_is_read_too() {
    let world = world();
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(page("users", &USERS, true).as_bytes())
        .unwrap();
    world.write("users.json.gz", gz.finish().unwrap());
    means(
        &world,
        "users.json.gz",
        &["--where", "organization_id = 114200"],
        3,
    );
}

#[test]
fn a_list_within_an_object_is_named_and_read() {
    let world = world();
    let members = USERS.map(|id| json!({"userId": id.to_string(), "phone": "1"}));
    let job = json!({"jobId": "77", "id": 3, "who": members});
    world.write("job.json", job.to_string());
    let options = ["--id-column", "who.userId"];
    means(&world, "job.json", &options, 3);
    let job = json!({"jobId": "77", "who": members});
    world.write("plain.json", job.to_string());
    world
        .call(&run("plain.json", "acme", "delete"))
        .code(2)
        .says("`--id-column who.userId`");
    means(
        &world,
        "plain.json",
        &["--id-column", "who.userId", "--where", "who.phone = 1"],
        3,
    );
    let each = USERS.map(|id| json!({"user": {"id": id}}).to_string());
    world.write("each.jsonl", each.join("\n"));
    world
        .call(&run("each.jsonl", "acme", "delete"))
        .code(2)
        .says("`--id-column user.id`");
}

#[test]
fn pages_of_any_length_are_read_in_little_memory() {
    let world = World::new();
    let file = File::create(world.path("users.json")).unwrap();
    let mut file = std::io::BufWriter::new(file);
    for number in 0..3 {
        write!(file, "{{\"users\":[").unwrap();
        for row in 0..60_000 {
            let comma = if row > 0 { "," } else { "" };
            let id = 361_808_000_000_u64 + number * 60_000 + row;
            write!(file, "{comma}\n{{\"id\":{id},\"name\":\"{:>200}\"}}", "x").unwrap();
        }
        writeln!(file, "],\"next_page\":null}}").unwrap();
    }
    drop(file);
    let args = [
        "plan",
        "users.json",
        "--account",
        "acme",
        "--action",
        "delete",
        "--json",
    ];
    let (done, peak) = world.measured(&args);
    let planned: Value = serde_json::from_str(&done.code(0).out).unwrap();
    assert_eq!(planned["to_delete"], 180_000);
    assert!(peak < PEAK_KIB_MAX, "{peak} KiB");
}

#[rstest]
#[case(r#"{"error":"Couldn't authenticate you"}"#, "an API's error answer")]
#[case(
    r#"{"code":"INVALID_TOKEN","message":"invalid oauth token","status":"error"}"#,
    "an API's error answer"
)]
#[case(
    r#"{"users":[{"id":361808353001}]} {"error":"RateLimited"}"#,
    "no list of users"
)]
#[case(r#"{"users":[{"id":361808353001},"#, "ends before its last bracket")]
#[case(r#"{"users":[{"id":361808353001}"#, "ends before its last bracket")]
#[case(r#"{"users":[{"id":361808353001},]}"#, "missing between its commas")]
#[case(r#"{"users":[{"id":361808353001} {"id":1}]}"#, "a comma is missing")]
#[case("[361808353001]\nmore", "an object or an array")]
#[case(
    "{\n\"id\":361808353001\n}\n{\n\"id\":36180",
    "in the middle of an element"
)]
fn json_that_is_no_whole_list_sends_nobody(#[case] text: &str, #[case] says: &str) {
    let world = world();
    world.write("users.json", text);
    world
        .call(&run("users.json", "acme", "delete"))
        .code(2)
        .says(says);
    assert!(world.deletions().is_empty());
}

#[rstest]
#[case::title("Explore: users,,\nMade 2026-01-05,,\n,,\nUser ID,Name,Mail\n", 4)]
#[case::comment("# exported today\nid,name,mail\n", 2)]
#[case::groups("User,,Activity\r\nID,Name,Last login\r\n", 2)]
fn a_header_below_other_lines_is_named_and_read(#[case] above: &str, #[case] line: u64) {
    let world = world();
    let rows = USERS.iter().fold(above.to_owned(), |mut text, id| {
        writeln!(text, "{id},x,y").unwrap();
        text
    });
    world.write("users.csv", rows);
    let option = format!("--header-line {line}");
    world
        .call(&run("users.csv", "acme", "delete"))
        .code(2)
        .says(&option);
    let number = line.to_string();
    means(&world, "users.csv", &["--header-line", &number], 3);
    // Lines are those of the file, and the rows come back.
    let ledger = world.ledger("users.csv.ledger.jsonl");
    let planned = ledger.iter().find(|it| it["kind"] == "plan").unwrap();
    assert_eq!(planned["rows"][0]["line"], line + 1);
    world
        .call(&[
            "report",
            "users.csv.ledger.jsonl",
            "--format",
            "csv",
            "--out",
            "rows",
        ])
        .code(0);
    assert!(world.read("rows/deleted.csv").contains(",x,y,deleted,"));
    let far = [
        &run("users.csv", "acme", "delete")[..],
        &["--header-line", "99", "--ledger", "x"],
    ]
    .concat();
    world.call(&far).code(2).says("no line 99");
}

#[test]
fn a_column_that_means_something_else_is_passed_over() {
    let world = world();
    let rows = |text: String, id: &u64| text + &format!("{id},update,google,\n");
    world.write(
        "users.csv",
        USERS
            .iter()
            .fold("id,action,provider,operation\n".to_owned(), rows),
    );
    let planned = means(&world, "users.csv", &[], 3);
    assert_eq!(planned["passed_over"], json!(["provider", "action"]));
    let args = plan_of("users.csv");
    world
        .call(&args)
        .code(0)
        .says("column `provider` was passed over");
    // The only account is not the one that the file means, unless somebody says so.
    let only = world
        .config()
        .split("\n[accounts.chat]")
        .next()
        .unwrap()
        .to_owned();
    world.write("only.toml", only);
    world.write(
        "others.csv",
        "id,account\n361808353001,prod-eu\n361808353012,prod-eu\n",
    );
    let others = [
        "plan",
        "others.csv",
        "--action",
        "delete",
        "--config",
        "only.toml",
    ];
    world.call(&others).code(1).says("`--account-column none`");
    for said in [["--account", "acme"], ["--account-column", "none"]] {
        let args = [&others[..], &said, &["--json"]].concat();
        let done = world.call(&args).code(0);
        let planned: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(planned["to_delete"], 2);
    }
    // One row that has an account tells that all of them mean accounts.
    world.write(
        "mixed.csv",
        "id,provider\n361808353001,google\n361808353012,acme\n",
    );
    let planned = plan(&world, "mixed.csv", &[]);
    assert_eq!(
        [&planned["to_delete"], &planned["invalid"]],
        [&json!(1), &json!(1)]
    );
    assert_eq!(planned["passed_over"], json!([]));
    let planned = plan(&world, "mixed.csv", &["--account-column", "none"]);
    assert_eq!(
        [&planned["to_delete"], &planned["invalid"]],
        [&json!(2), &json!(0)]
    );
    // Whoever names the column means it.
    let planned = plan(&world, "users.csv", &["--account-column", "provider"]);
    assert_eq!(planned["invalid"], 3);
    world.write(
        "users.jsonl",
        "{\"id\":361808353001,\"action\":\"update\",\"ticket\":\"x\"}\n",
    );
    let all = ["--action-column", "none", "--ref-column", "none"];
    assert_eq!(plan(&world, "users.jsonl", &all)["to_delete"], 1);
    let args = [
        &run("users.csv", "acme", "delete")[..],
        &["--id-column", "none", "--ledger", "x"],
    ]
    .concat();
    world.call(&args).code(2).says("would leave no ids");
}

#[test]
fn standard_input_has_a_path_too() {
    let world = world();
    let args = run("/dev/stdin", "acme", "delete");
    world.call_with(&args, b"id\n361808353001\n").code(0);
    assert_eq!(touched(&world), users(1));
}

#[rstest]
#[case("users.xml", b"<?xml version=\"1.0\"?>\n<users><user><id>361808353001</id></user></users>\n".to_vec(), "XML")]
#[case("users.csv", b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>\n".to_vec(), "an HTML page")]
#[case("users.parquet", b"PAR1\x15\x04\x00\x00PAR1".to_vec(), "Parquet")]
#[case("users.pdf", b"%PDF-1.7\n".to_vec(), "a PDF document")]
#[case("users.xls", b"\xD0\xCF\x11\xE0\xA1\xB1".to_vec(), "an old spreadsheet")]
#[case("users.avro", b"Obj\x01\x04\x16".to_vec(), "an Avro file")]
#[case("users.orc", b"ORC\n\x00".to_vec(), "an ORC file")]
#[case("users.db", b"SQLite format 3\x00".to_vec(), "an SQLite database")]
#[case("users.rar", b"Rar!\x1a\x07\x00".to_vec(), "a RAR archive")]
#[case("users.png", b"\x89PNG\r\n\x1a\n\x00".to_vec(), "an image")]
#[case("users.rtf", b"{\\rtf1\\ansi 361808353001}".to_vec(), "an RTF document")]
#[case("users.sql", b"INSERT INTO users (id) VALUES (361808353001);\n".to_vec(), "SQL")]
#[case("users.asc", b"-----BEGIN PGP MESSAGE-----\n".to_vec(), "decrypt it first")]
#[case("users.eml", b"Received: from x\nid: 361808353001\n".to_vec(), "an e-mail")]
#[case("users.yml", b"ids:\n- 361808353001\n".to_vec(), "YAML")]
#[case("users.tar", [&b"users.csv"[..], &[0; 248], b"ustar\x00"].concat(), "tar -xf")]
#[case("users.csv", b"\"id,name\"\n\"361808353001,Ada\"\n".to_vec(), "quoted as a whole")]
#[case("users.txt", b"{'id': 361808353001}\n".to_vec(), "as a script prints them")]
fn what_holds_no_rows_is_named_for_what_it_is(
    #[case] name: &str,
    #[case] bytes: Vec<u8>,
    #[case] says: &str,
) {
    let world = world();
    world.write(name, bytes);
    let done = world.call(&run(name, "acme", "delete")).code(2).says(says);
    assert!(
        !done.err.contains("NUL bytes") && !done.err.contains("--id-column"),
        "{done:?}"
    );
    assert!(world.sandbox().log(None).is_empty(), "nobody was asked");
}

#[rstest]
#[case("users.csv", "id\n\u{201c}361808353001\u{201d}\n", "quotation marks")]
#[case(
    "users.csv",
    "id\n\"=HYPERLINK(\"\"https://acme.example/users/361808353001\"\";\"\"361808353001\"\")\"\n",
    "formula"
)]
#[case(
    "users.csv",
    "id\nhttps://acme.example/agent/users/361808353001\n",
    "a web address"
)]
#[case(
    "users.txt",
    "https://acme.example/agent/users/361808353001/tickets\n",
    "a web address"
)]
#[case(
    "users.csv",
    "id\nID: 361808353001\n",
    "other text stands beside the id"
)]
#[case(
    "users.jsonl",
    "2026-01-05 INFO {\"id\":361808353001}\n",
    "text stands before the JSON object"
)]
fn what_stands_around_an_id_is_named(#[case] name: &str, #[case] text: &str, #[case] says: &str) {
    let world = world();
    // So many that another column would be advised if there were a better one.
    let header = text.split('\n').next().filter(|first| *first == "id");
    let row = text.trim_end().rsplit('\n').next().unwrap();
    let rows = format!("{row}\n").repeat(4);
    world.write(
        name,
        header.map_or(String::new(), |it| format!("{it}\n")) + &rows,
    );
    let planned = plan(&world, name, &[]);
    assert_eq!(planned["invalid"], 4, "{planned}");
    assert!(
        planned["reasons"][0]["reason"]
            .as_str()
            .unwrap()
            .contains(says),
        "{planned}"
    );
    let done = world.call(&run(name, "acme", "delete")).code(1);
    assert!(
        !done.err.contains("--id-column") && !done.out.contains("--id-column"),
        "{done:?}"
    );
    assert!(world.deletions().is_empty());
}

#[test]
fn direction_marks_are_taken_off() {
    let world = world();
    world.write(
        "users.csv",
        "id\n\u{200e}361808353001\u{200f}\n\u{2067}361808353012\u{2069}\n",
    );
    let planned = means(&world, "users.csv", &[], 2);
    assert_eq!(planned["trimmed"], 2);
}
