//! A disk that fails: the writer stops at once, everyone is told, and nothing more is written.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use futures::executor::block_on;
use rstest::rstest;
use tempfile::TempDir;

use super::disk::{Faults, FaultyDisk};
use super::{bytes_of, fresh, header, intent, outcome, put, read_all};
use userpurge::domain::{Outcome, Step};
use userpurge::ledger::{Durability, LedgerError, LedgerWriter, QUEUE_MAX, RealDisk};

/// Appends to a disk with `faults` until it fails; checks that nothing is written after that
/// and that everyone gets the same error.
fn poisoned(faults: Faults) -> (TempDir, PathBuf, LedgerError) {
    let (folder, path) = fresh();
    let disk = FaultyDisk::new(faults);
    let writer = LedgerWriter::create_on(&disk, &path, header()).unwrap();
    let handle = writer.handle();
    let entry = |row| intent(row, Step::Delete, 1);
    let failure = block_on(async {
        handle.append(entry(1), Durability::Synced).await.unwrap();
        let (second, third) = (entry(2), entry(3));
        let second = handle.append(second.clone(), Durability::Synced);
        let third = handle.append(third.clone(), Durability::Synced);
        let (second, third) = futures::join!(second, third);
        let failure = second.unwrap_err();
        assert_eq!(third.unwrap_err().to_string(), failure.to_string());
        failure
    });
    let before = (disk.writes(), disk.syncs());
    for durability in [Durability::Synced, Durability::Queued] {
        let later = block_on(handle.append(entry(4), durability)).unwrap_err();
        assert_eq!(later.to_string(), failure.to_string());
    }
    let end = block_on(writer.finish()).unwrap_err();
    assert_eq!(end.to_string(), failure.to_string());
    assert_eq!((disk.writes(), disk.syncs()), before);
    (folder, path, failure)
}

#[rstest]
#[case::no_space(Faults { space: Some(10), ..Faults::default() }, "write to")]
#[case::write(Faults { broken_write: Some(1), ..Faults::default() }, "write to")]
#[case::later_write(Faults { write_max: Some(9), broken_write: Some(4), ..Faults::default() }, "write to")]
#[case::sync(Faults { broken_sync: Some(1), ..Faults::default() }, "sync")]
#[case::folder(Faults { broken_folder_sync: true, ..Faults::default() }, "sync the folder of")]
fn a_ledger_that_cannot_be_begun_is_taken_away_again(
    #[case] faults: Faults,
    #[case] expected: &str,
) {
    let (_folder, path) = fresh();
    let disk = FaultyDisk::new(faults);
    let error = LedgerWriter::create_on(&disk, &path, header()).unwrap_err();
    assert!(
        matches!(&error, LedgerError::Io { doing, path: told, .. }
            if *doing == expected && *told == path),
        "{error:?}"
    );
    assert!(!path.exists());
}

/// A ledger of two lines and a torn one, which cannot be opened for writing.
#[rstest]
#[case::open(Faults { broken_open: true, ..Faults::default() }, "open", true)]
#[case::read(Faults { broken_read: true, ..Faults::default() }, "read", true)]
#[case::truncate(Faults { broken_truncate: true, ..Faults::default() }, "cut the torn end of", true)]
#[case::sync(Faults { broken_sync: Some(1), ..Faults::default() }, "sync", false)]
fn a_ledger_that_cannot_be_opened_is_not_written_to_and_can_be_later(
    #[case] faults: Faults,
    #[case] expected: &str,
    #[case] untouched: bool,
) {
    let (_folder, path) = fresh();
    let entries = [intent(1, Step::Delete, 1), outcome(1, Outcome::Deleted, 2)];
    let torn = bytes_of(&entries);
    let torn = &torn[..torn.len() - 3];
    put(&path, torn);
    let disk = FaultyDisk::new(faults);
    let error = LedgerWriter::open_on(&disk, &path).map(drop).unwrap_err();
    assert!(
        matches!(&error, LedgerError::Io { doing, path: told, .. }
            if *doing == expected && *told == path),
        "{error:?}"
    );
    assert_eq!(disk.writes(), 0);
    if untouched {
        assert_eq!(fs::read(&path).unwrap(), torn);
    }
    let (writer, state) = LedgerWriter::open_on(&RealDisk, &path).unwrap();
    assert_eq!(state.torn.is_some(), untouched);
    block_on(writer.finish()).unwrap();
    assert_eq!(read_all(&path), entries[..1]);
}

#[test]
fn what_a_dead_process_wrote_is_synced_before_it_is_relied_on() {
    let (_folder, path) = fresh();
    put(&path, &bytes_of(&[]));
    let disk = FaultyDisk::default();
    let (writer, _) = LedgerWriter::open_on(&disk, &path).unwrap();
    assert_eq!((disk.writes(), disk.syncs()), (0, 1));
    block_on(writer.finish()).unwrap();
}

