//! Accounts from environment variables, where there is no file: every variable, named and
//! documented in one list.

use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::account::{AccountSettings, SECRET_KEYS};
use super::draft::quoted;
use super::error::ConfigError;
use super::table::{KeyTable, written};
use crate::domain::{AccountName, ProviderKind};

/// The value of a variable; `None`: it is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Looks a variable up in this process's environment. One that is no UTF-8 text is not there.
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Every variable that makes, with others, an account, in the order help lists them; and what it
/// holds. Its name is its provider's and its key's. An empty one counts as not set.
pub fn variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("variables.txt").lines();
    lines.filter_map(|line| line.split_once(": "))
}

/// The providers with a variable set.
pub(super) fn providers(lookup: Lookup<'_>) -> impl Iterator<Item = ProviderKind> {
    let is_named = move |provider: &ProviderKind| !lines(*provider, lookup).is_empty();
    ProviderKind::ALL.into_iter().filter(is_named)
}

/// The account that the variables of `provider` make, its secrets read; its name is the provider's.
pub(super) fn account(
    provider: ProviderKind,
    lookup: Lookup<'_>,
) -> Result<AccountSettings, ConfigError> {
    check(provider, &lines(provider, lookup), Some(lookup))
}

/// The same, but its credentials need not be there: [`account`] asks for them when they are read.
pub(super) fn account_without_credentials(
    provider: ProviderKind,
    lookup: Lookup<'_>,
) -> Result<AccountSettings, ConfigError> {
    let mut lines = lines(provider, lookup);
    check(provider, &lines, None).or_else(|_| {
        let stand_ins: &[&str] = match provider {
            ProviderKind::Zendesk => &["oauth_token"],
            ProviderKind::Sunco => &["key_id", "key_secret"],
            ProviderKind::Zoho => &["client_id", "client_secret", "refresh_token"],
            ProviderKind::Own(_) => &[],
        };
        let is_credential = |key: &str| {
            ["email", "client_id", "key_id"].contains(&key) || SECRET_KEYS.contains(&key)
        };
        lines.retain(|(key, _)| !is_credential(key));
        lines.extend(
            stand_ins
                .iter()
                .map(|key| ((*key).to_owned(), quoted("unset"))),
        );
        check(provider, &lines, None)
    })
}

/// The account that a file with these `lines` would have; with `lookup`, its secrets read.
fn check(
    provider: ProviderKind,
    lines: &[(String, String)],
    lookup: Option<Lookup<'_>>,
) -> Result<AccountSettings, ConfigError> {
    let lines = lines
        .iter()
        .map(|(key, value)| format!("{key} = {value}\n"));
    let text: String = lines.collect();
    let table = DeTable::parse(&text).map(Spanned::into_inner);
    let table = table.unwrap_or_default();
    let name = AccountName::new(provider.name());
    let reads = lookup.map(|lookup| (lookup, Path::new("")));
    let table = KeyTable::new(&table, Some(provider), reads);
    AccountSettings::check(name, provider, None, table).map_err(|mistake| {
        let named = |key| written(Some(provider), key);
        let what = match &mistake.key {
            Some(key) => format!("environment variable `{}` cannot be used", named(key)),
            None => format!("the environment variables `{}…` make no account", named("")),
        };
        ConfigError::new(what).because(mistake)
    })
}

/// The lines of a file that say the same as the variables of `provider` that are set: each key and
/// its value. A blank one is not set.
fn lines(provider: ProviderKind, lookup: Lookup<'_>) -> Vec<(String, String)> {
    let prefix = written(Some(provider), "");
    let line = |(name, _): (&str, &str)| {
        let key = name.strip_prefix(&prefix)?.to_ascii_lowercase();
        let value = lookup(name).filter(|value| !value.trim().is_empty())?;
        let value = if SECRET_KEYS.contains(&key.as_str()) {
            format!("{{ env = {} }}", quoted(name))
        } else {
            quoted(&value)
        };
        Some((key, value))
    };
    variables().filter_map(line).collect()
}

/// The user of the machine that this process runs as: the name, which cron may not say, or else the number.
pub fn user_name() -> String {
    let number = rustix::process::getuid().as_raw().to_string();
    let listed = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut users = listed.lines().map(|line| line.split(':'));
    let own = users.find(|user| user.clone().nth(2) == Some(&number));
    let variables = ["USER", "LOGNAME", "USERNAME"].into_iter();
    let names = variables.filter_map(process_variable);
    let mut names = names.chain(own.and_then(|mut it| it.next()).map(str::to_owned));
    names.find(|name| !name.is_empty()).unwrap_or(number)
}
