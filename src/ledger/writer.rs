//! A ledger's owner and its handles: beginning a ledger, going on with one, appending, finishing.
//! The writing itself is done on a thread, see `scribe`.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use futures::FutureExt;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::disk::{Disk, RealDisk};
use super::error::LedgerError;
use super::file::LedgerFile;
use super::reader::TornTail;
use super::scribe::{Message, QUEUE_MAX, Scribe, Shared};
use super::state::LedgerState;
use crate::domain::{Entry, RunHeader};

/// When an append is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When the entry would survive a power cut.
    Synced,
    /// When it stands in line to be written. It is synced as soon as nothing else waits, and with
    /// [`LedgerWriter::finish`] at the latest; if either fails, every later append says so.
    Queued,
}

/// A ledger opened for going on with it.
#[derive(Debug)]
pub struct Opened {
    /// Appends to it.
    pub writer: LedgerWriter,
    /// What it says, read under the lock that the writer holds.
    pub state: LedgerState,
    /// The torn last line that was cut off; `None`: there was none.
    pub cut: Option<TornTail>,
}

/// The owner of a ledger: holds its lock and its thread. Append through [`LedgerWriter::handle`].
///
/// Dropped without [`LedgerWriter::finish`], the thread still writes and syncs what it was handed
/// until the last handle is gone, but nobody learns whether it could.
#[derive(Debug)]
pub struct LedgerWriter {
    handle: LedgerHandle,
    thread: JoinHandle<Result<LedgerState, LedgerError>>,
    /// Closed when the thread has ended, however it did.
    ended: oneshot::Receiver<()>,
}

/// Appends to a ledger, from anywhere. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LedgerHandle {
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
}

impl LedgerWriter {
    /// Begins a ledger at `path`: the file, for its owner's eyes only, its header, its lock, its
    /// name in the folder; all of it durable. Nothing is left behind if that fails.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Exists`] when there is a file already.
    pub fn create(path: &Path, header: RunHeader) -> Result<Self, LedgerError> {
        Self::create_on(&RealDisk, path, header)
    }

    /// Goes on with the ledger at `path`: takes its lock, reads and checks it, cuts a torn tail.
    ///
    /// # Errors
    ///
    /// When another process uses it, when it is damaged or of a newer format; it is then unchanged.
    pub fn open(path: &Path) -> Result<Opened, LedgerError> {
        Self::open_on(&RealDisk, path)
    }

    /// [`LedgerWriter::create`] on any disk.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn create_on(disk: &dyn Disk, path: &Path, header: RunHeader) -> Result<Self, LedgerError> {
        Self::start(path, LedgerFile::create_on(disk, path, header)?)
    }

    /// [`LedgerWriter::open`] on any disk.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_on(disk: &dyn Disk, path: &Path) -> Result<Opened, LedgerError> {
        let (mut file, cut) = LedgerFile::open_on(disk, path)?;
        let state = file.hand_over_state();
        let writer = Self::start(path, file)?;
        Ok(Opened { writer, state, cut })
    }

    fn start(path: &Path, file: LedgerFile) -> Result<Self, LedgerError> {
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let (alive, ended) = oneshot::channel();
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            failure: OnceLock::new(),
        });
        let scribe = Scribe::new(file, messages, Arc::clone(&shared));
        let thread = Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                // Dropped at the end of the thread, also when it panics.
                let _alive: oneshot::Sender<()> = alive;
                scribe.run()
            })
            .map_err(|source| LedgerError::io("start a thread for", path, source))?;
        Ok(Self {
            handle: LedgerHandle { queue, shared },
            thread,
            ended,
        })
    }

    /// What appends to this ledger.
    pub fn handle(&self) -> LedgerHandle {
        self.handle.clone()
    }

    /// Writes and syncs all that was appended so far, ends the thread, releases the lock and gives
    /// what the ledger says. Handles that are left then get [`LedgerError::Closed`].
    ///
    /// # Errors
    ///
    /// The first failure of this writer, if there was one: some entries are not in the ledger.
    pub async fn finish(self) -> Result<LedgerState, LedgerError> {
        // If either of the two fails the thread has ended already, and says below how.
        let _ = self.handle.queue.send(Message::Finish).await;
        let _ = self.ended.await;
        self.thread.join().unwrap_or_else(|panic| {
            Err(LedgerError::Panicked {
                path: self.handle.shared.path.clone(),
                message: message_of(panic.as_ref()),
            })
        })
    }
}

