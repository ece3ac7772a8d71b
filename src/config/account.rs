//! The checks: an account's table, from a file or from variables, to an [`AccountDraft`].
//!
//! The same checks serve both, so a [`Fault`] names a key, and [`Names`] says how that key is
//! written where it came from.

use std::num::NonZeroU32;

use url::Url;

use super::draft::{AccountDraft, Fault, ProviderDraft, ZendeskDraft};
use super::limits::Limits;
use super::outline::Endpoint;
use super::problem::{Problem, quoted};
use super::secret::SecretSource;
use super::table::{LimitsTable, SuncoTable, ZendeskTable, ZohoTable};
use super::urls::{SUNCO_REGIONS, ZOHO_DATA_CENTERS, base_url, named, zendesk};
use crate::domain::{AccountName, Action, ProviderKind, Quota, QuotaError, Step};
use crate::provider::SuncoAuth;

/// The longest name of an account, in characters; it stands in every line of a ledger.
const NAME_CHARS_MAX: usize = 64;

/// The longest identifier (e-mail address, client id, key id) taken, in bytes.
const IDENTIFIER_BYTES_MAX: usize = 1024;

/// The API versions that Zoho's users endpoint has, see
/// <https://www.zoho.com/crm/developer/docs/api/v8/delete-user.html>.
const ZOHO_VERSIONS: [&str; 8] = ["v2", "v2.1", "v3", "v4", "v5", "v6", "v7", "v8"];

/// The version that is used when none is named.
const ZOHO_VERSION_DEFAULT: &str = "v8";

/// How a key is written where the table came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// In a file, as itself.
    Keys,
    /// In the environment, as `PROVIDER_KEY`.
    Variables(ProviderKind),
}

impl Names {
    /// How `key` is written.
    pub(super) fn of(self, key: &str) -> String {
        match self {
            Self::Keys => key.to_owned(),
            Self::Variables(provider) => format!("{}_{key}", provider.name()).to_ascii_uppercase(),
        }
    }

    /// How `key` is written, between backticks.
    fn tick(self, key: &str) -> String {
        format!("`{}`", self.of(key))
    }

    /// `` `a`, `b` or `c` ``.
    fn either(self, keys: &[&str]) -> String {
        let names: Vec<_> = keys.iter().map(|key| self.tick(key)).collect();
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            None => String::new(),
        }
    }
}

/// Refuses a name that could not be told from others in a row or a report.
pub(super) fn check_name(name: &str, provider: ProviderKind) -> Result<AccountName, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(plain) {
        return Err(Problem::text(format!(
            "an account's name is 1 to {NAME_CHARS_MAX} letters, digits, hyphens, underscores or \
             dots; name it otherwise"
        )));
    }
    match name.parse::<ProviderKind>() {
        Ok(other) if other != provider => Err(Problem::text(format!(
            "rows that say `{other}` would be deleted at {}; name this account otherwise",
            provider.title()
        ))),
        Ok(_) | Err(()) => Ok(AccountName::new(name)),
    }
}

impl ZendeskTable {
    /// Where the account is.
    pub(super) fn base(&self, names: Names) -> Result<Url, Fault> {
        match (&self.subdomain, &self.base_url) {
            (Some(subdomain), None) => {
                zendesk(subdomain, "").map_err(|problem| Fault::at("subdomain", problem))
            }
            (None, Some(address)) => {
                base_url(address).map_err(|problem| Fault::at("base_url", problem))
            }
            (None, None) => Err(lacks(names.either(&["subdomain", "base_url"]))),
            (Some(_), Some(_)) => Err(Fault::at(
                "base_url",
                exclude(names, &["subdomain", "base_url"]),
            )),
        }
    }

    /// Where the account is.
    pub(super) fn endpoint(&self, names: Names) -> Result<Endpoint, Fault> {
        self.base(names)
            .map(|base_url| Endpoint::Zendesk { base_url })
    }

    /// The account under `name`, if all is well with it.
    pub(super) fn check(self, name: AccountName, names: Names) -> Result<AccountDraft, Fault> {
        let base_url = self.base(names)?;
        let action = check_action(self.action.as_deref(), ProviderKind::Zendesk)?;
        let limits = check_limits(self.limits.as_ref(), ProviderKind::Zendesk)?;
        let credentials = self.credentials(names)?;
        Ok(AccountDraft {
            name,
            provider: ProviderDraft::Zendesk {
                base_url,
                credentials,
            },
            action,
            limits,
        })
    }

