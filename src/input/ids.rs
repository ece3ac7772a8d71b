//! A plain list: one id a line.
//!
//! Blank lines and lines that begin with `#` are no rows. Of a line such as `123, 2026-01-31` what
//! stands before the first comma, semicolon or blank is the id.

use crate::domain::Record;

use super::error::Fault;
use super::lines::{LineReader, Text};
use super::object::text_of;
use super::row::{Field, RowProblem};
use super::text::{is_blank, trim_cell};

/// Reads id by id.
pub(super) struct IdRows {
    lines: LineReader,
}

impl IdRows {
    /// Reads `text`.
    pub(super) fn new(text: Text) -> Self {
        Self {
            lines: LineReader::new(text),
        }
    }

    /// Goes on to the next line that holds a row; `false`: there is none.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        while self.lines.advance_to_text()? {
            let is_comment = self
                .lines
                .content()
                .is_ok_and(|line| line.trim_ascii_start().starts_with(b"#"));
            if !is_comment && !self.lines.is_blank() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The line, from 1.
    pub(super) fn line(&self) -> u64 {
        self.lines.line()
    }

    /// The id on the line.
    pub(super) fn content(&self) -> Result<Record<'_>, RowProblem> {
        let line = text_of(self.lines.content()?, Field::Id)?;
        let bare = trim_cell(line);
        let id = bare
            .split(|c: char| matches!(c, ',' | ';') || is_blank(c))
            .next()
            .unwrap_or_default();
        if let Some((code, what)) = torn(id, &bare[id.len()..]) {
            let reason = format!(
                "the id looks like a number {what}, of which only the first part would be taken; \
                 format the column as text and export again"
            );
            return Err(RowProblem::new(Field::Id, code, reason));
        }
        Ok(Record {
            id: id.into(),
            trimmed: bare.len() < line.len(),
            ..Record::default()
        })
    }

    /// The whole line; empty if it is too long.
    pub(super) fn line_bytes(&self) -> &[u8] {
        self.lines.content().unwrap_or_default()
    }
}

/// What tears a number apart of which `id` is the first part and `rest` what follows, if they are
/// one: a decimal comma, or signs between thousands. The first part may be another user's id.
fn torn(id: &str, rest: &str) -> Option<(&'static str, &'static str)> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut signs = rest.chars();
    let sign = signs.next().filter(|_| digits(id))?;
    let part = signs.as_str();
    if sign == ',' {
        let is_exponent = |(whole, exponent): (&str, &str)| {
            digits(whole) && digits(exponent.strip_prefix('+').unwrap_or(exponent))
        };
        let in_cents = digits(part) && part.len() <= 2;
        if in_cents || part.split_once(['e', 'E']).is_some_and(is_exponent) {
            return Some(("decimal_comma", "with a decimal comma"));
        }
    }
    let is_group = |group: &str| group.len() == 3 && digits(group);
    (id.len() <= 3 && part.split(sign).all(is_group))
        .then_some(("thousands_separators", "with thousands separators"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use rstest::rstest;

    use super::IdRows;

    fn rows(text: &'static [u8]) -> Vec<(u64, String)> {
        let mut rows = IdRows::new(Box::new(Cursor::new(text)));
        let mut all = Vec::new();
        while rows.advance().unwrap() {
            let told = match rows.content() {
                Ok(record) => record.id.into_owned(),
                Err(problem) => problem.code.to_owned(),
            };
            all.push((rows.line(), told));
        }
        all
    }

    #[rstest]
    #[case(b"1\n2\n", &[(1, "1"), (2, "2")])]
    #[case(b"# a list\n\n 1 \n  # more\n2", &[(3, "1"), (5, "2")])]
    #[case(b"1, 2026-01-31\n2 x\n3\ty\n4;z\n", &[(1, "1"), (2, "2"), (3, "3"), (4, "4")])]
    #[case(b"1\n\xFF\n2\n", &[(1, "1"), (2, "invalid_utf8"), (3, "2")])]
    #[case(b"1\xC2\xA0x\n", &[(1, "1")])]
    #[case(b",x\n", &[(1, "")])]
    #[case(b"# nothing\n", &[])]
    // The first part of a number is not taken for it.
    #[case(b"5,54E+17\n5,5e17\n361,00\n", &[(1, "decimal_comma"), (2, "decimal_comma"), (3, "decimal_comma")])]
    #[case(b"361 808 351\n361,808\n1\xC2\xA0234\n", &[(1, "thousands_separators"), (2, "thousands_separators"), (3, "thousands_separators")])]
    #[case(b"361, 00\n3618,083\n5,54E+x\n361 80\n", &[(1, "361"), (2, "3618"), (3, "5"), (4, "361")])]
    fn an_id_is_what_stands_before_the_first_comma_or_blank(
        #[case] text: &'static [u8],
        #[case] expected: &[(u64, &str)],
    ) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, s)| (*n, (*s).to_owned()))
            .collect();
        assert_eq!(rows(text), expected);
    }
}
