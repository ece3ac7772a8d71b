//! A page as a terminal shows it, of eighty columns or fewer: lines that fit, times that people say.

use std::time::Duration;

use console::measure_text_width;
use jiff::tz::TimeZone;

use super::terminal::{self, Stream};
use crate::domain::Time;

/// How wide a page is at most, and where nobody looks at a terminal, in characters.
const WIDTH_MAX: usize = 80;

/// A narrower terminal breaks lines itself.
const WIDTH_MIN: usize = 40;

/// How wide a label may be that a text stands beside, with the blanks behind it.
const LABEL_MAX: usize = 24;

/// How wide a page is, in characters.
pub(super) fn width() -> usize {
    let seen = terminal::columns(Stream::Out).or_else(|| terminal::columns(Stream::Err));
    seen.map_or(WIDTH_MAX, |columns| columns.clamp(WIDTH_MIN, WIDTH_MAX))
}

/// `text` in lines that fit a page, as far as its words do; the lines after the first begin with
/// `indent` blanks.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    wrapped_at(text, indent, width())
}

fn wrapped_at(text: &str, indent: usize, width_max: usize) -> String {
    let mut lines = String::with_capacity(text.len() + 16);
    fold(&mut lines, text, blanks(text), indent, width_max);
    lines
}

/// `text` for a terminal of so many `columns`: each line that is longer goes on below, deeper than
/// itself and than what follows, or beside its label. A command stays whole, so that it is copied as
/// it is typed.
pub(super) fn folded(text: &str, columns: usize) -> String {
    let mut folded = String::with_capacity(text.len() + 64);
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let next = lines.peek().map_or(0, |next| blanks(next));
        let words = line.trim_end_matches('\n');
        if measure_text_width(words) <= columns || is_command(words) {
            folded.push_str(line);
            continue;
        }
        let label = beside_label(words);
        let begins = label.unwrap_or_else(|| blanks(words));
        let indent = label.unwrap_or_else(|| begins.max(next) + 2);
        fold(&mut folded, words, begins, indent, columns);
        folded.push_str(&line[words.len()..]);
    }
    folded
}

fn blanks(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a line, or what stands beside its label, is nothing but a command.
fn is_command(line: &str) -> bool {
    line.contains("  userpurge ") || line.contains("Next: userpurge ")
}

/// Where the text begins that stands beside a label; `None`: the line has none.
fn beside_label(line: &str) -> Option<usize> {
    let begins = blanks(line);
    let gap = begins + line[begins..].find("  ")?;
    let text = gap + blanks(&line[gap..]);
    (text < line.len() && text <= LABEL_MAX && line.is_char_boundary(text)).then_some(text)
}

/// Adds `line` to `to`, in lines that fit as far as its words do, the first of which is at `begins`.
/// Broken at single blanks: a file's name may have more.
fn fold(to: &mut String, line: &str, begins: usize, indent: usize, columns: usize) {
    to.push_str(&line[..begins]);
    let mut width = measure_text_width(&line[..begins]);
    let mut is_first = true;
    let mut rest = &line[begins..];
    while !rest.is_empty() {
        let word = &rest[..word_length(rest)];
        let length = measure_text_width(word);
        if !is_first {
            if width + 1 + length > columns {
                to.push('\n');
                to.push_str(&" ".repeat(indent));
                width = indent;
            } else {
                to.push(' ');
                width += 1;
            }
        }
        to.push_str(word);
        width += length;
        is_first = false;
        rest = rest[word.len()..].strip_prefix(' ').unwrap_or("");
    }
}

/// How long the first word is, in bytes; what stands between backticks is one.
fn word_length(text: &str) -> usize {
    let ends = |from: usize| text[from..].find(' ').map_or(text.len(), |at| from + at);
    let mut end = ends(0);
    if text[..end].matches('`').count() % 2 == 1
        && let Some(closes) = text[end..].find('`')
    {
        end = ends(end + closes);
    }
    end
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
