//! The questions about one account, and what was answered.

use super::asker::{Asker, not_among};
use super::draft::Draft;
use crate::cli::Failure;

/// Zoho's data centres.
const DATA_CENTERS: [&str; 11] = [
    "us", "eu", "in", "au", "jp", "cn", "ca", "sa", "uk", "ae", "sg",
];

/// Asks about one account. `taken`: the names there are already.
pub(super) fn account(asker: &mut Asker<'_>, taken: &[String]) -> Result<Draft, Failure> {
    let provider = asker.choose(
        "Where are the users to be deleted",
        &[
            ("zendesk", "Zendesk Support"),
            ("sunco", "Sunshine Conversations"),
            ("zoho", "Zoho CRM"),
        ],
    )?;
    let mut draft = Draft::new(provider);
    match provider {
        "zendesk" => zendesk(asker, &mut draft)?,
        "sunco" => sunco(asker, &mut draft)?,
        _ => zoho(asker, &mut draft)?,
    }
    let default = free_name(&draft, taken);
    draft.name = asker.ask(
        "Name of this account, as rows will say it",
        Some(&default),
        |name| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if !name.chars().all(plain) {
                Err("letters, digits, hyphens, underscores and dots".to_owned())
            } else if taken.iter().any(|taken| taken == name) {
                Err(format!("there is an account `{name}` already"))
            } else {
                Ok(name.to_owned())
            }
        },
    )?;
    secrets(asker, &mut draft)?;
    Ok(draft)
}

fn zendesk(asker: &mut Asker<'_>, draft: &mut Draft) -> Result<(), Failure> {
    place(
        asker,
        draft,
        "Subdomain, the acme of https://acme.zendesk.com",
        "subdomain",
        "base_url",
    )?;
    let kind = asker.choose(
        "How does the program sign in",
        &[
            (
                "client",
                "an OAuth client (Admin Center > Apps and integrations > APIs > OAuth clients)",
            ),
            ("token", "a ready OAuth access token"),
            (
                "api-token",
                "an API token, which Zendesk ends on 2027-04-30",
            ),
        ],
    )?;
    match kind {
        "client" => {
            text(asker, draft, "Identifier of the OAuth client", "client_id")?;
            draft.secret("client_secret", "the OAuth client's secret");
        }
        "token" => draft.secret("oauth_token", "the access token"),
        _ => {
            text(asker, draft, "E-mail address of the admin", "email")?;
            draft.secret("api_token", "the API token");
        }
    }
    Ok(())
}

fn sunco(asker: &mut Asker<'_>, draft: &mut Draft) -> Result<(), Failure> {
    text(asker, draft, "Id of the app", "app_id")?;
    let question = "Region (us or eu), or the Zendesk subdomain, or a whole address";
    asker
        .ask(question, Some("us"), |answer| {
            let key = match answer {
                "us" | "eu" => "region",
                address if address.contains("://") => "base_url",
                _ => "subdomain",
            };
            Ok(key_of(key, answer))
        })?
        .add(draft);
    text(asker, draft, "Id of the API key, app_…", "key_id")?;
    draft.secret("key_secret", "the API key's secret");
    Ok(())
}

fn zoho(asker: &mut Asker<'_>, draft: &mut Draft) -> Result<(), Failure> {
    let question = "Data centre (us, eu, in, au, jp, cn, ca, sa, uk, ae or sg)";
    asker
        .ask(question, None, |answer| {
            if answer.contains("://") {
                return Ok(key_of("accounts_url", answer));
            }
            match DATA_CENTERS
                .iter()
                .find(|it| it.eq_ignore_ascii_case(answer))
            {
                Some(place) => Ok(key_of("data_center", place)),
                None => Err(not_among(answer, DATA_CENTERS.into_iter())),
            }
        })?
        .add(draft);
    text(asker, draft, "Id of the OAuth client, 1000.…", "client_id")?;
    draft.secret("client_secret", "the OAuth client's secret");
    draft.secret(
        "refresh_token",
        "the refresh token, with the scopes ZohoCRM.users.DELETE, ZohoCRM.users.READ and ZohoCRM.org.READ",
    );
    Ok(())
}

/// A key and its value.
struct Key(&'static str, String);

fn key_of(key: &'static str, value: &str) -> Key {
    Key(key, value.to_owned())
}

impl Key {
    fn add(self, draft: &mut Draft) {
        draft.key(self.0, &self.1);
    }
}

/// Asks for a short form of an address, or for the whole of it.
fn place(
    asker: &mut Asker<'_>,
    draft: &mut Draft,
    question: &str,
    short: &'static str,
    whole: &'static str,
) -> Result<(), Failure> {
    let question = format!("{question}, or the whole address");
    asker
        .ask(&question, None, |answer| {
            let zendesk = answer
                .strip_prefix("https://")
                .map(|rest| rest.trim_end_matches('/'))
                .and_then(|host| host.strip_suffix(".zendesk.com"));
            let label = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            match zendesk.or(Some(answer)) {
                Some(text) if label(text) => Ok(key_of(short, text)),
                _ if answer.contains("://") => Ok(key_of(whole, answer)),
                _ => Err(
                    "letters, digits and hyphens, or an address that begins with https://"
                        .to_owned(),
                ),
            }
        })?
        .add(draft);
    Ok(())
}

fn text(
    asker: &mut Asker<'_>,
    draft: &mut Draft,
    question: &str,
    key: &'static str,
) -> Result<(), Failure> {
    let value = asker.ask(question, None, |answer| Ok::<_, String>(answer.to_owned()))?;
    draft.key(key, &value);
    Ok(())
}

/// Asks where each secret is kept.
fn secrets(asker: &mut Asker<'_>, draft: &mut Draft) -> Result<(), Failure> {
    for secret in &mut draft.secrets {
        let kept = asker.choose(
            &format!("Where is {} kept", secret.what),
            &[
                ("env", "in an environment variable"),
                ("file", "in a file of its own"),
                ("command", "a password manager prints it"),
            ],
        )?;
        let variable = format!("{}_{}", draft.name, secret.key);
        let variable = variable.to_ascii_uppercase().replace(['-', '.'], "_");
        let (question, default) = match kept {
            "env" => ("Name of the variable", Some(variable.as_str())),
            "file" => ("Path of the file", None),
            _ => (
                "The program and its arguments, as in: op read op://vault/item/field",
                None,
            ),
        };
        secret.kept = kept;
        secret.place = asker.ask(question, default, |answer| {
            let variable = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if kept == "env" && !answer.chars().all(variable) {
                return Err("letters, digits and underscores; the name, not the secret".to_owned());
            }
            Ok(answer.to_owned())
        })?;
    }
    Ok(())
}

/// A name that no account has yet: the subdomain's, or the provider's.
fn free_name(draft: &Draft, taken: &[String]) -> String {
    let name = draft.value("subdomain").unwrap_or(draft.provider);
    let mut names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}{n}")));
    let free = names.find(|name| !taken.contains(name));
    free.unwrap_or_default()
}
