//! Byte order marks, and UTF-16 to UTF-8 as a stream.
//!
//! The result is *meant* to be UTF-8. Bytes that are not stay in it (of broken UTF-16, a byte that
//! no UTF-8 has is put in). So the row they stand in is found invalid, and only that row.

use std::io::{self, Read};

/// Bytes of UTF-16 that are decoded at a time.
const CHUNK_BYTES: usize = 8 * 1024;

/// A byte that stands in no UTF-8 text.
const NOT_UTF8: u8 = 0xFF;

/// The function that makes a unit of UTF-16 of its two bytes; `None`: the text is UTF-8.
type Unit = Option<fn([u8; 2]) -> u16>;

/// The encoding that the first bytes of a text tell, and how many of them are its byte order mark.
pub(super) fn detect(head: &[u8]) -> (Unit, usize) {
    match head {
        [0xEF, 0xBB, 0xBF, ..] => (None, 3),
        [0xFF, 0xFE, ..] => (Some(u16::from_le_bytes), 2),
        [0xFE, 0xFF, ..] => (Some(u16::from_be_bytes), 2),
        _ => (None, 0),
    }
}

/// `reader`, which stands behind the mark, as UTF-8.
pub(super) fn decode(reader: impl Read + Send + 'static, unit: Unit) -> Box<dyn Read + Send> {
    let Some(unit) = unit else {
        return Box::new(reader);
    };
    Box::new(Transcoded {
        inner: reader,
        unit,
        input: Vec::new(),
        output: Vec::new(),
        given: 0,
        ended: false,
    })
}

/// UTF-16 read as UTF-8.
struct Transcoded<R> {
    inner: R,
    unit: fn([u8; 2]) -> u16,
    /// Bytes that are not decoded yet.
    input: Vec<u8>,
    /// Decoded text, of which the first `given` bytes have been handed out.
    output: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Transcoded<R> {
    /// Decodes one chunk into the empty output.
    fn refill(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK_BYTES];
        let count = self.inner.read(&mut chunk)?;
        self.ended = count == 0;
        self.input.extend_from_slice(&chunk[..count]);
        let (pairs, odd) = self.input.as_chunks();
        let mut units: Vec<u16> = pairs.iter().map(|pair| (self.unit)(*pair)).collect();
        // The first half of a character waits for the second.
        let waits = |last: &mut u16| !self.ended && (0xD800..0xDC00).contains(last);
        units.pop_if(waits);
        let has_odd = self.ended && !odd.is_empty();
        self.input.drain(..units.len() * 2);
        self.output.clear();
        self.given = 0;
        for decoded in char::decode_utf16(units) {
            match decoded {
                Ok(c) => self.output.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(_) => self.output.push(NOT_UTF8),
            }
        }
        self.output.extend(has_odd.then_some(NOT_UTF8));
        Ok(())
    }
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte of input may decode to nothing yet; each turn reads on.
        while self.given == self.output.len() && !self.ended {
            self.refill()?;
        }
        let ready = &self.output[self.given..];
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.given += count;
        Ok(count)
    }
}
