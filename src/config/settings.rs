//! The result: complete settings, and the two stages of loading them.

use std::path::{Path, PathBuf};

use super::environment::{self, Lookup};
use super::error::ConfigError;
use super::file::Document;
use super::limits::Limits;
use super::outline::Outline;
use super::secret::{COMMAND_TIME_MAX, SecretReader};
use crate::domain::{AccountName, Action};
use crate::provider::ProviderSettings;

/// Where the configuration is; see [`Source::locate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In this file.
    File(PathBuf),
    /// In the environment's variables.
    Environment,
}

/// Everything about the accounts, complete. Its `Debug` text shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The accounts, sorted by name when they come from a file. Never empty.
    pub accounts: Vec<Account>,
}

/// One account, complete.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name, which rows and reports use.
    pub name: AccountName,
    /// Its provider's settings, with address and credentials.
    pub provider: ProviderSettings,
    /// The action of rows that do not say; `None`: such rows are invalid.
    pub action: Option<Action>,
    /// Its limits, as configured; [`Limits::resolve`] makes them complete.
    pub limits: Limits,
}

/// Loads everything but the secrets, which are left where they are: no variable that holds a
/// secret needs to be set, no secret's file is opened, no command started.
///
/// # Errors
///
/// Whatever is wrong, with its place.
pub fn load_outline(source: &Source, lookup: Lookup<'_>) -> Result<Outline, ConfigError> {
    let (accounts, deny_tenants) = match source {
        Source::File(path) => {
            let document = Document::read(path)?;
            let drafts = document.accounts()?;
            let outlines = drafts.iter().map(|draft| draft.account.outline());
            (outlines.collect(), document.deny_tenants()?)
        }
        Source::Environment => (environment::outlines(lookup)?, Vec::new()),
    };
    Ok(Outline {
        source: source.clone(),
        accounts,
        deny_tenants,
    })
}

