//! What can be wrong with one value of a configuration, wherever it stands.

use thiserror::Error;

use super::secret::SecretError;
use super::urls::UrlProblem;
use crate::domain::QuotaError;

/// What is wrong with one value, and how to mend it. Never holds a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// No such key.
    #[error("there is no such key; {hint}")]
    UnknownKey {
        /// The nearest key there is, or all of them.
        hint: String,
    },
    /// Another type of value is wanted, or the table lacks a part; the words are serde's.
    #[error("{told}")]
    Type {
        /// What the reader of the file says.
        told: String,
    },
    /// Something has to be there.
    #[error("it lacks {wanted}")]
    Missing {
        /// The key or keys, with what to write.
        wanted: String,
    },
    /// Several keys say different things.
    #[error("{keys} exclude each other; keep one")]
    Conflict {
        /// The keys.
        keys: String,
    },
    /// A text outside a fixed list.
    #[error("`{value}` is not one of {allowed}")]
    NotOneOf {
        /// The text.
        value: String,
        /// What may stand here.
        allowed: String,
    },
    /// A number outside its range.
    #[error("{value} is out of range; write {range}")]
    Range {
        /// The number.
        value: String,
        /// What may stand here.
        range: &'static str,
    },
    /// A text of the wrong shape.
    #[error("{why}")]
    Text {
        /// What is wrong and how to mend it.
        why: String,
    },
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

impl Problem {
    /// A [`Problem::Missing`].
    pub(super) fn missing(wanted: impl Into<String>) -> Self {
        Self::Missing {
            wanted: wanted.into(),
        }
    }

    /// A [`Problem::Conflict`].
    pub(super) fn conflict(keys: impl Into<String>) -> Self {
        Self::Conflict { keys: keys.into() }
    }

    /// A [`Problem::Text`].
    pub(super) fn text(why: impl Into<String>) -> Self {
        Self::Text { why: why.into() }
    }

    /// A [`Problem::NotOneOf`].
    pub(super) fn not_one_of(value: &str, allowed: impl IntoIterator<Item = &'static str>) -> Self {
        Self::NotOneOf {
            value: value.to_owned(),
            allowed: quoted(allowed),
        }
    }
}

/// `` `a`, `b`, `c` ``.
pub(super) fn quoted<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words
        .into_iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
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
            || format!("the keys are {}", quoted(known.iter().copied())),
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
