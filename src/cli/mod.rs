//! The composition root: arguments, diagnostics, exit codes, and a file for each command.
//!
//! This is the one module that sees all others. Only here do errors become text and exit codes,
//! only here are standard streams and the environment touched, and only here does an async runtime
//! begin. Data goes to standard output, everything else to standard error.

mod accounts;
mod agreement;
pub mod args;
mod before;
mod commands;
mod denied;
mod descriptors;
mod exit;
mod failure;
mod feed;
mod head;
mod held;
pub mod latest;
pub mod logging;
mod main;
mod new_ledger;
mod outline_text;
mod page;
mod planning;
pub mod question;
mod recorder;
pub mod runtime;
mod sample;
mod session;
mod setup;
mod shown;
pub mod signals;
mod standing;
mod tenants;
mod terminal;
mod token_store;
mod underline;
mod until;
mod uptime;
mod users;
mod whole_file;
mod work;

pub use exit::ExitCode;
pub use failure::Failure;
pub use main::{main, main_on};
