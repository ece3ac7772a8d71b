//! Spreadsheets: one sheet of a workbook, as CSV with each row on the line of its number.
//!
//! A number in a cell is a float, which is exact up to 15 digits. One with more digits is written with an
//! exponent where any may be lost, so that it is found damaged as it is in CSV.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek as _, Write};
use std::path::Path;

use calamine::{Data, DataRef, Ods, Reader as _, SheetType, SheetVisible, Sheets, Xlsx};
use roaring::RoaringBitmap;
use zip::ZipArchive;

use super::archive::unreadable;
use super::csv::COLUMNS_MAX;
use super::error::{InputError, listed};
use super::format::Format;
use super::ids::holds_an_id;
use super::lines::ROW_BYTES_MAX;
use super::row::{closest, did_you_mean, trim_cell};

/// The most that a workbook may unfold to, and a sheet of it hold as text, in bytes.
pub(super) const WORKBOOK_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// From here on Excel writes zeros for the last digits of a number.
const ROUNDED_FROM: f64 = 1e15;

/// From here on a float stands for several integers: 2^53.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// The most rows of a sheet, as Excel has them.
const ROWS_MAX: u32 = 1 << 20;

/// The most cells that lie between the corners of an `OpenDocument` table: all of them take memory.
const CELLS_MAX: u64 = 10_000_000;

type Book = Sheets<BufReader<File>>;

/// The sheet of a workbook that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSheet {
    /// Its name.
    pub name: String,
    /// How many other sheets hold ids, if none was asked for by name.
    pub others: usize,
    /// How many of its rows a spreadsheet program does not show. They are read like the others.
    pub hidden: u64,
}

/// Copies the sheet that is `wanted` of the workbook `file`, which is the `archive`, as CSV.
pub(super) fn copy_sheet(
    path: &Path,
    mut file: File,
    archive: &mut ZipArchive<BufReader<File>>,
    format: Format,
    wanted: Option<&str>,
) -> Result<(File, ReadSheet), InputError> {
    let failed = |source| unreadable(path, source);
    file.rewind().map_err(failed)?;
    let file = BufReader::new(file);
    let book = match format {
        Format::Ods => Ods::new(file).map(Sheets::Ods).map_err(io::Error::other),
        _ => Xlsx::new(file).map(Sheets::Xlsx).map_err(io::Error::other),
    };
    let mut book = book.map_err(failed)?;
    let (name, others) = choose(path, &mut book, wanted)?;
    let index = book.sheet_names().iter().position(|it| *it == name);
    let unseen = hidden_rows(archive, format, index.unwrap_or_default()).map_err(failed)?;
    let mut hidden = 0;
    let mut copy = tempfile::tempfile().map_err(failed)?;
    let mut to = BufWriter::new(&copy);
    let (mut lines, mut width, mut left) = (0, 0, WORKBOOK_BYTES_MAX);
    let write = |number: u32, row: &[String]| {
        width = row.len().max(width);
        let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
        let above = "\n".repeat((number - lines) as usize);
        let missing = ",".repeat(width - row.len());
        let line = format!("{above}{}{missing}\n", cells.join(","));
        lines = number + 1;
        hidden += u64::from(unseen.contains(number));
        let rest = left.checked_sub(line.len() as u64);
        left = rest.ok_or_else(|| io::Error::other("the sheet holds too many cells"))?;
        to.write_all(line.as_bytes())?;
        Ok(true)
    };
    each_row(&mut book, &name, write)
        .and_then(|()| to.flush())
        .map_err(failed)?;
    drop(to);
    copy.rewind().map_err(failed)?;
    let sheet = ReadSheet {
        name,
        others,
        hidden,
    };
    Ok((copy, sheet))
}

/// Refuses an `OpenDocument` file if one of its tables spans too many cells, takes too much memory,
/// or hides a cell below a merged one. A cell or a row that is repeated is written once.
pub(super) fn check_span(archive: &mut ZipArchive<BufReader<File>>) -> io::Result<()> {
    let (mut row, mut rows, mut column, mut width) = (0_u64, 1, 0_u64, 0);
    let (mut copies, mut left) = (0, WORKBOOK_BYTES_MAX);
    each_tag(archive, "content.xml", |name, tag| {
        let number = |value: &str| {
            let value = value.trim_start_matches(|c: char| !c.is_ascii_digit());
            let end = value.find(|c: char| !c.is_ascii_digit());
            value[..end.unwrap_or(value.len())].parse().unwrap_or(1)
        };
        let times = |attribute| tag.split(attribute).skip(1).map(number).max().unwrap_or(1);
        let mut bytes = tag.len() as u64;
        match name {
            "table" => (row, width) = (0, 0),
            "table-row" => {
                rows = times("number-rows-repeated");
                row = row.saturating_add(rows);
                column = 0;
            }
            "table-cell" | "covered-table-cell" => {
                let columns = times("number-columns-repeated");
                column = column.saturating_add(columns);
                copies = 0;
                if tag.trim_end().ends_with("/>") && !tag.contains("value") {
                    return Ok(());
                }
                copies = columns.saturating_mul(rows);
                width = column.max(width);
                if row.saturating_mul(width) > CELLS_MAX {
                    return Err(io::Error::other("a table of it spans too many cells"));
                }
                if name.starts_with('c') {
                    return Err(io::Error::other("a merged cell of it hides another"));
                }
            }
            "s" => bytes = times("text:c"),
            _ => {}
        }
        let rest = left.checked_sub(bytes.saturating_mul(copies));
        left = rest.ok_or_else(|| io::Error::other("its cells hold too much text"))?;
        Ok(())
    })
}

