//! What the program is held against: the plainest loops over the same files, that keep nothing.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

/// Every record of a CSV file into one `ByteRecord`.
pub(crate) fn csv(path: &Path) -> io::Result<u64> {
    let mut reader = csv::Reader::from_path(path)?;
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record)? {
        black_box(&record);
        rows += 1;
    }
    Ok(rows)
}

/// The row of a JSON Lines file as a struct, its texts borrowed: the fastest that serde gives.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only the reading counts")]
struct Row<'a> {
    id: u64,
    account: &'a str,
    action: &'a str,
    #[serde(rename = "ref")]
    reference: &'a str,
}

/// Every line of a JSON Lines file into one buffer, and from there into a struct.
pub(crate) fn json(path: &Path) -> io::Result<u64> {
    each_line(path, |line| {
        serde_json::from_str(line).map(|row: Row<'_>| {
            black_box(row);
        })
    })
}

/// Likewise, into a tree of values, as one reads what may have any shape.
pub(crate) fn json_value(path: &Path) -> io::Result<u64> {
    each_line(path, |line| {
        serde_json::from_str(line).map(|row: serde_json::Value| drop(black_box(row)))
    })
}

fn each_line(path: &Path, mut read: impl FnMut(&str) -> serde_json::Result<()>) -> io::Result<u64> {
    let mut file = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let mut line = String::new();
    let mut rows = 0;
    while file.read_line(&mut line)? > 0 {
        read(&line)?;
        line.clear();
        rows += 1;
    }
    Ok(rows)
}
