//! The TOML file: reading it, and telling every mistake by its line and key.
//!
//! The document is parsed once, with places. Each account's table is read into its provider's
//! type by serde, then checked; a mistake found later names a key, whose place is looked up in the
//! document. The text that an error carries is blanked out but for that key, because the values may
//! be secrets.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use miette::NamedSource;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::account::{Names, check_name, holds_plain_secret, runs_command};
use super::draft::{AccountDraft, Fault};
use super::error::{ConfigError, KeyError, SyntaxError};
use super::problem::{Problem, did_you_mean, is_like};
use super::secret::{SecretReader, open_file, warn_if_world_readable};
use super::settings::Account;
use super::table::{SuncoTable, ZendeskTable, ZohoTable};
use super::trust::check_trusted;
use crate::domain::{AccountName, ProviderKind};

/// The keys that may be shown where the file is no TOML, and what stands there may be anything.
const KEYS: [&str; 18] = [
    "accounts_url",
    "action",
    "api_token",
    "app_id",
    "auth",
    "base_url",
    "client_id",
    "client_secret",
    "data_center",
    "email",
    "key_id",
    "key_secret",
    "oauth_token",
    "provider",
    "refresh_token",
    "region",
    "subdomain",
    "version",
];

/// The longest configuration read, in bytes: thousands of accounts.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// The keys at the top of the file.
const ACCOUNTS: &str = "accounts";
const DENY_TENANTS: &str = "deny_tenants";

/// A configuration file's text.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    text: String,
    /// Open still, to ask whether others can read it.
    file: File,
}

/// An account and its place in the file.
#[derive(Debug)]
pub(super) struct PlacedAccount {
    pub(super) account: AccountDraft,
    place: Place,
}

/// Where an account's table and its values stand, in bytes.
#[derive(Debug)]
struct Place {
    /// `accounts.` and the name.
    key: String,
    /// The name.
    span: Range<usize>,
    /// The keys of the table and of those in it, dotted.
    keys: Vec<(String, Range<usize>)>,
}

/// A value of the document, with its place.
type Value<'i> = Spanned<DeValue<'i>>;

impl Document {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let cannot = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        let file = open_file(path).map_err(cannot)?;
        let mut bytes = Vec::new();
        (&file)
            .take(FILE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(cannot)?;
        if bytes.len() > FILE_BYTES_MAX {
            return Err(ConfigError::TooLong {
                path: path.to_owned(),
                bytes_max: FILE_BYTES_MAX,
            });
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let well = error.utf8_error().valid_up_to();
            ConfigError::NotText {
                path: path.to_owned(),
                line: 1 + count_lines(&error.as_bytes()[..well]),
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
            text,
            file,
        })
    }

    /// The accounts, checked, their secrets unread.
    pub(super) fn accounts(&self) -> Result<Vec<PlacedAccount>, ConfigError> {
        let root = DeTable::parse(&self.text).map_err(|error| self.syntax(&error))?;
        let mut accounts: Vec<PlacedAccount> = Vec::new();
        for (name, value) in self.account_tables(root.get_ref())? {
            let key = format!("{ACCOUNTS}.{}", name.get_ref());
            let taken = accounts
                .iter()
                .find(|other| other.place.key.eq_ignore_ascii_case(&key));
            if taken.is_some() {
                let why = "another account's name differs from it in case only; name one otherwise";
                return Err(self.at(key, name.span(), Problem::text(why)));
            }
            accounts.push(self.account(key, name, value)?);
        }
        Ok(accounts)
    }

    /// The words that name the tenants which nothing may be deleted at.
    pub(super) fn deny_tenants(&self) -> Result<Vec<String>, ConfigError> {
        let root = DeTable::parse(&self.text).map_err(|error| self.syntax(&error))?;
        let Some((key, words)) = root.get_ref().get_key_value(DENY_TENANTS) else {
            return Ok(Vec::new());
        };
        let word = |word: &Value<'_>| {
            let text = word.get_ref().as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let words = words.get_ref().as_array();
        let words: Option<Vec<String>> = words.and_then(|all| all.iter().map(word).collect());
        words.ok_or_else(|| {
            let why = "it must be a list of words, such as `[\"prod\"]`, and none of them blank";
            self.at(DENY_TENANTS.to_owned(), key.span(), Problem::text(why))
        })
    }

