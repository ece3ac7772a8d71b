//! `userpurge man`: the man pages, the program's own first, then one for each command.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::args::Cli;
use crate::cli::{ExitCode, Failure};

/// Prints the pages.
pub(in crate::cli) fn execute() -> Result<ExitCode, Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(&pages()?)?;
    stdout.flush()?;
    Ok(ExitCode::Success)
}

/// All pages, one after the other, which `man -l -` shows as they are.
fn pages() -> io::Result<Vec<u8>> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    clap_mangen::Man::new(program.clone()).render(&mut pages)?;
    for command in program.get_subcommands() {
        let name = format!("userpurge-{}", command.get_name());
        let page = command.clone().display_name(&name);
        clap_mangen::Man::new(page).title(name).render(&mut pages)?;
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::pages;

    #[test]
    fn there_is_a_page_for_the_program_and_each_command() {
        let pages = String::from_utf8(pages().unwrap()).unwrap();
        let titles: Vec<_> = pages
            .lines()
            .filter_map(|line| line.strip_prefix(".TH "))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        let expected = [
            "userpurge",
            "userpurge-plan",
            "userpurge-run",
            "userpurge-resume",
            "userpurge-retry",
            "userpurge-status",
            "userpurge-report",
            "userpurge-verify",
            "userpurge-audit",
            "userpurge-check",
            "userpurge-init",
            "userpurge-sandbox",
            "userpurge-demo",
            "userpurge-completions",
            "userpurge-man",
        ];
        assert_eq!(titles, expected);
    }
}
