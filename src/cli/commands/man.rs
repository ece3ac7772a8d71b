//! `userpurge man`: the man pages, the program's own first, then one for each command.

use std::fs::{self, File};
use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::args::{Cli, ManArgs};
use crate::cli::{ExitCode, Failure};

/// Prints the pages, which `man -l -` shows as they are, or writes each to a file of its own.
pub(in crate::cli) fn execute(args: &ManArgs) -> Result<ExitCode, Failure> {
    let pages = pages()?;
    let Some(folder) = &args.out else {
        let mut stdout = io::stdout().lock();
        for (_, page) in &pages {
            stdout.write_all(page)?;
        }
        stdout.flush()?;
        return Ok(ExitCode::Success);
    };
    for (name, page) in &pages {
        let path = folder.join(format!("{name}.1"));
        let written = fs::create_dir_all(folder)
            .and_then(|()| File::create(&path))
            .and_then(|mut file| file.write_all(page));
        written.map_err(|error| {
            let message = format!("cannot write `{}`: {error}", path.display());
            Failure::message(ExitCode::Refused, message, None)
        })?;
    }
    Ok(ExitCode::Success)
}

/// Every page with its name, the program's first.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(program.clone()).render(&mut page)?;
    let mut pages = vec![("userpurge".to_owned(), page)];
    for command in program.get_subcommands() {
        let name = format!("userpurge-{}", command.get_name());
        let command = command.clone().display_name(&name);
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .title(&name)
            .render(&mut page)?;
        pages.push((name, page));
    }
    Ok(pages)
}
