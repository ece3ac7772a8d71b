//! A hostile file: too large, too deep, too odd, or made to do harm to who reads the output. The
//! program stays small, says what is wrong and on which line, and sends just what is meant.
//!
//! The huge files here are a tenth of what was tried by hand (400 MB); what is asserted is a peak
//! of memory below the file's own size, which only a program that holds a row at a time keeps to.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};

use flate2::write::GzEncoder;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::usual::run;
use crate::support::{Done, PEAK_KIB_MAX, World};

const MIB: usize = 1024 * 1024;

/// The size of a huge file.
const HUGE: usize = 40 * MIB;

const CHAT: [&str; 4] = ["--account", "chat", "--action", "delete"];

/// What a huge file is made of.
enum Part {
    Once(&'static [u8]),
    /// This text again and again, up to so many bytes.
    Fill(&'static [u8], usize),
}

use Part::{Fill, Once};

fn write(to: &mut dyn Write, parts: &[Part]) {
    for part in parts {
        match part {
            Once(text) => to.write_all(text).unwrap(),
            Fill(text, bytes) => {
                let many = text.repeat((MIB / text.len()).max(1));
                let mut left = *bytes;
                while left > 0 {
                    let count = left.min(many.len());
                    to.write_all(&many[..count]).unwrap();
                    left -= count;
                }
            }
        }
    }
}

fn huge(world: &World, name: &str, parts: &[Part]) {
    let mut file = BufWriter::new(File::create(world.path(name)).unwrap());
    write(&mut file, parts);
    file.into_inner().unwrap();
}

/// Plans `name`; asserts on memory, code and what is said, and that nothing was sent.
#[track_caller]
fn plan(world: &World, name: &str, code: i32, says: &[&str]) -> Done {
    let (mut done, peak) = world.measured(&[&["plan", name][..], &CHAT].concat());
    done = done.code(code);
    for text in says {
        done = done.says(text);
    }
    assert!(peak < PEAK_KIB_MAX, "{name}: {peak} KiB at most");
    assert!(world.sandbox().log(None).is_empty(), "plan sends nothing");
    done
}

#[rstest]
#[case::csv("a.csv", &[Once(b"id\n1\n"), Fill(b"7", HUGE), Once(b"\n2\n")], "line 3: the row is longer than 1048576 bytes")]
#[case::ids("a.ids", &[Once(b"1\n"), Fill(b"7", HUGE), Once(b"\n2\n")], "line 2: the row is longer")]
#[case::jsonl("a.jsonl", &[Once(b"1\n{\"id\":\""), Fill(b"7", HUGE), Once(b"\"}\n2\n")], "line 2: the row is longer")]
#[case::json("a.json", &[Once(b"[1,\n{\"id\":\""), Fill(b"7", HUGE), Once(b"\"},\n2]")], "line 2: the row is longer")]
#[case::quoted("a.csv", &[Once(b"id,x\n1,a\n9,\""), Fill(b"x,\r\n", HUGE), Once(b"\"\n2,b\n")], "line 3: the row is longer")]
#[case::commas("a.csv", &[Once(b"id\n1\n"), Fill(b",", HUGE), Once(b"\n2\n")], "line 3: the row has more than 16384 columns")]
#[case::columns("a.csv", &[Once(b"id\n1\n9"), Fill(b",x", 2_000_000), Once(b"\n2\n")], "line 3: the row has more than 16384 columns")]
#[case::nested_json("a.json", &[Once(b"[1,{\"id\":9,\"x\":"), Fill(b"[", MIB), Fill(b"]", MIB), Once(b"},2]")], "line 1: the row is longer")]
#[case::never_closed("a.jsonl", &[Once(b"1\n2\n"), Fill(b"{\"id\":", HUGE)], "line 3: the row is longer")]
#[case::digits("a.jsonl", &[Once(b"1\n{\"id\":"), Fill(b"9", MIB / 2), Once(b"}\n2\n")], "line 2: id: the id has more than 1,024 characters")]
#[case::exponent("a.jsonl", &[Once(b"1\n{\"id\":1e"), Fill(b"9", MIB / 2), Once(b"}\n2\n")], "line 2: id: the id is in scientific notation")]
#[case::keys("a.jsonl", &[Once(b"1\n{"), Fill(b"\"id\":9,", MIB - 32), Once(b"\"id\":9}\n2\n")], "line 2: id: two keys of the row match the id")]
fn one_row_may_be_anything_and_its_neighbours_are_planned(
    #[case] name: &str,
    #[case] parts: &[Part],
    #[case] says: &str,
) {
    let world = World::new();
    huge(&world, name, parts);
    plan(&world, name, 0, &["3 rows, 2 to delete, 1 invalid", says]);
}

#[rstest]
#[case::csv("a.csv", &[Once(b"id\n1\n"), Fill(b"\n", HUGE), Once(b"2\n")])]
#[case::returns("a.csv", &[Once(b"id\r1\r"), Fill(b"\r", HUGE), Once(b"2\r")])]
#[case::ids("a.ids", &[Once(b"1\n"), Fill(b"\r\n", HUGE), Once(b"2\n")])]
#[case::jsonl("a.jsonl", &[Once(b"1\n"), Fill(b"\n", HUGE), Once(b"2\n")])]
#[case::json("a.json", &[Once(b"[1,"), Fill(b"\n", HUGE), Once(b"2]")])]
#[case::deep("a.jsonl", &[Once(b"1\n{\"x\":"), Fill(b"[", MIB / 4), Fill(b"]", MIB / 4), Once(b",\"id\":2}\n")])]
#[case::deep_objects("a.jsonl", &[Once(b"1\n{\"x\":"), Fill(b"{\"a\":", 500_000), Once(b"0"), Fill(b"}", 100_000), Once(b",\"id\":2}\n")])]
#[case::deep_first("a.json", &[Once(b"[{\"x\":"), Fill(b"[", MIB / 4), Fill(b"]", MIB / 4), Once(b",\"id\":1},{\"id\":2}]")])]
fn what_means_nothing_is_passed_over_however_much_there_is(
    #[case] name: &str,
    #[case] parts: &[Part],
) {
    let world = World::new();
    huge(&world, name, parts);
    plan(&world, name, 0, &["2 rows, 2 to delete"]);
}

#[rstest]
#[case::unclosed("a.csv", &[Once(b"\"id,x\n"), Fill(b"1,2\n", HUGE)], "the header on line 1 of `a.csv` cannot be read: a quote opened in this row is never closed")]
#[case::wide("a.csv", &[Once(b"id"), Fill(b",x", 2_000_000), Once(b"\n1\n")], "the header on line 1 of `a.csv` cannot be read")]
#[case::open("a.json", &[Fill(b"[", HUGE)], "it ends in the middle of an element (line 1)")]
#[case::zeros("a.csv", &[Once(b"id\n1\n"), Fill(b"\0", HUGE)], "it holds NUL bytes")]
#[case::tail("a.json", &[Once(b"[1]\n"), Fill(b"\n", HUGE), Once(b"2")], "an object or an array should begin here (line 41943042)")]
fn a_file_that_cannot_be_read_as_a_whole_is_refused_with_its_line(
    #[case] name: &str,
    #[case] parts: &[Part],
    #[case] says: &str,
) {
    let world = World::new();
    huge(&world, name, parts);
    plan(&world, name, 2, &[says]);
}

#[test]
fn a_quote_that_swallows_the_rest_of_the_file_is_one_invalid_row_that_says_so() {
    let world = World::new();
    let parts = [
        Once(b"id,x\n1,a\n2,\""),
        Fill(b"3,b\n", HUGE),
        Once(b"4,c\n"),
    ];
    huge(&world, "a.csv", &parts);
    let says = [
        "2 rows, 1 to delete, 1 invalid",
        "line 3: a quote opened in this row is never closed, so everything to the end of the file (line 10485764)",
    ];
    plan(&world, "a.csv", 0, &says);
}

/// A sparse file: it takes no room on disk, and 2 GB to read.
#[test]
fn a_hole_of_two_gigabytes_is_refused_at_its_edge() {
    let world = World::new();
    let mut file = File::create(world.path("a.csv")).unwrap();
    file.write_all(b"id\n1\n").unwrap();
    file.set_len(2 << 30).unwrap();
    plan(&world, "a.csv", 2, &["a.csv", "NUL bytes"]);
}

#[test]
fn ids_scattered_over_64_bits_take_little_memory_each() {
    const ROWS: u64 = 100_000;
    let world = World::new();
    let mut random = fastrand::Rng::with_seed(3);
    let ids = (0..ROWS).fold(String::new(), |mut ids, n| {
        writeln!(ids, "{}", (random.u64(1..1 << 40) << 20) | n).unwrap();
        ids
    });
    world.write("a.ids", ids);
    let (done, peak) = world.measured(&[&["plan", "a.ids"][..], &CHAT].concat());
    done.code(0).says("100,000 to delete");
    assert!(peak < PEAK_KIB_MAX, "{peak} KiB at most");
}

fn gzip(parts: &[Part]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    write(&mut encoder, parts);
    encoder.finish().unwrap()
}

fn zstd(window_log: Option<u32>, parts: &[Part]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    if let Some(window_log) = window_log {
        encoder.window_log(window_log).unwrap();
    }
    write(&mut encoder, parts);
    encoder.finish().unwrap()
}

#[test]
fn a_small_file_that_unfolds_without_end_is_refused_early() {
    let world = World::new();
    // A frame of 64 MiB again and again; as much of it as may not hold more than 256 MiB.
    let frame = zstd(None, &[Fill(b"7", 64 * MIB)]);
    let bomb = frame.repeat(250 * 1024 / frame.len());
    world.write("a.ids.zst", bomb);
    let says = [
        "`a.ids.zst` unfolds from",
        "bytes of zstd to more than 268435456",
        "decompress it and give the plain file",
    ];
    plan(&world, "a.ids.zst", 2, &says);
}

#[rstest]
#[case::gzip("a.csv.gz", "gz")]
#[case::zstd("a.csv.zst", "zst")]
fn a_compressed_row_of_any_length_is_one_invalid_row(#[case] name: &str, #[case] how: &str) {
    let world = World::new();
    let parts = [Once(b"id\n1\n"), Fill(b"7", HUGE), Once(b"\n2\n")];
    let bytes = if how == "gz" {
        gzip(&parts)
    } else {
        zstd(None, &parts)
    };
    world.write(name, bytes);
    plan(&world, name, 0, &["3 rows, 2 to delete", "line 3: the row"]);
}

#[test]
fn many_members_and_frames_with_nothing_in_them_are_passed_over() {
    let world = World::new();
    let members = [
        gzip(&[Once(b"id\n1\n")]),
        gzip(&[]).repeat(20_000),
        gzip(&[Once(b"2\n")]),
    ];
    world.write("a.csv.gz", members.concat());
    plan(&world, "a.csv.gz", 0, &["2 rows, 2 to delete"]);
    let frames = [
        zstd(None, &[Once(b"id\n1\n")]),
        zstd(None, &[]).repeat(20_000),
        zstd(None, &[Once(b"2\n")]),
    ];
    world.write("a.csv.zst", frames.concat());
    plan(&world, "a.csv.zst", 0, &["2 rows, 2 to delete"]);
}

#[rstest]
#[case::nested("a.csv.gz", gzip(&[Once(b"id\n1\n")]), "compressed more than once")]
#[case::nested_zstd("a.csv.zst", zstd(None, &[Once(b"id\n1\n")]), "compressed more than once")]
#[case::archive("a.csv.gz", b"PK\x03\x04\0\0\0\0".to_vec(), "compressed more than once")]
fn what_is_wrapped_twice_is_refused_by_name(
    #[case] name: &str,
    #[case] inner: Vec<u8>,
    #[case] says: &str,
) {
    let world = World::new();
    let inner: &'static [u8] = inner.leak();
    world.write(name, gzip(&[Once(inner)]));
    plan(&world, name, 2, &[name, says]);
}

#[test]
fn a_window_of_128_mib_is_refused_before_it_is_taken() {
    let world = World::new();
    let parts = [Once(b"id\n"), Fill(b"1234567\n", MIB)];
    world.write("a.csv.zst", zstd(Some(27), &parts));
    let says = ["`a.csv.zst` asks for a window", "zstd -19"];
    plan(&world, "a.csv.zst", 2, &says);
    let mut options = lzma_rust2::XzOptions::with_preset(0);
    options.lzma_options.dict_size = 128 << 20;
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    encoder.write_all(b"id\n1\n").unwrap();
    world.write("a.csv.xz", encoder.finish().unwrap());
    let says = ["`a.csv.xz` asks for a window", "`xz -9` or less"];
    let told = plan(&world, "a.csv.xz", 2, &says);
    assert!(!told.err.contains("zstd"), "{told:?}");
}

#[rstest]
#[case::cut(|whole: &[u8]| whole[..whole.len() - 9].to_vec())]
#[case::flipped(|whole: &[u8]| { let mut it = whole.to_vec(); let middle = it.len() / 2; it[middle] ^= 0x55; it })]
#[case::endless_name(|_: &[u8]| [&b"\x1f\x8b\x08\x08\0\0\0\0\0\xff"[..], &b"a".repeat(8 * MIB)].concat())]
fn damaged_gzip_is_refused_with_the_line_it_got_to(#[case] damage: fn(&[u8]) -> Vec<u8>) {
    let world = World::new();
    let mut text = String::from("id\n");
    for id in 1..20_000 {
        writeln!(text, "{id}").unwrap();
    }
    let text: &'static [u8] = text.into_bytes().leak();
    world.write("a.csv.gz", damage(&gzip(&[Once(text)])));
    let done = plan(&world, "a.csv.gz", 2, &["a.csv.gz", "past line"]);
    done.says("fetch it again");
}

/// Bytes that are not UTF-8, halves of UTF-16 and marks where none belong.
#[rstest]
#[case::id(b"id,name\n1,a\n\xFF\xFE,b\n3,c\n", &["3 rows, 2 to delete", "line 3: id: the id holds bytes that are not UTF-8"])]
#[case::elsewhere(b"id,name\n1,\xFF\n2,\xC0\x80\n", &["2 rows, 2 to delete"])]
#[case::reference(b"id,ref\n1,a\n2,\xE2\x82\n", &["2 rows, 1 to delete", "line 3: ref: the ref holds bytes that are not UTF-8"])]
#[case::account(b"id,account\n1,chat\n2,\xFF\n", &["2 rows, 1 to delete", "line 3: account: "])]
#[case::header(b"id,n\xFFme\n1,a\n", &["1 row, 1 to delete"])]
#[case::surrogates(b"id\n1\n\xED\xA0\x80\n", &["2 rows, 1 to delete", "line 3: id: "])]
#[case::marks(b"id,\xEF\xBB\xBFref\n\xEF\xBB\xBF5963c0d619a30a2e00de36b9,a\n", &["1 row, 1 to delete", "ref from `ref`"])]
#[case::halves(b"\xFF\xFEi\0d\0\n\x001\0\n\0\x00\xD8\n\x002\0\n\0", &["3 rows, 2 to delete", "line 3: id: "])]
#[case::half_a_unit(b"\xFF\xFEi\0d\0\n\x001\0\n\x002", &["2 rows, 1 to delete", "line 3: id: "])]
fn bytes_that_are_no_text_spoil_only_the_cell_they_stand_in(
    #[case] bytes: &[u8],
    #[case] says: &[&str],
) {
    let world = World::new();
    world.write("a.csv", bytes);
    plan(&world, "a.csv", 0, says);
}

/// How an id must stand in a path: everything but letters, digits and `-._~` encoded.
fn encoded(id: &str) -> String {
    id.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            write!(path, "%{byte:02X}").unwrap();
        }
        path
    })
}