impl LedgerHandle {
    /// Appends `entry` after all that this handle has appended before. It stands in line from the
    /// call on, if there is room, and not only once the future is asked; dropping the future does not
    /// take it back.
    ///
    /// # Errors
    ///
    /// When this entry or any before it could not be written. Nothing may be sent after that.
    pub fn append(
        &self,
        entry: Entry,
        durability: Durability,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send + use<'_> {
        let placed = self.place(entry, durability);
        async move {
            match placed {
                Placed::No(failure) => Err(failure),
                Placed::InLine(synced) => self.synced(synced).await,
                Placed::Full(message, synced) => {
                    let sent = self.queue.send(*message).boxed().await;
                    sent.map_err(|_| self.gone())?;
                    self.synced(synced).await
                }
            }
        }
    }

    /// Puts an entry in line, if there is room.
    fn place(&self, entry: Entry, durability: Durability) -> Placed {
        if let Some(failure) = self.shared.failure.get() {
            return Placed::No(failure.clone());
        }
        if matches!(entry, Entry::Run(_)) {
            return Placed::No(LedgerError::Unwritable {
                path: self.shared.path.clone(),
                reason: "a ledger has one header".to_owned(),
            });
        }
        let (ack, synced) = match durability {
            Durability::Synced => {
                let (ack, synced) = oneshot::channel();
                (Some(ack), Some(synced))
            }
            Durability::Queued => (None, None),
        };
        match self.queue.try_send(Message::Append { entry, ack }) {
            Ok(()) => Placed::InLine(synced),
            Err(TrySendError::Full(message)) => Placed::Full(Box::new(message), synced),
            Err(TrySendError::Closed(_)) => Placed::No(self.gone()),
        }
    }

    /// Waits until the entry is synced; `None`: nobody waits for that.
    async fn synced(&self, synced: Option<Synced>) -> Result<(), LedgerError> {
        match synced {
            Some(synced) => synced.await.unwrap_or_else(|_| Err(self.gone())),
            None => Ok(()),
        }
    }

    /// Why the thread takes nothing more.
    fn gone(&self) -> LedgerError {
        let failure = self.shared.failure.get().cloned();
        failure.unwrap_or_else(|| LedgerError::Closed {
            path: self.shared.path.clone(),
        })
    }
}

type Synced = oneshot::Receiver<Result<(), LedgerError>>;

/// Where an entry is that is to be appended.
enum Placed {
    /// Nowhere.
    No(LedgerError),
    /// In line.
    InLine(Option<Synced>),
    /// Still here: there is no room.
    Full(Box<Message>, Option<Synced>),
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "it left no message".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use futures::executor::block_on;
    use futures::future::join_all;

    use super::{Durability, LedgerError, LedgerWriter, QUEUE_MAX};
    use crate::domain::{Entry, Outcome, Step};
    use crate::ledger::disk::faulty::FaultyDisk;
    use crate::ledger::lock::TRIES_MAX;
    use crate::ledger::samples::{header, intent, outcome, outcome_entry};
    use crate::ledger::tests::{fresh, read_all};
    use crate::ledger::{LedgerReader, LedgerState, is_locked};

    /// All entries but the header.
    fn entries(path: &Path) -> Vec<Entry> {
        read_all(path).split_off(1)
    }

