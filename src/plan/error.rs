//! What can be wrong with a plan as a whole.

use std::path::PathBuf;

use thiserror::Error;

use crate::domain::ProviderKind;
use crate::input::{InputError, Meant, Wanted};

use super::blocks::SinkError;
use super::protect::PROTECTED_MAX;

/// Why there is no plan, or why it can no longer be followed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// `--account` names no account.
    #[error(
        "the configuration has no account `{name}`, which `--account` names{} (accounts: {})",
        Meant(.suggestion.as_deref()), .known.join(", ")
    )]
    UnknownAccount {
        /// The name given.
        name: String,
        /// An account that is there and has nearly this name.
        suggestion: Option<String>,
        /// The accounts that are there.
        known: Vec<String>,
    },
    /// `--account` names a provider that several accounts have.
    #[error(
        "`--account {provider}` may be any of {}; name the account itself",
        .accounts.join(", ")
    )]
    AmbiguousAccount {
        /// The provider given.
        provider: ProviderKind,
        /// The accounts that have it.
        accounts: Vec<String>,
    },
    /// The protect list cannot be read.
    #[error("could not read the protect list `{}`; nothing is sent without it", .path.display())]
    Protect {
        /// Its path as given.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<InputError>,
    },
    /// The protect list protects nobody.
    #[error("the protect list `{}` holds no id; leave `--protect` away if nobody is to be protected", .path.display())]
    ProtectEmpty {
        /// Its path as given.
        path: PathBuf,
    },
    /// A row of the protect list protects nobody, though somebody wrote it.
    #[error("line {} of the protect list `{}` protects nobody: {reason}; mend or remove it", .row.position.line, .path.display())]
    ProtectRow {
        /// Its path as given.
        path: PathBuf,
        /// The row.
        row: Wanted,
        /// What is wrong with it.
        reason: String,
    },
    /// Several columns of the protect list may hold the ids.
    #[error("the protect list `{}` has several columns that may hold the ids: `{}`; give a file with one of them alone", .path.display(), .names.join("`, `"))]
    ProtectColumns {
        /// Its path as given.
        path: PathBuf,
        /// The columns, as they are written.
        names: Vec<String>,
    },
    /// An id stands in the protect list as a comment.
    #[error("line {line} of the protect list `{}` begins with `#`, as a comment does, and would protect nobody: take the `#` off the id, or put a blank behind it if it is a comment", .path.display())]
    ProtectComment {
        /// Its path as given.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// The protect list holds another system's ids.
    #[error("the column `{column}` of the protect list `{}` holds external ids, which protect nobody where users have ids of their own: list those, or call the column `id` if it holds them", .path.display())]
    ProtectExternal {
        /// Its path as given.
        path: PathBuf,
        /// The column, as it is written.
        column: String,
    },
    /// The protect list does not fit into memory.
    #[error("the protect list `{}` holds more than {PROTECTED_MAX} ids, the most that are taken; take the protected rows out of the input instead", .path.display())]
    ProtectTooLong {
        /// Its path as given.
        path: PathBuf,
    },
    /// The input cannot be read to its end.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The plan cannot be written down.
    #[error("write the plan down")]
    Record(#[source] SinkError),
}
