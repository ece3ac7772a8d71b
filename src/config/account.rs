//! An account, complete; its secrets are empty until they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use url::Url;

use super::error::Mistake;
use super::table::KeyTable;
use crate::domain::{
    AccountHeader, AccountLimits, AccountName, AccountPolicy, Action, ProviderKind, Quota, Step,
    is_brand,
};
use crate::provider::{
    self, FileSettings, ProviderFile, ProviderSettings, SuncoSettings, ZOHO_DATA_CENTERS,
    ZendeskCredentials, ZendeskSettings, ZohoSettings, base_url,
};
use crate::words::{duration, grouped};

/// The longest name of an account, in characters; it stands in every line of a ledger.
const NAME_CHARS_MAX: usize = 64;

/// The versions that Zoho's API has (<https://www.zoho.com/crm/developer/docs/api/v8/delete-user.html>; each
/// has such a page of its own). The last is the default.
const ZOHO_VERSIONS: [&str; 8] = ["v2", "v2.1", "v3", "v4", "v5", "v6", "v7", "v8"];

/// How a Sunshine Conversations key is used, and whether that is to sign a JWT; the first is the default.
const SUNCO_AUTHS: [(&str, bool); 2] = [("basic", false), ("jwt", true)];

/// The most requests under way at once that can be asked for.
pub const CONCURRENCY_MAX: u32 = 1000;

/// The keys that hold secrets.
pub const SECRET_KEYS: [&str; 5] = [
    "api_token",
    "oauth_token",
    "client_secret",
    "key_secret",
    "refresh_token",
];

/// The keys of an account at `provider`, but for `provider` itself.
pub(super) fn keys(provider: ProviderKind) -> impl Iterator<Item = &'static str> {
    let own = match provider {
        ProviderKind::Zendesk => {
            "subdomain base_url email api_token oauth_token refresh_token client_id client_secret"
        }
        ProviderKind::Sunco => "app_id subdomain region base_url brand_id key_id key_secret auth",
        ProviderKind::Zoho => {
            "data_center accounts_url base_url version client_id client_secret refresh_token"
        }
        // A provider file brings its own.
        ProviderKind::Own(_) => "base_url",
    };
    own.split(' ').chain(["action", "limits"])
}

/// One account. Its secrets are empty until they are read. No secret in its `Debug`.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// Its name, which rows and reports use.
    pub name: AccountName,
    /// Its provider's settings, with address and credentials.
    pub provider: ProviderSettings,
    /// The action of rows that do not say; `None`: such rows are invalid.
    pub action: Option<Action>,
    /// Its limits, the share not taken off.
    pub limits: AccountLimits,
}

impl AccountSettings {
    /// Its provider.
    pub fn kind(&self) -> ProviderKind {
        self.provider.kind()
    }

    /// The columns of an input that hold its ids by its provider's file.
    pub fn id_columns(&self) -> &[String] {
        let file = self.provider.file();
        file.map_or(&[], |file| file.id_columns())
    }

    /// Where its requests go, the first of them to the first.
    pub fn urls(&self) -> impl Iterator<Item = &Url> {
        let (first, other) = match &self.provider {
            ProviderSettings::Zendesk(zendesk) => (&zendesk.base_url, None),
            ProviderSettings::Sunco(sunco) => (&sunco.base_url, None),
            ProviderSettings::Zoho(zoho) => (&zoho.accounts_url, zoho.base_url.as_ref()),
            ProviderSettings::File(file) => (&file.base_url, None),
        };
        std::iter::once(first).chain(other)
    }

    /// The names of the places its requests go to, as far as it tells without asking: host and
    /// path, and the app. The first is that of the first request.
    pub fn places(&self) -> impl Iterator<Item = String> {
        let app = match &self.provider {
            ProviderSettings::Sunco(sunco) => format!("/{}", sunco.app_id),
            _ => String::new(),
        };
        self.urls().map(move |url| {
            let path = url.path().trim_end_matches('/');
            format!("{}{path}{app}", url.authority())
        })
    }

