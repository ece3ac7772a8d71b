//! The settings that each provider must be told to be used, complete, and the way from there to the provider.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::file::{self, FileSettings, ProviderFile};
use super::{Provider, sunco, zendesk, zoho};
use crate::domain::{AccountLimits, IdProblem, ProviderKind, Step};

/// Zendesk Support.
#[derive(Debug, Clone)]
pub struct ZendeskSettings {
    /// `https://{subdomain}.zendesk.com`, or what stands in for it.
    pub base_url: Url,
    /// How requests are authorized.
    pub credentials: ZendeskCredentials,
}

/// Zendesk's kinds of credentials.
#[derive(Debug, Clone)]
pub enum ZendeskCredentials {
    /// E-mail address and API token, as Basic authorization. Zendesk ends these on 2027-04-30,
    /// see <https://developer.zendesk.com/documentation/api-basics/authentication/oauth-migration/>.
    ApiToken {
        /// The agent's address.
        email: String,
        /// The token.
        token: SecretString,
    },
    /// An OAuth access token, as it is.
    OAuthToken {
        /// The token.
        token: SecretString,
    },
    /// An OAuth access token, and the refresh token that came with it, which can be used once.
    Refresh {
        /// The access token.
        token: SecretString,
        /// The refresh token.
        refresh: SecretString,
        /// The client's unique identifier; `None`: it is not asked for.
        id: Option<String>,
        /// Its secret; `None`: a public client has none.
        secret: Option<SecretString>,
    },
    /// An OAuth client, whose tokens are fetched and renewed.
    Client {
        /// The client's unique identifier.
        id: String,
        /// Its secret.
        secret: SecretString,
    },
}

/// Sunshine Conversations.
#[derive(Debug, Clone)]
pub struct SuncoSettings {
    /// `https://{subdomain}.zendesk.com/sc`, a legacy host, or what stands in for it.
    pub base_url: Url,
    /// The app whose users are meant.
    pub app_id: String,
    /// The brand whose users are meant, where the app keeps users of brands apart; `None`: none.
    pub brand_id: Option<String>,
    /// The key's id, `app_…`, `act_…`, `svc_…` or `int_…`.
    pub key_id: String,
    /// The key's secret.
    pub key_secret: SecretString,
    /// Whether the key signs a JWT (HS256); else it goes as Basic authorization.
    pub is_jwt: bool,
}

/// Zoho CRM.
#[derive(Debug, Clone)]
pub struct ZohoSettings {
    /// The data centre's accounts server, e.g. `https://accounts.zoho.eu`.
    pub accounts_url: Url,
    /// Where the API is; `None`: where the token answer's `api_domain` says.
    pub base_url: Option<Url>,
    /// The API's version, `v2` to `v8`.
    pub version: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretString,
    /// The refresh token.
    pub refresh_token: SecretString,
}

/// The settings of whichever provider an account is at.
#[derive(Debug, Clone)]
pub enum ProviderSettings {
    /// Zendesk Support.
    Zendesk(ZendeskSettings),
    /// Sunshine Conversations.
    Sunco(SuncoSettings),
    /// Zoho CRM.
    Zoho(ZohoSettings),
    /// A provider from a file.
    File(FileSettings),
}

impl ProviderSettings {
    /// The provider.
    pub fn kind(&self) -> ProviderKind {
        match self {
            Self::File(file) => file.file.kind(),
            Self::Zendesk(_) => ProviderKind::Zendesk,
            Self::Sunco(_) => ProviderKind::Sunco,
            Self::Zoho(_) => ProviderKind::Zoho,
        }
    }

    /// The first step before which these settings have each user asked about alone; `None`: as [`defaults`]
    /// say.
    pub fn asked_alone(&self) -> Option<Step> {
        match self {
            Self::Zoho(it) if zoho::read_at_once(&it.version) == 1 => Some(Step::Delete),
            _ => None,
        }
    }

    /// The file that describes the provider; `None`: it is one of this program's own.
    pub fn file(&self) -> Option<&Arc<ProviderFile>> {
        match self {
            Self::File(settings) => Some(&settings.file),
            _ => None,
        }
    }

    /// A digest of what a provider file says of requests and answers; `None`: this program says it.
    pub fn rules(&self) -> Option<String> {
        self.file().map(|file| file.digest())
    }
}

/// The provider of an account, ready for requests.
pub fn build(settings: ProviderSettings) -> Box<dyn Provider> {
    match settings {
        ProviderSettings::Zendesk(settings) => Box::new(settings),
        ProviderSettings::Sunco(settings) => Box::new(settings),
        ProviderSettings::Zoho(settings) => Box::new(settings),
        ProviderSettings::File(settings) => Box::new(settings),
    }
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
        ProviderKind::Sunco => sunco::blanks_count,
        _ => |_| false,
    }
}

/// Whether all ids of one org have as many digits, of which the last are seldom zeros.
pub const fn ids_alike(kind: ProviderKind) -> bool {
    // Zendesk's lengths differ by age, and zeros at the end are refused one by one; those of
    // Sunshine Conversations are hexadecimal, or any text.
    matches!(kind, ProviderKind::Zoho)
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
