//! Finding and loading the accounts: the file or the variables first, the secrets of accounts that are used
//! later. A file that is named is taken to be there. Of a ledger's configuration this knows nothing.

use std::fs::Metadata;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::account::{AccountSettings, SECRET_KEYS, check_name, keys};
use super::environment::{self, Lookup};
use super::error::{ConfigError, Mistake, is_like};
use super::secret::{SecretSource, read_file, warn_if_world_readable};
use super::table::KeyTable;
use crate::domain::{AccountName, ProviderKind};
use crate::provider::{FileProblem, ProviderFile, span_of};
use crate::words::shell_path;

/// The longest configuration read, in bytes: thousands of accounts.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// The keys at the top of the file.
const ACCOUNTS: &str = "accounts";
const DENY_TENANTS: &str = "deny_tenants";

/// The name of the file, in the folder the program is started in and in the XDG folder.
pub const FILE_NAME: &str = "userpurge.toml";

/// The XDG folder of this program.
const XDG_FOLDER: &str = "userpurge";

/// The file that holds the configuration: that of `--config`; else `userpurge.toml` in `folder`; else
/// the same in the XDG configuration folder. `None`: the environment's variables.
/// Nothing anywhere is an error.
pub fn locate(
    config: Option<&Path>,
    folder: &Path,
    lookup: Lookup<'_>,
) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(path) = config {
        // Whether it is there shows when it is read: it was named, so nothing stands in for it.
        return Ok(Some(folder.join(path)));
    }
    let xdg = xdg_file(lookup);
    for path in std::iter::once(folder.join(FILE_NAME)).chain(xdg.clone()) {
        if exists(&path)? {
            return Ok(Some(path));
        }
    }
    match environment::providers(lookup).next() {
        Some(_) => Ok(None),
        None => Err(ConfigError::absent(folder, xdg.as_deref())),
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

/// Whether there is anything at `path`. A file that is there and may not be seen is an error. To
/// pass it over would mean to run with another configuration than the person believes.
fn exists(path: &Path) -> Result<bool, ConfigError> {
    match path.try_exists() {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        found => found.map_err(|source| ConfigError::unreadable(path, source)),
    }
}

/// The accounts, their secrets unread: all that `plan` needs.
#[derive(Debug, Clone)]
pub struct Outline {
    /// The accounts, sorted by name when they come from a file. Never empty.
    pub accounts: Vec<AccountSettings>,
    /// `deny_tenants`: nothing is deleted at tenants whose names hold such a word, in any case.
    pub deny_tenants: Vec<String>,
    /// The file; `None`: the environment's variables.
    document: Option<Document>,
}

/// A configuration file.
#[derive(Debug, Clone)]
struct Document {
    path: PathBuf,
    /// It may hold secrets.
    text: SecretString,
    /// The owner, and who may read and write it.
    metadata: Metadata,
}

/// Loads everything but the secrets, from `file` or else from the environment's variables. No
/// variable that holds a secret needs to be set, no secret's file is opened, no command started.
pub fn load_outline(file: Option<&Path>, lookup: Lookup<'_>) -> Result<Outline, ConfigError> {
    if let Some(path) = file {
        return Document::read(path)?.outline();
    }
    let accounts = environment::providers(lookup)
        .map(|provider| environment::account_without_credentials(provider, lookup));
    Ok(Outline {
        accounts: accounts.collect::<Result<_, _>>()?,
        deny_tenants: Vec::new(),
        document: None,
    })
}

impl Outline {
    /// The accounts that are `used`, their secrets read, or why one could not be. Those of others are not: no
    /// command of theirs runs.
    /// A file with commands that others may write is refused.
    pub fn read(
        &self,
        used: impl Fn(&AccountName) -> bool,
        lookup: Lookup<'_>,
    ) -> Result<Vec<Result<AccountSettings, ConfigError>>, ConfigError> {
        let used = self.accounts.iter().filter(|account| used(&account.name));
        let Some(document) = &self.document else {
            // Now their credentials must be there.
            let read = used.map(|account| environment::account(account.kind(), lookup));
            return Ok(read.collect());
        };
        let root = document.root();
        let all = root.get(ACCOUNTS).and_then(|all| all.get_ref().as_table());
        let table = |account: &AccountSettings| {
            let own = all.and_then(|all| all.get(account.name.as_str()));
            own.and_then(|own| own.get_ref().as_table())
                .unwrap_or(&root)
        };
        let sources = self.accounts.iter().flat_map(|account| {
            let own = account.provider.file().map(|file| file.keys().1);
            let keys = own.unwrap_or_else(|| SECRET_KEYS.into());
            keys.into_iter().filter_map(|key| table(account).get(key))
        });
        let sources = sources.filter_map(|value| SecretSource::parse(value.get_ref()).ok());
        let sources: Vec<_> = sources.collect();
        if sources
            .iter()
            .any(|it| matches!(it, SecretSource::Given(_)))
        {
            warn_if_world_readable(&document.metadata, &document.path);
        }
        if sources
            .iter()
            .any(|it| matches!(it, SecretSource::Command(_)))
        {
            check_trusted(&document.metadata, &document.path)?;
        }
        let reads = Some((lookup, document.folder()));
        let read = |account: &AccountSettings| {
            let (table, file) = (table(account), account.provider.file().cloned());
            let table = KeyTable::new(table, None, reads);
            let read = AccountSettings::check(account.name.clone(), account.kind(), file, table);
            read.map_err(|mistake| document.mistake(account.name.as_str(), mistake))
        };
        Ok(used.map(read).collect())
    }
}

impl Document {
    /// Reads the file.
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let cannot = |source| ConfigError::unreadable(path, source);
        let displayed = path.display();
        let (bytes, metadata) = read_file(path, FILE_BYTES_MAX).map_err(cannot)?;
        if bytes.len() > FILE_BYTES_MAX {
            return Err(ConfigError::new(format!(
                "the configuration `{displayed}` is longer than {FILE_BYTES_MAX} bytes; check that it is the \
                 right file"
            )));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let line = 1 + count_lines(&error.as_bytes()[..good]);
            ConfigError::new(format!(
                "the configuration `{displayed}`, line {line}, is no UTF-8 text; save it as UTF-8"
            ))
        })?;
        Ok(Self {
            path: path.to_owned(),
            text: SecretString::from(text),
            metadata,
        })
    }

    fn text(&self) -> &str {
        self.text.expose_secret()
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The table in it; nothing, where it is no TOML.
    fn root(&self) -> DeTable<'_> {
        let root = DeTable::parse(self.text()).map(Spanned::into_inner);
        root.unwrap_or_default()
    }

    /// The accounts, checked, their secrets unread.
    fn outline(self) -> Result<Outline, ConfigError> {
        let root = DeTable::parse(self.text()).map_err(|error| self.syntax(&error))?;
        let root = root.get_ref();
        let known = [ACCOUNTS, DENY_TENANTS];
        let mut keys = root.keys().map(|key| key.get_ref().as_ref());
        if let Some(key) = keys.find(|key| !known.contains(key)) {
            return Err(self.error(&[key], Mistake::unknown_key(key, &known)));
        }
        let mut accounts: Vec<AccountSettings> = Vec::new();
        let tables = root.get(ACCOUNTS).and_then(|all| all.get_ref().as_table());
        for (name, value) in tables.into_iter().flatten() {
            let name = name.get_ref().as_ref();
            let mut others = accounts.iter().map(|other| other.name.as_str());
            if others.any(|other| other.eq_ignore_ascii_case(name)) {
                let why = "another account's name differs from it in case only; name one otherwise";
                return Err(self.error(&[ACCOUNTS, name], why));
            }
            let account = check_account(name, value.get_ref(), self.folder());
            accounts.push(account.map_err(|mistake| self.mistake(name, mistake))?);
        }
        if accounts.is_empty() {
            let wanted = "it lacks an account; write `[accounts.NAME]` and its keys below";
            return Err(self.error(&[ACCOUNTS], wanted));
        }
        let Some(deny_tenants) = deny_tenants(root) else {
            let why = "it must be a list of words, such as `[\"prod\"]`, and none of them blank";
            return Err(self.error(&[DENY_TENANTS], why));
        };
        Ok(Outline {
            accounts,
            deny_tenants,
            document: Some(self.clone()),
        })
    }

    /// The error that the `mistake` in the account called `name` is.
    fn mistake(&self, name: &str, mistake: Mistake) -> ConfigError {
        let keys = mistake.key.clone().unwrap_or_default();
        let keys = keys.split('.').filter(|key| !key.is_empty());
        let path: Vec<_> = [ACCOUNTS, name].into_iter().chain(keys).collect();
        self.error(&path, mistake)
    }

    /// The fault of the key at `path`, or of the table that lacks it.
    fn error(&self, path: &[&str], mistake: impl Into<Mistake>) -> ConfigError {
        let span = span_of(&self.root(), path.iter().copied());
        let what = format!(
            "`{}` in `{}`, line {}, cannot be used",
            path.join("."),
            self.path.display(),
            self.line(span.start)
        );
        let error = ConfigError::new(what).because(mistake.into());
        self.at(error, &span, &span)
    }

    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        let at = error.span().map_or(0, |span| span.start);
        let (start, line) = self.line_at(at);
        // Anything else on the line may be a secret, or a piece of one.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let word = line.split(|c| !is_plain(c)).next();
        let key = word.filter(|word| is_key(word)).unwrap_or_default();
        let what = format!(
            "the configuration `{}`, line {}, column {}, is no TOML: {}",
            self.path.display(),
            self.line(at),
            self.text()
                .get(start..at)
                .map_or(1, |it| it.chars().count() + 1),
            // Not the whole error: that one repeats the line, and with it perhaps a secret.
            error.message().lines().collect::<Vec<_>>().join(", ")
        );
        let error = ConfigError::new(what);
        self.at(error, &(start..start + key.len()), &(at..at + 1))
    }

    /// `error` with the line in which the bytes `marked` begin, blanked out but for the bytes `visible`.
    fn at(
        &self,
        mut error: ConfigError,
        visible: &Range<usize>,
        marked: &Range<usize>,
    ) -> ConfigError {
        let (start, line) = self.line_at(marked.start);
        let mut blanked = String::new();
        let (mut before, mut length) = (0, 0);
        for (at, c) in line.char_indices() {
            let at = start + at;
            blanked.push(if visible.contains(&at) { c } else { ' ' });
            before += usize::from(at < marked.start);
            length += usize::from(marked.contains(&at));
        }
        let chars = before..before + length.max(1);
        let path = self.path.display().to_string();
        let place = (path, self.line(marked.start) as u64, blanked, chars);
        error.place = Some(Box::new(place));
        error
    }

    /// The line that byte `at` stands in, and where it begins.
    fn line_at(&self, at: usize) -> (usize, &str) {
        let text = self.text();
        let before = text.get(..at).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        (start, text[start..].lines().next().unwrap_or_default())
    }

    /// The number, from 1, of the line that byte `at` stands in.
    fn line(&self, at: usize) -> usize {
        1 + count_lines(self.text().as_bytes().get(..at).unwrap_or_default())
    }
}

