//! Which file holds the configuration.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::environment::{self, Lookup};
use super::error::ConfigError;

/// The name of the file, in the folder the program is started in and in the XDG folder.
pub const FILE_NAME: &str = "userpurge.toml";

/// The XDG folder of this program.
const XDG_FOLDER: &str = "userpurge";

/// Where the configuration is; see [`Source::locate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In this file.
    File(PathBuf),
    /// In the environment's variables.
    Environment,
}

impl Source {
    /// Where the configuration is: the file of `--config`; else `userpurge.toml` in `folder`; else
    /// the same in the XDG configuration folder; else the environment's variables.
    ///
    /// # Errors
    ///
    /// A file that cannot be asked for, or nothing anywhere.
    pub fn locate(
        config: Option<&Path>,
        folder: &Path,
        lookup: Lookup<'_>,
    ) -> Result<Self, ConfigError> {
        if let Some(path) = config {
            // Whether it is there shows when it is read: it was named, so nothing stands in for it.
            return Ok(Self::File(folder.join(path)));
        }
        let xdg = xdg_file(lookup);
        for path in std::iter::once(folder.join(FILE_NAME)).chain(xdg.clone()) {
            if exists(&path)? {
                return Ok(Self::File(path));
            }
        }
        if environment::providers(lookup).next().is_some() {
            return Ok(Self::Environment);
        }
        Err(ConfigError::Nowhere {
            folder: folder.to_owned(),
            xdg,
        })
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

/// Whether there is anything at `path`. A file that is there and may not be seen is an error: to
/// pass it over would mean to run with another configuration than the person believes.
fn exists(path: &Path) -> Result<bool, ConfigError> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(false)
        }
        Err(source) => Err(ConfigError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::{ConfigError, FILE_NAME, Source};

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn the_named_file_comes_before_the_folder_before_xdg_before_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("here");
        let home = folder.path().join("home");
        let xdg = home.join(".config/userpurge");
        std::fs::create_dir_all(&here).unwrap();
        std::fs::create_dir_all(&xdg).unwrap();
        let home_text = home.to_str().unwrap().to_owned();
        let lookup = move |name: &str| match name {
            "HOME" => Some(home_text.clone()),
            "ZENDESK_SUBDOMAIN" => Some("acme".to_owned()),
            // Relative, so it counts as unset.
            "XDG_CONFIG_HOME" => Some("config".to_owned()),
            _ => None,
        };
        let locate = |config| Source::locate(config, &here, &lookup).unwrap();

        assert_eq!(locate(None), Source::Environment);
        File::create(xdg.join(FILE_NAME)).unwrap();
        assert_eq!(locate(None), Source::File(xdg.join(FILE_NAME)));
        File::create(here.join(FILE_NAME)).unwrap();
        assert_eq!(locate(None), Source::File(here.join(FILE_NAME)));
        let named = locate(Some(Path::new("other.toml")));
        assert_eq!(named, Source::File(here.join("other.toml")));
    }

    #[test]
    fn an_absolute_xdg_folder_comes_before_home() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("userpurge").join(FILE_NAME);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        File::create(&file).unwrap();
        let text = folder.path().to_str().unwrap().to_owned();
        let lookup = move |name: &str| (name == "XDG_CONFIG_HOME").then(|| text.clone());
        let source = Source::locate(None, Path::new("/no-such-folder"), &lookup).unwrap();
        assert_eq!(source, Source::File(file));
    }

    #[test]
    fn nothing_anywhere_is_an_error_that_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = Source::locate(None, folder.path(), &nothing).unwrap_err();
        assert!(matches!(error, ConfigError::Nowhere { .. }));
        let help = miette::Diagnostic::help(&error).unwrap().to_string();
        assert!(help.contains("--config"), "{help}");
        assert!(help.contains("ZENDESK_SUBDOMAIN"), "{help}");
    }
}
