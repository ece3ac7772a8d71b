//! Where an error lies in a file: the line, with the offending text underlined by characters, so that
//! it shows without colour and in a log.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use console::Term;
use unicode_width::UnicodeWidthStr as _;

use super::error::causes;
use super::terminal::{self, shown};
use crate::config::ConfigError;
use crate::input::{Excerpt, InputError, ReadOptions};
use crate::plan::PlanError;

/// The widest piece of a line that is shown where nobody looks at a terminal, in columns.
const WIDTH_MAX: usize = 100;

/// The least that is shown of a line, however narrow the terminal.
const WIDTH_MIN: usize = 20;

/// So much is shown before the offending text at least, if there is so much.
const BEFORE_MIN: usize = 30;

/// The place in the configuration that `error` points to, on a few lines of their own; `None`: it
/// points nowhere.
pub(super) fn in_configuration(error: &ConfigError) -> Option<String> {
    let (name, line, text, marked) = *error.place.clone()?;
    let excerpt = Excerpt { line, text, marked };
    Some(drawn(&name, &excerpt, "here"))
}

/// The place in an input, or in a protect list, that `error` is about; `None`: it is about another
/// thing, or the file cannot be shown.
pub(super) fn place_in_input(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).find_map(|cause| {
        let is_about = cause.downcast_ref::<InputError>();
        match cause.downcast_ref::<PlanError>() {
            Some(PlanError::Protect {
                path,
                row: Some(row),
                ..
            }) => {
                let rows = Excerpt::of_rows(path, &ReadOptions::default(), &[*row]);
                let excerpt = rows.get(&row.position.row)?;
                return Some(drawn(&path.display().to_string(), excerpt, ""));
            }
            // It is transparent: its source is the cause's own.
            Some(PlanError::Input(error)) => Some(error),
            Some(_) | None => is_about,
        }
        .and_then(|error| {
            let (excerpt, label) = Excerpt::of_error(error)?;
            Some(drawn(&error.path.display().to_string(), &excerpt, &label))
        })
    })
}

/// Where the input at `path` first has the column called `name`; `None`: it cannot be shown.
pub(super) fn name_in_input(path: &Path, name: &str, label: &str) -> Option<String> {
    let excerpt = Excerpt::of_name(path, name)?;
    Some(drawn(&path.display().to_string(), &excerpt, label))
}

fn drawn(name: &str, excerpt: &Excerpt, label: &str) -> String {
    let margin = excerpt.line.to_string().len() + " | ".len();
    let columns = terminal::columns(&Term::stderr()).unwrap_or(WIDTH_MAX + margin);
    let width = columns.saturating_sub(margin).clamp(WIDTH_MIN, WIDTH_MAX);
    drawn_within(name, excerpt, label, width)
}

/// `excerpt` of the file called `name`, in lines of so many columns and the number before them.
pub(super) fn drawn_within(name: &str, excerpt: &Excerpt, label: &str, width: usize) -> String {
    let number = excerpt.line.to_string();
    let margin = " ".repeat(number.len());
    let (before, mark, after) = piece(&excerpt.text, &excerpt.marked, width);
    let blank = " ".repeat(before.width());
    // What is missing, or cannot be seen, is marked where it would stand.
    let carets = "^".repeat(mark.width().max(1));
    let line = format!("{number} | {before}{mark}{after}");
    let marks = format!("{margin} | {blank}{carets} {label}");
    format!(
        "{margin}--> {name}:{number}:{}\n{}\n{}\n",
        excerpt.marked.start + 1,
        line.trim_end(),
        marks.trim_end()
    )
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
