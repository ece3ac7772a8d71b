//! A file as UTF-8 text: found, decompressed, held to a size, decoded. Its digest is taken while it is read.
//! Standard input is kept as a file, so that a resume can read it again.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::decompress::{Capped, Compression, Refused};
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
        Some(compression) => compression.decode(file).map_err(failed)?,
        None => Box::new(file),
    };
    let plain: Box<dyn Read> = Box::new(Capped::new(plain, compression, size));
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
        return wrong(format!("`{shown}` is {kind}"));
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

/// What tells one input from any other: its bytes as they lie on disk, still compressed if they
/// are.
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
    taken: Rc<RefCell<(Sha256, u64)>>,
}

impl Digest {
    /// Reads `file`.
    pub(super) fn new(file: File) -> Self {
        let taken = Rc::default();
        Self { file, taken }
    }

    /// A second reader of the same open file: each goes on where the other is.
    pub(super) fn share(&self) -> io::Result<Self> {
        let (file, taken) = (self.file.try_clone()?, Rc::clone(&self.taken));
        Ok(Self { file, taken })
    }

    /// Reads what is left, and gives the digest of the whole file.
    pub(super) fn finish(self) -> io::Result<Fingerprint> {
        let taken = Rc::clone(&self.taken);
        let mut rest = BufReader::with_capacity(BUFFER_BYTES, self);
        io::copy(&mut rest, &mut io::sink())?;
        let (hasher, size) = &*taken.borrow();
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
        let (hasher, size) = &mut *self.taken.borrow_mut();
        hasher.update(&buffer[..count]);
        *size += count as u64;
        Ok(count)
    }
}

/// Copies all of `reader` to a new file at `path`, which only its owner may read, and returns its
/// size in bytes once it is safe on disk. At most [`INPUT_BYTES_MAX`](super::INPUT_BYTES_MAX) bytes are taken.
///
/// # Errors
///
/// The file exists already, or cannot be written to its end; half a copy is taken away again.
pub fn spool(reader: impl Read, path: &Path) -> Result<u64, InputError> {
    let shown = path.display();
    let failed = |source| {
        let message = format!(
            "could not copy standard input to `{shown}`; check the free space and your rights in that folder"
        );
        InputError::of_system(path, message, source)
    };
    let mut file = create(path).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => InputError::new(
            path,
            format!(
                "`{shown}` exists already, and standard input would be kept there; move it away, or name another ledger with `--ledger`"
            ),
        ),
        _ => failed(source),
    })?;
    copy(reader, &mut file, path).map_err(|source| {
        // The first error is the one to tell; a copy that stays is found by the next run.
        let _ = std::fs::remove_file(path);
        match source.downcast::<Refused>() {
            Ok(refused) => InputError::of_reading(path, 1, io::Error::other(refused)),
            Err(source) => failed(source),
        }
    })
}

/// A new file that nobody else may read: it may hold more of people than their ids.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn copy(reader: impl Read, file: &mut File, path: &Path) -> io::Result<u64> {
    let size = io::copy(&mut Capped::new(reader, None, 0), file)?;
    file.sync_all()?;
    #[cfg(unix)]
    {
        // The name of the file must outlive a crash too.
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder)?.sync_all()?;
    }
    Ok(size)
}
