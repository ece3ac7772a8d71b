//! Wall-clock time as ledgers write it, and a local time of day, as `--until` takes it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::{Disambiguation, TimeZone};
use jiff::{Timestamp, civil};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant of wall-clock time in milliseconds, written as in `2026-11-22T09:30:00.125Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Time(i64);

impl Time {
    /// The time it is by the clock of the machine.
    pub fn now() -> Self {
        Self(Timestamp::now().as_millisecond())
    }

    /// The instant `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this instant is; zero if it is not after it.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This instant moved on by `by`.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// This instant moved back by `by`.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }

    /// The same instant as a `jiff` timestamp, for local time of day.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(|at| Self(at.as_millisecond()))
    }
}

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
