//! Lines of a text, one at a time and never longer than [`ROW_BYTES_MAX`], and the counting of
//! lines that every reader shares.
//!
//! `\n`, `\r\n` and a `\r` alone all end a line: the last is what some spreadsheets write for
//! "Macintosh".

use std::io::{self, BufRead};

use memchr::{memchr2, memchr2_iter};

use super::row::{Field, RowProblem};

/// The longest row that is read, in bytes of UTF-8. A longer one is invalid; what follows it is
/// read as ever.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;

/// A decompressed text in UTF-8, which may hold bytes that are not.
pub(super) type Text = Box<dyn BufRead + Send>;

/// Reads line by line into one buffer.
pub(super) struct LineReader {
    text: Text,
    count: LineCount,
    buffer: Vec<u8>,
    line: u64,
    too_long: bool,
    /// Whether the text ended in the line.
    pub(super) is_cut: bool,
}

impl LineReader {
    /// Reads `text`, whose first line is number 1.
    pub(super) fn new(text: Text) -> Self {
        Self {
            text,
            count: LineCount::starting_at(1),
            buffer: Vec::new(),
            line: 0,
            too_long: false,
            is_cut: false,
        }
    }

    /// Goes on to the next line that is not empty; `false`: there is none. A line of blanks is not
    /// empty.
    pub(super) fn advance_to_text(&mut self) -> io::Result<bool> {
        self.line = self.count.line;
        if self.peek(is_line_end)?.is_none() {
            return Ok(false);
        }
        self.is_cut = !self.take(|chunk| memchr2(b'\n', b'\r', chunk))?;
        Ok(true)
    }

    /// The next byte that is not passed over, left where it is; `None`: the text is at its end.
    pub(super) fn peek(&mut self, is_passed: impl Fn(u8) -> bool) -> io::Result<Option<u8>> {
        skip(&mut self.text, &mut self.count, is_passed)
    }

    /// Takes the bytes of which `find` finds the end, as if they were a line; `false`: the text ended
    /// before.
    pub(super) fn take(
        &mut self,
        mut find: impl FnMut(&[u8]) -> Option<usize>,
    ) -> io::Result<bool> {
        self.buffer.clear();
        self.too_long = false;
        self.line = self.count.line;
        // Bounded by the cap on the whole input.
        loop {
            let chunk = self.text.fill_buf()?;
            if chunk.is_empty() {
                return Ok(false);
            }
            let end = find(chunk);
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if self.buffer.len() + part.len() > ROW_BYTES_MAX {
                self.too_long = true;
            } else if !self.too_long {
                self.buffer.extend_from_slice(part);
            }
            let taken = part.len();
            self.count.over(part);
            self.text.consume(taken);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// The number of the line that the next byte stands on.
    pub(super) fn next_line(&self) -> u64 {
        self.count.line
    }

    /// The number of the line, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The line without its end, or that it is too long.
    pub(super) fn content(&self) -> Result<&[u8], RowProblem> {
        if self.too_long {
            Err(too_long())
        } else {
            Ok(&self.buffer)
        }
    }

    /// Whether the line holds nothing but blanks. A line that is too long does not.
    pub(super) fn is_blank(&self) -> bool {
        let is_seen = |byte: &u8| byte.is_ascii_graphic();
        !self.too_long
            && !self.buffer.first().is_some_and(is_seen)
            && std::str::from_utf8(&self.buffer)
                .is_ok_and(|text| text.chars().all(super::row::is_blank))
    }
}

/// Whether `byte` ends a line.
pub(super) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Passes bytes over. Returns the first that is not, and leaves it; `None`: the text is at its end.
pub(super) fn skip(
    text: &mut Text,
    count: &mut LineCount,
    is_passed: impl Fn(u8) -> bool,
) -> io::Result<Option<u8>> {
    // Bounded by the cap on the whole input.
    loop {
        let chunk = text.fill_buf()?;
        if chunk.is_empty() {
            return Ok(None);
        }
        let passed = chunk.iter().take_while(|byte| is_passed(**byte)).count();
        let found = chunk.get(passed).copied();
        count.over(&chunk[..passed]);
        text.consume(passed);
        if found.is_some() {
            return Ok(found);
        }
    }
}

/// The problem of a row over the limit.
pub(super) fn too_long() -> RowProblem {
    RowProblem::new(
        Field::Row,
        "row_too_long",
        format!(
            "the row is longer than {ROW_BYTES_MAX} bytes; check for a quote that is never closed, or a missing line end"
        ),
    )
}

/// Counts lines as bytes go by.
pub(super) struct LineCount {
    /// The line that the next byte stands on, from 1.
    pub(super) line: u64,
    /// Whether the last byte was a `\r`, so that a `\n` now belongs to it.
    after_cr: bool,
}

impl LineCount {
    /// Counts from `line`.
    pub(super) fn starting_at(line: u64) -> Self {
        Self {
            line,
            after_cr: false,
        }
    }

    /// Goes over `bytes`.
    pub(super) fn over(&mut self, bytes: &[u8]) {
        // Where the last `\r` left off: the place at which a `\n` belongs to it.
        let mut owned = self.after_cr.then_some(0);
        for place in memchr2_iter(b'\n', b'\r', bytes) {
            let is_cr = bytes[place] == b'\r';
            if is_cr || owned != Some(place) {
                self.line += 1;
            }
            owned = is_cr.then_some(place + 1);
        }
        if !bytes.is_empty() {
            self.after_cr = bytes.last() == Some(&b'\r');
        }
    }
}
