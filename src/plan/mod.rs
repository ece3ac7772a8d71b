//! [`Record`](crate::domain::Record)s to rows to send, or the reason why not.
//!
//! The main type is [`Planner`]. It reads an input once and gives every row to a sink, as entries of a ledger,
//! and to a [`Plan`], which people read. The file and the configuration alone decide most rows. The other rows
//! decide about duplicates, and an earlier ledger about rows of `--done-in`. Damage shows only when all ids of
//! an account were read: those rows go to the sink once more, and the later entry counts.
//!
//! ```text
//! Record ─▶ account ▸ action ▸ id ▸ protected? ▸ duplicate? ▸ done before? ─▶ sink, Plan
//! end of the file ─▶ damage of the ids ─▶ sink, Plan
//! ```
//!
//! The provider's facts about the caller are known only later: [`CallerRule`] judges ids by them.
//!
//! This module sends nothing and writes nothing. It knows no provider's code (an
//! [`AccountPolicy`](crate::domain::AccountPolicy) carries the provider's rule for ids) and no
//! ledger (an earlier one comes in as plain sets).

mod blocks;
mod column;
mod damage;
mod duplicates;
mod estimate;
mod judge;
mod number_set;
mod outline;
mod planner;
mod protect;
mod text;
mod user_states;

pub use blocks::{Sink, SinkError};
pub use column::likely_id_column;
pub use estimate::{deciding_limit, requests_of, time_at_limit};
pub use judge::Sought;
pub use outline::{PROBLEMS_MAX, Plan, PlanGroup, PlanProblem, PlanReason, Why};
pub use planner::{PlanError, Planner};
pub use protect::{CallerRule, PROTECTED_MAX, ProtectList};
pub use text::{counted, listed};
pub use user_states::{UserStates, count_state, describe_user_states};
