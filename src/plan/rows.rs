//! The lines that rows begin on.

use roaring::RoaringTreemap;

use crate::domain::Position;

/// The line of every row of a file: lines never go back, so one bitmap of `row + line` holds them.
#[derive(Debug, Default)]
pub(super) struct RowLines(RoaringTreemap);

impl RowLines {
    /// Notes the line of the next row.
    pub(super) fn push(&mut self, position: Position) {
        // Not `try_push`, which looks for the end of what is there.
        self.0.insert(position.row + position.line);
    }

    /// The positions of `rows`.
    pub(super) fn positions<'a>(
        &'a self,
        rows: &'a RoaringTreemap,
    ) -> impl Iterator<Item = Position> + 'a {
        let mut wanted = rows.iter().peekable();
        (1..)
            .zip(&self.0)
            .map_while(move |(row, sum)| {
                // Bounded by the rows of the file.
                let next = *wanted.peek()?;
                let is_wanted = next == row;
                if is_wanted {
                    wanted.next();
                }
                Some(is_wanted.then(|| Position {
                    row,
                    line: sum - row,
                }))
            })
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use roaring::RoaringTreemap;

    use super::RowLines;
    use crate::domain::Position;

    proptest! {
        #[test]
        fn rows_have_their_lines(steps in prop::collection::vec((0_u64..3, any::<bool>()), 1..200)) {
            let (mut lines, mut rows, mut line) = (RowLines::default(), RoaringTreemap::new(), 1);
            let mut expected = Vec::new();
            for (row, (step, is_wanted)) in (1..).zip(steps) {
                line += step;
                let position = Position { row, line };
                lines.push(position);
                if is_wanted {
                    rows.insert(row);
                    expected.push(position);
                }
            }
            prop_assert_eq!(lines.positions(&rows).collect::<Vec<_>>(), expected);
        }
    }
}
