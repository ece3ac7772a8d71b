//! An input opened for reading: the one door to this module.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Builder};

use memchr::memchr2;

use crate::domain::{OutcomeEntry, Position, Record, RunOptions};

use super::batch::RowBatch;
use super::csv::CsvRows;
use super::decompress::Compression;
use super::error::{InputError, Underlined};
use super::filter::{FILTERED, Test};
use super::format::{Format, detect, header_below, is_header_in_one_cell, separator_line};
use super::ids::{Asides, IdRows, are_columns, is_surely_an_id, numbering};
use super::json::{JsonRows, page_key};
use super::lines::Text;
use super::mapping::{
    Columns, EXTERNAL_ID, FIELDS, NO_COLUMN, has_id, no_such_column, place_of, resolve, same_name,
};
use super::object::RowKeys;
use super::open::{Digest, Fingerprint, TextFile, fingerprint, open_text, read_text};
use super::row::{Field, Raw, RowProblem, RowReader, trim_cell};
use super::sample::{check_rivals, resolve_keys};
use super::workbook::ReadSheet;

/// The first letters of the name of the column of codes in a report's files.
const CODES: &str = "userpurge_code";

/// How many batches of rows may be read ahead.
const BATCHES: usize = 4;

/// How an input is to be read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Its format; `None`: it is found out.
    pub format: Option<Format>,
    /// Its delimiter, for `csv` and `tsv`; `None`: it is found out.
    pub delimiter: Option<char>,
    /// The line of a table's header; what stands above it is passed over. `None`: the first.
    pub header_line: Option<u64>,
    /// The sheet of a workbook; `None`: the first that holds ids.
    pub sheet: Option<String>,
    /// The columns that hold the fields, where they are named.
    pub columns: Columns,
    /// The tests that a row has to pass to be taken.
    pub tests: Vec<Test>,
    /// Whether its digest is taken while it is read.
    pub is_digested: bool,
}

impl ReadOptions {
    /// The part of `options` about reading.
    pub fn of(options: &RunOptions) -> Self {
        Self {
            header_line: options.header_line,
            sheet: options.sheet.clone(),
            columns: Columns {
                id: options.id_column.clone(),
                account: options.account_column.clone(),
                action: options.action_column.clone(),
                reference: options.ref_column.clone(),
                brand: None,
            },
            ..Self::default()
        }
    }

    /// The same for the rows that stand under the key `page`: `users.id` is their `id`.
    fn within(&self, page: Option<&str>) -> Self {
        let within = |name: &str| {
            let inner = page.and_then(|page| name.strip_prefix(page)?.strip_prefix('.'));
            inner.unwrap_or(name).to_owned()
        };
        let mut options = self.clone();
        options.columns = Columns::of_fields(FIELDS.map(|it| self.columns.of(it).map(within)));
        for test in &mut options.tests {
            test.column = within(&test.column);
        }
        options
    }

    /// The columns that are named, each with the field whose option does; of a test the row's.
    pub(super) fn named(&self) -> Vec<(Field, &str)> {
        let fields = FIELDS.into_iter();
        let fields = fields.filter_map(|field| Some((field, self.columns.of(field)?)));
        let fields = fields.filter(|(_, name)| *name != NO_COLUMN);
        let tests = self.tests.iter().map(|test| (Field::Row, &*test.column));
        fields.chain(tests).collect()
    }
}

/// How an input is read: what was given, and what was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its format.
    pub format: Format,
    /// Its delimiter; `None`: the format has none.
    pub delimiter: Option<char>,
    /// The sheet that was read of a workbook.
    pub sheet: Option<ReadSheet>,
    /// How it is compressed; `None`: it is not.
    pub compression: Option<Compression>,
    /// Which column, or key, holds which field.
    pub mapping: Columns,
    /// All columns in the order of the header; of JSON the top-level keys seen in the first rows,
    /// sorted; of a list of ids none.
    pub columns: Vec<String>,
}

impl Resolved {
    /// The place of the column of `field` in a table.
    pub(super) fn place_of(&self, field: Field) -> Option<usize> {
        let name = self.mapping.of(field)?;
        self.columns.iter().position(|column| column == name)
    }
}

