//! A page as a terminal of eighty columns shows it: lines that fit, times that people say.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::Time;

/// How wide a page is, in characters.
pub(super) const WIDTH: usize = 80;

/// `text` in lines of at most [`WIDTH`] characters, as far as its words are no longer; the lines
/// after the first begin with `indent` blanks.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = String::with_capacity(text.len() + 16);
    let mut width = 0;
    let begins = text.len() - text.trim_start_matches(' ').len();
    lines.push_str(&text[..begins]);
    width += begins;
    // At single blanks: a file's name may have more.
    for (place, word) in text[begins..].split(' ').enumerate() {
        let length = word.chars().count();
        if place > 0 {
            if width + 1 + length > WIDTH {
                lines.push('\n');
                lines.push_str(&" ".repeat(indent));
                width = indent;
            } else {
                lines.push(' ');
                width += 1;
            }
        }
        lines.push_str(word);
        width += length;
    }
    lines
}

/// When what takes `time` from `now` on ends, as the system's clock shows it.
pub(super) fn ends(now: Time, time: Duration) -> String {
    ends_in(now, time, &TimeZone::system())
}

/// The time of day to the minute, with the date if it is another day's.
fn ends_in(now: Time, time: Duration, zone: &TimeZone) -> String {
    let day = |at: Time| at.timestamp().to_zoned(zone.clone());
    let (now, end) = (day(now), day(now.after(time)));
    let form = if now.date() == end.date() {
        "%H:%M"
    } else {
        "%H:%M on %a %Y-%m-%d"
    };
    end.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::{WIDTH, ends_in, wrapped};
    use crate::domain::Time;

    #[rstest]
    #[case(0, "15:25")]
    #[case(75, "16:40")]
    #[case(514, "23:59")]
    #[case(515, "00:00 on Wed 2026-11-25")]
    #[case(60 * 24 * 40, "15:25 on Sun 2027-01-03")]
    fn the_end_is_a_time_of_day_and_a_date_if_it_is_not_today(
        #[case] minutes: u64,
        #[case] told: &str,
    ) {
        let now: jiff::Timestamp = "2026-11-24T14:25:30Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let now = Time::from_millis(now.as_millisecond());
        assert_eq!(ends_in(now, Duration::from_mins(minutes), &zone), told);
    }

    proptest! {
        #[test]
        fn lines_fit_and_keep_their_words(text in " {0,4}([a-zäß]{1,30} ){0,30}", indent in 0_usize..12) {
            let lines = wrapped(&text, indent);
            prop_assert!(lines.lines().all(|line| line.chars().count() <= WIDTH));
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&lines), words(&text));
        }
    }
}
