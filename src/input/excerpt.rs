//! Pieces of a file as it is written, for messages that show where something is wrong.
//!
//! Rows are long gone when such a message is made, so the file is read once more, up to the last row
//! that is shown. Nothing depends on what comes of it: a line that is too long, or a file that can no
//! longer be read, is shown in words alone.
//!
//! What it does *not* do: it does not say what is wrong, and nothing of it belongs into a ledger, for
//! a line of the file may name anybody.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use csv_core::{ReadFieldResult, ReaderBuilder};
use memchr::memrchr2;
use serde::de::IgnoredAny;
use unicode_width::UnicodeWidthStr as _;

use crate::domain::{Position, shown};

use super::error::{InputError, Underlined};
use super::ids::only_id;
use super::lines::{LineCount, LineReader};
use super::mapping::Columns;
use super::object::place_of;
use super::open::open_text;
use super::row::{Field, Raw};
use super::source::{InputSource, ReadOptions, Resolved};
use super::workbook::column_letters;

/// How many lines of one CSV record are looked through, which has more than one if a cell has.
const RECORD_LINES_MAX: usize = 64;

/// How many lines are looked at for the name of a column: of JSON any of the first rows may have it.
const NAME_LINES_MAX: usize = 1_000;

/// How much of a JSON array is parsed to see where it is broken, in bytes.
const PARSED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// So much is drawn before the offending text at least, if there is so much.
const BEFORE_MIN: usize = 30;

/// A file, and the sheet that is meant of a workbook.
type Source<'a> = (&'a Path, Option<&'a str>);

/// A line of a file, with a part of it marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The number of the line, from 1.
    pub line: u64,
    /// The line without its end; bytes that are not UTF-8 are `�`.
    pub text: String,
    /// What is marked of it, in characters; empty where something is missing.
    pub marked: Range<usize>,
    /// What people call the place in a spreadsheet; `None`: it is none.
    pub place: Option<String>,
}

/// A row that is to be shown, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Where the row stands.
    pub position: Position,
    /// The field at fault.
    pub field: Field,
    /// The word for the reason.
    pub code: &'static str,
}

impl Excerpt {
    /// The rows `wanted` of the file at `path`, by their numbers, as far as they can be shown.
    pub fn of_rows(
        path: &Path,
        options: &ReadOptions,
        wanted: &[Wanted],
    ) -> BTreeMap<u64, Excerpt> {
        let mut wanted = wanted.to_vec();
        wanted.sort_by_key(|row| row.position.row);
        let mut found = BTreeMap::new();
        let source = InputSource::open(path, options);
        let lines = line_reader((path, options.sheet.as_deref()));
        let (Ok(mut source), Some(mut lines)) = (source, lines) else {
            return found;
        };
        let mut at = Position { row: 0, line: 0 };
        for row in &wanted {
            while at.row < row.position.row {
                match source.advance() {
                    Ok(Some(position)) => at = position,
                    // What was found before is shown all the same.
                    Ok(None) | Err(_) => return found,
                }
            }
            let excerpt = match source.raw() {
                Raw::Cells(_) => in_record(&mut lines, source.resolved(), row),
                Raw::Json(json) => in_json(&mut lines, at.line, json, source.columns(), row),
                Raw::Line(text) => Some(in_list(at.line, text)),
            };
            // A row of another place is one of a file that changed.
            if let Some(mut excerpt) = excerpt.filter(|_| at == row.position) {
                let resolved = source.resolved();
                excerpt.place = resolved.sheet.as_ref().map(|_| {
                    let column = resolved.place_of(row.field).map(column_letters);
                    format!("cell {}{}", column.unwrap_or_default(), at.line)
                });
                found.insert(at.row, excerpt);
            }
        }
        found
    }

    /// The place in the file that `error` speaks of, with a word about it; `None`: it speaks of none.
    pub fn of_error(error: &InputError) -> Option<(Excerpt, String)> {
        let path = (&*error.path, error.sheet.as_deref());
        let (what, label) = &**error.underlined.as_ref()?;
        let excerpt = match what {
            Underlined::Line(line) => whole(path, *line)?,
            Underlined::FirstRow => lines_of(path)?.next()?,
            Underlined::Syntax(line) => {
                let excerpt = whole(path, *line)?;
                match syntax_error(path, &excerpt) {
                    Some(marked) => Excerpt { marked, ..excerpt },
                    None => excerpt,
                }
            }
            Underlined::Name(name) => Self::find(path, name)?,
            Underlined::Names(names) | Underlined::Rivals(names) => line_with(path, names)?,
            Underlined::Second(first, second) => {
                let excerpt = Self::find(path, first)?;
                let marked = find_name(&excerpt.text, second, excerpt.marked.end)?;
                Excerpt { marked, ..excerpt }
            }
        };
        let place = error
            .sheet
            .is_some()
            .then(|| format!("row {}", excerpt.line));
        Some((Excerpt { place, ..excerpt }, label.clone()))
    }

