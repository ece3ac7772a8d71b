//! Standard input kept as a file, so that a resume can read it again.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::decompress::{Capped, INPUT_BYTES_MAX, OverCap};
use super::error::{InputError, InputErrorKind};

/// Copies all of `reader` to a new file at `path`, which only its owner may read, and returns its
/// size in bytes once it is safe on disk. At most [`INPUT_BYTES_MAX`] bytes are taken.
///
/// # Errors
///
/// The file exists already, or cannot be written to its end; half a copy is taken away again.
pub fn spool(reader: impl Read, path: &Path) -> Result<u64, InputError> {
    spool_at_most(reader, path, INPUT_BYTES_MAX)
}

fn spool_at_most(reader: impl Read, path: &Path, bytes_max: u64) -> Result<u64, InputError> {
    let mut file = create(path).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => InputError::new(path, InputErrorKind::SpoolExists),
        _ => InputError::new(path, InputErrorKind::Spool(source)),
    })?;
    copy(reader, &mut file, path, bytes_max).map_err(|source| {
        // The first error is the one to tell; a copy that stays is found by the next run.
        let _ = std::fs::remove_file(path);
        match source.downcast::<OverCap>() {
            Ok(over) => InputError::new(
                path,
                InputErrorKind::TooLarge {
                    bytes_max: over.bytes_max,
                },
            ),
            Err(source) => InputError::new(path, InputErrorKind::Spool(source)),
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

fn copy(reader: impl Read, file: &mut File, path: &Path, bytes_max: u64) -> io::Result<u64> {
    let size = io::copy(&mut Capped::new(reader, bytes_max), file)?;
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, Read};

    use super::{InputErrorKind, spool, spool_at_most};

    #[test]
    fn standard_input_is_kept_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.input");
        assert_eq!(spool(&b"id\n1\n"[..], &path).unwrap(), 5);
        assert_eq!(fs::read(&path).unwrap(), b"id\n1\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_exists_is_left_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = spool(&b"1"[..], file.path()).unwrap_err();
        assert!(matches!(error.kind, InputErrorKind::SpoolExists));
        assert_eq!(fs::read(file.path()).unwrap(), b"");
    }

    /// Yields some bytes, then fails.
    struct Breaking(bool);

    impl Read for Breaking {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe));
            }
            buffer[0] = b'1';
            Ok(1)
        }
    }

    #[test]
    fn half_a_copy_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.input");
        let error = spool(Breaking(false), &path).unwrap_err();
        assert!(matches!(error.kind, InputErrorKind::Spool(_)));
        assert!(!path.exists());
        let error = spool_at_most(&b"123"[..], &path, 2).unwrap_err();
        assert!(matches!(
            error.kind,
            InputErrorKind::TooLarge { bytes_max: 2, .. }
        ));
        assert!(!path.exists());
    }
}
