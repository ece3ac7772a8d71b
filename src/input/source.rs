//! An input opened for reading: the one door to this module.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::domain::{Position, Record};

use super::csv::CsvRows;
use super::decompress::{Capped, Compression, INPUT_BYTES_MAX};
use super::encoding::Encoding;
use super::error::{Fault, InputError};
use super::format::{Format, Head, detect, not_text, separator_line};
use super::ids::IdRows;
use super::json::JsonRows;
use super::jsonl::JsonlRows;
use super::lines::Text;
use super::mapping::{Columns, Mapping, known_names, no_such_column, resolve, same_name};
use super::object::{cell_of, has_key, keys_of};
use super::row::{Field, Row, RowProblem};

/// How much of a text is looked at to find its format and its keys, in bytes.
const HEAD_BYTES: u64 = 64 * 1024;

/// How many rows of JSON are looked at for their keys.
const SAMPLE_ROWS_MAX: usize = 1_000;

/// How many different keys of those rows are remembered.
const SAMPLE_KEYS_MAX: usize = 1_000;

/// The buffer between the file and what reads it, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// The most bytes that tell a compression or an encoding.
const MAGIC_BYTES: u64 = 4;

/// How an input is to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Its format; `None`: it is found out.
    pub format: Option<Format>,
    /// Its delimiter, for `csv` and `tsv`; `None`: it is found out.
    pub delimiter: Option<char>,
    /// The columns that hold the fields, where they are named.
    pub columns: Columns,
}

/// How an input is read: what was given, and what was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its format.
    pub format: Format,
    /// Its delimiter; `None`: the format has none.
    pub delimiter: Option<char>,
    /// How it is compressed; `None`: it is not.
    pub compression: Option<Compression>,
    /// How its text is encoded.
    pub encoding: Encoding,
    /// Which column, or key, holds which field.
    pub mapping: Mapping,
    /// All columns in the order of the header; of JSON the top-level keys seen in the first rows,
    /// sorted; of a list of ids none.
    pub columns: Vec<String>,
}

/// An input opened for reading, row by row. The same file may be opened many times over, and a
/// source may be handed to another thread.
///
/// As an iterator it yields whole [`Row`]s. [`Source::advance`] and [`Source::content`] do the two
/// halves of that work apart, for a reader that passes over most rows.
pub struct Source {
    path: PathBuf,
    resolved: Resolved,
    rows: Rows,
    position: Position,
    ended: bool,
}

/// The reader of a format.
enum Rows {
    Csv(CsvRows),
    Jsonl(JsonlRows),
    Json(JsonRows),
    Ids(IdRows),
}

impl Source {
    /// Opens the file at `path` and finds out how it is to be read.
    ///
    /// # Errors
    ///
    /// There is no such file, it is none that can be read twice, it is empty or no text, or no
    /// column of it holds ids. See [`InputError`].
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, InputError> {
        if let Some(delimiter) = options.delimiter {
            check_delimiter(delimiter)?;
        }
        let opened = open_text(path)?;
        let Opened { mut text, head, .. } = opened;
        let head = Head {
            bytes: &head,
            is_whole: (head.len() as u64) < HEAD_BYTES,
        };
        let (format, delimiter) = detect(path, head, options)?;
        let mut resolved = Resolved {
            format,
            delimiter,
            compression: opened.compression,
            encoding: opened.encoding,
            mapping: Mapping::default(),
            columns: Vec::new(),
        };
        let columns = options.columns.clone();
        let rows = match format {
            Format::Csv | Format::Tsv => {
                let first_line = skip_separator_line(path, &mut text, head.bytes)?;
                let delimiter = delimiter.and_then(|c| u8::try_from(c).ok()).unwrap_or(b',');
                let mut rows = CsvRows::new(text, delimiter, first_line);
                resolved.columns = header_of(path, &mut rows)?;
                let (places, mapping) = resolve(path, &resolved.columns, &columns)?;
                rows.read_from(places);
                resolved.mapping = mapping;
                Rows::Csv(rows)
            }
            Format::Jsonl => {
                let sample = Cursor::new(head.bytes.to_vec());
                let sample = Rows::Jsonl(JsonlRows::new(Box::new(sample), Columns::default()));
                check_keys(path, sample, &columns, &mut resolved)?;
                Rows::Jsonl(JsonlRows::new(text, columns))
            }
            Format::Json => {
                let sample = Cursor::new(head.bytes.to_vec());
                let sample = Rows::Json(JsonRows::new(Box::new(sample), Columns::default()));
                check_keys(path, sample, &columns, &mut resolved)?;
                Rows::Json(JsonRows::new(text, columns))
            }
            Format::Ids => Rows::Ids(IdRows::new(text)),
        };
        Ok(Self {
            path: path.to_owned(),
            resolved,
            rows,
            position: Position { row: 0, line: 0 },
            ended: false,
        })
    }

