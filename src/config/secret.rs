//! Where a secret comes from, and the reading of it: a string, a variable, a file or a command.
//!
//! A secret is a [`SecretString`] from the moment it is read. No error here holds any part of one.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use toml::Spanned;
use toml::de::DeValue;

use super::command::run;
use super::environment::Lookup;
use super::error::Problem;

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

/// The problem that there is far more at `from` than a secret can be.
pub(super) fn too_long(from: &str) -> Problem {
    Problem::from(format!(
        "{from} holds more than {SECRET_BYTES_MAX} bytes, which is no secret; check that it is the right one"
    ))
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
    pub(super) fn read(&self, reader: SecretReader<'_>) -> Result<SecretString, Problem> {
        use secrecy::ExposeSecret;

        let from = self.describe();
        match self {
            Self::Given(secret) => one_line(secret.expose_secret(), &from),
            Self::Env(variable) => match (reader.lookup)(variable) {
                Some(value) => one_line(&value, &from),
                None => Err(Problem::from(format!(
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
fn one_line(text: &str, from: &str) -> Result<SecretString, Problem> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.len() > SECRET_BYTES_MAX {
        return Err(too_long(from));
    }
    if text.trim().is_empty() {
        let why = format!("{from} is empty; put the secret there");
        return Err(Problem::from(why));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::from(format!(
            "{from} holds several lines or control characters; it must be the secret alone, on one line"
        )));
    }
    Ok(SecretString::from(text))
}

/// The secret that `bytes` hold.
fn from_bytes(bytes: &[u8], from: &str) -> Result<SecretString, Problem> {
    if bytes.len() > SECRET_BYTES_MAX {
        return Err(too_long(from));
    }
    let not_text = |_| format!("{from} is no UTF-8 text; check that it is the right one");
    let text = std::str::from_utf8(bytes).map_err(|error| Problem::from(not_text(error)))?;
    one_line(text, from)
}

fn from_file(path: &Path, from: &str) -> Result<SecretString, Problem> {
    let cannot = |source| {
        let file = describe_file(path);
        let why =
            format!("{file} cannot be read; check that it exists and that this user may read it");
        Problem::of_system(why, source)
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
    use std::fs::File;
    use std::io::Write as _;
    use std::path::Path;
    use std::time::Duration;

    use rstest::rstest;
    use secrecy::{ExposeSecret, SecretString};

    use super::{
        SECRET_BYTES_MAX, SecretReader, SecretSource, describe_file, describe_program,
        is_shown_variable,
    };

    const HIDDEN: &str = "hunter2-hunter2";

    const TOKEN: &str = "Jq7vXb2LmN4pRs8tUw1yZa3cDe5fGh6iKo9lMn0Q";

    fn lookup(name: &str) -> Option<String> {
        match name {
            "GOOD" => Some(HIDDEN.to_owned()),
            "LINES" => Some(format!("{HIDDEN}\n{HIDDEN}")),
            _ => None,
        }
    }

    /// What is read of `source`, or what is said of it, within two seconds.
    fn read_in(folder: &Path, source: &SecretSource) -> String {
        let read = source.read(SecretReader {
            lookup: &lookup,
            folder,
            command_time: Duration::from_secs(2),
        });
        let told = |error: super::Problem| {
            assert!(!format!("{error:?} {error}").contains(HIDDEN));
            error.to_string()
        };
        read.map_or_else(told, |secret| secret.expose_secret().to_owned())
    }

    fn command(words: &[&str]) -> SecretSource {
        SecretSource::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn a_secret_is_read_from_each_place_without_its_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &[u8]| {
            let mut file = File::create(folder.path().join(name)).unwrap();
            file.write_all(text).unwrap();
        };
        put("token", format!("{HIDDEN}\r\n").as_bytes());
        put("long", "x".repeat(SECRET_BYTES_MAX + 1).as_bytes());
        for source in [
            SecretSource::Given(SecretString::from(HIDDEN)),
            SecretSource::Env("GOOD".to_owned()),
            SecretSource::File("token".into()),
            SecretSource::File(folder.path().join("token")),
            #[cfg(unix)]
            command(&["printf", "%s\\n", HIDDEN]),
            // It is over when it ends, whatever it leaves behind.
            #[cfg(unix)]
            command(&["sh", "-c", "sleep 20 2>/dev/null & echo hunter2-hunter2"]),
        ] {
            assert_eq!(read_in(folder.path(), &source), HIDDEN);
            assert!(!format!("{source:?}").contains(HIDDEN));
        }
        let long = read_in(folder.path(), &SecretSource::File("long".into()));
        assert!(long.contains("holds more than 65536 bytes"), "{long}");
    }

    #[cfg(unix)]
    #[rstest]
    #[case(SecretSource::Env("LINES".into()), "several lines")]
    #[case(SecretSource::File(".".into()), "cannot be read")]
    #[case(command(&["true"]), "the output of command `true` is empty")]
    #[case(command(&["sh", "-c", "printf hunter2-hunter2; exit 3"]), "`sh` failed (exit status: 3)")]
    #[case(command(&["head", "-c", "70000", "/dev/zero"]), "holds more than 65536 bytes")]
    #[case(command(&["printf", "\\377"]), "is no UTF-8 text")]
    #[case(command(&["printf", "a\\nb"]), "several lines")]
    #[case(command(&["sleep", "600"]), "was stopped after 2 s")]
    #[case(command(&["sh", "-c", "echo x; exec >&-; exec sleep 600"]), "was stopped after 2 s")]
    fn a_secret_that_is_not_there_is_told_without_showing_any(
        #[case] source: SecretSource,
        #[case] expected: &str,
    ) {
        let told = read_in(Path::new("."), &source);
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn a_name_that_may_be_the_secret_is_not_shown() {
        for name in [
            "TOKEN",
            "ACME_CLIENT_SECRET",
            "OAUTH2_TOKEN",
            "X509_KEY",
            "_S3",
        ] {
            assert!(is_shown_variable(name), "{name}");
        }
        for name in [
            "acme_secret",
            TOKEN,
            "A1B2C3D4E5F60718293A4B5C6D7E8F90",
            "JBSWY3DPEHPK3PXP",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        ] {
            assert!(!is_shown_variable(name), "{name}");
        }
        let words = |program: &str| [program.to_owned(), TOKEN.to_owned()];
        for told in [
            describe_file(Path::new(TOKEN)),
            describe_file(&Path::new("folder").join(TOKEN)),
            describe_program(&words(TOKEN)),
            describe_program(&words("op")),
        ] {
            assert!(!told.contains(TOKEN), "{told}");
        }
        let file = describe_file(Path::new("keys/zendesk-2026.txt"));
        assert_eq!(file, "file `keys/zendesk-2026.txt`");
        assert_eq!(describe_program(&words("op")), "command `op`");
    }
}
