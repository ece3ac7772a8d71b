//! `init`: a few questions, a commented configuration, and then `check`.
//!
//! Answers come from the terminal, or line by line from a pipe. No secret is ever asked for: the
//! file says where each is kept.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};

use Question::{Place, Secret, Text};

use super::check;
use crate::cli::args::{CheckArgs, ConfigArgs, InitArgs};
use crate::cli::files::{There, write_whole};
use crate::cli::setup;
use crate::cli::terminal::{shown, tell};
use crate::cli::{ExitCode, Failure};
use crate::config::{ConfigSource, FILE_NAME};

/// So many accounts one sitting makes.
const ACCOUNTS_MAX: usize = 20;

/// The longest answer taken, in bytes.
const ANSWER_BYTES_MAX: u64 = 2048;

/// So often one question is asked; then nobody is answering it.
const TRIES_MAX: usize = 5;

/// How near a mistyped answer has to be to one of those there are.
const NEAR_MIN: f64 = 0.7;

/// What the file begins with.
const HEAD: &str = "\
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

/// Where a secret may be kept: a word, what it is, and the question that follows.
const KEPT: [(&str, &str, &str); 3] = [
    ("env", "in an environment variable", "Name of the variable"),
    ("file", "in a file of its own", "Path of the file"),
    (
        "command",
        "a password manager prints it",
        "The program and its arguments, as in: op read op://vault/item/field",
    ),
];

/// Zoho's data centres.
const DATA_CENTERS: [&str; 11] = [
    "us", "eu", "in", "au", "jp", "cn", "ca", "sa", "uk", "ae", "sg",
];

/// Asks, writes, checks.
pub(in crate::cli) async fn execute(args: &InitArgs) -> Result<ExitCode, Failure> {
    let path = args.config.clone();
    let path = path.unwrap_or_else(|| PathBuf::from(FILE_NAME));
    let accounts = ask(&path)?;
    let tables = accounts.iter().map(Account::table);
    write(
        &path,
        &std::iter::once(HEAD.to_owned())
            .chain(tables)
            .collect::<String>(),
    )?;
    tell(&format!(
        "\nwrote `{}`, for your eyes only. It holds no secret.",
        path.display()
    ));
    let variables = accounts.iter().flat_map(|account| &account.variables);
    let unset = variables.filter(|name| std::env::var_os(name).is_none());
    let unset: Vec<_> = unset.map(|name| format!("`{name}`")).collect();
    if !unset.is_empty() {
        let named = args.config.as_ref();
        let named = named.map_or_else(String::new, |it| format!(" --config {}", it.display()));
        tell(&format!(
            "Next: set {}, then try the credentials with `userpurge check{named}`",
            unset.join(" and ")
        ));
        return Ok(ExitCode::Success);
    }
    tell("");
    let config = ConfigArgs { config: Some(path) };
    let json = false;
    check::execute(&CheckArgs { json, config }).await
}

fn ask(path: &Path) -> Result<Vec<Account>, Failure> {
    let mut asker = Asker {
        input: &mut io::stdin().lock(),
        output: &mut io::stderr().lock(),
    };
    if path.exists() {
        let question = format!("`{}` is there already. Replace it", path.display());
        if !asker.confirm(&question)? {
            return Err(Failure::message(
                ExitCode::Refused,
                format!("`{}` was left as it is", path.display()),
                Some("name another file with `--config PATH`"),
            ));
        }
    }
    let mut accounts: Vec<Account> = Vec::new();
    while accounts.len() < ACCOUNTS_MAX {
        let account = Account::ask(&mut asker, &accounts)?;
        accounts.push(account);
        // Piped answers may end here: all was said.
        match asker.confirm("Another account") {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if !io::stdin().is_terminal() => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(accounts)
}

/// Writes the file beside its place, reads it as any configuration is read, and only then puts it
/// there: what is there holds no mistake.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let text = format!("cannot write `{}`: {error}", path.display());
        Failure::message(ExitCode::Refused, text, None)
    };
    write_whole(path, There::Replaced, failed, |file| {
        file.as_file().write_all(text.as_bytes()).map_err(failed)?;
        let beside = file.path();
        let read = setup::outline(&ConfigSource::File(beside.to_owned()));
        let name = format!("`{}`", path.display());
        read.map(drop)
            .map_err(|failure| failure.calling(beside, &name))
    })
}

