//! `userpurge demo`.

use crate::cli::{ExitCode, Failure};

/// Executes the command.
pub(in crate::cli) fn execute() -> Result<ExitCode, Failure> {
    Err(Failure::message(
        ExitCode::Refused,
        "`demo` is not in this build",
        None,
    ))
}
