//! JSON values one by one: of JSON Lines, and of an array, which may be larger than memory, an element
//! of it not larger than a row may be.

use crate::domain::Record;

use super::error::Fault;
use super::lines::{LineCount, LineReader, ROW_BYTES_MAX, Text, too_long};
use super::object::{RowKeys, record_of};
use super::row::{Field, Raw, RowProblem, Rows, text_of};

/// Reads JSON Lines: one object, or one bare id, a line. Blank lines are no rows.
pub(super) struct JsonlRows {
    lines: LineReader,
    keys: RowKeys,
}

impl JsonlRows {
    /// Reads `text`, taking fields from `keys`.
    pub(super) fn new(text: Text, keys: RowKeys) -> Self {
        Self {
            lines: LineReader::new(text),
            keys,
        }
    }

    fn json(&self) -> Result<&str, RowProblem> {
        text_of(self.lines.content()?, Field::Row)
    }
}

impl Rows for JsonlRows {
    fn advance(&mut self) -> Result<bool, Fault> {
        while self.lines.advance_to_text()? {
            if !self.lines.is_blank() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn line(&self) -> u64 {
        self.lines.line()
    }

    fn content(&self) -> Result<Record<'_>, RowProblem> {
        record_of(self.json()?, &self.keys)
    }

    fn raw(&self) -> Raw<'_> {
        self.json().map_or(Raw::Unreadable, Raw::Json)
    }
}

/// Reads the elements of an array into one buffer.
pub(super) struct JsonRows {
    text: Text,
    keys: RowKeys,
    lines: LineCount,
    /// The text of the element.
    element: Vec<u8>,
    too_long: bool,
    /// The line the element begins on.
    line: u64,
    place: Place,
}

/// Where in the array the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeArray,
    BeforeFirst,
    AfterComma,
    AfterArray,
}

impl JsonRows {
    /// Reads `text`, taking fields from `keys`.
    pub(super) fn new(text: Text, keys: RowKeys) -> Self {
        Self {
            text,
            keys,
            lines: LineCount::default(),
            element: Vec::new(),
            too_long: false,
            line: 1,
            place: Place::BeforeArray,
        }
    }

    /// The element's JSON text.
    fn json(&self) -> Result<&str, RowProblem> {
        if self.too_long {
            return Err(too_long());
        }
        text_of(&self.element, Field::Row)
    }

    /// Reads one element and the comma or bracket behind it.
    fn read_element(&mut self) -> Result<(), Fault> {
        self.element.clear();
        self.too_long = false;
        let mut scanner = Scanner::default();
        // Bounded by the cap on the whole input.
        loop {
            let chunk = self.text.fill_buf().map_err(|source| Fault::Io {
                line: self.line,
                source,
            })?;
            if chunk.is_empty() {
                return Err(self.broken("it ends in the middle of an element"));
            }
            let end = scanner.feed(chunk);
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if self.element.len() + part.len() > ROW_BYTES_MAX {
                self.too_long = true;
            } else if !self.too_long {
                self.element.extend_from_slice(part);
            }
            let Some(end) = end else {
                let count = chunk.len();
                self.lines.over(chunk);
                self.text.consume(count);
                continue;
            };
            let closer = chunk[end];
            self.lines.over(&chunk[..=end]);
            self.text.consume(end + 1);
            return match closer {
                b',' => {
                    self.place = Place::AfterComma;
                    Ok(())
                }
                b']' => self.end(),
                _ => Err(self.broken("a `}` closes nothing")),
            };
        }
    }

    /// Makes sure that nothing stands behind the array.
    fn end(&mut self) -> Result<(), Fault> {
        self.place = Place::AfterArray;
        match self.next_byte()? {
            None => Ok(()),
            Some(_) => Err(self.broken("something stands behind its `]`")),
        }
    }