    /// Where `name` first stands in the file of `source`: in the header, or as a key.
    pub fn of_name(source: &InputSource, name: &str) -> Option<Excerpt> {
        Self::find((source.path(), source.resolved().sheet.as_deref()), name)
    }

    fn find(path: Source<'_>, name: &str) -> Option<Excerpt> {
        let mut lines = lines_of(path)?.take(NAME_LINES_MAX);
        lines.find_map(|excerpt| {
            let marked = find_name(&excerpt.text, name, 0)?;
            Some(Excerpt { marked, ..excerpt })
        })
    }

    /// The line in so many columns and the number before them, with what is marked underlined by
    /// characters and a `label` behind it. `name`: what people call the file.
    pub fn draw(&self, name: &str, label: &str, width: usize) -> String {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let (before, mark, after) = piece(&self.text, &self.marked, width);
        let blank = " ".repeat(before.width());
        // What is missing, or cannot be seen, is marked where it would stand.
        let carets = "^".repeat(mark.width().max(1));
        let line = format!("{number} | {before}{mark}{after}");
        let marks = format!("{margin} | {blank}{carets} {label}");
        let place = match &self.place {
            Some(place) => format!(", {place}"),
            None => format!(":{number}:{}", self.marked.start + 1),
        };
        format!(
            "{margin}--> {name}{place}\n{}\n{}\n",
            line.trim_end(),
            marks.trim_end()
        )
    }

    /// `line` of which the bytes at `marked` are marked.
    fn of_bytes(number: u64, line: &[u8], marked: Range<usize>) -> Excerpt {
        let text = String::from_utf8_lossy(line).into_owned();
        let chars = |end: usize| {
            let before = &line[..end.min(line.len())];
            String::from_utf8_lossy(before).chars().count()
        };
        Excerpt {
            line: number,
            marked: chars(marked.start)..chars(marked.end),
            text,
            place: None,
        }
    }
}

/// What is shown of `line`: a piece before the characters `marked`, these, and a piece behind them.
fn piece(line: &str, marked: &Range<usize>, width: usize) -> (String, String, String) {
    // A tab is as wide as the terminal likes, and the mark would stand beside its text. What acts on
    // a terminal is written out here, where it can still be counted.
    let told = |c: char| shown(c.to_string().replace('\t', " ").as_str()).into_owned();
    // A line may be as long as a file: it is looked at, and not kept, character by character.
    let byte = |place: usize| {
        line.char_indices()
            .nth(place)
            .map_or(line.len(), |(at, _)| at)
    };
    let (start, end) = (byte(marked.start), byte(marked.end));
    let upto: usize = line[..end].chars().map(|c| told(c).width()).sum();
    let before_max = if upto > width {
        BEFORE_MIN.min(width / 2)
    } else {
        width
    };
    let mut used = 0;
    let mut fitting = |chars: &mut dyn Iterator<Item = char>, most: usize| {
        let mut cells = Vec::new();
        for cell in chars.map(told) {
            used += cell.width();
            if used > most {
                used = most;
                break;
            }
            cells.push(cell);
        }
        cells
    };
    let mut before = fitting(&mut line[..start].chars().rev(), before_max);
    before.reverse();
    let mark = fitting(&mut line[start..end].chars(), width);
    let after = fitting(&mut line[end..].chars(), width);
    (before.concat(), mark.concat(), after.concat())
}

/// Goes on to the line called `number`; `false`: there is none, or `lines` is behind it.
fn advance_to(lines: &mut LineReader, number: u64) -> bool {
    while lines.line() < number && matches!(lines.advance_to_text(), Ok(true)) {}
    lines.line() == number
}

/// The cell at fault of a record.
fn in_record(lines: &mut LineReader, resolved: &Resolved, row: &Wanted) -> Option<Excerpt> {
    if !advance_to(lines, row.position.line) {
        return None;
    }
    let delimiter = u8::try_from(resolved.delimiter.unwrap_or(',')).ok()?;
    let mut parser = ReaderBuilder::new().delimiter(delimiter).build();
    let wanted = resolved.place_of(row.field);
    let torn = wanted.filter(|_| row.code == "decimal_comma");
    let (mut cell, mut marked): (usize, Option<Excerpt>) = (0, None);
    // The whole first line, and what follows a quote on it that may never be closed, or not soon.
    let (mut first, mut quoted) = (None, None);
    for _ in 0..RECORD_LINES_MAX {
        let mut text = lines.content().ok()?.to_vec();
        text.push(b'\n');
        let end = text.len() - 1;
        let excerpt = |range| Excerpt::of_bytes(lines.line(), &text[..end], range);
        let mut output = vec![0; text.len()];
        let mut start = 0;
        let is_open = loop {
            let (result, read, _) = parser.read_field(&text[start..], &mut output);
            let found = excerpt(start..start + read - 1);
            let before = marked.as_mut().filter(|it| it.line == found.line);
            if Some(cell) == wanted {
                marked = Some(found);
            } else if let (Some(before), true) = (before, torn.is_some_and(|it| it + 1 == cell)) {
                before.marked.end = found.marked.end;
            }
            match result {
                ReadFieldResult::Field { record_end: false } => start += read,
                result => break matches!(result, ReadFieldResult::InputEmpty),
            }
            cell += 1;
        };
        if first.is_none() {
            quoted = Some(excerpt(start..end));
        } else if start > 0 {
            quoted = None;
        }
        let first = first.get_or_insert_with(|| excerpt(trimmed(&text)));
        if !is_open {
            return marked.or(Some(first.clone()));
        }
        if !matches!(lines.advance_to_text(), Ok(true)) {
            break;
        }
    }
    marked.or(quoted).or(first)
}

