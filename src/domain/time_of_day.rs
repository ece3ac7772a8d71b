//! A local time of day, as `--until` takes it, and when it is next.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil;
use jiff::tz::{Disambiguation, TimeZone};

use super::Time;

/// So many days are looked at for the next time a clock shows what was typed. No clock has ever
/// passed over more than one.
const DAYS_MAX: usize = 3;

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
    /// The next instant after `now` at which the system's clock shows this time.
    pub fn next(self, now: Time) -> Time {
        self.next_in(now, &TimeZone::system())
    }

    /// The next instant after `now` at which a clock in `zone` shows this time: tomorrow, if today's is
    /// past. Where clocks show it twice or pass over it, it is the first instant that may be meant.
    pub fn next_in(self, now: Time, zone: &TimeZone) -> Time {
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
            .unwrap_or_else(|| now.after(Duration::from_hours(24)))
    }
}
