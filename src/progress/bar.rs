//! A bar for each account and a line for all together.
//!
//! A line is as wide as the terminal, 120 columns at most, and never wraps. Where there is no room
//! for a bar, the words stay. The terminal itself is told the percentage where it can show one.
//! Colours (none with `NO_COLOR`) repeat what the words say. Lines are written over, never cleared
//! first, so nothing flickers, and what is echoed (`^C`) does not push them about.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use console::{Style, Term, measure_text_width};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::lines::AccountLine;
use super::state::State;
use crate::domain::Time;
use crate::words::{clock, cut, grouped, short_duration};

/// The widest line, in columns.
const COLUMNS_MAX: usize = 120;

/// A narrower terminal shows no bars.
const BAR_COLUMNS_MIN: usize = 64;

/// The widest name beside a bar; longer ones are cut.
const NAME_COLUMNS_MAX: usize = 16;

/// The same where there is no bar.
const NARROW_NAME_COLUMNS_MAX: usize = 8;

/// The bar itself: as long as what is left beside words of this width, between these two.
const WORDS_COLUMNS: usize = 64;
const BAR_COLUMNS: (usize, usize) = (12, 30);

/// Draws bars.
pub(super) struct Bars {
    pub(super) screen: MultiProgress,
    /// A line for each account, and one that says when all are done.
    lines: Vec<ProgressBar>,
    /// The last value that the terminal itself was told.
    displayed: Option<u64>,
    /// How wide the terminal was when it was drawn last.
    columns: usize,
}

