//! The SHA-256 and size of an input's bytes, taken while they are read.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::InputError;
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
        let mut rest = BufReader::with_capacity(CHUNK_BYTES, self);
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
