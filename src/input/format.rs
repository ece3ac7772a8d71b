//! Which format a file has: by its extension, then by what stands in it.

use std::io::Cursor;
use std::path::Path;

use serde::de::IgnoredAny;

use crate::domain::named;

use super::csv::CsvRows;
use super::error::{InputError, Underlined};
use super::ids::{is_list_line, is_surely_an_id, lines_of};
use super::json::page_key;
use super::mapping::{Columns, has_id};
use super::open::{TextFile, is_whole};
use super::row::{is_blank, is_digits, trim_cell};
use super::source::ReadOptions;

/// The delimiters that are looked for, the likeliest first.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// The extensions of compressed files.
const PACKED: [&str; 7] = ["gz", "gzip", "zst", "zstd", "bz2", "xz", "zip"];

/// How many lines are looked at for a header that is not the first.
const HEADER_LINES_MAX: usize = 30;

named! {
    /// How rows stand in a file.
    pub enum Format {
        /// Comma-separated values with a header, whatever the delimiter.
        Csv = "csv",
        /// The same with tabs.
        Tsv = "tsv",
        /// One JSON object, or bare id, a line.
        Jsonl = "jsonl",
        /// JSON values over many lines: arrays of objects or of bare ids, objects, or pages of users.
        Json = "json",
        /// One id a line.
        Ids = "ids",
        /// A sheet of an Excel workbook, read as CSV.
        Xlsx = "xlsx",
        /// A sheet of an `OpenDocument` spreadsheet, likewise.
        Ods = "ods",
    }
}

impl Format {
    /// The format called `name`.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Whether rows stand under a header, as cells in columns.
    pub(super) fn is_table(self) -> bool {
        matches!(self, Self::Csv | Self::Tsv | Self::Xlsx | Self::Ods)
    }
}

/// The format of what was `opened` at `path`, and the delimiter if it is `csv` or `tsv`.
pub(super) fn detect(
    path: &Path,
    opened: &TextFile,
    options: &ReadOptions,
) -> Result<(Format, Option<char>), InputError> {
    let head = &opened.head[..];
    if let Some((format, _)) = opened.sheet {
        if options.delimiter.is_some() || options.format.is_some_and(|it| it != format) {
            let what = format!(
                "is a spreadsheet; give no `--delimiter`, and no `--format` but `{format}`"
            );
            return Err(InputError::about(path, &what));
        }
        return Ok((format, None));
    }
    if options.sheet.is_some() || matches!(options.format, Some(Format::Xlsx | Format::Ods)) {
        let what = "is no xlsx or ods spreadsheet; leave out `--sheet` and `--format`";
        return Err(InputError::about(path, what));
    }
    let format = match (options.format, options.delimiter) {
        (Some(format), _) => format,
        (None, Some('\t')) => Format::Tsv,
        (None, Some(_)) => Format::Csv,
        (None, None) => match of_extension(&opened.name) {
            Some(table @ (Format::Csv | Format::Tsv)) => {
                table_or_bare_ids(table, head, &options.columns)
            }
            Some(Format::Json) => values_or_lines(path, head, &options.columns)?,
            // Values over many lines would be one broken row after another.
            Some(Format::Jsonl) => {
                values_or_lines(path, head, &options.columns).unwrap_or(Format::Jsonl)
            }
            Some(format) => format,
            None => of_content(path, head, &options.columns)?,
        },
    };
    let delimiter = match format {
        Format::Csv => Some(match options.delimiter {
            Some(delimiter) => delimiter,
            None => {
                separator_line(head).unwrap_or_else(|| guess_delimiter(head, &options.columns).0)
            }
        }),
        Format::Tsv => Some(options.delimiter.unwrap_or('\t')),
        _ => None,
    };
    if format == Format::Json && !matches!(first_byte(head), Some(b'[' | b'{')) {
        return Err(not_an_array(path));
    }
    Ok((format, delimiter))
}

/// A first line `sep=;`, which spreadsheets write and read: the delimiter it names.
pub(super) fn separator_line(head: &[u8]) -> Option<char> {
    let rest = head.strip_prefix(b"sep=")?;
    let delimiter = *rest
        .first()
        .filter(|b| b.is_ascii() && !b.is_ascii_control() || **b == b'\t')?;
    let ends = matches!(rest.get(1), Some(b'\r' | b'\n'));
    ends.then_some(char::from(delimiter))
}

