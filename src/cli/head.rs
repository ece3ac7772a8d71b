//! `--head`: the ledger is the one that somebody noted the head of, and ends where it ended then.

use std::path::Path;

use super::Failure;
use crate::ledger::Head;
use crate::words;

/// Refuses a ledger whose last line is `found`, if that is not the `noted` one.
pub(super) fn check(ledger: &Path, found: Head, noted: Option<Head>) -> Result<(), Failure> {
    let Some(noted) = noted.filter(|noted| *noted != found) else {
        return Ok(());
    };
    let what = format!(
        "its last line has the head {found}, and `--head` says {noted}: it has grown, was cut or was \
         rewritten; nothing was sent"
    );
    let help = format!(
        "`userpurge audit {} --head {noted}` says which",
        words::shell_path(ledger)
    );
    Err(Failure::foreign(ledger, &what, Some(&help)))
}
