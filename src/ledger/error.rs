//! The errors of a ledger.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::chain::LedgerHead;
use crate::domain::RunHeader;
use crate::words;

/// A ledger cannot be read, or not be written any further. Cheap to clone: all who wait are told.
#[derive(Debug, Clone, Error)]
pub enum LedgerError {
    /// `run` was to begin a ledger where there is one.
    #[error(
        "ledger `{0}` exists already; go on with it (`userpurge resume`), try its failed rows \
         again (`userpurge retry`), or name another one with `--ledger`"
    )]
    Exists(PathBuf),
    /// Another process holds the lock.
    #[error(
        "ledger `{}` is in use by another process; watch it with `userpurge status --follow {}`, \
         or wait until it has ended",
        .0.display(),
        words::shell_path(.0)
    )]
    Locked(PathBuf),
    /// The thing at the path is no regular file.
    #[error("`{0}` is a folder, a pipe or a device, and a ledger is a file")]
    NotAFile(PathBuf),
    /// There is not one whole line: the run ended while it began.
    #[error(
        "ledger `{0}` has no header: its run ended before anything was sent; remove the file \
         and run again"
    )]
    NoHeader(PathBuf),
    /// An older or a newer program wrote it.
    #[error("ledger `{path}` has format {found}, {}", describe_format(*found))]
    Format {
        /// The ledger.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// A line is not what was written.
    #[error("ledger `{path}` {} line {line} (byte {byte}){}", reason.texts()[0], reason.texts()[1])]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// Where the line begins, in bytes from the start of the file.
        byte: u64,
        /// Its damage.
        reason: LedgerDamage,
    },
    /// The operating system refused; nothing was being appended.
    #[error("could not {doing} ledger `{path}`")]
    Io {
        /// The operation that was tried, e.g. `open`.
        doing: &'static str,
        /// The ledger.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: Arc<io::Error>,
    },
    /// An append failed, and with it the writer.
    #[error("could not {doing} ledger `{path}`, so nothing more was sent")]
    Failed {
        /// The operation that was tried: `write to`, `sync` or `check`.
        doing: &'static str,
        /// The ledger.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: Arc<io::Error>,
    },
    /// Somebody else has touched the file while it was written to, and with it the writer failed.
    #[error("ledger `{path}` {how} while it was written to, so nothing more was sent")]
    Lost {
        /// The ledger.
        path: PathBuf,
        /// The way in which it was lost.
        how: LedgerLoss,
    },
    /// An entry cannot stand in a ledger; it was not written.
    #[error("an entry for ledger `{path}` cannot be written: {reason}")]
    Unwritable {
        /// The ledger.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Something was appended after the writer had finished.
    #[error("ledger `{0}` is closed; its writer has finished")]
    Closed(PathBuf),
    /// Another process works at the tenant.
    #[error("{}; nothing was sent", describe_busy(tenant, ledger.as_deref()))]
    TenantBusy {
        /// The tenant, as the provider names it.
        tenant: String,
        /// The ledger that it has in use; `None`: it has only begun.
        ledger: Option<PathBuf>,
    },
}

/// The change that somebody else made to a ledger while it was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LedgerLoss {
    /// It has no name any more.
    #[error("was removed")]
    Removed,
    /// It has another name.
    #[error("was moved or renamed")]
    Moved,
    /// Another file has its name.
    #[error("was replaced by another file")]
    Replaced,
    /// It is not as long as what was written to it.
    #[error("was changed by something else ({found} bytes, and {written} were written)")]
    Resized {
        /// How many bytes it has.
        found: u64,
        /// How many it should have.
        written: u64,
    },
}

