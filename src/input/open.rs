//! A file as UTF-8 text: found, decompressed, held to a size, decoded. Its digest is taken while it is read.
//! Standard input is copied to a file, since a plan may read its input more than once.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

use super::archive::{is_archive, open_archive};
use super::decompress::{Capped, Compression, Refused};
use super::encoding;
use super::error::InputError;
use super::format::{Format, not_text};
use super::lines::Text;
use super::workbook::ReadSheet;

/// How much of a text is looked at to find its format and its keys, in bytes.
const HEAD_BYTES: u64 = 64 * 1024;

/// The buffer between the file and what reads it, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// The most bytes that tell a compression or an encoding.
const MAGIC_BYTES: u64 = 4;

/// A file as UTF-8 text.
pub(super) struct TextFile {
    pub(super) text: Text,
    /// Its path, or its name in an archive.
    pub(super) name: PathBuf,
    /// The sheet that it is of a workbook, with that one's format.
    pub(super) sheet: Option<(Format, ReadSheet)>,
    /// The beginning of the text, which reading it yields too.
    pub(super) head: Vec<u8>,
    /// How it is compressed; `None`: it is not.
    pub(super) compression: Option<Compression>,
    /// The hasher for the digest of the file's bytes, if it is to be taken.
    pub(super) digest: Option<Digest>,
}

/// Whether the beginning of a text is the whole text.
pub(super) const fn is_whole(head: &[u8]) -> bool {
    (head.len() as u64) < HEAD_BYTES
}

/// Opens the regular file at `path`.
pub(super) fn open_file(path: &Path) -> Result<File, InputError> {
    let displayed = path.display();
    let error = |source: io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => InputError::new(
            path,
            format!("no file `{displayed}`; check the name, or give `-` to read standard input"),
        ),
        _ => InputError::of_system(
            path,
            format!("could not open `{displayed}`; check that you may read it"),
            source,
        ),
    };
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    let metadata = path.metadata().map_err(error)?;
    let what = if metadata.is_file() {
        return File::open(path).map_err(error);
    } else if metadata.is_dir() {
        "is a folder; name a file in it"
    } else {
        "is a pipe or a device, which cannot be read again after an interruption; pipe it in and give `-` instead"
    };
    Err(InputError::about(path, what))
}

/// Opens the file at `path`, unpacks and decodes it. `sheet`: which one of a workbook. `is_digested`: whether
/// the digest of its bytes is taken, as they lie on disk.
pub(super) fn open_text(
    path: &Path,
    sheet: Option<&str>,
    is_digested: bool,
) -> Result<TextFile, InputError> {
    let failed = |source| InputError::of_reading(path, 1, source);
    let mut file = open_file(path)?;
    if is_archive(&file).map_err(failed)? {
        let archive = file.try_clone().map_err(failed)?;
        let opened = open_archive(path, archive, sheet, false)?;
        file.rewind().map_err(failed)?;
        let digest = is_digested.then(|| Digest::new(file));
        return Ok(TextFile { digest, ..opened });
    }
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

/// Decodes a temporary file that was copied out of the archive at `path`.
pub(super) fn read_copy(path: &Path, copy: File) -> Result<TextFile, InputError> {
    let size = copy.metadata().map_or(0, |metadata| metadata.len());
    read_text(path, copy, size, BUFFER_BYTES)
}

/// Decompresses and decodes the `size` bytes of `file`, which errors name `path`, through buffers
/// of `buffer_bytes`.
pub(super) fn read_text(
    path: &Path,
    file: impl Read + Send + 'static,
    size: u64,
    buffer_bytes: usize,
) -> Result<TextFile, InputError> {
    let failed = |source| InputError::of_reading(path, 1, source);
    let buffered = |reader| BufReader::with_capacity(buffer_bytes, reader);
    let (magic, file) =
        peek(BufReader::with_capacity(buffer_bytes, file), MAGIC_BYTES).map_err(failed)?;
    let compression = Compression::of_magic(&magic);
    let plain: Box<dyn Read + Send> = match compression {
        Some(compression) => compression.decode(file).map_err(failed)?,
        None => Box::new(file),
    };
    let plain: Box<dyn Read + Send> = Box::new(Capped::new(plain, compression, size));
    let (mark, mut plain) = peek(buffered(plain), MAGIC_BYTES).map_err(failed)?;
    let (unit, mark_bytes) = encoding::detect(&mark);
    io::copy(&mut (&mut plain).take(mark_bytes as u64), &mut io::sink()).map_err(failed)?;
    let (head, text) = peek(buffered(encoding::decode(plain, unit)), HEAD_BYTES).map_err(failed)?;
    check_head(path, compression, &head)?;
    Ok(TextFile {
        text: Box::new(text),
        name: path.to_owned(),
        sheet: None,
        head,
        compression,
        digest: None,
    })
}

/// Refuses what is no text, or none that holds anything.
fn check_head(
    path: &Path,
    compression: Option<Compression>,
    head: &[u8],
) -> Result<(), InputError> {
    let is_empty = head.trim_ascii().is_empty() && is_whole(head);
    let kind = not_text(head);
    let is_yaml = path
        .extension()
        .is_some_and(|it| it == "yaml" || it == "yml");
    let what = match &kind {
        _ if compression.is_some() && Compression::of_magic(head).is_some() => {
            "compressed more than once; decompress it, and give the plain file"
        }
        _ if is_yaml => "YAML; write its ids as CSV in UTF-8",
        Some(kind) => kind,
        None if is_empty => "empty; check that the export ran to its end",
        None => return Ok(()),
    };
    Err(InputError::about(path, &format!("is {what}")))
}

/// The first `count` bytes of `reader`, or all if it has fewer, and a reader that yields them too.
fn peek<R: BufRead>(mut reader: R, count: u64) -> io::Result<(Vec<u8>, impl BufRead + use<R>)> {
    let mut head = Vec::new();
    (&mut reader).take(count).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(reader)))
}