/// An input opened for reading, row by row: [`InputSource::each_row`] lends row after row.
/// [`InputSource::advance`] and [`InputSource::content`] do the two halves of that work apart.
pub struct InputSource {
    path: PathBuf,
    digest: Option<Digest>,
    /// The columns that options name, below the key of a page if there are pages.
    columns: Columns,
    resolved: Resolved,
    rows: Box<dyn RowReader>,
    /// With the places of their columns, if it is a table.
    tests: Vec<(usize, Test)>,
    /// The columns of codes, if this is a file of a report, which may be of such a file itself.
    codes: Vec<usize>,
    /// How often a row was taken because a tested cell is blank.
    blank: Cell<u64>,
    position: Position,
    ended: bool,
}

impl InputSource {
    /// Opens the file at `path` and finds out how it is to be read.
    ///
    /// # Errors
    ///
    /// There is no such file, it cannot be read twice, it is empty or no text, or no column of it
    /// holds ids. See [`InputError`].
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, InputError> {
        let opened = open_text(path, options.sheet.as_deref(), options.is_digested)?;
        Self::read(path, options, opened)
    }

    /// Opens the file at `path` likewise. Where no column is known to hold ids, and `options` name
    /// none, the first of `columns` that is there does. `options` name it from then on.
    pub fn open_with(
        path: &Path,
        options: &mut ReadOptions,
        columns: &[String],
    ) -> Result<Self, InputError> {
        let found = Self::open(path, options);
        let is_lacking = found.as_ref().is_err_and(InputError::lacks_field);
        if !is_lacking || options.columns.id.is_some() {
            return found;
        }
        for column in columns {
            let mut read = options.clone();
            read.columns.id = Some(column.clone());
            if let Ok(source) = Self::open(path, &read)
                // Of two columns with that name, nobody said which.
                && !source.names_twice(column)
            {
                *options = read;
                return Ok(source);
            }
        }
        found
    }

    /// The digest of all bytes of the file, those that no row needed too.
    pub fn fingerprint(&mut self) -> Result<Fingerprint, InputError> {
        let failed = |source| InputError::of_reading(&self.path, 1, source);
        match self.digest.take() {
            Some(digest) => digest.finish().map_err(failed),
            None => fingerprint(&self.path),
        }
    }

    /// Reads `bytes` as if they lay at `path`, through buffers of `buffer_bytes`: for tests without a disk.
    pub fn of_bytes(
        path: &Path,
        bytes: Vec<u8>,
        buffer_bytes: usize,
        options: &ReadOptions,
    ) -> Result<Self, InputError> {
        let size = bytes.len() as u64;
        let opened = read_text(path, Cursor::new(bytes), size, buffer_bytes)?;
        Self::read(path, options, opened)
    }

    fn read(path: &Path, options: &ReadOptions, opened: TextFile) -> Result<Self, InputError> {
        let sheet = opened.sheet.as_ref().map(|(_, it)| it.name.clone());
        Self::read_rows(path, options, opened).map_err(|error| error.on_sheet(sheet.as_deref()))
    }

    fn read_rows(
        path: &Path,
        options: &ReadOptions,
        mut opened: TextFile,
    ) -> Result<Self, InputError> {
        if let Some(delimiter) = options.delimiter {
            check_delimiter(path, delimiter)?;
        }
        if options.columns.of(Field::Id) == Some(NO_COLUMN) {
            let message = "`--id-column none` would leave no ids; name the column that holds them";
            return Err(InputError::new(path, message.to_owned()));
        }
        if let Some(line) = options.header_line {
            begin_at(path, &mut opened, line)?;
        }
        let (format, delimiter) = detect(path, &opened, options)?;
        let mut resolved = Resolved {
            format,
            delimiter,
            sheet: opened.sheet.take().map(|(_, sheet)| sheet),
            compression: opened.compression,
            mapping: Columns::default(),
            columns: Vec::new(),
        };
        let page = (format == Format::Json)
            .then(|| page_key(&opened.head, options.columns.id.as_deref()))
            .flatten();
        let options = &options.within(page.as_deref());
        let digest = opened.digest.take();
        let rows = match format {
            _ if format.is_table() => open_csv(path, opened, options, &mut resolved)?,
            Format::Jsonl | Format::Json => {
                open_json(path, opened, options, page.as_deref(), &mut resolved)?
            }
            _ => open_ids(path, opened, options)?,
        };
        let place = |test: &Test| {
            let place = || place_of(path, &resolved.columns, Field::Row, &test.column);
            if format.is_table() { place() } else { Ok(0) }
        };
        let tests = options.tests.iter();
        let tests = tests.map(|test| Ok((place(test)?, test.clone())));
        let tests = tests.collect::<Result<_, InputError>>()?;
        let columns = resolved.columns.iter().enumerate();
        let codes = columns.filter(|(_, name)| name.starts_with(CODES));
        Ok(Self {
            codes: codes.map(|(place, _)| place).collect(),
            path: path.to_owned(),
            digest,
            columns: options.columns.clone(),
            resolved,
            rows,
            tests,
            blank: Cell::new(0),
            position: Position { row: 0, line: 0 },
            ended: false,
        })
    }

