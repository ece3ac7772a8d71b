//! What is marked in a file, whatever stands in it.

use proptest::prelude::*;

use super::file;
use userpurge::input::{Columns, Excerpt, Field, Format, InputSource, ReadOptions};

const FIELDS: [Field; 5] = [
    Field::Row,
    Field::Id,
    Field::Account,
    Field::Action,
    Field::Reference,
];

fn is_within(excerpt: &Excerpt) -> bool {
    let Excerpt { text, marked, .. } = excerpt;
    marked.start <= marked.end && marked.end <= text.chars().count() && !text.contains(['\n', '\r'])
}

proptest! {
    /// Whatever stands in the file and whatever is said to be wrong with it.
    #[test]
    fn what_is_marked_lies_on_its_line(
        text in prop::collection::vec(
            "id|account|\\{\"id\":|\\{\"a.b\":|\\[|\\]|\\}|,|;|\"|\"\"|é|田|12|x@y|\\\\|\n|\r\n|\r| |#|sep=;\n",
            0..40,
        ).prop_map(|parts| parts.concat()),
        format in prop::sample::select(vec![
            None, Some(Format::Csv), Some(Format::Jsonl), Some(Format::Json), Some(Format::Ids),
        ]),
        column in prop::option::of("id|a\\.b|x"),
    ) {
        let file = file("", text);
        let columns = Columns { id: column, ..Columns::default() };
        let options = ReadOptions { format, columns, ..ReadOptions::default() };
        let told = |error: &_| Excerpt::of_error(error).is_none_or(|(it, _)| is_within(&it));
        let mut wanted = Vec::new();
        match InputSource::open(file.path(), &options) {
            Err(error) => prop_assert!(told(&error), "{error:?}"),
            Ok(mut source) => loop {
                match source.advance() {
                    Ok(Some(position)) => {
                        let field = FIELDS[wanted.len() % FIELDS.len()];
                        wanted.push((position, field));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        prop_assert!(told(&error), "{error:?}");
                        break;
                    }
                }
            },
        }
        let found = Excerpt::of_rows(file.path(), &options, &wanted);
        // Every row is found that the reader found.
        prop_assert_eq!(found.len(), wanted.len(), "{:?}", found);
        for (row, excerpt) in wanted.iter().zip(found.values()) {
            prop_assert!(is_within(excerpt), "{excerpt:?}");
            prop_assert!(excerpt.line >= row.0.line, "{excerpt:?}");
        }
    }
}
