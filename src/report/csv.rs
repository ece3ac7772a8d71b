//! The admin's own rows back, as CSV: who is gone, who is not, and who is still to do.
//!
//! [`Sheet`] is the main type: one file, row after row. Its rows can be read again as an input:
//! columns have their names and ids are left alone. Everything else is made safe for a spreadsheet
//! and for a terminal (control characters). A cell that a spreadsheet would take for a formula gets
//! a `'` in front, after OWASP's "CSV Injection".
//!
//! It knows no input: cells come as bytes, in the order of the columns.

use std::io::{self, Write};
use std::sync::LazyLock;

use csv::{Writer, WriterBuilder};
use regex_lite::Regex;

use crate::domain::{Counted, OutcomeEntry};

/// The columns that are added, behind the input's own. None is a name that an input is read by.
const ADDED: [&str; 4] = [
    "userpurge_outcome",
    "userpurge_code",
    "userpurge_message",
    "userpurge_line",
];

/// The code of a row with fewer cells than the header, which may stand in the wrong columns.
const SHORT_ROW: &str = "short_row";

/// The substitute for a control character: SUB, which stands for a character that is not to be had.
/// A control character itself, it makes no id valid that was none.
const SUBSTITUTE: u8 = 0x1A;

/// The file of rows that count so.
pub const fn file_of(counted: Counted) -> &'static str {
    match counted {
        Counted::Good => "deleted.csv",
        // Those that somebody has to look at.
        Counted::Bad => "failed.csv",
        // Of which nothing became: pending ones, duplicates, and those that a filter left out.
        Counted::Skipped => "unprocessed.csv",
    }
}

/// How a row ended.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// The outcome's name, or `pending`.
    pub outcome: &'a str,
    /// The code; `None`: there is none.
    pub code: Option<&'a str>,
    /// The message; `None`: there is none.
    pub message: Option<&'a str>,
    /// The line of the input that the row begins on.
    pub line: u64,
}

impl<'a> End<'a> {
    /// The end that `entry` tells.
    pub fn of(entry: &'a OutcomeEntry) -> Self {
        Self {
            outcome: entry.outcome.name(),
            code: entry.said.code.as_deref(),
            message: entry.said.message.as_deref(),
            line: entry.position.line,
        }
    }

    /// The row on `line` has no outcome yet.
    pub fn pending(line: u64, is_in_doubt: bool, is_soft_deleted: bool) -> Self {
        let said = match (is_in_doubt, is_soft_deleted) {
            (false, false) => None,
            (false, true) => Some((
                "soft_deleted",
                "soft-deleted so far; the permanent deletion is still to come, by `resume`",
            )),
            (true, false) => Some((
                "in_doubt",
                "a request left and its answer is not recorded; `resume` settles it",
            )),
            (true, true) => Some((
                "in_doubt",
                "soft-deleted so far; the permanent deletion left and its answer is not recorded; `resume` settles it",
            )),
        };
        Self {
            outcome: "pending",
            code: said.map(|(code, _)| code),
            message: said.map(|(_, message)| message),
            line,
        }
    }
}

/// One file.
#[derive(Debug)]
pub struct Sheet<W: Write> {
    writer: Writer<W>,
    columns: usize,
    id: Option<usize>,
    rows: u64,
    ids_like_formulas: u64,
}

impl<W: Write> Sheet<W> {
    /// Begins a file with its header: the input's columns `names`, and ours. `id`: the place of the id's;
    /// `read`: the places of the columns that rows are read by, which must keep their names.
    pub fn new(to: W, names: &[String], id: Option<usize>, read: &[usize]) -> io::Result<Self> {
        // Rows may have more cells than the header; those stand behind the added ones.
        let mut writer = WriterBuilder::new().flexible(true).from_writer(to);
        for (index, name) in names.iter().enumerate() {
            let is_read = read.contains(&index);
            let name = name.as_bytes();
            writer.write_field(if is_read { name.to_vec() } else { safe(name) })?;
        }
        for name in added(names) {
            writer.write_field(name)?;
        }
        writer.write_record(None::<&[u8]>)?;
        Ok(Self {
            writer,
            columns: names.len(),
            id,
            rows: 0,
            ids_like_formulas: 0,
        })
    }

