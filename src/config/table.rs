//! An account's table as it is written, for each provider: the keys there are, and nothing judged.
//!
//! Unknown keys are refused by serde. There is no `untagged` and no `flatten` here, since both
//! lose the place of a mistake; the keys that all three share are written three times instead.

use serde::Deserialize;

use super::secret::SecretSource;

/// A Zendesk account.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZendeskTable {
    pub(super) subdomain: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) email: Option<String>,
    pub(super) api_token: Option<SecretSource>,
    pub(super) oauth_token: Option<SecretSource>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretSource>,
    pub(super) action: Option<String>,
    pub(super) limits: Option<LimitsTable>,
}

/// A Sunshine Conversations account.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuncoTable {
    pub(super) app_id: Option<String>,
    pub(super) region: Option<String>,
    pub(super) subdomain: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) key_secret: Option<SecretSource>,
    pub(super) auth: Option<String>,
    pub(super) action: Option<String>,
    pub(super) limits: Option<LimitsTable>,
}

/// A Zoho account.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZohoTable {
    pub(super) data_center: Option<String>,
    pub(super) accounts_url: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) version: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretSource>,
    pub(super) refresh_token: Option<SecretSource>,
    pub(super) action: Option<String>,
    pub(super) limits: Option<LimitsTable>,
}

/// An account's limits. Of the keys named after steps, an account takes those of its provider.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LimitsTable {
    pub(super) concurrency: Option<i64>,
    pub(super) requests: Option<String>,
    pub(super) share: Option<f64>,
    pub(super) delete: Option<String>,
    pub(super) permanently_delete: Option<String>,
    pub(super) delete_personal_information: Option<String>,
}
