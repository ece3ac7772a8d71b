//! Small questions about short texts: blanks round a cell, near misses of a name, and whether a
//! text may be repeated in a message.

use std::fmt;

use strsim::damerau_levenshtein;

/// The longest name that near misses are looked for, in characters: the comparison takes time in
/// proportion to the product of both lengths.
const NAME_CHARS_MAX: usize = 64;

/// `text` without what a spreadsheet or a copied web page leaves round a cell: blanks of every
/// kind, U+00A0 among them, and stray byte order marks, zero-width spaces and direction marks.
#[inline]
pub(crate) fn trim_cell(text: &str) -> &str {
    match text.as_bytes() {
        // Nearly all are bare, and no letter at their ends need be decoded to see it.
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim_matches(is_blank),
    }
}

/// Whether `c` means nothing at the edge of a cell.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{FEFF}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}')
}

/// Whether `text` can be repeated wherever a person may read it: it is made of digits and the
/// signs of a number alone, such as `5.54E+17`, and so names nobody.
pub(crate) fn is_harmless(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'e' | b'E' | b'+' | b'-' | b'.'))
}

/// The one of `candidates` that `wanted` most likely meant: at most a third of its letters differ,
/// without regard to case. `None`: none is near.
pub(crate) fn closest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted_chars = wanted.chars().count();
    if wanted_chars > NAME_CHARS_MAX {
        return None;
    }
    let wanted = wanted.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count() <= NAME_CHARS_MAX)
        .map(|candidate| {
            let distance = damerau_levenshtein(&wanted, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| {
            let longer = wanted_chars.max(candidate.chars().count());
            *distance <= (longer / 3).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A near miss, as a message puts it; nothing if there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meant<'a>(pub(crate) Option<&'a str>);

impl fmt::Display for Meant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{closest, is_harmless, trim_cell};

    #[rstest]
    #[case("123", "123")]
    #[case("  123\t", "123")]
    #[case("\u{a0}123\u{a0}", "123")]
    #[case("\u{feff}123\u{200b}", "123")]
    #[case("\u{200e}123\u{200f}", "123")]
    #[case("a b", "a b")]
    #[case(" \u{a0}\u{feff} ", "")]
    fn blanks_of_every_kind_are_taken_off(#[case] text: &str, #[case] bare: &str) {
        assert_eq!(trim_cell(text), bare);
    }

    #[rstest]
    #[case("5.54E+17", true)]
    #[case("-12", true)]
    #[case("", false)]
    #[case("e@e", false)]
    #[case("Bob", false)]
    #[case("12 34", false)]
    fn only_numbers_may_be_repeated(#[case] text: &str, #[case] harmless: bool) {
        assert_eq!(is_harmless(text), harmless);
    }

    #[rstest]
    #[case("acm", Some("acme"))]
    #[case("ACME", Some("acme"))]
    #[case("amce", Some("acme"))]
    #[case("cht", Some("chat"))]
    #[case("something", None)]
    #[case("", None)]
    fn a_near_miss_is_found_and_a_far_one_is_not(
        #[case] wanted: &str,
        #[case] found: Option<&str>,
    ) {
        assert_eq!(closest(wanted, ["acme", "chat"]), found);
    }
}