    /// The tenant; `None`: one server serves many, as Zoho's do, so the configuration does not show it.
    pub fn tenant(&self) -> Option<String> {
        let is_shown = match &self.provider {
            ProviderSettings::Zoho(_) => false,
            ProviderSettings::File(file) => !file.file.asks_for_tenant(),
            ProviderSettings::Zendesk(_) | ProviderSettings::Sunco(_) => true,
        };
        self.places().next().filter(|_| is_shown)
    }

    /// Whether it is at the `tenant` of `provider`; `None`: the configuration does not show it.
    pub fn is_at(&self, provider: ProviderKind, tenant: &str) -> Option<bool> {
        if provider != self.kind() {
            return Some(false);
        }
        match &self.provider {
            ProviderSettings::Zendesk(_) | ProviderSettings::File(_) => {
                Some(self.tenant()? == tenant)
            }
            ProviderSettings::Sunco(sunco) => {
                let is_host = tenant.starts_with(sunco.base_url.authority());
                Some(is_host && tenant.ends_with(&format!("/{}", sunco.app_id)))
            }
            ProviderSettings::Zoho(_) => None,
        }
    }

    /// In words, how much of what one of its limits allows, that of a step or of all requests, and who says
    /// so: its provider, the configuration, or nobody but this program.
    pub fn describe_limit(&self, limit: Option<(Option<Step>, Quota)>) -> Option<String> {
        let title = self.kind().title();
        let Some((step, quota)) = limit else {
            let jobs = self.limits.many?.jobs_max;
            return Some(format!("{title}'s jobs take that long, {jobs} at a time"));
        };
        let usual = self.provider.file().and_then(|file| file.defaults());
        let usual = usual.unwrap_or_else(|| provider::defaults(self.kind()));
        let ours = self.limits.clone().shared().requests;
        let what = match step {
            None => "requests",
            Some(Step::Delete) => "deletions",
            Some(Step::PermanentlyDelete) => "permanent deletions",
            Some(Step::DeletePersonalInformation) => "clearings of profiles",
            Some(Step::Own(_)) => "such requests",
        };
        let who = match step {
            None if quota == usual.requests && quota == ours => "userpurge keeps to".to_owned(),
            None if quota != ours && self.limits.share >= 1.0 => format!("{title} allows"),
            // As its documentation says.
            Some(step) if usual.steps.contains(&(step, quota)) => format!("{title} allows"),
            _ => "the configuration allows".to_owned(),
        };
        let span = duration(quota.span());
        let mut zeros = [" 0 s", " 0 min", " 0 h"].iter();
        let span = zeros
            .find_map(|zero| span.strip_suffix(zero))
            .unwrap_or(&span);
        let requests = grouped(u64::from(quota.requests().get()));
        Some(format!("{who} {requests} {what} in {span}"))
    }

    /// How its rows are judged.
    pub fn policy(&self) -> AccountPolicy {
        let kind = self.kind();
        AccountPolicy {
            name: self.name.clone(),
            provider: kind,
            tenant: self.tenant(),
            action: self.action,
            check_id: provider::check_id(kind),
            blanks_count: provider::blanks_count(kind),
            id_pattern: self.provider.file().and_then(|file| file.id_pattern()),
            ids_alike: provider::ids_alike(kind),
        }
    }

    /// The ledger's record of it before it was asked who we are.
    pub fn header(&self) -> AccountHeader {
        let kind = self.kind();
        let own = (kind.actions().iter()).filter(|_| matches!(kind, ProviderKind::Own(_)));
        let does = own.map(|it| (*it, provider::consequence(kind, *it).to_owned()));
        AccountHeader {
            name: self.name.clone(),
            provider: self.kind(),
            tenant: self.places().next().unwrap_or_default(),
            caller: None,
            role: None,
            action: self.action,
            rules: self.provider.rules(),
            does: does.collect(),
            concurrency: None,
        }
    }