    fn credentials(self, names: Names) -> Result<ZendeskDraft, Fault> {
        let by_token = self.email.is_some() || self.api_token.is_some();
        let by_oauth = self.oauth_token.is_some();
        let by_client = self.client_id.is_some() || self.client_secret.is_some();
        let kinds = || {
            format!(
                "{} with {}, {}, {} with {}",
                names.tick("email"),
                names.tick("api_token"),
                names.tick("oauth_token"),
                names.tick("client_id"),
                names.tick("client_secret"),
            )
        };
        match (by_token, self.oauth_token, by_client) {
            (true, None, false) => Ok(ZendeskDraft::ApiToken {
                email: check_email(required(self.email, "email", names)?)?,
                token: required(self.api_token, "api_token", names)?,
            }),
            (false, Some(token), false) => Ok(ZendeskDraft::OAuthToken { token }),
            (false, None, true) => Ok(ZendeskDraft::Client {
                id: identifier(required(self.client_id, "client_id", names)?, "client_id")?,
                secret: required(self.client_secret, "client_secret", names)?,
            }),
            (false, None, false) => Err(lacks(format!("credentials, one of {}", kinds()))),
            _ => {
                let key = if by_oauth { "oauth_token" } else { "client_id" };
                Err(Fault::at(key, Problem::conflict(kinds())))
            }
        }
    }
}

impl SuncoTable {
    fn base(&self, names: Names) -> Result<Url, Fault> {
        let keys = ["region", "subdomain", "base_url"];
        match (&self.region, &self.subdomain, &self.base_url) {
            (Some(region), None, None) => named(&SUNCO_REGIONS, region).ok_or_else(|| {
                let known = SUNCO_REGIONS.map(|(name, _)| name);
                Fault::at("region", Problem::not_one_of(region, known))
            }),
            (None, Some(subdomain), None) => {
                zendesk(subdomain, "/sc").map_err(|problem| Fault::at("subdomain", problem))
            }
            (None, None, Some(address)) => {
                base_url(address).map_err(|problem| Fault::at("base_url", problem))
            }
            (None, None, None) => Err(lacks(names.either(&keys))),
            (_, subdomain, address) => {
                let last = if address.is_some() {
                    "base_url"
                } else {
                    "subdomain"
                };
                let given = [
                    self.region.is_some(),
                    subdomain.is_some(),
                    address.is_some(),
                ];
                let given: Vec<_> = keys
                    .into_iter()
                    .zip(given)
                    .filter_map(|(key, given)| given.then_some(key))
                    .collect();
                Err(Fault::at(last, exclude(names, &given)))
            }
        }
    }

    fn app(&self, names: Names) -> Result<String, Fault> {
        let app_id = required(self.app_id.clone(), "app_id", names)?;
        let app_id = identifier(app_id, "app_id")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !app_id.bytes().all(plain) {
            let why = "an app's id is letters and digits only; copy it from the app's settings";
            return Err(Fault::at("app_id", Problem::text(why)));
        }
        Ok(app_id)
    }

    /// Where the account is.
    pub(super) fn endpoint(&self, names: Names) -> Result<Endpoint, Fault> {
        Ok(Endpoint::Sunco {
            base_url: self.base(names)?,
            app_id: self.app(names)?,
        })
    }

    /// The account under `name`, if all is well with it.
    pub(super) fn check(self, name: AccountName, names: Names) -> Result<AccountDraft, Fault> {
        let base_url = self.base(names)?;
        let app_id = self.app(names)?;
        let auth = match self.auth.as_deref() {
            None | Some("basic") => SuncoAuth::Basic,
            Some("jwt") => SuncoAuth::Jwt,
            Some(other) => {
                return Err(Fault::at(
                    "auth",
                    Problem::not_one_of(other, ["basic", "jwt"]),
                ));
            }
        };
        Ok(AccountDraft {
            name,
            action: check_action(self.action.as_deref(), ProviderKind::Sunco)?,
            limits: check_limits(self.limits.as_ref(), ProviderKind::Sunco)?,
            provider: ProviderDraft::Sunco {
                base_url,
                app_id,
                key_id: identifier(required(self.key_id, "key_id", names)?, "key_id")?,
                key_secret: required(self.key_secret, "key_secret", names)?,
                auth,
            },
        })
    }
}

