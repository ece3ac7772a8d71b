//! What each provider must be told to be used, complete, and the way from there to the provider.
//!
//! `S` is a secret; in a configuration whose secrets are unread, where it is to be had.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use url::Url;

use super::file::{self, FileSettings};
use super::sunco::Sunco;
use super::{Provider, auth, sunco, zendesk, zoho};
use crate::domain::{AccountLimits, IdProblem, ProviderKind, Step};

/// Zendesk Support.
#[derive(Debug, Clone)]
pub struct ZendeskSettings<S = SecretString> {
    /// `https://{subdomain}.zendesk.com`, or what stands in for it.
    pub base_url: Url,
    /// How requests are authorized.
    pub credentials: ZendeskCredentials<S>,
}

/// Zendesk's kinds of credentials.
#[derive(Debug, Clone)]
pub enum ZendeskCredentials<S = SecretString> {
    /// E-mail address and API token, as Basic authorization. Zendesk ends these on 2027-04-30,
    /// see <https://developer.zendesk.com/documentation/api-basics/authentication/oauth-migration/>.
    ApiToken {
        /// The agent's address.
        email: String,
        /// The token.
        token: S,
    },
    /// An OAuth access token, as it is.
    OAuthToken {
        /// The token.
        token: S,
    },
    /// An OAuth access token, and the refresh token that came with it, which can be used once.
    Refresh {
        /// The access token.
        token: S,
        /// The refresh token.
        refresh: S,
        /// The client's unique identifier; `None`: it is not asked for.
        id: Option<String>,
        /// Its secret; `None`: a public client has none.
        secret: Option<S>,
    },
    /// An OAuth client, whose tokens are fetched and renewed.
    Client {
        /// The client's unique identifier.
        id: String,
        /// Its secret.
        secret: S,
    },
}

/// Sunshine Conversations.
#[derive(Debug, Clone)]
pub struct SuncoSettings<S = SecretString> {
    /// `https://{subdomain}.zendesk.com/sc`, a legacy host, or what stands in for it.
    pub base_url: Url,
    /// The app whose users are meant.
    pub app_id: String,
    /// The brand whose users are meant, where the app keeps users of brands apart; `None`: none.
    pub brand_id: Option<String>,
    /// The key's id, `app_…`, `act_…`, `svc_…` or `int_…`.
    pub key_id: String,
    /// The key's secret.
    pub key_secret: S,
    /// Whether the key signs a JWT (HS256); else it goes as Basic authorization.
    pub is_jwt: bool,
}

/// Zoho CRM.
#[derive(Debug, Clone)]
pub struct ZohoSettings<S = SecretString> {
    /// The data centre's accounts server, e.g. `https://accounts.zoho.eu`.
    pub accounts_url: Url,
    /// Where the API is; `None`: where the token answer's `api_domain` says.
    pub base_url: Option<Url>,
    /// The API's version, `v2` to `v8`.
    pub version: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: S,
    /// The refresh token.
    pub refresh_token: S,
}

/// The settings of whichever provider an account is at.
#[derive(Debug, Clone)]
pub enum ProviderSettings<S = SecretString> {
    /// Zendesk Support.
    Zendesk(ZendeskSettings<S>),
    /// Sunshine Conversations.
    Sunco(SuncoSettings<S>),
    /// Zoho CRM.
    Zoho(ZohoSettings<S>),
    /// A provider from a file.
    File(FileSettings<S>),
}

impl<S> ZendeskCredentials<S> {
    fn try_map<T, E>(
        &self,
        read: &mut impl FnMut(&str, &S) -> Result<T, E>,
    ) -> Result<ZendeskCredentials<T>, E> {
        use ZendeskCredentials::{ApiToken, Client, OAuthToken, Refresh};

        Ok(match self {
            ApiToken { email, token } => ApiToken {
                email: email.clone(),
                token: read("api_token", token)?,
            },
            OAuthToken { token } => OAuthToken {
                token: read("oauth_token", token)?,
            },
            Refresh {
                token,
                refresh,
                id,
                secret,
            } => Refresh {
                token: read("oauth_token", token)?,
                refresh: read("refresh_token", refresh)?,
                id: id.clone(),
                secret: match secret {
                    Some(secret) => Some(read("client_secret", secret)?),
                    None => None,
                },
            },
            Client { id, secret } => Client {
                id: id.clone(),
                secret: read("client_secret", secret)?,
            },
        })
    }
}

impl<S> ProviderSettings<S> {
    /// The provider.
    pub fn kind(&self) -> ProviderKind {
        match self {
            // A file without a name is refused.
            Self::File(file) => file.file.kind().unwrap_or(ProviderKind::Zendesk),
            Self::Zendesk(_) => ProviderKind::Zendesk,
            Self::Sunco(_) => ProviderKind::Sunco,
            Self::Zoho(_) => ProviderKind::Zoho,
        }
    }

