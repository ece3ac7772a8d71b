//! Accounts from environment variables, where there is no file: every variable, named and
//! documented in one table.

use super::account::Names;
use super::draft::{AccountDraft, Fault};
use super::error::ConfigError;
use super::limits::Limits;
use super::outline::{AccountOutline, Endpoint};
use super::secret::SecretSource;
use super::table::{SuncoTable, ZendeskTable, ZohoTable};
use crate::domain::{AccountName, ProviderKind};

/// The value of a variable; `None`: it is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Looks a variable up in this process's environment. One that is no UTF-8 text is not there.
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A variable that makes, with others, an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The provider whose account it makes.
    pub provider: ProviderKind,
    /// What it holds, as a lower-case fragment.
    pub holds: &'static str,
}

/// Every variable, in the order help lists them. An empty one counts as not set.
pub const VARIABLES: &[Variable] = &[
    zendesk(
        "ZENDESK_SUBDOMAIN",
        "the `acme` of https://acme.zendesk.com",
    ),
    zendesk("ZENDESK_BASE_URL", "the whole address instead"),
    zendesk(
        "ZENDESK_EMAIL",
        "the agent's e-mail address, with an API token",
    ),
    zendesk("ZENDESK_API_TOKEN", "the API token; secret"),
    zendesk("ZENDESK_OAUTH_TOKEN", "an OAuth access token; secret"),
    zendesk("ZENDESK_CLIENT_ID", "an OAuth client's identifier"),
    zendesk("ZENDESK_CLIENT_SECRET", "that client's secret; secret"),
    sunco("SUNCO_APP_ID", "the app whose users are meant"),
    sunco("SUNCO_KEY_ID", "the API key's id, app_…"),
    sunco("SUNCO_KEY_SECRET", "the API key's secret; secret"),
    sunco("SUNCO_REGION", "us or eu"),
    sunco("SUNCO_SUBDOMAIN", "the Zendesk subdomain instead"),
    sunco("SUNCO_BASE_URL", "the whole address instead"),
    zoho(
        "ZOHO_DATA_CENTER",
        "us, eu, in, au, jp, cn, ca, sa, uk, ae or sg",
    ),
    zoho("ZOHO_ACCOUNTS_URL", "the accounts server's address instead"),
    zoho(
        "ZOHO_BASE_URL",
        "the API's address; else the token answer says it",
    ),
    zoho("ZOHO_CLIENT_ID", "the OAuth client's id"),
    zoho("ZOHO_CLIENT_SECRET", "that client's secret; secret"),
    zoho("ZOHO_REFRESH_TOKEN", "the refresh token; secret"),
];

const fn zendesk(name: &'static str, holds: &'static str) -> Variable {
    variable(name, ProviderKind::Zendesk, holds)
}

const fn sunco(name: &'static str, holds: &'static str) -> Variable {
    variable(name, ProviderKind::Sunco, holds)
}

const fn zoho(name: &'static str, holds: &'static str) -> Variable {
    variable(name, ProviderKind::Zoho, holds)
}

const fn variable(name: &'static str, provider: ProviderKind, holds: &'static str) -> Variable {
    Variable {
        name,
        provider,
        holds,
    }
}

/// Whether any variable is set that makes an account.
pub(super) fn names_an_account(lookup: Lookup<'_>) -> bool {
    ProviderKind::ALL
        .into_iter()
        .any(|provider| is_named(provider, lookup))
}

/// The accounts without their credentials, whose variables need not be set.
pub(super) fn outlines(lookup: Lookup<'_>) -> Result<Vec<AccountOutline>, ConfigError> {
    each_named(lookup, |provider, name| {
        let names = Names::Variables(provider);
        let endpoint: Result<Endpoint, Fault> = match provider {
            ProviderKind::Zendesk => zendesk_table(lookup).endpoint(names),
            ProviderKind::Sunco => sunco_table(lookup).endpoint(names),
            ProviderKind::Zoho => zoho_table(lookup).endpoint(names),
        };
        Ok(AccountOutline {
            name,
            endpoint: endpoint?,
            action: None,
            limits: Limits::default(),
        })
    })
}

