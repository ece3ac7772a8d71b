//! A plain list: ids, one or several a line.
//!
//! Blank lines and lines that begin with `#` are no rows. Several ids on a line, parted by commas,
//! semicolons, blanks or tabs, are as many rows. Of a line such as `361808351050, 2026-01-31` the
//! first word is the id, if it is surely one and no other word could be. Any other line of several
//! words is a problem as a whole: a part of it may be another user's id.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use crate::domain::Record;
use crate::words::count;

use super::lines::{LineReader, Text};
use super::open::is_whole;
use super::row::{Field, Raw, RowProblem, RowReader, is_digits, is_exponent, text_of, trim_cell};

/// The fewest digits of a number that is surely an id where other words stand beside it: shorter
/// ones count lines, years or things.
const DIGITS_MIN: usize = 5;

/// The fewest characters of a hexadecimal id: no word or number of everyday use is as long.
const HEX_CHARS_MIN: usize = 16;

/// The fewest lines that show columns.
const COLUMN_LINES_MIN: usize = 3;

/// Reads id by id.
pub(super) struct IdRows {
    lines: LineReader,
    /// Where the ids of the line stand, if it can be taken.
    ids: Vec<Range<usize>>,
    /// Which of them is the row, from 0.
    place: usize,
    /// Why the line cannot be taken.
    problem: Option<RowProblem>,
    /// Whether blanks were taken off its only id.
    trimmed: bool,
    asides: Asides,
    /// Whether half of the lines and more hold one id and nothing else.
    are_alone: bool,
    /// How long the longest id is so far.
    longest: usize,
}

/// The things that were read, or passed over, that people may not expect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asides {
    /// How many lines of a list begin with `#`, and so are comments.
    pub comments: u64,
    /// The first of them in which an id stands right behind the `#`; `None`: there is none.
    pub id_in_comment: Option<u64>,
    /// How many lines of a list hold something behind their id, which was passed over.
    pub remarks: u64,
    /// How many rows of a sheet are hidden from people, and were read.
    pub hidden: u64,
    /// Whether the last page of JSON names a next one, which is not there.
    pub lacks_pages: bool,
    /// How many rows were taken because a cell is blank of which a test wants something not to be true.
    pub blank: u64,
}

impl Asides {
    /// A word of warning if people may not know of rows that are read, or of users that are not there.
    pub fn warning(&self) -> Option<String> {
        if self.lacks_pages {
            let what = "warning: users are missing, as the last page of the file names a next one; fetch all pages";
            return Some(what.to_owned());
        }
        let are = if self.hidden == 1 { "is" } else { "are" };
        let rows = count(self.hidden, "row");
        (self.hidden > 0).then(|| format!(
            "warning: {rows} of the sheet {are} hidden in the spreadsheet, and {are} read like the others; \
             `--where` leaves rows out, or copy what you see to a sheet of its own"
        ))
    }
}

impl IdRows {
    /// Reads `text`, which begins with `head`.
    pub(super) fn new(text: Text, head: &[u8]) -> Self {
        let (mut alone, mut all) = (0, 0);
        for line in lines_of(head) {
            let line = std::str::from_utf8(line).unwrap_or_default();
            let bare = line.trim_matches(|c| parts(c) || matches!(c, '"' | '\''));
            alone += usize::from(is_surely_an_id(bare));
            all += 1;
        }
        Self {
            are_alone: alone * 2 >= all,
            longest: 0,
            lines: LineReader::new(text),
            ids: Vec::new(),
            place: 0,
            problem: None,
            trimmed: false,
            asides: Asides::default(),
        }
    }

