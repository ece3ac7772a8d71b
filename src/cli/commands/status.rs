//! `userpurge status`.

use crate::cli::args::StatusArgs;
use crate::cli::{ExitCode, Failure};

/// Executes the command.
pub(in crate::cli) fn execute(_args: StatusArgs) -> Result<ExitCode, Failure> {
    Err(Failure::message(
        ExitCode::Refused,
        "`status` is not in this build",
        None,
    ))
}