    /// The next byte that is no blank, left where it is; `None`: the text is at its end.
    fn next_byte(&mut self) -> Result<Option<u8>, Fault> {
        // Bounded by the cap on the whole input.
        loop {
            let chunk = self.text.fill_buf().map_err(|source| Fault::Io {
                line: self.lines.line,
                source,
            })?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let blank = chunk
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
                .count();
            let found = chunk.get(blank).copied();
            self.lines.over(&chunk[..blank]);
            self.text.consume(blank);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Takes the byte that [`JsonRows::next_byte`] found.
    fn take_one(&mut self) {
        self.lines.over(b" ");
        self.text.consume(1);
    }

    fn broken(&self, reason: &'static str) -> Fault {
        Fault::Json {
            line: self.lines.line,
            reason,
        }
    }
}

impl Rows for JsonRows {
    fn advance(&mut self) -> Result<bool, Fault> {
        if self.place == Place::BeforeArray {
            match self.next_byte()? {
                Some(b'[') => self.take_one(),
                _ => return Err(self.broken("it does not begin with `[`")),
            }
            self.place = Place::BeforeFirst;
        }
        if self.place == Place::AfterArray {
            return Ok(false);
        }
        match self.next_byte()? {
            None => return Err(self.broken("it ends before its `]`")),
            Some(b']') if self.place == Place::BeforeFirst => {
                self.take_one();
                self.end()?;
                return Ok(false);
            }
            Some(b',' | b']' | b'}') => {
                return Err(self.broken("an element is missing between its commas"));
            }
            Some(_) => {}
        }
        self.line = self.lines.line;
        self.read_element()?;
        Ok(true)
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn content(&self) -> Result<Record<'_>, RowProblem> {
        record_of(self.json()?, &self.keys)
    }

    fn raw(&self) -> Raw<'_> {
        self.json().map_or(Raw::Unreadable, Raw::Json)
    }
}

/// Finds the end of an element without understanding it: strings and brackets are all it knows.
#[derive(Debug, Default)]
struct Scanner {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Scanner {
    /// Goes over `chunk`; the place of the comma or bracket that ends the element, if it is there.
    fn feed(&mut self, chunk: &[u8]) -> Option<usize> {
        for (place, byte) in chunk.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'[' | b'{' => self.depth += 1,
                b',' | b']' | b'}' if self.depth == 0 => return Some(place),
                b']' | b'}' => self.depth -= 1,
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use rstest::rstest;

    use super::super::error::Fault;
    use super::super::lines::ROW_BYTES_MAX;
    use super::super::object::RowKeys;
    use super::{JsonRows, Rows as _};

    /// The line and the id, or the problem's code, of an element.
    type Told = (u64, String);

    /// Every element; at last the line and the reason of the fault, if any.
    fn elements(text: &[u8], capacity: usize) -> (Vec<Told>, Option<(u64, &'static str)>) {
        let text = BufReader::with_capacity(capacity, Cursor::new(text.to_vec()));
        let mut rows = JsonRows::new(Box::new(text), RowKeys::default());
        let mut all = Vec::new();
        loop {
            match rows.advance() {
                Ok(true) => {}
                Ok(false) => return (all, None),
                Err(Fault::Json { line, reason }) => return (all, Some((line, reason))),
                Err(fault @ Fault::Io { .. }) => panic!("{fault:?}"),
            }
            let told = match rows.content() {
                Ok(record) => record.id.into_owned(),
                Err(problem) => problem.code.to_owned(),
            };
            all.push((rows.line(), told));
        }
    }

    #[rstest]
    #[case("[]", &[])]
    #[case(" [ ] \n", &[])]
    #[case("[1,2]", &[(1, "1"), (1, "2")])]
    #[case("[\n  1,\n  \"2\"\n]\n", &[(2, "1"), (3, "2")])]
    #[case("[\r\n{\"id\":\r\n1},\r\n{\"id\":2}\r\n]", &[(2, "1"), (4, "2")])]
    #[case(r#"[{"id":1,"n":"],}\"{"},{"id":2,"a":[[],{}]}]"#, &[(1, "1"), (1, "2")])]
    #[case("[nonsense,2]", &[(1, "not_json"), (1, "2")])]
    #[case("[{\"id\":1],2]", &[(1, "not_json"), (1, "2")])]
    fn elements_are_read_with_their_lines(#[case] text: &str, #[case] expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, s)| (*n, (*s).to_owned()))
            .collect();
        for capacity in [1, 2, 5, 4096] {
            assert_eq!(
                elements(text.as_bytes(), capacity),
                (expected.clone(), None)
            );
        }
    }

    #[rstest]
    #[case("", 1, "it does not begin with `[`")]
    #[case("{\"id\":1}", 1, "it does not begin with `[`")]
    #[case("[", 1, "it ends before its `]`")]
    #[case("[1,\n", 2, "it ends before its `]`")]
    #[case("[1,\n{\"id\":", 2, "it ends in the middle of an element")]
    #[case("[1,]", 1, "an element is missing between its commas")]
    #[case("[1,,2]", 1, "an element is missing between its commas")]
    #[case("[1}", 1, "a `}` closes nothing")]
    #[case("[{\"id\":1]},2]", 1, "a `}` closes nothing")]
    #[case(
        "[{\"id\":\"1},\n{\"id\":\"2\"}]",
        2,
        "it ends in the middle of an element"
    )]
    #[case("[1]\n[2]", 2, "something stands behind its `]`")]
    fn an_array_that_is_not_whole_is_a_fault(
        #[case] text: &str,
        #[case] line: u64,
        #[case] reason: &'static str,
    ) {
        for capacity in [1, 4096] {
            assert_eq!(
                elements(text.as_bytes(), capacity).1,
                Some((line, reason)),
                "{text}"
            );
        }
    }

    #[test]
    fn an_element_over_the_limit_is_a_problem_and_the_next_is_read() {
        let mut text = b"[1,\"".to_vec();
        text.extend(vec![b'7'; ROW_BYTES_MAX]);
        text.extend_from_slice(b"\",3]");
        let expected = vec![
            (1, "1".to_owned()),
            (1, "row_too_long".to_owned()),
            (1, "3".to_owned()),
        ];
        assert_eq!(elements(&text, 8192), (expected, None));
    }
}