impl ZohoTable {
    fn accounts(&self, names: Names) -> Result<Url, Fault> {
        match (&self.data_center, &self.accounts_url) {
            (Some(place), None) => named(&ZOHO_DATA_CENTERS, place).ok_or_else(|| {
                let known = ZOHO_DATA_CENTERS.map(|(name, _)| name);
                Fault::at("data_center", Problem::not_one_of(place, known))
            }),
            (None, Some(address)) => {
                base_url(address).map_err(|problem| Fault::at("accounts_url", problem))
            }
            (None, None) => Err(lacks(names.either(&["data_center", "accounts_url"]))),
            (Some(_), Some(_)) => Err(Fault::at(
                "accounts_url",
                exclude(names, &["data_center", "accounts_url"]),
            )),
        }
    }

    fn base(&self) -> Result<Option<Url>, Fault> {
        let address = self.base_url.as_deref();
        address
            .map(|address| base_url(address).map_err(|problem| Fault::at("base_url", problem)))
            .transpose()
    }

    fn version(&self) -> Result<String, Fault> {
        let version = self.version.as_deref().unwrap_or(ZOHO_VERSION_DEFAULT);
        if !ZOHO_VERSIONS.contains(&version) {
            let problem = Problem::not_one_of(version, ZOHO_VERSIONS);
            return Err(Fault::at("version", problem));
        }
        Ok(version.to_owned())
    }

    /// Where the account is.
    pub(super) fn endpoint(&self, names: Names) -> Result<Endpoint, Fault> {
        Ok(Endpoint::Zoho {
            accounts_url: self.accounts(names)?,
            base_url: self.base()?,
            version: self.version()?,
        })
    }

    /// The account under `name`, if all is well with it.
    pub(super) fn check(self, name: AccountName, names: Names) -> Result<AccountDraft, Fault> {
        Ok(AccountDraft {
            name,
            action: check_action(self.action.as_deref(), ProviderKind::Zoho)?,
            limits: check_limits(self.limits.as_ref(), ProviderKind::Zoho)?,
            provider: ProviderDraft::Zoho {
                accounts_url: self.accounts(names)?,
                base_url: self.base()?,
                version: self.version()?,
                client_id: identifier(required(self.client_id, "client_id", names)?, "client_id")?,
                client_secret: required(self.client_secret, "client_secret", names)?,
                refresh_token: required(self.refresh_token, "refresh_token", names)?,
            },
        })
    }
}

/// The value of `key`, which must be there.
fn required<T>(value: Option<T>, key: &str, names: Names) -> Result<T, Fault> {
    value.ok_or_else(|| lacks(names.tick(key)))
}

fn lacks(wanted: String) -> Fault {
    Fault::of_account(Problem::missing(wanted))
}

fn exclude(names: Names, keys: &[&str]) -> Problem {
    let names: Vec<_> = keys.iter().map(|key| names.of(key)).collect();
    Problem::conflict(quoted(names.iter().map(String::as_str)))
}

/// `text`, if it can be an identifier: something, printable, without blanks.
fn identifier(text: String, key: &'static str) -> Result<String, Fault> {
    let plain = |c: char| !c.is_control() && !c.is_whitespace();
    if text.is_empty() || text.len() > IDENTIFIER_BYTES_MAX || !text.chars().all(plain) {
        let why = "it must be one word without blanks; copy it again from the provider";
        return Err(Fault::at(key, Problem::text(why)));
    }
    Ok(text)
}

fn check_email(text: String) -> Result<String, Fault> {
    let text = identifier(text, "email")?;
    // Zendesk's user name is `address/token`, and the provider adds that ending.
    let well = text.contains('@') && !text.contains([':', '/']);
    if !well {
        let why = "it is no e-mail address; write it alone, without `/token` behind it";
        return Err(Fault::at("email", Problem::text(why)));
    }
    Ok(text)
}

