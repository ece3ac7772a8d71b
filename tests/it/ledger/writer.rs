//! The writer and its thread: order, group commit, durability, and what no line holds.

use std::fs;

use futures::executor::block_on;
use futures::future::join_all;

use super::disk::FaultyDisk;
use super::{bad, fresh, header, intent, line_of, outcome, read_all as entries};
use userpurge::domain::{Entry, Outcome, Step};
use userpurge::ledger::{
    Durability, LINE_BYTES_MAX, LedgerError, LedgerHead, LedgerReader, LedgerState, LedgerWriter,
    QUEUE_MAX, RealDisk, is_locked,
};

#[test]
fn what_was_appended_reads_back_in_order_and_finish_gives_the_head() {
    let (_folder, path) = fresh();
    let writer = LedgerWriter::create_on(&RealDisk, &path, header()).unwrap();
    let handle = writer.handle();
    let written = [
        intent(1, Step::Delete, 1),
        outcome(1, Outcome::Deleted, 2),
        outcome(2, Outcome::Invalid, 2),
    ];
    let state = block_on(async {
        for entry in &written {
            handle
                .append(entry.clone(), Durability::Queued)
                .await
                .unwrap();
        }
        writer.finish().await.unwrap()
    });
    assert_eq!(entries(&path), written);
    let read = LedgerState::read(&path).unwrap();
    assert_eq!(format!("{state:?}"), format!("{read:?}"));
}

