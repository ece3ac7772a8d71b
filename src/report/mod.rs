//! From a ledger's state to what people and scripts read. It reads no files and prints nothing:
//! [`Summary`] is the numbers, in the shape of `status --json`; [`text`] is the same for people.

mod summary;
pub mod text;
mod verification;

pub use summary::{AccountSummary, Ended, Lock, Summary};
pub use verification::VerificationSummary;
