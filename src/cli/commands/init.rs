//! `init`: a few questions, a commented configuration, and then `check`.
//!
//! Answers come from the terminal, or line by line from a pipe. No secret is ever asked for: the
//! file says where each is kept.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};

use super::check;
use crate::cli::args::CheckArgs;
use crate::cli::files::write_whole;
use crate::cli::setup;
use crate::cli::terminal::{shown, tell};
use crate::cli::{CliError, ExitCode};
use crate::config::{FILE_NAME, SECRET_KEYS};
use crate::domain::ProviderKind::{self, Sunco, Zendesk, Zoho};
use crate::provider::ZOHO_DATA_CENTERS;

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

/// A key, and the words that ask for its value, or that name the secret.
type KeyQuestion = (&'static str, &'static str);

const ZENDESK: [KeyQuestion; 1] = [(
    "subdomain",
    "Subdomain, the acme of https://acme.zendesk.com, or the whole address",
)];

/// The ways to sign in at Zendesk: a word, what it is, and what is asked then.
const WAYS: [(&str, &str, &[KeyQuestion]); 3] = [
    (
        "client",
        "an OAuth client (Admin Center > Apps and integrations > APIs > OAuth clients)",
        &[
            ("client_id", "Identifier of the OAuth client"),
            ("client_secret", "the OAuth client's secret"),
        ],
    ),
    (
        "token",
        "a ready OAuth access token",
        &[("oauth_token", "the access token")],
    ),
    (
        "api-token",
        "an API token, which Zendesk ends on 2027-04-30",
        &[
            ("email", "E-mail address of the admin"),
            ("api_token", "the API token"),
        ],
    ),
];

const SUNCO: [KeyQuestion; 4] = [
    ("app_id", "Id of the app"),
    (
        "region",
        "Region (us or eu), or the Zendesk subdomain, or a whole address",
    ),
    ("key_id", "Id of the API key, app_…"),
    ("key_secret", "the API key's secret"),
];

