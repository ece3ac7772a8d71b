//! Zoho's user ids: 15 to 19 digits, which no float holds, sometimes with an export's prefix.

use crate::domain::{IdProblem, UserId};
use crate::provider::digits;

/// The shortest id, in digits.
const DIGITS_MIN: usize = 15;
/// The longest id, in digits.
const DIGITS_MAX: usize = 19;

/// What CSV exports put before an id.
const EXPORT_PREFIX: &str = "zcrm_";

/// How many digits at an id's end tell users of one org apart; those before are the org's.
const USER_DIGITS: usize = 12;

/// The rule for user ids. The prefix of an export is taken off. Zeros at the end are let pass:
/// true ids end so as well, if rarely; it takes the whole column to tell.
///
/// # Errors
///
/// What is wrong with `text`, and how to mend it.
pub(in crate::provider) fn check(text: &str) -> Result<&str, IdProblem> {
    let id = match text.get(..EXPORT_PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(EXPORT_PREFIX) => &text[prefix.len()..],
        _ => text,
    };
    digits::plain(id)?;
    let (code, reason) = match id.len() {
        DIGITS_MIN..=DIGITS_MAX => return Ok(id),
        8 | 9 => (
            "zuid",
            "the id looks like a ZUID, the id of a Zoho account; the CRM's user id has 15 to 19 \
             digits and is in the column `id` of the users API",
        ),
        0..DIGITS_MIN => (
            "too_short",
            "a Zoho CRM user id has 15 to 19 digits, and this has fewer: a part of it was lost, or \
             it is another number; export the column `id` again, as text",
        ),
        _ => (
            "too_long",
            "a Zoho CRM user id has 15 to 19 digits; this has more",
        ),
    };
    Err(IdProblem {
        code,
        reason: reason.to_owned(),
    })
}

/// The digits that every id of the org of `caller` begins with.
pub(super) fn org_prefix(caller: &UserId) -> String {
    let digits = caller.as_str();
    let end = digits.len().saturating_sub(USER_DIGITS);
    digits.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{UserId, check, org_prefix};

    #[rstest]
    #[case("300000000071587", "300000000071587")]
    #[case("4876876000000225001", "4876876000000225001")]
    #[case("zcrm_4876876000000225001", "4876876000000225001")]
    #[case("ZCRM_4876876000000225001", "4876876000000225001")]
    #[case("4876876000000225000", "4876876000000225000")]
    fn an_id_is_taken_without_its_exports_prefix(#[case] text: &str, #[case] id: &str) {
        assert_eq!(check(text).unwrap(), id);
    }

    #[rstest]
    #[case("12345678", "zuid")]
    #[case("123456789", "zuid")]
    #[case("1234567", "too_short")]
    #[case("12345678901234", "too_short")]
    #[case("12345678901234567890", "too_long")]
    #[case("5.54E+17", "scientific_notation")]
    #[case("554023000000691003.00", "decimal_point")]
    #[case("zcrm_", "empty")]
    #[case("zcrm_zcrm_4876876000000225001", "not_digits")]
    #[case("0876876000000225001", "leading_zero")]
    #[case("äöü", "not_digits")]
    fn anything_else_is_refused_by_name(#[case] text: &str, #[case] code: &str) {
        assert_eq!(check(text).unwrap_err().code, code);
    }

    #[test]
    fn the_orgs_digits_are_all_but_the_last_twelve() {
        for (id, prefix) in [
            ("4876876000000225001", "4876876"),
            ("300000000071587", "300"),
        ] {
            assert_eq!(org_prefix(&UserId::new(check(id).unwrap())), prefix);
        }
    }
}
