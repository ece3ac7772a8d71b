//! Whole configurations: what arrives of them, and what is said of mistakes.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rstest::rstest;
use secrecy::ExposeSecret;
use serde_json::Value;

use userpurge::config::{
    AccountSettings, ConfigError, FILE_NAME, Lookup, SCHEMA, load_outline, locate as locate_file,
    variables,
};
use userpurge::domain::{Action, ProviderKind, Step};
use userpurge::provider::{ProviderSettings, ZendeskCredentials};

fn full() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config/full.toml")
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

/// Every account with its secrets.
fn load(file: Option<&Path>, lookup: Lookup<'_>) -> Result<Vec<AccountSettings>, ConfigError> {
    let read = load_outline(file, lookup)?.read(|_| true, lookup)?;
    read.into_iter().collect()
}

fn account<'a>(settings: &'a [AccountSettings], name: &str) -> &'a AccountSettings {
    let mut accounts = settings.iter();
    accounts
        .find(|account| account.name.as_str() == name)
        .unwrap()
}

#[cfg(unix)]
#[test]
fn every_key_of_a_file_arrives() {
    let settings = load(Some(&full()), &full_lookup).unwrap();
    assert_eq!(settings.len(), 7);

    let acme = account(&settings, "acme");
    let outline = load_outline(Some(&full()), &full_lookup).unwrap();
    let known = outline.accounts.iter().find(|it| it.name == acme.name);
    assert_eq!(known.unwrap().action, Some(Action::Purge));
    assert_eq!(acme.limits.concurrency.get(), 8);
    assert_eq!(acme.limits.requests.to_string(), "400/1m");
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
    let settings = load(Some(&full()), &full_lookup).unwrap();
    let ProviderSettings::Sunco(chat) = &account(&settings, "chat").provider else {
        panic!("not Sunshine Conversations");
    };
    assert_eq!(chat.base_url.as_str(), "https://api.eu-1.smooch.io/");
    assert!(chat.is_jwt);
    assert_eq!(chat.key_secret.expose_secret(), "sandbox-key-secret");
    let ProviderSettings::Sunco(licensed) = &account(&settings, "chat-licensed").provider else {
        panic!("not Sunshine Conversations");
    };
    assert_eq!(licensed.base_url.as_str(), "https://acme.zendesk.com/sc");
    assert!(!licensed.is_jwt);

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
    let settings = load(Some(&full()), &full_lookup).unwrap();
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
    let outline = load_outline(Some(&full()), &|_: &str| None).unwrap();
    let without = outline.accounts.iter();
    let without = without.map(|it| (&it.name, it.places().collect::<Vec<_>>(), &it.limits));
    let settings = load(Some(&full()), &full_lookup).unwrap();
    let with = settings.iter();
    let with = with.map(|it| (&it.name, it.places().collect::<Vec<_>>(), &it.limits));
    assert!(with.eq(without));
}

type Vars = BTreeMap<&'static str, &'static str>;

