//! Which file holds the configuration. It reads none: a file that is named is taken to be there.
//! Of a ledger's configuration it knows nothing.

use std::io;
use std::path::{Path, PathBuf};

use super::environment::{self, Lookup};
use super::error::ConfigError;

/// The name of the file, in the folder the program is started in and in the XDG folder.
pub const FILE_NAME: &str = "userpurge.toml";

/// The XDG folder of this program.
const XDG_FOLDER: &str = "userpurge";

/// The file that holds the configuration: that of `--config`; else `userpurge.toml` in `folder`; else
/// the same in the XDG configuration folder. `None`: the environment's variables.
/// Nothing anywhere is an error.
pub fn locate(
    config: Option<&Path>,
    folder: &Path,
    lookup: Lookup<'_>,
) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(path) = config {
        // Whether it is there shows when it is read: it was named, so nothing stands in for it.
        return Ok(Some(folder.join(path)));
    }
    let xdg = xdg_file(lookup);
    for path in std::iter::once(folder.join(FILE_NAME)).chain(xdg.clone()) {
        if exists(&path)? {
            return Ok(Some(path));
        }
    }
    match environment::providers(lookup).next() {
        Some(_) => Ok(None),
        None => Err(ConfigError::absent(folder, xdg.as_deref())),
    }
}

/// The file in `$XDG_CONFIG_HOME`, else in `~/.config`; `None`: neither is known. Relative paths
/// count as unset, see <https://specifications.freedesktop.org/basedir-spec/latest/>.
fn xdg_file(lookup: Lookup<'_>) -> Option<PathBuf> {
    let absolute = |name| {
        lookup(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join(XDG_FOLDER).join(FILE_NAME))
}

/// Whether there is anything at `path`. A file that is there and may not be seen is an error. To
/// pass it over would mean to run with another configuration than the person believes.
fn exists(path: &Path) -> Result<bool, ConfigError> {
    match path.try_exists() {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        found => found.map_err(|source| ConfigError::unreadable(path, source)),
    }
}
