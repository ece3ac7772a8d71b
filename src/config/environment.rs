//! Accounts from environment variables, where there is no file: every variable, named and
//! documented in one list.

use std::borrow::Cow;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::account::{AccountSettings, SECRET_KEYS};
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
    let is_named = move |provider: &ProviderKind| !table(*provider, lookup).is_empty();
    ProviderKind::ALL.into_iter().filter(is_named)
}

/// The account that the variables of `provider` make, its secrets read; its name is the provider's.
pub(super) fn account(
    provider: ProviderKind,
    lookup: Lookup<'_>,
) -> Result<AccountSettings, ConfigError> {
    check(provider, &table(provider, lookup), Some(lookup))
}

/// The same, but its credentials need not be there: [`account`] asks for them when they are read.
pub(super) fn account_without_credentials(
    provider: ProviderKind,
    lookup: Lookup<'_>,
) -> Result<AccountSettings, ConfigError> {
    let mut table = table(provider, lookup);
    check(provider, &table, None).or_else(|_| {
        for key in ["email", "client_id", "key_id"].iter().chain(&SECRET_KEYS) {
            table.remove(*key);
        }
        let stand_ins: &[&str] = match provider {
            ProviderKind::Zendesk => &["oauth_token"],
            ProviderKind::Sunco => &["key_id", "key_secret"],
            ProviderKind::Zoho => &["client_id", "client_secret", "refresh_token"],
            ProviderKind::Own(_) => &[],
        };
        for key in stand_ins {
            table.insert(unplaced(Cow::Borrowed(*key)), text("unset"));
        }
        check(provider, &table, None)
    })
}

/// The account that `table` makes; with `lookup`, its secrets read.
fn check(
    provider: ProviderKind,
    table: &DeTable<'_>,
    lookup: Option<Lookup<'_>>,
) -> Result<AccountSettings, ConfigError> {
    let name = AccountName::new(provider.name());
    let reads = lookup.map(|lookup| (lookup, Path::new("")));
    let table = KeyTable::new(table, Some(provider), reads);
    AccountSettings::check(name, provider, None, table).map_err(|mistake| {
        let named = |key| written(Some(provider), key);
        let what = match &mistake.key {
            Some(key) => format!("environment variable `{}` cannot be used", named(key)),
            None => format!("the environment variables `{}…` make no account", named("")),
        };
        ConfigError::new(what).because(mistake)
    })
}

/// The variables of `provider` that are set, as an account's table. A blank one is not set.
fn table(provider: ProviderKind, lookup: Lookup<'_>) -> DeTable<'static> {
    let prefix = written(Some(provider), "");
    let mut table = DeTable::new();
    for (name, _) in variables() {
        let Some(key) = name.strip_prefix(&prefix) else {
            continue;
        };
        let Some(value) = lookup(name).filter(|value| !value.trim().is_empty()) else {
            continue;
        };
        let key = key.to_ascii_lowercase();
        let value = if SECRET_KEYS.contains(&key.as_str()) {
            let place = [(unplaced(Cow::Borrowed("env")), text(name))];
            unplaced(DeValue::Table(place.into_iter().collect()))
        } else {
            text(&value)
        };
        table.insert(unplaced(Cow::Owned(key)), value);
    }
    table
}

fn text(value: &str) -> Spanned<DeValue<'static>> {
    unplaced(DeValue::String(Cow::Owned(value.to_owned())))
}

/// `value`, which stands in no file.
fn unplaced<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}
