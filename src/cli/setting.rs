//! Where the configuration is and what it says, with and without its secrets.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::config::{self, Outline, Settings, Source, process_variable};

/// The folder the program was started in.
pub(super) fn folder() -> Result<PathBuf, Failure> {
    Ok(std::env::current_dir()?)
}

/// Where the configuration is; `config`: what `--config` names.
pub(super) fn locate(config: Option<&Path>) -> Result<Source, Failure> {
    Ok(Source::locate(config, &folder()?, &process_variable)?)
}

/// Everything but the secrets.
pub(super) fn outline(source: &Source) -> Result<Outline, Failure> {
    Ok(config::load_outline(source, &process_variable)?)
}

/// Everything.
pub(super) fn settings(source: &Source) -> Result<Settings, Failure> {
    Ok(config::load(source, &process_variable)?)
}

/// The file of a configuration; `None`: it is the environment's.
pub(super) fn file(source: &Source) -> Option<&Path> {
    match source {
        Source::File(path) => Some(path),
        Source::Environment => None,
    }
}
