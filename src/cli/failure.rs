//! Why the program ends without having done what was asked: an exit code and what to say.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use super::exit::Exit;
use crate::config::ConfigError;
use crate::domain::{AccountName, ProviderKind, StopKind};
use crate::ledger::LedgerError;
use crate::pipeline::{ClientError, SinkFailed};

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    /// `text`, which is whole, with this exit code.
    pub(super) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }

    /// `message`, with what to do about it on a line of its own.
    pub(super) fn message(exit: Exit, message: impl Into<String>, help: Option<&str>) -> Self {
        let mut text = message.into();
        if let Some(help) = help {
            let _ = write!(text, "\nhint: {help}");
        }
        Self::new(exit, text)
    }

    /// The command line, the configuration or the input is refused.
    pub(super) fn refused(error: impl Error) -> Self {
        Self::new(Exit::Refused, chain(&error))
    }

    /// The configuration is refused, with the place in its file where there is one.
    pub(super) fn config(error: ConfigError) -> Self {
        let report = miette::Report::new(error);
        let plain = miette::GraphicalTheme::unicode_nocolor();
        let mut text = String::new();
        let handler = miette::GraphicalReportHandler::new_themed(plain).with_width(100);
        if handler.render_report(&mut text, report.as_ref()).is_err() {
            text = report.to_string();
        }
        Self::new(Exit::Refused, text.trim().to_owned())
    }

    /// The ledger is damaged, locked, or cannot be written.
    pub(super) fn ledger(error: LedgerError) -> Self {
        let exit = match error {
            LedgerError::Exists { .. } => Exit::Refused,
            _ => Exit::Ledger,
        };
        Self::new(exit, chain(&error))
    }

    /// The ledger failed in the middle of a run.
    pub(super) fn sink(failed: SinkFailed) -> Self {
        let text = format!(
            "{}\nNothing more was sent. Make room or mend the disk, then go on with `userpurge resume`.",
            chain(failed.0.as_ref())
        );
        Self::new(Exit::Ledger, text)
    }

    /// The input could not be read on in the middle of a run.
    pub(super) fn input(error: Box<dyn Error + Send + Sync>) -> Self {
        Self::new(Exit::Ledger, chain(error.as_ref()))
    }

    /// The ledger was written for another input, or another tenant.
    pub(super) fn foreign(ledger: &Path, what: impl Into<String>) -> Self {
        Self::new(Exit::Ledger, format!("ledger `{}`: {}", ledger.display(), what.into()))
    }

    /// Who we are could not be found out.
    pub(super) fn identity(account: &AccountName, kind: ProviderKind, error: ClientError) -> Self {
        let mend = match &error {
            ClientError::Account { reason, .. } => mend(*reason),
            ClientError::Passing { .. } => "check the address and the network, and try again",
            ClientError::Stopping | ClientError::Sink(_) => "",
        };
        let mut text = format!("account `{account}` ({}): {}", kind.title(), chain(&error));
        if !mend.is_empty() {
            let _ = write!(text, "\nNothing was sent; {mend}.");
        }
        Self::new(Exit::Refused, text)
    }

    /// A defect of this program.
    pub(super) fn bug(error: impl Error) -> Self {
        Self::new(Exit::Ledger, format!("a defect in userpurge, please report it: {}", chain(&error)))
    }

    /// The counts do not add up.
    pub(super) fn miscounted(counted: u64, rows: u64) -> Self {
        let text = format!(
            "a defect in userpurge, please report it: the outcomes of {counted} rows were counted, the input has {rows}"
        );
        Self::new(Exit::Ledger, text)
    }

    /// How the program ends for it.
    pub(super) const fn exit(&self) -> Exit {
        self.exit
    }

    /// What to say.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// What a person can do about a stop.
pub(super) const fn mend(reason: StopKind) -> &'static str {
    match reason {
        StopKind::CredentialsRejected => "check this account's credentials in the configuration",
        StopKind::NotPermitted => "give the caller the right to delete users, or use another caller",
        StopKind::WrongTenant => "check this account's address and identifiers in the configuration",
        StopKind::OrgCap => "ask the provider's support to lift the cap, then resume",
        StopKind::QuotaGone => "wait until the provider grants requests again, then resume",
        StopKind::FailureLimit => "look at the failed rows first; `--max-failures` sets the limit",
        StopKind::RolesUnknown => "let the caller read users, then resume",
        StopKind::TokensExhausted => "wait ten minutes and resume; check that nothing else asks for tokens",
    }
}

/// An error and its causes, as far as each adds something.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let told = inner.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = inner.source();
    }
    text
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // Who reads our output has gone away (`| head`): that is their good right.
        let exit =
            if error.kind() == std::io::ErrorKind::BrokenPipe { Exit::Good } else { Exit::Refused };
        let text = if exit == Exit::Good { String::new() } else { chain(&error) };
        Self { exit, text }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::config(error)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::ledger(error)
    }
}
