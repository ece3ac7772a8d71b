//! The one error type at the edge: what to print, and with which code to end.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use console::Term;

use super::terminal::{self, escape_controls, weighted_for_stderr};
use crate::config::ConfigError;
use crate::input::{Excerpt, InputError, ReadOptions};
use crate::ledger::{LEDGER_SUFFIX, LedgerDamage, LedgerError};
use crate::plan::PlanError;
use crate::run::SinkFailed;
use crate::words::folded;

/// How many causes are printed; a chain that is longer goes round in circles.
const CAUSES_MAX: usize = 16;

/// The widest piece of a file's line that is shown where nobody looks at a terminal, in columns.
const EXCERPT_WIDTH_MAX: usize = 100;

/// The least that is shown of it, however narrow the terminal.
const EXCERPT_WIDTH_MIN: usize = 20;

/// How the program ended, as a script may rely on it. Help says what each code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ExitCode {
    /// Of `plan`: there is something to send. Also: help was shown, or a reader of the output had enough.
    Success = 0,
    /// Each row is in the ledger.
    SomeRowsBad = 1,
    /// Nothing was sent that changes anything.
    Refused = 2,
    Stopped = 3,
    Ledger = 4,
    /// Requests under way were finished and recorded.
    Interrupted = 130,
    Terminated = 143,
}

/// Why a command could not do what was asked. Rows that ended badly are no failure.
#[derive(Debug)]
pub(super) struct CliError {
    code: ExitCode,
    /// The error and its causes.
    message: String,
    help: Option<String>,
    /// Where it lies in a file, underlined; `None`: nothing is to be shown.
    place: Option<String>,
    /// Whether the reader of the output had enough of it.
    enough: bool,
}

impl CliError {
    /// A failure told by `message` alone, with `help` on a line of its own.
    pub(super) fn message(code: ExitCode, message: impl Into<String>, help: Option<&str>) -> Self {
        Self {
            code,
            message: message.into(),
            help: help.map(str::to_owned),
            place: None,
            enough: false,
        }
    }

    /// The command line, or what it names, is refused; `help`: a way out.
    pub(super) fn refuse(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..Self::message(ExitCode::Refused, message, None)
        }
    }

    /// `error` with its causes. Of a pipe that nobody reads there is nothing to say.
    pub(super) fn plain(code: ExitCode, error: &(dyn Error + 'static)) -> Self {
        let is_broken = |error: &(dyn Error + 'static)| {
            let error = error.downcast_ref::<io::Error>();
            error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        };
        Self {
            enough: causes(error).any(is_broken),
            ..Self::message(code, describe(error), None)
        }
    }

    /// The same with the place in the input where it lies, if that can be shown.
    pub(super) fn at(self, place: Option<String>) -> Self {
        Self { place, ..self }
    }

    /// The same with a way out, if there is one.
    pub(super) fn or_help(self, help: Option<String>) -> Self {
        let help = help.or(self.help);
        Self { help, ..self }
    }

    /// The same with `name` wherever it names the file at `path`, of which nobody knows.
    pub(super) fn calling(self, path: &Path, name: &str) -> Self {
        let path = path.display().to_string();
        let quoted = format!("`{path}`");
        let renamed = |text: String| text.replace(&quoted, name).replace(&path, name);
        Self {
            message: renamed(self.message),
            help: self.help.map(renamed),
            place: self.place.map(renamed),
            ..self
        }
    }

    /// The command line, the configuration or the input is refused.
    pub(super) fn refused(error: impl Error + 'static) -> Self {
        Self::plain(ExitCode::Refused, &error).at(place_in_input(&error))
    }

    /// The ledger was written for another input, or another tenant.
    pub(super) fn foreign(ledger: &Path, what: &str, help: Option<&str>) -> Self {
        let message = format!("ledger `{}`: {what}", ledger.display());
        Self::message(ExitCode::Ledger, message, help)
    }

    /// The same after work has begun: requests may have left, and no code may say that none did.
    pub(super) fn once_begun(self) -> Self {
        let code = match self.code {
            ExitCode::Refused => ExitCode::Ledger,
            code => code,
        };
        Self { code, ..self }
    }

    /// A defect of this program.
    pub(super) fn bug(what: &str) -> Self {
        let help = "report this defect of userpurge with the line above; `userpurge status` tells what happened";
        Self::message(ExitCode::Ledger, what, Some(help))
    }

    /// The code to end with.
    pub(super) const fn code(&self) -> ExitCode {
        if self.enough {
            ExitCode::Success
        } else {
            self.code
        }
    }

    /// Prints the whole chain on one line, the place where it lies, and the help on a last line.
    /// They are folded for a terminal of so many `columns`.
    pub(super) fn print(&self, to: &mut dyn Write, columns: Option<usize>) -> io::Result<()> {
        if self.enough {
            return Ok(());
        }
        let line = |label: &str, text: &str| {
            // Line breaks would make one failure look like several.
            let words: Vec<_> = text.split_whitespace().collect();
            let line = format!("{label}: {}", escape_controls(&words.join(" ")));
            columns.map_or_else(|| line.clone(), |columns| folded(&line, columns))
        };
        writeln!(to, "{}", weighted_for_stderr(&line("error", &self.message)))?;
        if let Some(place) = &self.place {
            write!(to, "{}", escape_controls(place))?;
        }
        if let Some(help) = &self.help {
            writeln!(to, "{}", line("help", help))?;
        }
        to.flush()
    }
}