/// The account called `name`, whose table is `value`. A provider's file is looked for from `folder`.
pub(super) fn check_account(
    name: &str,
    value: &DeValue<'_>,
    folder: &Path,
) -> Result<AccountSettings, Mistake> {
    let Some(values) = value.as_table() else {
        let why = format!("it must be a table: `[{ACCOUNTS}.{name}]`");
        return Err(Mistake::from(why));
    };
    let table = KeyTable::new(values, None, None);
    let own = match table.text("provider")? {
        Some(text) => own_provider(&text, folder).map_err(|why| table.mistake("provider", why))?,
        None => None,
    };
    if let Some((kind, file)) = own {
        return AccountSettings::check(check_name(name, kind)?, kind, Some(file), table);
    }
    let mut providers = Vec::from(ProviderKind::ALL.map(|it| (it.name(), it)));
    let shipped = ProviderFile::shipped_names();
    providers.extend(shipped.filter_map(|name| Some((name, ProviderKind::named(name)?))));
    let other = |why| table.mistake("provider", format!("{why}, or a path such as `./crm.toml`"));
    let Some(provider) = table.choice("provider", &providers).map_err(other)? else {
        let mut keys = values.keys().map(Spanned::get_ref);
        let meant = keys.find(|key| is_like(key, "provider"));
        let meant = meant.map(|key| format!("; is `{key}` meant to be it?"));
        return Err(KeyTable::lacks(&format!(
            "`provider`, one of `zendesk`, `sunco`, `zoho`, the name of a provider file that is shipped, or a file{}",
            meant.unwrap_or_default()
        )));
    };
    let name = check_name(name, provider)?;
    AccountSettings::check(name, provider, None, table)
}

