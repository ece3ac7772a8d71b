//! Spreadsheets, archives and compressed files as people have them: whoever they mean is sent, nobody else is,
//! and what may be read in more ways than one is not read at all.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use rstest::rstest;
use serde_json::{Value, json};
use userpurge::input::Compression;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::input::compress;
use crate::kinds::{USERS, means, page, users, world};
use crate::lists::{plan, touched};
use crate::support::usual::{plan_of, run};
use crate::support::{PEAK_KIB_MAX, World};

/// The kinds of workbooks that are read.
type Workbook = fn(&[(&str, &[Row])]) -> Vec<u8>;

/// A row's number, and its cells: texts, numbers behind a `#`, or behind a `~` where they are shown as hours,
/// none where nothing stands.
pub(crate) type Row<'a> = (usize, &'a [&'a str]);

/// In a cell: people do not see its row.
const HIDDEN: &str = "not shown";

/// The ids as cells of a spreadsheet may have them, below a row that is empty and beside a name.
const ROWS: [Row; 5] = [
    (2, &["", "Name", "User ID"]),
    (3, &["", "Ada", "#361808353001"]),
    (4, &["", "Bo, \"the\" 2nd\nof his name", "361808353012", ""]),
    (6, &["", "", "#3.61808353023E11"]),
    (7, &["", " "]),
];

/// A ZIP archive of files by their names.
pub(crate) fn zip<T: AsRef<[u8]>>(files: &[(&str, T)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = SimpleFileOptions::default();
        archive.start_file(*name, options).unwrap();
        archive.write_all(content.as_ref()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A workbook of Excel's. A sheet whose name begins with `_` is hidden.
pub(crate) fn xlsx(sheets: &[(&str, &[Row])]) -> Vec<u8> {
    const LINKS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const MAIN: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    let (mut names, mut links, mut parts) = (String::new(), String::new(), Vec::new());
    for ((name, rows), number) in sheets.iter().zip(1..) {
        let state = if name.starts_with('_') {
            "hidden"
        } else {
            "visible"
        };
        write!(
            names,
            "<sheet name=\"{name}\" sheetId=\"{number}\" state=\"{state}\" r:id=\"r{number}\"/>"
        )
        .unwrap();
        write!(links, "<Relationship Id=\"r{number}\" Type=\"{LINKS}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>").unwrap();
        let mut data = String::new();
        for (row, cells) in *rows {
            let is_hidden = u8::from(cells.contains(&HIDDEN));
            write!(data, "<row r=\"{row}\" hidden=\"{is_hidden}\">").unwrap();
            for (cell, column) in cells.iter().zip('A'..) {
                let at = format!("r=\"{column}{row}\"");
                match (*cell, cell.strip_prefix('#'), cell.strip_prefix('~')) {
                    ("", ..) => {}
                    (_, Some(""), _) => write!(data, "<c {at}><f>1+1</f></c>").unwrap(),
                    (_, Some(number), _) => {
                        write!(data, "<c {at}><f>1+1</f><v>{number}</v></c>").unwrap();
                    }
                    (.., Some(hours)) => {
                        write!(data, "<c {at} s=\"1\"><v>{hours}</v></c>").unwrap();
                    }
                    (text, ..) => write!(
                        data,
                        "<c {at} t=\"inlineStr\"><is><t>{}</t></is></c>",
                        escaped(text)
                    )
                    .unwrap(),
                }
            }
            data.push_str("</row>");
        }
        let sheet = format!("<worksheet {MAIN}><sheetData>{data}</sheetData></worksheet>");
        parts.push((format!("xl/worksheets/sheet{number}.xml"), sheet));
    }
    let book = format!("<workbook {MAIN} xmlns:r=\"{LINKS}\"><sheets>{names}</sheets></workbook>");
    let links = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{links}</Relationships>"
    );
    let styles =
        format!("<styleSheet {MAIN}><cellXfs><xf/><xf numFmtId=\"46\"/></cellXfs></styleSheet>");
    parts.push(("xl/styles.xml".to_owned(), styles));
    parts.push(("xl/workbook.xml".to_owned(), book));
    parts.push(("xl/_rels/workbook.xml.rels".to_owned(), links));
    let first = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"{LINKS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    );
    parts.push(("_rels/.rels".to_owned(), first));
    parts.push(("[Content_Types].xml".to_owned(), "<Types/>".to_owned()));
    zip(&parts
        .iter()
        .map(|(name, text)| (&**name, text))
        .collect::<Vec<_>>())
}

/// An `OpenDocument` spreadsheet of these sheets.
fn ods(sheets: &[(&str, &[Row])]) -> Vec<u8> {
    let mut tables = String::new();
    for (name, rows) in sheets {
        write!(tables, "<table:table table:name=\"{name}\">").unwrap();
        let mut next = 1;
        for (row, cells) in *rows {
            if *row > next {
                write!(tables, "<table:table-row table:number-rows-repeated=\"{}\"><table:table-cell/></table:table-row>", row - next).unwrap();
            }
            let seen = if cells.contains(&HIDDEN) {
                "filter"
            } else {
                "visible"
            };
            write!(tables, "<table:table-row table:visibility=\"{seen}\">").unwrap();
            for cell in *cells {
                match (*cell, cell.strip_prefix('#')) {
                    ("", _) => tables.push_str("<table:table-cell/>"),
                    (_, Some(number)) => write!(tables, "<table:table-cell office:value-type=\"float\" office:value=\"{number}\"><text:p>3,6E+11</text:p></table:table-cell>").unwrap(),
                    (text, None) => tables.push_str(&ods_text(&escaped(text))),
                }
            }
            tables.push_str("</table:table-row>");
            next = row + 1;
        }
        tables.push_str("<table:table-row table:number-rows-repeated=\"1040000\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row></table:table>");
    }
    ods_of(&tables)
}

/// A cell of `OpenDocument` with this text.
fn ods_text(text: &str) -> String {
    format!(
        "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>"
    )
}

/// A table of `OpenDocument` with these rows below its header.
fn table(rows: &[&str]) -> String {
    let header = ods_text("id");
    let rows = [&[&*header], rows].concat();
    let rows = rows
        .into_iter()
        .map(|cells| format!("<table:table-row>{cells}</table:table-row>"));
    format!(
        "<table:table table:name=\"U\">{}</table:table>",
        rows.collect::<String>()
    )
}

/// An `OpenDocument` spreadsheet of these tables.
fn ods_of(tables: &str) -> Vec<u8> {
    const OFFICE: &str = "urn:oasis:names:tc:opendocument:xmlns";
    const MIME: &str = "application/vnd.oasis.opendocument.spreadsheet";
    let content = format!(
        "<?xml version=\"1.0\"?><office:document-content xmlns:office=\"{OFFICE}:office:1.0\" xmlns:table=\"{OFFICE}:table:1.0\" xmlns:text=\"{OFFICE}:text:1.0\"><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    );
    let manifest = format!(
        "<manifest:manifest xmlns:manifest=\"{OFFICE}:manifest:1.0\"><manifest:file-entry manifest:full-path=\"/\" manifest:media-type=\"{MIME}\"/></manifest:manifest>"
    );
    zip(&[
        ("mimetype", MIME),
        ("META-INF/manifest.xml", &manifest),
        ("content.xml", &content),
    ])
}

/// `run` of `name`, which has to be refused in words that hold `says`, and sends nothing.
fn refused(world: &World, name: &str, more: &[&str], says: &str) {
    let args = [&run(name, "acme", "delete")[..], more].concat();
    world.call(&args).code(2).says(says);
    assert!(world.sandbox().log(None).is_empty(), "nobody was asked");
}

#[rstest]
#[case("users.xlsx", "xlsx", xlsx as Workbook)]
#[case("users.ods", "ods", ods as Workbook)]
// What a file is, its bytes say.
#[case("users.csv", "xlsx", xlsx as Workbook)]
fn a_sheet_is_read_as_the_table_that_people_see(
    #[case] name: &str,
    #[case] format: &str,
    #[case] book: Workbook,
) {
    let world = world();
    let notes: [Row; 2] = [(1, &["Please delete by 2026-01-31"]), (2, &["", "#3"])];
    world.write(name, book(&[("Notes", &notes), ("To delete", &ROWS)]));
    let planned = means(&world, name, &[], 3);
    assert_eq!(planned["input"], format!("{name}, sheet `To delete`"));
    let ledger = format!("{name}.ledger.jsonl");
    let entries = world.ledger(&ledger);
    let of = |kind| entries.iter().find(|it| it["kind"] == kind).unwrap();
    let lines: Vec<&Value> = of("plan")["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["line"])
        .collect();
    assert_eq!(lines, [3, 4, 6], "a line is a row of the sheet");
    assert_eq!(of("planned")["input"]["format"], format);
    world
        .call(&["report", &ledger, "--format", "csv", "--out", "rows"])
        .code(0);
    let deleted = world.read("rows/deleted.csv");
    assert!(
        deleted.contains("\"Bo, \"\"the\"\" 2nd of his name\",361808353012"),
        "{deleted}"
    );
    world.call(&["audit", &ledger]).code(0);
}

#[rstest]
fn of_several_sheets_with_ids_the_first_is_read_and_the_plan_says_so(
    #[values(xlsx as Workbook, ods as Workbook)] book: Workbook,
) {
    let world = world();
    let keep: [Row; 2] = [(1, &["User ID"]), (2, &["#77"])];
    let others: [Row; 2] = [(1, &["id"]), (2, &["#361808353001"])];
    let book = book(&[("Keep", &others), ("Gone, all", &ROWS), ("Few", &keep)]);
    world.write("users.xlsx", &book);
    let planned = plan(&world, "users.xlsx", &[]);
    let told = "users.xlsx, sheet `Keep` (the first of 2 with ids; `--sheet` names another)";
    assert_eq!(
        (&planned["input"], &planned["to_delete"]),
        (&json!(told), &json!(1))
    );
    refused(
        &world,
        "users.xlsx",
        &["--sheet", "Gone all"],
        "did you mean `Gone, all`?",
    );
    let other = [&plan_of("users.xlsx")[..], &["--sheet", "Gone, all"]].concat();
    world.call(&other).code(0).says("--sheet 'Gone, all'");
    // A saved plan says itself which sheet it was, and needs the file no more.
    world.call(&[&other[..], &["-o", "saved"]].concat()).code(0);
    world
        .call(&["run", "saved", "--sheet", "Keep", "--yes"])
        .code(2)
        .says("--sheet");
    world.call(&["run", "saved", "--yes"]).code(0);
    assert_eq!(touched(&world), users(3));
    world
        .call(&["report", "saved", "--format", "csv", "--out", "rows"])
        .code(0);
    assert!(
        world
            .read("rows/deleted.csv")
            .contains(",Ada,361808353001,")
    );
}

/// Who filters a sheet may believe that only what is left to see is deleted.
#[rstest]
fn rows_that_people_do_not_see_are_told_of(
    #[values(xlsx as Workbook, ods as Workbook)] book: Workbook,
) {
    let world = world();
    let rows: [Row; 4] = [
        (1, &["id", "note"]),
        (2, &["#361808353001", HIDDEN]),
        (3, &["361808353012"]),
        (5, &["361808353023", HIDDEN]),
    ];
    let others: [Row; 2] = [(1, &["name"]), (2, &["x", HIDDEN])];
    world.write("users.xlsx", book(&[("Old", &others), ("Users", &rows)]));
    assert_eq!(plan(&world, "users.xlsx", &[])["hidden_rows"], 2);
    let told =
        "warning: 2 rows of the sheet are hidden in the spreadsheet, and are read like the others";
    let before = [&run("users.xlsx", "acme", "delete")[..], &["--dry-run"]].concat();
    world.call(&before).code(0).says(told);
    let shown = ["--where", "note empty"];
    assert_eq!(plan(&world, "users.xlsx", &shown)["to_delete"], 1);
    means(&world, "users.xlsx", &[], 3);
    // Nor does `lookup` take them in silence.
    let people: [Row; 3] = [
        (1, &["email"]),
        (2, &["a@b.example", HIDDEN]),
        (3, &["c@d.example"]),
    ];
    world.write("people.xlsx", book(&[("People", &people)]));
    let lookup = [
        "lookup",
        "people.xlsx",
        "--account",
        "acme",
        "-o",
        "found.csv",
    ];
    let told = "warning: 1 row of the sheet is hidden in the spreadsheet, and is read";
    world.call(&lookup).code(1).says(told);
}

#[test]
fn a_hidden_sheet_is_read_only_by_its_name() {
    let world = world();
    let hidden: [Row; 2] = [(1, &["id"]), (2, &["#77"])];
    world.write("users.xlsx", xlsx(&[("_old", &hidden), ("Users", &ROWS)]));
    means(&world, "users.xlsx", &[], 3);
    assert_eq!(
        plan(&world, "users.xlsx", &["--sheet", "_old"])["to_delete"],
        1
    );
}

#[test]
fn a_number_that_lost_digits_is_invalid_in_its_cell() {
    let world = world();
    let rows: [Row; 9] = [
        (1, &["name", "id"]),
        (2, &["a", "#5725767000000411001"]),
        (3, &["b", "#361808353001.5"]),
        (4, &["c", "#-1"]),
        (5, &["d", "#1234567890123450"]),
        (6, &["e", "#1E+400"]),
        (7, &["f", "#3618083530010001"]),
        (8, &["g", "~1234567890123450"]),
        (9, &["h", "~361808353001"]),
    ];
    world.write("users.xlsx", xlsx(&[("Sheet1", &rows)]));
    let planned = plan(&world, "users.xlsx", &[]);
    let codes: Vec<_> = planned["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["line"].clone(), it["code"].clone()))
        .collect();
    assert_eq!(
        planned["to_delete"], 2,
        "sixteen digits that Excel cannot have rounded, and twelve: {planned}"
    );
    assert_eq!(
        codes[0],
        (2.into(), "scientific_notation".into()),
        "{planned}"
    );
    assert_eq!(planned["invalid"], 6);
    let told = world.call(&[&plan_of("users.xlsx")[..], &["-v"]].concat());
    told.says("users.xlsx, sheet `Sheet1`, cell B2")
        .says("scientific notation");
}

/// A formula that no spreadsheet has computed yet holds somebody all the same.
#[test]
fn a_formula_without_a_value_is_no_empty_row() {
    let world = world();
    let rows: [Row; 3] = [(1, &["id"]), (2, &["#"]), (3, &["#361808353001"])];
    world.write("users.xlsx", xlsx(&[("Users", &rows)]));
    let planned = plan(&world, "users.xlsx", &[]);
    assert_eq!(
        [&planned["to_delete"], &planned["invalid"]],
        [1, 1],
        "{planned}"
    );
    assert!(
        planned["problems"][0]["reason"]
            .to_string()
            .contains("formula"),
        "{planned}"
    );
    let cells = "<table:table-cell table:formula=\"of:=[.B1]\" office:value-type=\"float\"/>";
    world.write(
        "users.ods",
        ods_of(&table(&[cells, &ods_text("361808353001")])),
    );
    refused(&world, "users.ods", &[], "a formula of it has no value yet");
    // One that computed nothing to show is an empty row.
    let cells = "<table:table-cell table:formula=\"of:=[.B1]\" office:value-type=\"string\" office:string-value=\"\"/>";
    world.write(
        "none.ods",
        ods_of(&table(&[cells, &ods_text("361808353001")])),
    );
    assert_eq!(plan(&world, "none.ods", &[])["to_delete"], 1);
}

/// What a cell had in it when it was merged with the one above, people do not see any more.
#[test]
fn a_cell_below_a_merged_one_sends_nobody() {
    let world = world();
    let merged = ods_text("361808353001").replacen(' ', " table:number-rows-spanned=\"2\" ", 1);
    let hidden = ods_text("361808353012").replace("table-cell", "covered-table-cell");
    world.write("hidden.ods", ods_of(&table(&[&merged, &hidden])));
    refused(
        &world,
        "hidden.ods",
        &[],
        "a merged cell of it hides another",
    );
    let covered = "<table:covered-table-cell table:style-name=\"a\"/>";
    world.write("users.ods", ods_of(&table(&[&merged, covered])));
    means(&world, "users.ods", &[], 1);
}

#[test]
fn what_is_said_of_a_sheet_names_it() {
    let world = world();
    let none: [Row; 2] = [(1, &["mail"]), (2, &["a@example.org"])];
    world.write("users.xlsx", xlsx(&[("Users", &none)]));
    refused(
        &world,
        "users.xlsx",
        &[],
        "(columns seen: `mail`) (sheet `Users`)",
    );
    refused(
        &world,
        "users.xlsx",
        &["--format", "csv"],
        "is a spreadsheet",
    );
    refused(
        &world,
        "users.xlsx",
        &["--delimiter", ";"],
        "is a spreadsheet",
    );
    world.write("users.csv", "id\n361808353001\n");
    for more in [["--sheet", "Users"], ["--format", "xlsx"]] {
        refused(&world, "users.csv", &more, "is no xlsx or ods spreadsheet");
    }
    let titled: [Row; 3] = [
        (1, &["Users"]),
        (4, &["Name", "id"]),
        (5, &["x", "361808353001"]),
    ];
    world.write("titled.xlsx", xlsx(&[("Users", &titled)]));
    refused(&world, "titled.xlsx", &[], "`--header-line 4`");
    means(&world, "titled.xlsx", &["--header-line", "4"], 1);
}

#[test]
fn a_workbook_that_is_not_whole_sends_nobody() {
    let world = world();
    let again: [Row; 3] = [(1, &["id"]), (2, &["361808353001"]), (2, &["361808353012"])];
    world.write("again.xlsx", xlsx(&[("Users", &again)]));
    refused(&world, "again.xlsx", &[], "not in their order");
    let far: [Row; 1] = [(4_294_967_290, &["361808353001"])];
    world.write("far.xlsx", xlsx(&[("Users", &far)]));
    refused(&world, "far.xlsx", &[], "too far off");
    let long = "x".repeat(300_000);
    world.write("long.xlsx", xlsx(&[("Users", &[(1, &[&*long; 4])])]));
    refused(&world, "long.xlsx", &[], "a row of it holds too much text");
    let book = xlsx(&[("Users", &ROWS)]);
    world.write("cut.xlsx", &book[..book.len() / 2]);
    refused(&world, "cut.xlsx", &[], "could not unpack `cut.xlsx`");
    world.write(
        "book.xlsx",
        zip(&[
            ("[Content_Types].xml", "<Types/>"),
            ("xl/workbook.xml", "<workbook"),
        ]),
    );
    refused(&world, "book.xlsx", &[], "could not unpack");
    world.write("empty.xlsx", xlsx(&[("Users", &[])]));
    refused(&world, "empty.xlsx", &[], "is empty");
    // Spaces again and again, which are packed once.
    let mut wide = ZipArchive::new(Cursor::new(zip(&[("a", vec![b' '; 19 << 20])]))).unwrap();
    let mut archive = ZipWriter::new_append(Cursor::new(book)).unwrap();
    for number in 0..27 {
        let part = wide.by_index(0).unwrap();
        archive
            .raw_copy_file_rename(part, number.to_string())
            .unwrap();
    }
    world.write("wide.xlsx", archive.finish().unwrap().into_inner());
    refused(
        &world,
        "wide.xlsx",
        &[],
        "unfolds to more than 536870912 bytes",
    );
}

/// A few bytes that would take gigabytes.
#[test]
fn a_table_that_spans_too_many_cells_is_refused_before_it_is_read() {
    let world = world();
    // A sheet as long and as wide as they are, of one cell in each corner.
    let cells = |count| "<table:table-cell table:number-columns-repeated=\"16000\"/>".repeat(count);
    let far = format!(
        "<table:table-row table:number-rows-repeated='6000'>{}<table:table-cell office:value-type=\"float\" office:value=\"1\"/></table:table-row>",
        cells(1)
    );
    let same = "<table:table-row table:number-rows-repeated=\"9000\"><table:table-cell office:value-type=\"float\" office:value=\"1\" table:number-columns-repeated=\"9000\"/></table:table-row>";
    let repeated = "table:table-cell table:number-columns-repeated=\"16000\"";
    let text = ods_text(&"x".repeat(100_000)).replacen("table:table-cell", repeated, 1);
    let text = format!("<table:table-row>{text}</table:table-row>");
    let blanks = ods_text("<text:s text:c=\"2000000000\"/>");
    let blanks = format!("<table:table-row>{blanks}</table:table-row>");
    for (rows, says) in [
        (&*far, "spans too many cells"),
        (same, "spans too many cells"),
        (&text, "hold too much text"),
        (&blanks, "hold too much text"),
    ] {
        let table = format!("<table:table table:name=\"U\">{rows}</table:table>");
        world.write("users.ods", ods_of(&table));
        let (done, peak) = world.measured(&plan_of("users.ods"));
        done.code(2).says(says);
        assert!(peak < PEAK_KIB_MAX, "{peak} KiB");
    }
}

#[rstest]
#[case("users.csv.zip", "users.csv", "id,name\n361808353001,x\n361808353012,y\n361808353023,z\n".into())]
#[case("users.zip", "users.json", page("users", &USERS, true).into())]
#[case("users.csv", "lines.jsonl", USERS.map(|id| format!("{{\"id\":{id}}}\n")).concat().into())]
#[case("export.zip", "out/book.xlsx", xlsx(&[("Users", &ROWS)]))]
fn the_one_file_of_an_archive_is_read(
    #[case] name: &str,
    #[case] inner: &str,
    #[case] content: Vec<u8>,
) {
    let world = world();
    let beside: [(&str, Vec<u8>); 2] = [
        ("out/", Vec::new()),
        ("__MACOSX/._users.csv", b"x".to_vec()),
    ];
    let files: Vec<_> = beside
        .into_iter()
        .chain([(inner, content.clone())])
        .collect();
    world.write(name, zip(&files));
    means(&world, name, &[], 3);
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
fn an_archive_that_may_mean_several_files_is_refused() {
    let world = world();
    let text = "id\n361808353001\n";
    world.write("two.zip", zip(&[("a.csv", text), ("b.csv", text)]));
    refused(
        &world,
        "two.zip",
        &[],
        "is a ZIP archive of 2 files; unpack it, and give the one with the ids (files: `a.csv`, `b.csv`)",
    );
    world.write("none.zip", zip::<&str>(&[]));
    refused(&world, "none.zip", &[], "of 0 files");
    let inner = zip(&[("a.csv", text)]);
    world.write("twice.zip", zip(&[("a.zip", &inner)]));
    refused(&world, "twice.zip", &[], "compressed more than once");
    // One behind the other: a reader goes by what the last one says at its end.
    world.write("both.zip", [&*inner, &zip(&[("b.csv", text)])].concat());
    refused(&world, "both.zip", &[], "another archive stands before it");
    world.write(
        "users.tsv.gz",
        compress(inner.clone(), Some(Compression::Gzip)),
    );
    refused(&world, "users.tsv.gz", &[], "compressed more than once");
    // Two files of one name: which of them a reader takes, it does not say.
    let mut twins = zip(&[("a.csv", text), ("b.csv", text)]);
    for at in (0..twins.len() - 5).rev() {
        if twins[at..].starts_with(b"b.csv") {
            twins[at] = b'a';
        }
    }
    world.write("twins.zip", twins);
    refused(&world, "twins.zip", &[], "two of its files have one name");
    // A digit that changed on the way shows in the check sum.
    let digest = inner.windows(4).position(|it| it == b"PK\x01\x02").unwrap() + 16;
    let mut damaged = inner.clone();
    damaged[digest] ^= 1;
    world.write("damaged.zip", damaged);
    refused(&world, "damaged.zip", &[], "damaged");
    let mut locked = inner;
    for flags in [6, digest - 8] {
        locked[flags] |= 1;
    }
    world.write("locked.zip", locked);
    refused(&world, "locked.zip", &[], "password");
}

#[rstest]
fn a_compressed_file_is_read_by_its_bytes(
    #[values("users.csv.bz2", "users.csv.xz", "users.csv")] name: &str,
    #[values(Compression::Bzip2, Compression::Xz)] how: Compression,
) {
    let world = world();
    let text = "id,name\n361808353001,x\n361808353012,y\n361808353023,z\n";
    let whole = compress(text.into(), Some(how));
    world.write("cut.csv", &whole[..whole.len() - 9]);
    refused(
        &world,
        "cut.csv",
        &[],
        &format!("could not decompress `cut.csv` as {how}"),
    );
    world.write("twice", compress(whole.clone(), Some(how)));
    refused(&world, "twice", &[], "compressed more than once");
    if name == "users.csv" {
        // A stream of 32 MiB again and again.
        let stream = compress(vec![b'7'; 32 << 20], Some(how));
        world.write("bomb", stream.repeat(9));
        refused(&world, "bomb", &[], "to more than 268435456");
    }
    world.write(name, whole);
    means(&world, name, &[], 3);
}

#[rstest]
fn no_member_of_a_compressed_file_is_lost(
    #[values(
        Compression::Gzip,
        Compression::Zstd,
        Compression::Bzip2,
        Compression::Xz
    )]
    how: Compression,
) {
    let world = world();
    let parts = ["id\n361808353001\n", "361808353012\n361808353023\n"];
    let [one, two] = parts.map(|text| compress(text.into(), Some(how)));
    for behind in [b"361808353012\n", &two[..two.len() - 5], &two[..1]] {
        world.write("users.csv", [&one, behind].concat());
        refused(
            &world,
            "users.csv",
            &[],
            "could not decompress `users.csv` as",
        );
    }
    world.write("users.csv", [one, two].concat());
    means(&world, "users.csv", &[], 3);
}

#[test]
fn a_protect_list_may_be_a_sheet_too() {
    let world = world();
    world.write(
        "users.csv",
        "id\n361808353001\n361808353012\n361808353023\n",
    );
    let staff: [Row; 3] = [
        (1, &["id"]),
        (2, &["#361808353012"]),
        (3, &["361808353023"]),
    ];
    world.write("staff.xlsx", xlsx(&[("Staff", &staff)]));
    let args = [
        &run("users.csv", "acme", "delete")[..],
        &["--protect", "staff.xlsx"],
    ]
    .concat();
    let lost: [Row; 2] = [(1, &["id"]), (2, &["#5725767000000411001"])];
    world.write("lost.xlsx", xlsx(&[("Staff", &lost)]));
    refused(&world, "users.csv", &["--protect", "lost.xlsx"], "cell A2");
    let board: [Row; 2] = [(1, &["id"]), (2, &["#361808353001"])];
    world.write("both.xlsx", xlsx(&[("Staff", &staff), ("Board", &board)]));
    refused(
        &world,
        "users.csv",
        &["--protect", "both.xlsx"],
        "other sheets",
    );
    world.call(&args).code(0);
    assert_eq!(touched(&world), users(1));
}

#[test]
fn a_sheet_comes_through_standard_input_too() {
    let world = world();
    let args = [&run("-", "acme", "delete")[..], &["--ledger", "x"]].concat();
    world.call_with(&args, &xlsx(&[("Users", &ROWS)])).code(0);
    assert_eq!(touched(&world), users(3));
}
