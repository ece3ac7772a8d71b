//! JSON values one by one: of JSON Lines, and of an array, which may be larger than memory, an element
//! of it not larger than a row may be.

use std::io;

use crate::domain::Record;

use super::decompress::Refused;
use super::lines::{LineReader, Text};
use super::object::{RowKeys, record_of};
use super::row::{Field, Raw, RowProblem, RowReader, text_of};

/// Reads JSON Lines, one object or one bare id a line, or the elements of an array.
pub(super) struct JsonRows {
    /// The line, or the element.
    lines: LineReader,
    keys: RowKeys,
    /// The sign of the array that was read last: `[`, `,` or `]`; 0: none. `None`: there is no array.
    sign: Option<u8>,
}

impl JsonRows {
    /// Reads `text`, taking fields from `keys`.
    pub(super) fn new(text: Text, keys: RowKeys, is_array: bool) -> Self {
        Self {
            lines: LineReader::new(text),
            keys,
            sign: is_array.then_some(0),
        }
    }

    /// Goes on to the next line that is not blank.
    fn advance_line(&mut self) -> io::Result<bool> {
        while self.lines.advance_to_text()? {
            if !self.lines.is_blank() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes on to the next element, behind the sign that was read `last`.
    fn advance_element(&mut self, last: u8) -> io::Result<bool> {
        match (last, self.peek()?) {
            (b']', _) => Ok(false),
            (0, Some(b'[')) => {
                self.take_sign(b'[')?;
                self.advance_element(b'[')
            }
            (0, _) => Err(self.broken("it does not begin with `[`")),
            (_, None) => Err(self.broken("it ends before its `]`")),
            (b'[', Some(b']')) => {
                self.take_sign(b']')?;
                self.check_end()?;
                Ok(false)
            }
            (_, Some(b',' | b']' | b'}')) => {
                Err(self.broken("an element is missing between its commas"))
            }
            (_, Some(_)) => self.take_element().map(|()| true),
        }
    }

    /// Takes one element and the comma or bracket behind it.
    fn take_element(&mut self) -> io::Result<()> {
        let (mut depth, mut string) = (0, None);
        let find = |chunk: &[u8]| find_end(chunk, &mut depth, &mut string);
        self.sign = self.lines.take(find)?;
        match self.sign {
            Some(b',') => Ok(()),
            Some(b']') => self.check_end(),
            Some(_) => Err(self.broken("a `}` closes nothing")),
            None => Err(self.broken("it ends in the middle of an element")),
        }
    }

    fn take_sign(&mut self, sign: u8) -> io::Result<()> {
        self.lines.take(|_| Some(0))?;
        self.sign = Some(sign);
        Ok(())
    }

    /// Makes sure that nothing stands behind the array.
    fn check_end(&mut self) -> io::Result<()> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.broken("something stands behind its `]`")),
        }
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        let is_blank = |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.lines.peek(is_blank)
    }

    fn broken(&self, reason: &'static str) -> io::Error {
        let line = self.lines.next_line();
        io::Error::other(Refused::Json { line, reason })
    }
}

impl RowReader for JsonRows {
    fn advance(&mut self) -> io::Result<bool> {
        match self.sign {
            None => self.advance_line(),
            Some(last) => self.advance_element(last),
        }
    }

    fn line(&self) -> u64 {
        self.lines.line()
    }

    fn content(&self) -> Result<Record<'_>, RowProblem> {
        let json = text_of(self.lines.content()?, Field::Row)?;
        record_of(json, &self.keys)
    }

    fn raw(&self) -> Raw<'_> {
        Raw::Json(self.lines.content().unwrap_or_default())
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
