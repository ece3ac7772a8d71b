//! Rows as CSV, for a spreadsheet: nothing in a cell is an order, and ids go back as they are.

use userpurge::report::csv::{End, Sheet};

/// How a row ended.
const END: End<'static> = End {
    outcome: "refused",
    code: Some("=x"),
    message: None,
    line: 7,
};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The cell of a column that holds no ids, as it is written.
fn safe(cell: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut sheet = Sheet::new(&mut bytes, &names(&["name"]), None, &[]).unwrap();
    sheet.row(&[cell.to_vec()], false, END).unwrap();
    sheet.finish().unwrap();
    let mut rows = csv::Reader::from_reader(&bytes[..]);
    rows.byte_records().next().unwrap().unwrap()[0].to_vec()
}

#[test]
fn an_id_that_may_be_one_goes_back_as_it_is() {
    for (cell, keeps_id, expected) in [
        (" 123\u{85}", true, " 123\u{85}"),
        ("=cmd|x", true, "=cmd|x"),
        ("=cmd|x", false, "'=cmd|x"),
        (" =cmd|x", false, " '=cmd|x"),
        ("-5", false, "-5"),
        ("1\u{1b}[2J\0\u{9b}", false, "1\u{1a}[2J\u{1a}\u{1a}"),
    ] {
        let mut bytes = Vec::new();
        let mut sheet = Sheet::new(&mut bytes, &names(&["id"]), Some(0), &[0]).unwrap();
        let cells = [cell, "=too much"].map(|it| it.as_bytes().to_vec());
        sheet.row(&cells, keeps_id, END).unwrap();
        let odd = u64::from(keeps_id && cell.starts_with('='));
        assert_eq!(sheet.finish().unwrap(), (1, odd));
        let text = String::from_utf8(bytes).unwrap();
        let row = format!("{expected},refused,'=x,,7,'=too much");
        assert_eq!(text.lines().nth(1).unwrap(), row);
    }
}

#[test]
fn what_a_spreadsheet_would_compute_is_text_and_escaping_twice_is_escaping_once() {
    for formula in [
        "=1+1",
        "=cmd|' /C calc'!A0",
        "+49 30 1234",
        "-1+2",
        "--1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\tx",
        "  =1",
        "\u{a0}=1",
        "\"=1",
        " \" =1",
        "＝1",
        "-",
        "+E5",
        "-5 ",
    ] {
        let once = safe(formula.as_bytes());
        assert_eq!(once, format!("'{formula}").as_bytes());
        assert_eq!(safe(&once), once);
    }
    for text in [
        "-5",
        "+5",
        "-1,234.50",
        "-1.5E+3",
        "'=1",
        "a=1",
        "",
        "two\r\nlines\tx\u{85}",
    ] {
        assert_eq!(safe(text.as_bytes()), text.as_bytes());
    }
    for (bytes, expected) in [
        (&b"\0=1"[..], &b"\x1A=1"[..]),
        ("a\u{1b}[31m\u{7f}\u{9b}b".as_bytes(), b"a\x1A[31m\x1A\x1Ab"),
        // Bytes that are no text stay.
        (b"Zo\xEB", b"Zo\xEB"),
        (b" =\xEB\0", b"' =\xEB\x1A"),
        (b"\xC2", b"\xC2"),
    ] {
        assert_eq!(safe(bytes), expected);
    }
}

#[test]
fn a_file_that_came_from_here_keeps_the_columns_it_has() {
    for (more, expected) in [
        ("x", "userpurge_outcome"),
        ("userpurge_code", "userpurge_outcome_2"),
    ] {
        let mut bytes = Vec::new();
        let sheet = Sheet::new(&mut bytes, &names(&["id", more]), Some(0), &[0]).unwrap();
        sheet.finish().unwrap();
        let header = String::from_utf8(bytes).unwrap();
        assert_eq!(header.split(',').nth(2), Some(expected));
    }
}
