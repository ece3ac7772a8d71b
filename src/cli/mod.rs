//! The composition root: arguments, diagnostics, exit codes, and a file for each command.
//!
//! This is the one module that sees all others. Only here do errors become text and exit codes,
//! only here are standard streams and the environment touched, and only here does an async runtime
//! begin. Data goes to standard output, everything else to standard error.

pub mod args;
mod commands;
mod exit;
mod failure;
pub mod latest;
pub mod logging;
mod main;
pub mod question;
pub mod runtime;
pub mod signals;

pub use exit::ExitCode;
pub use failure::Failure;
pub use main::main;
