//! An account, complete: its secrets unread, or read.

use std::convert::Infallible;

use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use super::error::Problem;
use super::limits::Limits;
use super::secret::{SecretReader, SecretSource};
use super::table::{Fault, Table};
use super::urls::{SUNCO_REGIONS, ZOHO_DATA_CENTERS, base_url, zendesk};
use crate::domain::{AccountName, Action, ProviderKind};
use crate::provider::{
    ProviderSettings, SuncoAuth, SuncoSettings, ZendeskCredentials, ZendeskSettings, ZohoSettings,
};

/// The longest name of an account, in characters; it stands in every line of a ledger.
const NAME_CHARS_MAX: usize = 64;

/// The API versions that Zoho's users endpoint has, see
/// <https://www.zoho.com/crm/developer/docs/api/v8/delete-user.html>. The last is the default.
const ZOHO_VERSIONS: [&str; 8] = ["v2", "v2.1", "v3", "v4", "v5", "v6", "v7", "v8"];

/// How a Sunshine Conversations key is used; the first is the default.
const SUNCO_AUTHS: [(&str, SuncoAuth); 2] = [("basic", SuncoAuth::Basic), ("jwt", SuncoAuth::Jwt)];

/// The keys that hold secrets.
pub(super) const SECRET_KEYS: [&str; 5] = [
    "api_token",
    "oauth_token",
    "client_secret",
    "key_secret",
    "refresh_token",
];

/// The keys of an account at `provider`, but for `provider` itself.
pub(super) const fn keys(provider: ProviderKind) -> &'static [&'static str] {
    match provider {
        ProviderKind::Zendesk => &[
            "subdomain",
            "base_url",
            "email",
            "api_token",
            "oauth_token",
            "client_id",
            "client_secret",
            "action",
            "limits",
        ],
        ProviderKind::Sunco => &[
            "app_id",
            "region",
            "subdomain",
            "base_url",
            "key_id",
            "key_secret",
            "auth",
            "action",
            "limits",
        ],
        ProviderKind::Zoho => &[
            "data_center",
            "accounts_url",
            "base_url",
            "version",
            "client_id",
            "client_secret",
            "refresh_token",
            "action",
            "limits",
        ],
    }
}

/// One account. `S` is [`SecretSource`] while its secrets are unread, then [`SecretString`]. Its
/// `Debug` text shows no secret.
#[derive(Debug, Clone)]
pub struct AccountSettings<S = SecretString> {
    /// Its name, which rows and reports use.
    pub name: AccountName,
    /// Its provider's settings, with address and credentials.
    pub provider: ProviderSettings<S>,
    /// The action of rows that do not say; `None`: such rows are invalid.
    pub action: Option<Action>,
    /// Its limits, as configured; [`Limits::resolve`] makes them complete.
    pub limits: Limits,
}

/// An account whose secrets are unread.
pub type AccountOutline = AccountSettings<SecretSource>;

/// Where an account's requests go: provider, address and what else picks the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Endpoint {
    /// Zendesk Support.
    Zendesk {
        /// The base of every address.
        base_url: Url,
    },
    /// Sunshine Conversations.
    Sunco {
        /// The base of every address.
        base_url: Url,
        /// The app whose users are meant.
        app_id: String,
    },
    /// Zoho CRM.
    Zoho {
        /// The data centre's accounts server.
        accounts_url: Url,
        /// The base of every address; `None`: where the token answer says.
        base_url: Option<Url>,
        /// The API's version.
        version: String,
    },
}

impl Endpoint {
    /// The provider.
    pub const fn provider(&self) -> ProviderKind {
        match self {
            Self::Zendesk { .. } => ProviderKind::Zendesk,
            Self::Sunco { .. } => ProviderKind::Sunco,
            Self::Zoho { .. } => ProviderKind::Zoho,
        }
    }

    /// Where the first request goes.
    pub const fn first_url(&self) -> &Url {
        match self {
            Self::Zendesk { base_url } | Self::Sunco { base_url, .. } => base_url,
            Self::Zoho { accounts_url, .. } => accounts_url,
        }
    }
}

impl<S> AccountSettings<S> {
    /// Its provider.
    pub const fn kind(&self) -> ProviderKind {
        self.provider.kind()
    }

    /// Where its requests go.
    pub fn endpoint(&self) -> Endpoint {
        match &self.provider {
            ProviderSettings::Zendesk(zendesk) => Endpoint::Zendesk {
                base_url: zendesk.base_url.clone(),
            },
            ProviderSettings::Sunco(sunco) => Endpoint::Sunco {
                base_url: sunco.base_url.clone(),
                app_id: sunco.app_id.clone(),
            },
            ProviderSettings::Zoho(zoho) => Endpoint::Zoho {
                accounts_url: zoho.accounts_url.clone(),
                base_url: zoho.base_url.clone(),
                version: zoho.version.clone(),
            },
        }
    }
}

