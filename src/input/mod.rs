//! Bytes to [`Record`](crate::domain::Record)s with their positions, as a stream.
//!
//! [`InputSource`] is the main type: it opens a file of ids in any shape an export has. The shapes are CSV,
//! TSV, JSON Lines, a JSON array, a plain list, a sheet of a workbook; compressed or not; UTF-8 or UTF-16.
//! It finds out which columns mean something, and lends one row after another. Memory does not grow with
//! the file, a workbook apart: few rows are held at a time, and a row is at most [`ROW_BYTES_MAX`] long.
//!
//! ```text
//! file ─▶ decompress ─▶ cap ─▶ encoding (to UTF-8) ─▶ csv │ jsonl │ json │ ids ─▶ Record
//! ```
//!
//! Two kinds of trouble are kept apart. A [`RowProblem`] belongs to one row, which will end as
//! `invalid`; reading goes on. An [`InputError`] is about the file and ends everything.
//!
//! An [`Excerpt`] shows a person a part of a file, with the offending text marked.
//!
//! It does *not* judge whether an id, an account or an action is right, and knows no provider; that
//! is `plan`'s. An id is text from the cell to the request and is never a number on the way.

mod archive;
mod batch;
mod csv;
mod decompress;
mod encoding;
mod error;
mod excerpt;
mod filter;
mod format;
mod ids;
mod json;
mod lines;
mod mapping;
mod object;
mod open;
mod row;
mod sample;
mod source;
mod table;
mod workbook;

pub use decompress::{Compression, INPUT_BYTES_MAX};
pub use error::InputError;
pub use excerpt::Excerpt;
pub(crate) use filter::FILTERED;
pub use filter::Test;
pub use format::Format;
pub use ids::Asides;
pub(crate) use ids::holds_several_ids;
pub use lines::ROW_BYTES_MAX;
pub use mapping::{Columns, NO_COLUMN};
pub use open::{Fingerprint, fingerprint, spool};
pub use row::{Field, RowProblem};
pub(crate) use row::{closest, did_you_mean, is_digits, trim_cell};
pub use source::{InputSource, ReadOptions, Resolved};
pub use table::InputTable;
pub use workbook::ReadSheet;
