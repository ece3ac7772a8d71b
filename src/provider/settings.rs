//! What each provider must be told to be used: its own settings, complete. Secrets never show.

use secrecy::SecretString;
use url::Url;

/// Zendesk Support.
#[derive(Debug, Clone)]
pub struct ZendeskSettings {
    /// `https://{subdomain}.zendesk.com`, or what stands in for it.
    pub base_url: Url,
    /// How requests are authorized.
    pub credentials: ZendeskCredentials,
}

/// Zendesk's three kinds of credentials.
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
    /// `https://api.smooch.io`, `https://api.eu-1.smooch.io`, `https://{subdomain}.zendesk.com/sc`,
    /// or what stands in for it.
    pub base_url: Url,
    /// The app whose users are meant.
    pub app_id: String,
    /// The key's id, `app_…`, `act_…` or `svc_…`.
    pub key_id: String,
    /// The key's secret.
    pub key_secret: SecretString,
    /// How the key is used.
    pub auth: SuncoAuth,
}

/// How a Sunshine Conversations key is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuncoAuth {
    /// Basic authorization.
    Basic,
    /// A JWT signed with HS256.
    Jwt,
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
}
