//! From a ledger's state to what people and scripts read. It opens no files and prints nothing:
//! [`Summary`] is the numbers, in the shape of `status --json`; [`text`] is the same for people;
//! [`csv`] gives the admin's own rows back.

pub mod csv;
mod summary;
pub mod text;
mod verification;

pub use summary::{AccountSummary, Ended, Lock, Summary};
pub use verification::VerificationSummary;