impl Bars {
    /// Bars on standard error.
    pub(super) fn on_stderr(state: &State) -> Self {
        let screen = MultiProgress::with_draw_target(target());
        screen.set_move_cursor(true);
        // Hidden until it is among the others: alone a line would draw itself, and that first, empty
        // one would stay above the others.
        let add = |_| {
            let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            let line = screen.add(line);
            line.set_style(
                ProgressStyle::with_template("{msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            line
        };
        Self {
            lines: (0..=state.accounts.len()).map(add).collect(),
            screen,
            displayed: None,
            columns: columns(),
        }
    }

    pub(super) fn tick(&mut self, state: &State, now: Time) {
        let all = percent(state.total());
        if self.displayed.replace(all) != Some(all) {
            tell_terminal(self.displayed);
        }
        self.draw(state, now);
    }

    /// Draws the end, and leaves it standing.
    pub(super) fn finish(&mut self, state: &State, now: Time) {
        self.draw(state, now);
        tell_terminal(None);
        // The last line goes, and what is left out is not written over.
        self.screen.set_move_cursor(false);
        if let Some((foot, lines)) = self.lines.split_last() {
            foot.finish_and_clear();
            for line in lines {
                line.abandon();
            }
        }
        // The next text that is written begins below them. A closed standard error is nobody's trouble.
        let term = Term::stderr();
        let has_lines = term.is_term() && !state.accounts.is_empty();
        let _ = has_lines.then(|| term.write_line(""));
    }

    fn draw(&mut self, state: &State, now: Time) {
        let wide = columns();
        let is_narrower = std::mem::replace(&mut self.columns, wide) > wide;
        if let (true, Some((_, above))) = (is_narrower, self.lines.split_last()) {
            // Lines that no longer fit have been wrapped, and the cursor stands so much lower; where a terminal cuts
            // them off instead (xterm, PuTTY), as many rows above are lost. None is drawn before all fit again.
            let widths = above.iter().map(|line| measure_text_width(&line.message()));
            let more = widths.map(|it| it.saturating_sub(1) / wide.max(1)).sum();
            let _ = Term::stderr().move_cursor_up(more);
            let _ = self.screen.clear();
            let _ = Term::stderr().clear_to_end_of_screen();
            self.screen.set_draw_target(ProgressDrawTarget::hidden());
        }
        let columns = wide.min(COLUMNS_MAX);
        let mut texts = accounts(state, now, columns);
        texts.push(foot(state, now, columns));
        for (line, text) in self.lines.iter().zip(texts) {
            // Setting what has not changed would draw all the same.
            if line.message() != text {
                line.set_message(text);
            }
        }
        if is_narrower {
            self.screen.set_draw_target(target());
            self.lines.iter().for_each(ProgressBar::tick);
        }
    }
}

/// How wide the terminal is now.
fn columns() -> usize {
    let size = Term::stderr().size_checked();
    size.map_or(COLUMNS_MAX, |(_, columns)| usize::from(columns))
}

/// The lines of the accounts, in at most `columns`.
fn accounts(state: &State, now: Time, columns: usize) -> Vec<String> {
    let has_bar = columns >= BAR_COLUMNS_MIN;
    let name_max = [NARROW_NAME_COLUMNS_MAX, NAME_COLUMNS_MAX][usize::from(has_bar)];
    let name = |line: &AccountLine<'_>| cut(line.account, name_max);
    let lines: Vec<_> = state.lines(now).collect();
    let widths = lines.iter().map(|line| name(line).chars().count());
    let widest = widths.max().unwrap_or(0);
    let length = columns.saturating_sub(widest + 4 + WORDS_COLUMNS);
    let length = length.clamp(BAR_COLUMNS.0, BAR_COLUMNS.1);
    let taken = widest + 1 + if has_bar { length + 3 } else { 0 };
    let text = |line: &AccountLine<'_>| {
        let words = words(line, columns.saturating_sub(taken));
        let words = colour(line.state).apply_to(words);
        let name = name(line);
        if has_bar {
            let bar = style().cyan().apply_to(bar(line, length));
            format!("{name:widest$} [{bar}] {words}")
        } else {
            format!("{name:widest$} {words}")
        }
    };
    lines.iter().map(text).collect()
}

fn style() -> Style {
    Style::new().for_stderr()
}

/// The colour of an account's words, which say the same.
fn colour(state: &str) -> Style {
    match state {
        "paused" => style().yellow(),
        "stopped" => style().red(),
        _ => style(),
    }
}

/// `=====>---    `: what is done of all rows, and what is soft-deleted beside it, in so many columns.
fn bar(line: &AccountLine<'_>, columns: usize) -> String {
    let part = |rows: u64| {
        let part = (u128::from(rows) * columns as u128).checked_div(u128::from(line.rows));
        usize::try_from(part.unwrap_or(columns as u128)).unwrap_or(columns)
    };
    let (full, half) = (part(line.done), part(line.done + line.soft_deleted));
    let tip = if line.done > 0 && full < columns {
        ">"
    } else {
        ""
    };
    let full = "=".repeat(full) + tip;
    format!("{:columns$}", format!("{full:-<half$}"))
}

/// How much of all rows is done, in percent; all, where there are none.
fn percent((done, rows): (u64, u64)) -> u64 {
    (done * 100).checked_div(rows).unwrap_or(100)
}

/// The words behind a bar, in at most `columns`: those that matter least are left out first.
fn words(line: &AccountLine<'_>, columns: usize) -> String {
    let rows = grouped(line.rows);
    let done = grouped(line.done);
    // As wide as it will become, so that what follows stays where it is.
    let counts = format!("{done:>width$}/{rows}", width = rows.len());
    let displayed = |rows: u64, what: &str| (rows > 0).then(|| format!("{} {what}", grouped(rows)));
    let bad = displayed(line.not_done, "not done");
    let soft = displayed(line.soft_deleted, "soft-deleted");
    let with = |soft: Option<String>, doing: String| {
        let parts = [Some(counts.clone()), bad.clone(), soft, Some(doing)];
        let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(", ")
    };
    let [full, short, shortest] = line.doing();
    let texts = [
        with(soft.clone(), full.clone()),
        with(soft, short.clone()),
        with(None, full),
        with(None, short),
        with(None, shortest),
    ];
    fitting(&texts, columns)
}

/// The first of `texts` that fits in `columns`, or what fits of the last.
fn fitting(texts: &[String], columns: usize) -> String {
    let fits = |text: &&String| text.chars().count() <= columns;
    let text = texts.iter().find(fits).or(texts.last());
    cut(text.map_or("", String::as_str), columns)
}

/// All accounts together: how much is done, how long it has taken, and when they are done.
fn foot(state: &State, now: Time, columns: usize) -> String {
    let percent = format!("{}%", percent(state.total()));
    let elapsed = format!("{percent}, {} so far", short_duration(state.elapsed(now)));
    let Some(end) = state.ends(now) else {
        let finishing = "finishing".to_owned();
        return if state.goes_on() { elapsed } else { finishing };
    };
    let at = format!("ends about {}", clock(end, now, &state.zone));
    let left = short_duration(end.saturating_since(now));
    let texts = [
        format!("{elapsed}, {at}, in {left}"),
        format!("{percent}, {at}"),
        at,
    ];
    fitting(&texts, columns)
}

/// Tells the terminal itself how far it is, `None` that it is over: OSC 9;4, which shows on its tab or in
/// the task bar. Only those that are known to take it are told; others would beep or show it as text.
fn tell_terminal(percent: Option<u64>) {
    let names = |name: &str, values: &[&str]| {
        let value = std::env::var(name).unwrap_or_default();
        values.is_empty() && !value.is_empty() || values.contains(&value.as_str())
    };
    let takes_it = names("WT_SESSION", &[])
        || names("ConEmuANSI", &["ON"])
        || names("TERM_PROGRAM", &["WezTerm", "ghostty", "iTerm.app"]);
    let term = Term::stderr();
    if takes_it && term.is_term() {
        let (state, percent) = percent.map_or((0, 0), |percent| (1, percent));
        let _ = term.write_str(&format!("\x1b]9;4;{state};{percent}\x1b\\"));
    }
}

/// A terminal that leaves the cursor at the beginning of the last line. At its end, a `^C` that the
/// terminal echoes would begin a new line, and every line drawn after would stand one too low.
///
/// Each line ends in a line feed. indicatif writes blanks up to the margin, so that the next one begins by itself;
/// to the terminal all lines are one then, which it wraps anew when its width changes.
///
/// Once it takes nothing more (its window was closed, the connection to it broke) it is drawn on no
/// more. The run goes on, where indicatif would panic. Lines that cannot be written are not kept.
#[derive(Debug)]
struct Steady {
    term: Term,
    is_gone: AtomicBool,
    /// Whether the text of a line was written last, and whether there is one above the next.
    is_in_line: AtomicBool,
    has_line: AtomicBool,
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

/// The number of times a second that single lines may be drawn: more than there are to draw. A
/// lower one makes indicatif drop lines, and the last line would lag behind.
const LINES_PER_SECOND: u8 = u8::MAX;

/// Where bars are drawn: standard error, if it is a terminal.
fn target() -> ProgressDrawTarget {
    let term = Term::buffered_stderr();
    if !term.is_term() {
        return ProgressDrawTarget::hidden();
    }
    let steady = Steady {
        term,
        is_gone: AtomicBool::new(false),
        is_in_line: AtomicBool::new(false),
        has_line: AtomicBool::new(false),
    };
    ProgressDrawTarget::term_like_with_hz(Box::new(steady), LINES_PER_SECOND)
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
        self.unless_gone(|term| match text {
            "\r" => term.write_str(text),
            blanks if self.is_in_line.fetch_xor(true, Ordering::Relaxed) => {
                // To erase behind a full line would take its last character.
                term.write_str(if blanks.is_empty() { "" } else { "\x1b[K" })
            }
            line => {
                let is_next = self.has_line.swap(true, Ordering::Relaxed);
                term.write_str(if is_next { "\r\n" } else { "" })?;
                term.write_str(line)
            }
        })
    }

    fn clear_line(&self) -> io::Result<()> {
        self.unless_gone(Term::clear_line)
    }

    fn flush(&self) -> io::Result<()> {
        self.has_line.store(false, Ordering::Relaxed);
        self.unless_gone(|term| {
            term.write_str("\r")?;
            term.flush()
        })
    }
}