/// The accounts with their credentials, unread.
pub(super) fn drafts(lookup: Lookup<'_>) -> Result<Vec<AccountDraft>, ConfigError> {
    each_named(lookup, |provider, name| {
        let names = Names::Variables(provider);
        match provider {
            ProviderKind::Zendesk => zendesk_table(lookup).check(name, names),
            ProviderKind::Sunco => sunco_table(lookup).check(name, names),
            ProviderKind::Zoho => zoho_table(lookup).check(name, names),
        }
    })
}

/// The error that `fault` is for the account of `provider`.
pub(super) fn error(provider: ProviderKind, fault: Fault) -> ConfigError {
    match fault.key {
        Some(key) => ConfigError::Variable {
            variable: Names::Variables(provider).of(key),
            problem: fault.problem,
        },
        None => ConfigError::Variables {
            prefix: provider.name().to_ascii_uppercase(),
            problem: fault.problem,
        },
    }
}

/// What `make` makes of every provider with a variable set; the account has the provider's name.
fn each_named<T>(
    lookup: Lookup<'_>,
    make: impl Fn(ProviderKind, AccountName) -> Result<T, Fault>,
) -> Result<Vec<T>, ConfigError> {
    ProviderKind::ALL
        .into_iter()
        .filter(|provider| is_named(*provider, lookup))
        .map(|provider| {
            make(provider, AccountName::new(provider.name()))
                .map_err(|fault| error(provider, fault))
        })
        .collect()
}

fn is_named(provider: ProviderKind, lookup: Lookup<'_>) -> bool {
    VARIABLES
        .iter()
        .filter(|variable| variable.provider == provider)
        .any(|variable| value(lookup, variable.name).is_some())
}

/// The value of a variable; `None`: it is not set, or empty, as CI systems set what is missing.
fn value(lookup: Lookup<'_>, name: &str) -> Option<String> {
    lookup(name).filter(|value| !value.trim().is_empty())
}

/// Where to read the secret of a variable, if it is set.
fn secret(lookup: Lookup<'_>, name: &str) -> Option<SecretSource> {
    value(lookup, name).map(|_| SecretSource::Env(name.to_owned()))
}

fn zendesk_table(lookup: Lookup<'_>) -> ZendeskTable {
    ZendeskTable {
        subdomain: value(lookup, "ZENDESK_SUBDOMAIN"),
        base_url: value(lookup, "ZENDESK_BASE_URL"),
        email: value(lookup, "ZENDESK_EMAIL"),
        api_token: secret(lookup, "ZENDESK_API_TOKEN"),
        oauth_token: secret(lookup, "ZENDESK_OAUTH_TOKEN"),
        client_id: value(lookup, "ZENDESK_CLIENT_ID"),
        client_secret: secret(lookup, "ZENDESK_CLIENT_SECRET"),
        action: None,
        limits: None,
    }
}

fn sunco_table(lookup: Lookup<'_>) -> SuncoTable {
    SuncoTable {
        app_id: value(lookup, "SUNCO_APP_ID"),
        region: value(lookup, "SUNCO_REGION"),
        subdomain: value(lookup, "SUNCO_SUBDOMAIN"),
        base_url: value(lookup, "SUNCO_BASE_URL"),
        key_id: value(lookup, "SUNCO_KEY_ID"),
        key_secret: secret(lookup, "SUNCO_KEY_SECRET"),
        auth: None,
        action: None,
        limits: None,
    }
}

fn zoho_table(lookup: Lookup<'_>) -> ZohoTable {
    ZohoTable {
        data_center: value(lookup, "ZOHO_DATA_CENTER"),
        accounts_url: value(lookup, "ZOHO_ACCOUNTS_URL"),
        base_url: value(lookup, "ZOHO_BASE_URL"),
        version: None,
        client_id: value(lookup, "ZOHO_CLIENT_ID"),
        client_secret: secret(lookup, "ZOHO_CLIENT_SECRET"),
        refresh_token: secret(lookup, "ZOHO_REFRESH_TOKEN"),
        action: None,
        limits: None,
    }
}
