//! The composition root: the command line, a file per command, and the only place where errors
//! become text and exit codes.
//!
//! `args` is what was typed; `setting`, `planning` and `accounts` turn it into what is meant;
//! `work` is a session of `run`, `resume` or `retry`; `recorder` stands between it and ledger and
//! progress. Nothing here judges an answer or keeps a quota.

mod accounts;
mod args;
mod commands;
mod exit;
mod failure;
mod latest;
mod logging;
mod outline_text;
mod planning;
mod question;
mod recorder;
mod saved;
mod setting;
mod signals;
mod terminal;
mod token_store;
mod work;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use exit::Exit;
use failure::Failure;

/// Runs the program: parses the command line, does what it says, and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no error; clap knows which is which.
            let _ = error.print();
            let refused = error.use_stderr();
            return if refused { Exit::Refused } else { Exit::Good }.into();
        }
    };
    logging::start(&cli.diagnostics);
    match execute(cli.command) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.text().is_empty() {
                terminal::tell(&format!("error: {}", failure.text()));
            }
            failure.exit().into()
        }
    }
}

fn execute(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Plan(args) => commands::plan::execute(&args),
        Command::Run(args) => runtime()?.block_on(commands::run::execute(args)),
        Command::Resume(args) => runtime()?.block_on(commands::resume::resume(args)),
        Command::Retry(args) => runtime()?.block_on(commands::resume::retry(args)),
        Command::Status(args) => commands::status::execute(&args),
        Command::Check(args) => runtime()?.block_on(commands::check::execute(args)),
        Command::Sandbox(args) => runtime()?.block_on(commands::sandbox::execute(args)),
        Command::Demo(args) => runtime()?.block_on(commands::demo::execute(args)),
        Command::Completions { shell } => commands::docs::completions(shell),
        Command::Man { out } => commands::docs::man(out.as_deref()),
    }
}

/// Built by hand so that only commands that need it have one.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