    /// The path as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name that people see: its path, and the sheet that was read.
    pub fn called(&self) -> String {
        let path = self.path.display();
        match &self.resolved.sheet {
            None => path.to_string(),
            Some(ReadSheet {
                name, others: 0, ..
            }) => format!("{path}, sheet `{name}`"),
            Some(ReadSheet { name, others, .. }) => format!(
                "{path}, sheet `{name}` (the first of {} with ids; `--sheet` names another)",
                others + 1
            ),
        }
    }

    /// Whether a table has more than one column of that name, however they are spelt.
    fn names_twice(&self, name: &str) -> bool {
        let names = self.resolved.columns.iter();
        names.filter(|it| same_name(it, name)).count() > 1
    }

    /// How it is read.
    pub fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Goes on to the next row, without taking its cells apart more than finding its end needs;
    /// `None`: there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be read further; from then on there is no row.
    pub fn advance(&mut self) -> Result<Option<Position>, InputError> {
        if self.ended {
            return Ok(None);
        }
        match self.rows.advance() {
            Ok(true) => {
                self.position = Position {
                    row: self.position.row + 1,
                    line: self.rows.line(),
                };
                Ok(Some(self.position))
            }
            Ok(false) => {
                self.ended = true;
                Ok(None)
            }
            Err(source) => {
                self.ended = true;
                let line = self.rows.line();
                Err(InputError::of_reading(&self.path, line, source))
            }
        }
    }

    /// Shows `take` every row that is left, in the order of the file, while a thread of its own reads on.
    ///
    /// # Errors
    ///
    /// The file cannot be read to its end. `take` has seen the rows before.
    pub fn each_row(
        &mut self,
        mut take: impl FnMut(Position, &Result<Record<'_>, RowProblem>),
    ) -> Result<(), InputError> {
        let path = self.path.clone();
        let failed = |source| InputError::of_reading(&path, 1, source);
        thread::scope(|scope| {
            let (to_take, batches) = sync_channel(BATCHES);
            let read = move || self.read_batches(&to_take);
            let thread = Builder::new().name("input".to_owned());
            let reader = thread.spawn_scoped(scope, read).map_err(failed)?;
            for batch in batches {
                batch.show(&mut take);
            }
            let gone = |_| Err(failed(io::Error::other("the thread that reads has ended")));
            reader.join().unwrap_or_else(gone)
        })
    }

    /// Sends the rows that are left, also those before one that cannot be read.
    fn read_batches(&mut self, to_take: &SyncSender<RowBatch>) -> Result<(), InputError> {
        let mut next = Ok(Some(self.position));
        while let Ok(Some(_)) = next {
            let mut batch = RowBatch::default();
            next = self.advance();
            while let Ok(Some(position)) = next
                && batch.push(position, self.content())
            {
                next = self.advance();
            }
            // Whoever takes them has ended only if that thread panicked.
            if to_take.send(batch).is_err() {
                break;
            }
        }
        next.map(drop)
    }

    /// The cells of the row that [`InputSource::advance`] went to, or why they cannot be read. A row that a
    /// test leaves out has the code `filtered`. A row that a run left out is left out of the files of its
    /// report too.
    pub fn content(&self) -> Result<Record<'_>, RowProblem> {
        let mut is_blank = false;
        for (place, test) in &self.tests {
            let cell = self.rows.cell(*place, &test.column)?;
            if !test.takes(&cell)? {
                return Err(RowProblem::new(Field::Row, FILTERED, ""));
            }
            is_blank |= test.is_negated && trim_cell(&cell).is_empty();
        }
        self.blank.set(self.blank.get() + u64::from(is_blank));
        for place in &self.codes {
            match &*self.rows.cell(*place, CODES)? {
                OutcomeEntry::PROTECT_LIST => {
                    let why = "the run that this row is from had the user on its protect list; to send \
                               the row, clear its `userpurge_code`";
                    return Err(RowProblem::new(Field::Row, OutcomeEntry::PROTECT_LIST, why));
                }
                FILTERED | "duplicate" => return Err(RowProblem::new(Field::Row, FILTERED, "")),
                _ => {}
            }
        }
        self.rows.content()
    }

