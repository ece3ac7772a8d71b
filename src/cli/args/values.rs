//! Values of options that have a form of their own.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use jiff::civil;
use jiff::tz::{Disambiguation, TimeZone};

use crate::config::CONCURRENCY_MAX;
use crate::domain::{Action, Time};
use crate::lane::Until;
use crate::ledger::LedgerHead;
use crate::progress::Mode;

/// Where the sandbox listens unless told otherwise.
pub(super) const SANDBOX_LISTEN: &str = "127.0.0.1:8787";

/// So many days are looked at for the next time a clock shows what was typed. No clock has ever
/// passed over more than one.
const DAYS_MAX: usize = 3;

/// How rows stand in the input.
pub(super) fn formats() -> PossibleValuesParser {
    let formats = [
        ("auto", "By the extension, then by what stands in it"),
        ("csv", "Comma-separated values with a header"),
        ("tsv", "The same with tabs"),
        ("jsonl", "One JSON object, or bare id, a line"),
        ("json", "A JSON array of objects, or of bare ids"),
        ("ids", "One id a line"),
    ];
    formats
        .map(|(name, help)| PossibleValue::new(name).help(help))
        .into()
}

/// How progress is shown.
pub(super) fn modes() -> impl TypedValueParser<Value = Mode> {
    let modes = [
        ("auto", "Bars on a terminal, else plain lines"),
        ("bar", "Bars"),
        ("plain", "A plain line now and then"),
        ("json", "One JSON object a line"),
        ("none", "Nothing"),
    ];
    let modes = modes.map(|(name, help)| PossibleValue::new(name).help(help));
    PossibleValuesParser::from(modes).map(|name| match name.as_str() {
        "bar" => Mode::Bar,
        "plain" => Mode::Plain,
        "json" => Mode::Json,
        "none" => Mode::None,
        _ => Mode::Auto,
    })
}

pub(super) fn parse_action(text: &str) -> Result<Action, String> {
    let all = || Action::ALL.map(Action::name).join(", ");
    text.parse()
        .map_err(|()| format!("the actions are {}", all()))
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
    text.parse().map_err(|()| "a head is 64 hexadecimal digits")
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

/// A local time of day, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(civil::Time);

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = match text.as_bytes() {
            [_, _, b':', _, _] => civil::Time::strptime("%H:%M", text).ok(),
            _ => None,
        };
        let time = time.filter(|_| text.bytes().filter(u8::is_ascii_digit).count() == 4);
        time.map(Self).ok_or_else(|| {
            let text: String = text.chars().take(32).collect();
            format!(
                "`{text}` is no time of day; write two digits each, from 00:00 to 23:59, such as 06:00"
            )
        })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl TimeOfDay {
    /// When a lane stops, on the system's clock.
    pub(in crate::cli) fn until(self, now: Time) -> Until {
        Until {
            at: self.next(now, &TimeZone::system()),
            typed: self.to_string(),
        }
    }

    /// The next instant after `now` at which a clock in `zone` shows this time: tomorrow, if today's is
    /// past. Where clocks show it twice or pass over it, it is the first instant that may be meant.
    fn next(self, now: Time, zone: &TimeZone) -> Time {
        let today = now.timestamp().to_zoned(zone.clone()).date();
        let days = today.series(jiff::Span::new().days(1)).take(DAYS_MAX);
        let meant = days.flat_map(|day| {
            let at = day.to_datetime(self.0);
            [Disambiguation::Earlier, Disambiguation::Later]
                .map(|which| zone.to_ambiguous_timestamp(at).disambiguate(which))
        });
        let meant = meant
            .flatten()
            .map(|at| Time::from_millis(at.as_millisecond()));
        // A zone without a next midnight is no zone; a day from now is the most this can mean.
        meant
            .filter(|at| *at > now)
            .min()
            .unwrap_or_else(|| now.after(std::time::Duration::from_hours(24)))
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::TimeOfDay;
    use crate::domain::Time;

    #[test]
    fn it_is_the_next_time_a_clock_shows_it() {
        // Clocks are put forward at 2:00 on 8 March 2026 and back at 2:00 on 1 November.
        let new_york = "EST5EDT,M3.2.0,M11.1.0";
        // A zone that is off by seconds, as local mean times were.
        let odd = "ODD-01:23:45";
        for (zone, time, now, at) in [
            ("UTC0", "06:00", "11-22T05:00:00", "11-22T06:00:00"),
            ("UTC0", "06:00", "11-22T06:00:20", "11-23T06:00:00"),
            ("UTC0", "06:00", "11-22T06:00:00", "11-23T06:00:00"),
            ("UTC0", "00:00", "11-22T23:59:59", "11-23T00:00:00"),
            (new_york, "06:00", "11-22T05:00:00", "11-22T11:00:00"),
            (odd, "12:00", "11-22T10:36:12", "11-22T10:36:15"),
            (new_york, "02:30", "03-08T06:00:00", "03-08T06:30:00"),
            (new_york, "03:30", "03-08T06:00:00", "03-08T07:30:00"),
            (new_york, "01:30", "11-01T05:00:00", "11-01T05:30:00"),
            (new_york, "01:30", "11-01T05:45:00", "11-01T06:30:00"),
            (new_york, "01:30", "11-01T06:45:00", "11-02T06:30:00"),
        ] {
            let zone = TimeZone::posix(zone).unwrap();
            let instant = |text: &str| format!("2026-{text}Z").parse::<Time>().unwrap();
            let next = time.parse::<TimeOfDay>().unwrap().next(instant(now), &zone);
            assert_eq!(next, instant(at), "{time} after {now}");
        }
    }
}