fn from_variables(vars: &Vars) -> Result<Vec<AccountSettings>, ConfigError> {
    load(None, &|name: &str| {
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
    assert_eq!(settings.len(), 1);
    let name = settings[0].name.as_str();
    assert!(variables().any(|(variable, _)| variable == names[0]));
    assert!(names[0].to_ascii_lowercase().starts_with(name));
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
    let vars: Vars = variables()
        .map(|(name, _)| name)
        .filter(|name| !alternatives.iter().any(|part| name.contains(part)))
        .map(|name| (name, sample(name)))
        .collect();
    let settings = from_variables(&vars).unwrap();
    let names: Vec<_> = settings.iter().map(|a| a.name.as_str()).collect();
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
    let outline = load_outline(None, &lookup).unwrap();
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
    ].join("\n"), @r#"
    the environment variables `ZENDESK_…` make no account: it lacks `ZENDESK_SUBDOMAIN` or `ZENDESK_BASE_URL`
    the environment variables `ZENDESK_…` make no account: it lacks credentials, one of `ZENDESK_EMAIL` with `ZENDESK_API_TOKEN`, `ZENDESK_OAUTH_TOKEN` (and `ZENDESK_REFRESH_TOKEN`), `ZENDESK_CLIENT_ID` with `ZENDESK_CLIENT_SECRET`
    the environment variables `ZENDESK_…` make no account: it lacks `ZENDESK_API_TOKEN`
    environment variable `ZENDESK_BASE_URL` cannot be used: `ZENDESK_SUBDOMAIN`, `ZENDESK_BASE_URL` exclude each other; keep one
    environment variable `ZENDESK_BASE_URL` cannot be used: plain http would show the credentials on the wire; write `https://`
    the environment variables `SUNCO_…` make no account: it lacks `SUNCO_SUBDOMAIN`, `SUNCO_REGION` or `SUNCO_BASE_URL`
    environment variable `SUNCO_REGION` cannot be used: `mars` is not one of `us`, `eu`
    the environment variables `ZOHO_…` make no account: it lacks `ZOHO_CLIENT_SECRET`
    environment variable `ZENDESK_OAUTH_TOKEN` cannot be used: environment variable `ZENDESK_OAUTH_TOKEN` holds several lines or control characters; it must be the secret alone, on one line
    "#);
}

const HIDDEN: &str = "hunter2-hunter2";

fn lookup(name: &str) -> Option<String> {
    (name == "EMPTY").then(String::new)
}

fn put(path: &Path, content: impl AsRef<[u8]>) {
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(content.as_ref()).unwrap();
}

/// The whole chain of the error that loading `text` ends in, as the program prints it.
fn mistake(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("userpurge.toml");
    put(&path, text);
    let error = load(Some(&path), &lookup).unwrap_err();
    let mut chain = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push(error.to_string());
        cause = error.source();
    }
    // Everything that any way of printing could show.
    let report = format!("{error:?}");
    assert!(!report.contains(HIDDEN), "{report}");
    let told = chain.join(": ");
    assert!(!told.contains(HIDDEN), "{told}");
    told.replace(&format!("{}/", folder.path().display()), "")
}

const ZENDESK: &str = "\
        [accounts.acme]\n\
        provider = \"zendesk\"\n\
        subdomain = \"acme\"\n\
        oauth_token = \"hunter2-hunter2\"\n";

const CHAT: &str = "\
        [accounts.chat]\n\
        provider = \"sunco\"\n\
        app_id = \"5963c0d619a30a2e00de36b8\"\n\
        region = \"us\"\n\
        key_id = \"app_1\"\n\
        key_secret = \"hunter2-hunter2\"\n";

const CRM: &str = "\
        [accounts.crm]\n\
        provider = \"zoho\"\n\
        data_center = \"eu\"\n\
        client_id = \"1000.A\"\n\
        client_secret = \"hunter2-hunter2\"\n\
        refresh_token = \"hunter2-hunter2\"\n";

