//! What can be wrong with an input as a whole.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::{AccountName, ProviderKind};

use super::decompress::{Compression, Damaged, OverCap, OverWindow};
use super::ids::is_surely_an_id;
use super::row::{Field, Meant};

/// How many column names a message lists.
const COLUMNS_LISTED_MAX: usize = 20;

/// How much of one column name a message shows, in characters. A file without a header shows its
/// first row here, whose cells may be long.
const COLUMN_CHARS_MAX: usize = 40;

/// Why an input cannot be read, or not to its end. Nothing of it is sent.
#[derive(Debug)]
pub struct InputError {
    /// The path as given; of a copy of standard input, where it goes.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: InputErrorKind,
}

/// What is wrong with an input. Lines count from 1.
#[derive(Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "a field is what its name says")]
pub enum InputErrorKind {
    /// There is no such file.
    Missing,
    /// The path leads to a folder.
    Folder,
    /// The path leads to a pipe or a device, which can be read only once.
    NotAFile,
    /// The file cannot be opened.
    Open(io::Error),
    /// Reading stopped in the middle.
    Read { line: u64, source: io::Error },
    /// The compressed data do not fit together.
    Damaged {
        compression: Compression,
        line: u64,
        source: io::Error,
    },
    /// More text than any list of users has.
    TooLarge { bytes_max: u64 },
    /// A small file that unfolds without end, of `size` bytes on disk.
    Unfolds {
        compression: Compression,
        size: u64,
        bytes_max: u64,
    },
    /// A frame of Zstandard that asks for too much memory.
    Window,
    /// Something compressed that is compressed once more.
    Nested,
    /// Nothing is in it.
    Empty,
    /// It is another kind of file; how it looks, with its article.
    NotText(&'static str),
    /// A JSON file that is not an array.
    NotAnArray,
    /// A JSON array that does not end, or goes on after its end.
    BrokenArray { line: u64, reason: &'static str },
    /// The first row cannot be a header.
    Header { line: u64, reason: String },
    /// None of the columns, or JSON keys, is known to hold ids.
    NoIdColumn { columns: Vec<String> },
    /// Several columns, or JSON keys, may hold the ids.
    SeveralIdColumns { names: Vec<String> },
    /// The ids are another system's, and the account takes none of those.
    ExternalIds {
        column: String,
        account: AccountName,
        provider: ProviderKind,
    },
    /// Each line begins with a running number, and this sign behind it.
    Numbered(char),
    /// Each line is one quoted cell.
    QuotedLines,
    /// The header stands further down, below a title or something else.
    HeaderBelow { line: u64 },
    /// A column that the option of `field` names is not there; `suggestion` has nearly its name.
    NoSuchColumn {
        field: Field,
        column: String,
        suggestion: Option<String>,
        columns: Vec<String>,
    },
    /// Two columns have the same name, as names are compared. Places count from 1.
    Ambiguous {
        field: Field,
        first: String,
        first_place: usize,
        second: String,
        second_place: usize,
    },
    /// The delimiter is not one that CSV can have.
    Delimiter(char),
    /// The copy of standard input would replace a file.
    SpoolExists,
    /// Standard input could not be copied.
    Spool(io::Error),
}

use InputErrorKind as Kind;

impl InputError {
    /// The error `kind` of the file at `path`.
    pub(crate) fn new(path: &Path, kind: InputErrorKind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::Missing => write!(
                f,
                "no file `{path}`; check the name, or give `-` to read standard input"
            ),
            Kind::Folder => write!(f, "`{path}` is a folder; name a file in it"),
            Kind::NotAFile => write!(
                f,
                "`{path}` is a pipe or a device, which cannot be read again after an interruption; pipe it in and give `-` instead"
            ),
            Kind::Open(_) => write!(f, "could not open `{path}`; check that you may read it"),
            Kind::Read { line, .. } => write!(
                f,
                "could not read `{path}` past line {line}; check the disk or the network share it is on"
            ),
            Kind::SpoolExists => write!(
                f,
                "`{path}` exists already, and standard input would be kept there; move it away, or name another ledger with `--ledger`"
            ),
            Kind::Spool(_) => write!(
                f,
                "could not copy standard input to `{path}`; check the free space and your rights in that folder"
            ),
            Kind::Delimiter(delimiter) => write!(
                f,
                "`{}` cannot be a delimiter; give one ASCII character that is no quote and no line end, such as `;`",
                delimiter.escape_default()
            ),
            Kind::Empty => write!(f, "`{path}` is empty; check that the export ran to its end"),
            Kind::NotText(kind) => write!(f, "`{path}` is {kind}; export it as CSV in UTF-8"),
            _ => self.fmt_text(f),
        }
    }
}

impl InputError {
    /// What is wrong with the text as a whole.
    fn fmt_text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::Damaged {
                compression, line, ..
            } => write!(
                f,
                "could not decompress `{path}` as {compression} past line {line}: it is damaged, cut short or not {compression} at all; fetch it again"
            ),
            Kind::TooLarge { bytes_max } => write!(
                f,
                "`{path}` holds more than {bytes_max} bytes of text, the most that is read; split it, or check that it is the right file"
            ),
            Kind::Unfolds {
                compression,
                size,
                bytes_max,
            } => write!(
                f,
                "`{path}` unfolds from {size} bytes of {compression} to more than {bytes_max}, as no list of users does; if it is one, decompress it and give the plain file"
            ),
            Kind::Window => write!(
                f,
                "`{path}` asks for a window of more than 8 MiB to be decompressed; compress it again with `zstd -19` or less and without `--long`, or give the plain file"
            ),
            Kind::Nested => write!(
                f,
                "`{path}` is compressed more than once; decompress it, and give the plain file"
            ),
            Kind::NotAnArray => write!(
                f,
                "`{path}` is not a JSON array; give an array of objects or of ids, or one object a line with `--format jsonl`"
            ),
            Kind::BrokenArray { line, reason } => write!(
                f,
                "`{path}` is no whole JSON array: {reason} (line {line}); fetch it again, or mend it there"
            ),
            Kind::Header { line, reason } => write!(
                f,
                "the header on line {line} of `{path}` cannot be read: {reason}; check that it is a CSV file"
            ),
            Kind::Numbered(sign) => write!(
                f,
                "each line of `{path}` begins with a running number, which may be another user's id; make the list without the numbers{}",
                Cut(*sign)
            ),
            Kind::QuotedLines => write!(
                f,
                "each line of `{path}` is quoted as a whole, so that it is one cell; save it again without the quotes round the lines"
            ),
            Kind::HeaderBelow { line } => write!(
                f,
                "the header of `{path}` must be its first line, and line {line} looks like it: remove the lines above it, or export again without a title"
            ),
            _ => self.fmt_columns(f),
        }
    }

    /// What is wrong with the columns.
    fn fmt_columns(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::NoIdColumn { columns } => write!(
                f,
                "no column of `{path}` is known to hold user ids; name one with `--id-column`{} (columns seen: {})",
                OrList(columns),
                Listed(columns)
            ),
            Kind::SeveralIdColumns { names } => write!(
                f,
                "`{path}` has several columns that may hold the user ids: {}; name the right one with `--id-column`",
                Listed(names)
            ),
            Kind::ExternalIds {
                column,
                account,
                provider,
            } => write!(
                f,
                "`{path}` holds no user ids of account `{account}`: its column `{column}` names external ids, which {} does not delete by; export the users' own ids, or name the column that holds them with `--id-column`",
                provider.title()
            ),
            Kind::NoSuchColumn {
                field,
                column,
                suggestion,
                columns,
            } => write!(
                f,
                "`{path}` has no column `{column}`, which `{}` names{} (columns seen: {})",
                field.option(),
                Meant(suggestion.as_deref()),
                Listed(columns)
            ),
            Kind::Ambiguous {
                field,
                first,
                first_place,
                second,
                second_place,
            } => write!(
                f,
                "columns {first_place} (`{first}`) and {second_place} (`{second}`) of `{path}` both match the {field}; name the right one, as it is written, with `{}`, or rename the other",
                field.option()
            ),
            _ => Ok(()),
        }
    }
}