/// The digest that tells one input from any other: of its bytes as they lie on disk, still
/// compressed if they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The size in bytes.
    pub size: u64,
    /// The SHA-256 in lower-case hex.
    pub sha256: String,
}

/// The fingerprint of the file at `path`, of which it reads every byte.
pub fn fingerprint(path: &Path) -> Result<Fingerprint, InputError> {
    let digest = Digest::new(open_file(path)?);
    digest
        .finish()
        .map_err(|source| InputError::of_reading(path, 1, source))
}

/// Reads a file, and takes the digest of what it reads.
pub(super) struct Digest {
    file: File,
    /// Of the bytes so far, and how many they are.
    taken: Arc<Mutex<(Sha256, u64)>>,
}

impl Digest {
    /// Reads `file`.
    pub(super) fn new(file: File) -> Self {
        let taken = Arc::default();
        Self { file, taken }
    }

    /// A second reader of the same open file: each goes on where the other is.
    pub(super) fn share(&self) -> io::Result<Self> {
        let (file, taken) = (self.file.try_clone()?, Arc::clone(&self.taken));
        Ok(Self { file, taken })
    }

    /// Reads what is left, and gives the digest of the whole file.
    pub(super) fn finish(self) -> io::Result<Fingerprint> {
        let taken = Arc::clone(&self.taken);
        let mut rest = BufReader::with_capacity(BUFFER_BYTES, self);
        io::copy(&mut rest, &mut io::sink())?;
        let (hasher, size) = &*taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sha256 = String::with_capacity(64);
        for byte in hasher.clone().finalize() {
            // Writing to a string cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        let size = *size;
        Ok(Fingerprint { size, sha256 })
    }
}

impl Read for Digest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (hasher, size) = &mut *taken;
        hasher.update(&buffer[..count]);
        *size += count as u64;
        Ok(count)
    }
}

/// Copies all of `reader` to a temporary file that only its owner may read, and that is gone with the path
/// that is returned. At most [`INPUT_BYTES_MAX`](super::INPUT_BYTES_MAX) bytes are taken.
pub fn spool(reader: impl Read) -> Result<TempPath, InputError> {
    let folder = std::env::temp_dir();
    let failed = |source| {
        let displayed = folder.display();
        let message = format!(
            "could not copy standard input to `{displayed}`; check the free space and your rights in that folder"
        );
        InputError::of_system(&folder, message, source)
    };
    let mut copy = tempfile::Builder::new();
    let copy = copy.prefix("userpurge-").suffix(".input").tempfile();
    let mut copy = copy.map_err(failed)?;
    let copied = io::copy(&mut Capped::new(reader, None, 0), &mut copy);
    copied.map_err(|source| match source.downcast::<Refused>() {
        Ok(refused) => InputError::of_reading(copy.path(), 1, io::Error::other(refused)),
        Err(source) => failed(source),
    })?;
    Ok(copy.into_temp_path())
}