    /// Takes the ids of the line that was read; `false`: it holds no row.
    fn take_line(&mut self) -> Result<bool, RowProblem> {
        self.ids.clear();
        self.place = 0;
        self.trimmed = false;
        let bytes = self.lines.content()?;
        if let Some(comment) = bytes.trim_ascii_start().strip_prefix(b"#") {
            self.asides.comments += 1;
            let holds_id = std::str::from_utf8(comment).is_ok_and(begins_with_id);
            if holds_id && self.asides.id_in_comment.is_none() {
                self.asides.id_in_comment = Some(self.lines.line());
            }
            return Ok(false);
        }
        if self.lines.is_blank() {
            return Ok(false);
        }
        let line = text_of(bytes, Field::Id)?;
        let has_remark = take_ids(line, &mut self.ids)?;
        if has_remark && self.are_alone {
            let reason = "words stand behind the id, as behind few others, and may say that it is not meant; \
                          take them off, or take the line out";
            return Err(RowProblem::new(Field::Id, "words_behind_id", reason));
        }
        self.asides.remarks += u64::from(has_remark);
        if let [only] = self.ids.as_slice() {
            // Blanks may stand within the quotes round it.
            let before = &line[..only.start];
            let is_padded = before.contains('"') && before.ends_with(char::is_whitespace);
            self.trimmed = trim_cell(line).len() < line.len() || is_padded;
            if self.lines.is_cut && only.len() < self.longest {
                return Err(super::csv::cut_short());
            }
            self.longest = self.longest.max(only.len());
        }
        Ok(!self.ids.is_empty())
    }
}

impl RowReader for IdRows {
    fn advance(&mut self) -> io::Result<bool> {
        if self.problem.is_none() && self.place + 1 < self.ids.len() {
            self.place += 1;
            return Ok(true);
        }
        while self.lines.advance_to_text()? {
            let taken = self.take_line();
            let is_row = !matches!(taken, Ok(false));
            self.problem = taken.err();
            if is_row {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn line(&self) -> u64 {
        self.lines.line()
    }

    fn content(&self) -> Result<Record<'_>, RowProblem> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let line = self.lines.content()?;
        let id = self.ids.get(self.place).cloned().unwrap_or_default();
        Ok(Record {
            id: text_of(&line[id], Field::Id)?.into(),
            trimmed: self.trimmed,
            ..Record::default()
        })
    }

    fn raw(&self) -> Raw<'_> {
        Raw::Line(self.lines.content().unwrap_or_default())
    }

    fn cell(&self, _: usize, _: &str) -> Result<Cow<'_, str>, RowProblem> {
        Ok(Cow::Borrowed(""))
    }

    fn asides(&self) -> Asides {
        self.asides
    }
}

/// Puts the places of the ids of `line` into `ids`, or says why it cannot be taken whole. Returns
/// whether something stands behind its id, which is passed over.
fn take_ids(line: &str, ids: &mut Vec<Range<usize>>) -> Result<bool, RowProblem> {
    let unclosed =
        "a quote that opens on this line is not closed before the next word; take it off";
    find_words(line, ids).ok_or_else(|| RowProblem::new(Field::Id, "unclosed_quote", unclosed))?;
    let word = |place: &Range<usize>| &line[place.clone()];
    let (first, rest) = match ids.as_slice() {
        [] | [_] => return Ok(false),
        [first, rest @ ..] => (word(first), rest),
    };
    if are_alike(ids.iter().map(word)) {
        return Ok(false);
    }
    let bare = trim_cell(line);
    let behind = bare.strip_prefix(first).unwrap_or_default();
    if let Some((code, what)) = torn(first, behind) {
        let reason = format!(
            "the id looks like a number {what}, of which only the first part would be taken; \
             format the column as text and export again"
        );
        return Err(RowProblem::new(Field::Id, code, reason));
    }
    let may_be_id = |text: &str| is_digits(text) || is_surely_an_id(text);
    if is_surely_an_id(first) && !rest.iter().map(word).any(may_be_id) {
        ids.truncate(1);
        return Ok(true);
    }
    let is_counted = is_digits(first) && rest.iter().map(word).any(is_surely_an_id);
    let (code, reason) = if is_counted && !is_surely_an_id(first) {
        (
            "number_before_id",
            "a number stands before the id, as `cat -n` and `uniq -c` write it, and may be another \
             user's id; give the list without it",
        )
    } else {
        (
            "several_words",
            "the line holds several words, which are not ids of the same length, so none is taken; \
             give each id a line of its own",
        )
    };
    Err(RowProblem::new(Field::Id, code, reason))
}

