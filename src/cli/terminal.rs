//! The two streams: data to standard output, everything said to a person to standard error.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the one place that prints; everything else goes through it"
)]

use std::io::{self, IsTerminal as _, Write as _};

/// Says a line to the person. A closed standard error is nobody's trouble.
pub(super) fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Puts data out.
///
/// # Errors
///
/// When standard output takes no more; a reader that went away is one of these.
pub(super) fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Asks on standard error and reads a line from the terminal.
///
/// # Errors
///
/// When the terminal cannot be read.
pub(super) fn ask(question: &str) -> io::Result<String> {
    let mut err = io::stderr().lock();
    write!(err, "{question}")?;
    err.flush()?;
    drop(err);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Whether there is a person who can be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