/// An account, as it was answered.
struct Account {
    name: String,
    provider: &'static Provider,
    /// Keys, their values as TOML, and comments.
    lines: Vec<(&'static str, String, &'static str)>,
    /// The variables that have to be set.
    variables: Vec<String>,
}

impl Account {
    /// Asks about one account, beside those that there are already.
    fn ask(asker: &mut Asker<'_>, others: &[Self]) -> Result<Self, Failure> {
        let words = PROVIDERS.each_ref().map(|it| (it.word, it.title));
        let provider = &PROVIDERS[asker.choose("Where are the users to be deleted", &words)?];
        let mut questions: Vec<&Question> = provider.questions.iter().collect();
        let (mut keys, mut secrets) = (Vec::new(), Vec::new());
        let mut place = 0;
        // Bounded by the questions of the table.
        loop {
            if place == provider.questions.len() && !provider.ways.is_empty() {
                let words: Vec<_> = provider
                    .ways
                    .iter()
                    .map(|(word, what, _)| (*word, *what))
                    .collect();
                let way = asker.choose("How does the program sign in", &words)?;
                questions.extend(provider.ways[way].2);
            }
            match questions.get(place) {
                Some(Text(key, asks)) => {
                    keys.push(asker.ask(asks, None, |answer| Ok((*key, answer.to_owned())))?);
                }
                Some(Place(asks, default, take)) => keys.push(asker.ask(asks, *default, take)?),
                Some(Secret(key, what)) => secrets.push((*key, *what)),
                None => break,
            }
            place += 1;
        }
        let subdomain = keys.iter().find(|(key, _)| *key == "subdomain");
        let name = subdomain.map_or(provider.word, |(_, value)| value);
        let lines = keys.iter().map(|(key, value)| (*key, quoted(value), ""));
        let mut account = Self {
            name: ask_name(asker, name, others)?,
            provider,
            lines: lines.collect(),
            variables: Vec::new(),
        };
        for (key, what) in secrets {
            account.ask_secret(asker, key, what)?;
        }
        Ok(account)
    }

    /// Asks where a secret is kept.
    fn ask_secret(
        &mut self,
        asker: &mut Asker<'_>,
        key: &'static str,
        what: &'static str,
    ) -> Result<(), Failure> {
        let words = KEPT.map(|(word, what, _)| (word, what));
        let (kept, _, question) = KEPT[asker.choose(&format!("Where is {what} kept"), &words)?];
        let variable = format!("{}_{key}", self.name);
        let variable = variable.to_ascii_uppercase().replace(['-', '.'], "_");
        let default = (kept == "env").then_some(variable.as_str());
        let place = asker.ask(question, default, |answer| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if kept == "env" && !answer.chars().all(plain) {
                return Err("letters, digits and underscores; the name, not the secret".to_owned());
            }
            Ok(answer.to_owned())
        })?;
        let value = if kept == "command" {
            let words: Vec<_> = place.split_whitespace().map(quoted).collect();
            format!("[{}]", words.join(", "))
        } else {
            quoted(&place)
        };
        let comment = match key {
            "api_token" => "Zendesk ends API tokens on 2027-04-30; make an OAuth client before",
            _ => what,
        };
        self.lines
            .push((key, format!("{{ {kept} = {value} }}"), comment));
        if kept == "env" {
            self.variables.push(place);
        }
        Ok(())
    }

    /// The account's table, with comments for the next reader.
    fn table(&self) -> String {
        let name = if self.name.contains('.') {
            quoted(&self.name)
        } else {
            self.name.clone()
        };
        let mut text = format!("\n[accounts.{name}]\n");
        // Writing to a string cannot fail.
        let mut line = |line: String, comment: &str| {
            let _ = match comment {
                "" => writeln!(text, "{line}"),
                comment => writeln!(text, "{line:<44} # {comment}"),
            };
        };
        line(format!("provider = {}", quoted(self.provider.word)), "");
        for (key, value, comment) in &self.lines {
            line(format!("{key} = {value}"), comment);
        }
        let why = "for rows that name none; without it they are not sent";
        line(format!("# action = {}", quoted(self.provider.action)), why);
        line(String::new(), "");
        let heading = format!("# [accounts.{name}.limits]");
        line(heading, "these hold unless told otherwise");
        for (limit, comment) in self.provider.limits {
            line(format!("# {limit}"), comment);
        }
        let share = "the part of each limit that this program may use";
        line("# share = 0.8".to_owned(), share);
        text
    }
}