impl AccountSettings<SecretSource> {
    /// The account called `name` that `table` describes.
    pub(super) fn check(
        name: AccountName,
        kind: ProviderKind,
        table: Table<'_>,
    ) -> Result<Self, Fault> {
        table.refuse_unknown(keys(kind))?;
        Ok(Self {
            name,
            provider: match kind {
                ProviderKind::Zendesk => ProviderSettings::Zendesk(ZendeskSettings {
                    base_url: address(table, &["subdomain", "base_url"], "")?,
                    credentials: zendesk_credentials(table)?,
                }),
                ProviderKind::Sunco => ProviderSettings::Sunco(SuncoSettings {
                    base_url: address(table, &["region", "subdomain", "base_url"], "/sc")?,
                    app_id: app_id(table)?,
                    key_id: table.identifier("key_id")?,
                    key_secret: table.secret("key_secret")?,
                    auth: table
                        .choice("auth", &SUNCO_AUTHS)?
                        .unwrap_or(SuncoAuth::Basic),
                }),
                ProviderKind::Zoho => ProviderSettings::Zoho(ZohoSettings {
                    accounts_url: address(table, &["data_center", "accounts_url"], "")?,
                    base_url: (table.has("base_url"))
                        .then(|| address(table, &["base_url"], ""))
                        .transpose()?,
                    version: zoho_version(table)?,
                    client_id: table.identifier("client_id")?,
                    client_secret: table.secret("client_secret")?,
                    refresh_token: table.secret("refresh_token")?,
                }),
            },
            action: table.choice("action", &choices(kind.actions(), Action::name))?,
            limits: Limits::check(table, kind)?,
        })
    }

    /// The account with its secrets read.
    pub(super) fn read(&self, reader: SecretReader<'_>) -> Result<AccountSettings, Fault> {
        let provider = self.provider.try_map(|key, source| {
            source.read(reader).map_err(|error| Fault {
                key: Some(key.to_owned()),
                problem: error,
            })
        })?;
        Ok(AccountSettings {
            name: self.name.clone(),
            provider,
            action: self.action,
            limits: self.limits.clone(),
        })
    }

    /// Whether one of its secrets `is_such`.
    pub(super) fn any_secret(&self, is_such: impl Fn(&SecretSource) -> bool) -> bool {
        let mut any = false;
        let _ = self.provider.try_map(|_, source| {
            any |= is_such(source);
            Ok::<_, Infallible>(())
        });
        any
    }
}

/// Refuses a name that could not be told from others in a row or a report.
pub(super) fn check_name(name: &str, provider: ProviderKind) -> Result<AccountName, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(plain) {
        return Err(Problem::from(format!(
            "an account's name is 1 to {NAME_CHARS_MAX} letters, digits, hyphens, underscores or \
             dots; name it otherwise"
        )));
    }
    match name.parse::<ProviderKind>() {
        Ok(other) if other != provider => Err(Problem::from(format!(
            "rows that say `{other}` would be deleted at {}; name this account otherwise",
            provider.title()
        ))),
        Ok(_) | Err(()) => Ok(AccountName::new(name)),
    }
}

/// Each of `values` under its name.
pub(super) fn choices<T: Copy>(
    values: &[T],
    name: impl Fn(T) -> &'static str,
) -> Vec<(&'static str, T)> {
    values.iter().map(|value| (name(*value), *value)).collect()
}

/// The address that one of `keys` gives; `path` comes behind a subdomain's.
fn address(table: Table<'_>, keys: &[&'static str], path: &str) -> Result<Url, Fault> {
    let key = table.one_of(keys)?;
    let text = table.text(key)?.unwrap_or_default();
    let url = match key {
        "region" => base_url(table.choice(key, &SUNCO_REGIONS)?.unwrap_or_default()),
        "data_center" => base_url(table.choice(key, &ZOHO_DATA_CENTERS)?.unwrap_or_default()),
        "subdomain" => zendesk(&text, path),
        _ => base_url(&text),
    };
    url.map_err(|problem| table.fault(key, problem))
}

fn zendesk_credentials(table: Table<'_>) -> Result<ZendeskCredentials<SecretSource>, Fault> {
    let by_token = table.has("email") || table.has("api_token");
    let by_client = table.has("client_id") || table.has("client_secret");
    let [email, api_token, oauth_token, id, secret] = [
        "email",
        "api_token",
        "oauth_token",
        "client_id",
        "client_secret",
    ]
    .map(|key| table.name(key));
    let kinds = format!("{email} with {api_token}, {oauth_token}, {id} with {secret}");
    match (by_token, table.has("oauth_token"), by_client) {
        (true, false, false) => Ok(ZendeskCredentials::ApiToken {
            email: email_address(table)?,
            token: table.secret("api_token")?,
        }),
        (false, true, false) => Ok(ZendeskCredentials::OAuthToken {
            token: table.secret("oauth_token")?,
        }),
        (false, false, true) => Ok(ZendeskCredentials::Client {
            id: table.identifier("client_id")?,
            secret: table.secret("client_secret")?,
        }),
        (false, false, false) => Err(Table::lacks(&format!("credentials, one of {kinds}"))),
        (_, by_oauth, _) => {
            let key = if by_oauth { "oauth_token" } else { "client_id" };
            Err(table.fault(key, Problem::conflict(&kinds)))
        }
    }
}

fn email_address(table: Table<'_>) -> Result<String, Fault> {
    let text = table.identifier("email")?;
    // Zendesk's user name is `address/token`, and the provider adds that ending.
    if text.contains('@') && !text.contains([':', '/']) {
        return Ok(text);
    }
    let why = "it is no e-mail address; write it alone, without `/token` behind it";
    Err(table.fault("email", why))
}

fn app_id(table: Table<'_>) -> Result<String, Fault> {
    let text = table.identifier("app_id")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.bytes().all(plain) {
        return Ok(text);
    }
    let why = "an app's id is letters and digits only; copy it from the app's settings";
    Err(table.fault("app_id", why))
}

fn zoho_version(table: Table<'_>) -> Result<String, Fault> {
    let versions = choices(&ZOHO_VERSIONS, |version| version);
    let version = table.choice("version", &versions)?;
    Ok(version.unwrap_or("v8").to_owned())
}
