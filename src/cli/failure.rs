//! The one error type at the edge: what to print, and with which code to end.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use miette::{Diagnostic, Report};

use super::exit::ExitCode;
use super::page;
use super::terminal::shown;
use super::underline;
use crate::config::ConfigError;
use crate::domain::{AccountName, ProviderKind, StopKind};
use crate::lane::RequestError;
use crate::ledger::{LedgerError, Loss};
use crate::run::SinkFailed;
use crate::words;

/// How many causes are printed; a chain that is longer goes round in circles.
pub(super) const CAUSES_MAX: usize = 16;

/// Why a command could not do what was asked. Rows that ended badly are no failure.
#[derive(Debug)]
pub struct Failure {
    code: ExitCode,
    report: Report,
    /// Whoever read the output had enough of it.
    enough: bool,
    /// Where it lies in the input, underlined; `None`: the report says, or nothing is to be shown.
    place: Option<String>,
}

impl Failure {
    /// `error`, ending the program with `code`.
    pub fn new(code: ExitCode, error: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self {
            code,
            report: Report::new(error),
            enough: false,
            place: None,
        }
    }

    /// The same for an error that knows nothing of diagnostics.
    pub fn plain(code: ExitCode, error: impl Error + Send + Sync + 'static) -> Self {
        Self {
            code,
            report: miette::IntoDiagnostic::into_diagnostic(Err::<(), _>(error))
                .err()
                .unwrap_or_else(|| miette::miette!("nothing failed")),
            enough: false,
            place: None,
        }
    }

    /// A failure told by `message` alone, with `help` on a line of its own.
    pub fn message(code: ExitCode, message: impl Into<String>, help: Option<&str>) -> Self {
        let mut diagnostic = miette::MietteDiagnostic::new(message);
        if let Some(help) = help {
            diagnostic = diagnostic.with_help(help);
        }
        Self::new(code, diagnostic)
    }

    /// The same with the place in the input where it lies, if that can be shown.
    pub(super) fn at(self, place: Option<String>) -> Self {
        Self { place, ..self }
    }

    /// The same with `name` wherever it names the file at `path`, of which nobody knows.
    pub(super) fn calling(self, path: &Path, name: &str) -> Self {
        let path = path.display().to_string();
        let quoted = format!("`{path}`");
        let renamed = |text: &str| text.replace(&quoted, name).replace(&path, name);
        let enough = self.is_broken_pipe();
        let help = self.report.help().map(|help| renamed(&help.to_string()));
        let message = renamed(&self.chain());
        let place = || underline::place(&*self.report);
        let place = self.place.clone().or_else(place);
        let place = place.map(|place| renamed(&place));
        Self {
            enough,
            ..Self::message(self.code, message, help.as_deref()).at(place)
        }
    }

    /// The command line, the configuration or the input is refused.
    pub(super) fn refused(error: impl Error + Send + Sync + 'static) -> Self {
        Self {
            place: underline::place_in_input(&error),
            ..Self::plain(ExitCode::Refused, error)
        }
    }

    /// The ledger failed in the middle of a run.
    pub(super) fn sink(failed: &SinkFailed) -> Self {
        match failed.0.downcast_ref::<LedgerError>() {
            Some(error) => Self::from(error.clone()),
            None => Self::message(ExitCode::Ledger, told(failed.0.as_ref()), None),
        }
    }

