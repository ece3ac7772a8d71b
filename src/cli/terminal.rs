//! The two streams: data to standard output, what is said to a person to standard error.
//!
//! **Invariant**: nothing that came from outside (a column's or a file's name, an id, a provider's
//! words) reaches a terminal as a command to it. See [`shown`].

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use console::Term;

use super::page;
pub(super) use crate::domain::shown;
use crate::ledger::LedgerState;
use crate::report::{self, Lock, Summary};

/// Where something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How wide the terminal is that shows `stream`; `None`: it is none.
pub(super) fn columns(stream: Stream) -> Option<usize> {
    let terminal = match stream {
        Stream::Out => Term::stdout(),
        Stream::Err => Term::stderr(),
    };
    let (_, columns) = terminal.size_checked()?;
    Some(usize::from(columns))
}

/// `text` as `stream` shows it: in lines that fit if that is a terminal, else as it is, for whoever
/// reads it line by line.
pub(super) fn fitted(text: &str, stream: Stream) -> Cow<'_, str> {
    match columns(stream) {
        Some(columns) => page::folded(text, columns).into(),
        None => text.into(),
    }
}

/// Says something to the person. A closed standard error is nobody's trouble.
pub(super) fn tell(text: &str) {
    let text = shown(text);
    let _ = writeln!(io::stderr().lock(), "{}", fitted(&text, Stream::Err));
}

/// Puts out what people read, in lines that fit their terminal.
///
/// # Errors
///
/// As [`put`].
pub(super) fn put_page(text: &str) -> io::Result<()> {
    put(&fitted(&shown(text), Stream::Out))
}

/// Puts out where the run of a ledger stands, which nobody is writing.
pub(super) fn put_standing(state: &LedgerState) -> io::Result<()> {
    put_summary(&Summary::new(state, Lock::Free))
}

/// Puts out where a run stands.
pub(super) fn put_summary(summary: &Summary) -> io::Result<()> {
    put_page(&report::text::render(summary, columns(Stream::Out)))
}

/// Puts data out.
///
/// # Errors
///
/// When standard output takes no more; a reader that went away is one of these.
pub(super) fn put(text: &str) -> io::Result<()> {
    let text = shown(text);
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Puts data out piece by piece, for what may be too long to be kept whole.
///
/// # Errors
///
/// What `write` fails with, which may be standard output taking no more.
pub(super) fn put_with<E: From<io::Error>>(
    write: impl FnOnce(&mut dyn io::Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    Ok(out.flush()?)
}

/// Whether there is a person who can be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
