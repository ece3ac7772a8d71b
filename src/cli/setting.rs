//! Where the configuration is and what it says, with and without its secrets.

use std::path::{Path, PathBuf};

use super::outline_text::shell;
use super::terminal::tell;
use super::{ExitCode, Failure};
use crate::config::{self, ConfigError, Outline, Source, process_variable};
use crate::domain::RunOptions;

/// The folder the program was started in.
pub(super) fn folder() -> Result<PathBuf, Failure> {
    Ok(std::env::current_dir()?)
}

/// Where the configuration is; `config`: what `--config` names.
pub(super) fn locate(config: Option<&Path>) -> Result<Source, Failure> {
    Ok(Source::locate(config, &folder()?, &process_variable)?)
}

/// Where the configuration of a ledger or a saved plan is, which `named` is and which keeps `kept`: where
/// `--config` says, or in a documented place. Never where the file says that it was: a file from
/// elsewhere would bring commands of its own.
pub(super) fn locate_again(
    named: &Path,
    kept: &RunOptions,
    config: Option<&Path>,
) -> Result<Source, Failure> {
    let located = Source::locate(config, &folder()?, &process_variable);
    let then = kept.config.as_deref().map(Path::new);
    let named = named.display();
    match (located, then) {
        (Err(ConfigError::Nowhere { .. }), Some(then)) => {
            let text = format!(
                "`{named}` was made with the configuration `{}`, and no configuration is found here",
                then.display()
            );
            let help = format!("look at it, then name it: `--config {}`", shell(then));
            Err(Failure::message(ExitCode::Refused, text, Some(&help)))
        }
        (Ok(source), Some(then)) if config.is_none() && file(&source) != Some(then) => {
            let now = file(&source).map_or_else(
                || "the environment's variables".to_owned(),
                |path| format!("`{}`", path.display()),
            );
            tell(&format!(
                "note: `{named}` was made with the configuration `{}`; {now} is used now, since only `--config` names another",
                then.display()
            ));
            Ok(source)
        }
        (located, _) => Ok(located?),
    }
}

/// Notes in `options` which configuration is used; `config`: what `--config` names.
pub(super) fn note(options: &mut RunOptions, source: &Source, config: Option<&Path>) {
    options.config = file(source).map(|path| path.display().to_string());
    options.config_named = config.is_some();
}

/// Everything but the secrets.
pub(super) fn outline(source: &Source) -> Result<Outline, Failure> {
    Ok(config::load_outline(source, &process_variable)?)
}

/// The file of a configuration; `None`: it is the environment's.
fn file(source: &Source) -> Option<&Path> {
    match source {
        Source::File(path) => Some(path),
        Source::Environment => None,
    }
}
