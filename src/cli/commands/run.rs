//! `userpurge run`.

use crate::cli::args::RunArgs;
use crate::cli::{ExitCode, Failure};

/// Executes the command.
pub(in crate::cli) fn execute(_args: RunArgs) -> Result<ExitCode, Failure> {
    Err(Failure::message(
        ExitCode::Refused,
        "`run` is not in this build",
        None,
    ))
}