/// The ledger failed in the middle of a run.
impl From<SinkFailed> for CliError {
    fn from(failed: SinkFailed) -> Self {
        match failed.0.downcast_ref::<LedgerError>() {
            Some(error) => Self::from(error.clone()),
            None => Self::plain(ExitCode::Ledger, failed.0.as_ref()),
        }
    }
}

impl From<InputError> for CliError {
    fn from(error: InputError) -> Self {
        Self::refused(error)
    }
}

impl From<PlanError> for CliError {
    fn from(error: PlanError) -> Self {
        let is_misread = match &error {
            PlanError::Protect { source, .. } => source.as_deref().and_then(Excerpt::of_error),
            _ => None,
        };
        // No option tells how a protect list is read.
        let help = is_misread.map(|_| {
            "give the list one column called `id` below a header in line 1, or nothing but ids, one a line"
        });
        Self::refused(error).or_help(help.map(str::to_owned))
    }
}

/// The values that this program makes can be written as JSON.
impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        Self::bug(&error.to_string())
    }
}

/// Standard output or a terminal failed.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::plain(ExitCode::Refused, &error)
    }
}

/// A ledger that is not there is a mistake of the command line; anything else is trouble with it.
impl From<LedgerError> for CliError {
    fn from(error: LedgerError) -> Self {
        if let LedgerError::Damaged { path, reason, .. } = &error
            && *reason == LedgerDamage::NotAHeader
        {
            let displayed = path.display().to_string();
            let its = format!("{displayed}{LEDGER_SUFFIX}");
            let is_input = Path::new(&its).exists();
            if is_input || path.extension().is_none_or(|it| it != "jsonl") {
                let what = format!("`{displayed}` is no ledger: it does not begin like one");
                let usual = || format!("name a file that ends in `{LEDGER_SUFFIX}`");
                let meant = is_input.then(|| format!("name `{its}`"));
                return Self::refuse(what, meant.unwrap_or_else(usual));
            }
        }
        let help = error.help();
        let code = match &error {
            LedgerError::NotAFile(_) => ExitCode::Refused,
            LedgerError::Io { path, .. } if !path.exists() => ExitCode::Refused,
            _ => ExitCode::Ledger,
        };
        Self {
            help,
            ..Self::message(code, describe(&error), None)
        }
    }
}

/// Without settings nothing is sent.
impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self {
            help: error.help.clone(),
            place: place_in_configuration(&error),
            ..Self::plain(ExitCode::Refused, &error)
        }
    }
}

/// An error and its causes.
pub(super) fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let next = |cause: &&'e (dyn Error + 'static)| (*cause).source();
    std::iter::successors(Some(error), next).take(CAUSES_MAX)
}

/// An error and its causes in words, as far as each adds something.
pub(super) fn describe(error: &(dyn Error + 'static)) -> String {
    causes(error).fold(String::new(), |text, cause| {
        let more = cause.to_string();
        match text.as_str() {
            "" => more,
            text if text.contains(&more) => text.to_owned(),
            text => format!("{text}: {more}"),
        }
    })
}

/// The place in the configuration that `error` points to; `None`: it points nowhere.
fn place_in_configuration(error: &ConfigError) -> Option<String> {
    let (name, line, text, marked) = *error.place.clone()?;
    let excerpt = Excerpt {
        line,
        text,
        marked,
        place: None,
    };
    Some(draw(&name, &excerpt, "here"))
}

/// The place in an input, or in a protect list, that `error` is about. `None`: it is about another
/// thing, or the file cannot be shown.
fn place_in_input(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).find_map(|cause| {
        let input = match cause.downcast_ref::<PlanError>() {
            Some(PlanError::Protect {
                path,
                row: Some(row),
                ..
            }) => {
                let rows = Excerpt::of_rows(path, &ReadOptions::default(), &[*row]);
                let excerpt = rows.get(&row.0.row)?;
                return Some(draw(&path.display().to_string(), excerpt, ""));
            }
            // It is transparent: its source is the cause's own.
            Some(PlanError::Input(error)) => error,
            Some(_) | None => cause.downcast_ref::<InputError>()?,
        };
        let (excerpt, label) = Excerpt::of_error(input)?;
        Some(draw(&input.path.display().to_string(), &excerpt, &label))
    })
}

/// `excerpt` of the file called `name`, as wide as the terminal has room for it.
pub(super) fn draw(name: &str, excerpt: &Excerpt, label: &str) -> String {
    let margin = excerpt.line.to_string().len() + " | ".len();
    let columns = terminal::columns(&Term::stderr()).unwrap_or(EXCERPT_WIDTH_MAX + margin);
    let width = columns.saturating_sub(margin);
    excerpt.draw(
        name,
        label,
        width.clamp(EXCERPT_WIDTH_MIN, EXCERPT_WIDTH_MAX),
    )
}