impl Error for InputError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Open(source)
            | Kind::Spool(source)
            | Kind::Read { source, .. }
            | Kind::Damaged { source, .. } => Some(source),
            _ => None,
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
        let kind = match self {
            Self::Json { line, reason } => Kind::BrokenArray { line, reason },
            Self::Io { line, source } => match source.downcast::<OverCap>() {
                Ok(over) => over_cap(path, over),
                Err(source) if is::<OverWindow>(&source) => Kind::Window,
                Err(source) => match source.downcast::<Damaged>() {
                    Ok(Damaged { compression, cause }) => Kind::Damaged {
                        compression,
                        line,
                        source: cause,
                    },
                    Err(source) => Kind::Read { line, source },
                },
            },
        };
        InputError::new(path, kind)
    }
}

fn over_cap(path: &Path, over: OverCap) -> InputErrorKind {
    let bytes_max = over.bytes_max;
    match over.unfolded {
        None => Kind::TooLarge { bytes_max },
        Some(compression) => Kind::Unfolds {
            // It was there a moment ago.
            size: path.metadata().map_or(0, |metadata| metadata.len()),
            compression,
            bytes_max,
        },
    }
}

/// Whether `error` holds an `E`.
fn is<E: Error + 'static>(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn Error + Send + Sync>::is::<E>)
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

    use super::{Compression, Fault, InputError, InputErrorKind, OverCap, OverWindow};

    fn error(source: io::Error) -> InputError {
        Fault::Io { line: 7, source }.at(Path::new("a.csv"))
    }

    #[test]
    fn a_fault_is_told_by_what_caused_it() {
        let over = error(io::Error::other(OverCap {
            bytes_max: 5,
            unfolded: None,
        }));
        assert!(matches!(
            over.kind,
            InputErrorKind::TooLarge { bytes_max: 5, .. }
        ));
        let bomb = error(io::Error::other(OverCap {
            bytes_max: 5,
            unfolded: Some(Compression::Gzip),
        }));
        assert!(matches!(
            bomb.kind,
            InputErrorKind::Unfolds { bytes_max: 5, .. }
        ));
        let window = error(io::Error::other(OverWindow));
        assert!(matches!(window.kind, InputErrorKind::Window));
        let disk = error(io::Error::from_raw_os_error(5));
        assert_eq!(
            disk.to_string(),
            "could not read `a.csv` past line 7; check the disk or the network share it is on"
        );
        assert!(
            matches!(disk.kind, InputErrorKind::Read { line: 7, source, .. } if source.raw_os_error() == Some(5))
        );
    }

    #[test]
    fn a_message_lists_no_more_columns_than_can_be_read() {
        let error = InputError::new(
            Path::new("a.csv"),
            InputErrorKind::NoIdColumn {
                columns: (0..23).map(|n| format!("{n}{}", "x".repeat(60))).collect(),
            },
        );
        let message = error.to_string();
        assert!(
            message.ends_with("… and 3 more)") || message.ends_with("…` and 3 more)"),
            "{message}"
        );
        assert!(message.len() < 1_200, "{message}");
    }
}
