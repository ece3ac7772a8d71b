//! `userpurge completions`: what a shell needs to complete the command line.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::args::{Cli, CompletionsArgs};
use crate::cli::{ExitCode, Failure};

/// Prints the completions.
#[expect(
    clippy::needless_pass_by_value,
    reason = "every command takes its arguments whole"
)]
pub(in crate::cli) fn execute(args: CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(&script(args.shell))?;
    stdout.flush()?;
    Ok(ExitCode::Success)
}

/// The script of `shell`, in memory first: the generator panics where a write fails.
fn script(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "userpurge", &mut script);
    script
}
