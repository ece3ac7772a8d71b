//! `init`: a few questions, a commented configuration, and then `check`. No secret is ever asked for: the
//! file says where each is kept.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::check;
use crate::cli::args::CheckArgs;
use crate::cli::files::write_whole;
use crate::cli::question::answer;
use crate::cli::terminal::{shown, tell};
use crate::cli::{CliError, ExitCode};
use crate::config::draft::{HEAD, account_table, quoted, take, texts};
use crate::config::{self, FILE_NAME, SECRET_KEYS, process_variable};
use crate::domain::ProviderKind;
use crate::input::{closest, did_you_mean};

/// So many accounts one sitting makes.
const ACCOUNTS_MAX: usize = 20;

/// So often one question is asked; then nobody is answering it.
const TRIES_MAX: usize = 5;

/// Asks, writes, checks.
pub(in crate::cli) async fn execute(named: Option<PathBuf>) -> Result<ExitCode, CliError> {
    let path = named.clone().unwrap_or_else(|| PathBuf::from(FILE_NAME));
    let (text, variables) = interview(&path)?;
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
fn interview(path: &Path) -> Result<(String, Vec<String>), CliError> {
    let mut interview = Interview::default();
    interview.text.push_str(HEAD);
    if path.exists() {
        let question = format!("`{}` is there already. Replace it", path.display());
        if !confirm(&question)? {
            let text = format!("`{}` was left as it is", path.display());
            return Err(CliError::refuse(
                text,
                "name another file with `--config PATH`",
            ));
        }
    }
    while interview.names.len() < ACCOUNTS_MAX {
        interview.ask_account()?;
        // Piped answers may end here: all was said.
        match confirm("Another account") {
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
        let read = config::load_outline(Some(beside), &process_variable).map_err(CliError::from);
        let name = format!("`{}`", path.display());
        read.map(drop)
            .map_err(|failure| failure.calling(beside, &name))
    })
}

/// Puts questions out, takes answers in, and keeps what comes of them.
#[derive(Default)]
struct Interview {
    /// The names of the accounts so far.
    names: Vec<String>,
    /// The configuration.
    text: String,
    /// The variables that have to be set.
    variables: Vec<String>,
}

impl Interview {
    /// Asks about one account, and adds its table.
    fn ask_account(&mut self) -> Result<(), CliError> {
        let kinds = ProviderKind::ALL.map(|kind| (kind.name(), kind.title()));
        let kind = kinds[choose("Where are the users to be deleted", &kinds)?].0;
        let mut questions = VecDeque::from(texts(kind));
        let (mut lines, mut secrets) = (
            vec![(format!("provider = {}", quoted(kind)), "")],
            Vec::new(),
        );
        let mut name = kind.to_owned();
        while let Some((key, asks)) = questions.pop_front() {
            if SECRET_KEYS.contains(&key) {
                secrets.push((key, asks));
                continue;
            }
            let (given, value) = ask(asks, None, |answer| take(key, answer, not_among))?;
            lines.push((format!("{given} = {}", quoted(&value)), ""));
            if given == "subdomain" {
                name = value;
            }
            if key == "subdomain" {
                let ways = texts("ways");
                let way = ways[choose("How does the program sign in", &ways)?].0;
                questions.extend(texts(way));
            }
        }
        let name = self.ask_name(&name)?;
        for (key, what) in secrets {
            let place = self.ask_secret(&name, key, what)?;
            let comments = texts("comment");
            let comment = comments.iter().find(|(of, _)| *of == key);
            lines.push((format!("{key} = {place}"), comment.map_or(what, |it| it.1)));
        }
        self.text.push_str(&account_table(kind, &name, lines));
        self.names.push(name);
        Ok(())
    }

    /// Asks for an account's name. The default is free: `name`, or a number behind it.
    fn ask_name(&self, name: &str) -> Result<String, CliError> {
        let is_taken = |name: &str| self.names.iter().any(|other| other == name);
        let mut names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}{n}")));
        let free = names.find(|name| !is_taken(name));
        let asks = "Name of this account, as rows will say it";
        ask(asks, free.as_deref(), |name| {
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
        let places = texts("kept");
        let kept = places[choose(&format!("Where is {what} kept"), &places)?].0;
        let question = texts(kept).first().map_or(kept, |it| it.1);
        let variable = format!("{account}_{key}").to_ascii_uppercase();
        let variable = variable.replace(['-', '.'], "_");
        let default = (kept == "env").then_some(variable.as_str());
        let place = ask(question, default, |answer| {
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
}

/// Asks until `judge` takes the answer, or says why not. An empty answer is `default`, if there is one.
fn ask<T>(
    question: &str,
    default: Option<&str>,
    judge: impl Fn(&str) -> Result<T, String>,
) -> Result<T, CliError> {
    let shown_default = default.map_or_else(String::new, |default| format!(" [{default}]"));
    for _ in 0..TRIES_MAX {
        let asks = format!("{question}{shown_default}: ");
        let Some(typed) = answer(&asks, &mut io::stdin().lock(), &mut io::stderr())? else {
            break;
        };
        let judged = match (&*typed, default) {
            ("", None) => Err("an answer is needed".to_owned()),
            ("", Some(default)) => judge(default),
            (answer, _) => judge(answer),
        };
        match judged {
            Ok(value) => return Ok(value),
            Err(why) => writeln!(io::stderr(), "  {}", shown(&why))?,
        }
    }
    let text = "a question was not answered; nothing was written";
    let help = "answer at a terminal, or pipe the answers in, one a line; `userpurge help config` has a configuration to begin with";
    Err(CliError::refuse(text, help))
}

/// Asks for the index of one of `choices`, by its number or its word, the first being the default.
fn choose(question: &str, choices: &[(&str, &str)]) -> Result<usize, CliError> {
    writeln!(io::stderr(), "{question}:")?;
    for (number, (word, what)) in (1..).zip(choices) {
        writeln!(io::stderr(), "  {number}  {word:<9} {what}")?;
    }
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    ask("Number or word", words.first().copied(), |answer| {
        let number = answer.parse::<usize>().ok();
        let by_number = number.and_then(|it| it.checked_sub(1));
        let is_word = |word: &&str| word.eq_ignore_ascii_case(answer);
        let chosen = by_number.filter(|index| *index < words.len());
        let chosen = chosen.or_else(|| words.iter().position(is_word));
        chosen.ok_or_else(|| not_among(answer, &words))
    })
}

/// Asks for yes or no; an empty answer is no.
fn confirm(question: &str) -> Result<bool, CliError> {
    ask(question, Some("no"), |answer| {
        match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("answer yes or no".to_owned()),
        }
    })
}

/// What there is instead of `answer`.
fn not_among(answer: &str, words: &[&str]) -> String {
    let near = closest(answer, words.iter().copied());
    let all = || format!("; it is one of `{}`", words.join("`, `"));
    let instead = near.map_or_else(all, |near| did_you_mean(Some(near)));
    format!("there is no `{answer}`{instead}")
}
