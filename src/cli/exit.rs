//! The exit codes a script may rely on.

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Every row ended well, or is a duplicate. Of `plan`: there is something to send. Also: help was shown, or whoever read the output had enough.
    Success = 0,
    /// The run reached the end; some rows ended otherwise, each in the ledger. Of `plan`: nothing in
    /// the file can be sent.
    SomeRowsBad = 1,
    /// The command line, configuration, credentials or input were refused; nothing was sent that
    /// changes anything.
    Refused = 2,
    /// A safety stopped the run before the end; `resume` goes on.
    Stopped = 3,
    /// The ledger is damaged, locked by another process, or does not belong to this input.
    Ledger = 4,
    /// SIGINT (128 + 2): requests under way were finished and recorded; `resume` goes on.
    Interrupted = 130,
    /// SIGTERM (128 + 15), or the terminal went away (SIGHUP), likewise.
    Terminated = 143,
}

impl ExitCode {
    /// Every code, in the order help lists them.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::SomeRowsBad,
        Self::Refused,
        Self::Stopped,
        Self::Ledger,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number that the shell sees.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// What it means, in the words of help.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "every row ended well; of plan: there is something to send",
            Self::SomeRowsBad => "some rows ended otherwise; of plan: nothing can be sent",
            Self::Refused => {
                "refused before anything was changed: command line, configuration, input"
            }
            Self::Stopped => "stopped before the end by a safety; resume goes on",
            Self::Ledger => "the ledger is damaged, locked, or not of this input",
            Self::Interrupted => "interrupted (SIGINT); resume goes on",
            Self::Terminated => "terminated (SIGTERM, SIGHUP); resume goes on",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
