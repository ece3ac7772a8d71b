//! Values of options that have a form of their own.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use clap::builder::{PathBufValueParser, PossibleValuesParser, TypedValueParser};

use crate::cli::planning::DASH;
use crate::config::CONCURRENCY_MAX;
use crate::domain::Action;
use crate::ledger::LedgerHead;
use crate::progress::Mode;

/// Where the sandbox listens unless told otherwise.
pub(super) const SANDBOX_LISTEN: &str = "127.0.0.1:8787";

/// How progress is shown.
pub(super) fn modes() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(Mode::ALL.map(Mode::name)).map(|name| {
        let mut modes = Mode::ALL.into_iter();
        modes.find(|it| it.name() == name).unwrap_or_default()
    })
}

pub(super) fn parse_action(text: &str) -> Result<Action, String> {
    let known = Action::among(&Action::ALL, text).or_else(|| Action::named(text));
    known.ok_or_else(|| "write an action's name, such as delete".to_owned())
}

/// The path of an input; that of standard input is `-`.
pub(super) fn inputs() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(|path| match path.to_str() {
        Some("/dev/stdin" | "/dev/fd/0") => PathBuf::from(DASH),
        _ => path,
    })
}

/// What stands between two cells.
pub(super) fn parse_delimiter(text: &str) -> Result<char, &'static str> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok('\t'),
        // A letter or digit would take ids apart, a quote or line break the rows.
        [byte]
            if byte.is_ascii()
                && !byte.is_ascii_alphanumeric()
                && !matches!(byte, b'"' | b'\'' | b'\n' | b'\r' | 0) =>
        {
            Ok(char::from(*byte))
        }
        _ => Err("write one character such as ; or | or the word tab"),
    }
}

pub(super) fn parse_rows(text: &str) -> Result<u64, &'static str> {
    let rows = text.parse();
    rows.map_err(|_| "write a number of rows, in digits alone, such as 12480")
}

pub(super) fn parse_some_rows(text: &str) -> Result<NonZeroU64, &'static str> {
    let rows = parse_rows(text)?;
    NonZeroU64::new(rows).ok_or("write a number of rows, 1 at least")
}

pub(super) fn parse_concurrency(text: &str) -> Result<NonZeroU32, String> {
    let number = text.parse::<NonZeroU32>().ok();
    number
        .filter(|number| number.get() <= CONCURRENCY_MAX)
        .ok_or_else(|| format!("write a number from 1 to {CONCURRENCY_MAX}"))
}

pub(super) fn parse_seed(text: &str) -> Result<u64, &'static str> {
    let seed = text.parse();
    seed.map_err(|_| "write the number that `verify` said the sample was drawn with")
}

pub(super) fn parse_head(text: &str) -> Result<LedgerHead, &'static str> {
    text.parse()
        .map_err(|()| "a fingerprint is 64 hexadecimal digits")
}

pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        Ok(_) => Err("a sandbox listens on loopback only; write 127.0.0.1 or [::1]".to_owned()),
        Err(_) => Err(format!(
            "write an address and a port, such as {SANDBOX_LISTEN}"
        )),
    }
}

/// What the sandbox multiplies the providers' limits by.
pub(super) fn parse_scale(text: &str) -> Result<f64, &'static str> {
    let factor = text.trim().parse::<f64>().ok();
    factor
        .filter(|factor| *factor > 0.0 && *factor <= 1e6)
        .ok_or("write a factor above 0, at most 1000000, such as 10 or 0.5")
}