    /// The accounts with their secrets read.
    pub(super) fn accounts_with_secrets(
        &self,
        reader: SecretReader<'_>,
    ) -> Result<Vec<Account>, ConfigError> {
        let placed = self.accounts()?;
        if placed
            .iter()
            .any(|placed| holds_plain_secret(&placed.account.provider))
        {
            warn_if_world_readable(&self.file, &self.path);
        }
        if placed
            .iter()
            .any(|placed| runs_command(&placed.account.provider))
        {
            check_trusted(&self.file, &self.path)?;
        }
        placed
            .into_iter()
            .map(|PlacedAccount { account, place }| {
                account
                    .read(reader)
                    .map_err(|fault| self.fault(&place, fault))
            })
            .collect()
    }

    /// The accounts' tables, by name.
    fn account_tables<'a, 'i>(
        &self,
        root: &'a DeTable<'i>,
    ) -> Result<
        impl Iterator<Item = (&'a Spanned<toml::de::DeString<'i>>, &'a Value<'i>)>,
        ConfigError,
    > {
        let known = [ACCOUNTS, DENY_TENANTS];
        let is_unknown = |(key, _): &(&Spanned<toml::de::DeString<'_>>, _)| {
            !known.contains(&key.get_ref().as_ref())
        };
        if let Some((key, _)) = root.iter().find(is_unknown) {
            let name = key.get_ref().to_string();
            let hint = did_you_mean(&name, &known);
            return Err(self.at(name, key.span(), Problem::UnknownKey { hint }));
        }
        let wanted = || Problem::missing("an account; write `[accounts.NAME]` and its keys below");
        let Some((key, accounts)) = root.get_key_value(ACCOUNTS) else {
            return Err(self.at(ACCOUNTS.to_owned(), 0..0, wanted()));
        };
        match accounts.get_ref().as_table() {
            Some(table) if !table.is_empty() => Ok(table.iter()),
            _ => Err(self.at(ACCOUNTS.to_owned(), key.span(), wanted())),
        }
    }

    /// One account, checked.
    fn account(
        &self,
        key: String,
        name: &Spanned<toml::de::DeString<'_>>,
        value: &Value<'_>,
    ) -> Result<PlacedAccount, ConfigError> {
        let Some(table) = value.get_ref().as_table() else {
            let problem = Problem::text(format!("it must be a table: `[{key}]`"));
            return Err(self.at(key, name.span(), problem));
        };
        let place = Place {
            keys: spans(table),
            span: name.span(),
            key,
        };
        let provider = self.provider(table, &place)?;
        let name = check_name(name.get_ref(), provider)
            .map_err(|problem| self.at(place.key.clone(), name.span(), problem))?;
        let account = self.checked(provider, name, table, &place)?;
        Ok(PlacedAccount { account, place })
    }

    /// The account's provider.
    fn provider(&self, table: &DeTable<'_>, place: &Place) -> Result<ProviderKind, ConfigError> {
        let known = ProviderKind::ALL.map(ProviderKind::name);
        let fault = match table.get("provider").map(Spanned::get_ref) {
            None => {
                let mut keys = table.iter().map(|(key, _)| key.get_ref());
                let meant = keys.find(|key| is_like(key, "provider"));
                let meant = meant.map(|key| format!("; is `{key}` meant to be it?"));
                let meant = meant.unwrap_or_default();
                let wanted = format!("`provider`, one of `zendesk`, `sunco`, `zoho`{meant}");
                Fault::of_account(Problem::missing(wanted))
            }
            Some(value) => match value.as_str() {
                Some(text) => match text.parse() {
                    Ok(provider) => return Ok(provider),
                    Err(()) => Fault::at("provider", Problem::not_one_of(text, known)),
                },
                None => Fault::at("provider", Problem::text("it must be a string")),
            },
        };
        Err(self.fault(place, fault))
    }

    /// The account's table, read as its provider's and checked.
    fn checked(
        &self,
        provider: ProviderKind,
        name: AccountName,
        table: &DeTable<'_>,
        place: &Place,
    ) -> Result<AccountDraft, ConfigError> {
        let checked = match provider {
            ProviderKind::Zendesk => self
                .typed::<ZendeskTable>(table, place)?
                .check(name, Names::Keys),
            ProviderKind::Sunco => self
                .typed::<SuncoTable>(table, place)?
                .check(name, Names::Keys),
            ProviderKind::Zoho => self
                .typed::<ZohoTable>(table, place)?
                .check(name, Names::Keys),
        };
        checked.map_err(|fault| self.fault(place, fault))
    }