/// The provider that the file at `path` describes, or why it is refused.
fn read_provider(path: &Path) -> Result<ProviderFile, String> {
    let displayed = path.display();
    let cannot =
        |error: io::Error| format!("the provider file `{displayed}` cannot be read: {error}");
    let (bytes, _) = read_file(path, FILE_BYTES_MAX).map_err(cannot)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!(
            "the provider file `{displayed}` is longer than {FILE_BYTES_MAX} bytes"
        ));
    }
    let text = io::read_to_string(bytes.as_slice()).map_err(cannot)?;
    ProviderFile::parse(&text).map_err(|FileProblem { line, why }| {
        format!("the provider file `{displayed}`, line {line}, cannot be used: {why}")
    })
}

/// The provider that the file at `text`, from `folder`, describes, or the one of that name that this program
/// brings; `None`: `text` is neither. Its names are known to the whole process from then on.
pub fn own_provider(
    text: &str,
    folder: &Path,
) -> Result<Option<(ProviderKind, Arc<ProviderFile>)>, String> {
    let is_path = text.contains(['/', '.']);
    let file = if is_path {
        Some(read_provider(&folder.join(text))?.into())
    } else {
        ProviderFile::shipped(&text.trim().to_ascii_lowercase())
    };
    let Some(file) = file else {
        return Ok(None);
    };
    let kind = file.register().then(|| file.kind());
    let why = "another provider file has its name, or other steps under the name of one of its actions; name one otherwise";
    Ok(Some((kind.ok_or(why)?, file)))
}

