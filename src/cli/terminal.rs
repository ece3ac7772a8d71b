//! The two streams: data to standard output, what is said to a person to standard error.
//!
//! **Invariant**: nothing that came from outside (a column's or a file's name, an id, a provider's
//! words) reaches a terminal as a command to it. See [`shown`].

use std::io::{self, IsTerminal as _, Write as _};

pub(super) use crate::domain::shown;

/// Says something to the person. A closed standard error is nobody's trouble.
pub(super) fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", shown(text));
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
