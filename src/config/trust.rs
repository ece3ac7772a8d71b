//! Whose word a configuration is: one that others may write runs no command, as with ssh and git.

use std::fs::File;
use std::path::Path;

use super::error::ConfigError;

/// Permissions of others than the owner to write.
#[cfg(unix)]
const OTHERS_WRITE: u32 = 0o022;

/// The user who may do anything anyway.
#[cfg(unix)]
const ROOT: u32 = 0;

/// Refuses a file, the one at `path`, that somebody else than this user and root may write or owns.
#[cfg(unix)]
pub(super) fn check_trusted(file: &File, path: &Path) -> Result<(), ConfigError> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = file.metadata().map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    if owner != ROOT && owner != rustix::process::geteuid().as_raw() {
        let path = path.to_owned();
        return Err(ConfigError::OwnedByAnother { path, owner });
    }
    if mode & OTHERS_WRITE != 0 {
        let path = path.to_owned();
        return Err(ConfigError::WrittenByOthers { path, mode });
    }
    Ok(())
}

/// Windows keeps access lists instead, which std does not show.
#[cfg(not(unix))]
pub(super) fn check_trusted(_: &File, _: &Path) -> Result<(), ConfigError> {
    Ok(())
}
