//! What can be wrong with an input as a whole.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::domain::{AccountName, ProviderKind};

use super::decompress::{Compression, Damaged, OverCap, OverWindow};
use super::ids::is_surely_an_id;
use super::row::Field;
use super::text::Meant;

/// How many column names a message lists.
const COLUMNS_LISTED_MAX: usize = 20;

/// How much of one column name a message shows, in characters. A file without a header shows its
/// first row here, whose cells may be long.
const COLUMN_CHARS_MAX: usize = 40;

/// Why an input cannot be read, or not to its end. Nothing of it is sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// There is no such file.
    #[error("no file `{}`; check the name, or give `-` to read standard input", .path.display())]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// The path leads to a folder.
    #[error("`{}` is a folder; name a file in it", .path.display())]
    Folder {
        /// The path as given.
        path: PathBuf,
    },
    /// The path leads to a pipe or a device, which can be read only once.
    #[error(
        "`{}` is a pipe or a device, which cannot be read again after an interruption; pipe it in and give `-` instead",
        .path.display()
    )]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The file cannot be opened.
    #[error("could not open `{}`; check that you may read it", .path.display())]
    Open {
        /// The path as given.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Reading stopped in the middle.
    #[error("could not read `{}` past line {line}; check the disk or the network share it is on", .path.display())]
    Read {
        /// The path as given.
        path: PathBuf,
        /// The line that was being read, from 1.
        line: u64,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The compressed data do not fit together.
    #[error(
        "could not decompress `{}` as {compression} past line {line}: it is damaged, cut short or not {compression} at all; fetch it again",
        .path.display()
    )]
    Damaged {
        /// The path as given.
        path: PathBuf,
        /// How it was read.
        compression: Compression,
        /// The line that was being read, from 1.
        line: u64,
        /// What the decompressor said.
        #[source]
        source: io::Error,
    },
    /// More text than any list of users has.
    #[error(
        "`{}` holds more than {bytes_max} bytes of text, the most that is read; split it, or check that it is the right file",
        .path.display()
    )]
    TooLarge {
        /// The path as given.
        path: PathBuf,
        /// The limit, in bytes after decompression.
        bytes_max: u64,
    },
    /// A small file that unfolds without end.
    #[error(
        "`{}` unfolds from {size} bytes of {compression} to more than {bytes_max}, as no list of users does; if it is one, decompress it and give the plain file",
        .path.display()
    )]
    Unfolds {
        /// The path as given.
        path: PathBuf,
        /// How it was read.
        compression: Compression,
        /// Its size on disk, in bytes.
        size: u64,
        /// The most that is read of a file of this size, in bytes after decompression.
        bytes_max: u64,
    },
    /// A frame of Zstandard that asks for too much memory.
    #[error(
        "`{}` asks for a window of more than 8 MiB to be decompressed; compress it again with `zstd -19` or less and without `--long`, or give the plain file",
        .path.display()
    )]
    Window {
        /// The path as given.
        path: PathBuf,
    },
    /// Something compressed that is compressed once more.
    #[error("`{}` is compressed more than once; decompress it, and give the plain file", .path.display())]
    Nested {
        /// The path as given.
        path: PathBuf,
    },
    /// Nothing is in it.
    #[error("`{}` is empty; check that the export ran to its end", .path.display())]
    Empty {
        /// The path as given.
        path: PathBuf,
    },
    /// It is another kind of file.
    #[error("`{}` is {kind}; export it as CSV in UTF-8", .path.display())]
    NotText {
        /// The path as given.
        path: PathBuf,
        /// What it looks like, with its article.
        kind: &'static str,
    },
    /// A JSON file that is not an array.
    #[error(
        "`{}` is not a JSON array; give an array of objects or of ids, or one object a line with `--format jsonl`",
        .path.display()
    )]
    NotAnArray {
        /// The path as given.
        path: PathBuf,
    },
    /// A JSON array that does not end, or goes on after its end.
    #[error("`{}` is no whole JSON array: {reason} (line {line}); fetch it again, or mend it there", .path.display())]
    BrokenArray {
        /// The path as given.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// The first row cannot be a header.
    #[error("the header on line {line} of `{}` cannot be read: {reason}; check that it is a CSV file", .path.display())]
    Header {
        /// The path as given.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// No column is known to hold ids.
    #[error(
        "no column of `{}` is known to hold user ids; name one with `--id-column`{} (columns seen: {})",
        .path.display(), OrList(.columns), Listed(.columns)
    )]
    NoIdColumn {
        /// The path as given.
        path: PathBuf,
        /// The columns, or JSON keys, that are there.
        columns: Vec<String>,
    },
    /// Several columns may hold the ids.
    #[error(
        "`{}` has several columns that may hold the user ids: {}; name the right one with `--id-column`",
        .path.display(), Listed(.names)
    )]
    SeveralIdColumns {
        /// The path as given.
        path: PathBuf,
        /// The columns, or JSON keys, as they are written.
        names: Vec<String>,
    },
    /// The ids are another system's, and the account takes none of those.
    #[error(
        "`{}` holds no user ids of account `{account}`: its column `{column}` names external ids, which {} does not delete by; export the users' own ids, or name the column that holds them with `--id-column`",
        .path.display(), .provider.title()
    )]
    ExternalIds {
        /// The path as given.
        path: PathBuf,
        /// The column, as it is written.
        column: String,
        /// The account.
        account: AccountName,
        /// Its provider.
        provider: ProviderKind,
    },
    /// Each line begins with a running number.
    #[error(
        "each line of `{}` begins with a running number, which may be another user's id; make the list without the numbers{}",
        .path.display(), Cut(*.sign)
    )]
    Numbered {
        /// The path as given.
        path: PathBuf,
        /// What stands behind the number.
        sign: char,
    },
    /// Each line is one quoted cell.
    #[error(
        "each line of `{}` is quoted as a whole, so that it is one cell; save it again without the quotes round the lines",
        .path.display()
    )]
    QuotedLines {
        /// The path as given.
        path: PathBuf,
    },
    /// The header stands further down, below a title or something else.
    #[error(
        "the header of `{}` must be its first line, and line {line} looks like it: remove the lines above it, or export again without a title",
        .path.display()
    )]
    HeaderBelow {
        /// The path as given.
        path: PathBuf,
        /// The line that looks like the header, from 1.
        line: u64,
    },
    /// A column that was asked for is not there.
    #[error(
        "`{}` has no column `{column}`, which `{}` names{} (columns seen: {})",
        .path.display(), .field.option(), Meant(.suggestion.as_deref()), Listed(.columns)
    )]
    NoSuchColumn {
        /// The path as given.
        path: PathBuf,
        /// The field whose option named it.
        field: Field,
        /// The name given.
        column: String,
        /// A column that is there and has nearly this name.
        suggestion: Option<String>,
        /// The columns, or JSON keys, that are there.
        columns: Vec<String>,
    },
    /// Two columns have the same name, as names are compared.
    #[error(
        "columns {first_place} (`{first}`) and {second_place} (`{second}`) of `{}` both match the {field}; name the right one, as it is written, with `{}`, or rename the other",
        .path.display(), .field.option()
    )]
    Ambiguous {
        /// The path as given.
        path: PathBuf,
        /// The field that both match.
        field: Field,
        /// The first of them, as it is written.
        first: String,
        /// Its place, from 1.
        first_place: usize,
        /// The second of them, as it is written.
        second: String,
        /// Its place, from 1.
        second_place: usize,
    },
    /// The delimiter is not one that CSV can have.
    #[error("`{}` cannot be a delimiter; give one ASCII character that is no quote and no line end, such as `;`", .delimiter.escape_default())]
    Delimiter {
        /// The delimiter given.
        delimiter: char,
    },
    /// The copy of standard input would replace a file.
    #[error("`{}` exists already, and standard input would be kept there; move it away, or name another ledger with `--ledger`", .path.display())]
    SpoolExists {
        /// Where the copy would go.
        path: PathBuf,
    },
    /// Standard input could not be copied.
    #[error("could not copy standard input to `{}`; check the free space and your rights in that folder", .path.display())]
    Spool {
        /// Where the copy goes.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The input could not be copied, so that what is carried out is what was planned.
    #[error(
        "could not copy `{}` into folder `{}`, as a run does so that it works from the rows it showed; check the free space and your rights in that folder",
        .path.display(),
        .folder.display()
    )]
    Snapshot {
        /// The path as given.
        path: PathBuf,
        /// Where the copy goes.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl InputError {
    /// The path of the file as given; `None`: it is about no file that is there.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Missing { path }
            | Self::Folder { path }
            | Self::NotAFile { path }
            | Self::Open { path, .. }
            | Self::Snapshot { path, .. }
            | Self::Read { path, .. }
            | Self::Damaged { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Unfolds { path, .. }
            | Self::Window { path }
            | Self::Nested { path }
            | Self::Empty { path }
            | Self::NotText { path, .. }
            | Self::NotAnArray { path }
            | Self::BrokenArray { path, .. }
            | Self::Header { path, .. }
            | Self::NoIdColumn { path, .. }
            | Self::SeveralIdColumns { path, .. }
            | Self::ExternalIds { path, .. }
            | Self::Numbered { path, .. }
            | Self::QuotedLines { path }
            | Self::HeaderBelow { path, .. }
            | Self::NoSuchColumn { path, .. }
            | Self::Ambiguous { path, .. } => Some(path),
            Self::Delimiter { .. } | Self::SpoolExists { .. } | Self::Spool { .. } => None,
        }
    }
}

