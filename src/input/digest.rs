//! The SHA-256 and size of an input's bytes, taken while they are read.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

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
    taken: Arc<Mutex<Taken>>,
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
    taken: Arc<Mutex<Taken>>,
}

impl Digest {
    /// Reads `file` and takes its digest.
    pub(super) fn of(&mut self, file: File) -> io::Result<impl Read + Send + use<>> {
        self.rest = Some(file.try_clone()?);
        let taken = Arc::clone(&self.taken);
        Ok(Digesting { file, taken })
    }

    /// Reads what the reader left, and gives the digest of the whole file.
    pub(super) fn finish(self) -> io::Result<Fingerprint> {
        if let Some(file) = self.rest {
            let taken = Arc::clone(&self.taken);
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
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.hasher.update(&buffer[..count]);
        taken.size += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::{ReadOptions, Source};
    use super::fingerprint;

    #[test]
    fn a_fingerprint_is_the_size_and_the_sha256() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abc").unwrap();
        let found = fingerprint(file.path()).unwrap();
        assert_eq!(found.size, 3);
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            found.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_file_has_the_same_digest_while_it_is_read_for_its_rows() {
        for rows in [1, 300_000] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            let text = format!("id\n{}", "12\n".repeat(rows));
            file.write_all(text.as_bytes()).unwrap();
            let options = ReadOptions::default();
            let mut source = Source::open_digested(file.path(), &options).unwrap();
            source.each_row(|_| ()).unwrap();
            let digest = source.fingerprint().unwrap();
            assert_eq!(digest, fingerprint(file.path()).unwrap());
        }
    }
}
