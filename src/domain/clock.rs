//! Wall-clock time as ledgers write it, and where it comes from.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant of wall-clock time, in milliseconds since the Unix epoch.
///
/// Written as RFC 3339 in UTC with exactly three decimals: `2026-11-22T09:30:00.125Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
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
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// This instant moved back by `by`.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// The same instant as a `jiff` timestamp, for local time of day.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match written(self.0) {
            Some(text) => f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?),
            None => write!(f, "{:.3}", self.timestamp()),
        }
    }
}

/// The text of a time, as `jiff` has it; `None`: its year has not four digits. A ledger has one in
/// every line, and a run writes two lines a row.
fn written(millis: i64) -> Option<[u8; 24]> {
    let (days, in_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    // Days from the first of March of the year 0, so that the day that may be missing is the last
    // of a year; eras are 400 years, after which the calendar is the same again.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = 400 * era + year_of_era + i64::from(month <= 2);
    if !(0..=9_999).contains(&year) {
        return None;
    }
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |place: usize, digits: usize, mut number: i64| {
        for at in (place..place + digits).rev() {
            // A digit.
            text[at] = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    put(11, 2, in_day / 3_600_000);
    put(14, 2, in_day / 60_000 % 60);
    put(17, 2, in_day / 1_000 % 60);
    put(20, 3, in_day % 1_000);
    Some(text)
}

impl FromStr for Time {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(millis) = as_written(text.as_bytes()) {
            return Ok(Self(millis));
        }
        text.parse::<Timestamp>()
            .map(|at| Self(at.as_millisecond()))
    }
}

/// The milliseconds of a time in the very form that [`Time`] is written in; `None`: it has another
/// form, or names no day or time of day. A ledger has one in every line.
fn as_written(text: &[u8]) -> Option<i64> {
    let [
        years @ ..,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b'.',
        f1,
        f2,
        f3,
        b'Z',
    ] = text
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i64, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
            Some(number * 10 + digit)
        })
    };
    let [_, _, _, _] = years else { return None };
    let (year, month, day) = (number(years)?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let (hour, minute) = (number(&[*h1, *h2])?, number(&[*n1, *n2])?);
    let (second, millis) = (number(&[*s1, *s2])?, number(&[*f1, *f2, *f3])?);
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days_of_month = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    // A leap second is jiff's matter, as is anything else that is out of the ordinary.
    if !(1..=days_of_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years begin with March, so that the day that may be missing is the last of a year.
    let year = year - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
            - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + millis)
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match written(self.0)
            .as_ref()
            .map(|text| std::str::from_utf8(text))
        {
            Some(Ok(text)) => serializer.serialize_str(text),
            Some(Err(_)) | None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl serde::de::Visitor<'_> for Text {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time in RFC 3339")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Where wall-clock time comes from; a test hands in its own.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> Time + Send + Sync>);

impl WallClock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Arc::new(|| Time(Timestamp::now().as_millisecond())))
    }

    /// A clock that says what `now` says.
    pub fn from_fn(now: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time it is.
    pub fn now(&self) -> Time {
        (self.0)()
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::{Time, as_written};

    proptest! {
        #[test]
        fn a_time_is_written_as_jiff_writes_it(
            millis in -62_200_000_000_000_i64..253_402_207_200_000,
        ) {
            let time = Time::from_millis(millis);
            prop_assert_eq!(time.to_string(), format!("{:.3}", time.timestamp()));
        }

        #[test]
        fn a_time_is_read_on_the_short_way_as_jiff_reads_it(
            millis in -62_000_000_000_000_i64..253_000_000_000_000,
            place in 0..24_usize,
            digit in 0..10_u8,
        ) {
            let text = Time::from_millis(millis).to_string();
            prop_assert_eq!(as_written(text.as_bytes()), Some(millis));
            // Days and hours that are none, leap days among them.
            let mut bytes = text.into_bytes();
            if bytes[place].is_ascii_digit() {
                bytes[place] = b'0' + digit;
            }
            if let Some(millis) = as_written(&bytes) {
                let text = String::from_utf8(bytes).unwrap();
                let at: Timestamp = text.parse().unwrap();
                prop_assert_eq!(millis, at.as_millisecond(), "{}", text);
            }
        }
    }

    #[test]
    fn a_time_is_written_in_utc_with_three_decimals_and_reads_back() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_340_600_125, "2026-11-22T09:43:20.125Z"),
            (1_795_340_600_000, "2026-11-22T09:43:20.000Z"),
        ] {
            let time = Time::from_millis(millis);
            assert_eq!(time.to_string(), text);
            assert_eq!(text.parse::<Time>().unwrap(), time);
        }
    }
}
