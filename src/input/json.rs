//! JSON values one by one: of JSON Lines, and of an array, which may be larger than memory, an element
//! of it not larger than a row may be.

use std::io;

use crate::domain::Record;

use super::decompress::Refused;
use super::lines::{LineCount, LineReader, ROW_BYTES_MAX, Text, too_long};
use super::object::{RowKeys, record_of};
use super::row::{Field, Raw, RowProblem, RowReader, text_of};

/// Reads JSON Lines: one object, or one bare id, a line. Blank lines are no rows.
pub(super) struct JsonlRows {
    lines: LineReader,
    keys: RowKeys,
}

impl JsonlRows {
    /// Reads `text`, taking fields from `keys`.
    pub(super) fn new(text: Text, keys: RowKeys) -> Self {
        Self {
            lines: LineReader::new(text),
            keys,
        }
    }

    fn json(&self) -> Result<&str, RowProblem> {
        text_of(self.lines.content()?, Field::Row)
    }
}

impl RowReader for JsonlRows {
    fn advance(&mut self) -> io::Result<bool> {
        while self.lines.advance_to_text()? {
            if !self.lines.is_blank() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn line(&self) -> u64 {
        self.lines.line()
    }

    fn content(&self) -> Result<Record<'_>, RowProblem> {
        record_of(self.json()?, &self.keys)
    }

    fn raw(&self) -> Raw<'_> {
        self.json().map_or(Raw::Unreadable, Raw::Json)
    }
}

/// Reads the elements of an array into one buffer.
pub(super) struct JsonRows {
    text: Text,
    keys: RowKeys,
    lines: LineCount,
    /// The text of the element.
    element: Vec<u8>,
    too_long: bool,
    /// The line the element begins on.
    line: u64,
    place: ArrayPlace,
}

/// Where in the array the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ArrayPlace {
    BeforeArray,
    BeforeFirst,
    AfterComma,
    AfterArray,
}

impl JsonRows {
    /// Reads `text`, taking fields from `keys`.
    pub(super) fn new(text: Text, keys: RowKeys) -> Self {
        Self {
            text,
            keys,
            lines: LineCount::default(),
            element: Vec::new(),
            too_long: false,
            line: 1,
            place: ArrayPlace::BeforeArray,
        }
    }

    /// The element's JSON text.
    fn json(&self) -> Result<&str, RowProblem> {
        if self.too_long {
            return Err(too_long());
        }
        text_of(&self.element, Field::Row)
    }

    /// Reads one element and the comma or bracket behind it.
    fn read_element(&mut self) -> io::Result<()> {
        self.element.clear();
        self.too_long = false;
        let (mut depth, mut string) = (0, None);
        // Bounded by the cap on the whole input.
        loop {
            let chunk = self.text.fill_buf()?;
            if chunk.is_empty() {
                return Err(self.broken("it ends in the middle of an element"));
            }
            let end = find_end(chunk, &mut depth, &mut string);
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if self.element.len() + part.len() > ROW_BYTES_MAX {
                self.too_long = true;
            } else if !self.too_long {
                self.element.extend_from_slice(part);
            }
            let Some(end) = end else {
                let count = chunk.len();
                self.lines.over(chunk);
                self.text.consume(count);
                continue;
            };
            let closer = chunk[end];
            self.lines.over(&chunk[..=end]);
            self.text.consume(end + 1);
            return match closer {
                b',' => {
                    self.place = ArrayPlace::AfterComma;
                    Ok(())
                }
                b']' => self.end(),
                _ => Err(self.broken("a `}` closes nothing")),
            };
        }
    }

    /// Makes sure that nothing stands behind the array.
    fn end(&mut self) -> io::Result<()> {
        self.place = ArrayPlace::AfterArray;
        match self.next_byte()? {
            None => Ok(()),
            Some(_) => Err(self.broken("something stands behind its `]`")),
        }
    }

    /// The next byte that is no blank, left where it is; `None`: the text is at its end.
    fn next_byte(&mut self) -> io::Result<Option<u8>> {
        // Bounded by the cap on the whole input.
        loop {
            let chunk = self.text.fill_buf()?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let blank = chunk
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
                .count();
            let found = chunk.get(blank).copied();
            self.lines.over(&chunk[..blank]);
            self.text.consume(blank);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Takes the byte that [`JsonRows::next_byte`] found.
    fn take_one(&mut self) {
        self.lines.over(b" ");
        self.text.consume(1);
    }

    fn broken(&self, reason: &'static str) -> io::Error {
        let line = self.lines.line;
        io::Error::other(Refused::Json { line, reason })
    }
}

impl RowReader for JsonRows {
    fn advance(&mut self) -> io::Result<bool> {
        self.line = self.lines.line;
        if self.place == ArrayPlace::BeforeArray {
            match self.next_byte()? {
                Some(b'[') => self.take_one(),
                _ => return Err(self.broken("it does not begin with `[`")),
            }
            self.place = ArrayPlace::BeforeFirst;
        }
        if self.place == ArrayPlace::AfterArray {
            return Ok(false);
        }
        match self.next_byte()? {
            None => return Err(self.broken("it ends before its `]`")),
            Some(b']') if self.place == ArrayPlace::BeforeFirst => {
                self.take_one();
                self.end()?;
                return Ok(false);
            }
            Some(b',' | b']' | b'}') => {
                return Err(self.broken("an element is missing between its commas"));
            }
            Some(_) => {}
        }
        self.line = self.lines.line;
        self.read_element()?;
        Ok(true)
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn content(&self) -> Result<Record<'_>, RowProblem> {
        record_of(self.json()?, &self.keys)
    }

    fn raw(&self) -> Raw<'_> {
        self.json().map_or(Raw::Unreadable, Raw::Json)
    }
}

/// Goes over a part of an element without understanding it; the place of the comma or bracket that ends
/// it, if it is there. `depth`: how many brackets are open. `string`: whether a string is open, and
/// whether its next character is escaped.
fn find_end(chunk: &[u8], depth: &mut u64, string: &mut Option<bool>) -> Option<usize> {
    for (place, byte) in chunk.iter().enumerate() {
        match (*string, byte) {
            (Some(true), _) | (None, b'"') => *string = Some(false),
            (Some(false), b'\\') => *string = Some(true),
            (Some(false), b'"') => *string = None,
            (None, b'[' | b'{') => *depth += 1,
            (None, b',' | b']' | b'}') if *depth == 0 => return Some(place),
            (None, b']' | b'}') => *depth -= 1,
            (Some(false) | None, _) => {}
        }
    }
    None
}
