//! Whatever is done with a ledger, in whatever order, and wherever the power goes: what was
//! acknowledged is there, and what is there is a beginning of what was appended.

use std::path::Path;

use futures::executor::block_on;
use proptest::prelude::*;
use proptest::sample::Index;

use super::config;
use super::memory::MemoryDisk;
use super::model::arbitrary_entry;
use crate::domain::Entry;
use crate::ledger::samples::{header, state};
use crate::ledger::{Durability, LedgerHandle, LedgerReader, LedgerWriter, Opened};

/// What is done.
#[derive(Debug, Clone)]
enum Action {
    Append(Entry, Durability),
    /// Finish, and open again.
    Reopen,
    /// The power goes and takes what was not synced, but for so much of it; then open again.
    CutPower(Index),
    /// A write fails after so many bytes.
    FailWrite(usize),
    /// A sync fails.
    FailSync,
}

fn any_action() -> impl Strategy<Value = Action> {
    let durability = prop::sample::select(&[Durability::Synced, Durability::Queued][..]);
    prop_oneof![
        8 => (arbitrary_entry(), durability).prop_map(|(entry, it)| Action::Append(entry, it)),
        1 => Just(Action::Reopen),
        1 => any::<Index>().prop_map(Action::CutPower),
        1 => (0..700_usize).prop_map(Action::FailWrite),
        1 => Just(Action::FailSync),
    ]
}

/// The model: what must be there, what may be, and whether an append was told that nothing goes on.
#[derive(Debug, Default)]
struct Model {
    safe: Vec<Entry>,
    maybe: Vec<Entry>,
    failed: bool,
}

impl Model {
    fn appended(&mut self, entry: &Entry, durability: Durability, taken: bool) {
        if !self.failed {
            self.maybe.push(entry.clone());
        }
        match (taken, durability) {
            (true, Durability::Synced) => self.safe.append(&mut self.maybe),
            (true, Durability::Queued) => {}
            (false, _) => self.failed = true,
        }
    }

    /// What survived becomes what must be there.
    fn survived(&mut self, found: Vec<Entry>) {
        let (safe, maybe) = (self.safe.len(), self.maybe.len());
        assert!(found.len() >= safe, "{} of {safe} were kept", found.len());
        assert!(
            found.len() <= safe + maybe,
            "{} of {safe} and {maybe}",
            found.len()
        );
        let appended = self.safe.iter().chain(&self.maybe);
        assert!(appended.zip(&found).all(|(was, is)| was == is));
        *self = Self {
            safe: found,
            ..Self::default()
        };
    }
}

fn ledger() -> &'static Path {
    Path::new("memory.ledger.jsonl")
}

/// Opens the ledger again, which must succeed, and holds what it says against its bytes.
fn open(disk: &MemoryDisk, model: &mut Model) -> (LedgerWriter, LedgerHandle) {
    disk.restart();
    let before = disk.memory().bytes.clone();
    let whole = before.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let Opened {
        writer,
        state: opened,
        cut,
    } = LedgerWriter::open_on(disk, ledger()).unwrap();
    assert_eq!(
        cut.map_or(0, |torn| torn.bytes),
        (before.len() - whole) as u64
    );
    let after = disk.memory().bytes.clone();
    assert_eq!(after, before[..whole]);

    let mut reader = LedgerReader::new(ledger(), &after[..]).unwrap();
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        found.push(entry);
    }
    let mut expected = state(header(4), &found);
    expected.source = opened.source.clone();
    assert_eq!(format!("{opened:?}"), format!("{expected:?}"));
    model.survived(found);
    let handle = writer.handle();
    (writer, handle)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..config() })]

    #[test]
    fn what_was_acknowledged_survives_and_nothing_else_appears(
        actions in prop::collection::vec(any_action(), 1..60),
    ) {
        let disk = MemoryDisk::default();
        let mut model = Model::default();
        let mut writer = LedgerWriter::create_on(&disk, ledger(), header(4)).unwrap();
        let mut handle = writer.handle();
        for action in actions {
            match action {
                Action::Append(entry, durability) => {
                    let taken = block_on(handle.append(entry.clone(), durability)).is_ok();
                    prop_assert!(!(taken && model.failed), "acknowledged after a failure");
                    model.appended(&entry, durability, taken);
                }
                Action::Reopen => {
                    let finished = block_on(writer.finish());
                    prop_assert!(finished.is_err() || !model.failed);
                    if finished.is_ok() {
                        model.safe.append(&mut model.maybe);
                    }
                    (writer, handle) = open(&disk, &mut model);
                }
                Action::CutPower(keep) => {
                    disk.cut_power(|unsynced| keep.index(unsynced + 1));
                    // The process is gone; what is left of it here finds no disk.
                    let _ = block_on(writer.finish());
                    (writer, handle) = open(&disk, &mut model);
                }
                Action::FailWrite(after) => disk.memory().write_fails_after = Some(after),
                Action::FailSync => disk.memory().sync_fails = true,
            }
            prop_assert_eq!(disk.memory().after_failure, 0, "written or synced after a failure");
        }
    }
}
