//! The rows of each format, with the lines they begin on.

use super::file;
use userpurge::input::{Asides, InputSource, ReadOptions};

/// The line and the id, or the problem's code, of every row of a file; at last the error.
fn told(name: &str, content: impl AsRef<[u8]>) -> String {
    let file = file(name, content);
    let mut all = Vec::new();
    let mut source = InputSource::open(file.path(), &ReadOptions::default()).unwrap();
    let ended = source.each_row(|position, row| {
        let told = match row {
            Ok(record) => record.id.to_string(),
            Err(problem) => problem.code.to_owned(),
        };
        all.push(format!("{} {told}", position.line));
    });
    if let Err(error) = ended {
        let error = error.to_string();
        let (_, why) = error.split_once("whole JSON: ").unwrap();
        all.push(why.split(';').next().unwrap().to_owned());
    }
    all.join(", ")
}

#[test]
fn a_record_of_csv_has_the_line_it_begins_on() {
    let table: [(&[u8], &str); 16] = [
        (b"1,a\n2,b\n", "2 1, 3 2"),
        (b"1,a\r\n2,b", "2 1, 3 2"),
        (b"1,a\r2,b\r", "2 1, 3 2"),
        (b"\n\r\n1,a\n\n\n2,b\n\n", "4 1, 7 2"),
        (b"1,\"a\nb\n\nc\"\n2,b\n", "2 1, 6 2"),
        (b"1,\"a\r\nb\"\r\n2,b\r\n", "2 1, 4 2"),
        (b"1,\"a\"\"b\"\n\"2\",b", "2 1, 3 2"),
        (b"1,5\" pipe\n2,b", "2 1, 3 2"),
        (b"1\n2,b,c,d\n", "2 1, 3 2"),
        (b"1,a\n2,\"b\n3,c\n4,d\n", "2 1, 3 unclosed_quote"),
        (b"1,\"a\"", "2 1"),
        (b"\"1\"", "2 cut_short"),
        (b"1,\"\n", "2 unclosed_quote"),
        (b"1,a\n\xC2\xA0\n", "2 1, 3 "),
        (b"", ""),
        // Latin-1 in a column that means nothing is nobody's business.
        (b"1,Zo\xEB\n2\xEB,b\n3,c\n", "2 1, 3 invalid_utf8, 4 3"),
    ];
    for (text, expected) in table {
        assert_eq!(told(".csv", [b"id,x\n", text].concat()), expected);
    }
}

/// A file that is cut within its last id would name another user.
#[test]
fn the_end_of_a_file_is_no_part_of_an_id() {
    for (name, text, expected) in [
        (
            ".csv",
            "x,id\ny,361808351050\ny,36180835105",
            "2 361808351050, 3 cut_short",
        ),
        (
            ".csv",
            "x,id\r\ny,361808351050\r\ny,3",
            "2 361808351050, 3 cut_short",
        ),
        (
            ".tsv",
            "id\n361808351050\n36180835105",
            "2 361808351050, 3 cut_short",
        ),
        // Whole by its line end, by its quotes, or by its length.
        (
            ".csv",
            "x,id\ny,361808351050\ny,36180835105\n",
            "2 361808351050, 3 36180835105",
        ),
        (
            ".csv",
            "x,id\ny,361808351050\ny,\"36180835105\"",
            "2 361808351050, 3 36180835105",
        ),
        (
            ".csv",
            "x,id\ny,361808351050\ny,361808351061",
            "2 361808351050, 3 361808351061",
        ),
        (
            ".csv",
            "id,x\n361808351050,yes\n36180835105,y",
            "2 361808351050, 3 36180835105",
        ),
        // An action that is cut short may be another one.
        (
            ".csv",
            "id,action\n11,delete-personal-information\n12,delete",
            "2 11, 3 cut_short",
        ),
        (
            ".txt",
            "361808351050\n3618083510611\n361808351072",
            "1 361808351050, 2 3618083510611, 3 cut_short",
        ),
        (
            ".jsonl",
            "361808351050\n36180835105",
            "1 361808351050, 2 cut_short",
        ),
        (
            ".jsonl",
            "361808351050\n36180835105\n",
            "1 361808351050, 2 36180835105",
        ),
        (
            ".jsonl",
            "{\"id\":361808351050}\n{\"id\":36180835105}",
            "1 361808351050, 2 36180835105",
        ),
    ] {
        assert_eq!(told(name, text), expected, "{text:?}");
    }
}

#[test]
fn a_row_of_csv_is_read_from_its_own_columns_or_not_at_all() {
    for (text, expected) in [
        (
            "id\n5,54E+17\n5,54e17\n361808,00\n361808,\n",
            "2 decimal_comma, 3 decimal_comma, 4 decimal_comma, 5 361808",
        ),
        (
            "id,x\n5,54E+17\n361,00,y\n5,b,c\n5,54,\n",
            "2 decimal_comma, 3 decimal_comma, 4 5, 5 decimal_comma",
        ),
        // A cell too few or too many may have put another into the column.
        (
            "name,id,phone,ref\n361,1555,R2\nAda,361,1555\nAda,361,1555,R2\n",
            "2 short_row, 3 short_row, 4 361",
        ),
        (
            "name,phone,id\nTest, Ada,1555,361\nAda,1555,361,,\nAda\n",
            "2 decimal_comma, 3 361, 4 no_id",
        ),
        (
            "id,name,action\n361,purge\n361\n361,Ada,purge\n",
            "2 short_row, 3 short_row, 4 361",
        ),
        (
            "id,name,ref\n361\n362,Ada\n363,Ada,R,x\n",
            "2 361, 3 362, 4 363",
        ),
        // Blanks of every kind are taken off.
        (
            "id\n  1\t\n\u{a0}2\u{a0}\n\u{feff}3\u{200b}\n\u{200e}4\u{200f}\na b\n",
            "2 1, 3 2, 4 3, 5 4, 6 a b",
        ),
        // What was cleared in a spreadsheet is no row.
        ("id;name;\n361;Ada;\n;;\n ;\u{a0};\"\"\n;;x\n", "2 361, 5 "),
        (";;\nid;name;\n361;Ada;\n", "3 361"),
    ] {
        assert_eq!(told(".csv", text), expected);
    }
}

