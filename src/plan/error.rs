//! What can be wrong with a plan as a whole.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::input::{InputError, Wanted};

use super::blocks::SinkError;

/// Why there is no plan.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// `--account` names no account, or a provider that several accounts have.
    #[error("{0}")]
    Account(String),
    /// The protect list cannot be read, or would protect less than it says.
    #[error("{message}")]
    Protect {
        /// Its path as given.
        path: PathBuf,
        /// What is wrong, and how to mend it.
        message: String,
        /// The row at fault; `None`: it is the whole list.
        row: Option<Wanted>,
        /// Why it cannot be read.
        #[source]
        source: Option<Box<InputError>>,
    },
    /// The input cannot be read to its end.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The plan cannot be written down.
    #[error("write the plan down")]
    Record(#[source] SinkError),
}

impl PlanError {
    /// What `message` says of the protect list at `path`.
    pub(super) fn protect(path: &Path, message: String) -> Self {
        Self::Protect {
            path: path.to_owned(),
            message,
            row: None,
            source: None,
        }
    }
}
