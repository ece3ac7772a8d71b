//! `init`: a few questions, a commented configuration, and then `check`. No secret is ever asked for: the
//! file says where each is kept.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check;
use crate::cli::args::CheckArgs;
use crate::cli::files::write_whole;
use crate::cli::question::answer;
use crate::cli::terminal::{escape_controls, tell, wrapped};
use crate::cli::{CliError, ExitCode};
use crate::config::draft::{HEAD, account_table, judge, quoted, take, texts};
use crate::config::{self, FILE_NAME, SECRET_KEYS, own_provider, process_variable, secret_path};
use crate::domain::ProviderKind;
use crate::input::{closest, did_you_mean};
use crate::provider::ProviderFile;
use crate::words::shell_path;

/// So many accounts one sitting makes.
const ACCOUNTS_MAX: usize = 20;

/// So often one question is asked; then nobody is answering it.
const TRIES_MAX: usize = 5;

/// Asks, writes, checks.
pub(in crate::cli) async fn execute(named: Option<PathBuf>) -> Result<ExitCode, CliError> {
    let path = named.clone().unwrap_or_else(|| PathBuf::from(FILE_NAME));
    let interview = interview(&path)?;
    write(&path, &interview.text)?;
    tell(&format!(
        "\nwrote `{}`, which only you can read. No secret was asked for.",
        path.display()
    ));
    let missing = interview.missing();
    if !missing.is_empty() {
        let named = named.map_or_else(String::new, |it| format!(" --config {}", shell_path(it)));
        tell(&format!(
            "next: {}, then try the credentials with `userpurge check{named}`",
            missing.join(", ")
        ));
        return Ok(ExitCode::Success);
    }
    tell("");
    let (config, json) = (Some(path), false);
    check::execute(&CheckArgs { json, config }).await
}

