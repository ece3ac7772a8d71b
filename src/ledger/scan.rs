//! The short way to what the state needs of an intent and of an outcome, of which a ledger has a
//! million each: the members of the object are told apart by their quotes and commas, and only those
//! that are wanted are looked at.
//!
//! It knows objects as we write them: flat, without blanks, and texts without escapes where one is
//! wanted. `None` means that the line is not of that kind; then serde has to say what it is.

use memchr::memchr2;

use super::told::{Ended, Intended};
use crate::domain::{Outcome, Step, Time};

/// What the state needs of an intent.
pub(super) fn intent(object: &[u8]) -> Option<Intended<'_>> {
    let (mut row, mut account, mut step, mut with, mut at) = (None, None, None, None, None);
    let mut nobody = false;
    each_member(object, |key, value| {
        match key {
            b"row" => row = Some(number(value)?),
            b"account" => account = Some(text(value)?),
            b"step" => step = Some(step_of(text(value)?)?),
            b"with" => with = Some(number(value)?),
            b"nobody" => nobody = boolean(value)?,
            b"at" => at = Some(time(value)?),
            _ => {}
        }
        Some(())
    })?;
    Some(Intended {
        row: row?,
        account: account?.into(),
        step: step?,
        with,
        nobody,
        at: at?,
    })
}

/// What the state needs of an outcome.
pub(super) fn outcome(object: &[u8]) -> Option<Ended<'_>> {
    let (mut row, mut account, mut outcome, mut code, mut at) = (None, None, None, None, None);
    each_member(object, |key, value| {
        match key {
            b"row" => row = Some(number(value)?),
            b"account" => account = Some(text(value)?),
            b"outcome" => outcome = Some(text(value)?.parse::<Outcome>().ok()?),
            b"code" => code = Some(text(value)?),
            b"at" => at = Some(time(value)?),
            _ => {}
        }
        Some(())
    })?;
    Some(Ended {
        row: row?,
        account: account.map(Into::into),
        outcome: outcome?,
        code: code.map(Into::into),
        at: at?,
    })
}

/// Shows `take` every member of `object`, its value as it is written. `None`: it is no such object,
/// or `take` did not understand a value.
fn each_member<'a>(
    object: &'a [u8],
    mut take: impl FnMut(&'a [u8], &'a [u8]) -> Option<()>,
) -> Option<()> {
    let mut rest = object.strip_prefix(b"{")?;
    // Bounded by the line: each turn goes on by a member.
    loop {
        rest = rest.strip_prefix(b"\"")?;
        let key = &rest[..rest.iter().position(|byte| *byte == b'"')?];
        rest = rest[key.len() + 1..].strip_prefix(b":")?;
        let length = value_len(rest)?;
        take(key, &rest[..length])?;
        rest = &rest[length..];
        match rest {
            [b',', more @ ..] => rest = more,
            b"}" => return Some(()),
            _ => return None,
        }
    }
}

/// How long the text, the number or the word is with which `rest` begins.
fn value_len(rest: &[u8]) -> Option<usize> {
    let Some(text) = rest.strip_prefix(b"\"") else {
        let length = memchr2(b',', b'}', rest)?;
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric();
        return (length > 0 && rest[..length].iter().all(is_plain)).then_some(length);
    };
    // A quote behind a backslash may be no end; which it is, serde knows.
    let end = memchr2(b'"', b'\\', text)?;
    (text[end] == b'"').then_some(end + 2)
}

/// The text that stands in its quotes.
fn text(value: &[u8]) -> Option<&str> {
    let text = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(text).ok()
}

fn boolean(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

fn number(value: &[u8]) -> Option<u64> {
    if value.len() > 1 && value[0] == b'0' {
        return None;
    }
    value.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

fn time(value: &[u8]) -> Option<Time> {
    text(value)?.parse().ok()
}

fn step_of(name: &str) -> Option<Step> {
    Some(match name {
        "delete" => Step::Delete,
        "permanently-delete" => Step::PermanentlyDelete,
        "delete-personal-information" => Step::DeletePersonalInformation,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::format::encode;
    use super::super::samples;
    use super::{Ended, Intended, intent, outcome, step_of};
    use crate::domain::{Action, Entry, Step};

    /// The object between the kind and the end of an entry's line.
    fn fields(entry: &Entry) -> Vec<u8> {
        let body = encode(entry).unwrap();
        let comma = body.iter().position(|byte| *byte == b',').unwrap();
        [b"{", &body[comma + 1..]].concat()
    }

    #[test]
    fn what_is_found_is_what_serde_finds() {
        let mut found = 0;
        for entry in samples::one_of_each() {
            let fields = fields(&entry);
            let long = match entry {
                Entry::Intent(_) => {
                    let intended: Intended<'_> = serde_json::from_slice(&fields).unwrap();
                    format!("{intended:?}")
                }
                Entry::Outcome(_) => {
                    let ended: Ended<'_> = serde_json::from_slice(&fields).unwrap();
                    format!("{ended:?}")
                }
                _ => continue,
            };
            let intended = intent(&fields).map(|it| format!("{it:?}"));
            let ended = outcome(&fields).map(|it| format!("{it:?}"));
            let Some(short) = intended.or(ended) else {
                assert!(fields.contains(&b'\\'), "only an escape is left to serde");
                continue;
            };
            assert_eq!(short, long);
            found += 1;
        }
        assert!(found >= 3, "{found}");
    }

    #[rstest]
    #[case::escape(
        r#"{"row":1,"account":"a\"","outcome":"deleted","at":"2026-11-22T09:30:00.000Z"}"#
    )]
    #[case::blank(r#"{"row": 1,"outcome":"deleted","at":"2026-11-22T09:30:00.000Z"}"#)]
    #[case::object(r#"{"row":1,"x":{},"outcome":"deleted","at":"2026-11-22T09:30:00.000Z"}"#)]
    #[case::behind(r#"{"row":1,"outcome":"deleted","at":"2026-11-22T09:30:00.000Z"}}"#)]
    #[case::comma(r#"{"row":1,"outcome":"deleted","at":"2026-11-22T09:30:00.000Z",}"#)]
    #[case::missing(r#"{"row":1,"at":"2026-11-22T09:30:00.000Z"}"#)]
    #[case::unknown(r#"{"row":1,"outcome":"eaten","at":"2026-11-22T09:30:00.000Z"}"#)]
    #[case::null(r#"{"row":1,"account":null,"outcome":"deleted","at":"2026-11-22T09:30:00.000Z"}"#)]
    #[case::zeros(r#"{"row":01,"outcome":"deleted","at":"2026-11-22T09:30:00.000Z"}"#)]
    #[case::negative(r#"{"row":-1,"outcome":"deleted","at":"2026-11-22T09:30:00.000Z"}"#)]
    #[case::empty("{}")]
    fn anything_out_of_the_ordinary_is_left_to_serde(#[case] object: &str) {
        assert!(outcome(object.as_bytes()).is_none());
    }

    #[test]
    fn every_step_is_known_by_the_name_it_is_written_with() {
        for action in Action::ALL {
            for step in action.steps() {
                assert_eq!(step_of(step.name()), Some(*step));
                let json = serde_json::to_string(step).unwrap();
                assert_eq!(json, format!("\"{}\"", step.name()));
            }
        }
        assert_eq!(step_of("purge"), None::<Step>);
    }
}
