//! One account: the questions about it, as a table for each provider, and its text in the file.

use std::fmt::Write as _;

use Question::{Place, Secret, Text};

use super::asker::{Asker, not_among};
use crate::cli::Failure;

/// What the file begins with.
pub(super) const HEAD: &str = "\
# userpurge: the accounts whose users may be deleted. `userpurge check` tries them; it only reads.
# No secret stands here: each key below says where its secret is kept.

# deny_tenants = [\"prod\"]                    # nothing is deleted at a tenant whose name holds such a word
";

/// A key and its value.
type Key = (&'static str, String);

/// What is asked for.
#[derive(Debug)]
enum Question {
    /// A key, and the words that ask for its value.
    Text(&'static str, &'static str),
    /// An address, or something shorter: the words, the default, and the key that an answer is for.
    Place(
        &'static str,
        Option<&'static str>,
        fn(&str) -> Result<Key, String>,
    ),
    /// The key of a secret, and what it is. Where it is kept is asked last.
    Secret(&'static str, &'static str),
}

/// A provider, and all that is asked about an account there.
#[derive(Debug)]
struct Provider {
    word: &'static str,
    title: &'static str,
    questions: &'static [Question],
    /// The ways to sign in, where there are several: a word, what it is, its questions.
    ways: &'static [(&'static str, &'static str, &'static [Question])],
    /// An action to begin with.
    action: &'static str,
    /// Limits that hold without a word, to be changed.
    limits: &'static [(&'static str, &'static str)],
}

const PROVIDERS: [Provider; 3] = [
    Provider {
        word: "zendesk",
        title: "Zendesk Support",
        questions: &[Place(
            "Subdomain, the acme of https://acme.zendesk.com, or the whole address",
            None,
            zendesk_place,
        )],
        ways: &[
            (
                "client",
                "an OAuth client (Admin Center > Apps and integrations > APIs > OAuth clients)",
                &[
                    Text("client_id", "Identifier of the OAuth client"),
                    Secret("client_secret", "the OAuth client's secret"),
                ],
            ),
            (
                "token",
                "a ready OAuth access token",
                &[Secret("oauth_token", "the access token")],
            ),
            (
                "api-token",
                "an API token, which Zendesk ends on 2027-04-30",
                &[
                    Text("email", "E-mail address of the admin"),
                    Secret("api_token", "the API token"),
                ],
            ),
        ],
        action: "purge",
        limits: &[
            (
                "requests = \"400/1m\"",
                "every request; the Enterprise plan has 700/1m",
            ),
            ("permanently-delete = \"700/10m\"", "this endpoint as well"),
        ],
    },
    Provider {
        word: "sunco",
        title: "Sunshine Conversations",
        questions: &[
            Text("app_id", "Id of the app"),
            Place(
                "Region (us or eu), or the Zendesk subdomain, or a whole address",
                Some("us"),
                |answer| {
                    let key = match answer {
                        "us" | "eu" => "region",
                        address if address.contains("://") => "base_url",
                        _ => "subdomain",
                    };
                    Ok((key, answer.to_owned()))
                },
            ),
            Text("key_id", "Id of the API key, app_…"),
            Secret("key_secret", "the API key's secret"),
        ],
        ways: &[],
        action: "delete",
        limits: &[("requests = \"600/1m\"", "every request")],
    },
    Provider {
        word: "zoho",
        title: "Zoho CRM",
        questions: &[
            Place(
                "Data centre (us, eu, in, au, jp, cn, ca, sa, uk, ae or sg)",
                None,
                zoho_place,
            ),
            Text("client_id", "Id of the OAuth client, 1000.…"),
            Secret("client_secret", "the OAuth client's secret"),
            Secret(
                "refresh_token",
                "the refresh token, with the scopes ZohoCRM.users.DELETE, ZohoCRM.users.READ and ZohoCRM.org.READ",
            ),
        ],
        ways: &[],
        action: "delete",
        limits: &[("requests = \"600/1m\"", "every request")],
    },
];

/// Zoho's data centres.
const DATA_CENTERS: [&str; 11] = [
    "us", "eu", "in", "au", "jp", "cn", "ca", "sa", "uk", "ae", "sg",
];

fn zendesk_place(answer: &str) -> Result<Key, String> {
    let host = answer.strip_prefix("https://");
    let host = host.map(|rest| rest.trim_end_matches('/'));
    let subdomain = host.and_then(|host| host.strip_suffix(".zendesk.com"));
    let is_label = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match subdomain.unwrap_or(answer) {
        text if is_label(text) => Ok(("subdomain", text.to_owned())),
        _ if answer.contains("://") => Ok(("base_url", answer.to_owned())),
        _ => Err("letters, digits and hyphens, or an address that begins with https://".to_owned()),
    }
}

fn zoho_place(answer: &str) -> Result<Key, String> {
    if answer.contains("://") {
        return Ok(("accounts_url", answer.to_owned()));
    }
    let mut centers = DATA_CENTERS.iter();
    match centers.find(|it| it.eq_ignore_ascii_case(answer)) {
        Some(center) => Ok(("data_center", (*center).to_owned())),
        None => Err(not_among(answer, DATA_CENTERS.into_iter())),
    }
}

/// An account, as it was answered.
pub(super) struct Account {
    pub(super) name: String,
    provider: &'static Provider,
    /// Keys and their values.
    keys: Vec<Key>,
    secrets: Vec<KeptSecret>,
}

/// A secret, and where it is kept.
struct KeptSecret {
    key: &'static str,
    what: &'static str,
    /// `env`, `file` or `command`.
    kept: &'static str,
    /// The variable, the path or the command line.
    place: String,
}