    /// The account called `name` that `table` describes. `file`: what describes its provider, if that is none
    /// of this program's own.
    pub(super) fn check(
        name: AccountName,
        kind: ProviderKind,
        file: Option<Arc<ProviderFile>>,
        table: KeyTable<'_>,
    ) -> Result<Self, Mistake> {
        let mut known: Vec<&str> = keys(kind).collect();
        if let Some(file) = &file {
            known.extend(file.keys().0.into_iter().chain(file.keys().1));
        }
        table.refuse_unknown(&known)?;
        let defaults = file.as_ref().and_then(|file| file.defaults());
        let defaults = defaults.unwrap_or_else(|| provider::defaults(kind));
        let provider = match kind {
            _ if let Some(file) = file => ProviderSettings::File(file_settings(&file, table)?),
            ProviderKind::Zendesk => ProviderSettings::Zendesk(ZendeskSettings {
                base_url: address(table, &["subdomain", "base_url"], "")?,
                credentials: zendesk_credentials(table)?,
            }),
            ProviderKind::Sunco => ProviderSettings::Sunco(SuncoSettings {
                app_id: app_id(table)?,
                base_url: address(table, &["subdomain", "region", "base_url"], "/sc")?,
                brand_id: brand_id(table)?,
                key_id: key_id(table)?,
                key_secret: table.secret("key_secret")?,
                is_jwt: table.choice("auth", &SUNCO_AUTHS)?.unwrap_or_default(),
            }),
            ProviderKind::Zoho | ProviderKind::Own(_) => ProviderSettings::Zoho(ZohoSettings {
                accounts_url: address(table, &["data_center", "accounts_url"], "")?,
                base_url: (table.has("base_url"))
                    .then(|| address(table, &["base_url"], ""))
                    .transpose()?,
                version: zoho_version(table)?,
                client_id: client_id(table)?,
                client_secret: table.secret("client_secret")?,
                refresh_token: table.secret("refresh_token")?,
            }),
        };
        let action = table.choice("action", &choices(kind.actions(), Action::name))?;
        let limits = limits(table, kind, defaults)?;
        Ok(Self {
            name,
            action,
            limits: AccountLimits {
                asked_alone: provider.asked_alone().or(limits.asked_alone),
                ..limits
            },
            provider,
        })
    }
}

/// The limits of an account at `provider` that its `table` states, the share not taken off.
/// `limits`: what holds where it states none. The share is kept beside, and
/// [`AccountLimits::shared`] takes it off.
fn limits(
    table: KeyTable<'_>,
    provider: ProviderKind,
    mut limits: AccountLimits,
) -> Result<AccountLimits, Mistake> {
    let Some(table) = table.limits()? else {
        return Ok(limits);
    };
    let keys = ["concurrency", "requests", "share"].into_iter();
    let actions = provider.actions().iter();
    let known: BTreeSet<Step> = actions.flat_map(|it| it.steps()).copied().collect();
    let steps: BTreeSet<Step> = known.iter().copied().chain(Step::ALL).collect();
    let keys: Vec<_> = keys.chain(steps.iter().map(|step| step.name())).collect();
    table.refuse_unknown(&keys)?;
    let quota = |key| -> Result<Option<Quota>, Mistake> {
        let parsed = table.text(key)?.map(|text| text.parse());
        let wrong = |why: String| table.mistake(key, why);
        parsed.transpose().map_err(wrong)
    };
    for step in steps {
        let name = step.name();
        let Some(quota) = quota(name)? else {
            continue;
        };
        if !known.contains(&step) {
            let mistake = Mistake::not_one_of(name, known.into_iter().map(Step::name));
            return Err(table.mistake(name, mistake));
        }
        limits.steps.retain(|(other, _)| *other != step);
        limits.steps.push((step, quota));
    }
    if let Some(number) = table.integer("concurrency")? {
        let small = u32::try_from(number).ok();
        let small = small.filter(|number| *number <= CONCURRENCY_MAX);
        let wrong = || Mistake::range(number, "a number from 1 to 1000");
        let small = small.and_then(NonZeroU32::new);
        limits.concurrency = small.ok_or_else(|| table.mistake("concurrency", wrong()))?;
    }
    limits.requests = quota("requests")?.unwrap_or(limits.requests);
    limits.share = table.number("share")?.unwrap_or(limits.share);
    // A NaN is in no range.
    if !(limits.share > 0.0 && limits.share <= 1.0) {
        let mistake = Mistake::range(limits.share, "a number above 0, at most 1, e.g. 0.8");
        return Err(table.mistake("share", mistake));
    }
    Ok(limits)
}