/// What ends the reading of a text, before the path is known to it.
#[derive(Debug)]
pub(super) enum Fault {
    /// The reader below failed while `line` was read.
    Io { line: u64, source: io::Error },
    /// The JSON array is broken at `line`.
    Json { line: u64, reason: &'static str },
}

impl Fault {
    /// The error of the file at `path`.
    pub(super) fn at(self, path: &Path) -> InputError {
        let path = path.to_owned();
        match self {
            Self::Json { line, reason } => InputError::BrokenArray { path, line, reason },
            Self::Io { line, source } => match source.downcast::<OverCap>() {
                Ok(over) => over_cap(path, over),
                Err(source) if is::<OverWindow>(&source) => InputError::Window { path },
                Err(source) => match source.downcast::<Damaged>() {
                    Ok(damaged) => InputError::Damaged {
                        path,
                        compression: damaged.compression,
                        line,
                        source: damaged.cause,
                    },
                    Err(source) => InputError::Read { path, line, source },
                },
            },
        }
    }
}

fn over_cap(path: PathBuf, over: OverCap) -> InputError {
    let bytes_max = over.bytes_max;
    match over.unfolded {
        None => InputError::TooLarge { path, bytes_max },
        Some(compression) => InputError::Unfolds {
            // It was there a moment ago.
            size: path.metadata().map_or(0, |metadata| metadata.len()),
            path,
            compression,
            bytes_max,
        },
    }
}

/// Whether `error` holds an `E`.
fn is<E: std::error::Error + 'static>(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<E>)
}

