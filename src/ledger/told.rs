//! What the state needs of an entry: of the kinds that a ledger is full of just a few fields, their
//! texts borrowed from the line. All else of such a line is passed over, though it must be JSON.

use std::borrow::Cow;

use serde::Deserialize;

use crate::domain::{Entry, JobId, Outcome, Step, Time};

/// An entry, as much of it as the state needs.
#[derive(Debug)]
pub(super) enum Told<'a> {
    Intent(Intended<'a>),
    Bulk(Bulked<'a>),
    Attempt(Tried<'a>),
    Step(Stepped<'a>),
    Outcome(Ended<'a>),
    Request(Asked<'a>),
    /// An entry of a kind there are few of, or of which all is needed.
    Other(Cow<'a, Entry>),
}

/// A text that is borrowed where it holds no escape.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

/// Of an [`Intent`](crate::domain::Intent).
#[derive(Debug, Deserialize)]
pub(super) struct Intended<'a> {
    pub(super) row: u64,
    #[serde(borrow)]
    pub(super) account: Text<'a>,
    pub(super) step: Step,
    #[serde(default)]
    pub(super) with: Option<u64>,
    #[serde(default)]
    pub(super) nobody: bool,
    pub(super) at: Time,
}

/// Of a [`BulkAnswered`](crate::domain::BulkAnswered).
#[derive(Debug, Deserialize)]
pub(super) struct Bulked<'a> {
    pub(super) row: u64,
    #[serde(borrow)]
    pub(super) account: Text<'a>,
    #[serde(default)]
    pub(super) job: Option<JobId>,
    #[serde(default, borrow)]
    pub(super) class: Option<Text<'a>>,
    #[serde(default)]
    pub(super) in_doubt: bool,
    pub(super) at: Time,
}

/// Of an [`Attempted`](crate::domain::Attempted).
#[derive(Debug, Deserialize)]
pub(super) struct Tried<'a> {
    pub(super) row: u64,
    #[serde(borrow)]
    pub(super) account: Text<'a>,
    pub(super) class: Text<'a>,
    #[serde(default)]
    pub(super) in_doubt: bool,
    pub(super) at: Time,
}

/// Of a [`StepDone`](crate::domain::StepDone).
#[derive(Debug, Deserialize)]
pub(super) struct Stepped<'a> {
    pub(super) row: u64,
    #[serde(borrow)]
    pub(super) account: Text<'a>,
    pub(super) step: Step,
    pub(super) outcome: Outcome,
    pub(super) at: Time,
}

/// Of an [`OutcomeEntry`](crate::domain::OutcomeEntry).
#[derive(Debug, Deserialize)]
pub(super) struct Ended<'a> {
    pub(super) row: u64,
    #[serde(default, borrow)]
    pub(super) account: Option<Text<'a>>,
    pub(super) outcome: Outcome,
    #[serde(default, borrow)]
    pub(super) code: Option<Text<'a>>,
    pub(super) at: Time,
}

/// Of a [`Requested`](crate::domain::Requested).
#[derive(Debug, Deserialize)]
pub(super) struct Asked<'a> {
    #[serde(borrow)]
    pub(super) account: Text<'a>,
    pub(super) sent_at: Time,
    pub(super) at: Time,
    #[serde(default)]
    pub(super) status: Option<u16>,
}

impl<'a> From<&'a Entry> for Told<'a> {
    fn from(entry: &'a Entry) -> Self {
        match entry {
            Entry::Intent(it) => Self::Intent(Intended {
                row: it.position.row,
                account: it.account.as_str().into(),
                step: it.step,
                with: it.with,
                nobody: it.nobody,
                at: it.at,
            }),
            Entry::Bulk(it) => Self::Bulk(Bulked {
                row: it.row,
                account: it.account.as_str().into(),
                job: it.job.clone(),
                class: it.class.as_deref().map(Text::from),
                in_doubt: it.in_doubt,
                at: it.at,
            }),
            Entry::Attempt(it) => Self::Attempt(Tried {
                row: it.row,
                account: it.account.as_str().into(),
                class: it.class.as_str().into(),
                in_doubt: it.in_doubt,
                at: it.at,
            }),
            Entry::Step(it) => Self::Step(Stepped {
                row: it.row,
                account: it.account.as_str().into(),
                step: it.step,
                outcome: it.outcome,
                at: it.at,
            }),
            Entry::Outcome(it) => Self::Outcome(Ended {
                row: it.position.row,
                account: it.account.as_ref().map(|name| name.as_str().into()),
                outcome: it.outcome,
                code: it.code.as_deref().map(Text::from),
                at: it.at,
            }),
            Entry::Request(it) => Self::Request(Asked {
                account: it.account.as_str().into(),
                sent_at: it.sent_at,
                at: it.at,
                status: it.status,
            }),
            Entry::Run(_)
            | Entry::Plan(_)
            | Entry::Unsent(_)
            | Entry::Planned(_)
            | Entry::Agreed(_)
            | Entry::Session(_)
            | Entry::Pause(_)
            | Entry::Stop(_)
            | Entry::End(_)
            | Entry::Verification(_)
            | Entry::Verify(_) => Self::Other(Cow::Borrowed(entry)),
        }
    }
}