    /// The account's table without `provider`, as serde reads it.
    fn typed<T: DeserializeOwned>(
        &self,
        table: &DeTable<'_>,
        place: &Place,
    ) -> Result<T, ConfigError> {
        let mut table = table.clone();
        table.remove("provider");
        let value = Spanned::new(place.span.clone(), DeValue::Table(table));
        serde_path_to_error::deserialize(ValueDeserializer::from(value)).map_err(|error| {
            let path = error.path().to_string();
            let error = error.into_inner();
            let span = error.span().unwrap_or_else(|| place.span.clone());
            let key = match path.as_str() {
                "." => place.key.clone(),
                path => format!("{}.{path}", place.key),
            };
            self.at(key, span, told(error.message()))
        })
    }

    /// The error that `fault` is at its place.
    fn fault(&self, place: &Place, fault: Fault) -> ConfigError {
        let Some(key) = fault.key else {
            return self.at(place.key.clone(), place.span.clone(), fault.problem);
        };
        let span = place
            .keys
            .iter()
            .find(|(known, _)| known == key)
            .map_or_else(|| place.span.clone(), |(_, span)| span.clone());
        self.at(format!("{}.{key}", place.key), span, fault.problem)
    }

    fn at(&self, key: String, span: Range<usize>, problem: Problem) -> ConfigError {
        let shown = match problem {
            // Serde's place is a value, which may be the secret or stand where one should.
            Problem::Type { .. } => 0..0,
            _ => span.clone(),
        };
        ConfigError::Key(Box::new(KeyError {
            line: self.line(span.start),
            text: NamedSource::new(self.path.display().to_string(), blanked(&self.text, &shown)),
            path: self.path.clone(),
            key,
            problem,
            span: span.into(),
        }))
    }

    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        let at = error.span().map_or(0, |span| span.start);
        let before = self.text.get(..at).unwrap_or(&self.text);
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |line| line.chars().count());
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        // Anything else on the line may be a secret, or a piece of one.
        let word = line
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .next();
        let key = word.filter(|word| KEYS.contains(word)).unwrap_or_default();
        let shown = start..start + key.len();
        ConfigError::Syntax(Box::new(SyntaxError {
            text: NamedSource::new(self.path.display().to_string(), blanked(&self.text, &shown)),
            span: (at, 1).into(),
            path: self.path.clone(),
            line: self.line(at),
            column: column + 1,
            // Not the whole error: that one repeats the line, and with it perhaps a secret.
            told: error.message().lines().collect::<Vec<_>>().join(", "),
        }))
    }

    /// The line, from 1, that byte `at` stands in.
    fn line(&self, at: usize) -> usize {
        1 + count_lines(self.text.as_bytes().get(..at).unwrap_or_default())
    }
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

/// Where the keys of an account's table and of those in it stand.
fn spans(table: &DeTable<'_>) -> Vec<(String, Range<usize>)> {
    let mut spans = Vec::new();
    for (key, value) in table {
        spans.push((key.get_ref().to_string(), key.span()));
        for inner in value
            .get_ref()
            .as_table()
            .into_iter()
            .flat_map(DeTable::keys)
        {
            spans.push((
                format!("{}.{}", key.get_ref(), inner.get_ref()),
                inner.span(),
            ));
        }
    }
    spans
}

/// What serde says, with the nearest key for one that is not known. Serde gives no more than its
/// text: the unknown key, then those it knows, each between backticks.
fn told(message: &str) -> Problem {
    let mut words = message.split('`').skip(1).step_by(2);
    match words.next() {
        Some(written) if message.starts_with("unknown field") => {
            let known: Vec<_> = words.collect();
            Problem::UnknownKey {
                hint: did_you_mean(written, &known),
            }
        }
        // Serde names Rust's types.
        _ => Problem::Type {
            told: message
                .replace("expected i64", "expected a whole number")
                .replace("expected f64", "expected a number"),
        },
    }
}

/// `text` with everything blanked out but `shown` and the line breaks: same length, same lines.
fn blanked(text: &str, shown: &Range<usize>) -> String {
    let mut blank = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if shown.contains(&at) || c == '\n' {
            blank.push(c);
        } else {
            blank.extend(std::iter::repeat_n(' ', c.len_utf8()));
        }
    }
    blank
}

#[cfg(test)]
mod tests;
