//! Ids that are numbers: what spreadsheets, exports and slips of the hand make of them, and how to
//! mend each. The cell's text is never repeated: it may hold anything, a name or an address too. And the
//! words in which the ids of any provider are refused.

use super::detail::is_invisible;
use crate::domain::IdProblem;
use crate::words::behind;

/// Why ids are refused, a line each: whose ids, a code, and how to mend it.
const REASONS: &str = include_str!("ids.txt");

/// The problem `code` of an id that is one of `whose`.
pub(super) fn problem(whose: &str, code: &'static str) -> IdProblem {
    let reason = behind(REASONS, &format!("{whose} {code}")).unwrap_or(code);
    IdProblem { code, reason }
}

/// Whether a text is it, and its code.
type Mistake = (fn(&str) -> bool, &'static str);

/// Every mistake. The first that fits counts.
const MISTAKES: [Mistake; 15] = [
    (str::is_empty, "empty"),
    (|text| text == "0", "zero"),
    (is_digits, "leading_zero"),
    (
        |text| text.contains(|c: char| c.is_control() || is_invisible(c)),
        "invisible_character",
    ),
    (|text| text.starts_with(['=', '\'']), "formula"),
    (|text| text.contains("://"), "web_address"),
    (
        |text| text.starts_with(is_quote) || text.ends_with(is_quote),
        "quotes",
    ),
    (|text| text.contains('@'), "email"),
    (
        |text| text.strip_prefix('-').is_some_and(is_digits),
        "minus",
    ),
    (|text| text.strip_prefix('+').is_some_and(is_digits), "plus"),
    (is_scientific, "scientific_notation"),
    (is_grouped, "thousands_separators"),
    (is_decimal, "decimal_point"),
    (|text| text.chars().all(char::is_numeric), "foreign_digits"),
    (holds_number, "text_around_id"),
];

/// Passes `text` if it is a whole number without a leading zero; else says which mistake it is.
pub(super) fn plain(text: &str) -> Result<(), IdProblem> {
    if is_digits(text) && !text.starts_with('0') {
        return Ok(());
    }
    let mut mistakes = MISTAKES.iter();
    let known = mistakes.find(|(fits, _)| fits(text));
    Err(problem(
        "digits",
        known.map_or("not_digits", |(_, code)| code),
    ))
}

pub(super) fn is_digits(text: &str) -> bool {
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
