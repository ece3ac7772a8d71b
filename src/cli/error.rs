//! The one error type at the edge: what to print, and with which code to end.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use super::terminal::{folded, shown};
use super::underline;
use crate::config::ConfigError;
use crate::domain::StopKind;
use crate::input::InputError;
use crate::ledger::{LedgerError, LedgerLoss};
use crate::plan::PlanError;
use crate::run::SinkFailed;
use crate::words;

/// How many causes are printed; a chain that is longer goes round in circles.
const CAUSES_MAX: usize = 16;

/// How the program ended, as a script may rely on it.
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

impl ExitCode {
    /// Every code with what it means, in the words and the order of help.
    pub(super) const ALL: [(Self, &'static str); 7] = [
        (
            Self::Success,
            "every row ended well; of plan: there is something to send",
        ),
        (
            Self::SomeRowsBad,
            "some rows ended otherwise; of plan: nothing can be sent",
        ),
        (
            Self::Refused,
            "refused before anything was changed: command line, configuration, input",
        ),
        (
            Self::Stopped,
            "stopped before the end by a safety; resume goes on",
        ),
        (
            Self::Ledger,
            "the ledger is damaged, locked, or not of this input",
        ),
        (Self::Interrupted, "interrupted (SIGINT); resume goes on"),
        (
            Self::Terminated,
            "terminated (SIGTERM, SIGHUP); resume goes on",
        ),
    ];
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

    /// `error` with its causes. Of a pipe that nobody reads there is nothing to say.
    fn plain(code: ExitCode, error: &(dyn Error + 'static)) -> Self {
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
        Self::plain(ExitCode::Refused, &error).at(underline::place_in_input(&error))
    }

    /// The input could not be read on in the middle of a run.
    pub(super) fn input(error: &(dyn Error + 'static)) -> Self {
        Self::message(ExitCode::Ledger, describe(error), None)
    }

    /// The ledger was written for another input, or another tenant.
    pub(super) fn foreign(ledger: &Path, what: &str, help: Option<&str>) -> Self {
        let message = format!("ledger `{}`: {what}", ledger.display());
        Self::message(ExitCode::Ledger, message, help)
    }

    /// The same after work has begun: requests may have left, so the program does not end with the code
    /// that says that nothing was sent.
    pub(super) fn once_begun(self) -> Self {
        let code = match self.code {
            ExitCode::Refused => ExitCode::Ledger,
            code => code,
        };
        Self { code, ..self }
    }

    /// A defect of this program.
    pub(super) fn bug(what: &str) -> Self {
        let help =
            "this is a defect in userpurge, please report it; the ledger tells what happened";
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

    /// Prints the whole chain on one line, the place with the offending text underlined if the error
    /// has one, and the help, if there is any, on a last line. On a terminal of so many `columns`
    /// lines are folded.
    pub(super) fn print(&self, to: &mut dyn Write, columns: Option<usize>) -> io::Result<()> {
        if self.enough {
            return Ok(());
        }
        let line = |label: &str, text: &str| {
            // Line breaks would make one failure look like several.
            let words: Vec<_> = text.split_whitespace().collect();
            let line = format!("{label}: {}", shown(&words.join(" ")));
            columns.map_or_else(|| line.clone(), |columns| folded(&line, columns))
        };
        writeln!(to, "{}", line("error", &self.message))?;
        if let Some(place) = &self.place {
            write!(to, "{}", shown(place))?;
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
            None => Self::input(failed.0.as_ref()),
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
        Self::refused(error)
    }
}

/// What this program makes can be written as JSON.
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
        let help = match &error {
            LedgerError::Failed { path, .. } => {
                let resume = words::shell_path(path);
                format!("make space or mend the disk, then `userpurge resume {resume}`")
            }
            LedgerError::Lost { path, how } => after_loss(path, *how),
            LedgerError::NotAFile(_) => return Self::plain(ExitCode::Refused, &error),
            _ if !error.path().exists() => return Self::plain(ExitCode::Refused, &error),
            _ => return Self::plain(ExitCode::Ledger, &error),
        };
        Self::message(ExitCode::Ledger, describe(&error), Some(&help))
    }
}

/// What is safe to do when something has happened to the ledger at `path`.
fn after_loss(path: &Path, how: LedgerLoss) -> String {
    let name = words::shell_path(path);
    let resume = format!("`userpurge resume {name}` goes on");
    let again =
        "users who are deleted already are asked for again, and end `already_gone` or `not_found`";
    match how {
        LedgerLoss::Removed => format!(
            "put back a copy of the ledger, and {resume}; without one, run the input anew: {again}"
        ),
        LedgerLoss::Moved => format!("move the ledger back to `{}`, and {resume}", path.display()),
        LedgerLoss::Replaced => format!(
            "move the ledger back to `{}`, or put back a copy of it, and {resume}",
            path.display()
        ),
        LedgerLoss::Resized { .. } => format!(
            "look with `userpurge audit {name}`; if what is left is whole, or once a copy is put back, {resume}: {again}"
        ),
    }
}

/// Without settings nothing is sent.
impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self {
            help: error.help.clone(),
            place: underline::in_configuration(&error),
            ..Self::plain(ExitCode::Refused, &error)
        }
    }
}

/// What a person can do about a stop.
pub(super) const fn mend(reason: StopKind) -> &'static str {
    match reason {
        StopKind::CredentialsRejected => "check this account's credentials in the configuration",
        StopKind::NotPermitted => {
            "give the caller the right to delete users, or use another caller"
        }
        StopKind::WrongTenant => {
            "check this account's address and identifiers in the configuration"
        }
        StopKind::OrgCap => "ask the provider's support to lift the cap, then resume",
        StopKind::QuotaGone => {
            "resume once the provider grants requests again; before a time it named, resume sends nothing"
        }
        StopKind::FailureLimit => {
            "look at the failed rows first; resume counts anew, and `--max-failures` sets the limit"
        }
        StopKind::RolesUnknown => {
            "see that the provider can be reached and the caller may read users, then resume"
        }
        StopKind::OutOfReach => {
            "see that the network and the provider's address are in order, then resume"
        }
        StopKind::TokensExhausted => {
            "wait ten minutes, then resume; look whether something else asks for tokens"
        }
        StopKind::PaymentRequired => {
            "see this account's plan and invoices at the provider, then resume"
        }
        StopKind::NotFoundRun => {
            "compare the rows that ended `not_found` with this account, its tenant and the age of the file; if all are right, resume goes on and counts anew"
        }
        StopKind::CanaryFailed => {
            "look at that row first; resume sends the next rows as a canary again"
        }
        StopKind::UntilReached => "resume goes on where it stopped",
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
