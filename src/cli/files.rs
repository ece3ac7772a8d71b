//! Files that are there whole or not at all, for their owner's eyes only; and tokens kept in such files
//! between processes.
//!
//! Zoho gives out ten tokens in ten minutes per refresh token: a run that is resumed a few times would
//! lock itself out if each process asked for its own. What a file says is believed no more than an answer
//! is, see [`Provider::access`](crate::provider::Provider::access).

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::{Builder, NamedTempFile};

use crate::config::process_variable;
use crate::lane::KeptToken;
use crate::ledger::make_private_folder;
use crate::run::TokenStore;

/// What the file that is being written is called until it is whole.
const PREFIX: &str = ".userpurge-";

/// The most of a kept token's file that is read.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

/// Writes the file at `path` with `write`, makes it durable and gives it its name. One that is there is
/// replaced if it `replaces`, a link too and not followed. If it fails, nothing is left behind.
pub(super) fn write_whole<T, E>(
    path: &Path,
    replaces: bool,
    failed: impl Fn(io::Error) -> E,
    write: impl FnOnce(&NamedTempFile) -> Result<T, E>,
) -> Result<T, E> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let made = Builder::new().prefix(PREFIX).tempfile_in(folder);
    let made = made.map_err(&failed)?;
    let written = write(&made)?;
    made.as_file().sync_all().map_err(&failed)?;
    let named = if replaces {
        made.persist(path)
    } else {
        made.persist_noclobber(path)
    };
    named.map_err(|error| failed(error.error))?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed)?;
    Ok(written)
}

/// Writes `text` to the file at `path` as [`write_whole`] does.
pub(super) fn write_text<E>(
    path: &Path,
    replaces: bool,
    text: &str,
    failed: impl Fn(io::Error) -> E,
) -> Result<(), E> {
    let write = |mut file: &NamedTempFile| file.write_all(text.as_bytes()).map_err(&failed);
    write_whole(path, replaces, &failed, write)
}

/// A folder of this program below the one that the XDG `variable` names, or else below `default` at home;
/// `None`: no variable leads to one.
pub(super) fn xdg_folder(variable: &str, default: &str, below: &str) -> Option<PathBuf> {
    let named = process_variable(variable).filter(|path| path.starts_with('/'));
    let named = named.map(PathBuf::from);
    let at_home = || Some(PathBuf::from(process_variable("HOME")?).join(default));
    Some(named.or_else(at_home)?.join("userpurge").join(below))
}

/// Keeps tokens as files in the user's cache folder.
#[derive(Debug, Clone)]
pub(super) struct DiskTokenStore {
    /// `None`: there is no cache folder to use, so nothing is kept.
    folder: Option<PathBuf>,
}

impl DiskTokenStore {
    /// The store in the XDG cache folder.
    pub(super) fn in_cache() -> Self {
        let folder = xdg_folder("XDG_CACHE_HOME", ".cache", "tokens");
        Self { folder }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        // The key is a digest; anything else would be a way out of the folder.
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric());
        let folder = self.folder.as_ref().filter(|_| plain)?;
        Some(folder.join(format!("{key}.json")))
    }
}

impl TokenStore for DiskTokenStore {
    fn load(&self, key: &str) -> Option<KeptToken> {
        let path = self.path(key)?;
        let about = fs::metadata(&path).ok()?;
        if !about.is_file() || about.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut file: Value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let mut take = |key: &str| file.get_mut(key).map(Value::take).unwrap_or_default();
        Some(KeptToken {
            secret: SecretString::from(take("token").as_str()?),
            api_base: serde_json::from_value(take("api_base")).ok()?,
            expires_at: serde_json::from_value(take("expires_at")).ok()?,
            fetched: serde_json::from_value(take("fetched")).ok()?,
        })
    }

    fn keep(&self, key: &str, token: &KeptToken) {
        let Some(path) = self.path(key) else { return };
        let file = json!({
            "token": token.secret.expose_secret(),
            "api_base": token.api_base,
            "expires_at": token.expires_at,
            "fetched": token.fetched,
        });
        let kept = path.parent().map_or(Ok(()), make_private_folder);
        let kept = kept.and_then(|()| write_text(&path, true, &file.to_string(), |error| error));
        if let Err(error) = kept {
            tracing::warn!(%error, "Could not keep the access token for the next run.");
        }
    }
}
