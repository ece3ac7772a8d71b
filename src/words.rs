//! Numbers, times and names as people read them, words as a shell takes them, and lines that fit a page.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use console::{measure_text_width, style};
use jiff::tz::TimeZone;
use regex_lite::{Captures, Regex};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, fill};

use crate::domain::Time;

/// How wide a label may be that a text stands beside, with the blanks behind it.
const LABEL_MAX: usize = 24;

/// The words that a person has to see before all else.
pub const FINAL: &str = "cannot be undone";

/// The first word of a failure.
const ERROR: &str = "error:";

/// Stands for a blank at which no line is broken.
pub const UNBROKEN: &str = "\u{E000}";

/// `text` with weight on what matters most, where `colours` are shown.
pub fn weighted(text: &str, colours: bool) -> Cow<'_, str> {
    if !colours {
        return text.into();
    }
    let heavy = |words: &str| {
        let words = style(words).bold().red();
        words.force_styling(true).to_string()
    };
    let text = text.replace(FINAL, &heavy(FINAL));
    match text.strip_prefix(ERROR) {
        Some(rest) => (heavy(ERROR) + rest).into(),
        None => text.into(),
    }
}

/// The text behind `key` in `texts`, which have one on each line; `None`: there is none.
pub fn behind(texts: &'static str, key: &str) -> Option<&'static str> {
    let mut all = texts.lines().filter_map(|line| line.split_once(": "));
    all.find(|(own, _)| *own == key).map(|(_, text)| text)
}

/// A number with its thousands set apart: `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
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

/// What was typed for `plan` or `run`, as words for `command`, some `left_out`.
pub fn typed_again(command: &str, left_out: &[&str]) -> String {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let words = words.skip_while(|word| !["plan", "run"].contains(&&**word));
    let words = words.skip(1).filter(|word| !left_out.contains(&&**word));
    words.fold(format!("userpurge {command}"), |line, word| {
        format!("{line} {}", shell_word(&word))
    })
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

/// `line` in lines of so many columns, as far as its words fit; those after the first begin with
/// `indent` blanks. The text between backticks stays whole, and so does a time with its unit.
pub fn fold(line: &str, indent: usize, columns: usize) -> String {
    let whole = Regex::new(r"`[^`]*`|\b\d+ (d|h|min|s)\b");
    let close = |it: &Captures<'_>| it[0].replace(' ', UNBROKEN);
    let line = whole.map_or(line.into(), |it| it.replace_all(line, close));
    let indent = " ".repeat(indent);
    let options = Options::new(columns)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    fill(&line, options).replace(UNBROKEN, " ")
}

/// `text` for a terminal of so many `columns`. Each line that is longer goes on below, deeper than itself and
/// than the line that follows, or beside its label. A command stays whole, so that it is copied as it is typed.
pub fn folded(text: &str, columns: usize) -> String {
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let lines: Vec<&str> = text.split('\n').collect();
    let fitted = lines.iter().enumerate().map(|(number, line)| {
        let is_command = line.contains("  userpurge ") || line.contains("next: userpurge ");
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
