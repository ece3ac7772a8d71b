//! An account's table, from a file or from variables: its keys, read one by one.

use std::path::Path;

use secrecy::SecretString;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment::Lookup;
use super::error::{Mistake, list};
use super::secret::SecretSource;
use crate::domain::ProviderKind;

/// The longest identifier (e-mail address, client id, key id) taken, in bytes.
const IDENTIFIER_BYTES_MAX: usize = 1024;

/// How `key` is written: in a file as itself, in the variables of `provider` as `PROVIDER_KEY`.
pub(super) fn written(provider: Option<ProviderKind>, key: &str) -> String {
    match provider {
        None => key.to_owned(),
        Some(provider) => format!("{}_{key}", provider.name()).to_ascii_uppercase(),
    }
}

/// An account's table, or the table of its limits.
#[derive(Clone, Copy)]
pub(super) struct KeyTable<'a> {
    values: &'a DeTable<'a>,
    /// Whose variables it was made of; `None`: it stands in a file.
    provider: Option<ProviderKind>,
    /// The text before each key in a mistake: nothing, or `limits.`.
    prefix: &'static str,
    /// How secrets are read, files of theirs from which folder; `None`: they are left where they are.
    reads: Option<(Lookup<'a>, &'a Path)>,
}

impl<'a> KeyTable<'a> {
    /// The table of an account. `reads`: how its secrets are read, and files of theirs from which folder.
    pub(super) const fn new(
        values: &'a DeTable<'a>,
        provider: Option<ProviderKind>,
        reads: Option<(Lookup<'a>, &'a Path)>,
    ) -> Self {
        let prefix = "";
        Self {
            values,
            provider,
            prefix,
            reads,
        }
    }

    /// The `mistake`, which is one of the value of `key`.
    pub(super) fn mistake(&self, key: &str, mistake: impl Into<Mistake>) -> Mistake {
        let mut mistake = mistake.into();
        mistake.key = Some(format!("{}{key}", self.prefix));
        mistake
    }

    /// The table lacks `wanted`.
    pub(super) fn lacks(wanted: &str) -> Mistake {
        let mut lack = Mistake::from(format!("it lacks {wanted}"));
        lack.is_lack = true;
        lack
    }

    /// How `key` is written, between backticks.
    pub(super) fn name(&self, key: &str) -> String {
        format!("`{}`", written(self.provider, key))
    }

    /// Refuses a key that is none of `known`.
    pub(super) fn refuse_unknown(&self, known: &[&str]) -> Result<(), Mistake> {
        let mut keys = self.values.keys().map(|key| key.get_ref().as_ref());
        let unknown = keys.find(|key| *key != "provider" && !known.contains(key));
        unknown.map_or(Ok(()), |key| {
            Err(self.mistake(key, Mistake::unknown_key(key, known)))
        })
    }

    fn value(&self, key: &str) -> Option<&'a DeValue<'a>> {
        self.values.get(key).map(Spanned::get_ref)
    }

    /// The value of `key` as `read` takes it; `None`: there is none. `wanted`: what `read` takes.
    fn read<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Result<Option<T>, Mistake> {
        let wrong = || self.mistake(key, format!("it must be {wanted}"));
        let value = self.value(key);
        value.map(|value| read(value).ok_or_else(wrong)).transpose()
    }

    /// A text.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Mistake> {
        self.read(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// A whole number.
    pub(super) fn integer(&self, key: &str) -> Result<Option<i64>, Mistake> {
        self.read(key, "a whole number", |value| {
            let integer = value.as_integer()?;
            i64::from_str_radix(integer.as_str(), integer.radix()).ok()
        })
    }

    /// A number, whole or not.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, Mistake> {
        self.read(key, "a number", |value| match value {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        })
    }

    /// The table of the account's limits.
    pub(super) fn limits(&self) -> Result<Option<Self>, Mistake> {
        self.read("limits", "a table", |value| {
            Some(Self {
                values: value.as_table()?,
                prefix: "limits.",
                ..*self
            })
        })
    }

    /// One text of a fixed list; `None`: there is none.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&'static str, T)],
    ) -> Result<Option<T>, Mistake> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let mut known = choices.iter();
        let chosen = known.find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
        let names = choices.iter().map(|(name, _)| *name);
        let wrong = || self.mistake(key, Mistake::not_one_of(&text, names));
        chosen.map(|(_, choice)| Some(*choice)).ok_or_else(wrong)
    }

    /// A secret; where it is must be said. Empty, unless it is read.
    pub(super) fn secret(&self, key: &str) -> Result<SecretString, Mistake> {
        let value = self.value(key);
        let value = value.ok_or_else(|| Self::lacks(&self.name(key)))?;
        let source = SecretSource::parse(value).map_err(|why| self.mistake(key, why))?;
        let Some((lookup, folder)) = self.reads else {
            return Ok(SecretString::default());
        };
        let secret = source.read(lookup, folder);
        secret.map_err(|mistake| self.mistake(key, mistake))
    }

    /// A printable word without blanks; it must be there.
    pub(super) fn identifier(&self, key: &str) -> Result<String, Mistake> {
        let text = self.text(key)?;
        let text = text.ok_or_else(|| Self::lacks(&self.name(key)))?;
        let plain = |c: char| !c.is_control() && !c.is_whitespace();
        if text.is_empty() || text.len() > IDENTIFIER_BYTES_MAX || !text.chars().all(plain) {
            let why = "it must be one word without blanks; copy it again from the provider";
            return Err(self.mistake(key, why));
        }
        Ok(text)
    }

    /// Whether `key` is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The one of `keys` that is there. There must be one, and no second.
    pub(super) fn one_of(&self, keys: &[&'static str]) -> Result<&'static str, Mistake> {
        let given: Vec<_> = keys.iter().copied().filter(|key| self.has(key)).collect();
        match given[..] {
            [key] => Ok(key),
            [.., last] => {
                let names = list(given.iter().map(|key| written(self.provider, key)));
                Err(self.mistake(last, Mistake::conflict(&names)))
            }
            [] => {
                let names: Vec<_> = keys.iter().map(|key| self.name(key)).collect();
                let (last, first) = names.split_last().unwrap_or((&names[0], &[]));
                Err(Self::lacks(&format!("{} or {last}", first.join(", "))))
            }
        }
    }
}