    /// The first step before which these settings have each user asked about alone; `None`: as [`defaults`] say.
    pub fn asked_alone(&self) -> Option<Step> {
        match self {
            Self::Zoho(it) if zoho::read_at_once(&it.version) == 1 => Some(Step::Delete),
            _ => None,
        }
    }

    /// A digest of what a provider file says of requests and answers; `None`: this program says it.
    pub fn rules(&self) -> Option<String> {
        match self {
            Self::File(settings) => Some(settings.file.digest()),
            _ => None,
        }
    }

    /// The same settings, with what `read` makes of each secret and its key in the configuration.
    pub fn try_map<T, E>(
        &self,
        mut read: impl FnMut(&str, &S) -> Result<T, E>,
    ) -> Result<ProviderSettings<T>, E> {
        Ok(match self {
            Self::Zendesk(zendesk) => ProviderSettings::Zendesk(ZendeskSettings {
                base_url: zendesk.base_url.clone(),
                credentials: zendesk.credentials.try_map(&mut read)?,
            }),
            Self::Sunco(sunco) => ProviderSettings::Sunco(SuncoSettings {
                base_url: sunco.base_url.clone(),
                app_id: sunco.app_id.clone(),
                brand_id: sunco.brand_id.clone(),
                key_id: sunco.key_id.clone(),
                key_secret: read("key_secret", &sunco.key_secret)?,
                is_jwt: sunco.is_jwt,
            }),
            Self::Zoho(zoho) => ProviderSettings::Zoho(ZohoSettings {
                accounts_url: zoho.accounts_url.clone(),
                base_url: zoho.base_url.clone(),
                version: zoho.version.clone(),
                client_id: zoho.client_id.clone(),
                client_secret: read("client_secret", &zoho.client_secret)?,
                refresh_token: read("refresh_token", &zoho.refresh_token)?,
            }),
            Self::File(file) => {
                let read = |(key, secret): (&String, &S)| Ok((key.clone(), read(key, secret)?));
                ProviderSettings::File(FileSettings {
                    file: Arc::clone(&file.file),
                    base_url: file.base_url.clone(),
                    plain: file.plain.clone(),
                    secrets: file.secrets.iter().map(read).collect::<Result<_, _>>()?,
                })
            }
        })
    }
}

/// Why no provider can be built of the settings. It repeats no value, which may be a secret.
#[derive(Debug, Error)]
#[error("`{setting}` {problem}")]
pub struct BuildError {
    /// The setting's name in the configuration.
    pub setting: String,
    /// What is wrong with it and how to mend it.
    pub problem: &'static str,
}

/// The provider of an account, ready for requests.
pub fn build(settings: ProviderSettings) -> Result<Box<dyn Provider>, BuildError> {
    settings.try_map(|key, secret| auth::check_plain(key, secret.expose_secret()))?;
    Ok(match settings {
        ProviderSettings::Zendesk(settings) => {
            use ZendeskCredentials::{Client, Refresh};
            if let Client { id, .. } | Refresh { id: Some(id), .. } = &settings.credentials {
                auth::check_plain("client_id", id)?;
            }
            Box::new(settings)
        }
        ProviderSettings::Sunco(settings) => Box::new(Sunco::try_new(settings)?),
        ProviderSettings::Zoho(settings) => {
            auth::check_plain("client_id", &settings.client_id)?;
            Box::new(settings)
        }
        ProviderSettings::File(settings) => Box::new(settings),
    })
}

/// A provider's rule for user ids: trimmed text of a cell → the part of it that is the id to send.
pub fn check_id(kind: ProviderKind) -> fn(&str) -> Result<&str, IdProblem> {
    match kind {
        ProviderKind::Zendesk => zendesk::check_id,
        ProviderKind::Sunco => sunco::check_id,
        ProviderKind::Zoho => zoho::check_id,
        ProviderKind::Own(_) => file::check_id,
    }
}

/// Whether an id of this kind of account may begin or end with a blank.
pub fn blanks_count(kind: ProviderKind) -> fn(&str) -> bool {
    match kind {
        ProviderKind::Zendesk | ProviderKind::Zoho | ProviderKind::Own(_) => |_| false,
        ProviderKind::Sunco => sunco::blanks_count,
    }
}

/// Whether all ids of one org have as many digits, of which the last are seldom zeros.
pub const fn ids_alike(kind: ProviderKind) -> bool {
    match kind {
        // Zendesk's lengths differ by age, and zeros at the end are refused one by one; those of
        // Sunshine Conversations are hexadecimal, or any text.
        ProviderKind::Zendesk | ProviderKind::Sunco | ProviderKind::Own(_) => false,
        ProviderKind::Zoho => true,
    }
}

/// The limits of an account at a provider of this program's own whose configuration states none.
pub fn defaults(kind: ProviderKind) -> AccountLimits {
    match kind {
        ProviderKind::Zendesk => zendesk::defaults(),
        // A provider file states its own.
        ProviderKind::Sunco | ProviderKind::Own(_) => sunco::defaults(),
        ProviderKind::Zoho => zoho::defaults(),
    }
}
