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
