//! JSON values one by one: of JSON Lines, of arrays and of pages. These may be larger than memory,
//! but an element of them may be no larger than a row.

use std::borrow::Cow;
use std::io::{self, Cursor};

use serde_json::Value;

use crate::domain::Record;

use super::csv::cut_short;
use super::decompress::Refused;
use super::ids::Asides;
use super::lines::{LineReader, Text};
use super::mapping::known_id;
use super::object::{RowKeys, cell_of, record_of};
use super::row::{Field, Raw, RowProblem, RowReader, text_of};

/// The keys under which the providers' own answers have their users.
const USERS: [&str; 2] = ["users", "deleted_users"];

/// Reads JSON Lines, one object or one bare id a line. Or it reads the elements of arrays, and objects that
/// stand one after the other over many lines. Or it reads the users of pages, as the providers' APIs answer
/// them.
pub(super) struct JsonRows {
    /// The line, the element, or the object.
    lines: LineReader,
    keys: RowKeys,
    are_lines: bool,
    /// The key of the pages under which their rows stand; `None`: there are no pages.
    page: Option<String>,
    /// The brackets around what comes next, of a page and of arrays: three at most.
    pub(super) open: Vec<u8>,
    /// The sign of an array that was read last: `[` or `,`; 0: an element.
    last: u8,
    /// Whether the page has had its rows.
    has_rows: bool,
    /// How many digits the longest bare id of a line has so far, and whether the text ends in a shorter one.
    longest: usize,
    is_cut: bool,
    asides: Asides,
}

impl JsonRows {
    /// Reads `text`, taking fields from `keys`.
    pub(super) fn new(text: Text, keys: RowKeys, are_lines: bool, page: Option<&str>) -> Self {
        Self {
            lines: LineReader::new(text),
            keys,
            are_lines,
            page: page.map(str::to_owned),
            open: Vec::new(),
            last: 0,
            has_rows: false,
            longest: 0,
            is_cut: false,
            asides: Asides::default(),
        }
    }

    /// Goes on to the next row, through the brackets of pages and arrays.
    fn advance_value(&mut self) -> io::Result<bool> {
        // Bounded by the cap on the whole input: each turn takes a sign or a value.
        loop {
            let sign = self.peek()?;
            let is_page = self.page.is_some() && !self.open.contains(&b'{');
            match (self.open.last(), sign) {
                (None, None) => return Ok(false),
                (None, Some(b'[')) => self.enter(b'[')?,
                (None, Some(b'{')) if is_page => self.enter(b'{')?,
                (None, Some(b'{')) => return self.take_value().map(|()| true),
                (None, Some(_)) => {
                    return Err(self.broken("an object or an array should begin here"));
                }
                (Some(_), None) => return Err(self.broken("it ends before its last bracket")),
                (Some(b'['), Some(b']')) if self.last != b',' => self.leave()?,
                (Some(b'['), Some(b',')) if self.last == 0 => self.last = self.take_sign(b',')?,
                (Some(b'['), Some(b'}')) => return Err(self.broken("a `}` closes nothing")),
                (Some(b'['), Some(b',' | b']')) => {
                    return Err(self.broken("an element is missing between its commas"));
                }
                (Some(b'['), Some(_)) if self.last == 0 => {
                    return Err(self.broken("a comma is missing between two elements"));
                }
                (Some(b'['), Some(b'{')) if is_page => self.enter(b'{')?,
                (Some(b'['), Some(_)) => {
                    self.take_value()?;
                    self.last = 0;
                    return Ok(true);
                }
                (Some(_), Some(b'}')) if self.has_rows => self.leave()?,
                (Some(_), Some(b'}')) => {
                    return Err(self.broken("this page holds no list of users"));
                }
                (Some(_), Some(b',')) => self.last = self.take_sign(b',')?,
                (Some(_), Some(_)) => {
                    let key = self.take_key()?;
                    if key == self.page && self.peek()? == Some(b'[') {
                        self.has_rows = true;
                        self.enter(b'[')?;
                    } else {
                        self.pass(key.as_deref().unwrap_or_default())?;
                    }
                }
            }
        }
    }

    /// Passes over what a page has under `key`, unless it is another list of users.
    fn pass(&mut self, key: &str) -> io::Result<()> {
        if USERS.contains(&key) && self.peek()? == Some(b'[') {
            let what = "has `users` beside `deleted_users`; `jq .users` and `jq .deleted_users` make a file of each";
            let (line, what) = (self.lines.next_line(), what.to_owned());
            return Err(io::Error::other(Refused::Broken { line, what }));
        }
        self.take_value()?;
        let value = self.lines.content().unwrap_or_default();
        let value = || serde_json::from_slice(value).unwrap_or(Value::Null);
        let says = |key: &str| value()[key] == true;
        self.asides.lacks_pages |= match key {
            "next_page" | "next" => value().is_string(),
            "meta" => says("has_more") || says("hasMore"),
            "info" => says("more_records"),
            _ => false,
        };
        Ok(())
    }

    fn enter(&mut self, bracket: u8) -> io::Result<()> {
        self.last = self.take_sign(bracket)?;
        self.has_rows &= bracket == b'[';
        self.asides.lacks_pages &= bracket == b'[';
        self.open.push(bracket);
        Ok(())
    }

