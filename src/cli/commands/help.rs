//! `help`, `man`, `completions` and `schema`: what goes with the program.
//!
//! Help is of a command or a topic. The man pages are the program's own first, then one for each command and each
//! topic. The completions are what a shell needs to complete the command line.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use clap::CommandFactory as _;
use clap::builder::PossibleValuesParser;
use console::Term;

use crate::cli::args::Cli;
use crate::cli::terminal::{put, put_page, put_with, width};
use crate::cli::{CliError, ExitCode};
use crate::config::{SCHEMA, process_variable};
use crate::help::{self, TOPICS};
use crate::input::{closest, did_you_mean};
use crate::provider::ProviderFile;

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

/// Prints the pages, which `man -l -` shows as they are, or writes each to a file in `folder`.
pub(in crate::cli) fn man(folder: Option<&Path>) -> Result<ExitCode, CliError> {
    let pages = pages()?;
    let Some(folder) = folder else {
        put_with(|out| pages.iter().try_for_each(|(_, page)| out.write_all(page)))?;
        return Ok(ExitCode::Success);
    };
    for (name, page) in &pages {
        let section = &name[name.len() - 1..];
        // Where manuals are kept, each section has a folder of its own.
        let is_kept = folder.file_name().is_some_and(|name| name == "man1");
        let folder = match folder.parent().filter(|_| is_kept) {
            Some(manual) => manual.join(format!("man{section}")),
            None => folder.to_owned(),
        };
        let path = folder.join(name);
        let written = fs::create_dir_all(&folder)
            .and_then(|()| File::create(&path))
            .and_then(|mut file| file.write_all(page));
        written.map_err(|error| {
            let message = format!("cannot write `{}`: {error}", path.display());
            CliError::message(ExitCode::Refused, message, None)
        })?;
    }
    Ok(ExitCode::Success)
}

/// Every page with the name of its file, the program's first.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = Cli::command();
    program.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(program.clone()).render(&mut page)?;
    let mut pages = vec![("userpurge.1".to_owned(), page)];
    for command in program.get_subcommands() {
        let name = format!("userpurge-{}", command.get_name());
        let command = command.clone().display_name(&name);
        let mut page = Vec::new();
        let version = concat!("userpurge ", env!("CARGO_PKG_VERSION"));
        let man = clap_mangen::Man::new(command).title(&name).source(version);
        man.render(&mut page)?;
        pages.push((format!("{name}.1"), page));
    }
    for (name, section, text) in TOPICS {
        let page = help::roff(name, section, text).into_bytes();
        pages.push((format!("userpurge-{name}.{section}"), page));
    }
    Ok(pages)
}

/// Prints the completions of `shell`.
pub(in crate::cli) fn print_completions(shell: clap_complete::Shell) -> Result<ExitCode, CliError> {
    // In memory first: the generator panics where a write fails.
    let mut script = Vec::new();
    let topics = PossibleValuesParser::new(TOPICS.map(|(name, ..)| name));
    let mut program = Cli::command().mut_subcommand("help", |it| {
        it.mut_arg("about", |it| it.value_parser(topics))
    });
    clap_complete::generate(shell, &mut program, "userpurge", &mut script);
    put_with(|out| out.write_all(&script))?;
    Ok(ExitCode::Success)
}

/// Prints the JSON schema of the configuration, or of provider files.
pub(in crate::cli) fn print_schema(of_provider: bool) -> Result<ExitCode, CliError> {
    put([SCHEMA, ProviderFile::SCHEMA][usize::from(of_provider)])?;
    Ok(ExitCode::Success)
}
