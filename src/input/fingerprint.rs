//! The SHA-256 and size that bind a ledger, or a saved plan, to its input.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    fingerprint_into(path, open_file(path)?, |_| Ok(()))
}

/// The fingerprint of `file`, every byte of which goes to `take` too.
pub(super) fn fingerprint_into(
    path: &Path,
    mut file: impl Read,
    mut take: impl FnMut(&[u8]) -> Result<(), InputError>,
) -> Result<Fingerprint, InputError> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut size = 0;
    // Bounded by the size of the file.
    loop {
        let count = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(Fault::Io { line: 1, source }.at(path)),
        };
        hasher.update(&chunk[..count]);
        take(&chunk[..count])?;
        size += count as u64;
    }
    let mut sha256 = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    Ok(Fingerprint { size, sha256 })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

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
    fn one_more_byte_is_another_fingerprint() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&vec![b'1'; 300_000]).unwrap();
        let before = fingerprint(file.path()).unwrap();
        file.write_all(b"\n").unwrap();
        let after = fingerprint(file.path()).unwrap();
        assert_eq!(before.size + 1, after.size);
        assert_ne!(before.sha256, after.sha256);
    }
}
