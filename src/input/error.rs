//! The errors of an input as a whole.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::decompress::{Compression, INPUT_BYTES_MAX, Refused};

/// How many column names a message lists.
const COLUMNS_LISTED_MAX: usize = 20;

/// How much of one column name a message shows, in characters. A file without a header shows its
/// first row here, whose cells may be long.
const COLUMN_CHARS_MAX: usize = 40;

/// Why an input cannot be read, or not to its end. Nothing of it is sent.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct InputError {
    /// The path as given; of a copy of standard input, where it goes.
    pub path: PathBuf,
    message: String,
    source: Option<io::Error>,
    /// The sheet of a workbook that was read.
    pub(super) sheet: Option<String>,
    /// The text that is underlined in the file, with a word about it.
    pub(super) underlined: Option<Box<(Underlined, String)>>,
}

/// A part of a file that is underlined.
#[derive(Debug)]
pub(super) enum Underlined {
    /// The line of that number, or the first one behind it that is not empty.
    Line(u64),
    /// The column, or key, of that name; of several, the line that has them.
    Names(Vec<String>),
    /// The line with columns of which any may hold the ids.
    Rivals(Vec<String>),
}

impl InputError {
    /// The error of the file at `path` that `message` tells.
    pub(super) fn new(path: &Path, message: String) -> Self {
        Self {
            path: path.to_owned(),
            message,
            source: None,
            sheet: None,
            underlined: None,
        }
    }

    /// The error of the file at `path`, of which `what` follows its name.
    pub(super) fn about(path: &Path, what: &str) -> Self {
        Self::new(path, format!("`{}` {what}", path.display()))
    }

    /// The same error, of `sheet`.
    pub(super) fn on_sheet(mut self, sheet: Option<&str>) -> Self {
        if let Some(sheet) = sheet {
            let _ = write!(self.message, " (sheet `{sheet}`)");
            self.sheet = Some(sheet.to_owned());
        }
        self
    }

    /// The same with what the system says.
    pub(super) fn of_system(path: &Path, message: String, source: io::Error) -> Self {
        Self {
            source: Some(source),
            ..Self::new(path, message)
        }
    }

    /// Whether nothing in the file is known to hold a field.
    pub fn lacks_field(&self) -> bool {
        let marked = self.underlined.as_ref().map(|it| &it.0);
        matches!(marked, Some(Underlined::Names(_)))
    }

    /// The columns of which one may be meant, where the error is about that; `None`: it is not.
    pub fn columns(&self) -> Option<&[String]> {
        match &self.underlined.as_deref()?.0 {
            Underlined::Names(names) | Underlined::Rivals(names) => Some(names),
            Underlined::Line(_) => None,
        }
    }

    /// The same error, with what is underlined in the file.
    pub(super) fn marking(self, what: Underlined, label: impl Into<String>) -> Self {
        Self {
            underlined: Some(Box::new((what, label.into()))),
            ..self
        }
    }

    /// The error of the file at `path`, of which `what` follows its name, about `column`.
    pub(crate) fn of_column(path: &Path, what: &str, column: String, label: &str) -> Self {
        Self::about(path, what).marking(Underlined::Names(vec![column]), label)
    }

    /// The same error without what it advises, which stands behind the first `;`.
    pub(crate) fn without_advice(self) -> Self {
        let message = self.message.split(';').take(1).collect();
        Self { message, ..self }
    }

    /// The error that ended the reading of `path` on `line`.
    pub(super) fn of_reading(path: &Path, line: u64, source: io::Error) -> Self {
        let displayed = path.display();
        let refused = match source.downcast::<Refused>() {
            Ok(refused) => refused,
            Err(source) => {
                let message = format!(
                    "could not read `{displayed}` past line {line}; check the disk or the network share it is on"
                );
                return Self::of_system(path, message, source);
            }
        };
        let what = match refused {
            Refused::Broken { line, what } => {
                let what = what.replacen(';', &format!(" (line {line});"), 1);
                return Self::about(path, &what).marking(Underlined::Line(line), "here");
            }
            Refused::Over { unfolded: None, .. } => format!(
                "holds more than {INPUT_BYTES_MAX} bytes of text, the most that is read; split it, or check that it is the right file"
            ),
            Refused::Over {
                bytes_max,
                unfolded: Some(compression),
            } => {
                // It was there a moment ago.
                let size = path.metadata().map_or(0, |metadata| metadata.len());
                format!(
                    "unfolds from {size} bytes of {compression} to more than {bytes_max}, as no list of users does; if it is one, decompress it and give the plain file"
                )
            }
            Refused::Window(compression) => {
                let level = if compression == Compression::Xz {
                    9
                } else {
                    19
                };
                format!(
                    "asks for a window that takes too much memory; compress it again with `{compression} -{level}` or less and no option that makes it larger, or give the plain file"
                )
            }
            Refused::Damaged { compression, cause } => {
                let message = format!(
                    "could not decompress `{displayed}` as {compression} past line {line}: it is damaged, cut short or not {compression} at all; fetch it again"
                );
                return Self::of_system(path, message, cause);
            }
        };
        Self::about(path, &what)
    }
}

/// Column names as a message lists them.
pub(super) fn listed(names: &[String]) -> String {
    let quoted = |name: &String| {
        let start: String = name.chars().take(COLUMN_CHARS_MAX).collect();
        let cut = if start.len() < name.len() { "…" } else { "" };
        format!("`{}{cut}`", start.escape_debug())
    };
    let listed: Vec<_> = names.iter().take(COLUMNS_LISTED_MAX).map(quoted).collect();
    match names.len().saturating_sub(COLUMNS_LISTED_MAX) {
        0 if names.is_empty() => "none".to_owned(),
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}
