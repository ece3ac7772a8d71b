//! `help`: what there is, the help of a command, or a topic.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use clap::CommandFactory as _;
use console::Term;

use crate::cli::args::Cli;
use crate::cli::terminal::{put_page, width};
use crate::cli::{CliError, ExitCode};
use crate::config::process_variable;
use crate::help::{self, TOPICS};
use crate::input::{closest, did_you_mean};

/// Prints what there is, or the help `about` a command or a topic.
pub(in crate::cli) fn execute(about: Option<&str>) -> Result<ExitCode, CliError> {
    let mut program = Cli::command();
    program.build();
    let Some(about) = about else {
        put_page(&program.render_help().to_string())?;
        put_page("Topics:")?;
        for (name, _, text) in TOPICS {
            put_page(&format!("  {name:<11}  {}", help::title(text)))?;
        }
        return Ok(ExitCode::Success);
    };
    if let Some((.., text)) = TOPICS.iter().find(|(name, ..)| *name == about) {
        page(&help::text(text, width()))?;
    } else if let Some(command) = program.find_subcommand_mut(about) {
        page(&command.render_long_help().to_string())?;
    } else {
        let commands = program.get_subcommands().map(clap::Command::get_name);
        let known = commands.chain(TOPICS.map(|(name, ..)| name));
        let quotas = about.starts_with("quota").then_some("limits");
        let meant = did_you_mean(closest(about, known).or(quotas));
        let message = format!("`{about}` is neither a command nor a topic{meant}");
        return Err(CliError::refuse(message, "`userpurge help` lists both"));
    }
    Ok(ExitCode::Success)
}

/// Shows `text` page by page where it is longer than the terminal, as far as there is a pager.
fn page(text: &str) -> io::Result<()> {
    let rows = Term::stdout().size_checked().map(|(rows, _)| rows);
    if rows.is_none_or(|rows| text.lines().count() < usize::from(rows)) {
        return put_page(text);
    }
    let pager = process_variable("PAGER").unwrap_or_else(|| "less -R".to_owned());
    let mut words = pager.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("less"));
    let begun = command.args(words).stdin(Stdio::piped()).spawn();
    let Ok(mut pager) = begun else {
        return put_page(text);
    };
    // Whoever leaves the pager has had enough of it.
    if let Some(mut input) = pager.stdin.take() {
        let _ = input.write_all(text.as_bytes());
    }
    pager.wait().map(|_| ())
}