/// The way out for a file without a header, unless its first cell counts the lines.
struct OrList<'a>(&'a [String]);

impl fmt::Display for OrList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.0.first().map_or("", String::as_str);
        let word = first.split_whitespace().next().unwrap_or_default();
        let begins_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
        if begins_with_digit && !is_surely_an_id(word) {
            return Ok(());
        }
        f.write_str(", or give `--format ids` if each line begins with an id")
    }
}

/// The command that takes running numbers off a list, where there is one.
struct Cut(char);

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            '\t' => f.write_str(" (`cut -f2-` takes them off)"),
            sign @ (',' | ';' | ':' | '.' | ')') => {
                write!(f, " (`cut -d'{sign}' -f2-` takes them off)")
            }
            _ => Ok(()),
        }
    }
}

/// Column names as a message lists them.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (place, column) in self.0.iter().take(COLUMNS_LISTED_MAX).enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            let shown: String = column.chars().take(COLUMN_CHARS_MAX).collect();
            let cut = if shown.len() < column.len() {
                "…"
            } else {
                ""
            };
            write!(f, "`{}{cut}`", shown.escape_debug())?;
        }
        match self.0.len().saturating_sub(COLUMNS_LISTED_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::{Compression, Fault, InputError, OverCap, OverWindow};

    fn error(source: io::Error) -> InputError {
        Fault::Io { line: 7, source }.at(Path::new("a.csv"))
    }

    #[test]
    fn a_fault_is_told_by_what_caused_it() {
        let over = error(io::Error::other(OverCap {
            bytes_max: 5,
            unfolded: None,
        }));
        assert!(matches!(over, InputError::TooLarge { bytes_max: 5, .. }));
        let bomb = error(io::Error::other(OverCap {
            bytes_max: 5,
            unfolded: Some(Compression::Gzip),
        }));
        assert!(matches!(bomb, InputError::Unfolds { bytes_max: 5, .. }));
        let window = error(io::Error::other(OverWindow));
        assert!(matches!(window, InputError::Window { .. }));
        let disk = error(io::Error::from_raw_os_error(5));
        assert_eq!(
            disk.to_string(),
            "could not read `a.csv` past line 7; check the disk or the network share it is on"
        );
        assert!(
            matches!(disk, InputError::Read { line: 7, source, .. } if source.raw_os_error() == Some(5))
        );
    }

    #[test]
    fn a_message_lists_no_more_columns_than_can_be_read() {
        let error = InputError::NoIdColumn {
            path: "a.csv".into(),
            columns: (0..23).map(|n| format!("{n}{}", "x".repeat(60))).collect(),
        };
        let message = error.to_string();
        assert!(
            message.ends_with("… and 3 more)") || message.ends_with("…` and 3 more)"),
            "{message}"
        );
        assert!(message.len() < 1_200, "{message}");
    }
}
