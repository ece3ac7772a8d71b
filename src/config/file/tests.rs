//! Mistakes in a file, each with what is said of it.

use std::error::Error;
use std::io::Write;

use super::{Document, blanked};
use crate::config::{ConfigError, Source, load, load_outline};

const HIDDEN: &str = "hunter2-hunter2";

fn lookup(name: &str) -> Option<String> {
    (name == "EMPTY").then(String::new)
}

/// The whole chain of the error that loading `text` ends in, as the program prints it.
fn mistake(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("userpurge.toml");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let error = load(&Source::File(path), &lookup).unwrap_err();
    let mut chain = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push(error.to_string());
        cause = error.source();
    }
    // Everything that any way of printing could show.
    let debug = format!("{error:?}");
    let report = format!("{debug} {:?}", miette::Report::new(error));
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
        ]), @r"
        `accounts.acme.subdomian` in `userpurge.toml`, line 3, cannot be used: there is no such key; did you mean `subdomain`?
        `accounts.acme.app_id` in `userpurge.toml`, line 5, cannot be used: there is no such key; the keys are `subdomain`, `base_url`, `email`, `api_token`, `oauth_token`, `client_id`, `client_secret`, `action`, `limits`
        `accounts.acme.limits.request` in `userpurge.toml`, line 6, cannot be used: there is no such key; did you mean `requests`?
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: it lacks `provider`, one of `zendesk`, `sunco`, `zoho`; is `provder` meant to be it?
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: it lacks `subdomain` or `base_url`
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: it lacks credentials, one of `email` with `api_token`, `oauth_token`, `client_id` with `client_secret`
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: it lacks `api_token`
        `accounts.acme` in `userpurge.toml`, line 1, cannot be used: it lacks `client_id`
        `accounts.acme.base_url` in `userpurge.toml`, line 5, cannot be used: `subdomain`, `base_url` exclude each other; keep one
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: `email` with `api_token`, `oauth_token`, `client_id` with `client_secret` exclude each other; keep one
        `accounts.chat.subdomain` in `userpurge.toml`, line 7, cannot be used: `region`, `subdomain` exclude each other; keep one
        `accounts.chat` in `userpurge.toml`, line 1, cannot be used: it lacks `app_id`
        `accounts.crm.accounts_url` in `userpurge.toml`, line 7, cannot be used: `data_center`, `accounts_url` exclude each other; keep one
        `accounts.crm` in `userpurge.toml`, line 1, cannot be used: it lacks `refresh_token`
        ");
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
        ]), @r"
        `accounts.acme.provider` in `userpurge.toml`, line 2, cannot be used: `zendisk` is not one of `zendesk`, `sunco`, `zoho`
        `accounts.acme.provider` in `userpurge.toml`, line 2, cannot be used: it must be a string
        `accounts.acme.subdomain` in `userpurge.toml`, line 3, cannot be used: it is no subdomain; of `https://acme.zendesk.com` write only `acme`: letters, digits and inner hyphens, at most 63
        `accounts.acme.subdomain` in `userpurge.toml`, line 3, cannot be used: invalid type: integer `7`, expected a string
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
        ");
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
        `accounts.acme.limits.requests` in `userpurge.toml`, line 6, cannot be used: invalid type: integer `400`, expected a string
        `accounts.acme.limits.requests` in `userpurge.toml`, line 6, cannot be used: `0/1m` allows no request at all
        `accounts.acme.limits.concurrency` in `userpurge.toml`, line 6, cannot be used: 0 is out of range; write a number from 1 to 1000
        `accounts.acme.limits.concurrency` in `userpurge.toml`, line 6, cannot be used: 1001 is out of range; write a number from 1 to 1000
        `accounts.acme.limits.concurrency` in `userpurge.toml`, line 6, cannot be used: -1 is out of range; write a number from 1 to 1000
        `accounts.acme.limits.concurrency` in `userpurge.toml`, line 6, cannot be used: invalid type: floating point `2.5`, expected a whole number
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
            secret("20261122"),
            secret("[\"hunter2-hunter2\"]"),
            secret("{}"),
        ]), @r#"
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: environment variable `NO_SUCH_VARIABLE` is not set, or is no UTF-8 text; set it and try again
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: environment variable `EMPTY` is empty; put the secret there
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: `env` names nothing that could hold a secret; a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: file `no/such/file` cannot be read; check that it exists and that this user may read it: No such file or directory (os error 2)
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: command `no-such-program-anywhere` cannot be started; check that it is installed and on the `PATH`: No such file or directory (os error 2)
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: command `false` failed (exit status: 1); run it by hand to see why
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: `command` names nothing that could hold a secret; a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        `accounts.acme.oauth_token.command` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }; keep one of them
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: the string is empty; put the secret there
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: the string holds several lines or control characters; it must be the secret alone, on one line
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }; put quotes round it
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: invalid type: sequence, expected a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        `accounts.acme.oauth_token` in `userpurge.toml`, line 4, cannot be used: a secret is a string, { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", …] }
        "#);
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let error = Document::read(&folder.path().join("gone.toml")).unwrap_err();
    assert!(matches!(error, ConfigError::Read { .. }));

    let latin = folder.path().join("latin.toml");
    let mut file = std::fs::File::create(&latin).unwrap();
    file.write_all(b"# one\n# caf\xe9\n").unwrap();
    let error = Document::read(&latin).unwrap_err();
    assert!(matches!(error, ConfigError::NotText { line: 2, .. }));

    file.write_all(&vec![b'#'; super::FILE_BYTES_MAX]).unwrap();
    let error = Document::read(&latin).unwrap_err();
    assert!(matches!(error, ConfigError::TooLong { .. }));
}

#[test]
fn the_outline_leaves_secrets_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("userpurge.toml");
    let mut file = std::fs::File::create(&path).unwrap();
    let text = ZENDESK.replace("\"hunter2-hunter2\"", "{ command = [\"false\"] }");
    file.write_all(text.as_bytes()).unwrap();
    let outline = load_outline(&Source::File(path), &lookup).unwrap();
    assert_eq!(outline.accounts.len(), 1);
}

proptest::proptest! {
    /// Whatever slip of the pen, the secret stays out of every way to print the error.
    #[test]
    fn no_slip_of_the_pen_shows_a_secret(
        account in 0..3_usize,
        at in proptest::prelude::any::<proptest::sample::Index>(),
        removed in 0..3_usize,
        put in proptest::sample::select(vec!["", "\"", "'", "[", "]", "{", "}", "=", "\n", "#", ".", "\\", "é"]),
    ) {
        let mut text = [ZENDESK, CHAT, CRM][account].to_owned();
        let at = at.index(text.len());
        let end = (at + removed).min(text.len());
        text.replace_range(at..end, put);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("userpurge.toml");
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        if let Err(error) = load(&Source::File(path), &lookup) {
            let debug = format!("{error:?}");
            let report = miette::Report::new(error);
            let shown = format!("{debug} {report} {report:?}");
            // Part of it, since the slip may have cut it.
            proptest::prop_assert!(!shown.contains("unter2"), "{}", shown);
        }
    }
}

#[test]
fn the_text_of_an_error_shows_its_place_alone() {
    assert_eq!(blanked("ab = 1\ncd = 2\n", &(7..9)), "      \ncd    \n");
    assert_eq!(blanked("é\n", &(0..0)), "  \n");
}