/// Loads everything, secrets too.
///
/// # Errors
///
/// Whatever is wrong, with its place; a secret that is missing, empty or cannot be read is.
pub fn load(source: &Source, lookup: Lookup<'_>) -> Result<Settings, ConfigError> {
    let reader = |folder| SecretReader {
        lookup,
        folder,
        command_time: COMMAND_TIME_MAX,
    };
    let accounts = match source {
        Source::File(path) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            let document = Document::read(path)?;
            // Held by the outline; a mistake in them is one here as well.
            document.deny_tenants()?;
            document.accounts_with_secrets(reader(folder))?
        }
        Source::Environment => environment::drafts(lookup)?
            .into_iter()
            .map(|draft| {
                let provider = draft.outline().endpoint.provider();
                draft
                    .read(reader(Path::new("")))
                    .map_err(|fault| environment::error(provider, fault))
            })
            .collect::<Result<_, _>>()?,
    };
    Ok(Settings { accounts })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use rstest::rstest;
    use secrecy::ExposeSecret;

    use super::{Settings, Source, load, load_outline};
    use crate::config::{ConfigError, Endpoint, Outline, VARIABLES};
    use crate::domain::{Action, ProviderKind};
    use crate::provider::{ProviderSettings, SuncoAuth, ZendeskCredentials};

    fn full() -> Source {
        Source::File(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config/full.toml"))
    }

    fn full_lookup(name: &str) -> Option<String> {
        let value = match name {
            "TEST_ZENDESK_TOKEN" => "sandbox-token",
            "TEST_ZOHO_SECRET" => "sandbox-client-secret",
            "TEST_ZOHO_REFRESH" => "1000.sandbox-refresh",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn account<'a>(settings: &'a Settings, name: &str) -> &'a super::Account {
        let mut accounts = settings.accounts.iter();
        accounts
            .find(|account| account.name.as_str() == name)
            .unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn every_key_of_a_file_arrives() {
        let settings = load(&full(), &full_lookup).unwrap();
        assert_eq!(settings.accounts.len(), 7);

        let acme = account(&settings, "acme");
        let outline = load_outline(&full(), &full_lookup).unwrap();
        let known = outline.accounts.iter().find(|it| it.name == acme.name);
        assert_eq!(known.unwrap().action, Some(Action::Purge));
        assert_eq!(acme.limits.concurrency.unwrap().get(), 8);
        assert_eq!(acme.limits.requests.unwrap().to_string(), "400/1m");
        let steps: Vec<_> = acme
            .limits
            .steps
            .iter()
            .map(|(step, quota)| format!("{step} {quota}"))
            .collect();
        assert_eq!(steps, ["delete 100/1m", "permanently-delete 700/10m"]);
        assert!((acme.limits.share - 0.8).abs() < f64::EPSILON);
        let ProviderSettings::Zendesk(zendesk) = &acme.provider else {
            panic!("not Zendesk");
        };
        assert_eq!(zendesk.base_url.as_str(), "https://acme.zendesk.com/");
        let ZendeskCredentials::ApiToken { email, token } = &zendesk.credentials else {
            panic!("not an API token");
        };
        assert_eq!(email, "ops@acme.example");
        assert_eq!(token.expose_secret(), "sandbox-token");

        let ProviderSettings::Zendesk(oauth) = &account(&settings, "acme-oauth").provider else {
            panic!("not Zendesk");
        };
        assert_eq!(oauth.base_url.as_str(), "http://127.0.0.1:8787/zendesk");
        assert!(
            matches!(&oauth.credentials, ZendeskCredentials::OAuthToken { token } if token.expose_secret() == "sandbox-oauth")
        );

        let ProviderSettings::Zendesk(client) = &account(&settings, "acme-client").provider else {
            panic!("not Zendesk");
        };
        assert!(
            matches!(&client.credentials, ZendeskCredentials::Client { id, secret }
            if id == "sandbox-client" && secret.expose_secret() == "sandbox-client-secret")
        );
    }

    #[cfg(unix)]
    #[test]
    fn every_key_of_the_other_providers_arrives() {
        let settings = load(&full(), &full_lookup).unwrap();
        let ProviderSettings::Sunco(chat) = &account(&settings, "chat").provider else {
            panic!("not Sunshine Conversations");
        };
        assert_eq!(chat.base_url.as_str(), "https://api.eu-1.smooch.io/");
        assert_eq!(chat.auth, SuncoAuth::Jwt);
        assert_eq!(chat.key_secret.expose_secret(), "sandbox-key-secret");
        let ProviderSettings::Sunco(licensed) = &account(&settings, "chat-licensed").provider
        else {
            panic!("not Sunshine Conversations");
        };
        assert_eq!(licensed.base_url.as_str(), "https://acme.zendesk.com/sc");
        assert_eq!(licensed.auth, SuncoAuth::Basic);

        let ProviderSettings::Zoho(crm) = &account(&settings, "crm").provider else {
            panic!("not Zoho");
        };
        assert_eq!(crm.accounts_url.as_str(), "https://accounts.zoho.eu/");
        assert_eq!((crm.base_url.as_ref(), crm.version.as_str()), (None, "v8"));
        let ProviderSettings::Zoho(other) = &account(&settings, "crm-elsewhere").provider else {
            panic!("not Zoho");
        };
        let base = other.base_url.as_ref().unwrap();
        assert_eq!(
            (base.as_str(), other.version.as_str()),
            ("https://api.example/", "v2.1")
        );
        assert_eq!(other.refresh_token.expose_secret(), "1000.sandbox-refresh");
    }

    #[cfg(unix)]
    #[test]
    fn no_debug_text_shows_a_secret() {
        let settings = load(&full(), &full_lookup).unwrap();
        let text = format!("{settings:?}");
        for secret in [
            "sandbox-token",
            "sandbox-oauth",
            "sandbox-client-secret",
            "sandbox-key-secret",
            "1000.sandbox-refresh",
        ] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_accounts_are_the_same_with_and_without_secrets() {
        let outline = load_outline(&full(), &|_: &str| None).unwrap();
        let without = outline.accounts.iter();
        let without = without.map(|it| (&it.name, it.endpoint.clone(), &it.limits));
        let settings = load(&full(), &full_lookup).unwrap();
        let with = settings.accounts.iter();
        let with = with.map(|it| (&it.name, Endpoint::of(&it.provider), &it.limits));
        assert!(with.eq(without));
    }

    #[test]
    fn the_digest_is_the_same_wherever_it_is_written() {
        let outline = load_outline(&full(), &|_: &str| None).unwrap();
        let moved = Outline {
            source: Source::Environment,
            ..outline.clone()
        };
        assert_eq!(moved.digest(), outline.digest());
    }

    #[test]
    fn the_digest_differs_with_everything_a_plan_is_bound_to() {
        let outline = load_outline(&full(), &|_: &str| None).unwrap();
        let changed = |change: fn(&mut Outline)| {
            let mut other = outline.clone();
            change(&mut other);
            other.digest()
        };
        let digests = [
            outline.digest(),
            changed(|o| o.accounts[0].name = crate::domain::AccountName::new("other")),
            changed(|o| o.accounts[0].endpoint = o.accounts[3].endpoint.clone()),
            changed(|o| o.accounts[0].action = None),
            changed(|o| o.accounts[0].action = Some(Action::Delete)),
            changed(|o| o.accounts[0].limits.share = 0.7),
            changed(|o| o.accounts[0].limits.concurrency = None),
            changed(|o| o.accounts[0].limits.requests = "399/1m".parse().ok()),
            changed(|o| o.accounts[0].limits.steps.truncate(1)),
            changed(|o| o.accounts.truncate(6)),
        ];
        let different: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(different.len(), digests.len());
    }

    type Vars = BTreeMap<&'static str, &'static str>;

    fn from_variables(vars: &Vars) -> Result<Settings, ConfigError> {
        load(&Source::Environment, &|name: &str| {
            vars.get(name).map(|value| (*value).to_owned())
        })
    }

    /// A value for every variable that the program knows.
    fn sample(name: &str) -> &'static str {
        match name {
            "ZENDESK_SUBDOMAIN" | "SUNCO_SUBDOMAIN" => "acme",
            "ZENDESK_BASE_URL" => "http://127.0.0.1:1/zd",
            "SUNCO_BASE_URL" => "http://127.0.0.1:1/sc",
            "ZOHO_BASE_URL" => "http://127.0.0.1:1/crm",
            "ZOHO_ACCOUNTS_URL" => "http://127.0.0.1:1/accounts",
            "ZENDESK_EMAIL" => "ops@acme.example",
            "SUNCO_APP_ID" => "5963c0d619a30a2e00de36b8",
            "SUNCO_REGION" => "us",
            "ZOHO_DATA_CENTER" => "in",
            "ZENDESK_CLIENT_ID" | "SUNCO_KEY_ID" | "ZOHO_CLIENT_ID" => "sandbox-id",
            _ => "hunter2-hunter2",
        }
    }

    #[rstest]
    #[case(&["ZENDESK_SUBDOMAIN", "ZENDESK_EMAIL", "ZENDESK_API_TOKEN"])]
    #[case(&["ZENDESK_BASE_URL", "ZENDESK_OAUTH_TOKEN"])]
    #[case(&["ZENDESK_SUBDOMAIN", "ZENDESK_CLIENT_ID", "ZENDESK_CLIENT_SECRET"])]
    #[case(&["SUNCO_APP_ID", "SUNCO_KEY_ID", "SUNCO_KEY_SECRET", "SUNCO_REGION"])]
    #[case(&["SUNCO_APP_ID", "SUNCO_KEY_ID", "SUNCO_KEY_SECRET", "SUNCO_SUBDOMAIN"])]
    #[case(&["SUNCO_APP_ID", "SUNCO_KEY_ID", "SUNCO_KEY_SECRET", "SUNCO_BASE_URL"])]
    #[case(&["ZOHO_DATA_CENTER", "ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN"])]
    #[case(&["ZOHO_ACCOUNTS_URL", "ZOHO_BASE_URL", "ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN"])]
    fn variables_make_an_account_and_each_of_them_is_needed(#[case] names: &[&'static str]) {
        let vars: Vars = names.iter().map(|name| (*name, sample(name))).collect();
        let settings = from_variables(&vars).unwrap();
        assert_eq!(settings.accounts.len(), 1);
        let name = settings.accounts[0].name.as_str();
        let first = VARIABLES.iter().find(|variable| variable.name == names[0]);
        assert_eq!(name, first.unwrap().provider.name());
        assert!(!format!("{settings:?}").contains("hunter2-hunter2"));

        for left_out in names.iter().filter(|name| **name != "ZOHO_BASE_URL") {
            let mut fewer = vars.clone();
            fewer.remove(left_out);
            assert!(from_variables(&fewer).is_err(), "without {left_out}");
            fewer.insert(left_out, "");
            assert!(from_variables(&fewer).is_err(), "with an empty {left_out}");
        }
    }

    #[test]
    fn all_three_accounts_can_come_from_variables() {
        let alternatives = [
            "_BASE_URL",
            "ACCOUNTS_URL",
            "_OAUTH_TOKEN",
            "ZENDESK_CLIENT",
            "SUNCO_SUB",
        ];
        let vars: Vars = VARIABLES
            .iter()
            .map(|variable| variable.name)
            .filter(|name| !alternatives.iter().any(|part| name.contains(part)))
            .map(|name| (name, sample(name)))
            .collect();
        let settings = from_variables(&vars).unwrap();
        let names: Vec<_> = settings.accounts.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ProviderKind::ALL.map(ProviderKind::name));
    }

    #[test]
    fn an_outline_from_variables_needs_no_credentials() {
        let lookup = |name: &str| {
            let places = [
                "ZENDESK_SUBDOMAIN",
                "SUNCO_REGION",
                "SUNCO_APP_ID",
                "ZOHO_DATA_CENTER",
            ];
            places.contains(&name).then(|| sample(name).to_owned())
        };
        let outline = load_outline(&Source::Environment, &lookup).unwrap();
        assert_eq!(outline.accounts.len(), 3);
    }

    #[test]
    fn mistakes_in_variables_are_told_by_the_variables_names() {
        let told = |vars: &[(&'static str, &'static str)]| {
            let error = from_variables(&vars.iter().copied().collect()).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap();
            format!("{error}: {cause}")
        };
        insta::assert_snapshot!([
            told(&[("ZENDESK_API_TOKEN", "x")]),
            told(&[("ZENDESK_SUBDOMAIN", "acme")]),
            told(&[("ZENDESK_SUBDOMAIN", "acme"), ("ZENDESK_EMAIL", "a@b.example")]),
            told(&[("ZENDESK_SUBDOMAIN", "acme"), ("ZENDESK_BASE_URL", "https://b.example")]),
            told(&[("ZENDESK_BASE_URL", "http://acme.example"), ("ZENDESK_OAUTH_TOKEN", "x")]),
            told(&[("SUNCO_APP_ID", "5963c0d6")]),
            told(&[("SUNCO_APP_ID", "5963c0d6"), ("SUNCO_REGION", "mars")]),
            told(&[("ZOHO_DATA_CENTER", "eu"), ("ZOHO_CLIENT_ID", "1000.A")]),
            told(&[("ZENDESK_SUBDOMAIN", "acme"), ("ZENDESK_OAUTH_TOKEN", "a\nb")]),
        ].join("\n"), @r"
        the environment variables `ZENDESK_…` make no account: it lacks `ZENDESK_SUBDOMAIN` or `ZENDESK_BASE_URL`
        the environment variables `ZENDESK_…` make no account: it lacks credentials, one of `ZENDESK_EMAIL` with `ZENDESK_API_TOKEN`, `ZENDESK_OAUTH_TOKEN`, `ZENDESK_CLIENT_ID` with `ZENDESK_CLIENT_SECRET`
        the environment variables `ZENDESK_…` make no account: it lacks `ZENDESK_API_TOKEN`
        environment variable `ZENDESK_BASE_URL` cannot be used: `ZENDESK_SUBDOMAIN`, `ZENDESK_BASE_URL` exclude each other; keep one
        environment variable `ZENDESK_BASE_URL` cannot be used: plain http would show the credentials on the wire; write `https://`
        the environment variables `SUNCO_…` make no account: it lacks `SUNCO_REGION`, `SUNCO_SUBDOMAIN` or `SUNCO_BASE_URL`
        environment variable `SUNCO_REGION` cannot be used: `mars` is not one of `us`, `eu`
        the environment variables `ZOHO_…` make no account: it lacks `ZOHO_CLIENT_SECRET`
        environment variable `ZENDESK_OAUTH_TOKEN` cannot be used: environment variable `ZENDESK_OAUTH_TOKEN` holds several lines or control characters; it must be the secret alone, on one line
        ");
    }
}