/// Ids that are somebody's external id, odd as they are.
const ODD: &[&str] = &[
    "1?a=b",
    "1#x",
    "1/merge",
    "1;x",
    "1%00",
    "%31",
    "１２３",
    "+1",
    "1e3",
    "0x1",
    "-1",
    "1\u{200b}2",
    "1\u{202e}2",
    "a b",
    "=cmd|' /C calc'!A0",
    "+cmd",
    "@SUM(A1)",
    "1&a=b",
    "1:2@host",
    "1\\2",
    "a..b",
    "...",
    "{id}",
    "1'--",
    "\"1\"",
    "<b>1</b>",
    "1|2",
    "ünï",
    "🦀",
];

/// Ids that must never make a request: a server might follow them elsewhere, or nobody has them.
const NEVER: &[&str] = &[
    ".",
    "..",
    "../x",
    "..\\x",
    "x/../y",
    "%2e%2e",
    "%2E%2e%2Fx",
    "%252e%252e",
    "..;/x",
    "/",
    "%2F",
    "/1",
    "1/",
    "1//2",
    "%2F1",
    "1/personalinformation",
    "1\0",
    "1\u{1b}[2J",
    "1\u{7f}",
    "1\u{9b}31m",
    "1\tx",
    " 1 ",
    "\u{feff}1",
    "1\u{200b}",
];

