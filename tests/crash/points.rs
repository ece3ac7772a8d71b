//! Where a process dies on purpose: every moment at which the ledger is half-way between two states.

use std::fmt;

/// A moment in the ledger's writing at which the power fails.
///
/// What was written and not yet synced is lost then, or as much of it is kept as the seed says, cut
/// at any byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// The file of a new ledger is there, and nothing in it.
    HeaderCreated,
    /// The header is being written: some of its bytes are there.
    HeaderTorn,
    /// The header is written and not synced.
    HeaderUnsynced,
    /// The header is synced and the file's name is not: the file may be gone.
    NameUnsynced,
    /// The ledger is begun, and holds its header alone.
    LedgerBegun,
    /// An intent is durable, and its request has not left.
    IntentDurable,
    /// An answer came, and nothing of what it says about the row is written.
    AnswerUnwritten,
    /// A group of entries is being written: some of its bytes are there.
    WriteTorn,
    /// A group of entries is written and not synced.
    WriteUnsynced,
    /// A torn tail was found at opening, and is about to be cut.
    TailFound,
    /// The torn tail is cut, and that is not synced.
    TailCutUnsynced,
    /// The torn tail is cut, and nothing was appended yet.
    TailCutDurable,
    /// The entry of a new session is being written.
    SessionTorn,
    /// The entry of a new session is durable, and nothing was sent in it.
    SessionDurable,
    /// The end is being written.
    EndTorn,
    /// The end is durable, and the process has not said so.
    EndDurable,
}

/// What must be so for a process to come by a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// There is no ledger.
    NoLedger,
    /// There is one, and its last line is torn.
    TornTail,
    /// There is one that is gone on with.
    Resume,
    /// A request is sent.
    Work,
}

impl Point {
    /// Every point.
    pub(crate) const ALL: [Self; 16] = [
        Self::HeaderCreated,
        Self::HeaderTorn,
        Self::HeaderUnsynced,
        Self::NameUnsynced,
        Self::LedgerBegun,
        Self::IntentDurable,
        Self::AnswerUnwritten,
        Self::WriteTorn,
        Self::WriteUnsynced,
        Self::TailFound,
        Self::TailCutUnsynced,
        Self::TailCutDurable,
        Self::SessionTorn,
        Self::SessionDurable,
        Self::EndTorn,
        Self::EndDurable,
    ];

    /// Its name in the environment and in the summary.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::HeaderCreated => "header-created",
            Self::HeaderTorn => "header-torn",
            Self::HeaderUnsynced => "header-unsynced",
            Self::NameUnsynced => "name-unsynced",
            Self::LedgerBegun => "ledger-begun",
            Self::IntentDurable => "intent-durable",
            Self::AnswerUnwritten => "answer-unwritten",
            Self::WriteTorn => "write-torn",
            Self::WriteUnsynced => "write-unsynced",
            Self::TailFound => "tail-found",
            Self::TailCutUnsynced => "tail-cut-unsynced",
            Self::TailCutDurable => "tail-cut-durable",
            Self::SessionTorn => "session-torn",
            Self::SessionDurable => "session-durable",
            Self::EndTorn => "end-torn",
            Self::EndDurable => "end-durable",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.name() == name)
    }

    pub(crate) const fn needs(self) -> Needs {
        match self {
            Self::HeaderCreated
            | Self::HeaderTorn
            | Self::HeaderUnsynced
            | Self::NameUnsynced
            | Self::LedgerBegun => Needs::NoLedger,
            Self::TailFound | Self::TailCutUnsynced | Self::TailCutDurable => Needs::TornTail,
            Self::SessionTorn | Self::SessionDurable => Needs::Resume,
            Self::IntentDurable
            | Self::AnswerUnwritten
            | Self::WriteTorn
            | Self::WriteUnsynced
            | Self::EndTorn
            | Self::EndDurable => Needs::Work,
        }
    }

    /// Whether a process comes by it many times, so that it can die at a later one.
    pub(crate) const fn is_frequent(self) -> bool {
        matches!(
            self,
            Self::IntentDurable | Self::AnswerUnwritten | Self::WriteTorn | Self::WriteUnsynced
        )
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