const ZOHO: [KeyQuestion; 4] = [
    (
        "data_center",
        "Data centre (us, eu, in, au, jp, cn, ca, sa, uk, ae or sg)",
    ),
    ("client_id", "Id of the OAuth client, 1000.…"),
    ("client_secret", "the OAuth client's secret"),
    (
        "refresh_token",
        "the refresh token, with the scopes ZohoCRM.users.DELETE, ZohoCRM.users.READ and ZohoCRM.org.READ",
    ),
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

/// Asks, writes, checks.
pub(in crate::cli) async fn execute(named: Option<PathBuf>) -> Result<ExitCode, CliError> {
    let path = named.clone().unwrap_or_else(|| PathBuf::from(FILE_NAME));
    let (text, variables) = ask(&path)?;
    write(&path, &text)?;
    tell(&format!(
        "\nwrote `{}`, for your eyes only. It holds no secret.",
        path.display()
    ));
    let unset = variables.iter();
    let unset = unset.filter(|name| std::env::var_os(name).is_none());
    let unset: Vec<_> = unset.map(|name| format!("`{name}`")).collect();
    if !unset.is_empty() {
        let named = named.map_or_else(String::new, |it| format!(" --config {}", it.display()));
        tell(&format!(
            "Next: set {}, then try the credentials with `userpurge check{named}`",
            unset.join(" and ")
        ));
        return Ok(ExitCode::Success);
    }
    tell("");
    let (config, json) = (Some(path), false);
    check::execute(&CheckArgs { json, config }).await
}

/// Returns the configuration, and the variables that have to be set.
fn ask(path: &Path) -> Result<(String, Vec<String>), CliError> {
    let mut interview = Interview {
        input: &mut io::stdin().lock(),
        output: &mut io::stderr().lock(),
        names: Vec::new(),
        text: HEAD.to_owned(),
        variables: Vec::new(),
    };
    if path.exists() {
        let question = format!("`{}` is there already. Replace it", path.display());
        if !interview.confirm(&question)? {
            return Err(CliError::message(
                ExitCode::Refused,
                format!("`{}` was left as it is", path.display()),
                Some("name another file with `--config PATH`"),
            ));
        }
    }
    while interview.names.len() < ACCOUNTS_MAX {
        interview.ask_account()?;
        // Piped answers may end here: all was said.
        match interview.confirm("Another account") {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if !io::stdin().is_terminal() => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok((interview.text, interview.variables))
}

/// Writes the file beside its place, reads it as any configuration is read, and only then puts it
/// there: what is there holds no mistake.
fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |error: io::Error| {
        let text = format!("cannot write `{}`: {error}", path.display());
        CliError::message(ExitCode::Refused, text, None)
    };
    write_whole(path, true, failed, |file| {
        file.as_file().write_all(text.as_bytes()).map_err(failed)?;
        let beside = file.path();
        let read = setup::outline(Some(beside));
        let name = format!("`{}`", path.display());
        read.map(drop)
            .map_err(|failure| failure.calling(beside, &name))
    })
}

/// Puts questions out, takes answers in, and keeps what comes of them.
struct Interview<'a> {
    input: &'a mut dyn BufRead,
    output: &'a mut dyn Write,
    /// The names of the accounts so far.
    names: Vec<String>,
    /// The configuration.
    text: String,
    /// The variables that have to be set.
    variables: Vec<String>,
}

impl Interview<'_> {
    /// Asks about one account, and adds its table.
    fn ask_account(&mut self) -> Result<(), CliError> {
        let kinds = ProviderKind::ALL.map(|kind| (kind.name(), kind.title()));
        let kind = ProviderKind::ALL[self.choose("Where are the users to be deleted", &kinds)?];
        let own: &[KeyQuestion] = match kind {
            Zendesk => &ZENDESK,
            Sunco => &SUNCO,
            Zoho => &ZOHO,
        };
        let mut questions: VecDeque<KeyQuestion> = own.iter().copied().collect();
        let (mut lines, mut secrets) = (Vec::new(), Vec::new());
        let mut name = kind.name().to_owned();
        while let Some((key, asks)) = questions.pop_front() {
            if SECRET_KEYS.contains(&key) {
                secrets.push((key, asks));
                continue;
            }
            let default = (key == "region").then_some("us");
            let (given, value) = self.ask(asks, default, |answer| take(key, answer))?;
            lines.push((format!("{given} = {}", quoted(&value)), ""));
            if given == "subdomain" {
                name = value;
            }
            if key == "subdomain" {
                let words = WAYS.map(|(word, what, _)| (word, what));
                questions.extend(WAYS[self.choose("How does the program sign in", &words)?].2);
            }
        }
        let name = self.ask_name(&name)?;
        for (key, what) in secrets {
            let place = self.ask_secret(&name, key, what)?;
            let comment = match key {
                "api_token" => "Zendesk ends API tokens on 2027-04-30; make an OAuth client before",
                _ => what,
            };
            lines.push((format!("{key} = {place}"), comment));
        }
        self.add_account(kind, &name, lines);
        self.names.push(name);
        Ok(())
    }

    /// Adds an account's table, with comments for the next reader.
    fn add_account(&mut self, kind: ProviderKind, name: &str, mut lines: Vec<(String, &str)>) {
        let (action, limits): (_, &[_]) = match kind {
            Zendesk => (
                "purge",
                &[
                    (
                        "requests = \"400/1m\"",
                        "every request; the Enterprise plan has 700/1m",
                    ),
                    ("permanently-delete = \"700/10m\"", "this endpoint as well"),
                ],
            ),
            Sunco | Zoho => ("delete", &[("requests = \"600/1m\"", "every request")]),
        };
        let key = match name {
            name if name.contains('.') => quoted(name),
            name => name.to_owned(),
        };
        lines.insert(0, (format!("provider = {}", quoted(kind.name())), ""));
        let why = "for rows that name none; without it they are not sent";
        lines.push((format!("# action = {}", quoted(action)), why));
        lines.push((String::new(), ""));
        let heading = format!("# [accounts.{key}.limits]");
        lines.push((heading, "these hold unless told otherwise"));
        lines.extend(
            limits
                .iter()
                .map(|(limit, what)| (format!("# {limit}"), *what)),
        );
        let share = "the part of each limit that this program may use";
        lines.push(("# share = 0.8".to_owned(), share));
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "\n[accounts.{key}]");
        for (line, comment) in lines {
            let _ = match comment {
                "" => writeln!(self.text, "{line}"),
                comment => writeln!(self.text, "{line:<44} # {comment}"),
            };
        }
    }

    /// Asks for an account's name. The default is one that no account has yet, `name` or a number
    /// behind it.
    fn ask_name(&mut self, name: &str) -> Result<String, CliError> {
        let taken = self.names.clone();
        let is_taken = |name: &str| taken.iter().any(|other| other == name);
        let mut names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}{n}")));
        let free = names.find(|name| !is_taken(name));
        let asks = "Name of this account, as rows will say it";
        self.ask(asks, free.as_deref(), |name| {
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

    /// Asks where the secret of `key` is kept. Returns the value of that key.
    fn ask_secret(&mut self, account: &str, key: &str, what: &str) -> Result<String, CliError> {
        let words = KEPT.map(|(word, what, _)| (word, what));
        let (kept, _, question) = KEPT[self.choose(&format!("Where is {what} kept"), &words)?];
        let variable = format!("{account}_{key}").to_ascii_uppercase();
        let variable = variable.replace(['-', '.'], "_");
        let default = (kept == "env").then_some(variable.as_str());
        let place = self.ask(question, default, |answer| {
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
        if kept == "env" {
            self.variables.push(place);
        }
        Ok(format!("{{ {kept} = {value} }}"))
    }

    /// Asks until `judge` takes the answer; what it does not take it explains. An empty answer is
    /// `default`; without one it is none.
    fn ask<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        judge: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, CliError> {
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
        Err(CliError::message(
            ExitCode::Refused,
            "a question was not answered; nothing was written",
            Some(
                "answer at a terminal, or pipe the answers in, one a line; the README has a configuration to begin with",
            ),
        ))
    }

    /// Asks for the index of one of `choices`, by its number or its word, the first being the default.
    fn choose(&mut self, question: &str, choices: &[(&str, &str)]) -> Result<usize, CliError> {
        writeln!(self.output, "{question}:")?;
        for (number, (word, what)) in (1..).zip(choices) {
            writeln!(self.output, "  {number}  {word:<9} {what}")?;
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.ask("Number or word", words.first().copied(), |answer| {
            let number = answer.parse::<usize>().ok();
            let by_number = number.and_then(|it| it.checked_sub(1));
            let is_word = |word: &&str| word.eq_ignore_ascii_case(answer);
            let chosen = by_number.filter(|index| *index < words.len());
            let chosen = chosen.or_else(|| words.iter().position(is_word));
            chosen.ok_or_else(|| not_among(answer, &words))
        })
    }

    /// Asks for yes or no; an empty answer is no.
    fn confirm(&mut self, question: &str) -> Result<bool, CliError> {
        self.ask(question, Some("no"), |answer| {
            match answer.to_ascii_lowercase().as_str() {
                "y" | "yes" => Ok(true),
                "n" | "no" => Ok(false),
                _ => Err("answer yes or no".to_owned()),
            }
        })
    }
}

/// The key and the value that the `answer` to the question of `asked` gives. For an address something
/// shorter may stand, and the other way round.
fn take(asked: &'static str, answer: &str) -> Result<(&'static str, String), String> {
    let is_address = answer.contains("://");
    let (key, value) = match asked {
        "subdomain" => {
            let host = answer.strip_prefix("https://");
            let host = host.map(|rest| rest.trim_end_matches('/'));
            let subdomain = host.and_then(|host| host.strip_suffix(".zendesk.com"));
            let is_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
            match subdomain.unwrap_or(answer) {
                text if text.chars().all(is_label) => ("subdomain", text),
                _ if is_address => ("base_url", answer),
                _ => {
                    let why =
                        "letters, digits and hyphens, or an address that begins with https://";
                    return Err(why.to_owned());
                }
            }
        }
        "region" if is_address => ("base_url", answer),
        "region" if !matches!(answer, "us" | "eu") => ("subdomain", answer),
        "data_center" if is_address => ("accounts_url", answer),
        "data_center" => {
            let centers = ZOHO_DATA_CENTERS.map(|(center, ..)| center);
            let center = centers.iter().find(|it| it.eq_ignore_ascii_case(answer));
            (asked, *center.ok_or_else(|| not_among(answer, &centers))?)
        }
        key => (key, answer),
    };
    Ok((key, value.to_owned()))
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
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
