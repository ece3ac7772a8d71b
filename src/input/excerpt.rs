//! Lines of a file as they are written, for messages that show where something is wrong.
//!
//! Rows are long gone when such a message is made, so the file is read once more, up to the last
//! line that is shown. Nothing depends on the result. A line that is too long, or a file that can
//! no longer be read, is shown in words alone.
//!
//! It does *not* say what is wrong, and no part of it belongs into a ledger: a line of the file may
//! name anybody. Of a table the cell at fault is shown alone, of JSON the keys and the value.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use csv_core::{ReadFieldResult, ReaderBuilder};
use regex_lite::{Captures, Regex};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::{Position, escape_controls};

use super::error::{InputError, Underlined};
use super::lines::LineReader;
use super::open::open_text;
use super::row::Field;
use super::source::{InputSource, ReadOptions};
use super::workbook::column_letters;

/// How many lines are looked at for the name of a column: of JSON any of the first rows may have it.
const NAME_LINES_MAX: usize = 1_000;

/// So much is drawn before the offending text at least, if there is so much.
const BEFORE_MIN: usize = 30;

/// A key of JSON, or a value that holds no other.
const JSON_TOKENS: &str = r#""((?:[^"\\]|\\.)*)"\s*:|"(?:[^"\\]|\\.)*"?|[^\s{}\[\],:"]+"#;

/// A file, and the sheet that is meant of a workbook.
type Source<'a> = (&'a Path, Option<&'a str>);

/// A line of a file, with a part of it marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The number of the line, from 1.
    pub line: u64,
    /// The line without its end; bytes that are not UTF-8 are `�`.
    pub text: String,
    /// The marked part of it, in characters; empty where something is missing.
    pub marked: Range<usize>,
    /// The name of the place in a spreadsheet, as people see it; `None`: it is none.
    pub place: Option<String>,
}

impl Excerpt {
    /// The rows `wanted` of the file at `path`, by their numbers, each with the field at fault.
    /// Each number leads to the line on which its row begins, as far as it can be shown.
    pub fn of_rows(
        path: &Path,
        options: &ReadOptions,
        wanted: &[(Position, Field)],
    ) -> BTreeMap<u64, Excerpt> {
        let mut wanted = wanted.to_vec();
        wanted.sort_by_key(|(position, _)| position.line);
        let mut found = BTreeMap::new();
        let source = InputSource::open(path, options);
        let lines = line_reader((path, options.sheet.as_deref()));
        let (Ok(source), Some(mut lines)) = (source, lines) else {
            return found;
        };
        let resolved = source.resolved();
        for (Position { line, row }, field) in wanted {
            while lines.line() < line && matches!(lines.advance_to_text(), Ok(true)) {}
            let text = lines.content().unwrap_or_default();
            // Otherwise the file has changed.
            if lines.line() == line {
                let cell = || {
                    let delimiter = u8::try_from(resolved.delimiter?).ok()?;
                    cell(text, delimiter, resolved.place_of(field)?)
                };
                let cell = cell();
                let is_alone = cell.is_some();
                let mut excerpt = Self::of_bytes(line, text, cell);
                if let Some(delimiter) = resolved.delimiter {
                    excerpt.hide_others(delimiter, is_alone);
                } else if is_json(&excerpt.text) {
                    let masked = without_values(&excerpt.text, resolved.mapping.of(field));
                    excerpt = Self::of_bytes(line, masked.as_bytes(), None);
                }
                if resolved.sheet.is_some() {
                    let column = resolved.place_of(field).map(column_letters);
                    excerpt.place = Some(format!("cell {}{line}", column.unwrap_or_default()));
                }
                found.insert(row, excerpt);
            }
        }
        found
    }

    /// The place in the file that `error` speaks of, with a word about it; `None`: it speaks of none.
    pub fn of_error(error: &InputError) -> Option<(Excerpt, String)> {
        let path = (&*error.path, error.sheet.as_deref());
        let (what, label) = &**error.underlined.as_ref()?;
        let excerpt = match what {
            Underlined::Line(line) => lines_of(path)?.find(|it| it.line >= *line)?,
            Underlined::Names(names) | Underlined::Rivals(names) => Self::find(path, names)?,
        };
        let sheet = error.sheet.as_ref();
        let place = sheet.map(|_| format!("row {}", excerpt.line));
        Some((Excerpt { place, ..excerpt }, label.clone()))
    }

    /// Where `name` first stands in the file of `source`: in the header, or as a key.
    pub fn of_name(source: &InputSource, name: &str) -> Option<Excerpt> {
        let sheet = source.resolved().sheet.as_ref();
        let path = (source.path(), sheet.map(|it| it.name.as_str()));
        Self::find(path, &[name.to_owned()])
    }

    /// The first line that has one of `names`; of one name alone, that is marked.
    fn find(path: Source<'_>, names: &[String]) -> Option<Excerpt> {
        let first = names.iter().find(|name| !name.is_empty())?;
        let mut lines = lines_of(path)?.take(NAME_LINES_MAX);
        lines.find_map(|mut excerpt| {
            if is_json(&excerpt.text) {
                let masked = without_values(&excerpt.text, None);
                excerpt = Self::of_bytes(excerpt.line, masked.as_bytes(), None);
            }
            let marked = find_name(&excerpt.text, first)?;
            Some(match names {
                [_] => Excerpt { marked, ..excerpt },
                _ => excerpt,
            })
        })
    }

