//! An input that may be read many times, and its bytes as they were at one moment.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decompress::INPUT_BYTES_MAX;
use super::error::{Fault, InputError, InputErrorKind};
use super::fingerprint::{Fingerprint, fingerprint_into};
use super::open::open_file;

/// A file to be read: as it lies on disk whenever it is opened, or as it was when a snapshot of it
/// was taken.
///
/// **Invariant**: whatever becomes of the file, every reading of a snapshot yields the same bytes.
#[derive(Debug, Clone)]
pub struct Input {
    path: PathBuf,
    /// The copy; `None`: the file itself is read.
    copy: Option<Arc<File>>,
}

impl Input {
    /// Copies the file at `path` to a file without a name in `folder`, which is gone when the
    /// process ends, however it ends.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or there is no room for its copy.
    pub fn snapshot(path: &Path, folder: &Path) -> Result<(Self, Fingerprint), InputError> {
        let no_room = |source| {
            InputError::new(
                path,
                InputErrorKind::Snapshot {
                    folder: folder.to_owned(),
                    source,
                },
            )
        };
        let file = open_file(path)?;
        if file.metadata().map_err(no_room)?.len() > INPUT_BYTES_MAX {
            return Err(InputError::new(
                path,
                InputErrorKind::TooLarge {
                    bytes_max: INPUT_BYTES_MAX,
                },
            ));
        }
        let mut copy = tempfile::tempfile_in(folder).map_err(no_room)?;
        let fingerprint = fingerprint_into(path, file, |chunk| {
            io::Write::write_all(&mut copy, chunk).map_err(no_room)
        })?;
        let input = Self {
            path: path.to_owned(),
            copy: Some(Arc::new(copy)),
        };
        Ok((input, fingerprint))
    }

    /// The path of the file, which errors name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it at its beginning, and says how many bytes it has.
    pub(super) fn open(&self) -> Result<(Box<dyn Read + Send>, u64), InputError> {
        let fault = |source| Fault::Io { line: 1, source }.at(&self.path);
        if let Some(copy) = &self.copy {
            let size = copy.metadata().map_err(fault)?.len();
            let reader = Reader {
                copy: Arc::clone(copy),
                offset: 0,
            };
            return Ok((Box::new(reader), size));
        }
        let file = open_file(&self.path)?;
        let size = file.metadata().map_err(fault)?.len();
        Ok((Box::new(file), size))
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Input {
    /// The file itself.
    fn from(path: &P) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            copy: None,
        }
    }
}

impl From<&Self> for Input {
    fn from(input: &Self) -> Self {
        input.clone()
    }
}

/// One reading of a copy, with a place of its own: several go on side by side.
struct Reader {
    copy: Arc<File>,
    offset: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::read_at(&*self.copy, buffer, self.offset)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_read(&*self.copy, buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::path::Path;

    use super::{Input, InputErrorKind};

    fn text(input: &Input) -> String {
        let (mut reader, size) = input.open().unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text.len() as u64, size);
        text
    }

    #[test]
    fn a_snapshot_reads_the_same_however_often_and_whatever_becomes_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.csv");
        File::create(&path).unwrap().write_all(b"id\n1\n").unwrap();
        let (snapshot, fingerprint) = Input::snapshot(&path, folder.path()).unwrap();
        assert_eq!(fingerprint.size, 5);
        File::create(&path).unwrap().write_all(b"id\n22\n").unwrap();
        assert_eq!(text(&snapshot), "id\n1\n");
        assert_eq!(text(&Input::from(path.as_path())), "id\n22\n");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text(&snapshot), "id\n1\n");
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 0, "the copy has no name");
    }

    #[test]
    fn a_folder_that_takes_no_copy_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Input::snapshot(file.path(), Path::new("/no-such-folder")).unwrap_err();
        assert!(matches!(error.kind, InputErrorKind::Snapshot { .. }));
        assert!(error.to_string().contains("/no-such-folder"), "{error}");
    }
}
