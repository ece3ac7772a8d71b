//! `SIGUSR1`, and `SIGINFO` (Ctrl-T) where it exists: where it stands, on standard error, in between.
//!
//! Whatever is at work takes the signal, so that nobody who asks too early, or too late, ends it.

use std::sync::{Arc, Mutex, PoisonError};

use super::logging;
use super::shown::locked;
use crate::domain::WallClock;
use crate::progress::Progress;

/// What is at work; `None`: nothing is yet, or nothing is any more.
static AT_WORK: Mutex<Option<Arc<Mutex<Progress>>>> = Mutex::new(None);

/// Answers with what `progress` tells from now on.
pub(super) fn is_at(progress: Option<&Arc<Mutex<Progress>>>) {
    *AT_WORK.lock().unwrap_or_else(PoisonError::into_inner) = progress.cloned();
}

/// Says where it stands.
fn say() {
    let at_work = AT_WORK
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let lines = match at_work {
        Some(progress) => locked(&progress).told(WallClock::system().now()),
        None => vec!["no row is under way".to_owned()],
    };
    logging::say_beside_bars(&format!("{}\n", lines.join("\n")));
}

/// Answers from here on, on a task of the current runtime. Where the system lets nobody listen,
/// nobody is answered.
#[cfg(unix)]
pub(super) fn listen() {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    fn answer(mut signals: Signal) {
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                say();
            }
        });
    }

    let _ = signal(SignalKind::user_defined1()).map(answer);
    #[cfg(any(
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    let _ = signal(SignalKind::info()).map(answer);
}

/// Elsewhere there is no such signal.
#[cfg(not(unix))]
pub(super) fn listen() {
    let _ = say;
}