#[test]
fn a_line_of_a_list_is_taken_whole_or_not_at_all() {
    let hex = "5963c0d619a30a2e00de36b8";
    for (text, expected) in [
        ("1\n2\n", "1 1, 2 2"),
        ("a\r\n\r\nb\r\n", "1 a, 3 b"),
        ("\n\r\n\rb", "4 b"),
        ("# a list\n\n 1 \n  # more\n2", "3 1, 5 2"),
        (",x\n,,\n", "1 x"),
        ("# nothing\n", ""),
        // Several ids on a line are as many rows.
        (
            "36181,36182;36183,\n36184 36185\n",
            "1 36181, 1 36182, 1 36183, 2 36184, 2 36185",
        ),
        ("36181\t361820, 36183\n", "1 36181, 1 361820, 1 36183"),
        (&format!("{hex} {hex}\n"), &format!("1 {hex}, 1 {hex}")),
        (
            "\"36181\"\n\"36182\",'36183'\n\"a b\"\n",
            "1 36181, 2 36182, 2 36183, 3 a b",
        ),
        // What stands behind an id is passed over, if it cannot be one.
        (
            "36181, 2026-01-31\n36182 x\n36183\ty z\n",
            "1 36181, 2 36182, 3 36183",
        ),
        ("36184;a\n36185\u{a0}x\n", "1 36184, 2 36185"),
        // Anything else is taken whole or not at all.
        (
            "1\t36181\n   3 36182\n",
            "1 number_before_id, 2 number_before_id",
        ),
        ("1 2\n36181,361820\n", "1 several_words, 2 several_words"),
        (
            "36181 7 a\n1 x\njane joe\n",
            "1 several_words, 2 several_words, 3 several_words",
        ),
        (
            "\"36181\n\"36181\"x\n'36181\n",
            "1 unclosed_quote, 2 unclosed_quote, 3 '36181",
        ),
        // The first part of a number is not taken for it.
        ("5,54E+17\n5,5e17\n", "1 decimal_comma, 2 decimal_comma"),
        ("361,00\n36180,00\n", "1 decimal_comma, 2 decimal_comma"),
        (
            "361 808 351\n361,808\n",
            "1 thousands_separators, 2 thousands_separators",
        ),
        ("1\u{a0}234\n", "1 thousands_separators"),
    ] {
        assert_eq!(told(".ids", text), expected, "{text:?}");
    }
    assert_eq!(told(".ids", b"1\n\xFF\n2\n"), "1 1, 2 invalid_utf8, 3 2");
}

#[test]
fn what_a_list_passes_over_is_counted() {
    let text = "# a list\n#36181\n36182 left in May\n#5963c0d619a30a2e00de36b8\n";
    let file = file(".ids", text);
    let mut source = InputSource::open(file.path(), &ReadOptions::default()).unwrap();
    source.each_row(|_, _| ()).unwrap();
    let expected = Asides {
        comments: 3,
        id_in_comment: Some(2),
        remarks: 1,
        ..Asides::default()
    };
    assert_eq!(source.asides(), expected);
}

#[test]
fn elements_are_read_with_their_lines_until_the_array_is_broken() {
    for (text, expected) in [
        (" [ ] \n", ""),
        ("[1,2]", "1 1, 1 2"),
        ("[\n  1,\n  \"2\"\n]\n", "2 1, 3 2"),
        ("[\r\n{\"id\":\r\n1},\r\n{\"id\":2}\r\n]", "2 1, 4 2"),
        (
            r#"[{"id":1,"n":"],}\"{"},{"id":2,"a":[[],{}]}]"#,
            "1 1, 1 2",
        ),
        ("[nonsense,2]", "1 not_json, 1 2"),
        ("[{\"id\":1],2]", "1 not_json, 1 2"),
        ("[", "it ends before its last bracket (line 1)"),
        ("[1,\n", "1 1, it ends before its last bracket (line 2)"),
        (
            "[1,\n{\"id\":",
            "1 1, it ends in the middle of an element (line 2)",
        ),
        (
            "[1,]",
            "1 1, an element is missing between its commas (line 1)",
        ),
        (
            "[1,,2]",
            "1 1, an element is missing between its commas (line 1)",
        ),
        ("[1}", "1 1, a `}` closes nothing (line 1)"),
        (
            "[{\"id\":1]},2]",
            "1 not_json, a `}` closes nothing (line 1)",
        ),
        (
            "[{\"id\":\"1},\n{\"id\":\"2\"}]",
            "it ends in the middle of an element (line 2)",
        ),
        ("[1]\n[2]", "1 1, 2 2"),
        ("[1 2]", "1 not_json"),
    ] {
        assert_eq!(told(".json", text), expected, "{text:?}");
    }
}

#[test]
fn what_is_no_text_in_utf_16_spoils_only_its_own_row() {
    let little =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let lone = 0xD800_u16.to_le_bytes().to_vec();
    let bytes = [little("\u{FEFF}1\n"), lone, little("2\n3\n4"), vec![b'5']].concat();
    assert_eq!(
        told(".ids", &bytes),
        "1 1, 2 invalid_utf8, 3 3, 4 invalid_utf8"
    );
}
