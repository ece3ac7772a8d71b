//! Where an error lies in a file: the line, with the offending text underlined by characters, so that
//! it shows without colour and in a log.

use std::error::Error;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, SourceSpan};
use unicode_width::UnicodeWidthStr as _;

use super::failure::CAUSES_MAX;
use super::terminal::{self, Stream, shown};
use crate::input::{Excerpt, InputError, ReadOptions};
use crate::plan::PlanError;

/// The widest piece of a line that is shown where nobody looks at a terminal, in columns.
const WIDTH_MAX: usize = 100;

/// The least that is shown of a line, however narrow the terminal.
const WIDTH_MIN: usize = 20;

/// So much is shown before the offending text at least, if there is so much.
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
    let excerpt = Excerpt {
        line: number as u64,
        text: line.to_owned(),
        marked: column..column + length,
    };
    let name = source.name().unwrap_or("input");
    Some(drawn(name, &excerpt, label.label().unwrap_or("here")))
}

/// The place in an input, or in a protect list, that `error` is about; `None`: it is about another
/// thing, or the file cannot be shown.
pub(super) fn place_in_input(error: &(dyn Error + 'static)) -> Option<String> {
    let causes = std::iter::successors(Some(error), |cause: &&(dyn Error + 'static)| {
        (*cause).source()
    });
    for cause in causes.take(CAUSES_MAX) {
        if let Some(error) = cause.downcast_ref::<InputError>() {
            let (excerpt, label) = Excerpt::of_error(error)?;
            return Some(drawn(&error.path.display().to_string(), &excerpt, &label));
        }
        match cause.downcast_ref::<PlanError>() {
            Some(PlanError::ProtectRow { path, row, .. }) => {
                let rows = Excerpt::of_rows(path, &ReadOptions::default(), &[*row]);
                let excerpt = rows.get(&row.position.row)?;
                return Some(drawn(&path.display().to_string(), excerpt, ""));
            }
            // It is transparent: its source is the cause's own.
            Some(PlanError::Input(error)) => return place_in_input(error),
            Some(_) | None => {}
        }
    }
    None
}

/// Where the input at `path` first has the column called `name`; `None`: it cannot be shown.
pub(super) fn name_in_input(path: &Path, name: &str, label: &str) -> Option<String> {
    let excerpt = Excerpt::of_name(path, name)?;
    Some(drawn(&path.display().to_string(), &excerpt, label))
}

/// `excerpt` of the file called `name`, for a page of `width` columns.
pub(super) fn example(name: &str, excerpt: &Excerpt, width: usize) -> String {
    drawn_within(name, excerpt, "", width)
}

/// How many characters are marked: those of the span that are on its first line, one at least.
fn marked(text: &str, at: usize, span: SourceSpan, rest: usize) -> usize {
    let end = at + span.len().min(rest);
    text.get(at..end).map_or(1, |it| it.chars().count()).max(1)
}

fn drawn(name: &str, excerpt: &Excerpt, label: &str) -> String {
    let margin = excerpt.line.to_string().len() + " | ".len();
    let columns = terminal::columns(Stream::Err).unwrap_or(WIDTH_MAX + margin);
    let width = columns.saturating_sub(margin).clamp(WIDTH_MIN, WIDTH_MAX);
    drawn_within(name, excerpt, label, width)
}

fn drawn_within(name: &str, excerpt: &Excerpt, label: &str, width: usize) -> String {
    let number = excerpt.line.to_string();
    let margin = " ".repeat(number.len());
    let (before, mark, after) = piece(&excerpt.text, &excerpt.marked, width);
    let blank = " ".repeat(before.width());
    // What is missing, or cannot be seen, is marked where it would stand.
    let carets = "^".repeat(mark.width().max(1));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{margin}--> {name}:{number}:{}",
        excerpt.marked.start + 1
    );
    let _ = writeln!(
        text,
        "{}",
        format!("{number} | {before}{mark}{after}").trim_end()
    );
    let _ = writeln!(
        text,
        "{}",
        format!("{margin} | {blank}{carets} {label}").trim_end()
    );
    text
}

/// What is shown of `line`: a piece before the characters `marked`, these, and a piece behind them.
fn piece(line: &str, marked: &Range<usize>, width: usize) -> (String, String, String) {
    // A tab is as wide as the terminal likes, and the mark would stand beside its text. What acts on
    // a terminal is written out here, where it can still be counted.
    let told = |c: char| shown(c.to_string().replace('\t', " ").as_str()).into_owned();
    let part = |from: usize, to: usize| line.chars().skip(from).take(to.saturating_sub(from));
    let upto: usize = part(0, marked.end).map(|c| told(c).width()).sum();
    let before_max = if upto > width {
        BEFORE_MIN.min(width / 2)
    } else {
        width
    };
    let mut before: Vec<String> = Vec::new();
    let mut used = 0;
    for c in part(0, marked.start).collect::<Vec<_>>().into_iter().rev() {
        let c = told(c);
        if used + c.width() > before_max {
            break;
        }
        used += c.width();
        before.push(c);
    }
    before.reverse();
    let mut fitting = |from, to| {
        let mut text = String::new();
        for c in part(from, to).map(told) {
            used += c.width();
            if used > width {
                break;
            }
            text.push_str(&c);
        }
        text
    };
    let mark = fitting(marked.start, marked.end);
    let after = fitting(marked.end, usize::MAX);
    (before.concat(), mark, after)
}