/// The line, from 1, that looks like the header of a table whose first line is none. That first
/// line is a title, or words of the program that made it. `None`: none of the first does.
pub(super) fn header_below(head: &[u8], columns: &Columns) -> Option<u64> {
    let mut lines = (1..).zip(head.split(|byte| *byte == b'\n'));
    let below = lines.by_ref().skip(1).take(HEADER_LINES_MAX);
    let mut like_it = below.filter(|(_, line)| has_id(&guess_delimiter(line, columns).1, columns));
    like_it.next().map(|(number, _)| number)
}

/// Whether the only cell of a header holds a header with a column of ids: then each line was quoted
/// as a whole.
pub(super) fn is_header_in_one_cell(names: &[String], columns: &Columns) -> bool {
    let [only] = names else { return false };
    let holds_id = |delimiter| {
        let cells: Vec<String> = only
            .split(char::from(delimiter))
            .map(|it| trim_cell(it).to_owned())
            .collect();
        cells.len() > 1 && has_id(&cells, columns)
    };
    DELIMITERS.into_iter().any(holds_id)
}

/// The advice for files that hold no rows as text.
const SAVE: &str = "; save it as xlsx, or as CSV in UTF-8";
const FETCH: &str = "; fetch it again as CSV or JSON in UTF-8";
const ASK: &str = "; ask for the list as CSV in UTF-8";
const WRITE: &str = "; write its column of ids as CSV in UTF-8";
const UNPACK: &str = "; unpack it, and give the file in it";

/// The first bytes of such files, their kinds, and the advice.
const NO_TEXT: [(&[u8], &str, &str); 15] = [
    (
        b"\xD0\xCF\x11\xE0",
        "an old spreadsheet, one with a password, or another Office document or mail",
        SAVE,
    ),
    (b"{\\rtf", "an RTF document", SAVE),
    (b"%PDF", "a PDF document", ASK),
    (b"\x89PNG", "an image", ASK),
    (b"Received:", "an e-mail", ASK),
    (
        b"<",
        "XML or an HTML page, as of a sign-in, and no export",
        FETCH,
    ),
    (b"PAR1", "a Parquet file", WRITE),
    (b"Obj\x01", "an Avro file", WRITE),
    (b"ORC\n", "an ORC file", WRITE),
    (b"SQLite format 3", "an SQLite database", WRITE),
    (b"INSERT INTO", "SQL", WRITE),
    (b"---\n", "YAML", WRITE),
    (b"7z\xBC\xAF", "a 7-Zip archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"-----BEGIN PGP", "encrypted", "; decrypt it first"),
];

/// The kind of a file that holds no rows as text, with its article, and what to do; `None`: it may
/// well be text. `text` is how it begins decompressed and decoded.
pub(super) fn not_text(text: &[u8]) -> Option<String> {
    let begin = text.trim_ascii_start();
    let begins_so = |(magic, ..): &&(&[u8], &str, &str)| {
        let found = begin.get(..magic.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(magic))
    };
    if let Some((_, kind, mend)) = NO_TEXT.iter().find(begins_so) {
        return Some(format!("{kind}{mend}"));
    }
    // Where a tar archive says that it is one.
    if text.get(257..262) == Some(b"ustar") {
        return Some("a tar archive; unpack it with `tar -xf`, and give the file in it".to_owned());
    }
    let nul = "no text in UTF-8 (it holds NUL bytes, as UTF-16 without its byte order mark does); export it as CSV in UTF-8";
    text.contains(&0).then(|| nul.to_owned())
}

/// The format that the file's extension stands for, one of compression left aside.
fn of_extension(path: &Path) -> Option<Format> {
    let outer = path.extension()?.to_str()?;
    let extension = if PACKED.contains(&&*outer.to_ascii_lowercase()) {
        Path::new(path.file_stem()?).extension()?.to_str()?
    } else {
        outer
    };
    match extension.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "tsv" | "tab" => Some(Format::Tsv),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "json" => Some(Format::Json),
        "ids" => Some(Format::Ids),
        _ => None,
    }
}

