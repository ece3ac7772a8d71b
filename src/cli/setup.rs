//! Where the configuration is and what it says, with and without its secrets.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::accounts::limits_of;
use super::terminal::tell;
use super::{ExitCode, Failure};
use crate::config::{self, AccountOutline, ConfigSource, Outline, process_variable};
use crate::domain::{AccountName, Action, RunOptions};
use crate::plan::time_at_limit;
use crate::words;

/// The configuration without its secrets, and the options of a run.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) outline: Outline,
    pub(super) options: RunOptions,
}

impl Setup {
    /// For a new run; `config`: what `--config` names.
    pub(super) fn new(config: Option<&Path>, mut options: RunOptions) -> Result<Self, Failure> {
        let source = locate(config)?;
        note(&mut options, &source, config);
        let outline = outline(&source)?;
        Ok(Self { outline, options })
    }

    /// For going on with `ledger`, which keeps these `options`.
    pub(super) fn again(
        ledger: &Path,
        mut options: RunOptions,
        config: Option<&Path>,
    ) -> Result<Self, Failure> {
        let source = locate_again(ledger, &options, config)?;
        note(&mut options, &source, config);
        let outline = outline(&source)?;
        Ok(Self { outline, options })
    }

    /// The account's part of the configuration.
    pub(super) fn account(&self, name: &AccountName) -> Option<&AccountOutline> {
        let mut accounts = self.outline.accounts.iter();
        accounts.find(|account| account.name == *name)
    }

    /// The least time that rows of an account, how many of which action, take under its limits.
    pub(super) fn time(&self, name: &AccountName, rows: &[(Action, u64)]) -> Duration {
        let account = self.account(name);
        account.map_or(Duration::ZERO, |it| time_at_limit(rows, &limits_of(it)))
    }
}

/// The folder the program was started in.
pub(super) fn folder() -> Result<PathBuf, Failure> {
    Ok(std::env::current_dir()?)
}

/// Where the configuration is; `config`: what `--config` names.
pub(super) fn locate(config: Option<&Path>) -> Result<ConfigSource, Failure> {
    Ok(ConfigSource::locate(config, &folder()?, &process_variable)?)
}

/// Where the configuration of a ledger or a saved plan is, which `named` is and which keeps `kept`: where
/// `--config` says, or in a documented place. Never where the file says that it was: a file from
/// elsewhere would bring commands of its own.
fn locate_again(
    named: &Path,
    kept: &RunOptions,
    config: Option<&Path>,
) -> Result<ConfigSource, Failure> {
    let located = ConfigSource::locate(config, &folder()?, &process_variable);
    let then = kept.config.as_deref().map(Path::new);
    let named = named.display();
    match (located, then) {
        (Err(error), Some(then)) if error.is_absent => {
            let text = format!(
                "`{named}` was made with the configuration `{}`, and no configuration is found here",
                then.display()
            );
            let help = format!(
                "look at it, then name it: `--config {}`",
                words::shell_path(then)
            );
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
fn note(options: &mut RunOptions, source: &ConfigSource, config: Option<&Path>) {
    options.config = file(source).map(|path| path.display().to_string());
    options.config_named = config.is_some();
}

/// Everything but the secrets.
pub(super) fn outline(source: &ConfigSource) -> Result<Outline, Failure> {
    Ok(config::load_outline(source, &process_variable)?)
}

/// The file of a configuration; `None`: it is the environment's.
fn file(source: &ConfigSource) -> Option<&Path> {
    match source {
        ConfigSource::File(path) => Some(path),
        ConfigSource::Environment => None,
    }
}
