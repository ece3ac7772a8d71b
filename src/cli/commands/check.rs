//! `userpurge check`.

use crate::cli::args::CheckArgs;
use crate::cli::{ExitCode, Failure};

/// Executes the command.
pub(in crate::cli) fn execute(_args: CheckArgs) -> Result<ExitCode, Failure> {
    Err(Failure::message(
        ExitCode::Refused,
        "`check` is not in this build",
        None,
    ))
}