/// The fault of a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LedgerDamage {
    /// Nothing in it says what it follows.
    #[error("it does not end in a chain")]
    NoChain,
    /// The chain is another one than these bytes, after the line before, would have.
    #[error(
        "its chain does not fit: this line was changed, or one was dropped, added or moved here"
    )]
    Mismatch,
    /// It is longer than [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX).
    #[error("it is longer than a line may be")]
    TooLong,
    /// The first line is no header.
    #[error("it is not a run's header, so this may be no ledger at all")]
    NotAHeader,
    /// A later line is a header.
    #[error("a second header stands there")]
    SecondHeader,
    /// A part of the plan stands behind its end.
    #[error("it adds to the plan after that had ended, so nobody agreed to these rows")]
    LatePlan,
    /// The plan ends, or is agreed to, once more.
    #[error("the plan ends there, or is agreed to, a second time")]
    SecondPlan,
    /// It follows the line before it, but its counts are not those of the outcomes before it.
    #[error(
        "its counts are not those of the outcomes before it, so the ledger was rewritten, or the \
         program that wrote it counted wrong"
    )]
    Counts,
    /// No line has the chain that was noted as the last one's.
    #[error("no line has the fingerprint {head}")]
    CutOff {
        /// The chain that was noted.
        head: LedgerHead,
    },
    /// It follows the line before it, but holds nothing that this program knows.
    #[error("it is no entry that this version knows ({detail})")]
    NotAnEntry {
        /// The message of the JSON reader.
        detail: String,
    },
}

/// The advice about a ledger of another format.
fn describe_format(found: u32) -> String {
    let known = RunHeader::FORMAT;
    if found < known {
        "which this program does not read; finish its run with userpurge 0.1, or plan the input again"
            .to_owned()
    } else {
        format!("and this program knows formats up to {known}; use the newer version that wrote it")
    }
}

/// The text about the process that is busy at a tenant.
fn describe_busy(tenant: &str, ledger: Option<&Path>) -> String {
    match ledger {
        Some(ledger) => format!(
            "another process works at tenant `{tenant}`, with ledger `{}`",
            ledger.display()
        ),
        None => "another process begins to work at this tenant".to_owned(),
    }
}

impl LedgerDamage {
    /// A stable word for it, for scripts.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoChain | Self::Mismatch => "unfit",
            Self::TooLong => "too_long",
            Self::NotAHeader => "not_a_header",
            Self::SecondHeader => "second_header",
            Self::LatePlan => "late_plan",
            Self::SecondPlan => "second_plan",
            Self::Counts => "counts",
            Self::CutOff { .. } => "cut_off",
            Self::NotAnEntry { .. } => "not_an_entry",
        }
    }

    /// The words before and behind the place in the text of an error.
    fn texts(&self) -> [String; 2] {
        let next = "the file was left as it is, go on with a copy of it that is whole";
        match self {
            Self::CutOff { .. } => ["ends before".to_owned(), format!(", and {self}")],
            _ => ["is damaged at".to_owned(), format!(": {self}; {next}")],
        }
    }
}

impl LedgerError {
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotSeekable {
            return Self::NotAFile(path);
        }
        Self::Io {
            doing,
            path,
            source: Arc::new(source),
        }
    }

    /// The safe thing to do when the ledger failed in the middle of a run; `None`: the error itself says.
    pub fn help(&self) -> Option<String> {
        let (path, how) = match self {
            Self::Failed { path, .. } => {
                let resume = words::shell_path(path);
                let help =
                    format!("make space or repair the disk, then `userpurge resume {resume}`");
                return Some(help);
            }
            Self::TenantBusy { ledger, .. } => {
                let watch = ledger.as_ref().map(|ledger| {
                    let ledger = words::shell_path(ledger);
                    format!(": `userpurge status --follow {ledger}`")
                });
                return Some(format!(
                    "wait until it is over{}",
                    watch.unwrap_or_default()
                ));
            }
            Self::Damaged {
                reason: LedgerDamage::CutOff { .. },
                ..
            } => {
                let help = "compare it with the one that was noted; if it is the same, lines were cut off at \
                            the end, the ledger was rewritten, or it is another one";
                return Some(help.to_owned());
            }
            Self::Lost { path, how } => (path, how),
            _ => return None,
        };
        let (name, displayed) = (words::shell_path(path), path.display());
        let resume = format!("`userpurge resume {name}` goes on");
        let again = "users who are deleted already are asked for again, and end `already_gone` or `not_found`";
        Some(match how {
            LedgerLoss::Removed => format!(
                "put back a copy of the ledger, and {resume}; without one, run the input anew: {again}"
            ),
            LedgerLoss::Moved => format!("move the ledger back to `{displayed}`, and {resume}"),
            LedgerLoss::Replaced => {
                format!(
                    "move the ledger back to `{displayed}`, or put back a copy of it, and {resume}"
                )
            }
            LedgerLoss::Resized { .. } => format!(
                "look with `userpurge audit {name}`; if what is left is whole, or once a copy is put back, {resume}: {again}"
            ),
        })
    }
}