    /// The input could not be read on in the middle of a run.
    pub(super) fn input(error: &(dyn Error + 'static)) -> Self {
        Self::message(ExitCode::Ledger, told(error), None)
    }

    /// The ledger was written for another input, or another tenant.
    pub(super) fn foreign(ledger: &Path, what: &str, help: Option<&str>) -> Self {
        let message = format!("ledger `{}`: {what}", ledger.display());
        Self::message(ExitCode::Ledger, message, help)
    }

    /// Who we are could not be found out.
    pub(super) fn identity(
        account: &AccountName,
        kind: ProviderKind,
        error: &RequestError,
    ) -> Self {
        let help = match error {
            RequestError::Account { reason, .. } => Some(mend(*reason)),
            RequestError::Passing { .. } => {
                Some("check the address and the network, and try again")
            }
            RequestError::Stopping => None,
        };
        let message = format!("account `{account}` ({}): {}", kind.title(), told(error));
        Self::message(
            ExitCode::Refused,
            format!("{message}; nothing was deleted"),
            help,
        )
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

    /// The code to end with: [`ExitCode::Success`] if whoever read the output had enough.
    pub fn code(&self) -> ExitCode {
        if self.is_broken_pipe() {
            ExitCode::Success
        } else {
            self.code
        }
    }

    /// Prints the whole chain on one line, the place with the offending text underlined if the error
    /// has one, and the help, if there is any, on a last line. On a terminal of so many `columns`
    /// lines are folded. A broken pipe is nothing to speak of.
    ///
    /// # Errors
    ///
    /// `to` takes no more; there is nobody left to tell.
    pub fn print(&self, to: &mut dyn Write, columns: Option<usize>) -> io::Result<()> {
        if self.is_broken_pipe() {
            return Ok(());
        }
        let fitted = |text: String| match columns {
            Some(columns) => page::folded(&text, columns),
            None => text,
        };
        let error = format!("error: {}", shown(&self.chain()));
        writeln!(to, "{}", fitted(error))?;
        let place = || underline::place(&*self.report);
        if let Some(place) = self.place.clone().or_else(place) {
            write!(to, "{}", shown(&place))?;
        }
        if let Some(help) = self.report.help() {
            let help = format!("help: {}", shown(&one_line(&help.to_string())));
            writeln!(to, "{}", fitted(help))?;
        }
        to.flush()
    }

    fn chain(&self) -> String {
        self.report
            .chain()
            .take(CAUSES_MAX)
            .map(|cause| one_line(&cause.to_string()))
            .collect::<Vec<_>>()
            .join(": ")
    }

    fn is_broken_pipe(&self) -> bool {
        self.enough
            || self
                .report
                .chain()
                .take(CAUSES_MAX)
                .filter_map(|cause| cause.downcast_ref::<io::Error>())
                .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Standard output or a terminal failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let enough = error.kind() == io::ErrorKind::BrokenPipe;
        Self {
            enough,
            ..Self::plain(ExitCode::Refused, error)
        }
    }
}

/// A ledger that is not there is a mistake of the command line; anything else is trouble with it.
impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        if let LedgerError::Failed { path, .. } = &error {
            let resume = words::shell_path(path);
            let help = format!("make space or mend the disk, then `userpurge resume {resume}`");
            return Self::message(ExitCode::Ledger, told(&error), Some(&help));
        }
        if let LedgerError::Lost { path, how } = &error {
            let help = after_loss(path, *how);
            return Self::message(ExitCode::Ledger, told(&error), Some(&help));
        }
        let is_mistyped = matches!(error, LedgerError::NotAFile { .. }) || !error.path().exists();
        let code = if is_mistyped {
            ExitCode::Refused
        } else {
            ExitCode::Ledger
        };
        Self::plain(code, error)
    }
}

/// What is safe to do when something has happened to the ledger at `path`.
fn after_loss(path: &Path, how: Loss) -> String {
    let name = words::shell_path(path);
    let resume = format!("`userpurge resume {name}` goes on");
    let again =
        "users who are deleted already are asked for again, and end `already_gone` or `not_found`";
    match how {
        Loss::Removed => format!(
            "put back a copy of the ledger, and {resume}; without one, run the input anew: {again}"
        ),
        Loss::Moved => format!("move the ledger back to `{}`, and {resume}", path.display()),
        Loss::Replaced => format!(
            "move the ledger back to `{}`, or put back a copy of it, and {resume}",
            path.display()
        ),
        Loss::Resized { .. } => format!(
            "look with `userpurge audit {name}`; if what is left is whole, or once a copy is put back, {resume}: {again}"
        ),
    }
}

/// Without settings nothing is sent.
impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(ExitCode::Refused, error)
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

/// An error and its causes, as far as each adds something.
pub(super) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    for _ in 0..CAUSES_MAX {
        let Some(inner) = cause else { break };
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}

/// Line breaks would make one failure look like several.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
