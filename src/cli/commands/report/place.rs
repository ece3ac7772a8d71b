//! Where reports are written: whole or not at all, and never in the place of what a run is bound to.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::cli::latest::LEDGER_SUFFIX;
use crate::cli::whole_file::{self, There};
use crate::cli::{ExitCode, Failure};
use crate::domain::RunOptions;

/// Refuses a `path` where a report would take the place of something that this run (`bound` and what
/// its `options` name) or another is bound to.
pub(super) fn check_free(
    path: &Path,
    bound: &[&Path],
    options: &RunOptions,
    help: &str,
) -> Result<(), Failure> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let is_bound = |it: &&Path| real(it).is_some_and(|it| Some(it) == real(path));
    let mut named = options.config.iter().chain(&options.protect);
    let mut ledger = path.to_owned().into_os_string();
    ledger.push(LEDGER_SUFFIX);
    let is_ledger = || path.exists() && path.to_string_lossy().ends_with(LEDGER_SUFFIX);
    let what = if bound.iter().any(is_bound) {
        "is the input of this run, or its ledger"
    } else if named.any(|it| is_bound(&Path::new(it))) {
        "is the configuration of this run, or its protect list"
    } else if is_ledger() {
        "is a ledger"
    } else if Path::new(&ledger).exists() {
        "is the input of a run whose ledger lies beside it"
    } else {
        return Ok(());
    };
    let text = format!(
        "`{}` {what}, and would be replaced; nothing was written",
        path.display()
    );
    Err(Failure::message(ExitCode::Refused, text, Some(help)))
}

/// Writes one file, which only its owner may read: it may hold more of people than their ids. A
/// link of its name is replaced, not followed.
pub(super) fn file<T>(
    path: &Path,
    write: impl FnOnce(&File) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let failed = |error| failure(path, &error);
    whole_file::write(path, There::Replaced, failed, write)
}

/// `path` cannot be written.
pub(super) fn failure(path: &Path, error: &io::Error) -> Failure {
    let text = format!("could not write `{}`: {error}", path.display());
    let help = Some("check the free space and your rights in that folder");
    Failure::message(ExitCode::Refused, text, help)
}
