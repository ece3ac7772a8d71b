//! A file as UTF-8 text: found, decompressed, held to a size, decoded.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

use super::decompress::{Capped, Compression};
use super::digest::Digest;
use super::encoding::Encoding;
use super::error::InputError;
use super::format::not_text;
use super::lines::Text;

/// How much of a text is looked at to find its format and its keys, in bytes.
const HEAD_BYTES: u64 = 64 * 1024;

/// The buffer between the file and what reads it, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// The most bytes that tell a compression or an encoding.
const MAGIC_BYTES: u64 = 4;

/// A file as UTF-8 text.
pub(super) struct TextFile {
    pub(super) text: Text,
    /// The beginning of the text, which reading it yields too.
    pub(super) head: Vec<u8>,
    /// How it is compressed; `None`: it is not.
    pub(super) compression: Option<Compression>,
    /// How it is encoded.
    pub(super) encoding: Encoding,
    /// What takes the digest of the file's bytes, if it is to be taken.
    pub(super) digest: Option<Digest>,
}

/// Whether the beginning of a text is the whole text.
pub(super) const fn is_whole(head: &[u8]) -> bool {
    (head.len() as u64) < HEAD_BYTES
}

/// Opens the regular file at `path`.
pub(super) fn open_file(path: &Path) -> Result<File, InputError> {
    let shown = path.display();
    let error = |source: io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => InputError::new(
            path,
            format!("no file `{shown}`; check the name, or give `-` to read standard input"),
        ),
        _ => InputError::of_system(
            path,
            format!("could not open `{shown}`; check that you may read it"),
            source,
        ),
    };
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    let metadata = path.metadata().map_err(error)?;
    if metadata.is_dir() {
        let message = format!("`{shown}` is a folder; name a file in it");
        return Err(InputError::new(path, message));
    }
    if !metadata.is_file() {
        let message = format!(
            "`{shown}` is a pipe or a device, which cannot be read again after an interruption; pipe it in and give `-` instead"
        );
        return Err(InputError::new(path, message));
    }
    File::open(path).map_err(error)
}

/// Opens the file at `path`, decompresses and decodes it. `is_digested`: whether the digest of its
/// bytes is taken, as they lie on disk.
pub(super) fn open_text(path: &Path, is_digested: bool) -> Result<TextFile, InputError> {
    let failed = |source| InputError::of_reading(path, 1, source);
    let file = open_file(path)?;
    let size = file.metadata().map_err(failed)?.len();
    if !is_digested {
        return read_text(path, file, size, BUFFER_BYTES);
    }
    let digest = Digest::new(file);
    let file = digest.share().map_err(failed)?;
    let text = read_text(path, file, size, BUFFER_BYTES)?;
    let digest = Some(digest);
    Ok(TextFile { digest, ..text })
}

/// Decompresses and decodes the `size` bytes of `file`, which errors name `path`, through buffers
/// of `buffer_bytes`.
pub(super) fn read_text(
    path: &Path,
    file: impl Read + 'static,
    size: u64,
    buffer_bytes: usize,
) -> Result<TextFile, InputError> {
    let failed = |source| InputError::of_reading(path, 1, source);
    let buffered = |reader| BufReader::with_capacity(buffer_bytes, reader);
    let (magic, file) =
        peek(BufReader::with_capacity(buffer_bytes, file), MAGIC_BYTES).map_err(failed)?;
    // Of an empty file nothing is decompressed.
    let compression = Compression::detect(path, &magic).filter(|_| !magic.is_empty());
    let plain: Box<dyn Read> = match compression {
        Some(compression) => {
            let plain = compression.decode(file).map_err(failed)?;
            Box::new(Capped::new(plain, Some(compression), size))
        }
        None => Box::new(Capped::new(file, None, size)),
    };
    let (mark, mut plain) = peek(buffered(plain), MAGIC_BYTES).map_err(failed)?;
    let (encoding, mark_bytes) = Encoding::detect(&mark);
    io::copy(&mut (&mut plain).take(mark_bytes as u64), &mut io::sink()).map_err(failed)?;
    let (head, text) = peek(buffered(encoding.decode(plain)), HEAD_BYTES).map_err(failed)?;
    check_head(path, compression, &head)?;
    Ok(TextFile {
        text: Box::new(text),
        head,
        compression,
        encoding,
        digest: None,
    })
}

/// Refuses what is no text, or none that holds anything.
fn check_head(
    path: &Path,
    compression: Option<Compression>,
    head: &[u8],
) -> Result<(), InputError> {
    let shown = path.display();
    let wrong = |message: String| Err(InputError::new(path, message));
    if compression.is_some() && Compression::of_magic(head).is_some() {
        return wrong(format!(
            "`{shown}` is compressed more than once; decompress it, and give the plain file"
        ));
    }
    if let Some(kind) = not_text(head) {
        return wrong(format!("`{shown}` is {kind}; export it as CSV in UTF-8"));
    }
    if head.trim_ascii().is_empty() && is_whole(head) {
        return wrong(format!(
            "`{shown}` is empty; check that the export ran to its end"
        ));
    }
    Ok(())
}

/// The first `count` bytes of `reader`, or all if it has fewer, and a reader that yields them too.
fn peek<R: BufRead>(mut reader: R, count: u64) -> io::Result<(Vec<u8>, impl BufRead + use<R>)> {
    let mut head = Vec::new();
    (&mut reader).take(count).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(reader)))
}
