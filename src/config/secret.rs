//! Where a secret comes from, and the reading of it: a string, a variable, a file or a command.
//!
//! A secret is a [`SecretString`] from the moment it is read. No error here holds any part of one.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;
use toml::Spanned;
use toml::de::DeValue;

use super::command::run;
use super::environment::Lookup;

/// The longest secret taken, in bytes; keys and tokens are below 5 kB.
pub(super) const SECRET_BYTES_MAX: usize = 64 * 1024;

/// How long a secret's command may run: long enough for a person to unlock a password manager.
pub(super) const COMMAND_TIME_MAX: Duration = Duration::from_mins(1);

/// The most words of a secret's command.
const COMMAND_WORDS_MAX: usize = 256;

/// Where a secret comes from.
#[derive(Clone)]
pub enum SecretSource {
    /// It stands in the configuration itself.
    Given(SecretString),
    /// The value of an environment variable.
    Env(String),
    /// The content of a file; a relative path counts from the configuration's folder.
    File(PathBuf),
    /// What a program prints, started without a shell. Never empty.
    Command(Vec<String>),
}

/// What reading a secret needs from outside.
#[derive(Clone, Copy)]
pub(super) struct SecretReader<'a> {
    /// The environment's variables.
    pub(super) lookup: Lookup<'a>,
    /// The folder that relative paths count from.
    pub(super) folder: &'a Path,
    /// How long a command may run.
    pub(super) command_time: Duration,
}

/// Why there is no secret, and what to do. It names the place of the secret as far as that may be
/// shown.
#[derive(Debug, Error)]
#[error("{why}")]
pub struct SecretError {
    why: String,
    /// What the system says.
    #[source]
    source: Option<io::Error>,
}

impl SecretError {
    pub(super) const fn new(why: String) -> Self {
        Self { why, source: None }
    }

    /// The same for an error of the system.
    pub(super) const fn of_system(why: String, source: io::Error) -> Self {
        let source = Some(source);
        Self { why, source }
    }

    /// There is far more at `from` than a secret can be.
    pub(super) fn too_long(from: &str) -> Self {
        Self::new(format!(
            "{from} holds more than {SECRET_BYTES_MAX} bytes, which is no secret; check that it is the right one"
        ))
    }
}

impl SecretSource {
    /// The place that `value` names: a string, or a table of exactly one of `env`, `file`,
    /// `command`. What is wrong is said without the value, which may be the secret.
    pub(super) fn parse(value: &DeValue<'_>) -> Result<Self, String> {
        let table = match value {
            DeValue::String(text) => return Ok(Self::Given(SecretString::from(text.as_ref()))),
            DeValue::Table(table) => table,
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => {
                return Err(format!("{SECRET_FORM}; put quotes round it"));
            }
            DeValue::Boolean(_) | DeValue::Array(_) => return Err(SECRET_FORM.to_owned()),
        };
        if table.len() > 1 {
            return Err(format!("{SECRET_FORM}; keep one of them"));
        }
        let place = table.iter().next().and_then(|(kind, value)| {
            let (kind, value) = (kind.get_ref().as_ref(), value.get_ref());
            let source = match kind {
                "env" => Self::Env(value.as_str()?.to_owned()),
                "file" => Self::File(value.as_str()?.into()),
                "command" => {
                    let words = value.as_array()?.iter();
                    let word =
                        |word: &Spanned<DeValue<'_>>| Some(word.get_ref().as_str()?.to_owned());
                    Self::Command(words.map(word).collect::<Option<_>>()?)
                }
                // Not repeated: `{ the_secret }` is an easy slip.
                _ => return None,
            };
            Some((kind, source))
        });
        match place {
            Some((_, source)) if source.names_a_place() => Ok(source),
            Some((kind, _)) => Err(format!(
                "`{kind}` names nothing that could hold a secret; {SECRET_FORM}"
            )),
            None => Err(SECRET_FORM.to_owned()),
        }
    }

    fn names_a_place(&self) -> bool {
        match self {
            Self::Given(_) => true,
            // A token put here by mistake is not repeated as the name of a missing variable.
            Self::Env(name) => is_variable_name(name),
            Self::File(path) => !path.as_os_str().is_empty(),
            Self::Command(words) => {
                words.len() <= COMMAND_WORDS_MAX && words.first().is_some_and(|it| !it.is_empty())
            }
        }
    }

