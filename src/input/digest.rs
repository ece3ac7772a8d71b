//! The SHA-256 and size of an input's bytes, taken while they are read.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::{Fault, InputError};
use super::open::open_file;

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 128 * 1024;

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
///
/// # Errors
///
/// The file cannot be opened or read.
pub fn fingerprint(path: &Path) -> Result<Fingerprint, InputError> {
    let fault = |source| Fault::Io { line: 1, source }.at(path);
    let mut digest = Digest::default();
    drop(digest.of(open_file(path)?).map_err(fault)?);
    digest.finish().map_err(fault)
}

/// The digest of a file, as far as the file was read.
#[derive(Debug, Default)]
pub(super) struct Digest {
    taken: Rc<RefCell<Taken>>,
    /// The same open file: what the reader left unread.
    rest: Option<File>,
}

#[derive(Debug, Default)]
struct Taken {
    hasher: Sha256,
    size: u64,
}

/// Reads a file, and takes the digest of what it reads.
struct Digesting {
    file: File,
    taken: Rc<RefCell<Taken>>,
}

impl Digest {
    /// Reads `file` and takes its digest.
    pub(super) fn of(&mut self, file: File) -> io::Result<impl Read + use<>> {
        self.rest = Some(file.try_clone()?);
        let taken = Rc::clone(&self.taken);
        Ok(Digesting { file, taken })
    }

    /// Reads what the reader left, and gives the digest of the whole file.
    pub(super) fn finish(self) -> io::Result<Fingerprint> {
        if let Some(file) = self.rest {
            let taken = Rc::clone(&self.taken);
            let mut rest = Digesting { file, taken };
            let mut chunk = vec![0; CHUNK_BYTES];
            // Bounded by the size of the file.
            loop {
                match rest.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let taken = self.taken.borrow();
        let mut sha256 = String::with_capacity(64);
        for byte in taken.hasher.clone().finalize() {
            // Writing to a string cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        let size = taken.size;
        Ok(Fingerprint { size, sha256 })
    }
}

impl Read for Digesting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let mut taken = self.taken.borrow_mut();
        taken.hasher.update(&buffer[..count]);
        taken.size += count as u64;
        Ok(count)
    }
}