/// The format of a text whose name says nothing.
fn of_content(path: &Path, head: &[u8], columns: &Columns) -> Result<Format, InputError> {
    if matches!(first_byte(head), Some(b'[' | b'{')) {
        return values_or_lines(path, head, columns);
    }
    if separator_line(head).is_some() {
        return Ok(Format::Csv);
    }
    let (delimiter, cells) = guess_delimiter(head, columns);
    let table = match delimiter {
        '\t' => Format::Tsv,
        _ => Format::Csv,
    };
    if has_id(&cells, columns) || columns.id.is_some() {
        return Ok(table);
    }
    let line = String::from_utf8_lossy(lines_of(head).next().unwrap_or_default());
    let has_digit = |line: &str| line.contains(|c: char| c.is_ascii_digit());
    let line = trim_cell(&line);
    let begins_with_id = |first: &str| is_digits(first) || is_surely_an_id(first);
    let is_list = match line.split_once([',', ';', '|', '\t']) {
        // One word with a digit in it looks more like an id than like the header of a column.
        None => line.is_empty() || !line.contains(is_blank) && has_digit(line),
        Some((first, _)) => begins_with_id(trim_cell(first)),
    };
    Ok(if is_list || is_list_line(line) {
        Format::Ids
    } else {
        table
    })
}

/// A file called `.csv` that has no header and one column of numbers is a list of ids.
fn table_or_bare_ids(table: Format, head: &[u8], columns: &Columns) -> Format {
    match guess_delimiter(head, columns).1.as_slice() {
        [only] if columns.id.is_none() && is_digits(only) => Format::Ids,
        _ => table,
    }
}

/// A file called `.json` may be an array, pages or objects over many lines or, as many exports are, one
/// object a line.
fn values_or_lines(path: &Path, head: &[u8], columns: &Columns) -> Result<Format, InputError> {
    let start = head.trim_ascii_start();
    let first = start.strip_prefix(b"[").unwrap_or(start);
    if first.trim_ascii_start().starts_with(b"{'") {
        let what = "is a list of objects as a script prints them, with `'` for quotes, and no JSON; export it as CSV in UTF-8";
        return Err(InputError::about(path, what));
    }
    if first_byte(head) == Some(b'[') || page_key(head, columns.id.as_deref()).is_some() {
        return Ok(Format::Json);
    }
    let line_end = start.iter().position(|b| matches!(b, b'\n' | b'\r'));
    let line = start[..line_end.unwrap_or(start.len())].trim_ascii_end();
    // Each row says that a comma stands behind it.
    let line = line.strip_suffix(b",").unwrap_or(line);
    let cut_short = line_end.is_none() && !is_whole(head);
    let parsed = |text| {
        let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
        values.next().map_or(Ok(IgnoredAny), |first| first)
    };
    match serde_json::from_slice::<IgnoredAny>(line) {
        _ if cut_short => Ok(Format::Jsonl),
        Ok(_) => Ok(Format::Jsonl),
        Err(error) if error.is_eof() && parsed(head).map_or_else(|it| it.is_eof(), |_| true) => {
            Ok(Format::Json)
        }
        Err(_) => Err(not_an_array(path)),
    }
}

fn not_an_array(path: &Path) -> InputError {
    let what = "does not begin with whole JSON; give an array of objects or of ids, or one object a line with `--format jsonl`";
    InputError::about(path, what).marking(Underlined::Line(1), "this is no array and no object")
}

/// The delimiter of the header, and the header's cells. It is one that sets a column of ids apart,
/// or else the one with the most cells.
fn guess_delimiter(head: &[u8], columns: &Columns) -> (char, Vec<String>) {
    // Of two that are as good, the first.
    let header = |delimiter| {
        let mut rows = CsvRows::new(Box::new(Cursor::new(head.to_vec())), delimiter, 1);
        rows.header().ok().and_then(Result::ok).unwrap_or_default()
    };
    let all = DELIMITERS.map(|delimiter| (delimiter, header(delimiter)));
    let best = all.into_iter().rev();
    let best = best.max_by_key(|(_, cells)| (has_id(cells, columns), cells.len()));
    best.map_or((',', Vec::new()), |(delimiter, cells)| {
        (char::from(delimiter), cells)
    })
}

/// The first byte that is no blank.
fn first_byte(head: &[u8]) -> Option<u8> {
    head.trim_ascii_start().first().copied()
}