    #[test]
    fn what_was_appended_reads_back_in_order_and_finish_gives_the_head() {
        let (_folder, path) = fresh();
        let writer = LedgerWriter::create(&path, header(2)).unwrap();
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
        let writer = LedgerWriter::create_on(&disk, &path, header(1)).unwrap();
        assert_eq!(
            (disk.writes(), disk.syncs(), disk.folder_syncs()),
            (1, 1, 1)
        );
        assert_eq!(LedgerReader::open(&path).unwrap().header(), &header(1));
        block_on(writer.finish()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_a_ledger() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = fresh();
        let _writer = LedgerWriter::create(&path, header(1)).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_exists_is_refused_and_left_alone() {
        let (folder, path) = fresh();
        let other = folder.path().join("notes");
        fs::rename(tempfile::NamedTempFile::new_in(&folder).unwrap(), &other).unwrap();
        fs::hard_link(&other, &path).unwrap();
        let error = LedgerWriter::create(&path, header(1)).unwrap_err();
        assert!(matches!(&error, LedgerError::Exists { path: it } if *it == path));
        assert!(error.to_string().contains("userpurge resume"));
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn a_second_writer_is_refused_and_told_where_to_look() {
        let (_folder, path) = fresh();
        let writer = LedgerWriter::create(&path, header(1)).unwrap();
        assert!(is_locked(&path).unwrap());
        let disk = FaultyDisk::default();
        let error = LedgerWriter::open_on(&disk, &path).unwrap_err();
        assert!(matches!(&error, LedgerError::Locked { path: it } if *it == path));
        assert!(error.to_string().contains("userpurge status --follow"));
        assert_eq!(disk.pauses(), TRIES_MAX - 1, "it was tried for a while");

        block_on(writer.finish()).unwrap();
        assert!(!is_locked(&path).unwrap());
        let opened = LedgerWriter::open(&path).unwrap();
        assert!(is_locked(&path).unwrap());
        block_on(opened.writer.finish()).unwrap();
    }

    #[test]
    fn a_synced_append_returns_after_its_sync() {
        let (_folder, path) = fresh();
        let disk = FaultyDisk::default();
        let writer = LedgerWriter::create_on(&disk, &path, header(1)).unwrap();
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
        let writer = LedgerWriter::create_on(&disk, &path, header(1)).unwrap();
        let handle = writer.handle();
        let first = intent(1, Step::Delete, 1);
        let others: Vec<_> = (2..802).map(|row| intent(row, Step::Delete, 2)).collect();
        // While the first is being written, eight hundred others gather.
        disk.shut(true);
        block_on(async {
            let mut appends: Vec<_> =
                vec![Box::pin(handle.append(first.clone(), Durability::Synced))];
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
        let writer = LedgerWriter::create_on(&disk, &path, header(1)).unwrap();
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
        let writer = LedgerWriter::create(&path, header(1)).unwrap();
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
        let writer = LedgerWriter::create_on(&disk, &path, header(1)).unwrap();
        let entry = outcome(1, Outcome::Deleted, 1);
        block_on(writer.handle().append(entry.clone(), Durability::Queued)).unwrap();
        disk.until_synced(2);
        assert_eq!(entries(&path), [entry]);
    }

    #[test]
    fn a_handle_that_outlives_its_writer_is_told_so() {
        let (_folder, path) = fresh();
        let writer = LedgerWriter::create(&path, header(1)).unwrap();
        let handle = writer.handle();
        block_on(writer.finish()).unwrap();
        let entry = intent(1, Step::Delete, 1);
        for durability in [Durability::Synced, Durability::Queued] {
            let error = block_on(handle.append(entry.clone(), durability)).unwrap_err();
            assert!(matches!(error, LedgerError::Closed { .. }));
        }
    }

    #[test]
    fn an_entry_that_no_line_holds_is_refused_and_the_writer_goes_on() {
        let (_folder, path) = fresh();
        let writer = LedgerWriter::create(&path, header(1)).unwrap();
        let handle = writer.handle();
        let mut long = outcome_entry(1, Outcome::Failed, 1);
        long.message = Some("x".repeat(super::super::LINE_BYTES_MAX));
        let good = outcome(1, Outcome::Failed, 1);
        block_on(async {
            for bad in [Entry::Outcome(long), Entry::Run(Box::new(header(1)))] {
                let error = handle
                    .append(bad.clone(), Durability::Synced)
                    .await
                    .unwrap_err();
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
        let writer = LedgerWriter::create(&path, header(1)).unwrap();
        let handle = writer.handle();
        let mut long = outcome_entry(1, Outcome::Failed, 1);
        long.message = Some("x".repeat(super::super::LINE_BYTES_MAX));
        block_on(async {
            let long = Entry::Outcome(long);
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
        let writer = LedgerWriter::create(&path, header(1)).unwrap();
        let mut long = outcome_entry(1, Outcome::Failed, 1);
        long.message = Some(String::new());
        let empty = serde_json::to_vec(&Entry::Outcome(long.clone())).unwrap();
        long.message = Some("x".repeat(crate::ledger::format::BODY_BYTES_MAX - empty.len()));
        let long = Entry::Outcome(long);
        block_on(writer.handle().append(long.clone(), Durability::Synced)).unwrap();
        block_on(writer.finish()).unwrap();
        assert_eq!(entries(&path), [long]);
    }
}
