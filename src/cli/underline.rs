//! Where an error lies in a file: the line, with the offending text underlined by characters, so that
//! it shows without colour and in a log.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};

use miette::{Diagnostic, SourceSpan};

use super::failure::CAUSES_MAX;
use crate::input::InputError;

/// The longest piece of a line that is shown, in characters.
const CHARS_MAX: usize = 100;

/// The longest header that is shown, in bytes.
const HEADER_BYTES_MAX: u64 = 4096;

/// So many characters are shown before the offending text at least, if there are so many.
const BEFORE_MIN: usize = 30;

/// The place that `error` points to, on a few lines of their own; `None`: it points nowhere.
pub(super) fn place(error: &dyn Diagnostic) -> Option<String> {
    let label = error.labels()?.next()?;
    let span = *label.inner();
    // A line before and one after, so that the whole line of the text is among them.
    let source = error.source_code()?.read_span(&span, 1, 1).ok()?;
    let text = std::str::from_utf8(source.data()).ok()?;
    let at = span.offset().checked_sub(source.span().offset())?;
    let before = text.get(..at)?;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let number = source.line() + before.matches('\n').count() + 1;
    let column = text[start..at].chars().count();
    let length = marked(text, at, span, line.len() - (at - start).min(line.len()));
    Some(drawn(
        source.name().unwrap_or("input"),
        (number, column),
        line,
        length,
        label.label().unwrap_or("here"),
    ))
}

/// Where the columns stand of an input in which those that were looked for are not; `None`: the error
/// is another, or the file cannot be shown.
pub(super) fn place_in_input(error: &(dyn Error + 'static)) -> Option<String> {
    let causes = std::iter::successors(Some(error), |cause: &&(dyn Error + 'static)| {
        (*cause).source()
    });
    let mut inputs = causes
        .take(CAUSES_MAX)
        .filter_map(|it| it.downcast_ref::<InputError>());
    let (path, label) = match inputs.next()? {
        InputError::NoIdColumn { path, .. } => (path, "none of these is known to hold user ids"),
        InputError::NoSuchColumn { path, .. } => (path, "these are the columns"),
        _ => return None,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?.take(HEADER_BYTES_MAX);
    BufReader::new(file).read_until(b'\n', &mut bytes).ok()?;
    // Of a file that is compressed, or in another encoding, the message says it all.
    let line = String::from_utf8(bytes).ok()?;
    let line = line.trim_start_matches('\u{feff}').trim_end();
    let plain = !line.is_empty() && !line.contains(char::is_control);
    let name = path.display().to_string();
    plain.then(|| drawn(&name, (1, 0), line, line.chars().count(), label))
}

/// How many characters are marked: those of the span that are on its first line, one at least.
fn marked(text: &str, at: usize, span: SourceSpan, rest: usize) -> usize {
    let end = at + span.len().min(rest);
    text.get(at..end).map_or(1, |it| it.chars().count()).max(1)
}

fn drawn(
    name: &str,
    (number, column): (usize, usize),
    line: &str,
    length: usize,
    label: &str,
) -> String {
    let first = if column + length > CHARS_MAX {
        column.saturating_sub(BEFORE_MIN)
    } else {
        0
    };
    // A tab is as wide as the terminal likes, and the mark would stand beside its text.
    let piece = line.chars().skip(first).take(CHARS_MAX);
    let piece: String = piece.map(|c| if c == '\t' { ' ' } else { c }).collect();
    let number_text = number.to_string();
    let margin = " ".repeat(number_text.len());
    let blank = " ".repeat(column - first);
    let mark = "^".repeat(length.min(CHARS_MAX));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{margin}--> {name}:{number}:{}", column + 1);
    let _ = writeln!(text, "{number_text} | {}", piece.trim_end());
    let _ = writeln!(text, "{margin} | {blank}{mark} {label}");
    text
}

#[cfg(test)]
mod tests {
    use miette::{Diagnostic, NamedSource, SourceSpan};
    use thiserror::Error;

    use super::place;

    #[derive(Debug, Error, Diagnostic)]
    #[error("something is wrong")]
    struct Wrong {
        #[source_code]
        text: NamedSource<String>,
        #[label("here")]
        span: SourceSpan,
    }

    fn drawn(text: &str, wrong: &str) -> String {
        let at = text.find(wrong).unwrap();
        let error = Wrong {
            text: NamedSource::new("users.csv", text.to_owned()),
            span: (at, wrong.len()).into(),
        };
        place(&error).unwrap()
    }

    #[test]
    fn the_offending_text_is_underlined_on_its_line() {
        insta::assert_snapshot!(drawn("id,nаme\nfirst\n12,\t5.54E+17,x\nlast\n", "5.54E+17"), @r"
         --> users.csv:3:5
        3 | 12, 5.54E+17,x
          |     ^^^^^^^^ here
        ");
    }

    #[test]
    fn the_first_and_the_last_line_and_a_text_over_two_lines_are_marked() {
        assert!(drawn("abc", "abc").contains("1 | abc\n  | ^^^ here"));
        assert!(drawn("x\nabc\ndef", "abc\ndef").contains("2 | abc\n  | ^^^ here"));
        assert!(drawn("x\n", "\n").contains("1 | x\n  |  ^ here"));
    }

    #[test]
    fn of_a_long_line_the_piece_around_it_is_shown() {
        let text = format!("{}wrong{}", "x".repeat(500), "y".repeat(500));
        let drawn = drawn(&text, "wrong");
        assert!(
            drawn.lines().all(|line| line.chars().count() < 130),
            "{drawn}"
        );
        assert!(drawn.contains("xwrongy"), "{drawn}");
    }
}