    /// The path as given.
    pub fn path(&self) -> &Path {
        &self.path
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
            Err(fault) => {
                self.ended = true;
                Err(fault.at(&self.path))
            }
        }
    }

    /// The cells of the row that [`Source::advance`] went to, or why they cannot be read.
    pub fn content(&self) -> Result<Record, RowProblem> {
        match &self.rows {
            Rows::Csv(rows) => rows.content(),
            Rows::Jsonl(rows) => rows.content(),
            Rows::Json(rows) => rows.content(),
            Rows::Ids(rows) => rows.content(),
        }
    }

    /// The row that [`Source::advance`] went to, as the file has it, one text for each of
    /// [`Resolved::columns`] (CSV rows may have more or fewer; a list of ids has its line; a row
    /// that cannot be read has none). For reports that give the admin's own rows back; nothing of
    /// it belongs into a ledger.
    pub fn cells(&self) -> Vec<String> {
        let by_key = |json: Result<&str, RowProblem>| match json {
            Ok(json) => self
                .resolved
                .columns
                .iter()
                .map(|key| cell_of(json, key).unwrap_or_default())
                .collect(),
            Err(_) => Vec::new(),
        };
        match &self.rows {
            Rows::Csv(rows) => rows.cells(),
            Rows::Jsonl(rows) => by_key(rows.json()),
            Rows::Json(rows) => by_key(rows.json()),
            Rows::Ids(rows) => rows.cells(),
        }
    }
}

impl Iterator for Source {
    type Item = Result<Row, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(position) => position.map(|position| {
                Ok(Row {
                    position,
                    content: self.content(),
                })
            }),
            Err(error) => Some(Err(error)),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("path", &self.path)
            .field("resolved", &self.resolved)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Rows {
    fn advance(&mut self) -> Result<bool, Fault> {
        match self {
            Self::Csv(rows) => rows.advance(),
            Self::Jsonl(rows) => rows.advance(),
            Self::Json(rows) => rows.advance(),
            Self::Ids(rows) => rows.advance(),
        }
    }

    fn line(&self) -> u64 {
        match self {
            Self::Csv(rows) => rows.line(),
            Self::Jsonl(rows) => rows.line(),
            Self::Json(rows) => rows.line(),
            Self::Ids(rows) => rows.line(),
        }
    }

    /// The row's JSON text; `None`: it has none that can be read.
    fn json(&self) -> Option<&str> {
        match self {
            Self::Csv(_) | Self::Ids(_) => None,
            Self::Jsonl(rows) => rows.json().ok(),
            Self::Json(rows) => rows.json().ok(),
        }
    }
}

/// A file as UTF-8 text.
struct Opened {
    text: Text,
    /// The beginning of the text, which `text` will yield too.
    head: Vec<u8>,
    compression: Option<Compression>,
    encoding: Encoding,
}

/// Opens the regular file at `path`.
pub(super) fn open_file(path: &Path) -> Result<File, InputError> {
    let error = |source: io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => InputError::Missing {
            path: path.to_owned(),
        },
        _ => InputError::Open {
            path: path.to_owned(),
            source,
        },
    };
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    let metadata = path.metadata().map_err(error)?;
    if metadata.is_dir() {
        return Err(InputError::Folder {
            path: path.to_owned(),
        });
    }
    if !metadata.is_file() {
        return Err(InputError::NotAFile {
            path: path.to_owned(),
        });
    }
    File::open(path).map_err(error)
}

