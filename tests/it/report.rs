//! `report --format csv`: the admin's own rows back, each in exactly one of three files, fit to be
//! an input again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use rstest::rstest;
use serde_json::json;

use crate::support::usual::{LEDGER, RUN, run};
use crate::support::{PEAK_KIB_MAX, World};

const FILES: [&str; 3] = ["deleted.csv", "failed.csv", "unprocessed.csv"];

/// The rows of a file, each by its column's name.
fn rows(world: &World, name: &str) -> Vec<BTreeMap<String, String>> {
    // Rows of an input may have more cells than its header.
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(world.path(name))
        .unwrap();
    let header = reader.headers().unwrap().clone();
    let row = |row: csv::StringRecord| {
        let cells = row.iter().map(str::to_owned);
        header.iter().map(str::to_owned).zip(cells).collect()
    };
    reader.records().map(|it| row(it.unwrap())).collect()
}

fn header(world: &World, name: &str) -> String {
    world.read(name).lines().next().unwrap().to_owned()
}

/// The outcome of each line of the input, over all three files; no line may stand twice.
fn outcomes(world: &World, folder: &str) -> BTreeMap<u64, (String, &'static str)> {
    outcomes_in(world, folder, "")
}

/// The same from columns with `suffix`.
fn outcomes_in(world: &World, folder: &str, suffix: &str) -> BTreeMap<u64, (String, &'static str)> {
    let mut all = BTreeMap::new();
    for file in FILES {
        for row in rows(world, &format!("{folder}/{file}")) {
            let line = row[&format!("userpurge_line{suffix}")].parse().unwrap();
            let outcome = row[&format!("userpurge_outcome{suffix}")].clone();
            let earlier = all.insert(line, (outcome, file));
            assert_eq!(earlier, None, "line {line} stands twice");
        }
    }
    all
}

fn report<'a>(ledger: &'a str, out: &'a str) -> [&'a str; 6] {
    ["report", ledger, "--format", "csv", "--out", out]
}

/// An export with what exports have: other names, cells of several lines, short and long rows.
const USERS: &str = "Full Name;User-ID;Ticket;note\n\
     Ann;1;T-1;\"two; lines\r\nhere\"\n\
     Bob;2;T-2;=1+1\n\
     Cy;3;T-3;-5\n\
     Dee; 4 ;T-4\n\
     Eve;5;T-5;x;more;=more\n\
     Fay;1;T-6;again\n\
     \n\
     Gus;6.1E+5;T-7;\n\
     Hal;99;T-8;\"say \"\"hi\"\"\"\n";

/// The users of [`USERS`], two of them with open tickets if there are any.
fn world_of_users(tickets: u32) -> World {
    let world = World::new();
    seed_users(&world, tickets);
    world.write("users.csv", USERS);
    world
}

fn seed_users(world: &World, tickets: u32) {
    world.seed(json!({"zendesk": [
        {"id": "1", "open_tickets": tickets}, {"id": "2"}, {"id": "3", "state": "soft-deleted"},
        {"id": "4", "open_tickets": tickets}, {"id": "5", "role": "admin"},
    ]}));
}