#[test]
fn an_odd_external_id_is_one_exact_segment_and_one_that_leads_elsewhere_is_never_sent() {
    let world = World::new();
    let users: Vec<Value> = ODD
        .iter()
        .enumerate()
        .map(|(n, id)| json!({"id": format!("5fe0a0f0b5e2a4001c8d{n:04x}"), "external_id": id}))
        .collect();
    // Who must be left: what a slip in the encoding would lead to.
    let standing = [
        "1", "x", "y", "merge", "123", "1000", "12", "a", "host", "2",
    ];
    let others = standing
        .iter()
        .enumerate()
        .map(|(n, id)| json!({"id": format!("6fe0a0f0b5e2a4001c8d{n:04x}"), "external_id": id}));
    let users: Vec<Value> = users.into_iter().chain(others).collect();
    world.seed(json!({"sunco": users}));
    let rows: Vec<&str> = ODD.iter().chain(NEVER).copied().collect();
    let text = rows.iter().fold(String::new(), |mut text, id| {
        writeln!(text, "{}", json!({"user": id})).unwrap();
        text
    });
    world.write("a.jsonl", text);
    let args = [
        "run",
        "a.jsonl",
        "--id-column",
        "user",
        "--yes",
        "--account",
        "chat",
        "--action",
        "delete",
    ];
    world.call(&args).code(1);

    let app = "/v2/apps/5963c0d619a30a2e00de36b8";
    let mut meant: Vec<(String, String)> = ODD
        .iter()
        .map(|id| {
            let path = format!("{app}/users/{}", encoded(id));
            ("DELETE".to_owned(), path)
        })
        .collect();
    meant.push(("GET".to_owned(), app.to_owned()));
    meant.sort();
    let log = world.sandbox().log(None);
    let mut sent: Vec<_> = log
        .iter()
        .map(|entry| (entry.method.clone(), entry.path.clone()))
        .collect();
    sent.sort();
    assert_eq!(sent, meant);

    let outcomes = world.outcomes("a.jsonl.ledger.jsonl");
    for (row, id) in (1..).zip(&rows) {
        let outcome = if ODD.contains(id) {
            "deleted"
        } else {
            "invalid"
        };
        assert_eq!(outcomes[&row]["outcome"], outcome, "{id:?}");
    }
    // The users of the odd ids, and nobody else.
    for user in world.users() {
        let expected = if user.id.starts_with("5fe0") {
            "deleted"
        } else {
            "active"
        };
        assert_eq!(user.state, expected, "{user:?}");
    }
}

