//! An input as a table: the admin's own rows, given back.

use std::fmt::Write as _;

use proptest::prelude::*;
use rstest::rstest;

use super::{OwnedRow, all_rows, file};
use userpurge::input::{Columns, InputSource, InputTable, ReadOptions};

fn options(id: &str) -> ReadOptions {
    ReadOptions {
        columns: Columns {
            id: (!id.is_empty()).then(|| id.to_owned()),
            ..Columns::default()
        },
        ..ReadOptions::default()
    }
}

/// Columns and rows, joined with `|`.
fn table(name: &str, text: &str, id: &str) -> Vec<String> {
    let file = file(name, text.as_bytes());
    let mut table = InputTable::open(file.path(), &options(id)).unwrap();
    let mut all = vec![table.columns().join("|")];
    while table.advance().unwrap().is_some() {
        let cells = table.cells();
        let texts = cells.iter().map(|cell| String::from_utf8_lossy(cell));
        all.push(texts.collect::<Vec<_>>().join("|"));
    }
    all
}

#[rstest]
#[case(".csv", "Name;User ID\nAda; 1\nBob\nEve;3;x\n", "", &["Name|User ID", "Ada| 1", "Bob", "Eve|3|x"])]
#[case(".csv", "id,x\n1,\"a\n2,b\n", "", &["id|x", ""])]
#[case(".ids", "36181, yesterday\n 2 \n36183,36184\n5 36185\n", "", &["id", "36181", " 2", "36183", "36184", ""])]
#[case(".jsonl", "{\"b\":1,\"id\":2}\n{\"id\":3,\"a\":null}\n4\n", "", &["b|id|a", "1|2|", "|3|", "|4|"])]
#[case(".json", "[1,\"2\",[3]]", "", &["id", "1", "2", ""])]
#[case(".jsonl", "{\"user\":{\"id\":7}}\n", "user.id", &["user|user.id", "{\"id\":7}|7"])]
#[case(".jsonl", "{\"user_id\":1}\n{\"account\":\"a\"}\n{\"User ID\":3}\n", "", &["user_id|account", "1|", "|a", "3|"])]
#[case(".jsonl", "{\"user_id\":1}\n{\"x\":0,\"User ID\":3}\n", "", &["user_id|x", "1|", "3|0"])]
#[case(".jsonl", "{\"id\":1e5,\"x\":1e5}\n{\"id\":true,\"x\":[1, 2]}\n", "", &["id|x", "|1e5", "|[1, 2]"])]
#[case(".jsonl", "{\"id\":1,\"ref\":\"a\",\"Ref\":\"b\"}\n", "", &["id|ref", "|a"])]
fn rows_are_given_as_the_file_has_them(
    #[case] name: &str,
    #[case] text: &str,
    #[case] id: &str,
    #[case] expected: &[&str],
) {
    assert_eq!(table(name, text, id), expected);
}

#[test]
fn bytes_that_are_no_text_stay_what_they_are() {
    let file = file(".csv", b"id,name\n\xFF1,Zo\xEB\n");
    let mut table = InputTable::open(file.path(), &options("")).unwrap();
    table.advance().unwrap();
    assert_eq!(table.cells(), [b"\xFF1".to_vec(), b"Zo\xEB".to_vec()]);
}

#[test]
fn there_are_never_more_columns_than_can_be_read_again() {
    let rows = (0..20_000).fold(String::new(), |rows, n| {
        format!("{rows}{{\"id\":1,\"k{n}\":2}}\n")
    });
    let file = file(".jsonl", rows.as_bytes());
    let table = InputTable::open(file.path(), &options("")).unwrap();
    assert_eq!(table.columns().len(), 8 * 1024);
    assert!(table.keys_left_out());
}

/// The rows of the table of `rows`, written as CSV and read again.
fn again(path: &std::path::Path, options: &ReadOptions) -> Vec<OwnedRow> {
    let mut table = InputTable::open(path, options).unwrap();
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    // A report adds columns of its own, so that no row is blank.
    let own = [table.columns(), &["x_outcome".to_owned()]].concat();
    writer.write_record(&own).unwrap();
    while table.advance().unwrap().is_some() {
        let mut cells = table.cells();
        cells.resize(cells.len().max(table.columns().len()), Vec::new());
        cells.push(b"pending".to_vec());
        writer.write_record(cells).unwrap();
    }
    let file = file(".csv", writer.into_inner().unwrap());
    let source = InputSource::open(file.path(), options).unwrap();
    all_rows(source)
}

proptest! {
    #[test]
    fn a_table_written_and_read_again_means_the_same(
        rows in prop::collection::vec((
            prop::sample::select(vec!["id", "ID", "I d", "external_id", "x"]),
            prop::sample::select(vec!["1", "\"2\"", "\" 3\"", "1e5", "-4", "null", "true", "\"a\\u0001\"", "[5]", "\"=1\""]),
            prop::sample::select(vec!["account", "provider", "System", "id", "y"]),
            // One digit before an exponent would be a number that its comma tore apart.
            prop::sample::select(vec!["\"acme\"", "\" b \"", "null", "77", "{}"]),
        ), 1..8),
    ) {
        let mut text = String::from("{\"id\":0}\n");
        for (id_key, id, other_key, other) in &rows {
            writeln!(text, "{{\"{id_key}\":{id},\"{other_key}\":{other}}}").unwrap();
        }
        let file = file(".jsonl", text.as_bytes());
        let first = all_rows(InputSource::open(file.path(), &options("")).unwrap());
        let second = again(file.path(), &options(""));
        prop_assert_eq!(first.len(), second.len());
        for (first, second) in first.iter().zip(&second) {
            match (&first.1, &second.1) {
                (Ok(first), Ok(second)) => prop_assert_eq!(first, second),
                // Whatever was wrong: without an id it is invalid again.
                (Err(_), Ok(second)) => prop_assert_eq!(second.id.as_ref(), ""),
                (_, Err(problem)) => prop_assert!(false, "{}", problem.reason),
            }
        }
    }
}
