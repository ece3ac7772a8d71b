//! The provider's own words, made fit for a ledger of erased people.
//!
//! A [`Said`] is the only thing of an answer's text that outlives the answer, so everything that
//! could name a person is taken out here. E-mail addresses are masked, control and invisible
//! characters dropped, the rest cut. Which *part* of an answer is fixed text at all (and not, say,
//! the user's name) is each provider's knowledge, not this module's.

use crate::domain::Said;

/// The text that replaces an e-mail address.
const MASK: &str = "***@***";

/// How many characters of a text are looked at; what is further back is cut anyway.
const READ_CHARS_MAX: usize = 2_000;

impl Said {
    /// The longest code kept, in characters.
    pub const CODE_CHARS_MAX: usize = 64;
    /// The longest message kept, in characters, the mark of a cut included.
    pub const MESSAGE_CHARS_MAX: usize = 200;

    /// The statement of a provider. A `code` that is no plain word is the message where there is none.
    pub fn of(code: Option<&str>, message: Option<&str>) -> Self {
        let word = code.filter(|code| is_code(code));
        let text = message
            .filter(|text| !text.trim().is_empty())
            .or_else(|| code.filter(|_| word.is_none()));
        Self {
            status: None,
            code: word.map(str::to_owned),
            message: text.map(clean).filter(|text| !text.is_empty()),
        }
    }

    /// The statement of this program about an answer, under a stable word of its own.
    pub fn ours(code: &'static str, message: impl AsRef<str>) -> Self {
        Self::of(Some(code), Some(message.as_ref()))
    }

    /// Whether the answer said anything at all.
    pub fn is_empty(&self) -> bool {
        self.code.is_none() && self.message.is_none()
    }

    pub(super) fn has_code(&self, code: &str) -> bool {
        self.code
            .as_deref()
            .is_some_and(|own| own.eq_ignore_ascii_case(code))
    }

    /// Whether the message holds `part`, which is lower-case, however it is capitalised there.
    pub(super) fn mentions(&self, part: &str) -> bool {
        self.message
            .as_deref()
            .is_some_and(|text| text.to_ascii_lowercase().contains(part))
    }

    /// The same with `hint`, words of ours, after the provider's.
    #[must_use]
    pub(super) fn with_hint(self, hint: &str) -> Self {
        let message = match &self.message {
            Some(said) => format!("{said}; {hint}"),
            None => hint.to_owned(),
        };
        Self {
            message: Some(clean(&message)),
            ..self
        }
    }
}

/// A name or a role as it may be shown: one line, cut. It may name a person, and is never kept.
pub(super) fn clean_name(text: &str) -> String {
    cut(&one_line(&read(text)))
}

/// The part of `text` that is looked at, without invisible characters.
fn read(text: &str) -> String {
    let read = text.chars().take(READ_CHARS_MAX);
    read.filter_map(visible).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A code is one word of letters, digits and a few signs.
fn is_code(text: &str) -> bool {
    (1..=Said::CODE_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// `text` without what must not be kept.
fn clean(text: &str) -> String {
    let mut read = read(text);
    if text.chars().nth(READ_CHARS_MAX).is_some() {
        // The last word may be the first half of an address, which would not be known for one.
        read.truncate(read.rfind(' ').unwrap_or(0));
    }
    cut(&masked(&one_line(&read)))
}

/// The character to keep for `c`: control characters become blanks, invisible ones vanish.
fn visible(c: char) -> Option<char> {
    match c {
        c if is_invisible(c) => None,
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => Some(' '),
        c => Some(c),
    }
}

/// Whether nothing is to be seen of `c`, not even a blank.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}')
}

/// At most [`Said::MESSAGE_CHARS_MAX`] characters of `text`, with a mark where it was cut.
fn cut(text: &str) -> String {
    if text.chars().nth(Said::MESSAGE_CHARS_MAX).is_none() {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(Said::MESSAGE_CHARS_MAX - 1).collect();
    // Half a mask looks like a strange address; none is left.
    if let Some(at) = kept.rfind('@')
        && !kept[at..].starts_with("@***")
        && let Some(start) = kept[..at].strip_suffix("***").map(str::len)
    {
        kept.truncate(start);
    }
    kept.push('…');
    kept
}

/// `text` with every word that holds an at sign, also an encoded one, masked.
fn masked(text: &str) -> String {
    // Signs that cannot stand in an unquoted address, RFC 5322 `specials` and blanks.
    let is_border = |c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '"')
    };
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_border) {
        let border = piece.chars().next_back().filter(|c| is_border(*c));
        let word = border.map_or(piece, |c| &piece[..piece.len() - c.len_utf8()]);
        // An at sign: plain, full-width, small, or percent-encoded.
        if word.contains(['@', '\u{ff20}', '\u{fe6b}']) || word.contains("%40") {
            drop_quoted_tail(&mut out, word);
            out.push_str(MASK);
        } else {
            out.push_str(word);
        }
        out.extend(border);
    }
    out
}

/// Takes the quoted first half of an address (`"jane doe"@…`) off the end of `out`.
fn drop_quoted_tail(out: &mut String, word: &str) {
    if word.starts_with('@')
        && let Some(quoted) = out.strip_suffix('"')
        && let Some(opening) = quoted.rfind('"')
    {
        out.truncate(opening);
    }
}
