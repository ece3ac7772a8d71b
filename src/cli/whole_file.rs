//! Files that are there whole or not at all, and for their owner's eyes only.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::Builder;

/// What the file that is being written is called until it is whole.
const PREFIX: &str = ".userpurge-";

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum There {
    /// It is replaced; a link of the name is replaced as well, not followed.
    Replaced,
    /// It stays, and nothing is written.
    Kept,
}

/// Writes the file at `path` with `write`, makes it durable and gives it its name.
///
/// # Errors
///
/// What `write` says, or what `failed` makes of the system's reason. Nothing is left behind then.
pub(super) fn write<T, E>(
    path: &Path,
    there: There,
    failed: impl Fn(io::Error) -> E,
    write: impl FnOnce(&File) -> Result<T, E>,
) -> Result<T, E> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let made = Builder::new().prefix(PREFIX).tempfile_in(folder);
    let made = made.map_err(&failed)?;
    let written = write(made.as_file())?;
    made.as_file().sync_all().map_err(&failed)?;
    let named = match there {
        There::Replaced => made.persist(path),
        There::Kept => made.persist_noclobber(path),
    };
    named.map_err(|error| failed(error.error))?;
    // Only Unix has folders that can be opened and synced.
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(failed)?;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, Write as _};

    use super::{There, write};

    fn put(path: &std::path::Path, there: There, text: &str) -> io::Result<()> {
        write(
            path,
            there,
            |error| error,
            |mut file| file.write_all(text.as_bytes()),
        )
    }

    #[test]
    fn a_file_is_replaced_only_where_that_is_meant_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        put(&path, There::Kept, "one").unwrap();
        let error = put(&path, There::Kept, "two").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        put(&path, There::Replaced, "three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        let broken = |_: &fs::File| Err::<(), _>(io::Error::other("no"));
        write(&path, There::Replaced, |error| error, broken).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