/// Puts the places of the words of `line` into `places`, without the quotes round them; `None`: a
/// quote is not closed.
fn find_words(line: &str, places: &mut Vec<Range<usize>>) -> Option<()> {
    let bare = |from: usize, to: usize| {
        let bare = trim_cell(&line[from..to]);
        let start = from + line[from..to].find(bare).unwrap_or(0);
        start..start + bare.len()
    };
    let mut from = 0;
    while let Some(begin) = line[from..].find(|c| !parts(c)) {
        let begin = from + begin;
        let rest = &line[begin..];
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let closed = quote.and_then(|quote| {
            let end = rest[1..].find(quote)? + 1;
            let behind = rest[end + 1..].chars().next();
            behind.is_none_or(parts).then_some(begin + end)
        });
        let place = match closed {
            Some(end) => {
                from = end + 1;
                bare(begin + 1, end)
            }
            None if quote == Some('"') => return None,
            None => {
                from = begin + rest.find(parts).unwrap_or(rest.len());
                bare(begin, from)
            }
        };
        // A text of invisible characters alone is no word.
        if closed.is_some() || !place.is_empty() {
            places.push(place);
        }
    }
    Some(())
}

/// Whether `c` stands between two ids.
fn parts(c: char) -> bool {
    matches!(c, ',' | ';') || c.is_whitespace()
}

/// Whether `text` can be nothing but an id: a number that is long enough, or hexadecimal digits.
pub(super) fn is_surely_an_id(text: &str) -> bool {
    (is_digits(text) && text.len() >= DIGITS_MIN) || is_hexadecimal(text)
}

fn is_hexadecimal(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    text.len() >= HEX_CHARS_MIN
        && text.bytes().all(is_digit)
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether `words` are ids of one kind: as long as one another, or of three and more numbers nearly
/// so. A date or a telephone number beside an id is seldom as long as it.
fn are_alike<'a>(words: impl Iterator<Item = &'a str> + Clone) -> bool {
    if !words.clone().all(is_surely_an_id) {
        return false;
    }
    let count = words.clone().count();
    let are_numbers = words.clone().all(is_digits);
    let lengths = words.map(str::len);
    let (shortest, longest) = lengths.fold((usize::MAX, 0), |(least, most), length| {
        (least.min(length), most.max(length))
    });
    let apart = longest.saturating_sub(shortest);
    apart == 0 || (are_numbers && count > 2 && apart == 1)
}

/// Whether `text` holds several ids and nothing else, as a cell does in which one person has two.
pub(crate) fn holds_several_ids(text: &str) -> bool {
    let parts = |c: char| parts(c) || matches!(c, '|' | '/' | '+' | '&');
    let mut words = text.split(parts).map(trim_cell).filter(|it| !it.is_empty());
    words.clone().count() > 1 && words.all(is_surely_an_id)
}

/// Whether an id may stand anywhere in `text`, damaged or not.
pub(super) fn holds_an_id(text: &str) -> bool {
    let mut runs = text.split(|c: char| !c.is_ascii_digit());
    runs.any(|run| run.len() >= DIGITS_MIN) || is_hexadecimal(trim_cell(text))
}

/// Whether `text` begins with an id, without a blank before it.
fn begins_with_id(text: &str) -> bool {
    let end = text.find(parts).unwrap_or(text.len());
    is_surely_an_id(&text[..end])
}

/// Whether a line of a file whose name says nothing is one of a list.
pub(super) fn is_list_line(line: &str) -> bool {
    let mut words = Vec::new();
    if find_words(line, &mut words).is_none() {
        return false;
    }
    let word = |place: &Range<usize>| &line[place.clone()];
    match words.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && !is_surely_an_id(word(first)) => {
            let is_number = is_digits(word(first).trim_end_matches(['.', ')', ':']));
            is_number && rest.iter().map(word).any(is_surely_an_id)
        }
        [_, _, ..] => take_ids(line, &mut Vec::new()).is_ok_and(|has_remark| !has_remark),
        [] | [_] => false,
    }
}