/// Opens the file at `path`, decompresses and decodes it.
fn open_text(path: &Path) -> Result<Opened, InputError> {
    let fault = |source| Fault::Io { line: 1, source }.at(path);
    let file = BufReader::with_capacity(BUFFER_BYTES, open_file(path)?);
    let (magic, file) = peek(file, MAGIC_BYTES).map_err(fault)?;
    if magic.is_empty() {
        return Err(InputError::Empty {
            path: path.to_owned(),
        });
    }
    let compression = Compression::detect(path, &magic);
    let plain: Box<dyn Read + Send> = match compression {
        Some(compression) => compression.decode(file).map_err(fault)?,
        None => Box::new(file),
    };
    let plain = Capped::new(plain, INPUT_BYTES_MAX);
    let plain = BufReader::with_capacity(BUFFER_BYTES, plain);
    let (mark, mut plain) = peek(plain, MAGIC_BYTES).map_err(fault)?;
    let (encoding, mark_bytes) = Encoding::detect(&mark);
    io::copy(&mut (&mut plain).take(mark_bytes as u64), &mut io::sink()).map_err(fault)?;
    let text = BufReader::with_capacity(BUFFER_BYTES, encoding.decode(plain));
    let (head, text) = peek(text, HEAD_BYTES).map_err(fault)?;
    if let Some(kind) = not_text(&magic, &head) {
        return Err(InputError::NotText {
            path: path.to_owned(),
            kind,
        });
    }
    if head.trim_ascii().is_empty() && (head.len() as u64) < HEAD_BYTES {
        return Err(InputError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(Opened {
        text: Box::new(text),
        head,
        compression,
        encoding,
    })
}

/// The first `count` bytes of `reader`, or all if it has fewer, and a reader that yields them too.
fn peek<R: BufRead>(mut reader: R, count: u64) -> io::Result<(Vec<u8>, impl BufRead + use<R>)> {
    let mut head = Vec::new();
    (&mut reader).take(count).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(reader)))
}

/// Refuses a delimiter that would not set cells apart.
fn check_delimiter(delimiter: char) -> Result<(), InputError> {
    let usable = delimiter.is_ascii() && !matches!(delimiter, '"' | '\n' | '\r' | '\0');
    if usable {
        Ok(())
    } else {
        Err(InputError::Delimiter { delimiter })
    }
}

/// Passes over a first line that names the delimiter; the number of the line that follows.
fn skip_separator_line(path: &Path, text: &mut Text, head: &[u8]) -> Result<u64, InputError> {
    let Some((_, length)) = separator_line(head) else {
        return Ok(1);
    };
    io::copy(&mut text.take(length as u64), &mut io::sink())
        .map_err(|source| Fault::Io { line: 1, source }.at(path))?;
    Ok(2)
}

/// The header's cells.
fn header_of(path: &Path, rows: &mut CsvRows) -> Result<Vec<String>, InputError> {
    let header = rows.header().map_err(|fault| fault.at(path))?;
    header.map_err(|problem| InputError::Header {
        path: path.to_owned(),
        line: rows.line(),
        reason: problem.reason,
    })
}

/// Looks for the fields' keys in the first rows of JSON. An option that names a key which none of
/// them has is a slip, and to go on would mean to take `--action` for a column of actions.
fn check_keys(
    path: &Path,
    mut sample: Rows,
    columns: &Columns,
    resolved: &mut Resolved,
) -> Result<(), InputError> {
    let mut keys = BTreeSet::new();
    let mut objects = 0;
    let fields = [Field::Id, Field::Account, Field::Action, Field::Reference];
    let mut missing: Vec<Field> = fields
        .into_iter()
        .filter(|field| columns.of(*field).is_some())
        .collect();
    for _ in 0..SAMPLE_ROWS_MAX {
        // A sample that ends in the middle of a row is no fault of the file.
        if !matches!(sample.advance(), Ok(true)) {
            break;
        }
        let Some(json) = sample.json() else { continue };
        let Some(row_keys) = keys_of(json) else {
            continue;
        };
        objects += 1;
        let room = SAMPLE_KEYS_MAX.saturating_sub(keys.len());
        keys.extend(row_keys.into_iter().take(room));
        missing.retain(|field| !columns.of(*field).is_some_and(|key| has_key(json, key)));
    }
    let seen: Vec<String> = keys.into_iter().collect();
    // A list of bare ids has no keys, and so no use for options that name one.
    if let (Some(field), true) = (missing.first(), objects > 0) {
        let wanted = columns.of(*field).unwrap_or_default();
        return Err(no_such_column(path, &seen, *field, wanted));
    }
    let found = |field| match columns.of(field) {
        Some(key) => Some(key.to_owned()),
        None => known_names(field)
            .iter()
            .find_map(|known| seen.iter().find(|key| same_name(key, known)).cloned()),
    };
    resolved.mapping = Mapping {
        id: found(Field::Id),
        account: found(Field::Account),
        action: found(Field::Action),
        reference: found(Field::Reference),
    };
    if objects > 0 && resolved.mapping.id.is_none() {
        return Err(InputError::NoIdColumn {
            path: path.to_owned(),
            columns: seen,
        });
    }
    resolved.columns = seen;
    Ok(())
}
