//! Numbers, times and reasons, as short texts.

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::state::AccountState;
use crate::domain::Time;

/// `1,234,567`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The two largest units, rounded up to whole seconds: `42s`, `3m 05s`, `1h 12m`, `3d 04h`.
pub(super) fn duration(duration: Duration) -> String {
    let secs = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    if days > 0 {
        format!("{days}d {hours:02}h")
    } else if hours > 0 {
        format!("{hours}h {minutes:02}m")
    } else if minutes > 0 {
        format!("{minutes}m {:02}s", secs % 60)
    } else {
        format!("{secs}s")
    }
}

/// A time of day in `zone`, with the day where it is not today's: `16:42`, `Wed 16:42`,
/// `2026-12-24 16:42`.
pub(super) fn clock(at: Time, now: Time, zone: &TimeZone) -> String {
    let today = now.timestamp().to_zoned(zone.clone()).date();
    let at = at.timestamp().to_zoned(zone.clone());
    let format = match today.until(at.date()).map(|span| span.get_days()) {
        Ok(0) => "%H:%M",
        Ok(1..=6) => "%a %H:%M",
        Ok(_) | Err(_) => "%Y-%m-%d %H:%M",
    };
    at.strftime(format).to_string()
}

/// What an account is doing, as a text: `62/min, 1h 12m left`, `paused 1m 33s: 429 …`,
/// `stopped: …`. Empty: all rows ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doing {
    /// It waits, for so long and for that reason.
    Paused(Duration, String),
    /// It stopped.
    Stopped(&'static str),
    /// It works. Canary, pace and time left, as far as they are known.
    Working {
        canary: Option<String>,
        pace: Option<String>,
        left: Option<String>,
    },
}

impl Doing {
    pub(super) fn of(account: &AccountState, now: Time) -> Self {
        if let Some(stop) = account.stopped {
            return Self::Stopped(stop.told());
        }
        if let Some(pause) = account.paused(now) {
            return Self::Paused(pause.until.saturating_since(now), plain(&pause.reason));
        }
        let pace = account.per_minute(now).map(whole).filter(|pace| *pace > 0);
        let canary = account.canary();
        Self::Working {
            canary: canary
                .map(|(done, rows)| format!("canary {} of {}", number(done), number(rows))),
            pace: pace.map(|pace| format!("{}/min", number(pace))),
            left: account
                .left(now)
                .map(|left| format!("{} left", duration(left))),
        }
    }

    /// The same in full, without what can be done without, and without what is told elsewhere too.
    pub(super) fn by_length(&self) -> [String; 3] {
        let full = self.to_string();
        match self {
            Self::Paused(..) | Self::Stopped(_) => [full.clone(), full.clone(), full],
            Self::Working { canary, left, .. } => {
                let needed = canary.clone().unwrap_or_default();
                let short = canary.as_ref().or(left.as_ref()).cloned();
                [full, short.unwrap_or_default(), needed]
            }
        }
    }

    /// The colour that goes with it; the words say the same.
    pub(super) const fn colour(&self) -> &'static str {
        match self {
            Self::Paused(..) => "yellow",
            Self::Stopped(_) => "red",
            Self::Working { .. } => "",
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused(wait, reason) => write!(f, "paused {}: {reason}", duration(*wait)),
            Self::Stopped(reason) => write!(f, "stopped: {reason}"),
            Self::Working { canary, pace, left } => {
                let parts = [canary, pace, left].into_iter().flatten();
                f.write_str(&parts.cloned().collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Where an account stands, on a line of its own: `acme: 55 of 1,200 rows, 0 bad, 300/min, 3m 49s
/// left, ends 09:47`.
pub(super) fn line(account: &AccountState, now: Time, zone: &TimeZone) -> String {
    let doing = Doing::of(account, now).to_string();
    let end = account.left(now).map(|left| {
        let end = clock(now.after(left), now, zone);
        format!("ends {end}")
    });
    let parts = [Some(doing).filter(|doing| !doing.is_empty()), end];
    let parts = parts.into_iter().flatten();
    let rest = parts.fold(String::new(), |rest, part| format!("{rest}, {part}"));
    format!(
        "{}: {} of {} rows, {} bad{rest}",
        account.plan.name,
        number(account.done()),
        number(account.rows()),
        number(account.bad()),
    )
}

/// A pace without its decimals.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a pace is never negative, and the cast saturates"
)]
fn whole(pace: f64) -> u64 {
    pace.round() as u64
}

/// `text` cut to `columns`, the cut marked.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(columns.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Without control characters, which could move the cursor.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use jiff::tz::TimeZone;

    use super::{clock, duration, fit, number};
    use crate::domain::Time;

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(1000, "1,000")]
    #[case(1_234_567, "1,234,567")]
    fn numbers_have_groups(#[case] given: u64, #[case] text: &str) {
        assert_eq!(number(given), text);
    }

    #[rstest]
    #[case(0, "0s")]
    #[case(1, "1s")]
    #[case(42_000, "42s")]
    #[case(59_001, "1m 00s")]
    #[case(185_000, "3m 05s")]
    #[case(4_320_000, "1h 12m")]
    #[case(273_600_000, "3d 04h")]
    fn times_have_two_units_and_never_promise_too_little(#[case] millis: u64, #[case] text: &str) {
        assert_eq!(duration(Duration::from_millis(millis)), text);
    }

    #[rstest]
    #[case("2026-11-22T23:59:59Z", "16:59")]
    #[case("2026-11-23T07:00:00Z", "Mon 00:00")]
    #[case("2026-11-28T20:30:00Z", "Sat 13:30")]
    #[case("2026-11-29T20:30:00Z", "2026-11-29 13:30")]
    fn a_time_of_day_names_the_day_unless_it_is_today(#[case] at: &str, #[case] text: &str) {
        let zone = TimeZone::posix("ODD7").unwrap();
        let now: Time = "2026-11-22T09:30:00Z".parse().unwrap();
        assert_eq!(clock(at.parse().unwrap(), now, &zone), text);
    }

    #[rstest]
    #[case("abc", 3, "abc")]
    #[case("abcd", 3, "ab…")]
    #[case("äöüß", 3, "äö…")]
    #[case("abc", 0, "…")]
    fn a_text_is_cut_to_its_columns(#[case] text: &str, #[case] columns: usize, #[case] cut: &str) {
        assert_eq!(fit(text, columns), cut);
    }
}
