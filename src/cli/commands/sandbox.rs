//! `userpurge sandbox`.

use crate::cli::args::SandboxArgs;
use crate::cli::{ExitCode, Failure};

/// Executes the command.
pub(in crate::cli) fn execute(_args: SandboxArgs) -> Result<ExitCode, Failure> {
    Err(Failure::message(
        ExitCode::Refused,
        "`sandbox` is not in this build",
        None,
    ))
}