/// The whole lines of `head` that are neither blank nor comments.
pub(super) fn lines_of(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = head.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
    let end = end.filter(|_| !is_whole(head)).unwrap_or(head.len());
    let lines = head[..end].split(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = lines.map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// Whether the lines of `head` hold columns of ids. The ids of a column are the same, or begin alike and
/// otherwise than those of the first. One of the columns may be no users'.
pub(super) fn are_columns(head: &[u8]) -> bool {
    let (mut first, mut begins, mut count) = (Vec::new(), Vec::new(), 0);
    for line in lines_of(head) {
        let (line, mut ids) = (std::str::from_utf8(line).unwrap_or_default(), Vec::new());
        let is_list = take_ids(line, &mut ids).is_ok() && ids.len() > 1;
        let words: Vec<&str> = ids.into_iter().map(|place| &line[place]).collect();
        if !is_list || (count > 0 && words.len() != first.len()) {
            continue;
        }
        if count == 0 {
            (first, begins) = (words.clone(), words.clone());
        }
        for (begin, word) in begins.iter_mut().zip(words) {
            let pairs = begin.bytes().zip(word.bytes());
            *begin = &begin[..pairs.take_while(|(one, other)| one == other).count()];
        }
        count += 1;
    }
    let is_other = |(begin, word): (&&str, &&str)| {
        let is_like = begin.starts_with(begins[0]) || begins[0].starts_with(begin);
        begin == word || !is_like
    };
    count >= COLUMN_LINES_MIN && begins.iter().zip(&first).any(is_other)
}

/// The text between the running number and the rest of each line of `head`, as `cat -n`, `nl` and
/// `grep -n` write it. `None`: the lines are not numbered.
///
/// Such a number may be an id as well. So it has to count up from 1 or from 0, or to stand before a
/// text that is surely an id.
pub(super) fn numbering(head: &[u8]) -> Option<char> {
    let (mut last, mut count, mut sign, mut first) = (0, 0, ' ', 0);
    for line in lines_of(head) {
        let (number, found, rest) = numbered(std::str::from_utf8(line).ok()?)?;
        if count == 0 {
            (first, sign) = (number, found);
        } else if Some(number) != u64::checked_add(last, 1) {
            return None;
        }
        let is_sure = begins_with_id(rest.trim_start());
        if first > 1 && !is_sure {
            return None;
        }
        last = number;
        count += 1;
    }
    (count > 1).then_some(sign)
}

/// The number that `line` begins with, the sign behind it, and what follows.
fn numbered(line: &str) -> Option<(u64, char, &str)> {
    let end = line.find(|c: char| !c.is_ascii_digit())?;
    let number = line[..end].parse().ok()?;
    let sign = line[end..].chars().next()?;
    let rest = &line[end + sign.len_utf8()..];
    let is_sign = parts(sign) || matches!(sign, ':' | '.' | ')');
    (is_sign && !rest.trim().is_empty()).then_some((number, sign, rest))
}

/// The sign that tears a number apart into `id` and the `rest` that follows, if they are one. It is
/// a decimal comma, or a sign between thousands. The first part may be another user's id.
fn torn(id: &str, rest: &str) -> Option<(&'static str, &'static str)> {
    let mut signs = rest.chars();
    let sign = signs.next().filter(|_| is_digits(id))?;
    let part = signs.as_str();
    let in_cents = is_digits(part) && part.len() <= 2;
    if sign == ',' && (in_cents || is_exponent(part)) {
        return Some(("decimal_comma", "with a decimal comma"));
    }
    let is_group = |group: &str| group.len() == 3 && is_digits(group);
    (id.len() <= 3 && part.split(sign).all(is_group))
        .then_some(("thousands_separators", "with thousands separators"))
}