/// Refuses a name that could not be told from others in a row or a report.
pub(super) fn check_name(name: &str, provider: ProviderKind) -> Result<AccountName, Mistake> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(plain) {
        return Err(Mistake::from(format!(
            "an account's name is 1 to {NAME_CHARS_MAX} letters, digits, hyphens, underscores or \
             dots; name it otherwise"
        )));
    }
    let shipped = ProviderFile::shipped_names().find(|it| it.eq_ignore_ascii_case(name));
    let known = name.parse().ok().or(shipped.and_then(ProviderKind::named));
    match known {
        Some(other) if other != provider => Err(Mistake::from(format!(
            "rows that say `{other}` would be deleted at {}; name this account otherwise",
            provider.title()
        ))),
        Some(_) | None => Ok(AccountName::new(name)),
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
fn address(table: KeyTable<'_>, keys: &[&'static str], path: &str) -> Result<Url, Mistake> {
    let key = table.one_of(keys)?;
    let text = table.text(key)?.unwrap_or_default();
    let url = match key {
        "region" => base_url(table.choice(key, &SUNCO_REGIONS)?.unwrap_or_default()),
        "data_center" => {
            let servers = ZOHO_DATA_CENTERS.map(|(name, accounts, _)| (name, accounts));
            let server = table.choice(key, &servers)?.unwrap_or_default();
            base_url(&format!("https://{server}"))
        }
        "subdomain" => zendesk(&text, path),
        _ => base_url(&text),
    };
    url.map_err(|why| table.mistake(key, why))
}

/// The demands of `file` on an account.
fn file_settings(file: &Arc<ProviderFile>, table: KeyTable<'_>) -> Result<FileSettings, Mistake> {
    let (plain, secret) = file.keys();
    let has_base = table.has("base_url");
    let (mut values, mut filled) = (BTreeMap::new(), file.base_url.clone());
    for key in plain.iter().filter(|key| !has_base || table.has(key)) {
        // Any other sign could lead to another host.
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        let base = &file.base_url;
        let why = format!("it is a part of `{base}`: letters, digits, hyphens and dots");
        let value = fit(table, key, |text| text.bytes().all(is_part), &why)?;
        filled = filled.replace(&format!("{{{key}}}"), &value);
        values.insert((*key).to_owned(), value);
    }
    let secrets = secret
        .iter()
        .map(|key| Ok(((*key).to_owned(), table.secret(key)?)));
    Ok(FileSettings {
        base_url: if has_base {
            address(table, &["base_url"], "")?
        } else {
            base_url(&filled).map_err(Mistake::from)?
        },
        plain: values,
        secrets: secrets.collect::<Result<_, Mistake>>()?,
        file: Arc::clone(file),
    })
}

fn zendesk_credentials(table: KeyTable<'_>) -> Result<ZendeskCredentials, Mistake> {
    let by_token = table.has("email") || table.has("api_token");
    let by_client = table.has("client_id") || table.has("client_secret");
    let pair = |id, secret| format!("{} with {}", table.name(id), table.name(secret));
    let (user, client) = (
        pair("email", "api_token"),
        pair("client_id", "client_secret"),
    );
    let [oauth_token, refresh] = ["oauth_token", "refresh_token"].map(|key| table.name(key));
    let kinds = format!("{user}, {oauth_token} (and {refresh}), {client}");
    let mut by_oauth = ["refresh_token", "oauth_token"].into_iter();
    let by_oauth = by_oauth.find(|key| table.has(key));
    match (by_token, by_oauth, by_client) {
        (true, None, false) => Ok(ZendeskCredentials::ApiToken {
            email: email_address(table)?,
            token: table.secret("api_token")?,
        }),
        (false, Some("refresh_token"), _) => {
            // A public client has no secret.
            let secret = table
                .has("client_secret")
                .then(|| table.secret("client_secret"));
            let id = by_client.then(|| client_id(table));
            Ok(ZendeskCredentials::Refresh {
                token: table.secret("oauth_token")?,
                refresh: table.secret("refresh_token")?,
                id: id.transpose()?,
                secret: secret.transpose()?,
            })
        }
        (false, Some(_), false) => Ok(ZendeskCredentials::OAuthToken {
            token: table.secret("oauth_token")?,
        }),
        (false, None, true) => Ok(ZendeskCredentials::Client {
            id: client_id(table)?,
            secret: table.secret("client_secret")?,
        }),
        (false, None, false) => Err(KeyTable::lacks(&format!("credentials, one of {kinds}"))),
        (_, by_oauth, _) => {
            let key = by_oauth.unwrap_or("client_id");
            Err(table.mistake(key, Mistake::conflict(&kinds)))
        }
    }
}

