//! Numbers, times and names as people read them, words as a shell takes them, and lines that fit a page.

use std::path::Path;
use std::time::Duration;

use console::measure_text_width;
use jiff::tz::TimeZone;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, fill};

use crate::domain::Time;

/// How wide a label may be that a text stands beside, with the blanks behind it.
const LABEL_MAX: usize = 24;

/// Stands for a blank at which no line is broken.
const UNBROKEN: &str = "\u{E000}";

/// A number with its thousands set apart: `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 row`, `1,234 rows`.
pub fn count(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(n))
}

/// The two largest units, rounded to seconds: `42 s`, `3 min 5 s`, `1 h 12 min`, `3 d 4 h`.
pub fn duration(duration: Duration) -> String {
    let secs = duration.as_secs() + u64::from(duration.subsec_millis() >= 500);
    match units(secs) {
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, ..) => format!("{days} d {hours} h"),
    }
}

/// The same for narrow lines, rounded up and as wide as it stays: `42s`, `3m 05s`, `1h 12m`.
pub fn short_duration(duration: Duration) -> String {
    let secs = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    match units(secs) {
        (0, 0, 0, seconds) => format!("{seconds}s"),
        (0, 0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (0, hours, minutes, _) => format!("{hours}h {minutes:02}m"),
        (days, hours, ..) => format!("{days}d {hours:02}h"),
    }
}

/// Days, hours, minutes and seconds.
const fn units(secs: u64) -> (u64, u64, u64, u64) {
    (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60, secs % 60)
}

/// A time to the second, in UTC: `2026-11-22 09:30:00 UTC`.
pub fn utc(at: Time) -> String {
    at.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A time of day in `zone`, with the day where it is not today's: `16:42`, `Wed 16:42`,
/// `2026-12-24 16:42`.
pub fn clock(at: Time, now: Time, zone: &TimeZone) -> String {
    let today = now.timestamp().to_zoned(zone.clone()).date();
    let at = at.timestamp().to_zoned(zone.clone());
    let format = match today.until(at.date()).map(|span| span.get_days()) {
        Ok(0) => "%H:%M",
        Ok(1..=6) => "%a %H:%M",
        Ok(_) | Err(_) => "%Y-%m-%d %H:%M",
    };
    at.strftime(format).to_string()
}

/// A word as a POSIX shell takes it: as it stands if it is plain, else in single quotes.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=~".contains(c);
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('~') {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A path as a word of a command. No quotes keep a dash at its beginning from being an option.
pub fn shell_path(path: impl AsRef<Path>) -> String {
    let path = path.as_ref().to_string_lossy();
    if path.starts_with('-') {
        return shell_word(&format!("./{path}"));
    }
    shell_word(&path)
}

/// `text` on one line, without control characters: none moves a terminal's cursor.
pub fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

/// At most `columns` characters of `text`; `…` marks a cut at its end.
pub fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let begin = text.chars().take(columns.saturating_sub(1));
    begin.chain(['…']).collect()
}

/// At most `columns` characters of `text`, its beginning and its end; `…` marks what is left out.
pub fn cut_middle(text: &str, columns: usize) -> String {
    let length = text.chars().count();
    if length <= columns {
        return text.to_owned();
    }
    let end = columns.saturating_sub(1) / 2;
    let begin = text.chars().take(columns.saturating_sub(1) - end);
    begin
        .chain(['…'])
        .chain(text.chars().skip(length - end))
        .collect()
}

/// `line` in lines of so many columns, as far as its words fit; those after the first begin with `indent`
/// blanks. What stands between backticks stays whole.
pub fn fold(line: &str, indent: usize, columns: usize) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let is_closed = |number: usize| number % 2 == 1 && number + 1 < parts.len();
    let parts = parts.iter().enumerate().map(|(number, part)| {
        if is_closed(number) {
            part.replace(' ', UNBROKEN)
        } else {
            (*part).to_owned()
        }
    });
    let indent = " ".repeat(indent);
    let options = Options::new(columns)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    fill(&parts.collect::<Vec<_>>().join("`"), options).replace(UNBROKEN, " ")
}

/// `text` for a terminal of so many `columns`: each line that is longer goes on below, deeper than
/// itself and than what follows, or beside its label. A command stays whole, so that it is copied as
/// it is typed.
pub fn folded(text: &str, columns: usize) -> String {
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let lines: Vec<&str> = text.split('\n').collect();
    let fitted = lines.iter().enumerate().map(|(number, line)| {
        let is_command = line.contains("  userpurge ") || line.contains("Next: userpurge ");
        if measure_text_width(line) <= columns || is_command {
            return (*line).to_owned();
        }
        let next = lines.get(number + 1).map_or(0, |next| blanks(next));
        let begins = blanks(line);
        let gap = line[begins..].find("  ").map(|gap| begins + gap);
        let beside = gap.map(|gap| gap + blanks(&line[gap..]));
        let beside = beside.filter(|text| *text < line.len() && *text <= LABEL_MAX);
        fold(line, beside.unwrap_or(begins.max(next) + 2), columns)
    });
    fitted.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;
    use rstest::rstest;

    use super::{clock, count, cut, cut_middle, duration, grouped, shell_path, short_duration};
    use crate::domain::Time;

    #[rstest]
    #[case(0, "0", "0 rows")]
    #[case(1, "1", "1 row")]
    #[case(999, "999", "999 rows")]
    #[case(1000, "1,000", "1,000 rows")]
    #[case(1_234_567, "1,234,567", "1,234,567 rows")]
    fn numbers_have_groups(#[case] n: u64, #[case] number: &str, #[case] rows: &str) {
        assert_eq!(
            (grouped(n).as_str(), count(n, "row").as_str()),
            (number, rows)
        );
    }

    #[rstest]
    #[case(0, "0 s", "0s")]
    #[case(42_000, "42 s", "42s")]
    #[case(59_001, "59 s", "1m 00s")]
    #[case(59_500, "1 min 0 s", "1m 00s")]
    #[case(185_000, "3 min 5 s", "3m 05s")]
    #[case(4_320_000, "1 h 12 min", "1h 12m")]
    #[case(273_600_000, "3 d 4 h", "3d 04h")]
    fn durations_have_two_units(#[case] millis: u64, #[case] long: &str, #[case] short: &str) {
        let given = Duration::from_millis(millis);
        assert_eq!(
            (duration(given).as_str(), short_duration(given).as_str()),
            (long, short)
        );
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
    #[case("users.csv", "users.csv")]
    #[case("my users.csv", "'my users.csv'")]
    #[case("it's.csv", r"'it'\''s.csv'")]
    #[case("~root", "'~root'")]
    #[case("-rf", "./-rf")]
    #[case("", "''")]
    fn a_word_can_be_typed_again(#[case] word: &str, #[case] typed: &str) {
        assert_eq!(shell_path(word), typed);
    }

    #[rstest]
    #[case("abc", 3, "abc", "abc")]
    #[case("abcd", 3, "ab…", "a…d")]
    #[case("äöüß", 3, "äö…", "ä…ß")]
    #[case("abc", 0, "…", "…")]
    fn a_text_is_cut(
        #[case] text: &str,
        #[case] columns: usize,
        #[case] end: &str,
        #[case] middle: &str,
    ) {
        assert_eq!(
            (
                cut(text, columns).as_str(),
                cut_middle(text, columns).as_str()
            ),
            (end, middle)
        );
    }
}
