//! Whole ledgers on disk: what a crash leaves, and what a hand changes.

mod actions;
mod audit;
mod damage;
mod faults;
mod fixture;
mod fold;
mod follower;
mod heeded;
mod memory;
mod model;
mod recovery;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::ProptestConfig;
use tempfile::TempDir;

use super::LedgerReader;
use super::chain::{self, Head};
use super::samples;
use crate::domain::Entry;

/// A failing case goes into a test of its own, not into a file at the top level.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The bytes of a ledger that holds `entries`, the first of them a header.
fn bytes_of(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut head = Head::GENESIS;
    for entry in entries {
        head = chain::seal(head, &serde_json::to_vec(entry).unwrap(), &mut bytes);
    }
    bytes
}

fn write(path: &Path, bytes: &[u8]) {
    let mut file = fs::File::create(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// A folder of the test's own, and where a ledger may lie in it.
pub(super) fn fresh() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger.jsonl");
    (folder, path)
}

/// A ledger of an input of `rows` rows that holds `entries`.
pub(super) fn written(rows: u64, entries: &[Entry]) -> (TempDir, PathBuf) {
    let header = Entry::Run(Box::new(samples::header(rows)));
    let all: Vec<Entry> = std::iter::once(header)
        .chain(entries.iter().cloned())
        .collect();
    let (folder, path) = fresh();
    write(&path, &bytes_of(&all));
    (folder, path)
}

/// All entries of a ledger that is whole, the header first.
pub(super) fn read_all(path: &Path) -> Vec<Entry> {
    let mut reader = LedgerReader::open(path).unwrap();
    let mut entries = vec![Entry::Run(Box::new(reader.header().clone()))];
    while let Some(entry) = reader.next_entry().unwrap() {
        entries.push(entry);
    }
    assert_eq!(reader.torn(), None);
    entries
}