    /// Adds a row. `cells`: the row's own; fewer than there are columns are filled up, and what is
    /// more is put behind the added columns. The id of a row that is invalid for having fewer gets a
    /// question mark, so that nobody sends it unseen. `keeps_id`: whether the id is, or may be, one that
    /// the provider can have, so that it must go back as it is.
    pub fn row(&mut self, cells: &[Vec<u8>], keeps_id: bool, end: End<'_>) -> io::Result<()> {
        let (own, more) = cells.split_at(cells.len().min(self.columns));
        for place in 0..self.columns {
            let cell = own.get(place).map_or(&[][..], Vec::as_slice);
            if self.id == Some(place) {
                let mut cell = self.id_cell(cell, keeps_id);
                if end.code == Some(SHORT_ROW) {
                    // Filled up it would pass for whole, and another cell for the id.
                    cell.insert(0, b'?');
                }
                self.writer.write_field(cell)?;
            } else {
                self.writer.write_field(safe(cell))?;
            }
        }
        let [code, message] = [end.code, end.message].map(Option::unwrap_or_default);
        let line = end.line.to_string();
        let added = [end.outcome, code, message, &line].map(str::as_bytes);
        for cell in added.into_iter().chain(more.iter().map(Vec::as_slice)) {
            self.writer.write_field(safe(cell))?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        self.rows += 1;
        Ok(())
    }

    /// Ends the file. Returns how many rows it has, and of how many a spreadsheet would take the valid id
    /// for a formula.
    pub fn finish(mut self) -> io::Result<(u64, u64)> {
        self.writer.flush()?;
        Ok((self.rows, self.ids_like_formulas))
    }

    /// An id goes back as it is if it can be one. If it cannot, the sign that makes it safe stands right before
    /// the dangerous part. So blanks in front, which may be the fault of it, stay in front.
    fn id_cell(&mut self, cell: &[u8], keeps_id: bool) -> Vec<u8> {
        let mut clean = without_controls(cell);
        match formula(&clean) {
            Some(_) if keeps_id => self.ids_like_formulas += 1,
            Some(at) => clean.insert(at, b'\''),
            None => {}
        }
        clean
    }
}

/// The names of the added columns. An input that is such a file itself has them already: then they
/// get a number.
fn added(names: &[String]) -> [String; ADDED.len()] {
    let numbered = |n: usize| match n {
        1 => ADDED.map(str::to_owned),
        _ => ADDED.map(|name| format!("{name}_{n}")),
    };
    // One number more than there are names is free.
    (1..=names.len() + 1)
        .map(numbered)
        .find(|added| !added.iter().any(|name| names.contains(name)))
        .unwrap_or_else(|| numbered(names.len() + 2))
}

/// A cell that neither a spreadsheet nor a terminal takes for an order.
pub(super) fn safe(cell: &[u8]) -> Vec<u8> {
    let mut clean = without_controls(cell);
    if formula(&clean).is_some() {
        clean.insert(0, b'\'');
    }
    clean
}

/// The place in `cell` where a spreadsheet would see the beginning of a formula. It is a sign that
/// begins one, blanks and double quotes before it passed over, or a tab or a line end in front.
/// `None`: it is a text, or nothing but a number.
fn formula(cell: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(cell);
    let passed = |c: char| c == '"' || (c.is_whitespace() && !matches!(c, '\t' | '\r' | '\n'));
    let begin = text.trim_start_matches(passed);
    // The part that is passed over is text, so that its length is the same in the cell.
    let at = text.len() - begin.len();
    let first = begin.chars().next()?;
    let begins_one = matches!(
        first,
        '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'
    );
    (begins_one && !is_number(begin)).then_some(at)
}

/// Whether `text` is a sign and a plain number, such as `-5`, `+1.5` or `-1,234.5E+3`. It computes
/// nothing, and its own column should stay one of numbers.
fn is_number(text: &str) -> bool {
    static NUMBER: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[+-]\d+([.,]\d+)*([eE][+-]?\d+)?$").ok());
    NUMBER.as_ref().is_some_and(|it| it.is_match(text))
}

/// `cell` with [`SUBSTITUTE`] for every control character but those that are blanks: tabs, line
/// ends and their kind.
fn without_controls(cell: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(cell.len());
    let mut rest = cell;
    while let [first, behind @ ..] = rest {
        let (plain, behind) = match rest {
            // U+0080 to U+009F, of which U+0085 is a line end.
            [0xC2, 0x80..=0x84 | 0x86..=0x9F, behind @ ..]
            | [0..=0x08 | 0x0E..=0x1F | 0x7F, behind @ ..] => (SUBSTITUTE, behind),
            _ => (*first, behind),
        };
        clean.push(plain);
        rest = behind;
    }
    clean
}
