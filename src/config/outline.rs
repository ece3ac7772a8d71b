//! What is known of the accounts without reading a secret, and the digest over it.

use url::Url;

use super::limits::Limits;
use super::settings::Source;
use crate::domain::{AccountName, Action, ProviderKind, Quota};
use crate::provider::ProviderSettings;

/// The accounts, without their secrets: all that `plan` needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// Where it was read.
    pub source: Source,
    /// The accounts, sorted by name when they come from a file. Never empty.
    pub accounts: Vec<AccountOutline>,
    /// `deny_tenants`: nothing is deleted at a tenant whose name holds one of these words, in any
    /// case.
    pub deny_tenants: Vec<String>,
}

/// An account, without its secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountOutline {
    /// Its name, which rows and reports use.
    pub name: AccountName,
    /// Where its requests go.
    pub endpoint: Endpoint,
    /// The action of rows that do not say; `None`: such rows are invalid.
    pub action: Option<Action>,
    /// Its limits, as configured.
    pub limits: Limits,
}

/// Where an account's requests go: provider, address and what else picks the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// Where the requests of an account with these settings go.
    pub fn of(settings: &ProviderSettings) -> Self {
        match settings {
            ProviderSettings::Zendesk(zendesk) => Self::Zendesk {
                base_url: zendesk.base_url.clone(),
            },
            ProviderSettings::Sunco(sunco) => Self::Sunco {
                base_url: sunco.base_url.clone(),
                app_id: sunco.app_id.clone(),
            },
            ProviderSettings::Zoho(zoho) => Self::Zoho {
                accounts_url: zoho.accounts_url.clone(),
                base_url: zoho.base_url.clone(),
                version: zoho.version.clone(),
            },
        }
    }
}

impl Outline {
    /// What a saved plan is bound to: a BLAKE3 digest, in lower-case hex, over names, providers,
    /// addresses, actions, limits and denied tenants. Where the configuration lies, how it is laid out and which
    /// credentials it names make no difference.
    pub fn digest(&self) -> String {
        let mut digest = Digest::new();
        for account in &self.accounts {
            digest.text(account.name.as_str());
            digest.endpoint(&account.endpoint);
            digest.option(account.action.map(Action::name));
            digest.limits(&account.limits);
        }
        // Without any the digest is what it was before there were such words.
        for word in &self.deny_tenants {
            digest.text("deny tenant");
            digest.text(word);
        }
        digest.hasher.finalize().to_hex().to_string()
    }
}

/// Texts and numbers, each with its length before it, so that no two lists of them run together
/// alike.
struct Digest {
    hasher: blake3::Hasher,
}

impl Digest {
    /// Changed whenever what is hashed changes, so that an older plan is refused, not misread.
    const VERSION: &'static str = "userpurge configuration 1";

    fn new() -> Self {
        let mut digest = Self {
            hasher: blake3::Hasher::new(),
        };
        digest.text(Self::VERSION);
        digest
    }

    fn text(&mut self, text: &str) {
        self.hasher.update(&(text.len() as u64).to_le_bytes());
        self.hasher.update(text.as_bytes());
    }

    fn option(&mut self, text: Option<&str>) {
        match text {
            Some(text) => {
                self.hasher.update(&[1]);
                self.text(text);
            }
            None => {
                self.hasher.update(&[0]);
            }
        }
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        self.text(endpoint.provider().name());
        match endpoint {
            Endpoint::Zendesk { base_url } => self.text(base_url.as_str()),
            Endpoint::Sunco { base_url, app_id } => {
                self.text(base_url.as_str());
                self.text(app_id);
            }
            Endpoint::Zoho {
                accounts_url,
                base_url,
                version,
            } => {
                self.text(accounts_url.as_str());
                self.option(base_url.as_ref().map(Url::as_str));
                self.text(version);
            }
        }
    }

    fn limits(&mut self, limits: &Limits) {
        let quota = |quota: Option<Quota>| quota.map(|quota| quota.to_string());
        let concurrency = limits.concurrency.map(|number| number.to_string());
        self.option(concurrency.as_deref());
        self.option(quota(limits.requests).as_deref());
        self.hasher
            .update(&(limits.steps.len() as u64).to_le_bytes());
        for (step, limit) in &limits.steps {
            self.text(step.name());
            self.text(&limit.to_string());
        }
        self.hasher.update(&limits.share.to_bits().to_le_bytes());
    }
}