#[rstest]
#[case("acme", "delete", "1")]
#[case("crm", "delete", "5725767000000412001")]
fn where_ids_are_digits_nothing_else_is_sent(
    #[case] account: &str,
    #[case] action: &str,
    #[case] good: &str,
) {
    let world = World::new();
    world.seed(json!({
        "zendesk": [{"id": "1"}, {"id": "123"}, {"id": "12"}],
        "zoho": [{"id": "5725767000000412001"}],
    }));
    let mut text = format!("{}\n", json!({"user": good}));
    // Blanks and marks round an id are taken off where ids have none.
    let odd = ODD.iter().chain(NEVER).filter(|id| {
        let bare = id.trim_matches(|c: char| c.is_whitespace() || "\u{feff}\u{200b}".contains(c));
        bare != "1"
    });
    for id in odd {
        writeln!(text, "{}", json!({"user": id})).unwrap();
        // With the good id in front, as someone would write it who wants it looked past.
        writeln!(text, "{}", json!({"user": format!("{good}{id}x")})).unwrap();
    }
    world.write("a.jsonl", text);
    let args = [
        "run",
        "a.jsonl",
        "--id-column",
        "user",
        "--yes",
        "--account",
        account,
        "--action",
        action,
    ];
    world.call(&args).code(1);
    let deletions = world.deletions();
    let users: Vec<_> = deletions.iter().map(|it| it.user.as_deref()).collect();
    assert_eq!(users, [Some(good)]);
    assert!(deletions[0].path.ends_with(&format!("/users/{good}")));
    let outcomes = world.outcomes("a.jsonl.ledger.jsonl");
    assert_eq!(outcomes[&1]["outcome"], "deleted");
    for (row, entry) in outcomes.range(2..) {
        assert_eq!(entry["outcome"], "invalid", "{row}: {entry}");
        assert!(entry["id"].is_null(), "{entry}");
    }
}

