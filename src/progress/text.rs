//! Numbers, times and reasons, as short texts.

use std::time::Duration;

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

/// What an account is doing: `62/min, 1h 12m left`, `paused 1m 33s: 429 …`, `stopped: …`.
/// Empty: all rows ended.
pub(super) fn doing(account: &AccountState, now: Time) -> String {
    if let Some(stop) = account.stopped {
        return format!("stopped: {}", stop.told());
    }
    if let Some(pause) = account.paused(now) {
        let wait = duration(pause.until.saturating_since(now));
        return format!("paused {wait}: {}", plain(&pause.reason));
    }
    let pace = account
        .per_minute(now)
        .map(whole)
        .filter(|pace| *pace > 0)
        .map(|pace| format!("{}/min", number(pace)));
    let left = account
        .left(now)
        .map(|left| format!("{} left", duration(left)));
    let canary = account
        .canary()
        .map(|(done, rows)| format!("canary {} of {}", number(done), number(rows)));
    [canary, pace, left]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
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

    use super::{duration, fit, number};

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
    #[case("abc", 3, "abc")]
    #[case("abcd", 3, "ab…")]
    #[case("äöüß", 3, "äö…")]
    #[case("abc", 0, "…")]
    fn a_text_is_cut_to_its_columns(#[case] text: &str, #[case] columns: usize, #[case] cut: &str) {
        assert_eq!(fit(text, columns), cut);
    }
}
