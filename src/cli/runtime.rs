//! The async runtime, built by hand so that only the commands that need one have it.

use std::future::Future;

use super::exit::ExitCode;
use super::failure::Failure;
use super::standing;

/// Runs `future` to its end on a runtime of its own, which ends with it.
///
/// # Errors
///
/// The system gives no threads, or `future` fails.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    // One thread: a lane and its connections are one thing after another, and handing them from
    // thread to thread costs more than it brings. What reads files or writes the ledger has threads
    // of its own.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            let message = format!("cannot start the threads that send requests: {error}");
            Failure::message(ExitCode::Refused, message, None)
        })?
        .block_on(async {
            standing::listen();
            future.await
        })
}
