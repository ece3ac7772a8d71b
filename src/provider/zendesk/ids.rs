//! Zendesk's user ids: whole numbers of up to 64 bits, today of fourteen digits.

use crate::domain::{IdProblem, looks_rounded};
use crate::provider::digits;

/// The rule for user ids.
///
/// # Errors
///
/// What is wrong with `text`, and how to mend it.
pub(in crate::provider) fn check(text: &str) -> Result<&str, IdProblem> {
    digits::plain(text)?;
    // More than twenty digits do not fit either.
    if text.parse::<u64>().is_err() {
        return Err(IdProblem {
            code: "too_long",
            reason:
                "the id has more digits than a Zendesk id can have; look at how the file was made"
                    .to_owned(),
        });
    }
    if looks_rounded(text) {
        return Err(IdProblem {
            code: "rounded",
            reason:
                "the id is longer than a spreadsheet's fifteen digits and ends in zeros, so its \
                     last digits are lost; format the column as text and export again"
                    .to_owned(),
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::check;

    #[rstest]
    #[case("1")]
    #[case("26773422")]
    #[case("6164068886000")]
    #[case("616406888604000")]
    #[case("9223372036854775807")]
    #[case("18446744073709551615")]
    fn a_whole_number_that_fits_is_an_id_as_it_is(#[case] text: &str) {
        assert_eq!(check(text).unwrap(), text);
    }

    #[rstest]
    #[case("18446744073709551616", "too_long")]
    #[case("999999999999999999999", "too_long")]
    #[case("6164068886040000", "rounded")]
    #[case("6.16407E+12", "scientific_notation")]
    #[case("06164068886042", "leading_zero")]
    fn anything_else_is_refused_by_name(#[case] text: &str, #[case] code: &str) {
        assert_eq!(check(text).unwrap_err().code, code);
    }
}