    /// Reads the secret, without the line break at its end.
    pub(super) fn read(&self, reader: SecretReader<'_>) -> Result<SecretString, SecretError> {
        use secrecy::ExposeSecret;

        let from = self.describe();
        match self {
            Self::Given(secret) => one_line(secret.expose_secret(), &from),
            Self::Env(variable) => match (reader.lookup)(variable) {
                Some(value) => one_line(&value, &from),
                None => Err(SecretError::new(format!(
                    "{from} is not set, or is no UTF-8 text; set it and try again"
                ))),
            },
            Self::File(path) => from_file(&reader.folder.join(path), &from),
            Self::Command(words) => from_bytes(&run(words, reader.command_time)?, &from),
        }
    }

    /// Where it comes from, in words that hold nothing of it.
    fn describe(&self) -> String {
        match self {
            Self::Given(_) => "the string".to_owned(),
            Self::Env(variable) if is_shown_variable(variable) => {
                format!("environment variable `{variable}`")
            }
            Self::Env(_) => {
                "the variable that `env` names (which is not shown, as it may be a secret)"
                    .to_owned()
            }
            Self::File(path) => describe_file(path),
            Self::Command(words) => format!("the output of {}", describe_program(words)),
        }
    }
}

/// Of a command only the program: its arguments may be the secret.
impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// `text` without its line break, if it can be sent in a header.
fn one_line(text: &str, from: &str) -> Result<SecretString, SecretError> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.len() > SECRET_BYTES_MAX {
        return Err(SecretError::too_long(from));
    }
    if text.trim().is_empty() {
        let why = format!("{from} is empty; put the secret there");
        return Err(SecretError::new(why));
    }
    if text.chars().any(char::is_control) {
        return Err(SecretError::new(format!(
            "{from} holds several lines or control characters; it must be the secret alone, on one line"
        )));
    }
    Ok(SecretString::from(text))
}

/// The secret that `bytes` hold.
fn from_bytes(bytes: &[u8], from: &str) -> Result<SecretString, SecretError> {
    if bytes.len() > SECRET_BYTES_MAX {
        return Err(SecretError::too_long(from));
    }
    let not_text = |_| format!("{from} is no UTF-8 text; check that it is the right one");
    let text = std::str::from_utf8(bytes).map_err(|error| SecretError::new(not_text(error)))?;
    one_line(text, from)
}

fn from_file(path: &Path, from: &str) -> Result<SecretString, SecretError> {
    let cannot = |source| {
        let file = describe_file(path);
        let why =
            format!("{file} cannot be read; check that it exists and that this user may read it");
        SecretError::of_system(why, source)
    };
    let file = open_file(path).map_err(cannot)?;
    warn_if_world_readable(&file.metadata().map_err(cannot)?, path);
    let bytes = read_capped(file).map_err(cannot)?;
    from_bytes(&bytes, from)
}

/// Opens the regular file at `path`.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is a folder, a pipe or a device"));
    }
    File::open(path)
}

