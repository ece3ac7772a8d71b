//! `userpurge resume`.

use crate::cli::args::ResumeArgs;
use crate::cli::{ExitCode, Failure};

/// Executes the command.
pub(in crate::cli) fn execute(_args: ResumeArgs) -> Result<ExitCode, Failure> {
    Err(Failure::message(
        ExitCode::Refused,
        "`resume` is not in this build",
        None,
    ))
}
