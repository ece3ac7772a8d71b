//! Where the configuration is and what it says, with and without its secrets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::CliError;
use super::terminal::tell;
use crate::config::{self, AccountSettings, Outline, process_variable};
use crate::domain::{AccountLimits, AccountName, Action, Quota, RunOptions};
use crate::plan::time_at_limit;
use crate::words;

/// The configuration without its secrets, and the options of a run.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) outline: Outline,
    pub(super) options: RunOptions,
    /// The limit of all requests that a provider has stated in an answer, by account.
    pub(super) stated: BTreeMap<AccountName, Quota>,
}

impl Setup {
    /// With the `options` of a run; `config`: what `--config` names; `ledger`: the one that keeps the
    /// options, unless the run is new.
    pub(super) fn new(
        config: Option<&Path>,
        mut options: RunOptions,
        ledger: Option<&Path>,
    ) -> Result<Self, CliError> {
        let file = match ledger {
            Some(ledger) => locate_again(ledger, &options, config)?,
            None => config::locate(config, &folder()?, &process_variable)?,
        };
        options.config = file.as_ref().map(|path| path.display().to_string());
        options.config_named = config.is_some();
        let outline = config::load_outline(file.as_deref(), &process_variable)?;
        Ok(Self {
            outline,
            options,
            stated: BTreeMap::new(),
        })
    }

    /// The account's part of the configuration.
    pub(super) fn account(&self, name: &AccountName) -> Option<&AccountSettings> {
        let mut accounts = self.outline.accounts.iter();
        accounts.find(|account| account.name == *name)
    }

    /// The least time that rows of an account, how many of which action, take under its limits.
    pub(super) fn time(&self, name: &AccountName, rows: &[(Action, u64)]) -> Duration {
        let account = self.account(name);
        account.map_or(Duration::ZERO, |it| time_at_limit(rows, &self.limits(it)))
    }

    /// The limits that hold for an account: no more than its provider has stated, and of that this program's
    /// share.
    pub(super) fn limits(&self, account: &AccountSettings) -> AccountLimits {
        let stated = self.stated.get(&account.name).copied();
        account.limits.clone().at_most(stated).shared()
    }
}

/// The folder the program was started in.
pub(super) fn folder() -> Result<PathBuf, CliError> {
    Ok(std::env::current_dir()?)
}

/// Where the configuration of the ledger `named` is: where `--config` says, or in a documented place. Never
/// where the ledger says that it was: one from elsewhere would bring commands of its own.
fn locate_again(
    named: &Path,
    kept: &RunOptions,
    config: Option<&Path>,
) -> Result<Option<PathBuf>, CliError> {
    let located = config::locate(config, &folder()?, &process_variable);
    let named = named.display();
    let Some(then) = kept.config.as_deref() else {
        return Ok(located?);
    };
    let made = format!("`{named}` was made with the configuration `{then}`");
    match located {
        Err(error) if error.is_absent => {
            let text = format!("{made}, and no configuration is found here");
            let help = format!(
                "look at it, then name it: `--config {}`",
                words::shell_path(then)
            );
            Err(CliError::refuse(text, help))
        }
        Ok(file) if config.is_none() && file.as_deref() != Some(Path::new(then)) => {
            let now = file.as_ref().map_or_else(
                || "the environment's variables".to_owned(),
                |path| format!("`{}`", path.display()),
            );
            tell(&format!(
                "note: {made}; {now} is used now, since only `--config` names another"
            ));
            Ok(file)
        }
        located => Ok(located?),
    }
}
