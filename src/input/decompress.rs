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

/// How many bytes of text one byte of a compressed file may stand for. gzip cannot do more than
/// 1,032; of exports, the most that was seen is 400 (zstd at level 19, sixty columns that hardly
/// change). Zstandard could do a thousand times that, and a bomb would be read for minutes.
const UNFOLDING_MAX: u64 = 1_032;

/// How much text a compressed file may hold however small it is, in bytes: 256 MiB.
const UNFOLDED_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// The largest window of Zstandard, as a power of two: 8 MiB, which RFC 8878 (3.1.1.1.2) wants
/// every decoder to have and no encoder to exceed. Every lane decompresses with a window of its
/// own; the 2 GiB that a file may ask for would be taken as often as there are accounts.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

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
        Self::of_magic(head).or_else(|| {
            path.extension()
                .and_then(|extension| Self::of_extension(extension.to_str()?))
        })
    }

    /// The compression that files with this extension have.
    pub(super) fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Goes by the first bytes alone.
    pub(super) fn of_magic(text: &[u8]) -> Option<Self> {
        // RFC 1952, 2.3.1, and RFC 8878, 3.1.1.
        if text.starts_with(&[0x1f, 0x8b]) {
            Some(Self::Gzip)
        } else if text.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    /// The most text that is read of a file of `size` bytes that is compressed so.
    pub(super) fn bytes_max(size: u64) -> u64 {
        size.saturating_mul(UNFOLDING_MAX)
            .clamp(UNFOLDED_BYTES_MIN, INPUT_BYTES_MAX)
    }

    /// The bytes of `reader`, decompressed. Damage comes out as an error that holds [`Damaged`].
    pub(super) fn decode(
        self,
        reader: impl BufRead + Send + 'static,
    ) -> io::Result<Box<dyn Read + Send>> {
        let inner: Box<dyn Read + Send> = match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(reader)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
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
            if is_window(&cause) {
                return io::Error::other(OverWindow);
            }
            io::Error::other(Damaged {
                compression: self.compression,
                cause,
            })
        })
    }
}

/// Whether Zstandard refused a frame because of its window. It has no code for that which the
/// crate lets through, only its words.
fn is_window(cause: &io::Error) -> bool {
    cause.to_string() == "Frame requires too much memory for decoding"
}

/// The data ask for more memory than is given.
#[derive(Debug)]
pub(super) struct OverWindow;

impl fmt::Display for OverWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a window of more than 8 MiB")
    }
}

impl Error for OverWindow {}

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
    over: OverCap,
}

impl<R: Read> Capped<R> {
    /// Lets `bytes_max` bytes of `inner` through.
    pub(super) fn new(inner: R, bytes_max: u64) -> Self {
        Self::with(
            inner,
            OverCap {
                bytes_max,
                unfolded: None,
            },
        )
    }

    /// Lets through what a file of `size` bytes that is compressed so may hold.
    pub(super) fn unfolding(inner: R, compression: Compression, size: u64) -> Self {
        let bytes_max = Compression::bytes_max(size);
        let unfolded = (bytes_max < INPUT_BYTES_MAX).then_some(compression);
        Self::with(
            inner,
            OverCap {
                bytes_max,
                unfolded,
            },
        )
    }

    fn with(inner: R, over: OverCap) -> Self {
        Self {
            inner,
            left: over.bytes_max,
            over,
        }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A signal in the middle of a read is no error of the file; nobody above asks again.
        let count = loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(self.over))?;
        Ok(count)
    }
}

/// More came than the cap allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct OverCap {
    pub(super) bytes_max: u64,
    /// How the file is compressed that is too small to hold so much; `None`: no file may.
    pub(super) unfolded: Option<Compression>,
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

    use super::{
        Capped, Compression, Damaged, INPUT_BYTES_MAX, OverCap, OverWindow, UNFOLDED_BYTES_MIN,
    };

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

    /// Is interrupted before every other read.
    struct Interrupted(Cursor<Vec<u8>>, bool);

    impl Read for Interrupted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            let end = buffer.len().min(3);
            self.0.read(&mut buffer[..end])
        }
    }

    #[test]
    fn a_signal_does_not_end_the_reading() {
        let bytes = gzip(b"id\n1\n2\n");
        let reader = io::BufReader::new(Interrupted(Cursor::new(bytes), false));
        let mut capped = Capped::new(Compression::Gzip.decode(reader).unwrap(), 100);
        let mut text = Vec::new();
        loop {
            let mut buffer = [0; 4];
            let count = capped.read(&mut buffer).unwrap();
            if count == 0 {
                break;
            }
            text.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(text, b"id\n1\n2\n");
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

    #[rstest]
    #[case(0, UNFOLDED_BYTES_MIN)]
    #[case(100_000, UNFOLDED_BYTES_MIN)]
    #[case(1_000_000, 1_032_000_000)]
    #[case(100_000_000, INPUT_BYTES_MAX)]
    #[case(u64::MAX, INPUT_BYTES_MAX)]
    fn a_small_file_may_not_unfold_to_a_huge_text(#[case] size: u64, #[case] bytes_max: u64) {
        assert_eq!(Compression::bytes_max(size), bytes_max);
    }

    /// Endless line ends.
    struct Endless;

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'\n');
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_bomb_is_read_no_further_than_its_size_can_mean() {
        let mut bomb = Capped::unfolding(Endless, Compression::Zstd, 40_000);
        let mut chunk = vec![0; 1 << 20];
        let mut count = 0;
        let error = loop {
            match bomb.read(&mut chunk) {
                Ok(more) => count += more as u64,
                Err(error) => break error.downcast::<OverCap>().unwrap(),
            }
        };
        assert_eq!(count, UNFOLDED_BYTES_MIN);
        assert_eq!(error.unfolded, Some(Compression::Zstd));
    }

    #[test]
    fn a_frame_that_wants_a_larger_window_is_refused_and_any_level_up_to_19_is_read() {
        let text: Vec<u8> = (0..4_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let encoded = |level: i32, window: Option<u32>| {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), level).unwrap();
            if let Some(window) = window {
                encoder.window_log(window).unwrap();
            }
            encoder.write_all(&text).unwrap();
            encoder.finish().unwrap()
        };
        let fits = decoded(Compression::Zstd, encoded(1, Some(23))).unwrap();
        assert_eq!(fits.len(), text.len());
        let error = decoded(Compression::Zstd, encoded(1, Some(24))).unwrap_err();
        assert!(error.downcast::<OverWindow>().is_ok());
        // What a level asks for stands in the frame's second byte, at the window's exponent.
        let mut head = zstd::stream::write::Encoder::new(Vec::new(), 19).unwrap();
        head.write_all(b"id\n").unwrap();
        let head = head.finish().unwrap();
        assert!(10 + (head[5] >> 3) <= 23, "{head:?}");
    }
}
