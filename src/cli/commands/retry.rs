//! `userpurge retry`.

use crate::cli::args::RetryArgs;
use crate::cli::{ExitCode, Failure};

/// Executes the command.
pub(in crate::cli) fn execute(_args: RetryArgs) -> Result<ExitCode, Failure> {
    Err(Failure::message(
        ExitCode::Refused,
        "`retry` is not in this build",
        None,
    ))
}
