//! Tokens kept between processes, in the user's cache folder.
//!
//! Zoho gives out ten tokens in ten minutes per refresh token: a run that is resumed a few times
//! would lock itself out if each process asked for its own. The files are readable by their owner
//! only; losing them costs a token, no more.
//!
//! What a file says is believed no more than an answer: a token that names a place it must not be
//! sent to ([`Provider::access`](crate::provider::Provider::access)) is not taken up.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::whole_file::{self, There};
use crate::domain::Time;
use crate::lane::KeptToken;
use crate::run::TokenStore;

/// The most of a kept token's file that is read.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Keeps tokens as files in one folder.
#[derive(Debug, Clone)]
pub(super) struct DiskTokenStore {
    /// `None`: there is no cache folder to use, so nothing is kept.
    folder: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct File {
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api_base: Option<url::Url>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    fetched: Vec<Time>,
}

impl DiskTokenStore {
    /// The store in the XDG cache folder, as `variable` (a look at the environment) tells it.
    pub(super) fn in_cache(variable: impl Fn(&str) -> Option<String>) -> Self {
        let cache = variable("XDG_CACHE_HOME")
            .filter(|path| path.starts_with('/'))
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")));
        Self {
            folder: cache.map(|cache| cache.join("userpurge").join("tokens")),
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        // The key is a digest; anything else would be a way out of the folder.
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric());
        Some(
            self.folder
                .as_ref()
                .filter(|_| plain)?
                .join(format!("{key}.json")),
        )
    }

    fn try_keep(&self, path: &Path, token: &KeptToken) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;

        if let Some(folder) = &self.folder {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let file = File {
            token: token.secret.expose_secret().to_owned(),
            api_base: token.api_base.clone(),
            expires_at: token.expires_at,
            fetched: token.fetched.clone(),
        };
        let json = serde_json::to_vec(&file)?;
        let write = |mut file: &fs::File| file.write_all(&json);
        whole_file::write(path, There::Replaced, |error| error, write)
    }
}

impl TokenStore for DiskTokenStore {
    fn load(&self, key: &str) -> Option<KeptToken> {
        let path = self.path(key)?;
        let about = fs::metadata(&path).ok()?;
        if !about.is_file() || about.len() > FILE_BYTES_MAX {
            return None;
        }
        let file: File = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        Some(KeptToken {
            secret: SecretString::from(file.token),
            api_base: file.api_base,
            expires_at: file.expires_at,
            fetched: file.fetched,
        })
    }

    fn keep(&self, key: &str, token: &KeptToken) {
        let Some(path) = self.path(key) else { return };
        if let Err(error) = self.try_keep(&path, token) {
            tracing::warn!(%error, "Could not keep the access token for the next run.");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::{ExposeSecret, SecretString};

    use super::DiskTokenStore;
    use crate::domain::Time;
    use crate::lane::KeptToken;
    use crate::run::TokenStore;

    fn token() -> KeptToken {
        KeptToken {
            secret: SecretString::from("the-token"),
            api_base: None,
            expires_at: Some(Time::from_millis(5_000)),
            fetched: vec![Time::from_millis(1_000)],
        }
    }

    #[test]
    fn a_token_is_kept_for_its_owner_only_and_found_again() {
        let home = tempfile::tempdir().unwrap();
        let cache = home.path().to_str().unwrap().to_owned();
        let store =
            DiskTokenStore::in_cache(|name| (name == "XDG_CACHE_HOME").then(|| cache.clone()));
        store.keep("abc123", &token());
        let kept = store.load("abc123").unwrap();
        assert_eq!(kept.secret.expose_secret(), "the-token");
        assert_eq!(kept.expires_at, token().expires_at);
        assert_eq!(kept.fetched, token().fetched);
        let file = home.path().join("userpurge/tokens/abc123.json");
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_file_of_ours_is_not_read() {
        let home = tempfile::tempdir().unwrap();
        let cache = home.path().to_str().unwrap().to_owned();
        let store =
            DiskTokenStore::in_cache(|name| (name == "XDG_CACHE_HOME").then(|| cache.clone()));
        std::fs::create_dir_all(home.path().join("userpurge/tokens/folder.json")).unwrap();
        assert!(store.load("folder").is_none());
        let huge = std::fs::File::create(home.path().join("userpurge/tokens/huge.json")).unwrap();
        huge.set_len(super::FILE_BYTES_MAX + 1).unwrap();
        assert!(store.load("huge").is_none());
    }

    #[test]
    fn a_key_that_is_a_path_is_not_followed() {
        let store = DiskTokenStore::in_cache(|_| Some("/nowhere".to_owned()));
        assert!(store.path("../x").is_none());
        assert!(store.path("").is_none());
        assert!(store.path("a1").is_some());
    }
}
