//! Diagnostics on standard error, as `-v`, `-q` and `--log-format` ask for them.

use tracing_subscriber::EnvFilter;

use super::args::{Diagnostics, LogFormat};

/// Starts diagnostics. Libraries that print headers (and with them credentials) when asked for
/// everything are never let below warnings, whatever `-v` says.
pub(super) fn start(diagnostics: &Diagnostics) {
    let level = match (diagnostics.quiet, diagnostics.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let filter = EnvFilter::new(format!("warn,userpurge={level}"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, in a test of the library, is no reason to fail.
    let _ = match diagnostics.log_format {
        LogFormat::Text => builder.with_target(false).with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