#[test]
fn a_new_ledger_is_durable_and_so_is_its_name() {
    let (_folder, path) = fresh();
    let disk = FaultyDisk::default();
    let writer = LedgerWriter::create_on(&disk, &path, header()).unwrap();
    assert_eq!(
        (disk.writes(), disk.syncs(), disk.folder_syncs()),
        (1, 1, 1)
    );
    assert_eq!(LedgerReader::open(&path).unwrap().header, header());
    block_on(writer.finish()).unwrap();
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_a_ledger() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = fresh();
    let _writer = LedgerWriter::create_on(&RealDisk, &path, header()).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_exists_is_refused_and_left_alone() {
    let (folder, path) = fresh();
    let other = folder.path().join("notes");
    fs::rename(tempfile::NamedTempFile::new_in(&folder).unwrap(), &other).unwrap();
    fs::hard_link(&other, &path).unwrap();
    let error = LedgerWriter::create_on(&RealDisk, &path, header()).unwrap_err();
    assert!(matches!(&error, LedgerError::Exists(it) if *it == path));
    assert!(error.to_string().contains("userpurge resume"));
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn a_second_writer_is_refused_and_told_where_to_look() {
    let (_folder, path) = fresh();
    let writer = LedgerWriter::create_on(&RealDisk, &path, header()).unwrap();
    assert!(is_locked(&path).unwrap());
    let disk = FaultyDisk::default();
    let error = LedgerWriter::open_on(&disk, &path).unwrap_err();
    assert!(matches!(&error, LedgerError::Locked(it) if *it == path));
    assert!(error.to_string().contains("userpurge status --follow"));
    assert_eq!(disk.pauses(), 19, "it was tried for a while");

    block_on(writer.finish()).unwrap();
    assert!(!is_locked(&path).unwrap());
    let (writer, _) = LedgerWriter::open_on(&RealDisk, &path).unwrap();
    assert!(is_locked(&path).unwrap());
    block_on(writer.finish()).unwrap();
}

#[test]
fn a_synced_append_returns_after_its_sync() {
    let (_folder, path) = fresh();
    let disk = FaultyDisk::default();
    let writer = LedgerWriter::create_on(&disk, &path, header()).unwrap();
    let handle = writer.handle();
    let entry = intent(1, Step::Delete, 1);
    for times in 2..5 {
        block_on(handle.append(entry.clone(), Durability::Synced)).unwrap();
        assert_eq!((disk.writes(), disk.syncs()), (times, times));
        assert_eq!(entries(&path).len() as u64, times - 1);
    }
}

#[test]
fn what_has_gathered_is_written_at_once_and_synced_once() {
    let (_folder, path) = fresh();
    let disk = FaultyDisk::default();
    let writer = LedgerWriter::create_on(&disk, &path, header()).unwrap();
    let handle = writer.handle();
    let first = intent(1, Step::Delete, 1);
    let others: Vec<_> = (2..802).map(|row| intent(row, Step::Delete, 2)).collect();
    // While the first is being written, eight hundred others gather.
    disk.shut(true);
    block_on(async {
        let mut appends: Vec<_> = vec![Box::pin(handle.append(first.clone(), Durability::Synced))];
        assert!(futures::poll!(appends[0].as_mut()).is_pending());
        disk.until_a_write_waits();
        for entry in &others {
            appends.push(Box::pin(handle.append(entry.clone(), Durability::Synced)));
        }
        for append in appends.iter_mut().skip(1) {
            assert!(futures::poll!(append.as_mut()).is_pending());
        }
        disk.shut(false);
        for done in join_all(appends).await {
            done.unwrap();
        }
    });
    assert_eq!(
        (disk.writes(), disk.syncs()),
        (3, 3),
        "header, first, all others"
    );
    assert_eq!(entries(&path).len(), 801);
}

#[test]
fn who_appends_more_than_the_queue_holds_waits_for_room() {
    let (_folder, path) = fresh();
    let disk = FaultyDisk::default();
    let writer = LedgerWriter::create_on(&disk, &path, header()).unwrap();
    let handle = writer.handle();
    let entry = intent(1, Step::Delete, 1);
    disk.shut(true);
    block_on(async {
        handle
            .append(entry.clone(), Durability::Queued)
            .await
            .unwrap();
        disk.until_a_write_waits();
        for _ in 0..QUEUE_MAX {
            handle
                .append(entry.clone(), Durability::Queued)
                .await
                .unwrap();
        }
        let mut one_more = Box::pin(handle.append(entry.clone(), Durability::Queued));
        assert!(futures::poll!(one_more.as_mut()).is_pending());
        disk.shut(false);
        one_more.await.unwrap();
        writer.finish().await.unwrap();
    });
    assert_eq!(entries(&path).len(), QUEUE_MAX + 2);
}

#[test]
fn everyone_who_appends_at_once_keeps_an_own_order() {
    let (_folder, path) = fresh();
    let writer = LedgerWriter::create_on(&RealDisk, &path, header()).unwrap();
    std::thread::scope(|scope| {
        for lane in 0..4 {
            let handle = writer.handle();
            scope.spawn(move || {
                for row in 0..100 {
                    let entry = intent(lane * 1_000 + row, Step::Delete, 1);
                    block_on(handle.append(entry.clone(), Durability::Synced)).unwrap();
                }
            });
        }
    });
    block_on(writer.finish()).unwrap();
    let mut rows: Vec<_> = entries(&path)
        .iter()
        .map(|entry| match entry {
            Entry::Intent(it) => it.position.row,
            other => panic!("{other:?}"),
        })
        .collect();
    // A stable sort by lane shows each lane's own order.
    rows.sort_by_key(|row| row / 1_000);
    let expected = (0..4).flat_map(|lane| (0..100).map(move |n| lane * 1_000 + n));
    assert_eq!(rows, expected.collect::<Vec<_>>());
}

#[test]
fn what_is_queued_is_synced_when_nothing_else_waits() {
    let (_folder, path) = fresh();
    let disk = FaultyDisk::default();
    let writer = LedgerWriter::create_on(&disk, &path, header()).unwrap();
    let entry = outcome(1, Outcome::Deleted, 1);
    block_on(writer.handle().append(entry.clone(), Durability::Queued)).unwrap();
    disk.until_synced(2);
    assert_eq!(entries(&path), [entry]);
}

#[test]
fn a_handle_that_outlives_its_writer_is_told_so() {
    let (_folder, path) = fresh();
    let writer = LedgerWriter::create_on(&RealDisk, &path, header()).unwrap();
    let handle = writer.handle();
    block_on(writer.finish()).unwrap();
    let entry = intent(1, Step::Delete, 1);
    for durability in [Durability::Synced, Durability::Queued] {
        let error = block_on(handle.append(entry.clone(), durability)).unwrap_err();
        assert!(matches!(error, LedgerError::Closed(_)));
    }
}

#[test]
fn an_entry_that_no_line_holds_is_refused_and_the_writer_goes_on() {
    let (_folder, path) = fresh();
    let writer = LedgerWriter::create_on(&RealDisk, &path, header()).unwrap();
    let handle = writer.handle();
    let long = bad(1, Outcome::Failed, "x", &"x".repeat(LINE_BYTES_MAX), 1);
    let good = outcome(1, Outcome::Failed, 1);
    block_on(async {
        for entry in [long, Entry::Run(Box::new(header()))] {
            let error = handle.append(entry, Durability::Synced).await.unwrap_err();
            assert!(matches!(error, LedgerError::Unwritable { .. }));
        }
        handle
            .append(good.clone(), Durability::Synced)
            .await
            .unwrap();
        writer.finish().await.unwrap();
    });
    assert_eq!(entries(&path), [good]);
}

#[test]
fn an_entry_that_no_line_holds_and_nobody_waits_for_is_the_last() {
    let (_folder, path) = fresh();
    let writer = LedgerWriter::create_on(&RealDisk, &path, header()).unwrap();
    let handle = writer.handle();
    let long = bad(1, Outcome::Failed, "x", &"x".repeat(LINE_BYTES_MAX), 1);
    block_on(async {
        handle
            .append(long.clone(), Durability::Queued)
            .await
            .unwrap();
        let later = outcome(1, Outcome::Failed, 1);
        let error = handle
            .append(later.clone(), Durability::Synced)
            .await
            .unwrap_err();
        assert!(matches!(error, LedgerError::Unwritable { .. }));
        let error = writer.finish().await.unwrap_err();
        assert!(matches!(error, LedgerError::Unwritable { .. }));
    });
    assert_eq!(entries(&path), []);
}

#[test]
fn the_longest_line_that_is_written_is_read() {
    let (_folder, path) = fresh();
    let writer = LedgerWriter::create_on(&RealDisk, &path, header()).unwrap();
    let of = |length| bad(1, Outcome::Failed, "x", &"x".repeat(length), 1);
    let (line, _) = line_of(LedgerHead::GENESIS, &of(0));
    let long = of(LINE_BYTES_MAX - line.len());
    block_on(writer.handle().append(long.clone(), Durability::Synced)).unwrap();
    block_on(writer.finish()).unwrap();
    assert_eq!(entries(&path), [long]);
}