    /// The things that were read that people may not expect, as far as it was read.
    pub fn asides(&self) -> Asides {
        Asides {
            hidden: self.resolved.sheet.as_ref().map_or(0, |it| it.hidden),
            blank: self.blank.get(),
            ..self.rows.asides()
        }
    }

    /// The column whose name says that it holds external ids, if the ids are taken from it without an
    /// option that names it. `None`: they are the users' own.
    pub fn external_ids(&self) -> Option<&str> {
        let column = self.resolved.mapping.id.as_deref();
        column.filter(|column| self.columns.id.is_none() && same_name(column, EXTERNAL_ID))
    }

    /// The columns that options name, as the rows have them.
    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The row that [`InputSource::advance`] went to, as the file has it.
    pub(super) fn raw(&self) -> Raw<'_> {
        self.rows.raw()
    }
}

impl fmt::Debug for InputSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputSource")
            .field("path", &self.path)
            .field("resolved", &self.resolved)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Passes over what stands above `line`.
fn begin_at(path: &Path, opened: &mut TextFile, line: u64) -> Result<(), InputError> {
    let mut start = 0;
    // Bounded by the head: each turn passes over a line of it.
    for _ in 1..line {
        let rest = &opened.head[start..];
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        start += end + 1 + usize::from(rest[end..].starts_with(b"\r\n"));
        if start >= opened.head.len() {
            let what = format!(
                "has no line {line} near its beginning, where its header should stand (`--header-line`)"
            );
            return Err(InputError::about(path, &what));
        }
    }
    opened.head.drain(..start);
    io::copy(&mut (&mut opened.text).take(start as u64), &mut io::sink())
        .map_err(|source| InputError::of_reading(path, 1, source))?;
    Ok(())
}

/// The reader of CSV, behind its header.
fn open_csv(
    path: &Path,
    mut opened: TextFile,
    options: &ReadOptions,
    resolved: &mut Resolved,
) -> Result<Box<dyn RowReader>, InputError> {
    let mut first_line = options.header_line.unwrap_or(1);
    if separator_line(&opened.head).is_some() {
        begin_at(path, &mut opened, 2)?;
        first_line += 1;
    }
    let TextFile { head, text, .. } = opened;
    let columns = &options.columns;
    let delimiter = check_delimiter(path, resolved.delimiter.unwrap_or(','))?;
    let mut rows = CsvRows::new(text, delimiter, first_line);
    let header = rows.header();
    let line = rows.line();
    let header = header.map_err(|source| InputError::of_reading(path, line, source))?;
    resolved.columns = header.map_err(|problem| {
        let message = format!(
            "the header on line {line} of `{}` cannot be read: {}; check that it is a CSV file",
            path.display(),
            problem.reason
        );
        InputError::new(path, message).marking(Underlined::Line(line), "this is no header")
    })?;
    check_header(path, resolved, (&head, first_line), columns)?;
    let (places, mapping) = resolve(path, &resolved.columns, columns)?;
    if columns.id.is_none() {
        let sample = CsvRows::new(Box::new(Cursor::new(head)), delimiter, first_line);
        check_rivals(path, sample.named_cells(), &mapping)?;
    }
    rows.places = places;
    resolved.mapping = mapping;
    Ok(Box::new(rows))
}

