//! The composition root: arguments, diagnostics, exit codes, and a file for each command.
//!
//! Only here do errors become text and exit codes, and only here does an async runtime begin. Data goes to
//! standard output, everything else to standard error.

mod accounts;
pub mod args;
mod commands;
mod connect;
mod earlier;
mod error;
mod feed;
mod files;
mod ledgers;
mod main;
mod outline_text;
mod planning;
mod question;
mod recorder;
mod session;
mod setup;
mod terminal;
mod work;

use error::{CliError, ExitCode};
pub use main::main;
