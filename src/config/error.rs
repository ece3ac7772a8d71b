//! Why there are no settings, and what can be wrong with one value of a configuration.

use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;

use thiserror::Error as ThisError;

use super::load::FILE_NAME;

/// A file's path, a line's number, the line blanked out but the key, and which characters are meant.
pub type MarkedLine = (String, u64, String, Range<usize>);

/// Why there are no settings. Nothing here holds a secret, not even the line that is shown.
#[derive(Debug, ThisError)]
#[error("{what}")]
pub struct ConfigError {
    what: String,
    /// A way out.
    pub help: Option<String>,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
    /// Where it lies in the file.
    pub place: Option<Box<MarkedLine>>,
    /// Whether there is no configuration at all: no file and no variable.
    pub is_absent: bool,
}

impl ConfigError {
    /// The error that `what` tells.
    pub(super) const fn new(what: String) -> Self {
        Self {
            what,
            help: None,
            cause: None,
            place: None,
            is_absent: false,
        }
    }

    /// There is no configuration: no variable, and no file in `folder` nor at `xdg`.
    pub(super) fn absent(folder: &Path, xdg: Option<&Path>) -> Self {
        let none_at = |path: &Path| format!(", no `{}`", path.display());
        let error = Self::new(format!(
            "there is no configuration: no `{FILE_NAME}` in `{}`{}, and no environment variable that \
             makes an account",
            folder.display(),
            xdg.map_or_else(String::new, none_at)
        ));
        Self {
            is_absent: true,
            ..error.with_help(format!(
                "`userpurge init` writes a `{FILE_NAME}`; or name one with `--config PATH`, or set e.g. \
                 `ZENDESK_SUBDOMAIN`, `ZENDESK_EMAIL` and `ZENDESK_API_TOKEN`"
            ))
        }
    }

    /// The file at `path` cannot be read.
    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        let path = path.display();
        Self::new(format!(
            "cannot read the configuration `{path}`; check the path and its permissions"
        ))
        .because(source)
    }

    /// The same error with a way out.
    pub(super) fn with_help(self, help: String) -> Self {
        let help = Some(help);
        Self { help, ..self }
    }

    /// The same error, because of `cause`.
    pub(super) fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let cause = Some(cause.into());
        Self { cause, ..self }
    }
}

/// The fault of one value, and how to mend it. Never holds a secret.
#[derive(Debug, ThisError)]
#[error("{why}")]
pub(super) struct Mistake {
    /// The dotted key in the account's table; `None`: the table as a whole.
    pub(super) key: Option<String>,
    why: String,
    /// Whether a key is missing, and all that are there may be right.
    pub(super) is_lack: bool,
    /// The error of the system.
    #[source]
    source: Option<io::Error>,
}

impl From<String> for Mistake {
    fn from(why: String) -> Self {
        Self {
            key: None,
            why,
            is_lack: false,
            source: None,
        }
    }
}

impl From<&str> for Mistake {
    fn from(why: &str) -> Self {
        Self::from(why.to_owned())
    }
}

impl Mistake {
    /// The system's own error, and what it means here.
    pub(super) fn of_system(why: String, source: io::Error) -> Self {
        let source = Some(source);
        Self {
            source,
            ..Self::from(why)
        }
    }

    /// There is no key `written`, but there are those `known`.
    pub(super) fn unknown_key(written: &str, known: &[&str]) -> Self {
        let likeness = |key: &&&str| strsim::jaro_winkler(written, key);
        let likely = known.iter().filter(|key| is_like(written, key));
        let nearest = likely.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let meant = nearest.map_or_else(
            || format!("the keys are {}", list(known)),
            |key| format!("did you mean `{key}`?"),
        );
        Self::from(format!("there is no such key; {meant}"))
    }

    /// Several `keys` say different things.
    pub(super) fn conflict(keys: &str) -> Self {
        Self::from(format!("{keys} exclude each other; keep one"))
    }

    /// `value` is outside a fixed list.
    pub(super) fn not_one_of<T: fmt::Display>(
        value: &str,
        allowed: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::from(format!("`{value}` is not one of {}", list(allowed)))
    }

    /// `value` is outside its `range`.
    pub(super) fn range(value: impl fmt::Display, range: &str) -> Self {
        Self::from(format!("{value} is out of range; write {range}"))
    }
}

/// `` `a`, `b`, `c` ``.
pub(super) fn list<T: fmt::Display>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// Below this likeness (Jaro-Winkler, 0 to 1) a guess would mislead more than it helps.
const LIKENESS_MIN: f64 = 0.8;

/// Whether `written` may have been meant to be `key`.
pub(super) fn is_like(written: &str, key: &str) -> bool {
    strsim::jaro_winkler(written, key) >= LIKENESS_MIN
}