/// What a terminal would obey, or a reader not see.
const ORDERS: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{9b}31m\u{8}\u{7f}\u{202e}\u{200b}\u{2028}";

fn gives_orders(c: char) -> bool {
    ORDERS.contains(c)
        && !matches!(
            c,
            '[' | '2' | 'J' | ']' | '0' | ';' | 'o' | 'w' | 'n' | 'e' | 'd' | '3' | '1' | 'm'
        )
}

#[track_caller]
fn gives_none(done: &Done) {
    for text in [&done.out, &done.err] {
        let at = text.find(gives_orders);
        assert!(at.is_none(), "{:?}", &text[at.unwrap_or(0)..]);
    }
}

#[test]
fn no_cell_header_or_file_name_reaches_the_terminal_as_an_order() {
    let world = World::new();
    let cell = format!("\"{ORDERS}\"");
    let args = |name: &str, more: &[&'static str]| -> Vec<String> {
        ["plan", name]
            .iter()
            .chain(more)
            .map(|it| (*it).to_owned())
            .collect()
    };
    let said = |args: Vec<String>| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let done = world.call(&args);
        gives_none(&done);
        done
    };
    // In no column's name.
    world.write("a.csv", format!("x{cell},{cell}\n1,2\n"));
    said(args("a.csv", &CHAT)).code(2).says("--id-column");
    world.write("a.csv", "i\u{200b}d,\"id\u{2028}\"\n1,2\n");
    said(args("a.csv", &CHAT))
        .code(2)
        .says("several columns that may hold the user ids");
    world.write("a.csv", "i\u{200b}d,\"re\u{2028}f\"\n1,2\n");
    said(args("a.csv", &CHAT)).code(0);
    // In every cell; ids of this provider may be odd.
    let row = |id: &str| format!("{id},{cell},{cell},{cell},{cell}\n");
    let rows = [&cell, "1\u{202e}2", "a\u{2028}b\u{2066}c"]
        .map(row)
        .concat();
    world.write("a.csv", format!("id,account,action,ref,name\n{rows}"));
    said(args("a.csv", &[])).code(1);
    let rows = format!("id,ref\n1\u{202e}2,{cell}\na\u{2028}b,{cell}\n{cell},{cell}\n");
    world.write("b.csv", rows);
    said(args("b.csv", &CHAT)).code(0).says("1\\u202e2");
    let json = said(args(
        "b.csv",
        &["--json", "--account", "chat", "--action", "delete"],
    ));
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["accounts"]["chat"]["delete"]["first_id"], "1\u{202e}2");
    // In the name of the file.
    let name = format!("c{}.csv", ORDERS.replace(['/', '\0'], ""));
    said(args(&name, &CHAT)).code(2);
    world.write(&name, "id\n1\n");
    said(args(&name, &CHAT)).code(0);

    // And in a run, at every kind of output.
    for (n, progress) in ["plain", "json", "none"].into_iter().enumerate() {
        let ledger = format!("{n}.ledger.jsonl");
        let run = run("b.csv", "chat", "delete");
        let args = [
            &run[..],
            &["-vvv", "--progress", progress, "--ledger", &ledger],
        ]
        .concat();
        let done = world.call(&args).code(1);
        gives_none(&done);
        let status = world.call(&["status", &ledger]);
        gives_none(&status);
    }
}
