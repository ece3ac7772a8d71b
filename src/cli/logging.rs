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
pub fn keep_clear_of(bars: Option<MultiProgress>) {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = bars;
}

/// Says `text`, line feeds and all, above the bars if there are any.
pub(super) fn say_beside_bars(text: &str) {
    // A closed standard error is nobody's trouble.
    let _ = BesideBars.write_all(text.as_bytes());
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

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use rstest::rstest;

    use super::{DiagnosticsArgs, LogFormat, subscriber};
    use crate::domain::{Time, WallClock};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// All that is written when everybody says something at every level.
    fn said(log_format: LogFormat, verbose: u8, quiet: bool) -> String {
        let lines = Lines::default();
        let args = DiagnosticsArgs {
            log_format,
            verbose,
            quiet,
        };
        let writer = lines.clone();
        let clock = WallClock::from_fn(|| Time::from_millis(0));
        let subscriber = subscriber(args, clock, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "userpurge::run", "own error");
            tracing::warn!(target: "userpurge::run", "own warning");
            tracing::info!(target: "userpurge::run", account = "acme", "own info");
            tracing::debug!(target: "userpurge::run", "own debug");
            tracing::trace!(target: "userpurge::run", "own trace");
            for _ in 0..1 {
                tracing::warn!(target: "hyper::client", "foreign warning");
                tracing::info!(target: "hyper::client", "foreign info with a header");
                tracing::trace!(target: "rustls", "foreign trace with a header");
            }
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[rstest]
    #[case(0, true, 1)]
    #[case(0, false, 3)]
    #[case(1, false, 4)]
    #[case(2, false, 5)]
    #[case(3, false, 6)]
    #[case(9, false, 6)]
    fn more_v_say_more_of_ours_and_nothing_of_others(
        #[case] verbose: u8,
        #[case] quiet: bool,
        #[case] lines: usize,
    ) {
        let said = said(LogFormat::Text, verbose, quiet);
        assert_eq!(said.lines().count(), lines, "{said}");
        assert!(!said.contains("header"), "{said}");
    }

    #[test]
    fn a_line_is_text_or_one_json_object() {
        insta::assert_snapshot!(said(LogFormat::Text, 1, false), @r#"
        1970-01-01T00:00:00.000Z ERROR own error
        1970-01-01T00:00:00.000Z  WARN own warning
        1970-01-01T00:00:00.000Z  INFO own info account="acme"
        1970-01-01T00:00:00.000Z  WARN foreign warning
        "#);
        insta::assert_snapshot!(said(LogFormat::Json, 1, false), @r#"
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"ERROR","message":"own error","target":"userpurge::run"}
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"WARN","message":"own warning","target":"userpurge::run"}
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"INFO","message":"own info","account":"acme","target":"userpurge::run"}
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"WARN","message":"foreign warning","target":"hyper::client"}
        "#);
    }
}
