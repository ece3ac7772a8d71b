//! How the place of a secret is named in errors: a secret that was put where its place's name belongs is
//! not shown for that name.

use std::path::Path;

/// The longest run of letters and digits together that is no secret.
const RUN_CHARS_MAX: usize = 16;

/// The longest word of a variable's name, and the most digits at its end (`OAUTH2_TOKEN`, `X509_KEY`).
const WORD_CHARS_MAX: usize = 20;
const WORD_DIGITS_MAX: usize = 3;

/// Whether `name` looks like a variable's: words of capitals, with digits at their ends only. Tokens,
/// which are letters and digits as they fall, do not.
pub(super) fn is_variable(name: &str) -> bool {
    let is_word = |word: &str| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        word.len() <= WORD_CHARS_MAX
            && word.len() - letters.len() <= WORD_DIGITS_MAX
            && letters.chars().all(|c| c.is_ascii_uppercase())
    };
    name.split('_').all(is_word)
}

/// The file at `path`, by its name if that cannot be a secret.
pub(super) fn file(path: &Path) -> String {
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
pub(super) fn program(words: &[String]) -> String {
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
    use std::path::Path;

    use rstest::rstest;

    use super::{file, is_variable, program};

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
        assert_eq!(is_variable(name), expected);
    }

    #[test]
    fn a_secret_is_not_named_as_a_file_or_a_program() {
        assert!(!file(Path::new(TOKEN)).contains(TOKEN));
        assert!(!file(&Path::new("folder").join(TOKEN)).contains(TOKEN));
        assert!(!program(&[TOKEN.to_owned()]).contains(TOKEN));
        assert_eq!(
            file(Path::new("keys/zendesk-2026.txt")),
            "file `keys/zendesk-2026.txt`"
        );
        assert_eq!(
            program(&["op".to_owned(), TOKEN.to_owned()]),
            "command `op`"
        );
    }
}
