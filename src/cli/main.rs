//! From the command line to an exit code.

use std::io::{self, Write as _};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, Parser};
use console::Term;

use super::args::{Cli, Command};
use super::commands;
use super::terminal;
use super::{CliError, ExitCode};
use crate::help::command_for;
use crate::ledger::Disk;
use crate::run::outlive_file_limit;
use crate::words::folded;

/// Runs the program, its ledgers on `disk`: parses the command line, does what it says, prints a failure
/// if there is one.
pub fn main(disk: &dyn Disk) -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return (print_mistyped(&error) as u8).into(),
    };
    terminal::start_log(cli.diagnostics);
    // One thread: a lane does one thing after another, and the ledger's writer has a thread of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let code = match runtime {
        Ok(runtime) => runtime.block_on(async {
            outlive_file_limit();
            match cli.command {
                Command::Plan(args) => Box::pin(commands::plan::execute(&args, disk)).await,
                Command::Run(args) => Box::pin(commands::run::execute(&args, disk)).await,
                Command::Resume(args) => Box::pin(commands::resume::resume(&args, disk)).await,
                Command::Retry(args) => Box::pin(commands::resume::retry(&args, disk)).await,
                Command::Report(args) => commands::report::execute(&args),
                Command::Status(args) => commands::status::execute(&args),
                Command::Verify(args) => Box::pin(commands::verify::execute(&args)).await,
                Command::Lookup(args) => Box::pin(commands::lookup::execute(&args)).await,
                Command::Audit(args) => commands::audit::execute(&args),
                Command::Check(args) => Box::pin(commands::check::execute(&args)).await,
                Command::Providers { about, json } => {
                    commands::providers::execute(about.as_deref(), json)
                }
                Command::Init { config } => Box::pin(commands::init::execute(config)).await,
                Command::Sandbox(args) => Box::pin(commands::sandbox::execute(args)).await,
                Command::Demo => Box::pin(commands::sandbox::demo(disk)).await,
                Command::Completions { shell } => commands::help::print_completions(shell),
                Command::Man { out } => commands::help::man(out.as_deref()),
                Command::Schema { about } => commands::help::print_schema(about == "provider"),
                Command::Help { about } => commands::help::execute(about.as_deref()),
            }
        }),
        Err(error) => {
            let message = format!("cannot start the threads that send requests: {error}");
            Err(CliError::message(ExitCode::Refused, message, None))
        }
    };
    let code = code.unwrap_or_else(|failure| {
        // If standard error is gone, the code alone has to tell.
        let columns = terminal::columns(&Term::stderr());
        let _ = failure.print(&mut io::stderr().lock(), columns);
        failure.code()
    });
    (code as u8).into()
}

/// The options below a heading that `-h` shows, beside all that have none; `--help` shows all.
const USUAL: [&str; 9] = [
    "account",
    "action",
    "id_column",
    "protect",
    "include_role",
    "canary",
    "max_delete",
    "yes",
    "confirm",
];

/// The output of `-h`: the usual options of the command, in one list.
fn short_help() -> Option<clap::Error> {
    let mut words = std::env::args_os();
    if !words.any(|word| word == "-h") {
        return None;
    }
    let usual = |it: clap::Arg| {
        let is_usual = it.get_help_heading().is_none() || USUAL.contains(&it.get_id().as_str());
        let is_hidden = it.is_hide_set() || !is_usual;
        it.hide(is_hidden).help_heading(Resettable::Reset)
    };
    let of_command = |it: clap::Command| {
        let positional = |it: clap::Arg| if it.is_positional() { it } else { usual(it) };
        it.mut_args(positional)
    };
    let command = of_command(Cli::command()).mut_subcommands(of_command);
    command.try_get_matches().err()
}

/// Prints what clap says. Help and versions go to standard output and are a success.
fn print_mistyped(error: &clap::Error) -> ExitCode {
    let short = (error.kind() == clap::error::ErrorKind::DisplayHelp).then(short_help);
    let error = short.as_ref().and_then(Option::as_ref).unwrap_or(error);
    if !error.use_stderr() {
        // A reader may have had enough of the help.
        let _ = error.print();
        return ExitCode::Success;
    }
    let columns = terminal::columns(&Term::stderr());
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && let Some(meant) = command_for(word)
    {
        let failure = CliError::refuse(format!("`{word}` is no command"), format!("`{meant}`"));
        let _ = failure.print(&mut io::stderr().lock(), columns);
        return failure.code();
    }
    let mut text = error.to_string();
    if console::colors_enabled_stderr() {
        text = error.render().ansi().to_string();
    }
    // The label of all other ways out.
    let text = text.replacen("tip:", "help:", 1);
    let text = columns.map_or(text.clone(), |columns| folded(&text, columns));
    let _ = write!(io::stderr(), "{text}");
    ExitCode::Refused
}
