//! Which report is wanted, and of which ledger.

use std::path::PathBuf;

use super::{document, rows};
use crate::cli::args::{ReportArgs, ReportFormat};
use crate::cli::{ExitCode, Failure, latest};
use crate::ledger::is_locked;

/// Writes the report.
pub(in crate::cli) fn execute(args: &ReportArgs) -> Result<ExitCode, Failure> {
    match (args.format, &args.out) {
        (ReportFormat::Csv, Some(folder)) => rows::execute(args, folder),
        (ReportFormat::Html | ReportFormat::Json | ReportFormat::Md, None) => {
            document::execute(args)
        }
        (ReportFormat::Csv, None) => Err(misfit("`--format csv` wants a folder: `--out DIR`")),
        (ReportFormat::Html | ReportFormat::Json | ReportFormat::Md, Some(_)) => Err(misfit(
            "`--out` is for `--format csv`, which writes several files; name the file with `-o`",
        )),
    }
}

fn misfit(what: &str) -> Failure {
    Failure::message(ExitCode::Refused, what, None)
}

/// The ledger, as short as it can be named from here, and whether a process is writing it: found
/// out before it is read, so that a run which ends in between is not called interrupted.
pub(super) fn ledger_of(args: &ReportArgs) -> Result<(PathBuf, bool), Failure> {
    let ledger = latest::named(args.ledger.as_deref())?;
    let running = is_locked(&ledger)?;
    Ok((ledger, running))
}
