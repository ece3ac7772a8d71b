//! The two streams: data to standard output, what is said to a person, and diagnostics, to standard error.
//!
//! **Invariant**: nothing that came from outside (a column's or a file's name, an id, a provider's
//! words) reaches a terminal as a command to it. See [`escape_controls`].
//!
//! Of diagnostics, other crates speak at `warn` and above only, however many `-v` there are. Below
//! that, HTTP and TLS crates write headers and addresses, which hold tokens.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::Mutex;

use clap::ColorChoice;
use console::Term;
use indicatif::MultiProgress;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;

use super::args::{DiagnosticsArgs, LogFormat};
use super::recorder::locked;
use crate::domain::Time;
pub(super) use crate::domain::escape_controls;
use crate::ledger::LedgerState;
use crate::report::{self, Summary};
use crate::words::{FINAL, UNBROKEN, fold, folded, weighted};

/// How wide a page is at most, and where nobody looks at a terminal, in characters.
const WIDTH_MAX: usize = 80;

/// A narrower terminal breaks lines itself.
const WIDTH_MIN: usize = 40;

/// The bars that lines have to keep clear of; `None`: there are none.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// How wide the terminal is that shows `stream`; `None`: it is none.
pub(super) fn columns(stream: &Term) -> Option<usize> {
    let (_, columns) = stream.size_checked()?;
    Some(usize::from(columns))
}

/// How wide a page is, in characters.
pub(super) fn width() -> usize {
    seen().map_or(WIDTH_MAX, |columns| columns.clamp(WIDTH_MIN, WIDTH_MAX))
}

/// How wide the terminal is that shows standard output or standard error; `None`: none does.
pub(super) fn seen() -> Option<usize> {
    columns(&Term::stdout()).or_else(|| columns(&Term::stderr()))
}

/// `text` in lines that fit a page, as far as its words do; the lines after the first begin with
/// `indent` blanks.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    // It is looked for as a whole, to be given weight.
    let whole = FINAL.replace(' ', UNBROKEN);
    fold(&text.replace(FINAL, &whole), indent, width())
}

/// `text` as `stream` shows it: in lines that fit if that is a terminal, else as it is, for whoever
/// reads it line by line.
fn fitted<'t>(text: &'t str, stream: &Term) -> Cow<'t, str> {
    match columns(stream) {
        Some(columns) => folded(text, columns).into(),
        None => text.into(),
    }
}

/// Says something to the person. A closed standard error is nobody's trouble.
pub(super) fn tell(text: &str) {
    let text = escape_controls(text);
    let text = fitted(&text, &Term::stderr());
    let _ = writeln!(io::stderr().lock(), "{}", weighted_for_stderr(&text));
}

/// `text` with weight on what matters most, as far as standard error shows colours.
pub(super) fn weighted_for_stderr(text: &str) -> Cow<'_, str> {
    weighted(text, console::colors_enabled_stderr())
}

/// Puts out what people read, in lines that fit their terminal.
pub(super) fn put_page(text: &str) -> io::Result<()> {
    let text = escape_controls(text);
    let text = fitted(&text, &Term::stdout());
    let text = weighted(&text, console::colors_enabled());
    put_with(|out| writeln!(out, "{}", text.trim_end_matches('\n')))
}

/// Where the run of a ledger stands, which nobody is writing, and why rows are not done.
pub(super) fn render_state(state: &LedgerState) -> String {
    // A line that cannot be read any more is no reason to be silent about all others.
    let why = report::why(state).unwrap_or_default();
    let summary = Summary::new(state, false);
    report::text::render(&Summary { why, ..summary }, columns(&Term::stdout()))
}

/// Puts out where a run stands.
pub(super) fn put_summary(summary: &Summary) -> io::Result<()> {
    put_page(&report::text::render(summary, columns(&Term::stdout())))
}

/// Puts data out. A reader that went away is an error.
pub(super) fn put(text: &str) -> io::Result<()> {
    let text = escape_controls(text);
    put_with(|out| writeln!(out, "{}", text.strip_suffix('\n').unwrap_or(&text)))
}

/// Puts data out piece by piece, for what may be too long to be kept whole.
pub(super) fn put_with<E: From<io::Error>>(
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    Ok(out.flush()?)
}

/// Whether there is a person who can be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Has diagnostics written above `bars` from now on, or anywhere again with `None`.
pub(super) fn keep_clear_of(bars: Option<MultiProgress>) {
    *locked(&BARS) = bars;
}

/// Starts diagnostics for the whole process.
pub(super) fn start_log(args: DiagnosticsArgs) {
    let colours = match args.color {
        ColorChoice::Auto => None,
        choice => Some(choice == ColorChoice::Always),
    };
    if let Some(colours) = colours {
        console::set_colors_enabled(colours);
        console::set_colors_enabled_stderr(colours);
    }
    let level = match (args.quiet, args.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, _) => LevelFilter::INFO,
    };
    let filter = Targets::new()
        .with_target("userpurge", level)
        .with_default(level.min(LevelFilter::WARN));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(|| BesideBars)
        .with_timer(write_time as fn(&mut Writer<'_>) -> fmt::Result)
        // A terminal that is gone takes no line, and none about that either: it would be a panic.
        .log_internal_errors(false)
        .with_ansi(false);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match args.log_format {
        LogFormat::Text => layer.with_target(false).without_time().boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
    // It fails if there is one already, which then stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Times as ledgers write them.
fn write_time(writer: &mut Writer<'_>) -> fmt::Result {
    write!(writer, "{}", Time::now())
}

/// Standard error, with the bars taken away for the time of a line, which is folded if people read it.
struct BesideBars;

impl Write for BesideBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let write = || match std::str::from_utf8(line) {
            Ok(text) if !text.starts_with('{') => {
                let told = text.strip_prefix(" WARN ");
                let told = told.map(|it| format!("warning: {it}"));
                let told = told.as_deref().unwrap_or(text);
                io::stderr().write_all(fitted(told, &Term::stderr()).as_bytes())
            }
            Ok(_) | Err(_) => io::stderr().write_all(line),
        };
        let bars = locked(&BARS);
        match bars.as_ref() {
            Some(bars) => bars.suspend(write)?,
            None => write()?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