/// At most one byte more than [`SECRET_BYTES_MAX`], so that too long a secret shows.
fn read_capped(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source
        .take(SECRET_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Warns of a file with a secret in it that every user of this machine can read.
pub(super) fn warn_if_world_readable(metadata: &Metadata, path: &Path) {
    if is_world_readable(metadata) {
        tracing::warn!(
            "`{path}` holds a secret and every user of this machine can read it; run `chmod 600 {path}`",
            path = path.display()
        );
    }
}

#[cfg(unix)]
fn is_world_readable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;

    const OTHERS_READ: u32 = 0o004;
    metadata.permissions().mode() & OTHERS_READ != 0
}

/// Windows keeps access lists instead, which std does not show.
#[cfg(not(unix))]
fn is_world_readable(_: &Metadata) -> bool {
    false
}

/// What a secret looks like in a file.
const SECRET_FORM: &str = "a secret is a string, { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }";

/// Whether `name` is a name that shells can set.
fn is_variable_name(name: &str) -> bool {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain && !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// The longest run of letters and digits together that is no secret.
const RUN_CHARS_MAX: usize = 16;

/// The longest word of a variable's name, and the most digits at its end (`OAUTH2_TOKEN`, `X509_KEY`).
const WORD_CHARS_MAX: usize = 20;
const WORD_DIGITS_MAX: usize = 3;

/// Whether `name` looks like a variable's: words of capitals, with digits at their ends only. Tokens,
/// which are letters and digits as they fall, do not.
fn is_shown_variable(name: &str) -> bool {
    let is_word = |word: &str| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        word.len() <= WORD_CHARS_MAX
            && word.len() - letters.len() <= WORD_DIGITS_MAX
            && letters.chars().all(|c| c.is_ascii_uppercase())
    };
    name.split('_').all(is_word)
}

/// The file at `path`, by its name if that cannot be a secret.
fn describe_file(path: &Path) -> String {
    let text = path.display().to_string();
    // The folder is ours, or was typed before a file's name.
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    if may_be_secret(&name) && !path.exists() {
        "the file that `file` names (which is not shown, as it may be a secret)".to_owned()
    } else {
        format!("file `{text}`")
    }
}

/// The program of a command, by its name if that cannot be a secret. Its arguments may be one.
pub(super) fn describe_program(words: &[String]) -> String {
    let program = words.first().map_or("", String::as_str);
    if may_be_secret(program) {
        "the command that `command` names (which is not shown, as it may be a secret)".to_owned()
    } else {
        format!("command `{program}`")
    }
}

/// Whether `text` has a long run of letters and digits mixed, as tokens do and names do not.
fn may_be_secret(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| {
        run.len() > RUN_CHARS_MAX
            && run.chars().any(|c| c.is_ascii_digit())
            && run.chars().any(|c| c.is_ascii_alphabetic())
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::time::Duration;

    use rstest::rstest;
    use secrecy::{ExposeSecret, SecretString};

    use super::{
        COMMAND_TIME_MAX, SECRET_BYTES_MAX, SecretError, SecretReader, SecretSource, describe_file,
        describe_program, is_shown_variable, is_world_readable,
    };

    const HIDDEN: &str = "hunter2-hunter2";

    fn lookup(name: &str) -> Option<String> {
        match name {
            "GOOD" => Some(HIDDEN.to_owned()),
            "EMPTY" => Some("\n".to_owned()),
            "LINES" => Some(format!("{HIDDEN}\n{HIDDEN}")),
            _ => None,
        }
    }

    fn read_in(folder: &Path, source: &SecretSource) -> Result<String, SecretError> {
        source
            .read(SecretReader {
                lookup: &lookup,
                folder,
                command_time: COMMAND_TIME_MAX,
            })
            .map(|secret| secret.expose_secret().to_owned())
    }

    fn command(words: &[&str]) -> SecretSource {
        SecretSource::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn a_secret_is_read_from_each_place_without_its_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = std::fs::File::create(folder.path().join("token")).unwrap();
        file.write_all(format!("{HIDDEN}\r\n").as_bytes()).unwrap();
        for source in [
            SecretSource::Given(SecretString::from(HIDDEN)),
            SecretSource::Env("GOOD".to_owned()),
            SecretSource::File("token".into()),
            SecretSource::File(folder.path().join("token")),
            #[cfg(unix)]
            command(&["printf", "%s\\n", HIDDEN]),
        ] {
            assert_eq!(read_in(folder.path(), &source).unwrap(), HIDDEN);
            assert!(!format!("{source:?}").contains(HIDDEN));
        }
    }

    #[rstest]
    #[case(SecretSource::Given("".into()), "the string is empty")]
    #[case(SecretSource::Given(" \n".into()), "the string is empty")]
    #[case(SecretSource::Env("GONE".into()), "variable `GONE` is not set")]
    #[case(SecretSource::Env("EMPTY".into()), "variable `EMPTY` is empty")]
    #[case(SecretSource::Env("LINES".into()), "several lines")]
    #[case(SecretSource::File("no-such-file".into()), "no-such-file` cannot be read")]
    #[case(SecretSource::File(".".into()), "cannot be read")]
    #[case(command(&["no-such-program-anywhere"]), "cannot be started")]
    fn a_secret_that_is_not_there_is_told_without_showing_any(
        #[case] source: SecretSource,
        #[case] expected: &str,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let error = read_in(folder.path(), &source).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error:?} {error}").contains(HIDDEN));
    }

    #[cfg(unix)]
    #[rstest]
    #[case(&["false"], "`false` failed (exit status: 1)")]
    #[case(&["true"], "the output of command `true` is empty")]
    #[case(&["sh", "-c", "printf hunter2-hunter2; exit 3"], "`sh` failed (exit status: 3)")]
    #[case(&["head", "-c", "70000", "/dev/zero"], "holds more than 65536 bytes")]
    #[case(&["printf", "\\377"], "is no UTF-8 text")]
    #[case(&["printf", "a\\nb"], "several lines")]
    fn a_command_that_gives_no_secret_is_told(#[case] words: &[&str], #[case] expected: &str) {
        let error = read_in(Path::new("."), &command(words)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error:?} {error}").contains(HIDDEN));
    }

    #[cfg(unix)]
    #[rstest]
    #[case::never_prints(&["sleep", "600"])]
    #[case::prints_and_stays(&["sh", "-c", "echo x; exec >&-; exec sleep 600"])]
    fn a_command_that_does_not_end_is_stopped(#[case] words: &[&str]) {
        let error = command(words)
            .read(SecretReader {
                lookup: &lookup,
                folder: Path::new("."),
                command_time: Duration::from_millis(50),
            })
            .unwrap_err();
        assert!(
            error.to_string().contains("was stopped after 0.05 s"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_command_is_over_when_it_ends_whatever_it_leaves_behind() {
        let words = ["sh", "-c", "sleep 20 2>/dev/null & echo hunter2-hunter2"];
        assert_eq!(read_in(Path::new("."), &command(&words)).unwrap(), HIDDEN);
    }

    #[test]
    fn a_file_far_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = std::fs::File::create(folder.path().join("long")).unwrap();
        file.write_all(&vec![b'x'; SECRET_BYTES_MAX + 1]).unwrap();
        let error = read_in(folder.path(), &SecretSource::File("long".into())).unwrap_err();
        assert!(error.to_string().contains("holds more than 65536 bytes"));
    }

    #[cfg(unix)]
    #[rstest]
    #[case(0o600, false)]
    #[case(0o640, false)]
    #[case(0o644, true)]
    #[case(0o604, true)]
    fn a_world_readable_file_is_seen(#[case] mode: u32, #[case] expected: bool) {
        use std::os::unix::fs::PermissionsExt;

        let file = tempfile::tempfile().unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(mode))
            .unwrap();
        assert_eq!(is_world_readable(&file.metadata().unwrap()), expected);
    }

    const TOKEN: &str = "Jq7vXb2LmN4pRs8tUw1yZa3cDe5fGh6iKo9lMn0Q";

    #[rstest]
    #[case("TOKEN", true)]
    #[case("ACME_CLIENT_SECRET", true)]
    #[case("OAUTH2_TOKEN", true)]
    #[case("X509_KEY", true)]
    #[case("_S3", true)]
    #[case("acme_secret", false)]
    #[case(TOKEN, false)]
    #[case("A1B2C3D4E5F60718293A4B5C6D7E8F90", false)]
    #[case("JBSWY3DPEHPK3PXP", false)]
    #[case("ABCDEFGHIJKLMNOPQRSTUVWXYZ", false)]
    fn a_variables_name_is_known_by_its_looks(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_shown_variable(name), expected);
    }

    #[test]
    fn a_secret_is_not_named_as_a_file_or_a_program() {
        assert!(!describe_file(Path::new(TOKEN)).contains(TOKEN));
        assert!(!describe_file(&Path::new("folder").join(TOKEN)).contains(TOKEN));
        assert!(!describe_program(&[TOKEN.to_owned()]).contains(TOKEN));
        assert_eq!(
            describe_file(Path::new("keys/zendesk-2026.txt")),
            "file `keys/zendesk-2026.txt`"
        );
        assert_eq!(
            describe_program(&["op".to_owned(), TOKEN.to_owned()]),
            "command `op`"
        );
    }
}
