//! Sunshine Conversations' user ids: 24 hexadecimal digits, or an external id of any characters.

use percent_encoding::percent_decode_str;

use crate::domain::IdProblem;

/// How often an id is decoded to see what it may become: once for each server that an address
/// passes, and more than there ever are.
const DECODINGS_MAX: usize = 8;

/// The longest external id, in characters.
const CHARS_MAX: usize = 1_024;

/// The rule for user ids. Nothing is mended: an external id may be anything, so what looks like a
/// slip may be the id.
///
/// # Errors
///
/// Why `text` cannot be sent.
pub(in crate::provider) fn check(text: &str) -> Result<&str, IdProblem> {
    if is_given(text) {
        return Ok(text);
    }
    let (code, reason) = if text.is_empty() {
        ("empty", "the id is missing")
    } else if text.chars().any(char::is_control) {
        (
            "control_character",
            "the id holds a control character; look at how the file was made",
        )
    } else if text.len() > CHARS_MAX && text.chars().nth(CHARS_MAX).is_some() {
        ("too_long", "the id has more than 1,024 characters")
    } else if leads_elsewhere(text) {
        (
            "dots",
            "`.`, `..` and what is empty between slashes are taken out of addresses on the way, and \
             `/personalinformation` is a request of its own, so this user cannot be named; use their \
             id instead of the external id",
        )
    } else {
        return Ok(text);
    };
    Err(IdProblem {
        code,
        reason: reason.to_owned(),
    })
}

/// Whether a server on the way could take the id for steps in a path: one that decodes an address
/// before it follows it would make of `../x`, or of `%2e%2e`, a request about another user, or
/// about the whole app; of `x/` or `/x` one about `x`. Encoding alone does not help there. What
/// stands behind a `;` is no part of a step for some servers.
fn leads_elsewhere(text: &str) -> bool {
    // Nearly all ids: one step, which is no dots and not empty.
    if !text.contains(['.', '/', '\\', ';', '%']) && !text.trim().is_empty() {
        return false;
    }
    let mut text = text.to_owned();
    for _ in 0..DECODINGS_MAX {
        let step = |step: &str| step.split(';').next().unwrap_or_default().trim().to_owned();
        let steps = text.split(['/', '\\']).map(step);
        let leads = |step: String| matches!(step.as_str(), "" | "." | "..");
        if steps.clone().any(leads) || steps.skip(1).any(|step| is_request(&step)) {
            return true;
        }
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            return false;
        }
        text = decoded;
    }
    // Nobody encodes an id so often but to hide something.
    true
}

/// Whether `step` behind a user's id makes a request of its own: it would be about that user.
fn is_request(step: &str) -> bool {
    step.eq_ignore_ascii_case("personalinformation")
}

/// Whether an id could be another with blanks around it: an external id may be any text, one that
/// the provider gave is 24 hex digits.
pub(in crate::provider) fn blanks_count(id: &str) -> bool {
    !is_given(id)
}

/// Whether `text` is an id as the provider gives them out.
fn is_given(text: &str) -> bool {
    let digits: Result<&[u8; 24], _> = text.as_bytes().try_into();
    // All of them, without a way out before: that is done many at a time.
    digits.is_ok_and(|digits| {
        let is_digit = |all, byte: &u8| all & byte.is_ascii_hexdigit();
        digits.iter().fold(true, is_digit)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::check;

    #[rstest]
    #[case("5963c0d619a30a2e00de36b8")]
    #[case("jane@example.com")]
    #[case("a/b?c#d")]
    #[case("1/merge")]
    #[case("1;x")]
    #[case("1%00")]
    #[case("100%")]
    #[case("%zz")]
    #[case("...")]
    #[case("a..b")]
    #[case(".a")]
    #[case("6.16E+12")]
    #[case("ü 世")]
    fn an_external_id_may_be_anything(#[case] text: &str) {
        assert_eq!(check(text).unwrap(), text);
    }

    #[rstest]
    #[case("", "empty")]
    #[case(".", "dots")]
    #[case("..", "dots")]
    #[case("../x", "dots")]
    #[case("x/..", "dots")]
    #[case("x/./y", "dots")]
    #[case("..\\x", "dots")]
    #[case("..;a=b/x", "dots")]
    #[case(" .. ", "dots")]
    #[case("%2e%2e", "dots")]
    #[case("%2E.", "dots")]
    #[case("%252e%252E", "dots")]
    #[case("..%2fx", "dots")]
    #[case("x%5C..", "dots")]
    #[case("/", "dots")]
    #[case("%2F", "dots")]
    #[case("//;x", "dots")]
    #[case(";x", "dots")]
    #[case("/x", "dots")]
    #[case("x/", "dots")]
    #[case("x//y", "dots")]
    #[case("x%2f", "dots")]
    #[case("%2F1", "dots")]
    #[case("x/;y", "dots")]
    #[case("x\\", "dots")]
    #[case("x/ ", "dots")]
    #[case("x/personalInformation", "dots")]
    #[case("%25252525252525252525252541", "dots")]
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
