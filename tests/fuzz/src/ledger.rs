//! Ledgers: any file, and any lines that fit the chain.

use std::io::{self, Read};
use std::path::Path;

use super::scratch::Scratch;
use userpurge::domain::{Counts, Entry};
use userpurge::ledger::{LedgerError, LedgerHead, LedgerReader, LedgerState, seal};

/// A header of format 2.
const HEADER: &[u8] = br#"{"kind":"run","run_id":"019abcde-0000-7000-8000-000000000001","format":2,"version":"0.1.0","options":{},"accounts":[],"started_at":"2026-11-22T09:30:00.000Z"}"#;

/// How many entries of a ledger are looked at.
const ENTRIES_MAX: usize = 2_000;

/// What a ledger read as: its entries up to the error that ended them, if one did.
#[derive(Debug, PartialEq)]
struct Reading {
    entries: Vec<Entry>,
    head: LedgerHead,
    bytes: u64,
    error: Option<String>,
}

/// Hands out one byte at a time.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = buffer.len().min(1);
        self.0.read(&mut buffer[..end])
    }
}

fn read(source: impl Read) -> Result<Reading, LedgerError> {
    let mut reader = LedgerReader::new(Path::new("a.ledger.jsonl"), source)?;
    let mut entries = vec![Entry::Run(Box::new(reader.header.clone()))];
    let mut error = None;
    while entries.len() < ENTRIES_MAX {
        match reader.next_entry() {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => break,
            Err(why) => {
                error = Some(why.to_string());
                break;
            }
        }
    }
    assert_eq!(reader.lines, entries.len() as u64);
    Ok(Reading {
        entries,
        head: reader.head,
        bytes: reader.bytes,
        error,
    })
}

/// Any bytes as a ledger: it reads alike in pieces of any size, and what it holds can be written
/// and read again.
pub fn ledger_file(data: &[u8]) {
    match (read(data), read(Drip(data))) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(whole, pieces);
            assert!(whole.bytes <= data.len() as u64);
            whole.entries.iter().for_each(check_entry);
        }
        (whole, pieces) => {
            let told = |read: Result<Reading, LedgerError>| read.err().map(|it| it.to_string());
            assert_eq!(told(whole), told(pieces));
        }
    }
}

/// Any lines as the bodies of entries, with a chain that fits: what is read of them can be written
/// and read again, and the state they come to adds up.
pub fn ledger_lines(data: &[u8]) {
    let mut bytes = Vec::new();
    let mut head = seal(LedgerHead::GENESIS, HEADER, &mut bytes);
    let bodies = data.split(|byte| *byte == b'\n');
    for body in bodies.filter(|body| body.len() > 2 && body.ends_with(b"}")) {
        head = seal(head, body, &mut bytes);
    }
    let ledger = read(bytes.as_slice()).unwrap();
    let Some((Entry::Run(header), entries)) = ledger.entries.split_first() else {
        unreachable!("the first entry is the header");
    };
    entries.iter().for_each(check_entry);
    if ledger.error.is_some() || ledger.entries.len() == ENTRIES_MAX {
        return;
    }
    let file = Scratch::new(".ledger.jsonl", &bytes);
    let state = LedgerState::read(file.path()).unwrap();
    assert_eq!(
        (state.lines, state.head),
        (ledger.entries.len() as u64, ledger.head)
    );
    assert_eq!(&state.header, &**header);
    let planned = state.planned.as_ref().map_or(0, |it| it.rows);
    let ended = state.ended.len();
    assert!(state.counts().total() >= ended.max(planned));
    let named: u64 = state.account_counts().values().map(Counts::total).sum();
    assert!(
        named
            <= state
                .counts()
                .total()
                .max(ended + state.outstanding().len())
    );
    assert!(state.outstanding().is_disjoint(&state.ended));
}

/// An entry is the same after it was written and read, and so are its bytes.
fn check_entry(entry: &Entry) {
    let body = serde_json::to_vec(entry).unwrap();
    assert!(!body.contains(&b'\n'), "an entry is one line");
    let again: Entry = serde_json::from_slice(&body).unwrap();
    assert_eq!(&again, entry);
    assert_eq!(serde_json::to_vec(&again).unwrap(), body);
    if matches!(entry, Entry::Run(_)) {
        return;
    }
    // The short way, which the reader takes.
    let mut bytes = Vec::new();
    let head = seal(LedgerHead::GENESIS, HEADER, &mut bytes);
    seal(head, &body, &mut bytes);
    let read = read(bytes.as_slice()).unwrap();
    assert_eq!(read.entries.get(1), Some(entry), "{:?}", read.error);
}