/// The rows, from 0, of the sheet at `place` that a spreadsheet program does not show. A filter
/// hides them, or a person did. None if the sheet is not found where such programs put it.
fn hidden_rows(
    archive: &mut ZipArchive<BufReader<File>>,
    format: Format,
    place: usize,
) -> io::Result<RoaringBitmap> {
    let is_ods = format == Format::Ods;
    let part = if is_ods {
        "content.xml".to_owned()
    } else {
        let sheets = tags_of(archive, "xl/workbook.xml", "sheet")?;
        let link = sheets.get(place).map_or("", |tag| attribute(tag, ":id"));
        let links = tags_of(archive, "xl/_rels/workbook.xml.rels", "Relationship")?;
        let link = links.iter().find(|tag| attribute(tag, " Id") == link);
        let target = link.map_or("", |tag| attribute(tag, " Target"));
        let from_root = target.strip_prefix('/').map(str::to_owned);
        from_root.unwrap_or_else(|| format!("xl/{target}"))
    };
    let (mut hidden, mut sheets, mut next) = (RoaringBitmap::new(), 0, 0_u32);
    each_tag(archive, &part, |name, tag| {
        if name == "table" {
            (sheets, next) = (sheets + 1, 0);
        } else if name == "row" || (name == "table-row" && sheets == place + 1) {
            let number = attribute(tag, " r").parse::<u32>().ok();
            let row = number.and_then(|it| it.checked_sub(1)).unwrap_or(next);
            let times = attribute(tag, "number-rows-repeated").parse().unwrap_or(1);
            next = row.saturating_add(times).min(ROWS_MAX);
            let is_seen = ["", "0", "false"].contains(&attribute(tag, " hidden"))
                && ["", "visible"].contains(&attribute(tag, "visibility"));
            if !is_seen {
                hidden.insert_range(row..next);
            }
        }
        Ok(())
    })?;
    Ok(hidden)
}

/// The tags called so in a part of a workbook.
fn tags_of(
    archive: &mut ZipArchive<BufReader<File>>,
    part: &str,
    called: &str,
) -> io::Result<Vec<String>> {
    let mut tags = Vec::new();
    each_tag(archive, part, |name, tag| {
        tags.extend((name == called).then(|| tag.to_owned()));
        Ok(())
    })?;
    Ok(tags)
}

/// Shows `take` each tag of the XML called `part`, with its name without a prefix and what stands up to the
/// next tag. None if there is no such part.
fn each_tag(
    archive: &mut ZipArchive<BufReader<File>>,
    part: &str,
    mut take: impl FnMut(&str, &str) -> io::Result<()>,
) -> io::Result<()> {
    let Ok(xml) = archive.by_name(part) else {
        return Ok(());
    };
    // Bounded by what a workbook may unfold to. A text between two tags can only make it more.
    for tag in BufReader::new(xml).split(b'<') {
        let tag = tag?;
        let tag = String::from_utf8_lossy(&tag);
        let end = tag.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>'));
        let name = &tag[..end.unwrap_or(tag.len())];
        take(name.rsplit(':').next().unwrap_or(name), &tag)?;
    }
    Ok(())
}

/// The value behind the first `name` in `tag`; empty: there is none.
fn attribute<'t>(tag: &'t str, name: &str) -> &'t str {
    let value = tag.split_once(name).map_or("", |(_, value)| value);
    let value = value.trim_start_matches(|c: char| c.is_whitespace() || c == '=');
    let mut parts = value.split(['"', '\'']);
    parts.nth(1).unwrap_or_default().trim()
}

/// The sheet that is `wanted`, or the first that people see and that holds an id, and how many others do.
fn choose(
    path: &Path,
    book: &mut Book,
    wanted: Option<&str>,
) -> Result<(String, usize), InputError> {
    if let Some(wanted) = wanted {
        let names = book.sheet_names();
        if names.iter().any(|name| name == wanted) {
            return Ok((wanted.to_owned(), 0));
        }
        let near = did_you_mean(closest(wanted, names.iter().map(String::as_str)));
        let names = listed(&names);
        let what =
            format!("has no sheet `{wanted}`, which `--sheet` names{near} (sheets: {names})");
        return Err(InputError::about(path, &what));
    }
    let is_seen = |sheet: &&calamine::Sheet| {
        sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible
    };
    let seen = book.sheets_metadata().iter().filter(is_seen);
    let seen: Vec<String> = seen.map(|sheet| sheet.name.clone()).collect();
    let mut with_ids = Vec::new();
    for name in &seen {
        let mut holds_id = false;
        let look = |_, row: &[String]| {
            holds_id = row.iter().any(|cell| holds_an_id(cell));
            Ok(!holds_id)
        };
        each_row(book, name, look).map_err(|source| unreadable(path, source))?;
        with_ids.extend(holds_id.then_some(name));
    }
    // The fault of a sheet without ids is said when it is read.
    let first = with_ids.first().copied().or(seen.first());
    let found = first.map(|first| (first.clone(), with_ids.len().saturating_sub(1)));
    let none = "has no sheet that can be seen; name one with `--sheet`";
    found.ok_or_else(|| InputError::about(path, none))
}

