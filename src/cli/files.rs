//! Files that are there whole or not at all, for their owner's eyes only; and tokens kept in such files
//! between processes.
//!
//! Zoho gives out ten tokens in ten minutes per refresh token. A run that is resumed a few times would
//! lock itself out if each process asked for its own. A file's statement is believed no more than an
//! answer is, see [`Provider::access`](crate::provider::Provider::access). A refresh token of Zendesk's
//! is void once it was used: the next one is in such a file before its access token is used.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::{Builder, NamedTempFile};

use crate::config::process_variable;
use crate::lane::KeptToken;
use crate::ledger::{lock_for_good, make_private_folder};
use crate::provider::Token;
use crate::run::TokenStore;

/// The name of the file that is being written until it is whole.
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

/// Keeps tokens as files: in the cache folder those that can be fetched again, others in the state folder.
#[derive(Debug)]
pub(super) struct DiskTokenStore;

/// The file of the token of `key`; `None`: there is no folder to use.
fn token_path(key: &str, rotates: bool) -> Option<PathBuf> {
    // The key is a digest; anything else would be a way out of the folder.
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric());
    let folder = if rotates {
        xdg_folder("XDG_STATE_HOME", ".local/state", "tokens")
    } else {
        xdg_folder("XDG_CACHE_HOME", ".cache", "tokens")
    };
    Some(folder.filter(|_| plain)?.join(format!("{key}.json")))
}

fn read_token(path: &Path) -> Option<KeptToken> {
    let about = fs::metadata(path).ok()?;
    if !about.is_file() || about.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let mut file: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let mut take = |key: &str| file.get_mut(key).map(Value::take).unwrap_or_default();
    Some(KeptToken {
        token: Token {
            secret: SecretString::from(take("token").as_str()?),
            api_base: serde_json::from_value(take("api_base")).ok()?,
            expires_in: None,
            refresh: take("refresh").as_str().map(SecretString::from),
        },
        expires_at: serde_json::from_value(take("expires_at")).ok()?,
        fetched: serde_json::from_value(take("fetched")).ok()?,
    })
}

impl TokenStore for DiskTokenStore {
    fn load(&self, key: &str, rotates: bool) -> Result<Option<KeptToken>, String> {
        let path = token_path(key, rotates);
        if !rotates {
            return Ok(path.and_then(|path| read_token(&path)));
        }
        let path = path.ok_or(
            "neither XDG_STATE_HOME nor HOME is set, so the next refresh token cannot be kept",
        )?;
        let displayed = path.display();
        let is_ours = lock_for_good(&path.with_extension("lock"));
        if !is_ours.map_err(|error| format!("`{displayed}` cannot be used: {error}"))? {
            let why = "another process, or another account here, uses the same refresh token, which only \
                one may; wait until it is over";
            return Err(why.to_owned());
        }
        let kept = read_token(&path).filter(|kept| kept.token.refresh.is_some());
        if kept.is_none() && path.exists() {
            return Err(format!(
                "`{displayed}`, which holds the one refresh token that is not void, cannot be read; authorize \
                 anew, and write both new tokens to the configuration"
            ));
        }
        Ok(kept)
    }

    fn keep(&self, key: &str, kept: &KeptToken) -> Result<(), String> {
        let token = &kept.token;
        let rotates = token.refresh.is_some();
        let Some(path) = token_path(key, rotates) else {
            return Ok(());
        };
        let file = json!({
            "token": token.secret.expose_secret(),
            "api_base": token.api_base,
            "expires_at": kept.expires_at,
            "fetched": kept.fetched,
            "refresh": token.refresh.as_ref().map(ExposeSecret::expose_secret),
        });
        let kept = path.parent().map_or(Ok(()), make_private_folder);
        let kept = kept.and_then(|()| write_text(&path, true, &file.to_string(), |error| error));
        kept.or_else(|error| {
            if rotates {
                return Err(format!(
                    "the new refresh token cannot be kept in `{}` ({error}), and the old one is void: \
                     authorize anew, and write both new tokens to the configuration",
                    path.display()
                ));
            }
            tracing::warn!("could not keep the access token for the next run: {error}");
            Ok(())
        })
    }
}
