//! Where a secret comes from, and the reading of it: a string, a variable, a file or a command. A command is run
//! without a shell, with a time limit and a cap on its output.
//!
//! A secret is a [`SecretString`] from the moment it is read. No error here holds any part of one.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::environment::Lookup;
use super::error::Mistake;

/// The longest secret taken, in bytes; keys and tokens are below 5 kB.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// How long a secret's command may run: long enough for a person to unlock a password manager.
const COMMAND_TIME_MAX: Duration = Duration::from_mins(1);

/// The most words of a secret's command.
const COMMAND_WORDS_MAX: usize = 256;

/// Where a secret comes from.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SecretSource {
    /// It stands in the configuration itself.
    #[serde(skip)]
    Given(SecretString),
    /// The value of an environment variable.
    Env(String),
    /// The content of a file, see [`secret_path`].
    File(PathBuf),
    /// The output of a program, started without a shell. Never empty.
    Command(Vec<String>),
}

/// The mistake that there is far more at `from` than a secret can be.
fn too_long(from: &str) -> Mistake {
    Mistake::from(format!(
        "{from} holds more than {SECRET_BYTES_MAX} bytes, which is no secret; check that it is the right one"
    ))
}

impl SecretSource {
    /// The place that `value` names: a string, or a table of exactly one of `env`, `file`,
    /// `command`. The fault is told without the value, which may be the secret.
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
        // The reason is not repeated: `{ the_secret }` is an easy slip.
        let place = ValueDeserializer::from(Spanned::new(0..0, value.clone()));
        let source = Self::deserialize(place).map_err(|_| SECRET_FORM.to_owned())?;
        if source.names_a_place() {
            return Ok(source);
        }
        let kind = table.keys().next().map_or("", |kind| kind.get_ref());
        Err(format!(
            "`{kind}` names nothing that could hold a secret; {SECRET_FORM}"
        ))
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

    /// Reads the secret, without the line break at its end. A relative path counts from `folder`.
    pub(super) fn read(&self, lookup: Lookup<'_>, folder: &Path) -> Result<SecretString, Mistake> {
        let from = self.describe();
        let bytes = match self {
            Self::Given(secret) => return check(secret.expose_secret(), &from),
            Self::Env(variable) => {
                let value = lookup(variable);
                let why =
                    || format!("{from} is not set, or not to UTF-8 text; set it and try again");
                return check(&value.ok_or_else(why)?, &from);
            }
            Self::File(path) => {
                let path = secret_path(path, folder, lookup);
                let (bytes, metadata) = read_file(&path, SECRET_BYTES_MAX).map_err(|source| {
                    let file = describe_file(&path);
                    let why = "cannot be read; check that it exists and that this user may read it";
                    Mistake::of_system(format!("{file} {why}"), source)
                })?;
                warn_if_world_readable(&metadata, &path);
                bytes
            }
            Self::Command(words) => run(words, COMMAND_TIME_MAX)?,
        };
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(too_long(&from));
        }
        let why = || format!("{from} is no UTF-8 text; check that it is the right one");
        check(std::str::from_utf8(&bytes).map_err(|_| why())?, &from)
    }

    /// Where it comes from, in words that hold nothing of it.
    fn describe(&self) -> String {
        match self {
            Self::Given(_) => "the string".to_owned(),
            Self::Env(variable) if is_shown_variable(variable) => {
                format!("environment variable `{variable}`")
            }
            Self::Env(_) => not_shown("variable", "env"),
            Self::File(path) => describe_file(path),
            Self::Command(words) => format!("the output of {}", describe_program(words)),
        }
    }
}

/// Where the file `path` of a secret is: `~` is the home folder, and what is relative counts from `folder`.
pub fn secret_path(path: &Path, folder: &Path, lookup: Lookup<'_>) -> PathBuf {
    match (path.strip_prefix("~"), lookup("HOME")) {
        (Ok(below), Some(home)) => Path::new(&home).join(below),
        _ => folder.join(path),
    }
}

/// Of a command only the program: its arguments may be the secret.
impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// `text` without its line break, if it can be sent in a header.
fn check(text: &str, from: &str) -> Result<SecretString, Mistake> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.len() > SECRET_BYTES_MAX {
        return Err(too_long(from));
    }
    if text.trim().is_empty() {
        let why = format!("{from} is empty; put the secret there");
        return Err(Mistake::from(why));
    }
    if text.chars().any(char::is_control) {
        return Err(Mistake::from(format!(
            "{from} holds several lines or control characters; it must be the secret alone, on one line"
        )));
    }
    if text.chars().any(char::is_whitespace) {
        let why = format!("{from} holds a blank; copy it again without");
        return Err(Mistake::from(why));
    }
    if !text.is_ascii() {
        let why = format!("{from} holds a character that is not printable ASCII; copy it again");
        return Err(Mistake::from(why));
    }
    Ok(SecretString::from(text))
}

