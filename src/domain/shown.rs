//! How text that came from outside (an id, a reference, a file's name, a provider's words) is shown
//! to people: nothing in it acts on what shows it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with every character written out that acts on a terminal or hides from the reader, such as
/// `\u001b`. Line feeds and tabs stay, and JSON remains the same JSON.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether `c` moves the cursor, changes colours or the direction of writing, or cannot be seen.
fn acts(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::shown;

    #[rstest]
    #[case("plain, ünd\n\ttwo lines\n", "plain, ünd\n\ttwo lines\n")]
    #[case("\u{1b}[2Jgone", "\\u001b[2Jgone")]
    #[case("\u{9b}31m", "\\u009b31m")]
    #[case("over\rwritten", "over\\u000dwritten")]
    #[case("bell\u{7}\u{8}\u{7f}\0", "bell\\u0007\\u0008\\u007f\\u0000")]
    #[case("\u{202e}fdp.exe", "\\u202efdp.exe")]
    #[case("1\u{200b}2\u{feff}", "1\\u200b2\\ufeff")]
    #[case("\u{e0041}", "\\udb40\\udc41")]
    fn what_acts_on_a_terminal_is_written_out(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(shown(text), expected);
    }

    proptest! {
        #[test]
        fn json_stays_the_same_json(text in ".{0,20}[\u{0}-\u{9f}\u{200b}-\u{202e}\\\\\"]{0,20}") {
            let value = json!({ text.as_str(): [text.as_str()] });
            let read: Value = serde_json::from_str(&shown(&value.to_string())).unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