/// Refuses a first line without a column of ids in three cases. Another line looks like the header,
/// or it is a row, or each line is quoted as a whole.
fn check_header(
    path: &Path,
    resolved: &Resolved,
    (head, first_line): (&[u8], u64),
    columns: &Columns,
) -> Result<(), InputError> {
    let (displayed, header) = (path.display(), &resolved.columns);
    let names_row = columns.id.as_deref().is_some_and(is_surely_an_id);
    if has_id(header, columns) && !names_row {
        return Ok(());
    }
    if let Some(line) = header_below(head, columns).filter(|_| !names_row) {
        let line = line + first_line - 1;
        let message = format!(
            "line {first_line} of `{displayed}` is no header, and line {line} looks like it; `--header-line {line}` reads on from there"
        );
        let error = InputError::new(path, message);
        return Err(error.marking(Underlined::Line(line), "this looks like the header"));
    }
    if (columns.id.is_none() || names_row) && header.iter().any(|it| is_surely_an_id(it)) {
        let how = match header.as_slice() {
            [_] if resolved.sheet.is_none() => "`--format ids` reads each line as an id",
            _ => "put a row above it that names the columns, the one of the ids `id`",
        };
        let what = format!("has no header, as its first row holds an id; {how}");
        let error = InputError::about(path, &what);
        return Err(error.marking(Underlined::Line(first_line), "this is no header"));
    }
    if columns.id.is_none() && is_header_in_one_cell(header, columns) {
        let message = format!(
            "each line of `{displayed}` is quoted as a whole, so that it is one cell; save it again without the quotes round the lines"
        );
        return Err(InputError::new(path, message).marking(Underlined::Line(1), "this is one cell"));
    }
    Ok(())
}

/// The reader of JSON, whose first rows have been looked at for their keys.
fn open_json(
    path: &Path,
    opened: TextFile,
    options: &ReadOptions,
    page: Option<&str>,
    resolved: &mut Resolved,
) -> Result<Box<dyn RowReader>, InputError> {
    let are_lines = resolved.format == Format::Jsonl;
    let columns = &options.columns;
    let reader = |text: Text, id| JsonRows::new(text, RowKeys::new(columns, id), are_lines, page);
    let first = reader(Box::new(Cursor::new(opened.head)), None);
    (resolved.mapping, resolved.columns) = resolve_keys(path, first, options)?;
    let id = resolved.mapping.id.as_deref();
    Ok(Box::new(reader(opened.text, id)))
}

/// The reader of a list of ids, which has no column that an option could name.
fn open_ids(
    path: &Path,
    opened: TextFile,
    options: &ReadOptions,
) -> Result<Box<dyn RowReader>, InputError> {
    match options.named().first() {
        Some((field, wanted)) => Err(no_such_column(path, &[], *field, wanted)),
        None if are_columns(&opened.head) => {
            let what = "has columns of ids without a header, of which one may be no users'; give the column of the users alone";
            let error = InputError::about(path, what);
            Err(error.marking(Underlined::Line(1), "these may not all be users"))
        }
        None => match numbering(&opened.head) {
            None => Ok(Box::new(IdRows::new(opened.text, &opened.head))),
            Some(sign) => Err(numbered(path, sign)),
        },
    }
}

/// The delimiter as a byte, unless it would not set cells apart.
fn check_delimiter(path: &Path, delimiter: char) -> Result<u8, InputError> {
    u8::try_from(delimiter)
        .ok()
        .filter(|byte| byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0))
        .ok_or_else(|| {
            let message = format!(
                "`{}` cannot be a delimiter; give one ASCII character that is no quote and no line end, such as `;`",
                delimiter.escape_default()
            );
            InputError::new(path, message)
        })
}

/// The error of a list whose lines begin with a running number, and `sign` behind it.
fn numbered(path: &Path, sign: char) -> InputError {
    let cut = match sign {
        '\t' => " (`cut -f2-` takes them off)".to_owned(),
        ',' | ';' | ':' | '.' | ')' => format!(" (`cut -d'{sign}' -f2-` takes them off)"),
        _ => String::new(),
    };
    let what = format!(
        "begins each line with a running number, which may be another user's id; make the list without the numbers{cut}"
    );
    InputError::about(path, &what).marking(Underlined::Line(1), "this begins with a running number")
}
