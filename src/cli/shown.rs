//! Progress while something is at work: entries as they are recorded, and a tick now and then.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::logging;
use super::recorder::Recorder;
use super::standing;
use crate::domain::{AccountPlan, WallClock};
use crate::progress::{Mode, Progress};

/// How long progress rests between two looks.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Progress that is shown until [`Shown::finish`].
#[derive(Debug)]
pub(super) struct Shown {
    progress: Arc<Mutex<Progress>>,
    ticking: JoinHandle<()>,
    wall: WallClock,
}

impl Shown {
    /// Shows what `recorder` is given from now on.
    pub(super) fn start(mode: Mode, accounts: Vec<AccountPlan>, recorder: &Recorder) -> Self {
        let wall = WallClock::system();
        let progress = Progress::start(mode, std::io::stderr().is_terminal(), accounts);
        logging::keep_clear_of(progress.bars());
        let progress = Arc::new(Mutex::new(progress));
        standing::is_at(Some(&progress));
        let seeing = Arc::clone(&progress);
        recorder.watch(Box::new(move |entry| locked(&seeing).see(entry)));
        let ticking = tokio::spawn({
            let (progress, wall) = (Arc::clone(&progress), wall.clone());
            async move {
                let mut interval = tokio::time::interval(TICK);
                loop {
                    interval.tick().await;
                    locked(&progress).tick(wall.now());
                }
            }
        });
        Self {
            progress,
            ticking,
            wall,
        }
    }

    /// Shows where it ended. No line of progress comes after this.
    pub(super) async fn finish(self) {
        standing::is_at(None);
        self.ticking.abort();
        // Waited for, so that no line comes after the closing words.
        let _ = self.ticking.await;
        locked(&self.progress).finish(self.wall.now());
        logging::keep_clear_of(None);
    }
}

pub(super) fn locked(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}
