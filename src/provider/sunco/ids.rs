//! Sunshine Conversations' user ids: 24 hexadecimal digits, or an external id of any characters.

use crate::domain::{IdProblem, UserId};

/// The longest external id, in characters.
const CHARS_MAX: usize = 1_024;

/// The rule for user ids. Nothing is mended: an external id may be anything, so what looks like a
/// slip may be the id.
///
/// # Errors
///
/// Why `text` cannot be sent.
pub(in crate::provider) fn check(text: &str) -> Result<UserId, IdProblem> {
    let (code, reason) = if text.is_empty() {
        ("empty", "the id is missing")
    } else if matches!(text, "." | "..") {
        (
            "dots",
            "`.` and `..` are taken out of addresses on the way, so this user cannot be named; \
             use their id instead of the external id",
        )
    } else if text.chars().any(char::is_control) {
        (
            "control_character",
            "the id holds a control character; look at how the file was made",
        )
    } else if text.chars().nth(CHARS_MAX).is_some() {
        ("too_long", "the id has more than 1,024 characters")
    } else {
        return Ok(UserId::new(text));
    };
    Err(IdProblem {
        code,
        reason: reason.to_owned(),
    })
}

/// Whether an id could be another with blanks around it: an external id may be any text, one that
/// the provider gave is 24 hex digits.
pub(in crate::provider) fn blanks_count(id: &UserId) -> bool {
    let text = id.as_str();
    text.len() != 24 || !text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::check;

    #[rstest]
    #[case("5963c0d619a30a2e00de36b8")]
    #[case("jane@example.com")]
    #[case("a/b?c#d")]
    #[case("%2e%2e")]
    #[case("...")]
    #[case("6.16E+12")]
    #[case("ü 世")]
    fn an_external_id_may_be_anything(#[case] text: &str) {
        assert_eq!(check(text).unwrap().as_str(), text);
    }

    #[rstest]
    #[case("", "empty")]
    #[case(".", "dots")]
    #[case("..", "dots")]
    #[case("a\0b", "control_character")]
    #[case("a\u{85}b", "control_character")]
    fn what_cannot_be_sent_is_refused(#[case] text: &str, #[case] code: &str) {
        assert_eq!(check(text).unwrap_err().code, code);
    }

    #[test]
    fn the_length_is_counted_in_characters() {
        assert!(check(&"ü".repeat(1_024)).is_ok());
        assert_eq!(check(&"ü".repeat(1_025)).unwrap_err().code, "too_long");
    }
}