/// The words that name the tenants which nothing may be deleted at; `None`: they are no list of words.
fn deny_tenants(root: &DeTable<'_>) -> Option<Vec<String>> {
    let Some(words) = root.get(DENY_TENANTS) else {
        return Some(Vec::new());
    };
    let word = |word: &Spanned<DeValue<'_>>| {
        let text = word.get_ref().as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    words.get_ref().as_array()?.iter().map(word).collect()
}

/// Whether `word` is a key of some account.
fn is_key(word: &str) -> bool {
    let mut all = ProviderKind::ALL.into_iter().flat_map(keys);
    word == "provider" || all.any(|key| key == word)
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

/// Refuses a file that others own or may write: as with ssh and git, it runs no command.
fn check_trusted(metadata: &Metadata, path: &Path) -> Result<(), ConfigError> {
    use std::os::unix::fs::MetadataExt as _;

    const OTHERS_WRITE: u32 = 0o022;
    const ROOT: u32 = 0;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    let runs = format!(
        "the configuration `{}` has a `command` to run, and",
        path.display()
    );
    let (what, do_next) = if owner != ROOT && owner != rustix::process::geteuid().as_raw() {
        (
            format!("belongs to another user (uid {owner})"),
            "then make it yours: `cp {} own.toml && chmod 600 own.toml`, and name it with `--config own.toml`",
        )
    } else if mode & OTHERS_WRITE != 0 {
        (
            format!("other users may write the file (mode {mode:03o})"),
            "then `chmod go-w {}`",
        )
    } else {
        return Ok(());
    };
    let error = ConfigError::new(format!("{runs} {what}; nothing was run or sent"));
    let do_next = do_next.replace("{}", &shell_path(path));
    Err(error.with_help(format!("look through the file, {do_next}")))
}
