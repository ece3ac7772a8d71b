//! `completions` and `man`: made from the definitions of the command line itself.

use std::path::Path;

use clap::CommandFactory as _;

use crate::cli::args::Cli;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::terminal::put;

/// Writes completions to standard output.
pub(in crate::cli) fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "userpurge", &mut text);
    put(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Good)
}

/// Writes the manual page to standard output, or one page a command into `folder`.
pub(in crate::cli) fn man(folder: Option<&Path>) -> Result<Exit, Failure> {
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(Cli::command(), folder)?;
        return Ok(Exit::Good);
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    put(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Good)
}
