//! Ctrl-C and SIGTERM, in two stages.

use std::sync::{Arc, OnceLock};

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::terminal::tell;
use crate::pipeline::Stop;

/// A signal that asks the program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// Listens for signals and stops `stop` by them, saying so. The cell holds the first that came.
pub(super) fn listen(stop: &Stop) -> Result<Arc<OnceLock<Signal>>, Failure> {
    listen_and(stop, tell)
}

/// Likewise, for a command that has no requests under way to speak of.
pub(super) fn listen_quietly(stop: &Stop) -> Result<Arc<OnceLock<Signal>>, Failure> {
    listen_and(stop, |_| {})
}

fn listen_and(stop: &Stop, tell: fn(&str)) -> Result<Arc<OnceLock<Signal>>, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::refused)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::refused)?;
    let first = Arc::new(OnceLock::new());
    let (seen, stop) = (Arc::clone(&first), stop.clone());
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = terminate.recv() => Signal::Terminate,
            }
        };
        // Nobody else sets it.
        let _ = seen.set(next().await);
        tell("Stopping: requests under way are let to end and are recorded. Once more stops now.");
        stop.admitting.cancel();
        next().await;
        tell("Stopping now: what is under way is in doubt, and the ledger says so.");
        stop.waiting.cancel();
    });
    Ok(first)
}
