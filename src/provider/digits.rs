//! Ids that are numbers: what spreadsheets, exports and slips of the hand make of them, and how to
//! mend each. The cell's text is never repeated: it may hold anything, a name or an address too.

use super::detail::is_invisible;
use crate::domain::IdProblem;

/// Whether a text is it, its code, and how to mend it.
type Mistake = (fn(&str) -> bool, &'static str, &'static str);

/// Every mistake. The first that fits counts.
const MISTAKES: [Mistake; 15] = [
    (str::is_empty, "empty", "the id is missing"),
    (|text| text == "0", "zero", "0 is no user's id"),
    (
        is_digits,
        "leading_zero",
        "the id begins with 0, which no id of this provider does; look at how the file was made",
    ),
    (
        |text| text.contains(|c: char| c.is_control() || is_invisible(c)),
        "invisible_character",
        "the id holds a character that cannot be seen; type the id anew, or export it again",
    ),
    (
        |text| text.starts_with(['=', '\'']),
        "formula",
        "the id is wrapped as a spreadsheet's formula or text; export the bare value",
    ),
    (
        |text| text.contains("://"),
        "web_address",
        "this is a web address, not an id; leave nothing but the id of it",
    ),
    (
        |text| text.starts_with(is_quote) || text.ends_with(is_quote),
        "quotes",
        "quotation marks stand beside the id; take them off, or export it again",
    ),
    (
        |text| text.contains('@'),
        "email",
        "this is an e-mail address, not an id; name the column of the ids with --id-column",
    ),
    (
        |text| text.strip_prefix('-').is_some_and(is_digits),
        "minus",
        "an id is never negative; look at how the file was made",
    ),
    (
        |text| text.strip_prefix('+').is_some_and(is_digits),
        "plus",
        "the id begins with a plus sign; take it off",
    ),
    (
        is_scientific,
        "scientific_notation",
        "the id is in scientific notation, so its last digits are lost; format the column as text \
         and export again",
    ),
    (
        is_grouped,
        "thousands_separators",
        "the id has thousands separators; format the column as text and export again",
    ),
    (
        is_decimal,
        "decimal_point",
        "the id has decimals, so it went through a number; format the column as text and export \
         again",
    ),
    (
        |text| text.chars().all(char::is_numeric),
        "foreign_digits",
        "the id is written in digits other than 0 to 9; export it again in plain digits",
    ),
    (
        holds_number,
        "text_around_id",
        "other text stands beside the id; leave nothing but the id",
    ),
];

/// Passes `text` if it is a whole number without a leading zero; else says which mistake it is.
pub(super) fn plain(text: &str) -> Result<(), IdProblem> {
    if is_digits(text) && !text.starts_with('0') {
        return Ok(());
    }
    let mut fitting = MISTAKES.iter().filter(|(fits, _, _)| fits(text));
    let (code, reason) = fitting.next().map_or(
        (
            "not_digits",
            "an id of this provider is digits only; name the column of the ids with --id-column",
        ),
        |(_, code, reason)| (*code, *reason),
    );
    Err(IdProblem { code, reason })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `6164068886042.0`, `123.`, `1,234`.
fn is_decimal(text: &str) -> bool {
    let parts = text.split_once(['.', ',']);
    parts.is_some_and(|(whole, part)| is_digits(whole) && (part.is_empty() || is_digits(part)))
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '‘' | '’' | '«' | '»' | '`')
}

/// Whether a number as long as an id stands in `text` by itself: behind a word or a line's number.
fn holds_number(text: &str) -> bool {
    /// The fewest digits of such a number: dates and telephone numbers are written in parts.
    const DIGITS_MIN: usize = 8;
    let is_part = |c: char| c.is_alphanumeric() || "-_.@+".contains(c);
    let mut words = text.split(|c| !is_part(c));
    words.any(|word| word.len() >= DIGITS_MIN && is_digits(word))
}

/// `6.16E+17`, `6,16e17`, `6E17`.
fn is_scientific(text: &str) -> bool {
    let unsigned = |text: &str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
    let parts = text.split_once(['e', 'E']);
    parts.is_some_and(|(mantissa, exponent)| {
        is_digits(&unsigned(mantissa).replace(['.', ','], "")) && is_digits(&unsigned(exponent))
    })
}

/// `6,164,068`, `6 164 068`, `6'164'068`: groups of three after the first, with the same sign between.
/// A single point or comma before three digits is told as a decimal point.
fn is_grouped(text: &str) -> bool {
    let Some(separator) = text.chars().find(|c| !c.is_ascii_digit()) else {
        return false;
    };
    let known = matches!(separator, ',' | '.' | '\'' | '_' | '’') || separator.is_whitespace();
    let groups: Vec<&str> = text.split(separator).collect();
    let alone = groups.len() == 2 && matches!(separator, ',' | '.');
    let is_three = |group: &&str| group.len() == 3 && is_digits(group);
    known && !alone && (1..=3).contains(&groups[0].len()) && groups[1..].iter().all(is_three)
}
