//! Standard error as bars need it: what is echoed (`^C`) does not push their lines about.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// A terminal that leaves the cursor at the beginning of the last line. At its end, a `^C` that the
/// terminal echoes would begin a new line, and every line drawn after would stand one too low.
///
/// Once it takes nothing more (its window was closed, the connection to it broke) it is drawn on no
/// more: the run goes on, where indicatif would panic, and what cannot be written is not kept.
#[derive(Debug)]
struct Steady {
    term: Term,
    is_gone: AtomicBool,
}

impl Steady {
    /// Does `write`, unless the terminal is gone.
    #[expect(clippy::unnecessary_wraps, reason = "what `TermLike` wants of each")]
    fn unless_gone(&self, write: impl FnOnce(&Term) -> io::Result<()>) -> io::Result<()> {
        if !self.is_gone.load(Ordering::Relaxed) && write(&self.term).is_err() {
            self.is_gone.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// How often single lines may be drawn, a second: more than there are to draw, for indicatif drops
/// what is over, and the last line would lag behind.
const LINES_PER_SECOND: u8 = u8::MAX;

/// Where bars are drawn: standard error, if it is a terminal.
pub(super) fn target() -> ProgressDrawTarget {
    let term = Term::buffered_stderr();
    if !term.is_term() {
        return ProgressDrawTarget::hidden();
    }
    let steady = Steady {
        term,
        is_gone: AtomicBool::new(false),
    };
    ProgressDrawTarget::term_like_with_hz(Box::new(steady), LINES_PER_SECOND)
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
        self.term.size().1
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.unless_gone(|term| term.move_cursor_up(n))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.unless_gone(|term| term.move_cursor_down(n))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.unless_gone(|term| term.move_cursor_right(n))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.unless_gone(|term| term.move_cursor_left(n))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.unless_gone(|term| term.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.unless_gone(|term| term.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.unless_gone(Term::clear_line)
    }

    fn flush(&self) -> io::Result<()> {
        self.unless_gone(|term| {
            term.write_str("\r")?;
            term.flush()
        })
    }
}
