//! Sets of rows that only grow at their end, and the lines that rows begin on.

use roaring::RoaringTreemap;

use crate::domain::Position;

/// The line of every row of a file: lines never go back, so one bitmap of `row + line` holds them.
#[derive(Debug, Default)]
pub(super) struct Lines(RoaringTreemap);

impl Lines {
    /// Notes the line of the next row.
    pub(super) fn push(&mut self, position: Position) {
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

/// Row numbers, most of which follow one another.
#[derive(Debug, Default)]
pub(super) struct RowNumbers {
    rows: RoaringTreemap,
    /// The last of them that follow one another, which are not in `rows` yet: first and end.
    run: (u64, u64),
}

impl RowNumbers {
    /// Adds a row behind all others.
    pub(super) fn push(&mut self, row: u64) {
        if self.run.1 != row {
            self.end_run();
            self.run = (row, row);
        }
        self.run.1 += 1;
    }

    /// All of them.
    pub(super) fn finish(mut self) -> RoaringTreemap {
        self.end_run();
        self.rows
    }

    fn end_run(&mut self) {
        self.rows.insert_range(self.run.0..self.run.1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Lines, RowNumbers};
    use crate::domain::Position;

    proptest! {
        #[test]
        fn rows_have_their_lines(steps in prop::collection::vec((0_u64..3, any::<bool>()), 1..200)) {
            let (mut lines, mut rows, mut line) = (Lines::default(), RowNumbers::default(), 1);
            let mut expected = Vec::new();
            for (row, (step, is_wanted)) in (1..).zip(steps) {
                line += step;
                let position = Position { row, line };
                lines.push(position);
                if is_wanted {
                    rows.push(row);
                    expected.push(position);
                }
            }
            let rows = rows.finish();
            prop_assert_eq!(lines.positions(&rows).collect::<Vec<_>>(), expected);
        }
    }
}