    /// A piece of the line of about so many columns and the number before it. The marked part is
    /// underlined by characters, with a `label` behind it. `name`: what people call the file.
    pub fn draw(&self, name: &str, label: &str, width: usize) -> String {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let Range { start, end } = self.marked;
        let skipped = if end > width {
            start.saturating_sub(BEFORE_MIN.min(width / 2))
        } else {
            0
        };
        let end = end.min(skipped + width);
        // A tab is as wide as the terminal likes, and the mark would stand beside its text.
        let piece = |from: usize, to: usize| {
            let chars = self.text.chars().skip(from).take(to.saturating_sub(from));
            let text: String = chars.map(|c| if c == '\t' { ' ' } else { c }).collect();
            escape_controls(&text).into_owned()
        };
        let (before, mark) = (piece(skipped, start), piece(start, end));
        let after = piece(end, skipped + width);
        let blank = " ".repeat(before.width());
        // A part that is missing, or cannot be seen, is marked where it would stand.
        let carets = "^".repeat(mark.width().max(1));
        let line = format!("{number} | {before}{mark}{after}");
        let marks = format!("{margin} | {blank}{carets} {label}");
        let place = match &self.place {
            Some(place) if place.starts_with(':') => place.clone(),
            Some(place) => format!(", {place}"),
            None => format!(":{number}:{}", start + 1),
        };
        format!(
            "{margin}--> {name}{place}\n{}\n{}\n",
            line.trim_end(),
            marks.trim_end()
        )
    }

    /// Puts `…` for all that is not marked, or for all where no cell `is_alone`: it may name anybody.
    fn hide_others(&mut self, delimiter: char, is_alone: bool) {
        let Range { start, end } = self.marked;
        let cell: String = self.text.chars().take(end).skip(start).collect();
        self.place = Some(format!(":{}:{}", self.line, start + 1));
        (self.marked, self.text) = if is_alone {
            let text = format!("…{delimiter}{cell}{delimiter}…");
            (2..2 + end - start, text)
        } else {
            (0..1, "…".to_owned())
        };
    }

    /// `line` of which the bytes at `marked` are marked; `None`: all but the blanks around.
    fn of_bytes(number: u64, line: &[u8], marked: Option<Range<usize>>) -> Excerpt {
        let marked = marked.unwrap_or_else(|| {
            let start = line.len() - line.trim_ascii_start().len();
            start..start.max(line.trim_ascii_end().len())
        });
        let chars = |end: usize| String::from_utf8_lossy(&line[..end]).chars().count();
        Excerpt {
            line: number,
            marked: chars(marked.start)..chars(marked.end),
            text: String::from_utf8_lossy(line).into_owned(),
            place: None,
        }
    }
}

/// Whether `line` is of JSON: a value, or a key with one.
fn is_json(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with(['{', '[']) || line.starts_with('"') && line.contains("\":")
}

/// `text` of JSON with `…` for each value but those of the key `shown`: they may name anybody.
fn without_values(text: &str, shown: Option<&str>) -> String {
    let shown = shown.and_then(|name| name.rsplit('.').next());
    let Ok(tokens) = Regex::new(JSON_TOKENS) else {
        return "…".to_owned();
    };
    let mut is_shown = false;
    let masked = tokens.replace_all(text, |token: &Captures<'_>| match token.get(1) {
        Some(key) => {
            is_shown = Some(key.as_str()) == shown;
            token[0].to_owned()
        }
        None if is_shown => token[0].to_owned(),
        None => "…".to_owned(),
    });
    masked.into_owned()
}

/// Where the cell at `place` stands on `line`; `None`: the line ends before it.
fn cell(line: &[u8], delimiter: u8, place: usize) -> Option<Range<usize>> {
    let mut parser = ReaderBuilder::new().delimiter(delimiter).build();
    let mut output = vec![0; line.len()];
    let mut start = 0;
    for at in 0..=place {
        let (result, read, _) = parser.read_field(&line[start..], &mut output);
        let ends = !matches!(result, ReadFieldResult::Field { record_end: false });
        if at == place {
            return Some(start..start + read - usize::from(!ends));
        }
        if ends {
            return None;
        }
        start += read;
    }
    None
}

/// Where `name` stands in `line` on its own, in characters.
fn find_name(line: &str, name: &str) -> Option<Range<usize>> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let (at, _) = line.match_indices(name).find(|(at, _)| {
        let end = at + name.len();
        !line[..*at].ends_with(is_part) && !line[end..].starts_with(is_part)
    })?;
    let start = line[..at].chars().count();
    Some(start..start + name.chars().count())
}

/// The lines of `path` that are not empty, each marked from end to end; `None`: it
/// cannot be read.
fn lines_of(path: Source<'_>) -> Option<impl Iterator<Item = Excerpt>> {
    let mut lines = line_reader(path)?;
    Some(std::iter::from_fn(move || {
        if !matches!(lines.advance_to_text(), Ok(true)) {
            return None;
        }
        let text = lines.content().unwrap_or_default();
        Some(Excerpt::of_bytes(lines.line(), text, None))
    }))
}

fn line_reader((path, sheet): Source<'_>) -> Option<LineReader> {
    Some(LineReader::new(open_text(path, sheet, false).ok()?.text))
}
