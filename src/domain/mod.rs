//! The pure vocabulary: what a row, a task, an attempt and an outcome are. No IO, no clock of its
//! own, no async; every other module may import this one, and this one imports none of them.
//!
//! # Glossary
//!
//! One meaning each, in the order a row meets them.
//!
//! | word | meaning |
//! | --- | --- |
//! | [`Record`] | a row as read, with its [`Position`] |
//! | [`Task`] | a row that will be sent: account, action, user id, ref |
//! | [`Step`] | one call of a task; a Zendesk `purge` has two |
//! | Attempt | one sending of a step |
//! | Verdict | what a reply means (`provider::Verdict`) |
//! | [`Outcome`] | how a row ended |
//! | Bulk | one request that deletes many users, as a job the provider works through |
//! | Intent | the promise on disk that an attempt is about to leave ([`Entry::Intent`]) |
//! | Lane | everything about the traffic of one tenant |
//! | [`Quota`] | a limit as stated: 700 per 10 minutes |
//! | Window | a quota's exact keeper (`lane::limits::Window`) |
//! | Ledger, [`Entry`] | the file that says what happened to every row; one line of it |
//! | Outstanding | the rows a run still has to do |
//! | [`UserState`], [`Finding`] | how a user stands, and what that says of a row |
//! | Fingerprint | the SHA-256 and size that bind a ledger to its input |
//!
//! The provider's own words stay the provider's: a Zendesk `job` is a job.

mod action;
mod ahead;
mod clock;
mod entry;
mod ids;
mod names;
mod outcome;
mod planned;
mod policy;
mod quota;
mod record;
mod shown;
mod task;
mod user_state;
mod verify;

pub use action::{Action, ProviderKind, Step};
pub use ahead::AccountPlan;
pub use clock::{Time, WallClock};
pub use entry::{
    AccountHeader, Attempted, BulkAnswered, Durability, Entry, Intent, LaneStop, OutcomeEntry,
    Paused, Requested, RunEnd, RunHeader, RunOptions, RunState, Session, StepDone, StopKind,
    Uptime,
};
pub use ids::{AccountName, JobId, RunId, UserId};
pub(crate) use names::named;
pub use outcome::{Counted, Counts, Outcome};
pub use planned::{
    Agreed, AgreedAccount, AgreedBy, AgreedProtect, DoneIn, PlanEnd, PlannedInput, PlannedRow,
    PlannedRows, UnsentRows,
};
pub use policy::{AccountPolicy, IdProblem, looks_rounded};
pub use quota::{AccountLimits, Many, Quota, QuotaError};
pub use record::{Position, Record};
pub use shown::shown;
pub use task::{LeftOpen, Task, TaskKey};
pub use user_state::UserState;
pub use verify::{Finding, Findings, Sample, ToVerify, Verification, Verified};
