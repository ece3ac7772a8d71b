//! gzip and Zstandard, found by their first bytes or by the file's name, and a cap on what comes
//! out of them.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// The most text that is read of one input, in bytes after decompression: 64 GiB. A few kilobytes
/// of gzip can unfold to more than any disk holds; no list of users is as long as this.
pub const INPUT_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;

/// How an input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several.
    Zstd,
}

impl Compression {
    /// The name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Goes by the first bytes of the file, and where they say nothing by its name.
    pub(super) fn detect(path: &Path, head: &[u8]) -> Option<Self> {
        // RFC 1952, 2.3.1, and RFC 8878, 3.1.1.
        if head.starts_with(&[0x1f, 0x8b]) {
            return Some(Self::Gzip);
        }
        if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Some(Self::Zstd);
        }
        path.extension()
            .and_then(|extension| Self::of_extension(extension.to_str()?))
    }

    /// The compression that files with this extension have.
    pub(super) fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The bytes of `reader`, decompressed. Damage comes out as an error that holds [`Damaged`].
    pub(super) fn decode(
        self,
        reader: impl BufRead + Send + 'static,
    ) -> io::Result<Box<dyn Read + Send>> {
        let inner: Box<dyn Read + Send> = match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(reader)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(reader)?),
        };
        Ok(Box::new(Decompressed {
            compression: self,
            inner,
        }))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Tells errors of the data from errors of the disk.
struct Decompressed {
    compression: Compression,
    inner: Box<dyn Read + Send>,
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|cause| {
            // What the system itself reports has a number, and is no damage of the data.
            if cause.raw_os_error().is_some() || cause.kind() == io::ErrorKind::Interrupted {
                return cause;
            }
            io::Error::other(Damaged {
                compression: self.compression,
                cause,
            })
        })
    }
}

/// The compressed data do not fit together.
#[derive(Debug)]
pub(super) struct Damaged {
    pub(super) compression: Compression,
    pub(super) cause: io::Error,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damaged {} data", self.compression)
    }
}

impl Error for Damaged {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// Lets a number of bytes through, and ends in an error that holds [`OverCap`] if there are more.
pub(super) struct Capped<R> {
    inner: R,
    left: u64,
    bytes_max: u64,
}

impl<R: Read> Capped<R> {
    /// Lets `bytes_max` bytes of `inner` through.
    pub(super) fn new(inner: R, bytes_max: u64) -> Self {
        Self {
            inner,
            left: bytes_max,
            bytes_max,
        }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(OverCap {
                bytes_max: self.bytes_max,
            })
        })?;
        Ok(count)
    }
}

/// More came than the cap allows.
#[derive(Debug)]
pub(super) struct OverCap {
    pub(super) bytes_max: u64,
}

impl fmt::Display for OverCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} bytes", self.bytes_max)
    }
}

impl Error for OverCap {}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, Read, Write};
    use std::path::Path;

    use flate2::write::GzEncoder;
    use rstest::rstest;

    use super::{Capped, Compression, Damaged, OverCap};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    fn decoded(compression: Compression, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        compression
            .decode(Cursor::new(bytes))?
            .read_to_end(&mut out)?;
        Ok(out)
    }

    #[rstest]
    #[case("a", &gzip(b"1"), Some(Compression::Gzip))]
    #[case("a.csv", &zstd(b"1"), Some(Compression::Zstd))]
    #[case("a.zst", &gzip(b"1"), Some(Compression::Gzip))]
    #[case("a.csv.GZ", b"id", Some(Compression::Gzip))]
    #[case("a.csv", b"id", None)]
    #[case("a", b"", None)]
    fn magic_goes_before_the_name(
        #[case] path: &str,
        #[case] head: &[u8],
        #[case] found: Option<Compression>,
    ) {
        assert_eq!(Compression::detect(Path::new(path), head), found);
    }

    #[test]
    fn several_members_and_frames_are_read_as_one() {
        let mut twice = gzip(b"id\n1\n");
        twice.extend(gzip(b"2\n"));
        assert_eq!(decoded(Compression::Gzip, twice).unwrap(), b"id\n1\n2\n");
        let mut twice = zstd(b"id\n1\n");
        twice.extend(zstd(b"2\n"));
        assert_eq!(decoded(Compression::Zstd, twice).unwrap(), b"id\n1\n2\n");
    }

    #[rstest]
    #[case(Compression::Gzip, gzip(&[b'7'; 4096]))]
    #[case(Compression::Zstd, zstd(&[b'7'; 4096]))]
    fn data_cut_short_or_changed_are_damaged(
        #[case] compression: Compression,
        #[case] whole: Vec<u8>,
    ) {
        let short = whole[..whole.len() - 3].to_vec();
        let error = decoded(compression, short).unwrap_err();
        assert!(error.downcast::<Damaged>().is_ok());
        let error = decoded(compression, b"id\n1\n2\n3\n4\n5\n6\n7\n8\n9\n".to_vec()).unwrap_err();
        assert!(error.downcast::<Damaged>().is_ok());
    }

    #[test]
    fn the_cap_lets_its_number_of_bytes_through_and_not_one_more() {
        let mut out = Vec::new();
        Capped::new(&b"12345"[..], 5).read_to_end(&mut out).unwrap();
        assert_eq!(out, b"12345");
        let error = Capped::new(&b"123456"[..], 5)
            .read_to_end(&mut out)
            .unwrap_err();
        assert_eq!(error.downcast::<OverCap>().unwrap().bytes_max, 5);
    }
}