/// The identifier `key`, unless it is not fit: then `why`.
fn fit(
    table: KeyTable<'_>,
    key: &str,
    is_fit: impl Fn(&str) -> bool,
    why: &str,
) -> Result<String, Mistake> {
    let text = table.identifier(key)?;
    if is_fit(&text) {
        return Ok(text);
    }
    Err(table.mistake(key, why))
}

fn email_address(table: KeyTable<'_>) -> Result<String, Mistake> {
    // Zendesk's user name is `address/token`, and the provider adds that ending.
    let is_address = |text: &str| text.contains('@') && !text.contains([':', '/']);
    let why = "it is no e-mail address; write it alone, without `/token` behind it";
    fit(table, "email", is_address, why)
}

fn client_id(table: KeyTable<'_>) -> Result<String, Mistake> {
    let why = "it holds a character that is not printable ASCII; copy it again";
    fit(table, "client_id", str::is_ascii, why)
}

/// A colon would part the id from the secret, unless it goes in a JWT.
fn key_id(table: KeyTable<'_>) -> Result<String, Mistake> {
    let is_jwt = table.choice("auth", &SUNCO_AUTHS)?.unwrap_or_default();
    let is_plain = |text: &str| text.is_ascii() && (is_jwt || !text.contains(':'));
    let why = "a key's id is printable ASCII without a colon; copy it from the key";
    fit(table, "key_id", is_plain, why)
}

fn app_id(table: KeyTable<'_>) -> Result<String, Mistake> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let why = "an app's id is letters and digits only; copy it from the app's settings";
    fit(table, "app_id", |text| text.bytes().all(plain), why)
}

fn brand_id(table: KeyTable<'_>) -> Result<Option<String>, Mistake> {
    let why =
        "a brand's id is letters and digits only, at most 24; copy it from the brand's settings";
    let read = || fit(table, "brand_id", is_brand, why);
    table.has("brand_id").then(read).transpose()
}

fn zoho_version(table: KeyTable<'_>) -> Result<String, Mistake> {
    let versions = choices(&ZOHO_VERSIONS, |version| version);
    let version = table.choice("version", &versions)?;
    Ok(version.unwrap_or("v8").to_owned())
}

/// Sunshine Conversations' regions and their addresses, for legacy customers, see
/// <https://docs.smooch.io/guide/regions/>.
const SUNCO_REGIONS: [(&str, &str); 2] = [
    ("us", "https://api.smooch.io"),
    ("eu", "https://api.eu-1.smooch.io"),
];

/// The longest DNS label, see RFC 1035, section 2.3.4.
const LABEL_CHARS_MAX: usize = 63;

/// `https://{subdomain}.zendesk.com` with `path` behind it.
fn zendesk(subdomain: &str, path: &str) -> Result<Url, &'static str> {
    // One label of a host name (RFC 1123, section 2.1).
    let label = subdomain.trim().to_ascii_lowercase();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = (1..=LABEL_CHARS_MAX).contains(&label.len()) && label.bytes().all(is_part);
    let url = Url::parse(&format!("https://{label}.zendesk.com{path}")).ok();
    url.filter(|_| is_label && !label.starts_with('-') && !label.ends_with('-'))
        .ok_or(
            "it is no subdomain; of `https://acme.zendesk.com` write only `acme`: letters, digits and \
             inner hyphens, at most 63",
        )
}