#[test]
fn every_row_is_in_exactly_one_file_with_all_its_cells() {
    let world = world_of_users(2);
    world.call(&RUN).code(1);
    let done = world.call(&report(LEDGER, "out/first")).code(0);
    assert_eq!(
        done.out,
        "out/first/deleted.csv: 2 rows\nout/first/failed.csv: 5 rows\n\
         out/first/unprocessed.csv: 1 row (1 duplicate)\n"
    );
    let expected = [
        (2, "refused", "failed.csv"),
        (4, "deleted", "deleted.csv"),
        (5, "already_gone", "deleted.csv"),
        (6, "invalid", "failed.csv"),
        (7, "invalid", "failed.csv"),
        (8, "duplicate", "unprocessed.csv"),
        (10, "invalid", "failed.csv"),
        (11, "not_found", "failed.csv"),
    ];
    let expected: BTreeMap<u64, _> = expected
        .into_iter()
        .map(|(line, outcome, file)| (line, (outcome.to_owned(), file)))
        .collect();
    assert_eq!(outcomes(&world, "out/first"), expected);
    for file in FILES {
        assert_eq!(
            header(&world, &format!("out/first/{file}")),
            "Full Name,User-ID,Ticket,note,userpurge_outcome,userpurge_code,userpurge_message,userpurge_line"
        );
    }
    let text = world.read("out/first/failed.csv");
    for part in [
        "\nAnn,1,T-1,\"two; lines\r\nhere\",refused,RecordInvalid,",
        "\nDee,? 4 ,T-4,,invalid,short_row,",
        "\nEve,5,T-5,x,invalid,long_row,",
        ",7,more,'=more\n",
        "\nGus,6.1E+5,T-7,,invalid,scientific_notation,",
        "\nHal,99,T-8,\"say \"\"hi\"\"\",not_found,RecordNotFound,",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(
        world
            .read("out/first/deleted.csv")
            .contains("\nBob,2,T-2,'=1+1,deleted,")
    );
    assert!(
        world
            .read("out/first/deleted.csv")
            .contains("\nCy,3,T-3,-5,already_gone,")
    );
}

#[test]
fn what_failed_is_mended_and_goes_straight_back_in() {
    let world = world_of_users(2);
    world.call(&RUN).code(1);
    let done = world.call(&report(LEDGER, "out/first")).code(0);
    // The tickets are closed; the command that is named does the rest.
    let done = done.says(
        "userpurge run out/first/failed.csv --done-in users.csv.ledger.jsonl --account acme --action delete",
    );
    let command = done.err.split("userpurge run").last().unwrap();
    seed_users(&world, 0);
    let before = world.deletions().len();
    let args: Vec<&str> = std::iter::once("run")
        .chain(command.split_whitespace())
        .chain(["--yes"])
        .collect();
    world.call(&args).code(1);
    let again = world.deletions().split_off(before);
    let mut sent: Vec<_> = again.iter().filter_map(|it| it.user.clone()).collect();
    sent.sort();
    assert_eq!(sent, ["1", "99"]);
    let second = "out/first/failed.csv.ledger.jsonl";
    world.call(&report(second, "out/second")).code(0);
    let ends: Vec<_> = outcomes_in(&world, "out/second", "_2")
        .into_values()
        .map(|(end, _)| end)
        .collect();
    assert_eq!(
        ends,
        ["deleted", "invalid", "invalid", "invalid", "not_found"]
    );
    assert!(header(&world, "out/second/failed.csv").ends_with(
        ",userpurge_line,userpurge_outcome_2,userpurge_code_2,userpurge_message_2,userpurge_line_2"
    ));

    // The whole first file once more, with both ledgers: nobody is sent for who is gone.
    let before = world.deletions().len();
    for done in ["out/first/deleted.csv", "out/first/unprocessed.csv"] {
        let run = run(done, "acme", "delete");
        let args = [&run[..], &["--done-in", LEDGER, "--done-in", second]].concat();
        world.call(&args).code(0);
    }
    assert_eq!(world.deletions().len(), before);
}

#[test]
fn what_a_run_left_out_is_left_out_of_its_reports_files_too() {
    let world = World::of_users(5);
    world.write("users.csv", "id,team\n1,a\n2,boss\n3,b\n3,b\n4,c\n5,a\n");
    world.write("staff.txt", "2\n");
    let options = ["--protect", "staff.txt", "--where-not", "team = c"];
    let first = [&RUN[..], &options, &["--max-rows", "2"]].concat();
    world.call(&first).code(0);
    world.call(&report(LEDGER, "out/first")).code(0);
    let rest = "out/first/unprocessed.csv";
    let plan = ["plan", rest, "--account", "acme", "--action", "delete"];
    let plan = world.call(&plan).code(1);
    plan.says("4 rows, 0 to delete").says("on its protect list");
    world.call(&run(rest, "acme", "delete")).code(0);
    let sent = world.deletions().into_iter();
    let mut sent: Vec<String> = sent.filter_map(|it| it.user).collect();
    sent.sort();
    assert_eq!(sent, ["1", "3"]);
    // And in the files of a report about that file.
    world
        .call(&report(
            "out/first/unprocessed.csv.ledger.jsonl",
            "out/second",
        ))
        .code(0);
    world
        .call(&run("out/second/unprocessed.csv", "acme", "delete"))
        .code(0);
    assert_eq!(world.deletions().len(), 2);
}

#[rstest]
#[case::jsonl("users.jsonl", "{\"user\":{\"id\":1},\"name\":\"Ann\",\"ref\":null}\n{\"user\":{\"id\":2},\"ref\":\"T-2\",\"extra\":[1]}\n{\"user\":{\"id\":1e5},\"name\":\"@x\"}\n", &["--id-column", "user.id"], "user,name,ref,extra,user.id,userpurge_outcome")]
#[case::json("users.json", "[{\"User ID\":1},\n{\"User ID\":\"2\",\"name\":\"x\"},\n{\"User ID\":-4}]", &[], "User ID,name,userpurge_outcome")]
#[case::ids("users.ids", "# a list\n1\n2\n-4\n", &[], "id,userpurge_outcome")]
#[case::tabs("users.tsv", "name\tid\nAnn\t1\nBob\t2\nCy\t+3\n", &[], "name,id,userpurge_outcome")]
#[case::bare_ids("users.json", "[1,\n\"2\",\n-4]", &[], "id,userpurge_outcome")]
#[case::gzip("users.csv.gz", "note,id\n\"a\nb\",1\nc,2\nd,x3\n", &[], "note,id,userpurge_outcome")]
#[case::zstd("users.jsonl.zst", "{\"id\":1}\n{\"id\":2}\n{\"id\":-3}\n", &[], "id,userpurge_outcome")]
#[case::semicolons("users.csv", "note;id\na,b;1\nc;2\nd;x3\n", &[], "note,id,userpurge_outcome")]
#[case::utf16("users.csv", "\u{feff}id,name\n1,Zoë\n2,x\n-3,y\n", &[], "id,name,userpurge_outcome")]
fn any_format_comes_back_as_csv_and_means_the_same(
    #[case] name: &str,
    #[case] text: &str,
    #[case] more: &[&str],
    #[case] columns: &str,
) {
    let world = World::new();
    let seed = |tickets: u32| {
        world.seed(json!({"zendesk": [{"id": "1", "open_tickets": tickets}, {"id": "2"}]}));
    };
    seed(1);
    if text.starts_with('\u{feff}') {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        world.write(name, units);
    } else if name == "users.csv.gz" {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        world.write(name, packed.finish().unwrap());
    } else if name == "users.jsonl.zst" {
        world.write(name, zstd::encode_all(text.as_bytes(), 0).unwrap());
    } else {
        world.write(name, text);
    }
    let options = [
        &["--account", "acme", "--action", "delete", "--yes"][..],
        more,
    ]
    .concat();
    world.call(&[&["run", name][..], &options].concat()).code(1);
    let ledger = format!("{name}.ledger.jsonl");
    world.call(&report(&ledger, "out")).code(0);
    let ends: Vec<_> = outcomes(&world, "out")
        .into_values()
        .map(|(end, _)| end)
        .collect();
    let mut sorted = ends.clone();
    sorted.sort();
    assert_eq!(sorted, ["deleted", "invalid", "refused"]);
    assert!(
        header(&world, "out/failed.csv").starts_with(columns),
        "{}",
        header(&world, "out/failed.csv")
    );
    assert_eq!(
        header(&world, "out/failed.csv"),
        header(&world, "out/deleted.csv")
    );

    seed(0);
    world
        .call(
            &[
                &["run", "out/failed.csv", "--done-in", &ledger][..],
                &options,
            ]
            .concat(),
        )
        .code(1);
    let sent: Vec<_> = world
        .deletions()
        .iter()
        .filter_map(|it| it.user.clone())
        .collect();
    assert_eq!(sent.iter().filter(|id| *id == "1").count(), 2);
    assert_eq!(sent.len(), 3, "{sent:?}");
    let again = world.outcomes("out/failed.csv.ledger.jsonl");
    let again: Vec<_> = again
        .values()
        .map(|entry| entry["outcome"].as_str().unwrap())
        .collect();
    assert!(again.contains(&"deleted") && again.contains(&"invalid") && again.len() == 2);
}

#[test]
fn rows_that_are_still_to_do_stand_in_unprocessed() {
    let world = World::new();
    world.seed(json!({"zendesk": (1..=24).map(|id| json!({"id": id.to_string(), "open_tickets": 1})).collect::<Vec<_>>()}));
    world.write("users.csv", crate::support::ids(1..=24));
    let args = [&RUN[..], &["--max-failures", "3", "--concurrency", "1"]].concat();
    world.call(&args).code(3);
    world.call(&report(LEDGER, "out")).code(0);
    let all = outcomes(&world, "out");
    assert_eq!(all.len(), 24);
    let status = world.status(LEDGER);
    for (outcome, file) in [("pending", "unprocessed.csv"), ("refused", "failed.csv")] {
        let of = all.values().filter(|(end, _)| end == outcome).count() as u64;
        assert!(of > 0, "{outcome}");
        assert_eq!(status["outcomes"][outcome], of);
        assert_eq!(rows(&world, &format!("out/{file}")).len() as u64, of);
    }
    // What is pending can be taken up by a file of its own.
    world.seed(
        json!({"zendesk": (1..=24).map(|id| json!({"id": id.to_string()})).collect::<Vec<_>>()}),
    );
    let pending = rows(&world, "out/unprocessed.csv").len();
    let before = world.deletions().len();
    world
        .call(&run("out/unprocessed.csv", "acme", "delete"))
        .code(0);
    assert_eq!(world.deletions().len() - before, pending);
}

#[test]
fn an_input_that_has_changed_is_told_and_the_ledger_s_own_rows_come_back() {
    let world = World::new();
    world.zendesk_users(1..=2);
    world.write("users.csv", "id,note\n1,a\n2,b\n");
    world.call(&RUN).code(0);
    let deleted = |out: &str| world.read(&format!("{out}/deleted.csv"));
    world.call(&report(LEDGER, "whole")).code(0);
    assert!(deleted("whole").starts_with("id,note,"));
    world.write("users.csv", "id,note\n2,a\n1,b\n");
    world
        .call(&report(LEDGER, "out"))
        .code(0)
        .says("users.csv` is not there any more as it was planned");
    assert!(deleted("out").starts_with("id,account,action,ref,"));
    assert!(deleted("out").contains("\n1,acme,delete,,deleted,"));
    fs::remove_file(world.path("users.csv")).unwrap();
    world
        .call(&report(LEDGER, "gone"))
        .code(0)
        .says("users.csv");
    assert_eq!(deleted("gone"), deleted("out"));
    world.call(&report("none.ledger.jsonl", "out")).code(2);
    world.write("damaged.ledger.jsonl", "{\"kind\":\"run\"}\n");
    world.call(&report("damaged.ledger.jsonl", "out")).code(4);
}

#[test]
fn what_a_run_is_bound_to_is_never_replaced() {
    let world = World::new();
    world.zendesk_users(1..=2);
    world.write("failed.csv", "id\n1\n9\n");
    let run = |input: &str| world.call(&run(input, "acme", "delete")).code(1);
    run("failed.csv");
    for out in [".", "x/..", "../"] {
        let out = if out == "../" {
            format!(
                "../{}",
                world.folder.path().file_name().unwrap().to_str().unwrap()
            )
        } else {
            out.to_owned()
        };
        if out == "x/.." {
            fs::create_dir(world.path("x")).unwrap();
        }
        world
            .call(&report("failed.csv.ledger.jsonl", &out))
            .code(2)
            .says("failed.csv` is the input of this run");
    }
    assert_eq!(world.read("failed.csv"), "id\n1\n9\n");
    // Nor by the report of another run.
    world.write("users.csv", "id\n2\n8\n");
    run("users.csv");
    world
        .call(&report(LEDGER, "."))
        .code(2)
        .says("failed.csv` is the input of a run whose ledger lies beside it");
    assert!(!world.path("deleted.csv").exists());
    // Through a link, too.
    fs::create_dir(world.path("links")).unwrap();
    std::os::unix::fs::symlink(world.path("users.csv"), world.path("links/deleted.csv")).unwrap();
    world
        .call(&report(LEDGER, "links"))
        .code(2)
        .says("deleted.csv` is the input of this run");
}

#[test]
fn files_of_these_names_are_replaced_whole_and_links_are_not_followed() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let world = World::new();
    world.zendesk_users(1..=1);
    world.write("users.csv", "id\n1\n9\n");
    world.call(&RUN).code(1);
    fs::create_dir(world.path("out")).unwrap();
    world.write("elsewhere.txt", "mine");
    symlink(world.path("elsewhere.txt"), world.path("out/failed.csv")).unwrap();
    world.write("out/deleted.csv", "old\n".repeat(1_000));
    for _ in 0..2 {
        world.call(&report("latest", "out")).code(0);
        assert_eq!(world.read("elsewhere.txt"), "mine");
        assert_eq!(rows(&world, "out/deleted.csv").len(), 1);
        assert_eq!(rows(&world, "out/failed.csv").len(), 1);
        assert_eq!(rows(&world, "out/unprocessed.csv").len(), 0);
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(world.path("out")).unwrap() {
        let entry = entry.unwrap();
        names.push(entry.file_name().into_string().unwrap());
        let metadata = fs::symlink_metadata(entry.path()).unwrap();
        assert!(metadata.is_file());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
    names.sort();
    assert_eq!(names, FILES);

    // A folder in the place of a file, and a file in the place of the folder.
    fs::create_dir_all(world.path("two/failed.csv/x")).unwrap();
    world
        .call(&report("latest", "two"))
        .code(2)
        .says("two/failed.csv");
    world
        .call(&report("latest", "elsewhere.txt"))
        .code(2)
        .says("elsewhere.txt");
}

/// A hostile file's formulas and orders, on their way into a spreadsheet and a terminal.
#[test]
fn no_formula_and_no_order_reaches_who_opens_a_report() {
    let world = World::new();
    let attacks = [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1",
        "\"=1",
        "＝1",
        "\u{1b}[2J",
        "\0x",
    ];
    let mut text = format!("{}\n", json!({"id": 1, "note": "fine", "amount": -5}));
    for attack in attacks {
        for key in ["id", "ref", "account", "action", "note", "=1+1"] {
            let mut row = json!({"id": 1, "ref": "T", "account": "acme", "action": "delete"});
            row[key] = json!(attack);
            writeln!(text, "{row}").unwrap();
        }
    }
    // An external id that is a formula is somebody's id.
    writeln!(
        text,
        "{}",
        json!({"id": "=1+1", "account": "chat", "action": "delete"})
    )
    .unwrap();
    world.write("a.jsonl", text);
    world
        .call(&[
            "run",
            "a.jsonl",
            "--yes",
            "--account",
            "acme",
            "--action",
            "delete",
        ])
        .code(1);
    let done = world.call(&report("a.jsonl.ledger.jsonl", "out")).code(0);
    done.says("1 valid ids look like formulas");
    let mut formulas = Vec::new();
    for file in FILES {
        let bytes = fs::read(world.path(&format!("out/{file}"))).unwrap();
        assert!(!bytes.contains(&0x1b) && !bytes.contains(&0), "{file}");
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_path(world.path(&format!("out/{file}")))
            .unwrap();
        for record in reader.records() {
            for cell in &record.unwrap() {
                let bare = cell.trim_start_matches([' ', '"']);
                if bare.starts_with(['=', '+', '-', '@', '\t', '\r', '＝']) {
                    formulas.push(cell.to_owned());
                }
            }
        }
    }
    formulas.sort();
    assert_eq!(
        formulas,
        ["-5", "=1+1"],
        "the number, and the id that is one"
    );
}

/// The input is gone: the rows have the columns that the ledger has.
#[test]
fn rows_that_came_from_standard_input_come_back_with_what_the_ledger_has() {
    let world = World::new();
    world.zendesk_users([1, 2]);
    seed_users(&world, 1);
    let args = ["--account", "acme", "--action", "delete"];
    let run = [&["run", "-", "--yes"][..], &args].concat();
    world.call_with(&run, USERS.as_bytes()).code(1);
    let ledger = "stdin.ledger.jsonl";
    let done = world.call(&report(ledger, "out")).code(0);
    done.says("is not there any more as it was planned")
        .says("id, account, action, ref");
    assert_eq!(outcomes(&world, "out").len(), 8);
    assert!(header(&world, "out/failed.csv").starts_with("id,account,action,ref,"));
    seed_users(&world, 0);
    let again = ["run", "out/failed.csv", "--done-in", ledger, "--yes"];
    world.call(&[&again[..], &args].concat()).code(1);
    assert_eq!(
        world.status("out/failed.csv.ledger.jsonl")["outcomes"]["deleted"],
        1
    );
    world.call(&["report", ledger, "--format", "md"]).code(0);
}

/// Every row is invalid, so that nothing has to be sent for it.
#[test]
fn a_report_holds_a_row_at_a_time() {
    const ROWS: usize = 20_000;
    let world = World::new();
    let note = "x".repeat(2_000);
    let text = (0..ROWS).fold(String::from("id,note\n"), |mut text, n| {
        writeln!(text, "a{n},{note}").unwrap();
        text
    });
    assert!(text.len() as u64 > PEAK_KIB_MAX * 1024);
    world.write("users.csv", text);
    world.call(&RUN).code(1);
    let (done, peak) = world.measured(&report(LEDGER, "out"));
    done.code(0).says("out/failed.csv: 20,000 rows");
    assert!(peak < PEAK_KIB_MAX, "{peak} KiB at most");
}