/// Asks about one account after the other, for the configuration at `path`.
fn interview(path: &Path) -> Result<Interview, CliError> {
    let mut interview = Interview {
        folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        text: HEAD.to_owned(),
        ..Interview::default()
    };
    if path.exists() {
        let displayed = path.display();
        if choose_of("there", &format!("`{displayed}` is there already"))? == "add" {
            let there = config::load_outline(Some(path), &process_variable)?.accounts;
            interview.names = there.iter().map(|it| it.name.to_string()).collect();
            interview.text = fs::read_to_string(path)?;
        }
    }
    for _ in 0..ACCOUNTS_MAX {
        interview.ask_account()?;
        // Piped answers may end here: all was said.
        match choose_of("more", "Is there another account") {
            Ok("yes") => {}
            Ok(_) => break,
            Err(_) if !io::stdin().is_terminal() => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(interview)
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
    /// The configuration's.
    folder: PathBuf,
    /// The names of the accounts so far.
    names: Vec<String>,
    /// The configuration.
    text: String,
    /// Where secrets are kept: the word for it, and what was answered.
    places: Vec<(&'static str, String)>,
}

impl Interview {
    /// Asks about one account, and adds its table.
    fn ask_account(&mut self) -> Result<(), CliError> {
        let (provider, kind, file) = self.ask_provider()?;
        let mut lines = vec![(format!("provider = {}", quoted(&provider)), String::new())];
        let (mut questions, mut secrets) = (owned(&provider), Vec::new());
        if let Some(file) = &file {
            let (plain, secret) = file.keys();
            let asks = |key: &str| (key.to_owned(), format!("`{key}` in {}", file.base_url));
            questions.extend(plain.into_iter().map(asks));
            let what = |key: &str| (key.to_owned(), format!("the `{key}` of {}", file.title));
            secrets.extend(secret.into_iter().map(what));
        }
        let mut name = kind.name().to_owned();
        while let Some((key, asks)) = questions.pop_front() {
            if SECRET_KEYS.contains(&&*key) {
                secrets.push((key, asks));
                continue;
            }
            let (is_subdomain, value, line) = ask(&asks, None, |answer| {
                let (given, value) = take(&key, answer);
                let line = format!("{given} = {}", quoted(value));
                judge(kind.name(), &lines, &line, &self.folder)?;
                Ok((given == "subdomain", value.to_owned(), line))
            })?;
            lines.push((line, String::new()));
            if is_subdomain {
                name = value;
            }
            if kind == ProviderKind::Zendesk && key == "subdomain" {
                questions.extend(owned(choose_of("ways", "How does the program sign in")?));
            }
        }
        let name = self.ask_name(&name, &lines)?;
        for (key, what) in secrets {
            let line = self.ask_secret(&name, (&key, &what), &lines)?;
            let comments = texts("comment");
            let comment = comments.iter().find(|(of, _)| *of == key);
            lines.push((line, comment.map_or(what, |it| it.1.to_owned())));
        }
        self.text.push_str(&account_table(kind, &name, lines));
        self.names.push(name);
        Ok(())
    }

    /// Asks for the provider. Returns what the configuration says of it, and its file, if it is from one.
    fn ask_provider(&self) -> Result<(String, ProviderKind, Option<Arc<ProviderFile>>), CliError> {
        let shipped = ProviderFile::shipped_names().filter_map(ProviderFile::shipped);
        let shipped: Vec<_> = shipped.collect();
        let mut kinds = Vec::from(ProviderKind::ALL.map(|kind| (kind.name(), kind.title())));
        kinds.extend(shipped.iter().map(|file| (&*file.name, &*file.title)));
        let question = "Where are the users to be deleted (or ./FILE, a provider file of your own)";
        choose(question, &kinds, |word| {
            if let Ok(kind) = word.parse::<ProviderKind>() {
                return Ok(Some((kind.name().to_owned(), kind, None)));
            }
            let own = own_provider(word, &self.folder)?;
            Ok(own.map(|(kind, file)| (word.to_owned(), kind, Some(file))))
        })
    }

    /// Asks for the name of the account with these `lines`. The default is free: `name`, or a number behind it.
    fn ask_name(&self, name: &str, lines: &[(String, String)]) -> Result<String, CliError> {
        let is_taken = |name: &str| self.names.iter().any(|it| it.eq_ignore_ascii_case(name));
        let mut names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}{n}")));
        let free = names.find(|name| !is_taken(name));
        let asks = "Name of this account, as rows will say it";
        ask(asks, free.as_deref(), |name| {
            if is_taken(name) {
                return Err(format!("there is an account `{name}` already"));
            }
            judge(name, lines, "", &self.folder)?;
            Ok(name.to_owned())
        })
    }

    /// Asks where the secret of a key is kept. Returns the line of that key.
    fn ask_secret(
        &mut self,
        account: &str,
        (key, what): (&str, &str),
        lines: &[(String, String)],
    ) -> Result<String, CliError> {
        let kept = choose_of("kept", &format!("Where is {what} kept"))?;
        let question = texts(kept).first().map_or(kept, |it| it.1);
        let variable = format!("{account}_{key}").to_ascii_uppercase();
        let variable = variable.replace(['-', '.'], "_");
        let default = (kept == "env").then_some(variable.as_str());
        let (place, line) = ask(question, default, |answer| {
            let value = if kept == "command" {
                let words: Vec<_> = answer.split_whitespace().map(quoted).collect();
                format!("[{}]", words.join(", "))
            } else {
                quoted(answer)
            };
            let line = format!("{key} = {{ {kept} = {value} }}");
            judge(account, lines, &line, &self.folder).map_err(|why| match kept {
                "env" => "letters, digits and underscores; the name, not the secret".to_owned(),
                _ => why,
            })?;
            Ok((answer.to_owned(), line))
        })?;
        self.places.push((kept, place));
        Ok(line)
    }

    /// The steps still to be done for the secrets that are not there yet.
    fn missing(&self) -> Vec<String> {
        let missing = |(kept, place): &(&str, String)| match *kept {
            "env" => (std::env::var_os(place).is_none()).then(|| format!("set `{place}`")),
            "file" => {
                let path = secret_path(Path::new(place), &self.folder, &process_variable);
                (!path.exists()).then(|| format!("put the secret into `{}`", path.display()))
            }
            _ => None,
        };
        self.places.iter().filter_map(missing).collect()
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
        let asks = wrapped(&format!("{question}{shown_default}:"), 2) + " ";
        let asks = escape_controls(&asks);
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
            Err(why) => tell(&format!("  {why}")),
        }
    }
    let text = "a question was not answered; nothing was written";
    let help = "answer at a terminal, or pipe the answers in, one a line; `userpurge help config` has a configuration to begin with";
    Err(CliError::refuse(text, help))
}

/// Asks for one of `choices`, by its number or its word, the first being the default. Returns what `take` makes
/// of the word, or of an answer that is none of them; `None`: it is nothing.
fn choose<T>(
    question: &str,
    choices: &[(&str, &str)],
    take: impl Fn(&str) -> Result<Option<T>, String>,
) -> Result<T, CliError> {
    tell(&format!("{question}:"));
    for (number, (word, what)) in (1..).zip(choices) {
        tell(&format!("  {number:<2} {word:<9} {what}"));
    }
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    ask("Number or word", words.first().copied(), |answer| {
        let number = answer.parse::<usize>().ok();
        let by_number = number.and_then(|it| words.get(it.checked_sub(1)?));
        let by_word = || words.iter().find(|word| word.eq_ignore_ascii_case(answer));
        let word = by_number.or_else(by_word).copied().unwrap_or(answer);
        let near = closest(answer, words.iter().copied());
        let all = || format!("; it is one of `{}`", words.join("`, `"));
        let instead = || near.map_or_else(all, |near| did_you_mean(Some(near)));
        take(word)?.ok_or_else(|| format!("there is no `{answer}`{}", instead()))
    })
}

/// Asks for one of the words that belong to `part`.
fn choose_of(part: &str, question: &str) -> Result<&'static str, CliError> {
    let choices = texts(part);
    let known = |answer: &str| choices.iter().find(|(word, _)| *word == answer);
    let take = |answer: &str| Ok(known(answer).map(|it| it.0));
    choose(question, &choices, take)
}

/// The questions that belong to `part`.
fn owned(part: &str) -> VecDeque<(String, String)> {
    let texts = texts(part).into_iter();
    texts
        .map(|(key, asks)| (key.to_owned(), asks.to_owned()))
        .collect()
}