fn all(texts: &[String]) -> String {
    texts
        .iter()
        .map(|text| mistake(text))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_file_that_is_no_configuration_is_told() {
    insta::assert_snapshot!(all(&[
            String::new(),
            "[accounts]\n".to_owned(),
            "accounts = 3\n".to_owned(),
            "[account.acme]\n".to_owned(),
            "[accounts]\nacme = \"zendesk\"\n".to_owned(),
            "[accounts.acme]\nprovider = zendesk\n".to_owned(),
            "[accounts.acme]\noauth_token = \"hunter2-hunter2\n".to_owned(),
            "[accounts.acme]\nemail = \"a\"\nemail = \"b\"\n".to_owned(),
        ]), @r#"
        `accounts` in `userpurge.toml`, line 1, cannot be used: it lacks an account; write `[accounts.NAME]` and its keys below
        `accounts` in `userpurge.toml`, line 1, cannot be used: it lacks an account; write `[accounts.NAME]` and its keys below
        `accounts` in `userpurge.toml`, line 1, cannot be used: it lacks an account; write `[accounts.NAME]` and its keys below
        `account` in `userpurge.toml`, line 1, cannot be used: there is no such key; did you mean `accounts`?
        `accounts.acme` in `userpurge.toml`, line 2, cannot be used: it must be a table: `[accounts.acme]`
        the configuration `userpurge.toml`, line 2, column 12, is no TOML: string values must be quoted, expected literal string
        the configuration `userpurge.toml`, line 2, column 31, is no TOML: invalid basic string, expected `"`
        the configuration `userpurge.toml`, line 3, column 1, is no TOML: duplicate key
        "#);
}

#[test]
fn a_key_that_is_unknown_missing_or_double_is_told_with_its_line() {
    insta::assert_snapshot!(all(&[
            ZENDESK.replace("subdomain", "subdomian"),
            format!("{ZENDESK}app_id = \"x\"\n"),
            format!("{ZENDESK}[accounts.acme.limits]\nrequest = \"1/1s\"\n"),
            ZENDESK.replace("provider", "provder"),
            ZENDESK.replace("subdomain = \"acme\"\n", ""),
            ZENDESK.replace("oauth_token = \"hunter2-hunter2\"\n", ""),
            ZENDESK.replace("oauth_token", "email = \"a@b.example\" #"),
            ZENDESK.replace("oauth_token", "client_secret"),
            format!("{ZENDESK}base_url = \"https://acme.zendesk.com\"\n"),
            format!("{ZENDESK}email = \"a@b.example\"\n"),
            format!("{CHAT}subdomain = \"acme\"\n"),
            CHAT.replace("app_id = \"5963c0d619a30a2e00de36b8\"\n", ""),
            format!("{CRM}accounts_url = \"https://accounts.zoho.eu\"\n"),
            CRM.replace("refresh_token = \"hunter2-hunter2\"\n", ""),
        ]), @r#"
        `accounts.acme.subdomian` in `userpurge.toml`, line 3, cannot be used: there is no such key; did you mean `subdomain`?
        `accounts.acme.app_id` in `userpurge.toml`, line 5, cannot be used: there is no such key; the keys are `subdomain`, `base_url`, `email`, `api_token`, `oauth_token`, `refresh_token`, `client_id`, `client_secret`, `action`, `limits`
        `accounts.acme.limits.request` in `userpurge.toml`, line 6, cannot be used: there is no such key; did you mean `requests`?
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: it lacks `provider`, one of `zendesk`, `sunco`, `zoho`, the name of a provider file that is shipped, or a file; is `provder` meant to be it?
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: it lacks `subdomain` or `base_url`
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: it lacks credentials, one of `email` with `api_token`, `oauth_token` (and `refresh_token`), `client_id` with `client_secret`
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: it lacks `api_token`
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: it lacks `client_id`
        `accounts.acme.base_url` in `userpurge.toml`, line 5, cannot be used: `subdomain`, `base_url` exclude each other; keep one
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: `email` with `api_token`, `oauth_token` (and `refresh_token`), `client_id` with `client_secret` exclude each other; keep one
        `accounts.chat.region` in `userpurge.toml`, line 4, cannot be used: `subdomain`, `region` exclude each other; keep one
        `accounts.chat` in `userpurge.toml`, line 1, cannot be used: it lacks `app_id`
        `accounts.crm.accounts_url` in `userpurge.toml`, line 7, cannot be used: `data_center`, `accounts_url` exclude each other; keep one
        `accounts.crm` in `userpurge.toml`, line 1, cannot be used: it lacks `refresh_token`
        "#);
}

#[test]
fn a_value_out_of_range_is_told_with_its_line() {
    insta::assert_snapshot!(all(&[
            ZENDESK.replace("\"zendesk\"", "\"zendisk\""),
            ZENDESK.replace("\"zendesk\"", "3"),
            ZENDESK.replace("\"acme\"", "\"acme.zendesk.com\""),
            ZENDESK.replace("\"acme\"", "7"),
            ZENDESK.replace("subdomain = \"acme\"", "base_url = \"http://acme.zendesk.com\""),
            ZENDESK.replace("subdomain = \"acme\"", "base_url = \"https://a:pw@b\""),
            format!("{ZENDESK}action = \"erase\"\n"),
            format!("{CHAT}action = \"purge\"\n"),
            format!("{CHAT}auth = \"bearer\"\n"),
            CHAT.replace("\"us\"", "\"asia\""),
            CHAT.replace("5963c0d619a30a2e00de36b8", "../other"),
            CRM.replace("\"eu\"", "\"mars\""),
            format!("{CRM}version = \"v9\"\n"),
            ZENDESK.replace("oauth_token", "email = \"ops@acme.example/token\"\napi_token"),
            ZENDESK.replace("acme]", "\"ac me\"]"),
            ZENDESK.replace("acme]", "zoho]"),
            format!("{ZENDESK}{}", ZENDESK.replace("acme]", "Acme]")),
        ]), @r#"
        `accounts.acme.provider` in `userpurge.toml`, line 2, cannot be used: `zendisk` is not one of `zendesk`, `sunco`, `zoho`, `intercom`, `freshdesk`, `gorgias`, `jira`, `helpscout`, `okta`, `auth0`, `hubspot`, or a path such as `./crm.toml`
        `accounts.acme.provider` in `userpurge.toml`, line 2, cannot be used: it must be a string
        `accounts.acme.subdomain` in `userpurge.toml`, line 3, cannot be used: it is no subdomain; of `https://acme.zendesk.com` write only `acme`: letters, digits and inner hyphens, at most 63
        `accounts.acme.subdomain` in `userpurge.toml`, line 3, cannot be used: it must be a string
        `accounts.acme.base_url` in `userpurge.toml`, line 3, cannot be used: plain http would show the credentials on the wire; write `https://`
        `accounts.acme.base_url` in `userpurge.toml`, line 3, cannot be used: it holds a user name or password; give credentials under their own keys
        `accounts.acme.action` in `userpurge.toml`, line 5, cannot be used: `erase` is not one of `delete`, `permanently-delete`, `purge`
        `accounts.chat.action` in `userpurge.toml`, line 7, cannot be used: `purge` is not one of `delete-personal-information`, `delete`
        `accounts.chat.auth` in `userpurge.toml`, line 7, cannot be used: `bearer` is not one of `basic`, `jwt`
        `accounts.chat.region` in `userpurge.toml`, line 4, cannot be used: `asia` is not one of `us`, `eu`
        `accounts.chat.app_id` in `userpurge.toml`, line 3, cannot be used: an app's id is letters and digits only; copy it from the app's settings
        `accounts.crm.data_center` in `userpurge.toml`, line 3, cannot be used: `mars` is not one of `us`, `eu`, `in`, `au`, `jp`, `cn`, `ca`, `sa`, `uk`, `ae`, `sg`
        `accounts.crm.version` in `userpurge.toml`, line 7, cannot be used: `v9` is not one of `v2`, `v2.1`, `v3`, `v4`, `v5`, `v6`, `v7`, `v8`
        `accounts.acme.email` in `userpurge.toml`, line 4, cannot be used: it is no e-mail address; write it alone, without `/token` behind it
        `accounts.ac me` in `userpurge.toml`, line 1, cannot be used: an account's name is 1 to 64 letters, digits, hyphens, underscores or dots; name it otherwise
        `accounts.zoho` in `userpurge.toml`, line 1, cannot be used: rows that say `zoho` would be deleted at Zendesk Support; name this account otherwise
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: another account's name differs from it in case only; name one otherwise
        "#);
}

#[test]
fn an_address_that_could_leak_or_mislead_is_refused() {
    let long = "a".repeat(64);
    for (key, text, expected) in [
        (
            "base_url",
            "https://acme.zendesk.com/",
            "https://acme.zendesk.com/",
        ),
        (
            "base_url",
            "https://proxy.example/zd//",
            "https://proxy.example/zd",
        ),
        (
            "base_url",
            " https://b.example:8443/a/b/ ",
            "https://b.example:8443/a/b",
        ),
        (
            "base_url",
            "http://127.9.9.9/zoho/",
            "http://127.9.9.9/zoho",
        ),
        ("base_url", "http://[::1]:80", "http://[::1]/"),
        (
            "base_url",
            "http://LOCALHOST:8787",
            "http://localhost:8787/",
        ),
        ("base_url", "acme.zendesk.com", "it is no absolute"),
        ("base_url", "", "it is no absolute"),
        ("base_url", "https://", "it is no absolute"),
        ("base_url", "ftp://acme.example", "it must begin"),
        ("base_url", "file:///etc/passwd", "it must begin"),
        ("base_url", "http://acme.zendesk.com", "plain http"),
        ("base_url", "http://10.0.0.1", "plain http"),
        ("base_url", "http://localhost.example", "plain http"),
        ("base_url", "http://127.0.0.1.example", "plain http"),
        ("base_url", "http://[::ffff:127.0.0.1]", "plain http"),
        ("base_url", "http://[::]", "plain http"),
        (
            "base_url",
            "https://ops:pw@acme.zendesk.com",
            "it holds a user name",
        ),
        (
            "base_url",
            "https://ops@acme.zendesk.com",
            "it holds a user name",
        ),
        (
            "base_url",
            "https://acme.zendesk.com/?a=1",
            "it holds a query",
        ),
        (
            "base_url",
            "https://acme.zendesk.com/#top",
            "it holds a query",
        ),
        ("subdomain", "ACME-2", "https://acme-2.zendesk.com/"),
        ("subdomain", "", "it is no subdomain"),
        ("subdomain", "-acme", "it is no subdomain"),
        ("subdomain", "acme-", "it is no subdomain"),
        ("subdomain", "ac me", "it is no subdomain"),
        ("subdomain", "a/", "it is no subdomain"),
        ("subdomain", "ü", "it is no subdomain"),
        ("subdomain", &long, "it is no subdomain"),
    ] {
        let address = format!("{key} = \"{text}\"");
        let config = ZENDESK.replace("subdomain = \"acme\"", &address);
        if expected.starts_with("http") {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("userpurge.toml");
            put(&path, config);
            let outline = load_outline(Some(&path), &lookup).unwrap();
            assert_eq!(
                outline.accounts[0].urls().next().unwrap().as_str(),
                expected
            );
        } else {
            let told = mistake(&config);
            assert!(
                told.contains(&format!("cannot be used: {expected}")),
                "{text}: {told}"
            );
        }
    }
}

#[test]
fn a_limit_out_of_range_is_told_with_its_line() {
    let limits = |limits: &str| format!("{ZENDESK}[accounts.acme.limits]\n{limits}\n");
    insta::assert_snapshot!(all(&[
            limits("requests = \"400\""),
            limits("requests = 400"),
            limits("requests = \"0/1m\""),
            limits("concurrency = 0"),
            limits("concurrency = 1001"),
            limits("concurrency = -1"),
            limits("concurrency = 2.5"),
            limits("share = 0"),
            limits("share = 1.5"),
            limits("share = nan"),
            limits("\ndelete-personal-information = \"1/1s\""),
            limits("permanently-delete = \"soon\""),
        ]), @r#"
        `accounts.acme.limits.requests` in `userpurge.toml`, line 6, cannot be used: `400` is not a limit; write requests per time, such as "400/1m" or "700/10m"
        `accounts.acme.limits.requests` in `userpurge.toml`, line 6, cannot be used: it must be a string
        `accounts.acme.limits.requests` in `userpurge.toml`, line 6, cannot be used: `0/1m` allows no request at all
        `accounts.acme.limits.concurrency` in `userpurge.toml`, line 6, cannot be used: 0 is out of range; write a number from 1 to 1000
        `accounts.acme.limits.concurrency` in `userpurge.toml`, line 6, cannot be used: 1001 is out of range; write a number from 1 to 1000
        `accounts.acme.limits.concurrency` in `userpurge.toml`, line 6, cannot be used: -1 is out of range; write a number from 1 to 1000
        `accounts.acme.limits.concurrency` in `userpurge.toml`, line 6, cannot be used: it must be a whole number
        `accounts.acme.limits.share` in `userpurge.toml`, line 6, cannot be used: 0 is out of range; write a number above 0, at most 1, e.g. 0.8
        `accounts.acme.limits.share` in `userpurge.toml`, line 6, cannot be used: 1.5 is out of range; write a number above 0, at most 1, e.g. 0.8
        `accounts.acme.limits.share` in `userpurge.toml`, line 6, cannot be used: NaN is out of range; write a number above 0, at most 1, e.g. 0.8
        `accounts.acme.limits.delete-personal-information` in `userpurge.toml`, line 7, cannot be used: `delete-personal-information` is not one of `delete`, `permanently-delete`
        `accounts.acme.limits.permanently-delete` in `userpurge.toml`, line 6, cannot be used: `soon` is not a limit; write requests per time, such as "400/1m" or "700/10m"
        "#);
}

#[test]
fn a_secret_that_cannot_be_had_is_told_with_its_line_and_never_shown() {
    let secret = |value: &str| ZENDESK.replace("\"hunter2-hunter2\"", value);
    insta::assert_snapshot!(all(&[
            secret("{ env = \"NO_SUCH_VARIABLE\" }"),
            secret("{ env = \"EMPTY\" }"),
            secret("{ env = \"hunter2-hunter2\" }"),
            secret("{ file = \"no/such/file\" }"),
            secret("{ command = [\"no-such-program-anywhere\", \"hunter2-hunter2\"] }"),
            secret("{ command = [\"false\"] }"),
            secret("{ command = [] }"),
            secret("{ command = \"op read hunter2-hunter2\" }"),
            secret("{ vault = \"hunter2-hunter2\" }"),
            secret("{ env = \"A\", file = \"hunter2-hunter2\" }"),
            secret("\"\""),
            secret("\"hunter2-hunter2\\nhunter2-hunter2\""),
            secret("\"hunter2 hunter2\""),
            secret("\"hunter2-hünter2\""),
            secret("20261122"),
            secret("[\"hunter2-hunter2\"]"),
            secret("{}"),
        ]), @r#"
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: environment variable `NO_SUCH_VARIABLE` is not set, or not to UTF-8 text; set it and try again
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: environment variable `EMPTY` is empty; put the secret there
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: `env` names nothing that could hold a secret; a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: file `no/such/file` cannot be read; check that it exists and that this user may read it: No such file or directory (os error 2)
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: command `no-such-program-anywhere` cannot be started; check that it is installed and on the `PATH`: No such file or directory (os error 2)
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: command `false` failed (exit status: 1); run it by hand to see why
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: `command` names nothing that could hold a secret; a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }; keep one of them
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: the string is empty; put the secret there
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: the string holds several lines or control characters; it must be the secret alone, on one line
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: the string holds a blank; copy it again without
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: the string holds a character that is not printable ASCII; copy it again
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }; put quotes round it
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        "#);
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin.toml");
    let told = || load_outline(Some(&path), &lookup).unwrap_err().to_string();
    assert!(told().starts_with("cannot read the configuration"));
    put(&path, b"# one\n# caf\xe9\n");
    assert!(told().ends_with("line 2, is no UTF-8 text; save it as UTF-8"));
    put(&path, vec![b'#'; 1024 * 1024 + 1]);
    assert!(told().contains("is longer than 1048576 bytes"));
}

#[test]
fn the_named_file_comes_before_the_folder_before_xdg_before_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let [here, home, other] = ["here", "home", "other"].map(|name| folder.path().join(name));
    let xdg = home.join(".config/userpurge");
    for folder in [&here, &xdg, &other.join("userpurge")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let texts = [&home, &other].map(|path| path.to_str().unwrap().to_owned());
    let locate = |config, xdg_home: &str| {
        let lookup = |name: &str| match name {
            "HOME" => Some(texts[0].clone()),
            "ZENDESK_SUBDOMAIN" => Some("acme".to_owned()),
            "XDG_CONFIG_HOME" => Some(xdg_home.to_owned()),
            _ => None,
        };
        locate_file(config, &here, &lookup).unwrap()
    };
    // A relative folder counts as unset.
    assert_eq!(locate(None, "config"), None);
    for file in [&xdg, &other.join("userpurge")].map(|folder| folder.join(FILE_NAME)) {
        put(&file, "");
    }
    assert_eq!(locate(None, "config"), Some(xdg.join(FILE_NAME)));
    let file = other.join("userpurge").join(FILE_NAME);
    assert_eq!(locate(None, &texts[1]), Some(file));
    put(&here.join(FILE_NAME), "");
    assert_eq!(locate(None, "config"), Some(here.join(FILE_NAME)));
    let named = locate(Some(Path::new("other.toml")), "config");
    assert_eq!(named, Some(here.join("other.toml")));
    let error = locate_file(None, folder.path(), &|_: &str| None).unwrap_err();
    assert!(error.is_absent);
}

#[test]
fn the_outline_leaves_secrets_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("userpurge.toml");
    let mut file = std::fs::File::create(&path).unwrap();
    let text = ZENDESK.replace("\"hunter2-hunter2\"", "{ command = [\"false\"] }");
    file.write_all(text.as_bytes()).unwrap();
    let outline = load_outline(Some(&path), &lookup).unwrap();
    assert_eq!(outline.accounts.len(), 1);
}

/// The words between backticks in what is told behind `mark`.
fn words(told: &str, mark: &str) -> BTreeSet<String> {
    let (_, told) = told.split_once(mark).unwrap_or_else(|| panic!("{told}"));
    let words = told.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

#[test]
fn the_schema_has_the_keys_that_are_read() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let choices = |value: &Value| -> BTreeSet<String> {
        let choices = value["enum"].as_array().unwrap().iter();
        choices.map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    for (kind, text) in [
        (ProviderKind::Zendesk, ZENDESK),
        (ProviderKind::Sunco, CHAT),
        (ProviderKind::Zoho, CRM),
    ] {
        let properties = &schema["$defs"][kind.name()]["properties"];
        let mut known = words(&mistake(&format!("{text}qqqq = 1\n")), "the keys are");
        known.insert("provider".to_owned());
        assert_eq!(keys(properties), known, "{kind}");
        let other = Step::ALL.into_iter().find(|step| {
            let mut actions = kind.actions().iter();
            actions.all(|action| !action.steps().contains(step))
        });
        let limits = &properties["limits"];
        let stated = format!("{text}limits = {{ {} = \"1/1m\" }}\n", other.unwrap());
        let mut known = words(&mistake(&stated), "is not one of");
        known.extend(["concurrency", "requests", "share"].map(str::to_owned));
        assert_eq!(keys(&limits["properties"]), known, "{kind}");
        for key in ["action", "version", "data_center"] {
            if !properties[key]["enum"].is_array() {
                continue;
            }
            let data_center = "data_center = \"eu\"\n";
            let text = match key {
                "data_center" => text.replace(data_center, ""),
                _ => text.to_owned(),
            };
            let told = mistake(&format!("{text}{key} = \"qqqq\"\n"));
            let known = words(&told, "is not one of");
            assert_eq!(choices(&properties[key]), known, "{kind} {key}");
        }
    }
}

#[test]
fn a_name_that_may_be_the_secret_is_not_shown() {
    const TOKEN: &str = "Jq7vXb2LmN4pRs8tUw1yZa3cDe5fGh6iKo9lMn0Q";
    let told = |value: &str| mistake(&ZENDESK.replace("\"hunter2-hunter2\"", value));
    for name in [
        "TOKEN",
        "ACME_CLIENT_SECRET",
        "OAUTH2_TOKEN",
        "X509_KEY",
        "_S3",
    ] {
        let told = told(&format!("{{ env = \"{name}\" }}"));
        assert!(told.contains(&format!("`{name}`")), "{told}");
    }
    for name in [
        "acme_secret",
        "A1B2C3D4E5F60718293A4B5C6D7E8F90",
        "JBSWY3DPEHPK3PXP",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        TOKEN,
    ] {
        let told = told(&format!("{{ env = \"{name}\" }}"));
        assert!(!told.contains(name), "{told}");
    }
    for value in [
        format!("{{ file = \"{TOKEN}\" }}"),
        format!("{{ file = \"folder/{TOKEN}\" }}"),
        format!("{{ command = [\"{TOKEN}\", \"{TOKEN}\"] }}"),
        format!("{{ command = [\"false\", \"{TOKEN}\"] }}"),
    ] {
        let told = told(&value);
        assert!(!told.contains(TOKEN), "{told}");
    }
    let file = told("{ file = \"keys/zendesk-2026.txt\" }");
    assert!(file.contains("file `keys/zendesk-2026.txt`"), "{file}");
}

#[test]
fn a_command_is_followed_to_its_end() {
    for (does, told) in [
        ("printf x; exit 3", "`sh` failed (exit status: 3)"),
        ("exec yes", "holds more than 65536 bytes"),
    ] {
        let command = format!("{{ command = [\"sh\", \"-c\", \"{does}\"] }}");
        let found = mistake(&ZENDESK.replace("\"hunter2-hunter2\"", &command));
        assert!(found.contains(told), "{found}");
    }
}

proptest::proptest! {
    /// Whatever slip of the pen, the secret stays out of every way to print the error.
    #[test]
    fn no_slip_of_the_pen_shows_a_secret(
        account in 0..3_usize,
        at in proptest::prelude::any::<proptest::sample::Index>(),
        removed in 0..3_usize,
        slip in proptest::sample::select(vec!["", "\"", "'", "[", "]", "{", "}", "=", "\n", "#", ".", "\\", "é"]),
    ) {
        let mut text = [ZENDESK, CHAT, CRM][account].to_owned();
        let at = at.index(text.len());
        let end = (at + removed).min(text.len());
        text.replace_range(at..end, slip);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("userpurge.toml");
        put(&path, text);
        if let Err(error) = load(Some(&path), &lookup) {
            let shown = format!("{error} {error:?}");
            // Part of it, since the slip may have cut it.
            proptest::prop_assert!(!shown.contains("unter2"), "{}", shown);
        }
    }
}