fn check_action(text: Option<&str>, provider: ProviderKind) -> Result<Option<Action>, Fault> {
    let Some(text) = text else { return Ok(None) };
    match text.parse::<Action>() {
        Ok(action) if provider.actions().contains(&action) => Ok(Some(action)),
        Ok(_) | Err(()) => {
            let known = provider.actions().iter().map(|action| action.name());
            Err(Fault::at("action", Problem::not_one_of(text, known)))
        }
    }
}

fn check_limits(table: Option<&LimitsTable>, provider: ProviderKind) -> Result<Limits, Fault> {
    let Some(table) = table else {
        return Ok(Limits::default());
    };
    let quota = |key, text: Option<&String>| -> Result<Option<Quota>, Fault> {
        text.map(|text| {
            text.parse()
                .map_err(|problem: QuotaError| Fault::at(key, problem))
        })
        .transpose()
    };
    let mut limits = Limits {
        concurrency: table.concurrency.map(check_concurrency).transpose()?,
        requests: quota("limits.requests", table.requests.as_ref())?,
        steps: Vec::new(),
        share: check_share(table.share)?,
    };
    for (step, key, text) in [
        (Step::Delete, "limits.delete", &table.delete),
        (
            Step::PermanentlyDelete,
            "limits.permanently-delete",
            &table.permanently_delete,
        ),
        (
            Step::DeletePersonalInformation,
            "limits.delete-personal-information",
            &table.delete_personal_information,
        ),
    ] {
        let Some(limit) = quota(key, text.as_ref())? else {
            continue;
        };
        let steps = steps_of(provider);
        if !steps.contains(&step) {
            let known = steps.into_iter().map(Step::name);
            return Err(Fault::at(key, Problem::not_one_of(step.name(), known)));
        }
        limits.steps.push((step, limit));
    }
    Ok(limits)
}

fn check_concurrency(number: i64) -> Result<NonZeroU32, Fault> {
    u32::try_from(number)
        .ok()
        .filter(|number| *number <= Limits::CONCURRENCY_MAX)
        .and_then(NonZeroU32::new)
        .ok_or_else(|| {
            Fault::at(
                "limits.concurrency",
                Problem::Range {
                    value: number.to_string(),
                    range: "a number from 1 to 1000",
                },
            )
        })
}

fn check_share(share: Option<f64>) -> Result<f64, Fault> {
    let share = share.unwrap_or(1.0);
    // A NaN is in no range.
    if share > 0.0 && share <= 1.0 {
        return Ok(share);
    }
    Err(Fault::at(
        "limits.share",
        Problem::Range {
            value: share.to_string(),
            range: "a number above 0, at most 1, e.g. 0.8",
        },
    ))
}

/// The steps that the provider's actions are made of, each once.
fn steps_of(provider: ProviderKind) -> Vec<Step> {
    let mut steps = Vec::new();
    for action in provider.actions() {
        for step in action.steps() {
            if !steps.contains(step) {
                steps.push(*step);
            }
        }
    }
    steps
}

/// Whether a table holds a secret in plain text.
pub(super) fn holds_plain_secret(draft: &ProviderDraft) -> bool {
    any_secret(draft, |source| matches!(source, SecretSource::Given(_)))
}

/// Whether a table has a secret printed by a command.
pub(super) fn runs_command(draft: &ProviderDraft) -> bool {
    any_secret(draft, |source| matches!(source, SecretSource::Command(_)))
}

/// Whether any of a table's secrets is such a one.
fn any_secret(draft: &ProviderDraft, is_such: impl Fn(&SecretSource) -> bool) -> bool {
    match draft {
        ProviderDraft::Zendesk { credentials, .. } => match credentials {
            ZendeskDraft::ApiToken { token, .. } | ZendeskDraft::OAuthToken { token } => {
                is_such(token)
            }
            ZendeskDraft::Client { secret, .. } => is_such(secret),
        },
        ProviderDraft::Sunco { key_secret, .. } => is_such(key_secret),
        ProviderDraft::Zoho {
            client_secret,
            refresh_token,
            ..
        } => is_such(client_secret) || is_such(refresh_token),
    }
}