/// Asks for an account's name. The default is one that no account has yet, `name` or a number behind it.
fn ask_name(asker: &mut Asker<'_>, name: &str, others: &[Account]) -> Result<String, Failure> {
    let is_taken = |name: &str| others.iter().any(|other| other.name == name);
    let mut names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}{n}")));
    let free = names.find(|name| !is_taken(name));
    let asks = "Name of this account, as rows will say it";
    asker.ask(asks, free.as_deref(), |name| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !name.chars().all(plain) {
            Err("letters, digits, hyphens, underscores and dots".to_owned())
        } else if is_taken(name) {
            Err(format!("there is an account `{name}` already"))
        } else {
            Ok(name.to_owned())
        }
    })
}

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
        None => Err(not_among(answer, &DATA_CENTERS)),
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Puts questions out and takes answers in.
struct Asker<'a> {
    input: &'a mut dyn BufRead,
    output: &'a mut dyn Write,
}

impl Asker<'_> {
    /// Asks until `judge` takes the answer; what it does not take it explains. An empty answer is
    /// `default`; without one it is none.
    fn ask<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        judge: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let shown_default = default.map_or_else(String::new, |default| format!(" [{default}]"));
        for _ in 0..TRIES_MAX {
            write!(self.output, "{question}{shown_default}: ")?;
            self.output.flush()?;
            let mut typed = String::new();
            let input = &mut *self.input;
            if input.take(ANSWER_BYTES_MAX).read_line(&mut typed)? == 0 {
                break;
            }
            let judged = match (typed.trim(), default) {
                ("", None) => Err("an answer is needed".to_owned()),
                ("", Some(default)) => judge(default),
                (answer, _) => judge(answer),
            };
            match judged {
                Ok(value) => return Ok(value),
                Err(why) => writeln!(self.output, "  {}", shown(&why))?,
            }
        }
        Err(Failure::message(
            ExitCode::Refused,
            "a question was not answered; nothing was written",
            Some(
                "answer at a terminal, or pipe the answers in, one a line; the README has a configuration to begin with",
            ),
        ))
    }

    /// Asks for the place of one of `choices`, by its number or its word, the first being the default.
    fn choose(&mut self, question: &str, choices: &[(&str, &str)]) -> Result<usize, Failure> {
        writeln!(self.output, "{question}:")?;
        for (number, (word, what)) in (1..).zip(choices) {
            writeln!(self.output, "  {number}  {word:<9} {what}")?;
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.ask("Number or word", words.first().copied(), |answer| {
            let number = answer
                .parse::<usize>()
                .ok()
                .and_then(|it| it.checked_sub(1));
            let by_number = number.filter(|place| *place < words.len());
            let by_word = || {
                words
                    .iter()
                    .position(|word| word.eq_ignore_ascii_case(answer))
            };
            by_number
                .or_else(by_word)
                .ok_or_else(|| not_among(answer, &words))
        })
    }

    /// Asks for yes or no; an empty answer is no.
    fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        self.ask(question, Some("no"), |answer| {
            match answer.to_ascii_lowercase().as_str() {
                "y" | "yes" => Ok(true),
                "n" | "no" => Ok(false),
                _ => Err("answer yes or no".to_owned()),
            }
        })
    }
}

/// What there is instead of `answer`, the nearest first if one is near.
fn not_among(answer: &str, words: &[&str]) -> String {
    let near = |word: &&&str| strsim::jaro_winkler(&answer.to_ascii_lowercase(), word);
    let nearest = words.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
    if let Some(word) = nearest.filter(|word| near(word) >= NEAR_MIN) {
        return format!("there is no `{answer}`; did you mean `{word}`?");
    }
    let all: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("there is no `{answer}`; it is one of {}", all.join(", "))
}
