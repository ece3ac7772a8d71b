//! From an account's settings to its provider.

use thiserror::Error;

use super::sunco::Sunco;
use super::zendesk::Zendesk;
use super::zoho::Zoho;
use super::{Provider, ProviderSettings};

/// Why no provider can be built of the settings. Neither variant repeats a value: it may be a
/// secret, or hold one.
#[derive(Debug, Error)]
pub enum BuildError {
    /// An address that requests must not go to.
    #[error("`{setting}` {problem}")]
    Address {
        /// The setting's name in the configuration.
        setting: &'static str,
        /// What is wrong with it and how to mend it.
        problem: &'static str,
    },
    /// Another setting that cannot be used.
    #[error("`{setting}` {problem}")]
    Setting {
        /// The setting's name in the configuration.
        setting: &'static str,
        /// What is wrong with it and how to mend it.
        problem: &'static str,
    },
    /// The key cannot sign.
    #[error(
        "`key_secret` cannot sign a JWT; use the secret as it was shown, or `auth = \"basic\"`"
    )]
    Signing {
        /// What the signing library says.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
}

/// The provider of an account, ready for requests.
///
/// # Errors
///
/// [`BuildError`], when a setting cannot be used; nothing is sent to find out.
pub fn build(settings: ProviderSettings) -> Result<Box<dyn Provider>, BuildError> {
    Ok(match settings {
        ProviderSettings::Zendesk(settings) => Box::new(Zendesk::try_new(settings)?),
        ProviderSettings::Sunco(settings) => Box::new(Sunco::try_new(settings)?),
        ProviderSettings::Zoho(settings) => Box::new(Zoho::try_new(settings)?),
    })
}
