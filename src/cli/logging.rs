//! Diagnostics on standard error, as text or JSON, beside the bars and never through them.
//!
//! Other crates speak at `warn` and above only, however many `-v` there are: below that, HTTP and
//! TLS crates write headers and addresses, which hold tokens.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use super::args::{DiagnosticsArgs, LogFormat};
use super::terminal::{self, Stream};
use crate::domain::WallClock;

/// The target of everything this program says itself.
const OWN_TARGET: &str = "userpurge";

/// The bars that lines have to keep clear of; `None`: there are none.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Starts diagnostics for the whole process. Of a second call, nothing comes.
pub(super) fn start(args: DiagnosticsArgs) {
    let subscriber = subscriber(args, WallClock::system(), || BesideBars);
    // It fails if there is one already, which then stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Has lines written above `bars` from now on, or anywhere again with `None`.
pub(super) fn keep_clear_of(bars: Option<MultiProgress>) {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = bars;
}

/// What the options come to.
fn level(args: DiagnosticsArgs) -> LevelFilter {
    match (args.quiet, args.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    }
}

fn subscriber<W>(
    args: DiagnosticsArgs,
    clock: WallClock,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = level(args);
    let filter = Targets::new()
        .with_target(OWN_TARGET, level)
        .with_default(level.min(LevelFilter::WARN));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_timer(Clock(clock))
        // A terminal that is gone takes no line, and none about that either: it would be a panic.
        .log_internal_errors(false)
        .with_ansi(false);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match args.log_format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter))
}

/// Times as ledgers write them.
struct Clock(WallClock);

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{}", self.0.now())
    }
}

/// Standard error, with the bars taken away for the time of a line.
struct BesideBars;

impl Write for BesideBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let bars = BARS.lock().unwrap_or_else(PoisonError::into_inner);
        match bars.as_ref() {
            Some(bars) => bars.suspend(|| fitted_to_stderr(line)),
            None => fitted_to_stderr(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Writes `line`, folded on a terminal if it is for people.
fn fitted_to_stderr(line: &[u8]) -> io::Result<usize> {
    match std::str::from_utf8(line) {
        Ok(text) if !text.starts_with('{') => {
            let fitted = terminal::fitted(text, Stream::Err);
            io::stderr().write_all(fitted.as_bytes())?;
            Ok(line.len())
        }
        Ok(_) | Err(_) => io::stderr().write(line),
    }
}
