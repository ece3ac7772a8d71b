//! The ledger read along while a session writes it: its closing words come from the ledger, and a
//! million rows of it would be a second of silence at the end.
//!
//! It tells nobody anything before the end, and what it cannot read then is read anew and told.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::ledger::{LedgerError, LedgerFollower, LedgerState};

/// How often it is looked whether there is enough to read on.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a ledger waits that has much in it when the session begins: who resumes wants the first
/// request to leave, and reading takes as much of the machine as there is.
const MUCH_WAITS: Duration = Duration::from_secs(2);

/// From so many bytes on it is much: as many as are read in a hundredth of a second or two.
const MUCH_BYTES: u64 = 10_000_000;

/// A ledger that is read along. Dropped, it is let go.
#[derive(Debug)]
pub(super) struct Along {
    ledger: PathBuf,
    /// Let go at the end, so that the ledger can be opened once more however many connections are.
    spare: Option<File>,
    /// `None`: nothing could be begun, and all is left for the end.
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    /// Nothing is ever sent: its end is what is waited for.
    over: Sender<()>,
    thread: JoinHandle<Option<LedgerFollower>>,
}

impl Along {
    /// Reads along with what is written to `ledger`, on a thread of its own.
    pub(super) fn start(ledger: &Path) -> Self {
        let (over, session) = mpsc::channel();
        let path = ledger.to_owned();
        // Before there is any connection.
        let follower = LedgerFollower::open(&path);
        let thread = Builder::new().name("along".to_owned()).spawn(move || {
            let mut follower = follower.ok()?;
            let much = std::fs::metadata(&path).ok()?.len() >= MUCH_BYTES;
            let mut wait = if much { MUCH_WAITS } else { LOOK_EVERY };
            // Ends with the session.
            while session.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                follower.keep_up().ok()?;
                wait = LOOK_EVERY;
            }
            Some(follower)
        });
        Self {
            ledger: ledger.to_owned(),
            spare: File::open(ledger).ok(),
            reading: thread.ok().map(|thread| Reading { over, thread }),
        }
    }

    /// What the ledger says at the end of the session.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is damaged.
    pub(super) fn finish(self) -> Result<LedgerState, LedgerError> {
        let follower = self.reading.and_then(|Reading { over, thread }| {
            drop(over);
            thread.join().ok().flatten()
        });
        drop(self.spare);
        match follower {
            Some(mut follower) => follower.look(),
            None => LedgerState::read(&self.ledger),
        }
    }
}