/// Reads the regular file at `path`, at most a byte more than `most`.
pub(super) fn read_file(path: &Path, most: usize) -> io::Result<(Vec<u8>, Metadata)> {
    // Asked before opening: to open a pipe that nobody writes to would wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is a folder, a pipe or a device"));
    }
    let file = File::open(path)?;
    let (metadata, mut bytes) = (file.metadata()?, Vec::new());
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes, metadata))
}

/// Warns of a file with a secret in it that every user of this machine can read.
pub(super) fn warn_if_world_readable(metadata: &Metadata, path: &Path) {
    const OTHERS_READ: u32 = 0o004;
    if metadata.permissions().mode() & OTHERS_READ != 0 {
        tracing::warn!(
            "`{path}` holds a secret and every user of this machine can read it; run `chmod 600 {path}`",
            path = path.display()
        );
    }
}

/// The forms of a secret in a file.
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

/// The placeholder for a name that may itself be a secret.
fn not_shown(what: &str, key: &str) -> String {
    format!("the {what} that `{key}` names (which is not shown, as it may be a secret)")
}

/// The file at `path`, by its name if that cannot be a secret.
fn describe_file(path: &Path) -> String {
    // The folder is ours, or was typed before a file's name.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if may_be_secret(&name) && !path.exists() {
        not_shown("file", "file")
    } else {
        format!("file `{}`", path.display())
    }
}

/// The program of a command, by its name if that cannot be a secret. Its arguments may be one.
fn describe_program(words: &[String]) -> String {
    let program = words.first().map_or("", String::as_str);
    if may_be_secret(program) {
        not_shown("command", "command")
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

/// How often a command is asked whether it has ended.
const EXIT_POLL: Duration = Duration::from_millis(10);

/// How long the output of a command that has ended may be held open by what it left behind.
const GRACE: Duration = Duration::from_millis(500);

/// The output of `words`, run without a shell: at most [`SECRET_BYTES_MAX`]. Their standard error
/// is the caller's, so that a password manager can speak to the person.
fn run(words: &[String], limit: Duration) -> Result<Vec<u8>, Mistake> {
    let Some((name, arguments)) = words.split_first() else {
        return Ok(Vec::new());
    };
    let program = describe_program(words);
    let mut command = Command::new(name);
    command.args(arguments);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|source| {
        let why =
            format!("{program} cannot be started; check that it is installed and on the `PATH`");
        Mistake::of_system(why, source)
    })?;
    let followed = follow(&mut child, limit);
    // Of one that has ended there is nothing to stop.
    let _ = child.kill();
    let _ = child.wait();
    match followed {
        Ok((bytes, _)) if bytes.len() > SECRET_BYTES_MAX => {
            Err(too_long(&format!("the output of {program}")))
        }
        Ok((bytes, Some(status))) if status.success() => Ok(bytes),
        Ok((_, Some(status))) => Err(Mistake::from(format!(
            "{program} failed ({status}); run it by hand to see why"
        ))),
        Ok((_, None)) => Err(Mistake::from(format!(
            "{program} was stopped after {} s; it must print the secret and end",
            limit.as_secs_f64()
        ))),
        Err(source) => {
            let why = format!("{program} cannot be followed to its end; run it by hand to see why");
            Err(Mistake::of_system(why, source))
        }
    }
}

/// Reads the output of `child`, at most a byte too much, and awaits its end for `limit` at most. A
/// process that it leaves behind, an agent say, may hold the output open for as long as it likes.
fn follow(child: &mut Child, limit: Duration) -> io::Result<(Vec<u8>, Option<ExitStatus>)> {
    let Some(stdout) = child.stdout.take() else {
        return Err(io::Error::other("its output is not connected"));
    };
    let (sender, printed) = mpsc::channel();
    // A pipe cannot be read with a time limit. Whoever keeps it open keeps the thread too.
    thread::spawn(move || {
        for byte in BufReader::new(stdout.take(SECRET_BYTES_MAX as u64 + 1)).bytes() {
            let is_last = byte.is_err();
            // Nobody listens any more after the time limit.
            if sender.send(byte).is_err() || is_last {
                return;
            }
        }
    });
    let mut bytes = Vec::new();
    for _ in 0..=limit.as_millis() / EXIT_POLL.as_millis() {
        let ended = child.try_wait()?;
        let patience = if ended.is_some() { GRACE } else { EXIT_POLL };
        let silence = loop {
            match printed.recv_timeout(patience) {
                Ok(byte) => bytes.push(byte?),
                Err(silence) => break silence,
            }
        };
        if ended.is_some() {
            return Ok((bytes, ended));
        }
        if silence == RecvTimeoutError::Disconnected {
            thread::sleep(EXIT_POLL);
        }
    }
    Ok((bytes, None))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn a_command_is_stopped_after_its_time() {
        for does in ["exec sleep 600", "echo x; exec >&-; exec sleep 600"] {
            let words = ["sh", "-c", does].map(str::to_owned);
            let why = super::run(&words, Duration::from_secs(2)).unwrap_err();
            assert!(why.to_string().contains("was stopped after 2 s"), "{why}");
        }
    }
}
