//! The exit codes: what a script may rely on.

use std::process::ExitCode;

use crate::domain::RunState;

use super::signals::Signal;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// 0: every row ended well (or `duplicate`); `plan`: the file could be read.
    Good,
    /// 1: the run reached the end; some rows ended otherwise, each in the ledger.
    SomeBad,
    /// 2: the command line, configuration, credentials or input were refused; nothing was sent
    /// that changes anything.
    Refused,
    /// 3: stopped before the end by a safety; `resume` goes on.
    Stopped,
    /// 4: the ledger is damaged, locked by another process, or does not belong to this input.
    Ledger,
    /// 130 or 143: interrupted; `resume` goes on.
    Interrupted(Signal),
}

impl Exit {
    /// The number.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::SomeBad => 1,
            Self::Refused => 2,
            Self::Stopped => 3,
            Self::Ledger => 4,
            Self::Interrupted(Signal::Interrupt) => 130,
            Self::Interrupted(Signal::Terminate) => 143,
        }
    }

    /// How a session ended that a signal (`None`: none came) may have interrupted.
    pub(super) fn of(state: RunState, all_good: bool, signal: Option<Signal>) -> Self {
        match (state, signal) {
            (RunState::Stopped, _) => Self::Stopped,
            (RunState::Interrupted | RunState::Running, Some(signal)) => Self::Interrupted(signal),
            (RunState::Interrupted | RunState::Running, None) => Self::Stopped,
            (RunState::Finished, _) if all_good => Self::Good,
            (RunState::Finished, _) => Self::SomeBad,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