#[test]
fn short_writes_are_gone_on_with() {
    let (_folder, path) = fresh();
    let disk = FaultyDisk::new(Faults {
        write_max: Some(7),
        ..Faults::default()
    });
    let writer = LedgerWriter::create_on(&disk, &path, header()).unwrap();
    let entry = outcome(1, Outcome::Deleted, 1);
    block_on(writer.handle().append(entry.clone(), Durability::Synced)).unwrap();
    block_on(writer.finish()).unwrap();
    assert_eq!(read_all(&path), [entry]);
}

#[test]
fn a_full_disk_poisons_the_writer_and_leaves_a_torn_tail() {
    let (_folder, path) = fresh();
    let writer = LedgerWriter::create_on(&RealDisk, &path, header()).unwrap();
    let entry = intent(1, Step::Delete, 1);
    block_on(writer.handle().append(entry.clone(), Durability::Synced)).unwrap();
    block_on(writer.finish()).unwrap();
    let space = fs::metadata(&path).unwrap().len() + 40;

    let (_folder, path, failure) = poisoned(Faults {
        space: Some(space),
        ..Faults::default()
    });
    let LedgerError::Failed {
        doing,
        path: told,
        source,
    } = failure
    else {
        panic!("{failure}");
    };
    assert_eq!((doing, told), ("write to", path.clone()));
    assert_eq!(source.kind(), ErrorKind::StorageFull);

    let (writer, state) = LedgerWriter::open_on(&RealDisk, &path).unwrap();
    assert_eq!(state.torn.unwrap().bytes, 40);
    assert_eq!(state.lines, 2);
    block_on(writer.finish()).unwrap();
}

#[test]
fn a_broken_write_or_sync_poisons_the_writer() {
    for (faults, expected) in [
        (
            Faults {
                broken_write: Some(3),
                ..Faults::default()
            },
            "write to",
        ),
        (
            Faults {
                broken_sync: Some(3),
                ..Faults::default()
            },
            "sync",
        ),
    ] {
        let (_folder, path, failure) = poisoned(faults);
        assert!(matches!(&failure, LedgerError::Failed { doing, .. } if *doing == expected));
        assert!(failure.to_string().contains(&path.display().to_string()));
    }
}

#[test]
fn a_queued_entry_that_could_not_be_synced_is_reported_by_finish() {
    let (_folder, path) = fresh();
    let disk = FaultyDisk::new(Faults {
        broken_sync: Some(2),
        ..Faults::default()
    });
    let writer = LedgerWriter::create_on(&disk, &path, header()).unwrap();
    let entry = outcome(1, Outcome::Deleted, 1);
    block_on(writer.handle().append(entry.clone(), Durability::Queued)).unwrap();
    let error = block_on(writer.finish()).unwrap_err();
    assert!(matches!(error, LedgerError::Failed { doing: "sync", .. }));
}

#[test]
fn behind_a_panic_of_the_thread_nothing_is_recorded_and_nothing_leaves() {
    let (_folder, path) = fresh();
    let disk = FaultyDisk::new(Faults {
        panicking_write: Some(2),
        ..Faults::default()
    });
    let writer = LedgerWriter::create_on(&disk, &path, header()).unwrap();
    let entry = intent(1, Step::Delete, 1);
    let error = block_on(writer.handle().append(entry.clone(), Durability::Synced)).unwrap_err();
    assert!(matches!(error, LedgerError::Closed(_)));
    let finish = std::panic::AssertUnwindSafe(|| block_on(writer.finish()));
    assert!(std::panic::catch_unwind(finish).is_err());
}

#[test]
fn who_stands_in_line_and_who_waits_for_room_get_the_failure_too() {
    let (_folder, path) = fresh();
    let disk = FaultyDisk::new(Faults {
        broken_write: Some(2),
        ..Faults::default()
    });
    let writer = LedgerWriter::create_on(&disk, &path, header()).unwrap();
    let handle = writer.handle();
    let entry = intent(1, Step::Delete, 1);
    disk.shut(true);
    block_on(async {
        let mut appends = vec![Box::pin(handle.append(entry.clone(), Durability::Synced))];
        assert!(futures::poll!(appends[0].as_mut()).is_pending());
        disk.until_a_write_waits();
        for _ in 0..QUEUE_MAX + 10 {
            let mut append = Box::pin(handle.append(entry.clone(), Durability::Synced));
            assert!(futures::poll!(append.as_mut()).is_pending());
            appends.push(append);
        }
        disk.shut(false);
        for append in appends {
            let failure = append.await.unwrap_err();
            assert!(matches!(
                failure,
                LedgerError::Failed {
                    doing: "write to",
                    ..
                }
            ));
        }
    });
    assert!(block_on(writer.finish()).is_err());
    assert_eq!(disk.writes(), 2, "the header, and the one that broke");
    assert!(read_all(&path).is_empty());
}
