//! Why there are no settings, and what can be wrong with one value of a configuration.

use std::io;
use std::path::PathBuf;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

use super::locate::FILE_NAME;
use super::secret::SecretError;
use super::urls::UrlProblem;
use crate::domain::QuotaError;
use crate::words::shell_path;

/// Why there are no settings. Nothing here holds a secret, not even the piece of the file that an
/// error points into.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum ConfigError {
    /// No file and no variable.
    #[error(
        "there is no configuration: no `{FILE_NAME}` in `{}`{}, and no environment variable that \
         makes an account", folder.display(), and_none_at(xdg.as_deref())
    )]
    #[diagnostic(help(
        "write a `{FILE_NAME}`, name one with `--config PATH`, or set e.g. `ZENDESK_SUBDOMAIN`, \
         `ZENDESK_EMAIL` and `ZENDESK_API_TOKEN`"
    ))]
    Nowhere {
        /// The folder that was looked in.
        folder: PathBuf,
        /// The file in the XDG folder that was looked for; `None`: no such folder is known.
        xdg: Option<PathBuf>,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration `{}`; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others may write the file, and it names commands to be run.
    #[error(
        "the configuration `{}` has a `command` to run, and other users may write the file (mode \
         {mode:03o}); nothing was run or sent",
        path.display()
    )]
    #[diagnostic(help("look through the file, then `chmod go-w {}`", shell_path(path)))]
    WrittenByOthers {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file is another user's, and it names commands to be run.
    #[error(
        "the configuration `{}` has a `command` to run, and belongs to another user (uid {owner}); \
         nothing was run or sent",
        path.display()
    )]
    #[diagnostic(help(
        "look through the file, then make it yours: `cp {0} own.toml && chmod 600 own.toml`, and \
         name it with `--config own.toml`",
        shell_path(path)
    ))]
    OwnedByAnother {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The file is too long.
    #[error(
        "the configuration `{}` is longer than {bytes_max} bytes; check that it is the right file",
        path.display()
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most bytes read.
        bytes_max: usize,
    },
    /// The file is no text.
    #[error("the configuration `{}`, line {line}, is no UTF-8 text; save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The first line that is none, from 1.
        line: usize,
    },
    /// The file is no TOML.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Syntax(Box<SyntaxError>),
    /// A key of the file.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(Box<KeyError>),
    /// An environment variable.
    #[error("environment variable `{variable}` cannot be used")]
    Variable {
        /// Its name.
        variable: String,
        /// What is wrong with it.
        #[source]
        problem: Problem,
    },
    /// The variables of one provider together.
    #[error("the environment variables `{prefix}_…` make no account")]
    Variables {
        /// The provider, as the variables spell it.
        prefix: String,
        /// What is wrong with them.
        #[source]
        problem: Problem,
    },
}

/// Where the file is no TOML.
#[derive(Debug, Error, Diagnostic)]
#[error("the configuration `{}`, line {line}, column {column}, is no TOML: {told}", path.display())]
pub struct SyntaxError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
    /// What the reader of TOML says.
    pub told: String,
    /// The file's text with everything blanked out but the line's key, if it is one.
    #[source_code]
    pub(super) text: NamedSource<String>,
    /// The place.
    #[label("here")]
    pub(super) span: SourceSpan,
}

/// What is wrong with one key of the file.
#[derive(Debug, Error, Diagnostic)]
#[error("`{key}` in `{}`, line {line}, cannot be used", path.display())]
pub struct KeyError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The whole key, dotted.
    pub key: String,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
    /// The file's text with everything blanked out but the key, which keeps lines and columns.
    #[source_code]
    pub(super) text: NamedSource<String>,
    /// The place.
    #[label("here")]
    pub(super) span: SourceSpan,
}

fn and_none_at(xdg: Option<&std::path::Path>) -> String {
    xdg.map_or_else(String::new, |path| format!(", no `{}`", path.display()))
}

/// What is wrong with one value, and how to mend it. Never holds a secret.
#[derive(Debug, Error)]
pub enum Problem {
    /// A key too many, one too few, or a value that cannot be taken.
    #[error("{0}")]
    Text(String),
    /// No address.
    #[error(transparent)]
    Url(#[from] UrlProblem),
    /// No limit.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// No secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl From<&str> for Problem {
    fn from(why: &str) -> Self {
        Self::Text(why.to_owned())
    }
}

impl From<String> for Problem {
    fn from(why: String) -> Self {
        Self::Text(why)
    }
}

impl Problem {
    /// There is no key `written`, but there are those `known`.
    pub(super) fn unknown_key(written: &str, known: &[&str]) -> Self {
        Self::Text(format!(
            "there is no such key; {}",
            did_you_mean(written, known)
        ))
    }

    /// Several `keys` say different things.
    pub(super) fn conflict(keys: &str) -> Self {
        Self::Text(format!("{keys} exclude each other; keep one"))
    }

    /// `value` is outside a fixed list.
    pub(super) fn not_one_of<'a>(value: &str, allowed: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Text(format!("`{value}` is not one of {}", list(allowed)))
    }

    /// `value` is outside its `range`.
    pub(super) fn range(value: impl std::fmt::Display, range: &str) -> Self {
        Self::Text(format!("{value} is out of range; write {range}"))
    }
}

/// `` `a`, `b`, `c` ``.
pub(super) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// Below this likeness (Jaro-Winkler, 0 to 1) a guess would mislead more than it helps.
const LIKENESS_MIN: f64 = 0.8;

/// Whether `written` may have been meant to be `key`.
pub(super) fn is_like(written: &str, key: &str) -> bool {
    strsim::jaro_winkler(written, key) >= LIKENESS_MIN
}

/// What to say about `written`, which is none of `known`: the nearest of them, or all.
pub(super) fn did_you_mean(written: &str, known: &[&str]) -> String {
    known
        .iter()
        .map(|key| (strsim::jaro_winkler(written, key), key))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map_or_else(
            || format!("the keys are {}", list(known.iter().copied())),
            |(_, key)| format!("did you mean `{key}`?"),
        )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::did_you_mean;

    #[rstest]
    #[case("subdomian", "did you mean `subdomain`?")]
    #[case("api-token", "did you mean `api_token`?")]
    #[case("apitoken", "did you mean `api_token`?")]
    #[case("zebra", "the keys are `subdomain`, `api_token`, `base_url`")]
    fn the_nearest_key_is_offered_or_all(#[case] written: &str, #[case] hint: &str) {
        assert_eq!(
            did_you_mean(written, &["subdomain", "api_token", "base_url"]),
            hint
        );
    }
}
