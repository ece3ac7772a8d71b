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

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, ValueEnum};

    use super::{Cli, script};

    #[test]
    fn every_shell_completes_every_command() {
        for shell in clap_complete::Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(
                    script.contains(command.get_name()),
                    "{shell}: {}",
                    command.get_name()
                );
            }
        }
    }

    /// To PowerShell a curly quote is a quote: one in a help text would end its string.
    #[test]
    fn powershell_meets_no_quotes_but_its_own() {
        let script = String::from_utf8(script(clap_complete::Shell::PowerShell)).unwrap();
        let curly = script.find(['\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}']);
        assert_eq!(curly.map(|at| &script[at.saturating_sub(60)..]), None);
    }
}