    fn leave(&mut self) -> io::Result<()> {
        self.take_sign(0)?;
        self.open.pop();
        self.last = 0;
        Ok(())
    }

    /// Takes one byte. Returns `sign`.
    fn take_sign(&mut self, sign: u8) -> io::Result<u8> {
        self.lines.take(|_| Some(1)).map(|_| sign)
    }

    /// Takes the next value, whatever it is.
    fn take_value(&mut self) -> io::Result<()> {
        let (mut depth, mut string) = (0, None);
        let find = |chunk: &[u8]| find_end(chunk, &mut depth, &mut string);
        if self.lines.take(find)? {
            return Ok(());
        }
        Err(self.broken("it ends in the middle of an element"))
    }

    /// Takes a key and the colon behind it; `None`: it is none.
    fn take_key(&mut self) -> io::Result<Option<String>> {
        self.take_value()?;
        let key = self.lines.content().ok();
        let key = key.and_then(|key| serde_json::from_slice(key).ok());
        if key.is_none() || self.peek()? != Some(b':') {
            return Err(self.broken("a key should stand here"));
        }
        self.take_sign(b':')?;
        Ok(key)
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        let is_blank = |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.lines.peek(is_blank)
    }

    fn broken(&self, reason: &'static str) -> io::Error {
        let line = self.lines.next_line();
        let what = format!("is no whole JSON: {reason}; fetch it again, or fix it there");
        io::Error::other(Refused::Broken { line, what })
    }
}

/// The key under which the first page of a text that begins with `head` has its rows. It is the one
/// that `id` leads through. Else it is one that the providers use, if the object has no id of its
/// own. `None`: it begins with no page.
pub(super) fn page_key(head: &[u8], id: Option<&str>) -> Option<String> {
    if !matches!(head.trim_ascii_start().first(), Some(b'[' | b'{')) {
        return None;
    }
    let text = Box::new(Cursor::new(head.to_vec()));
    let mut rows = JsonRows::new(text, RowKeys::default(), false, None);
    let (mut found, mut has_id) = (None, false);
    // Bounded by the head: each turn takes a sign or a value. It may end in the middle of one.
    loop {
        match rows.peek().ok()? {
            Some(b'[') if rows.open.is_empty() => rows.enter(b'[').ok()?,
            Some(b'{') if !rows.open.contains(&b'{') => rows.enter(b'{').ok()?,
            Some(b',') if rows.open.contains(&b'{') => rows.last = rows.take_sign(b',').ok()?,
            Some(b'"') if rows.open.contains(&b'{') => {
                let Ok(Some(key)) = rows.take_key() else {
                    break;
                };
                let is_list = rows.peek().is_ok_and(|sign| sign == Some(b'['));
                let inner = id.and_then(|id| id.strip_prefix(key.as_str()));
                if is_list && inner.is_some_and(|inner| inner.starts_with('.')) {
                    return Some(key);
                }
                has_id |= known_id(&key).is_some();
                if is_list && USERS.contains(&key.as_str()) {
                    found = Some(key);
                }
                if rows.take_value().is_err() {
                    break;
                }
            }
            _ => break,
        }
    }
    found.filter(|_| !has_id)
}

impl RowReader for JsonRows {
    fn advance(&mut self) -> io::Result<bool> {
        if !self.are_lines {
            return self.advance_value();
        }
        while self.lines.advance_to_text()? {
            if !self.lines.is_blank() {
                let bare = self.lines.content().unwrap_or_default().trim_ascii();
                if !bare.is_empty() && bare.iter().all(u8::is_ascii_digit) {
                    self.is_cut = self.lines.is_cut && bare.len() < self.longest;
                    self.longest = self.longest.max(bare.len());
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn line(&self) -> u64 {
        self.lines.line()
    }

    fn content(&self) -> Result<Record<'_>, RowProblem> {
        if self.is_cut {
            return Err(cut_short());
        }
        let json = text_of(self.lines.content()?, Field::Row)?;
        record_of(json, &self.keys)
    }

    fn cell(&self, _: usize, name: &str) -> Result<Cow<'_, str>, RowProblem> {
        cell_of(text_of(self.lines.content()?, Field::Row)?, name)
    }

    fn asides(&self) -> Asides {
        self.asides
    }

    fn raw(&self) -> Raw<'_> {
        Raw::Json(self.lines.content().unwrap_or_default())
    }
}

/// Goes over a part of a value without understanding it; gives the place behind its end, if it is there.
/// That is behind its closing quote or bracket, else before the comma or bracket that follows. `depth`: how
/// many brackets are open. `string`: whether a string is open, and whether its next character is escaped.
fn find_end(chunk: &[u8], depth: &mut u64, string: &mut Option<bool>) -> Option<usize> {
    for (index, byte) in chunk.iter().enumerate() {
        match (*string, byte) {
            (Some(true), _) | (None, b'"') => *string = Some(false),
            (Some(false), b'\\') => *string = Some(true),
            (Some(false), b'"') => {
                *string = None;
                if *depth == 0 {
                    return Some(index + 1);
                }
            }
            (None, b'[' | b'{') => *depth += 1,
            (None, b',' | b']' | b'}') if *depth == 0 => return Some(index),
            (None, b']' | b'}') => {
                *depth -= 1;
                if *depth == 0 {
                    return Some(index + 1);
                }
            }
            (Some(false) | None, _) => {}
        }
    }
    None
}
