//! The yield of an [`InputSource`](super::InputSource), a row or why it is none, and small
//! questions about the texts of its cells.

use std::borrow::Cow;
use std::io;

use strsim::damerau_levenshtein;

use crate::domain::{Record, named};

use super::ids::Asides;

/// The longest text of a number that a reason repeats, in characters.
const ECHO_CHARS_MAX: usize = 32;

/// Why a row cannot be read. The row is invalid; the rows after it are not touched by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// The field that is at fault.
    pub field: Field,
    /// A stable word for tables and tests, e.g. `invalid_utf8`.
    pub code: &'static str,
    /// The fault and how to mend it, as a lower-case fragment. It never repeats the text of a cell,
    /// which may be anybody's name when the wrong column was taken.
    pub reason: String,
    /// The part of the row beside it that could be read; `None`: nothing, or it was not looked for.
    pub rest: Option<Box<Record<'static>>>,
}

impl RowProblem {
    /// A problem of `field`.
    pub(crate) fn new(field: Field, code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            field,
            code,
            reason: reason.into(),
            rest: None,
        }
    }
}

/// The reader of a format.
pub(super) trait RowReader: Send {
    /// Goes on to the next row; `false`: there is none.
    fn advance(&mut self) -> io::Result<bool>;

    /// The line the row begins on, from 1; where a row cannot be read, the line of that.
    fn line(&self) -> u64;

    /// The row's cells that mean something, or why they cannot be read.
    fn content(&self) -> Result<Record<'_>, RowProblem>;

    /// The row as the file has it, as far as its format sets cells apart.
    fn raw(&self) -> Raw<'_>;

    /// The text of any cell of the row: of the column at `place`, or of the key `name`. Blank: there is none.
    fn cell(&self, place: usize, name: &str) -> Result<Cow<'_, str>, RowProblem>;

    /// The things that a list holds beside its ids, as far as it was read.
    fn asides(&self) -> Asides {
        Asides::default()
    }
}

/// A row as the file has it.
pub(super) enum Raw<'a> {
    /// Every cell of CSV; none of a row that cannot be read.
    Cells(Vec<&'a [u8]>),
    /// The line of a list of ids; empty if it cannot be read.
    Line(&'a [u8]),
    /// The text of a JSON value; empty if it cannot be read.
    Json(&'a [u8]),
}

impl<'a> Raw<'a> {
    /// The row's JSON text; `None`: it has none that can be read.
    pub(super) fn json(&self) -> Option<&'a str> {
        match self {
            Self::Json(json) if !json.is_empty() => std::str::from_utf8(json).ok(),
            Self::Json(_) | Self::Cells(_) | Self::Line(_) => None,
        }
    }
}

named! {
    /// A part of a row that means something here.
    pub enum Field {
        /// The row as a whole.
        Row = "row",
        /// The user id.
        Id = "id",
        /// The account.
        Account = "account",
        /// The action.
        Action = "action",
        /// The admin's own reference.
        Reference = "ref",
        /// The brand, at Sunshine Conversations.
        Brand = "brand",
    }
}

impl Field {
    /// The option that says which column holds it; of the row as a whole, which column is tested. A brand
    /// has none.
    pub const fn option(self) -> &'static str {
        match self {
            Self::Row => "--where",
            Self::Id | Self::Brand => "--id-column",
            Self::Account => "--account-column",
            Self::Action => "--action-column",
            Self::Reference => "--ref-column",
        }
    }
}

/// Whether `text` is a number without a sign.
pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` is what stands behind the decimal comma of a number such as `5,54E+17`.
pub(super) fn is_exponent(text: &str) -> bool {
    text.split_once(['e', 'E'])
        .is_some_and(|(digits, exponent)| {
            is_digits(digits) && is_digits(exponent.strip_prefix('+').unwrap_or(exponent))
        })
}

/// `text` in backticks and a blank before it, where it is short and has only digits and signs of a
/// number, such as `5.54E+17`. Such a text can be nobody's name. Else it is nothing.
pub(super) fn echo(text: &str) -> String {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"eE+-.".contains(&byte);
    if text.is_empty() || text.len() > ECHO_CHARS_MAX || !text.bytes().all(is_part) {
        return String::new();
    }
    format!(" `{text}`")
}

/// `bytes` as text, or that they are none.
pub(super) fn text_of(bytes: &[u8], field: Field) -> Result<&str, RowProblem> {
    std::str::from_utf8(bytes).map_err(|_| {
        RowProblem::new(
            field,
            "invalid_utf8",
            format!("the {field} holds bytes that are not UTF-8; export the file again as UTF-8"),
        )
    })
}

/// The longest name that near misses are looked for, in characters: the comparison takes time in
/// proportion to the product of both lengths.
const NAME_CHARS_MAX: usize = 64;

/// `text` without the margins that a spreadsheet or a copied web page leaves round a cell. These are blanks
/// of every kind, U+00A0 among them, and stray byte order marks, zero-width spaces and direction marks.
#[inline]
pub(crate) fn trim_cell(text: &str) -> &str {
    match text.as_bytes() {
        // Nearly all are bare, and no letter at their ends need be decoded to see it.
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim_matches(is_blank),
    }
}

/// Whether `c` means nothing at the edge of a cell.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{FEFF}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}')
}

/// The one of `candidates` that `wanted` most likely meant: at most a third of its letters differ,
/// without regard to case. `None`: none is near.
pub(crate) fn closest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let (chars, wanted) = (wanted.chars().count(), wanted.to_lowercase());
    let near = |candidate: &'a str| {
        let longer = chars.max(candidate.chars().count());
        if longer > NAME_CHARS_MAX {
            return None;
        }
        let distance = damerau_levenshtein(&wanted, &candidate.to_lowercase());
        (distance <= (longer / 3).max(1)).then_some((distance, candidate))
    };
    let all = candidates.into_iter().filter_map(near);
    all.min_by_key(|it| it.0).map(|it| it.1)
}

/// A near miss, as a message puts it; nothing if there is none.
pub(crate) fn did_you_mean(name: Option<&str>) -> String {
    name.map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}