/// The value at fault of the JSON text that begins on `line`, which may be one element of many there.
fn in_json(
    lines: &mut LineReader,
    line: u64,
    json: &[u8],
    columns: &Columns,
    row: &Wanted,
) -> Option<Excerpt> {
    let bare = trimmed(json);
    let marked = match std::str::from_utf8(&json[bare.clone()]) {
        Ok("") => return None,
        Ok(text) => {
            let marked = place_of(text, row.field, columns);
            bare.start + marked.start..bare.start + marked.end
        }
        Err(error) => bare.start + error.valid_up_to()..bare.end,
    };
    let mut count = LineCount::starting_at(line);
    count.over(&json[..marked.start]);
    let start = memrchr2(b'\n', b'\r', &json[..marked.start]).map_or(0, |end| end + 1);
    let rest = &json[start..];
    let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    let (piece, marked) = (
        &rest[..end],
        marked.start - start..(marked.end - start).min(end),
    );
    // An element is known without what stands before it on its line.
    let has_line = advance_to(lines, count.line);
    let whole = lines
        .content()
        .ok()
        .filter(|_| has_line)
        .unwrap_or_default();
    Some(match memchr::memmem::find(whole, piece) {
        Some(at) => Excerpt::of_bytes(count.line, whole, at + marked.start..at + marked.end),
        None => Excerpt::of_bytes(count.line, piece, marked),
    })
}

/// The id at fault of a plain list; the whole line if it is not taken, or holds several.
fn in_list(line: u64, text: &[u8]) -> Excerpt {
    // Of several ids it is not known which is at fault.
    let id = std::str::from_utf8(text).ok().and_then(only_id);
    Excerpt::of_bytes(line, text, id.unwrap_or_else(|| trimmed(text)))
}

/// Where `line` is no blank.
fn trimmed(line: &[u8]) -> Range<usize> {
    let start = line.len() - line.trim_ascii_start().len();
    start..start.max(line.trim_ascii_end().len())
}

/// The first line that has one of `names`, whole.
fn line_with(path: Source<'_>, names: &[String]) -> Option<Excerpt> {
    let first = names.iter().find(|name| !name.is_empty())?;
    whole(path, Excerpt::find(path, first)?.line)
}

/// The line called `number`, whole.
fn whole(path: Source<'_>, number: u64) -> Option<Excerpt> {
    let excerpt = lines_of(path)?.find(|excerpt| excerpt.line >= number)?;
    (excerpt.line == number).then_some(excerpt)
}

/// Where the JSON of the file is broken, if that is on the line of `excerpt`.
fn syntax_error((path, sheet): Source<'_>, excerpt: &Excerpt) -> Option<Range<usize>> {
    // A parser remembers each bracket that is open, and a file may have nothing else.
    let text = open_text(path, sheet, false)
        .ok()?
        .text
        .take(PARSED_BYTES_MAX);
    let mut values = serde_json::Deserializer::from_reader(text).into_iter::<IgnoredAny>();
    let error = values.find_map(Result::err)?;
    if error.line() as u64 != excerpt.line {
        return None;
    }
    // The column is a byte's, which may stand within a character.
    let byte = error.column().checked_sub(1)?;
    let mut chars = excerpt.text.char_indices();
    let at = chars.position(|(from, it)| byte < from + it.len_utf8())?;
    Some(at..at + 1)
}

/// Where `name` stands in `line` on its own, in characters, from the character `from` on.
fn find_name(line: &str, name: &str, from: usize) -> Option<Range<usize>> {
    if name.is_empty() {
        return None;
    }
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let (behind, _) = line.char_indices().nth(from).unwrap_or((line.len(), ' '));
    let mut found = line.match_indices(name).filter(|(at, _)| *at >= behind);
    let (at, _) = found.find(|(at, _)| {
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
        Some(Excerpt::of_bytes(lines.line(), text, trimmed(text)))
    }))
}

fn line_reader((path, sheet): Source<'_>) -> Option<LineReader> {
    Some(LineReader::new(open_text(path, sheet, false).ok()?.text))
}