impl Account {
    /// Asks about one account. `taken`: the names there are already.
    pub(super) fn ask(asker: &mut Asker<'_>, taken: &[String]) -> Result<Self, Failure> {
        let words = PROVIDERS.each_ref().map(|it| (it.word, it.title));
        let word = asker.choose("Where are the users to be deleted", &words)?;
        let provider = PROVIDERS.iter().find(|it| it.word == word);
        let mut account = Self {
            name: String::new(),
            provider: provider.unwrap_or(&PROVIDERS[0]),
            keys: Vec::new(),
            secrets: Vec::new(),
        };
        account.answer(asker, account.provider.questions)?;
        let ways = account.provider.ways;
        if !ways.is_empty() {
            let words: Vec<_> = ways.iter().map(|(word, what, _)| (*word, *what)).collect();
            let chosen = asker.choose("How does the program sign in", &words)?;
            for (_, _, questions) in ways.iter().filter(|(word, ..)| *word == chosen) {
                account.answer(asker, questions)?;
            }
        }
        account.name = account.ask_name(asker, taken)?;
        for secret in &mut account.secrets {
            secret.ask(asker, &account.name)?;
        }
        Ok(account)
    }

    fn answer(&mut self, asker: &mut Asker<'_>, questions: &[Question]) -> Result<(), Failure> {
        for question in questions {
            match *question {
                Text(key, asks) => {
                    let take = |answer: &str| Ok((key, answer.to_owned()));
                    self.keys.push(asker.ask(asks, None, take)?);
                }
                Place(asks, default, take) => self.keys.push(asker.ask(asks, default, take)?),
                Secret(key, what) => self.secrets.push(KeptSecret {
                    key,
                    what,
                    kept: "env",
                    place: String::new(),
                }),
            }
        }
        Ok(())
    }

    /// The default is a name that no account has yet: the subdomain's, or the provider's.
    fn ask_name(&self, asker: &mut Asker<'_>, taken: &[String]) -> Result<String, Failure> {
        let subdomain = self.keys.iter().find(|(key, _)| *key == "subdomain");
        let name = subdomain.map_or(self.provider.word, |(_, value)| value);
        let mut names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}{n}")));
        let free = names.find(|name| !taken.contains(name));
        let asks = "Name of this account, as rows will say it";
        asker.ask(asks, free.as_deref(), |name| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if !name.chars().all(plain) {
                Err("letters, digits, hyphens, underscores and dots".to_owned())
            } else if taken.iter().any(|taken| taken == name) {
                Err(format!("there is an account `{name}` already"))
            } else {
                Ok(name.to_owned())
            }
        })
    }

    /// The variables that have to be set.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        let secrets = self.secrets.iter().filter(|secret| secret.kept == "env");
        secrets.map(|secret| secret.place.as_str())
    }

    /// The account's table, with comments for the next reader.
    pub(super) fn table(&self) -> String {
        let name = if self.name.contains('.') {
            quoted(&self.name)
        } else {
            self.name.clone()
        };
        let mut text = format!("\n[accounts.{name}]\n");
        // Writing to a string cannot fail.
        let mut line = |key: &str, value: &str, comment: &str| {
            let line = format!("{key} = {value}");
            let _ = match comment {
                "" => writeln!(text, "{line}"),
                comment => writeln!(text, "{line:<44} # {comment}"),
            };
        };
        line("provider", &quoted(self.provider.word), "");
        for (key, value) in &self.keys {
            line(key, &quoted(value), "");
        }
        for secret in &self.secrets {
            let comment = match secret.key {
                "api_token" => "Zendesk ends API tokens on 2027-04-30; make an OAuth client before",
                _ => secret.what,
            };
            line(secret.key, &secret.source(), comment);
        }
        let why = "for rows that name none; without it they are not sent";
        line("# action", &quoted(self.provider.action), why);
        let heading = format!("[accounts.{name}.limits]");
        let first = (heading.as_str(), "these hold unless told otherwise");
        let last = (
            "share = 0.8",
            "the part of each limit that this program may use",
        );
        text.push('\n');
        for (limit, comment) in std::iter::once(&first)
            .chain(self.provider.limits)
            .chain([&last])
        {
            let _ = writeln!(text, "{:<44} # {comment}", format!("# {limit}"));
        }
        text
    }
}

impl KeptSecret {
    /// Asks where it is kept. `account`: the account's name.
    fn ask(&mut self, asker: &mut Asker<'_>, account: &str) -> Result<(), Failure> {
        self.kept = asker.choose(
            &format!("Where is {} kept", self.what),
            &[
                ("env", "in an environment variable"),
                ("file", "in a file of its own"),
                ("command", "a password manager prints it"),
            ],
        )?;
        let variable = format!("{account}_{}", self.key);
        let variable = variable.to_ascii_uppercase().replace(['-', '.'], "_");
        let (question, default) = match self.kept {
            "env" => ("Name of the variable", Some(variable.as_str())),
            "file" => ("Path of the file", None),
            _ => (
                "The program and its arguments, as in: op read op://vault/item/field",
                None,
            ),
        };
        let is_variable = self.kept == "env";
        self.place = asker.ask(question, default, |answer| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if is_variable && !answer.chars().all(plain) {
                return Err("letters, digits and underscores; the name, not the secret".to_owned());
            }
            Ok(answer.to_owned())
        })?;
        Ok(())
    }

    fn source(&self) -> String {
        if self.kept == "command" {
            let words: Vec<_> = self.place.split_whitespace().map(quoted).collect();
            return format!("{{ command = [{}] }}", words.join(", "));
        }
        format!("{{ {} = {} }}", self.kept, quoted(&self.place))
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
