//! Standard error as bars need it: what is echoed (`^C`) does not push their lines about.

use std::io;

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// A terminal that leaves the cursor at the beginning of the last line. At its end, a `^C` that the
/// terminal echoes would begin a new line, and every line drawn after would stand one too low.
#[derive(Debug)]
struct Steady(Term);

/// Where bars are drawn: standard error, at most `hz` times a second, if it is a terminal.
pub(super) fn target(hz: u8) -> ProgressDrawTarget {
    let term = Term::buffered_stderr();
    if !term.is_term() {
        return ProgressDrawTarget::hidden();
    }
    // Bars on anything but indicatif's own targets take the colours of standard output, which may
    // be a file. Nothing else here is coloured by this crate.
    console::set_colors_enabled(console::colors_enabled_stderr());
    ProgressDrawTarget::term_like_with_hz(Box::new(Steady(term)), hz)
}

/// Leaves the lines where they are: what is written next begins below them.
pub(super) fn leave() {
    let term = Term::stderr();
    if term.is_term() {
        // A closed standard error is nobody's trouble.
        let _ = term.write_line("");
    }
}

impl TermLike for Steady {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.write_str("\r")?;
        self.0.flush()
    }
}
