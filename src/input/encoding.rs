//! Byte order marks, and UTF-16 to UTF-8 as a stream.
//!
//! The result is *meant* to be UTF-8: bytes that are not stay in it (of broken UTF-16, a byte that
//! no UTF-8 has is put in), so that the row they stand in is found invalid, and only that row.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE};

use crate::domain::named;

/// Bytes of UTF-16 that are decoded at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// A byte that stands in no UTF-8 text.
const NOT_UTF8: u8 = 0xFF;

named! {
    /// How the text of an input is encoded.
    pub enum Encoding {
        /// UTF-8, with or without a byte order mark.
        Utf8 = "UTF-8",
        /// UTF-16, little end first, told by its byte order mark.
        Utf16Le = "UTF-16LE",
        /// UTF-16, big end first, told by its byte order mark.
        Utf16Be = "UTF-16BE",
    }
}

impl Encoding {
    /// The encoding that the first bytes of a text tell, and how many of them are its mark.
    pub(super) fn detect(head: &[u8]) -> (Self, usize) {
        match head {
            [0xEF, 0xBB, 0xBF, ..] => (Self::Utf8, 3),
            [0xFF, 0xFE, ..] => (Self::Utf16Le, 2),
            [0xFE, 0xFF, ..] => (Self::Utf16Be, 2),
            _ => (Self::Utf8, 0),
        }
    }

    /// `reader`, which stands behind the mark, as UTF-8.
    pub(super) fn decode(self, reader: impl Read + 'static) -> Box<dyn Read> {
        let encoding = match self {
            Self::Utf8 => return Box::new(reader),
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
        };
        Box::new(Transcoded {
            inner: reader,
            decoder: encoding.new_decoder_without_bom_handling(),
            input: vec![0; CHUNK_BYTES].into_boxed_slice(),
            output: Vec::new(),
            given: 0,
            ended: false,
        })
    }
}

/// UTF-16 read as UTF-8.
struct Transcoded<R> {
    inner: R,
    decoder: Decoder,
    input: Box<[u8]>,
    /// Decoded text, of which the first `given` bytes have been handed out.
    output: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Transcoded<R> {
    /// Decodes one chunk into the empty output.
    fn refill(&mut self) -> io::Result<()> {
        let count = self.inner.read(&mut self.input)?;
        self.ended = count == 0;
        let mut rest = &self.input[..count];
        self.output.clear();
        self.given = 0;
        // Each turn consumes input or ends.
        loop {
            let written_before = self.output.len();
            let room = self
                .decoder
                .max_utf8_buffer_length_without_replacement(rest.len())
                .unwrap_or(CHUNK_BYTES);
            self.output.resize(written_before + room, 0);
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
                rest,
                &mut self.output[written_before..],
                self.ended,
            );
            self.output.truncate(written_before + written);
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => return Ok(()),
                DecoderResult::Malformed(..) => self.output.push(NOT_UTF8),
                DecoderResult::OutputFull => {}
            }
        }
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
