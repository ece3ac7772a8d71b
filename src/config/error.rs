//! Why there are no settings, and what can be wrong with one value of a configuration.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};
use thiserror::Error as ThisError;

use super::locate::FILE_NAME;

/// Why there are no settings. Nothing here holds a secret, not even the piece of the file that an
/// error points into.
#[derive(Debug, ThisError)]
#[error("{what}")]
pub struct ConfigError {
    what: String,
    help: Option<String>,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
    place: Option<Box<Place>>,
    is_absent: bool,
}

/// The place in the file that an error is about.
#[derive(Debug)]
struct Place {
    /// The file's text with everything blanked out but the key, which keeps lines and columns.
    text: NamedSource<String>,
    span: SourceSpan,
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
                "write a `{FILE_NAME}`, name one with `--config PATH`, or set e.g. \
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

    /// The same error, at `span` of `text`.
    pub(super) fn at(self, text: NamedSource<String>, span: impl Into<SourceSpan>) -> Self {
        let span = span.into();
        let place = Some(Box::new(Place { text, span }));
        Self { place, ..self }
    }

    /// Whether there is no configuration at all: no file and no variable.
    pub const fn is_absent(&self) -> bool {
        self.is_absent
    }
}

impl Diagnostic for ConfigError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let place = self.place.as_ref()?;
        Some(&place.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.place.as_ref()?.span;
        let label = LabeledSpan::new_with_span(Some("here".to_owned()), span);
        Some(Box::new(std::iter::once(label)))
    }
}

/// What is wrong with one value, and how to mend it. Never holds a secret.
#[derive(Debug, ThisError)]
#[error("{why}")]
pub(super) struct Problem {
    why: String,
    /// What the system says.
    #[source]
    source: Option<io::Error>,
}

impl From<String> for Problem {
    fn from(why: String) -> Self {
        let source = None;
        Self { why, source }
    }
}

impl From<&str> for Problem {
    fn from(why: &str) -> Self {
        Self::from(why.to_owned())
    }
}

impl Problem {
    /// The system's own error, and what it means here.
    pub(super) const fn of_system(why: String, source: io::Error) -> Self {
        let source = Some(source);
        Self { why, source }
    }

    /// There is no key `written`, but there are those `known`.
    pub(super) fn unknown_key(written: &str, known: &[&str]) -> Self {
        let meant = did_you_mean(written, known);
        Self::from(format!("there is no such key; {meant}"))
    }

    /// Several `keys` say different things.
    pub(super) fn conflict(keys: &str) -> Self {
        Self::from(format!("{keys} exclude each other; keep one"))
    }

    /// `value` is outside a fixed list.
    pub(super) fn not_one_of<'a>(value: &str, allowed: impl IntoIterator<Item = &'a str>) -> Self {
        Self::from(format!("`{value}` is not one of {}", list(allowed)))
    }

    /// `value` is outside its `range`.
    pub(super) fn range(value: impl fmt::Display, range: &str) -> Self {
        Self::from(format!("{value} is out of range; write {range}"))
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
fn did_you_mean(written: &str, known: &[&str]) -> String {
    let likeness = |key: &&&str| strsim::jaro_winkler(written, key);
    let likely = known.iter().filter(|key| is_like(written, key));
    likely
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .map_or_else(
            || format!("the keys are {}", list(known.iter().copied())),
            |key| format!("did you mean `{key}`?"),
        )
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn the_nearest_key_is_offered_or_all() {
        for (written, hint) in [
            ("subdomian", "did you mean `subdomain`?"),
            ("api-token", "did you mean `api_token`?"),
            ("apitoken", "did you mean `api_token`?"),
            ("zebra", "the keys are `subdomain`, `api_token`, `base_url`"),
        ] {
            let known = ["subdomain", "api_token", "base_url"];
            assert_eq!(did_you_mean(written, &known), hint);
        }
    }
}
