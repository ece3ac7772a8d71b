//! Compressed files, found by their first bytes, and a cap on what comes out of them.

use std::io::{self, BufRead, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use thiserror::Error;

use crate::domain::named;

/// The most text that is read of one input, in bytes after decompression: 64 GiB. A few kilobytes
/// of gzip can unfold to more than any disk holds; no list of users is as long as this.
pub const INPUT_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;

/// The number of bytes of text that one byte of a compressed file may stand for. gzip cannot do
/// more than 1,032. Of exports, the most that was seen is 400 (zstd at level 19, sixty columns that
/// hardly change). Zstandard could do a thousand times that, and a bomb would be read for minutes.
const UNFOLDING_MAX: u64 = 1_032;

/// How much text a compressed file may hold however small it is, in bytes: 256 MiB.
const UNFOLDED_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// The largest window of Zstandard, as a power of two: 8 MiB. RFC 8878 (3.1.1.1.2) wants every
/// decoder to have it and no encoder to exceed it. Every lane decompresses with a window of its
/// own. The 2 GiB that a file may ask for would be taken as often as there are accounts.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The most memory of xz, in KiB: what `xz -9` needs, and no preset more.
const XZ_KIB_MAX: u32 = 80 * 1024;

named! {
    /// How an input is compressed.
    pub enum Compression {
        /// gzip, one member or several.
        Gzip = "gzip",
        /// Zstandard, one frame or several.
        Zstd = "zstd",
        /// bzip2, one stream or several.
        Bzip2 = "bzip2",
        /// xz, one stream or several.
        Xz = "xz",
        /// A ZIP archive. The file to be read has been taken out before.
        Zip = "ZIP",
    }
}

impl Compression {
    /// Goes by the first bytes of a file.
    pub(super) fn of_magic(text: &[u8]) -> Option<Self> {
        match text {
            // RFC 1952, 2.3.1, and RFC 8878, 3.1.1.
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', ..] => Some(Self::Xz),
            // The second is an archive of no files.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            _ => None,
        }
    }

    /// The bytes of `reader`, decompressed.
    pub(super) fn decode(
        self,
        reader: impl BufRead + Send + 'static,
    ) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            // Within another one, which is refused.
            Self::Zip => Box::new(reader),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(reader)),
            Self::Xz => Box::new(XzReader::new_mem_limit(reader, true, XZ_KIB_MAX)),
            Self::Gzip => Box::new(MultiGzDecoder::new(reader)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        })
    }
}

/// Why a text cannot be read on, although the disk is in order.
#[derive(Debug, Error)]
#[error("the text cannot be read on")]
pub(super) enum Refused {
    /// The compressed data do not fit together.
    Damaged {
        compression: Compression,
        cause: io::Error,
    },
    /// They ask for a larger window than any preset needs.
    Window(Compression),
    /// There are more bytes than these.
    Over {
        bytes_max: u64,
        /// How the file is compressed that is too small to hold so much; `None`: no file may.
        unfolded: Option<Compression>,
    },
    /// The file is no whole list, as `line` shows; `what` follows its name.
    Broken { line: u64, what: String },
}

/// Lets a number of bytes through, and ends in [`Refused`] if there are more or the compressed data are
/// damaged.
pub(super) struct Capped<R> {
    inner: R,
    left: u64,
    bytes_max: u64,
    compression: Option<Compression>,
}

impl<R: Read> Capped<R> {
    /// Lets through what a file of `size` bytes may hold that is compressed so, or not at all.
    pub(super) fn new(inner: R, compression: Option<Compression>, size: u64) -> Self {
        let unfolded = size.saturating_mul(UNFOLDING_MAX);
        let unfolded = unfolded.clamp(UNFOLDED_BYTES_MIN, INPUT_BYTES_MAX);
        let bytes_max = compression.map_or(INPUT_BYTES_MAX, |_| unfolded);
        Self {
            inner,
            left: bytes_max,
            bytes_max,
            compression,
        }
    }

    /// Tells an error of the data from one of the disk.
    fn refused(&self, cause: io::Error) -> io::Error {
        // The crate lets no code of Zstandard's through for that, only its words.
        let is_window = cause.kind() == io::ErrorKind::OutOfMemory
            || cause.to_string() == "Frame requires too much memory for decoding";
        match self.compression {
            Some(compression) if is_window => io::Error::other(Refused::Window(compression)),
            // An error of the system itself has a number, and is no damage of the data.
            Some(compression) if cause.raw_os_error().is_none() => {
                io::Error::other(Refused::Damaged { compression, cause })
            }
            Some(_) | None => cause,
        }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A signal in the middle of a read is no error of the file; nobody above asks again.
        let count = loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.refused(error)),
                Ok(count) => break count,
            }
        };
        let left = self.left.checked_sub(count as u64);
        self.left = left.ok_or_else(|| {
            let is_small = self.bytes_max < INPUT_BYTES_MAX;
            io::Error::other(Refused::Over {
                bytes_max: self.bytes_max,
                unfolded: self.compression.filter(|_| is_small),
            })
        })?;
        Ok(count)
    }
}
