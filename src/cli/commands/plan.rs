//! `userpurge plan`.

use crate::cli::args::PlanArgs;
use crate::cli::{ExitCode, Failure};

/// Executes the command.
pub(in crate::cli) fn execute(_args: PlanArgs) -> Result<ExitCode, Failure> {
    Err(Failure::message(
        ExitCode::Refused,
        "`plan` is not in this build",
        None,
    ))
}
