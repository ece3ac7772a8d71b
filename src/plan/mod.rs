//! [`Record`](crate::domain::Record)s to [`Task`](crate::domain::Task)s, or the reason why not.
//!
//! The main type is [`Planner`]: it gives every row of an input exactly one [`Decision`]. What the
//! file and the configuration alone can tell is told by its [`Judge`], which remembers nothing;
//! what needs the other rows (duplicates) or an earlier ledger (`--done-in`) the planner adds. One
//! pass over the file makes the [`Plan`], which knows the duplicates only in the end; by it each row
//! is decided when the file is read again. The same rows in the same order are decided alike every
//! time, which is what lets a resume, and each account's own [`Cursor`], read the file again instead
//! of keeping it.
//!
//! ```text
//! Row ─▶ Judge: account ▸ action ▸ id ▸ foreign? ▸ protected? ─▶ Planner: duplicate? ▸ done before? ─▶ Plan
//! Row ─▶ Judge ─▶ Planner ◀─ Plan ─▶ Decision
//! ```
//!
//! What it does *not* do: it sends nothing, writes nothing, knows no provider's code (an
//! [`AccountPolicy`](crate::domain::AccountPolicy) carries the provider's rule for ids) and no
//! ledger (what one says comes in as plain sets).

mod column;
mod damage;
mod decision;
mod duplicates;
mod error;
mod estimate;
mod judge;
mod outline;
mod outstanding;
mod parts;
mod planner;
mod protect;
mod reasons;
mod summing;
#[cfg(test)]
mod testing;

pub use column::likely_id_column;
pub use decision::{Decision, Ended};
pub use error::PlanError;
pub use estimate::{Limits, Many, rows_within, time_at_limit};
pub use judge::{Defaults, ForeignIds, Judge};
pub use outline::{Group, PROBLEMS_MAX, Plan, Problem};
pub use outstanding::{Cursor, Earlier};
pub use parts::{Part, SharedUsers};
pub use planner::Planner;
pub use protect::{PROTECTED_MAX, ProtectList};
pub use reasons::Reason;