/// Shows `take` each row of a sheet that holds anything, with its number from 0, until it returns `false`.
fn each_row(
    book: &mut Book,
    sheet: &str,
    mut take: impl FnMut(u32, &[String]) -> io::Result<bool>,
) -> io::Result<()> {
    let Sheets::Xlsx(book) = book else {
        return each_row_held(book, sheet, take);
    };
    let reader = book.worksheet_cells_reader(sheet);
    let mut reader = reader.map_err(io::Error::other)?;
    let (mut row, mut size, mut at, mut last) = (Vec::new(), 0, 0, None);
    // Bounded by what a workbook may unfold to.
    loop {
        let cell = reader.next_cell_with_formula_metadata();
        let Some(cell) = cell.map_err(io::Error::other)? else {
            break;
        };
        let place = cell.pos;
        // A row that stands twice would hide another.
        let is_far = place.0 >= ROWS_MAX || place.1 as usize >= COLUMNS_MAX;
        if is_far || last.is_some_and(|last| place <= last) {
            return Err(io::Error::other(
                "the cells are too far off, or not in their order",
            ));
        }
        last = Some(place);
        if place.0 != at {
            if !row.is_empty() && !take(at, &row)? {
                return Ok(());
            }
            row.clear();
            at = place.0;
        }
        let text = match cell.value {
            // A program wrote it that computes nothing.
            DataRef::Empty if cell.formula.is_some() => "=formula".to_owned(),
            value => text_of(&value.into()),
        };
        if !text.is_empty() {
            size = text.len() + if row.is_empty() { 0 } else { size };
            if size > ROW_BYTES_MAX {
                return Err(io::Error::other("a row of it holds too much text"));
            }
            row.resize(place.1 as usize, String::new());
            row.push(text);
        }
    }
    if !row.is_empty() {
        take(at, &row)?;
    }
    Ok(())
}

/// The same for a workbook all of which is held in memory.
fn each_row_held(
    book: &mut Book,
    sheet: &str,
    mut take: impl FnMut(u32, &[String]) -> io::Result<bool>,
) -> io::Result<()> {
    let range = book.worksheet_range(sheet).map_err(io::Error::other)?;
    let formulas = book.worksheet_formula(sheet).map_err(io::Error::other)?;
    let (above, before) = formulas.start().unwrap_or_default();
    let value = |at| range.get_value(at).filter(|it| **it != Data::Empty);
    let is_missing = |(formula, at): (&String, _)| !formula.is_empty() && value(at).is_none();
    for (row, number) in formulas.rows().zip(above..) {
        let places = (before..).map(|column| (number, column));
        // A program wrote it that computes nothing: nobody knows whom it holds.
        if row.iter().zip(places).any(is_missing) {
            return Err(io::Error::other("a formula of it has no value yet"));
        }
    }
    let (above, before) = range.start().unwrap_or_default();
    for (row, number) in range.rows().zip(above..) {
        let mut cells = vec![String::new(); before as usize];
        cells.extend(row.iter().map(text_of));
        // Bounded: each turn takes a cell away.
        while cells.pop_if(|cell| cell.is_empty()).is_some() {}
        if !cells.is_empty() && !take(number, &cells)? {
            break;
        }
    }
    Ok(())
}

/// The text of a cell, on one line; empty if it is blank.
fn text_of(cell: &Data) -> String {
    let text = match cell {
        Data::Float(number) if is_rounded(*number) => format!("{number:E}"),
        // A number that is shown as hours.
        Data::DateTime(at) if !at.is_datetime() => return text_of(&Data::Float(at.as_f64())),
        Data::DateTime(at) => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
        }
        other => other.to_string(),
    };
    if trim_cell(&text).is_empty() {
        return String::new();
    }
    text.replace(['\n', '\r'], " ")
}

/// Whether digits of a number in a cell may be lost.
fn is_rounded(number: f64) -> bool {
    let number = number.abs();
    number >= EXACT_BELOW || (number >= ROUNDED_FROM && number % 10.0 == 0.0)
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

/// The name that people see for the column at `place`.
pub(super) fn column_letters(place: usize) -> String {
    let before = (place / 26).checked_sub(1).map(column_letters);
    let letter = ('A'..='Z').nth(place % 26).unwrap_or_default();
    format!("{}{letter}", before.unwrap_or_default())
}
