//! Standard input kept as a file, so that a resume can read it again.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::decompress::{Capped, Refused};
use super::error::InputError;

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
