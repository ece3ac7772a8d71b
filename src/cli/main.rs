//! From the command line to an exit code.

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::Parser;

use super::args::{Cli, Command};
use super::commands;
use super::exit::ExitCode;
use super::failure::Failure;
use super::logging;
use super::page;
use super::runtime::block_on;
use super::signals;
use super::terminal::{self, Stream};
use crate::ledger::{Disk, RealDisk};

/// Runs the program: parses the command line, does what it says, prints a failure if there is one.
pub fn main() -> std::process::ExitCode {
    main_on(&RealDisk)
}

/// [`main`] with its ledgers on `disk`: for tests of what is left when the power fails.
pub fn main_on(disk: &dyn Disk) -> std::process::ExitCode {
    run(std::env::args_os(), disk).into()
}

fn run(args: impl IntoIterator<Item = OsString>, disk: &dyn Disk) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return told_by_clap(&error),
    };
    logging::start(cli.diagnostics);
    signals::outlive_file_limit();
    match dispatch(cli.command, disk) {
        Ok(code) => code,
        Err(failure) => {
            // If standard error is gone, the code alone has to tell.
            let columns = terminal::columns(Stream::Err);
            let _ = failure.print(&mut io::stderr().lock(), columns);
            failure.code()
        }
    }
}

/// Does what the command says.
fn dispatch(command: Command, disk: &dyn Disk) -> Result<ExitCode, Failure> {
    match command {
        Command::Plan(args) => block_on(commands::plan::execute(&args, disk)),
        Command::Run(args) => block_on(commands::run::execute(&args, disk)),
        Command::Resume(args) => block_on(commands::resume::resume(&args, disk)),
        Command::Retry(args) => block_on(commands::resume::retry(&args, disk)),
        Command::Report(args) => commands::report::execute(&args),
        Command::Status(args) => commands::status::execute(&args),
        Command::Verify(args) => block_on(commands::verify::execute(&args)),
        Command::Audit(args) => commands::audit::execute(&args),
        Command::Check(args) => block_on(commands::check::execute(&args)),
        Command::Init(args) => block_on(commands::init::execute(&args)),
        Command::Sandbox(args) => block_on(commands::sandbox::execute(args)),
        Command::Demo => block_on(commands::demo::execute(disk)),
        Command::Completions(args) => commands::completions::execute(args),
        Command::Man(args) => commands::man::execute(&args),
    }
}

/// What clap says of a mistyped command line, coloured as it would on a terminal.
fn rendered(error: &clap::Error) -> String {
    if console::colors_enabled_stderr() {
        error.render().ansi().to_string()
    } else {
        error.render().to_string()
    }
}

/// Help and versions go to standard output and are a success; anything else was mistyped.
fn told_by_clap(error: &clap::Error) -> ExitCode {
    let columns = terminal::columns(Stream::Err).filter(|_| error.use_stderr());
    // Whoever reads the help may have had enough of it.
    let _ = match columns {
        Some(columns) => write!(io::stderr(), "{}", page::folded(&rendered(error), columns)),
        None => error.print(),
    };
    if error.use_stderr() {
        ExitCode::Refused
    } else {
        ExitCode::Success
    }
}
