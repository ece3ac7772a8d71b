//! The pure vocabulary: what a row, a task, an attempt and an outcome are. No IO, no clock of its
//! own, no async; every other module may import this one, and this one imports none of them.
//!
//! # Glossary
//!
//! One meaning each, in the order a row meets them.
//!
//! | word | meaning |
//! | --- | --- |
//! | tenant | what one provider keeps apart from all others: an organisation, an app |
//! | account | one entry of the configuration: credentials at a tenant, under a name |
//! | caller | the user whose credentials an account has ([`AccountHeader::caller`]) |
//! | role | what a user may do, in the provider's words; some roles protect their users |
//! | row | one record of the input ([`Record`]), with its [`Position`] |
//! | plan | what each row comes to, written before anybody agrees ([`PlannedRows`], [`UnsentRows`]) |
//! | task | a row that will be sent ([`Task`]): account, action, user id, reference |
//! | action | what a row asks for ([`Action`]) |
//! | step | one call of an action ([`Step`]): a Zendesk `purge` has two |
//! | ledger | the file that says what happened to every row; its lines are bound in a chain of digests |
//! | entry | one line of a ledger ([`Entry`]) |
//! | session | the work of one process on a ledger ([`SessionStart`]) |
//! | lane | everything about the traffic of one tenant (`lane::Lane`) |
//! | canary | the first rows, which go alone; the others follow only if these end well |
//! | quota | a limit as stated ([`Quota`]): 700 per 10 minutes |
//! | window | the exact keeper of a quota (`lane::limits::Window`) |
//! | permit | what a request takes of all limits until it is over (`lane::limits::Permit`) |
//! | pause | a time until which a server wants no requests ([`Paused`]) |
//! | intent | the durable promise that an attempt is about to leave ([`Intent`]) |
//! | attempt | one sending of a step ([`Attempted`]: one that did not end its step) |
//! | job | a request for many users, which the provider works through on its own time |
//! | lookup | a read of the state of users ([`UserState`]) at the provider (`provider::LookupFor`) |
//! | doubt | a request may have had its effect, and no answer says so |
//! | outcome | how a row ended ([`Outcome`]) |
//! | finding | what a later read says of a row that is done ([`Finding`]) |

mod action;
mod clock;
mod entry;
mod names;
mod outcome;
mod plan_entries;
mod quota;
mod task;
mod user_state;

#[cfg(feature = "simulated")]
use std::cell::Cell;

pub use action::{Action, FindBy, ProviderKind, Step};
pub use clock::{Time, TimeOfDay};
pub use entry::{
    AccountHeader, Attempted, Durability, Entry, Intent, LaneStop, OutcomeEntry, Paused, Requested,
    RunEnd, RunHeader, RunOptions, RunState, Said, SampleDraw, SessionStart, StepDone, StopKind,
    Uptime,
};
pub use names::{AccountName, JobId, Name, ProviderFacts, RunId, UserId, escape_controls};
pub(crate) use names::{Text, kept_as_text, named};
pub use outcome::{Counted, Counts, Outcome, Sums};
pub use plan_entries::{
    AccountPlan, Agreed, AgreedAccount, AgreedBy, AgreedFile, LimitAhead, PlanEnd, PlannedInput,
    PlannedRow, PlannedRows, UnsentRows,
};
pub use quota::{AccountLimits, Many, Quota};
pub use task::{
    AccountPolicy, IdProblem, LeftOpen, Position, Record, Task, TaskKey, is_brand, looks_rounded,
    split_brand, with_brand,
};
pub use user_state::{Finding, UserState, Verified};

#[cfg(feature = "simulated")]
thread_local! {
    /// What a test makes of the bounds of its thread: by the name of one, its least value and its greatest.
    pub static BOUNDS: Cell<fn(&'static str, usize, usize) -> usize> =
        const { Cell::new(|_, _, most| most) };
}

/// A bound of the program's own, of which every value from `least` on is right. It is `most`. Only a test makes
/// it less, so that a few rows meet what else thousands do.
pub(crate) fn bound(name: &'static str, least: usize, most: usize) -> usize {
    #[cfg(feature = "simulated")]
    let most = BOUNDS.get()(name, least, most);
    let _ = (name, least);
    most
}
