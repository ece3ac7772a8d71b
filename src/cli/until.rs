//! `--until HH:MM`: a local time of day, the instant it means, and what fits until then.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};
use thiserror::Error;

use super::accounts::limits_of;
use super::planning::Planned;
use super::setup::Setup;
use crate::domain::Time;
use crate::lane::Until;
use crate::plan::rows_within;
use crate::words::duration;

/// So many days are looked at for the next time a clock shows what was typed. No clock has ever
/// passed over more than one.
const DAYS_MAX: i64 = 3;

/// A local time of day, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(civil::Time);

/// Why a text is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is no time of day; write two digits each, from 00:00 to 23:59, such as 06:00")]
pub struct TimeOfDayError {
    text: String,
}

impl FromStr for TimeOfDay {
    type Err = TimeOfDayError;

    fn from_str(text: &str) -> Result<Self, TimeOfDayError> {
        let wrong = || TimeOfDayError {
            text: text.chars().take(32).collect(),
        };
        let number = |digits: &[u8]| match digits {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                i8::try_from((tens - b'0') * 10 + ones - b'0').ok()
            }
            _ => None,
        };
        let (hour, minute) = match text.as_bytes() {
            [hour @ .., b':', tens, ones] => (number(hour), number(&[*tens, *ones])),
            _ => (None, None),
        };
        let (hour, minute) = hour.zip(minute).ok_or_else(wrong)?;
        civil::Time::new(hour, minute, 0, 0)
            .map(Self)
            .map_err(|_| wrong())
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl TimeOfDay {
    /// When a lane stops, on the system's clock.
    pub(super) fn until(self, now: Time) -> Until {
        Until {
            at: self.next(now, &TimeZone::system()),
            typed: self.to_string(),
        }
    }

    /// The next instant after `now` at which a clock in `zone` shows this time: tomorrow, if today's
    /// is past. Where clocks are put forward over it, it is the instant at which they are; where
    /// they are put back and show it twice, it is whichever comes first.
    fn next(self, now: Time, zone: &TimeZone) -> Time {
        let today = now.timestamp().to_zoned(zone.clone()).date();
        let days = (0..DAYS_MAX).filter_map(|days| {
            let day = today.checked_add(jiff::Span::new().days(days)).ok()?;
            Some(day.to_datetime(self.0))
        });
        let shown = days.flat_map(|at| shown_at(at, zone));
        // A zone without a next midnight is no zone; a day from now is the most this can mean.
        shown
            .filter(|at| *at > now)
            .min()
            .unwrap_or_else(|| now.after(std::time::Duration::from_hours(24)))
    }
}

/// When a clock in `zone` shows `at`, or passes over it.
fn shown_at(at: civil::DateTime, zone: &TimeZone) -> Vec<Time> {
    let instant = |offset: jiff::tz::Offset| offset.to_timestamp(at).ok();
    let instants = match zone.to_ambiguous_timestamp(at).offset() {
        AmbiguousOffset::Unambiguous { offset } => [instant(offset), None],
        AmbiguousOffset::Fold { before, after } => [instant(before), instant(after)],
        // By the later of the two offsets it would have been before the change.
        AmbiguousOffset::Gap { after, .. } => {
            let before_it = instant(after);
            let change = before_it.and_then(|from| zone.following(from).next());
            [change.map(|change| change.timestamp()), None]
        }
    };
    instants
        .into_iter()
        .flatten()
        .map(|at| Time::from_millis(at.as_millisecond()))
        .collect()
}

/// When the run will stop, and for each account how many of its rows fit until then, if nothing
/// but the quotas slows it down.
pub(super) fn told(setup: &Setup, planned: &Planned, until: &Until, now: Time) -> String {
    let left = until.at.saturating_since(now);
    let mut text = format!("{}\n", stops(until, now));
    for (name, actions) in &planned.plan.accounts {
        let Some(account) = setup.account(name) else {
            continue;
        };
        let rows: Vec<_> = actions
            .iter()
            .map(|(action, group)| (*action, group.rows))
            .collect();
        let all: u64 = rows.iter().map(|(_, rows)| rows).sum();
        let fit = rows_within(&rows, &limits_of(account), left);
        let _ = if fit == all {
            writeln!(text, "  {name}: all {all} rows fit at the quota")
        } else {
            writeln!(
                text,
                "  {name}: about {fit} of {all} rows fit at the quota; `userpurge resume` goes on with the rest"
            )
        };
    }
    text
}

/// When the run will stop.
pub(super) fn stops(until: &Until, now: Time) -> String {
    let at = until.at.timestamp().to_zoned(TimeZone::system());
    format!(
        "As --until asks, no row is begun after {} ({} from now).",
        at.strftime("%Y-%m-%d %H:%M"),
        duration(until.at.saturating_since(now))
    )
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use rstest::rstest;

    use super::TimeOfDay;
    use crate::domain::Time;

    #[rstest]
    #[case("00:00", true)]
    #[case("06:00", true)]
    #[case("23:59", true)]
    #[case("24:00", false)]
    #[case("23:60", false)]
    #[case("7:5", false)]
    #[case("7:05", false)]
    #[case("07:5", false)]
    #[case("007:05", false)]
    #[case("0700", false)]
    #[case("07:00:00", false)]
    #[case("+7:00", false)]
    #[case("-1:00", false)]
    #[case(" 7:00", false)]
    #[case("7pm", false)]
    #[case("٠٧:00", false)]
    #[case("", false)]
    fn a_time_of_day_is_two_digits_each(#[case] text: &str, #[case] good: bool) {
        let read = text.parse::<TimeOfDay>();
        assert_eq!(read.is_ok(), good);
        if let Ok(time) = read {
            assert_eq!(time.to_string(), text);
        } else {
            assert!(read.unwrap_err().to_string().contains("23:59"));
        }
    }

    /// Clocks are put forward at 2:00 on 8 March 2026 and back at 2:00 on 1 November.
    const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
    /// A zone that is off by seconds, as local mean times were.
    const ODD: &str = "ODD-01:23:45";

    #[rstest]
    #[case::later_today("UTC0", "06:00", "2026-11-22T05:00:00Z", "2026-11-22T06:00:00Z")]
    #[case::past_today("UTC0", "06:00", "2026-11-22T06:00:20Z", "2026-11-23T06:00:00Z")]
    #[case::right_now("UTC0", "06:00", "2026-11-22T06:00:00Z", "2026-11-23T06:00:00Z")]
    #[case::midnight("UTC0", "00:00", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z")]
    #[case::the_last_of_a_year("UTC0", "01:00", "2026-12-31T02:00:00Z", "2027-01-01T01:00:00Z")]
    #[case::a_local_time(NEW_YORK, "06:00", "2026-11-22T05:00:00Z", "2026-11-22T11:00:00Z")]
    #[case::to_the_second(ODD, "12:00", "2026-11-22T10:36:12Z", "2026-11-22T10:36:15Z")]
    #[case::skipped(NEW_YORK, "02:30", "2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z")]
    #[case::skipped_and_past(NEW_YORK, "02:30", "2026-03-08T07:10:00Z", "2026-03-09T06:30:00Z")]
    #[case::behind_the_gap(NEW_YORK, "03:30", "2026-03-08T06:00:00Z", "2026-03-08T07:30:00Z")]
    #[case::twice(NEW_YORK, "01:30", "2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z")]
    #[case::the_second_time(NEW_YORK, "01:30", "2026-11-01T05:45:00Z", "2026-11-01T06:30:00Z")]
    #[case::after_both(NEW_YORK, "01:30", "2026-11-01T06:45:00Z", "2026-11-02T06:30:00Z")]
    fn it_is_the_next_time_a_clock_shows_it(
        #[case] zone: &str,
        #[case] time: &str,
        #[case] now: &str,
        #[case] at: &str,
    ) {
        let zone = TimeZone::posix(zone).unwrap();
        let now: Time = now.parse().unwrap();
        let at: Time = at.parse().unwrap();
        assert_eq!(time.parse::<TimeOfDay>().unwrap().next(now, &zone), at);
    }
}
