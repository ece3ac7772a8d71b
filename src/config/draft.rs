//! An account that has passed every check and whose secrets are still unread.

use secrecy::SecretString;
use url::Url;

use super::limits::Limits;
use super::outline::{AccountOutline, Endpoint};
use super::problem::Problem;
use super::secret::{SecretReader, SecretSource};
use super::settings::Account;
use crate::domain::{AccountName, Action};
use crate::provider::{
    ProviderSettings, SuncoAuth, SuncoSettings, ZendeskCredentials, ZendeskSettings, ZohoSettings,
};

/// What is wrong, and with which key of an account's table; `None`: with the table as a whole.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) key: Option<&'static str>,
    pub(super) problem: Problem,
}

impl Fault {
    /// `problem` with the value of `key`.
    pub(super) fn at(key: &'static str, problem: impl Into<Problem>) -> Self {
        Self {
            key: Some(key),
            problem: problem.into(),
        }
    }

    /// `problem` with the account as a whole.
    pub(super) fn of_account(problem: Problem) -> Self {
        Self { key: None, problem }
    }
}

/// An account that has passed every check and whose secrets are still unread.
#[derive(Debug)]
pub(super) struct AccountDraft {
    pub(super) name: AccountName,
    pub(super) provider: ProviderDraft,
    pub(super) action: Option<Action>,
    pub(super) limits: Limits,
}

impl AccountDraft {
    /// What is known of it without its secrets.
    pub(super) fn outline(&self) -> AccountOutline {
        AccountOutline {
            name: self.name.clone(),
            endpoint: self.provider.endpoint(),
            action: self.action,
            limits: self.limits.clone(),
        }
    }

    /// The account, its secrets read.
    pub(super) fn read(self, reader: SecretReader<'_>) -> Result<Account, Fault> {
        Ok(Account {
            name: self.name,
            provider: self.provider.read(reader)?,
            action: self.action,
            limits: self.limits,
        })
    }
}

/// Each provider's settings, the secrets unread.
#[derive(Debug)]
pub(super) enum ProviderDraft {
    Zendesk {
        base_url: Url,
        credentials: ZendeskDraft,
    },
    Sunco {
        base_url: Url,
        app_id: String,
        key_id: String,
        key_secret: SecretSource,
        auth: SuncoAuth,
    },
    Zoho {
        accounts_url: Url,
        base_url: Option<Url>,
        version: String,
        client_id: String,
        client_secret: SecretSource,
        refresh_token: SecretSource,
    },
}

/// Zendesk's three kinds of credentials, unread.
#[derive(Debug)]
pub(super) enum ZendeskDraft {
    ApiToken { email: String, token: SecretSource },
    OAuthToken { token: SecretSource },
    Client { id: String, secret: SecretSource },
}

impl ProviderDraft {
    fn endpoint(&self) -> Endpoint {
        match self {
            Self::Zendesk { base_url, .. } => Endpoint::Zendesk {
                base_url: base_url.clone(),
            },
            Self::Sunco {
                base_url, app_id, ..
            } => Endpoint::Sunco {
                base_url: base_url.clone(),
                app_id: app_id.clone(),
            },
            Self::Zoho {
                accounts_url,
                base_url,
                version,
                ..
            } => Endpoint::Zoho {
                accounts_url: accounts_url.clone(),
                base_url: base_url.clone(),
                version: version.clone(),
            },
        }
    }

    fn read(self, reader: SecretReader<'_>) -> Result<ProviderSettings, Fault> {
        let secret = |key, source: &SecretSource| -> Result<SecretString, Fault> {
            source
                .read(reader)
                .map_err(|problem| Fault::at(key, problem))
        };
        Ok(match self {
            Self::Zendesk {
                base_url,
                credentials,
            } => ProviderSettings::Zendesk(ZendeskSettings {
                base_url,
                credentials: match credentials {
                    ZendeskDraft::ApiToken { email, token } => ZendeskCredentials::ApiToken {
                        email,
                        token: secret("api_token", &token)?,
                    },
                    ZendeskDraft::OAuthToken { token } => ZendeskCredentials::OAuthToken {
                        token: secret("oauth_token", &token)?,
                    },
                    ZendeskDraft::Client { id, secret: hidden } => ZendeskCredentials::Client {
                        id,
                        secret: secret("client_secret", &hidden)?,
                    },
                },
            }),
            Self::Sunco {
                base_url,
                app_id,
                key_id,
                key_secret,
                auth,
            } => ProviderSettings::Sunco(SuncoSettings {
                base_url,
                app_id,
                key_id,
                key_secret: secret("key_secret", &key_secret)?,
                auth,
            }),
            Self::Zoho {
                accounts_url,
                base_url,
                version,
                client_id,
                client_secret,
                refresh_token,
            } => ProviderSettings::Zoho(ZohoSettings {
                accounts_url,
                base_url,
                version,
                client_id,
                client_secret: secret("client_secret", &client_secret)?,
                refresh_token: secret("refresh_token", &refresh_token)?,
            }),
        })
    }
}
