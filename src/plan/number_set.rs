//! Numbers that come nearly always in order, as the rows of a file do, and a provider's ids.
//!
//! A plan of ten million rows is to take twice a bare reading of the file, and a third of it went into
//! finding the place of each number that belongs at the end.

use std::mem;

use roaring::RoaringTreemap;

use crate::domain::Position;

/// How many numbers are put behind the others at once.
const GATHERED_MAX: usize = 1024;

/// A set of numbers.
#[derive(Debug, Default)]
pub(super) struct NumberSet {
    set: RoaringTreemap,
    /// Numbers above all in `set`, in order.
    gathered: Vec<u64>,
    /// The greatest of all.
    greatest: Option<u64>,
}

impl NumberSet {
    /// Adds `number`; `false`: it is there.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        if self.greatest >= Some(number) {
            return self.settled().insert(number);
        }
        self.greatest = Some(number);
        self.gathered.push(number);
        if self.gathered.len() == GATHERED_MAX {
            self.settled();
        }
        true
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.set.contains(number) || self.gathered.binary_search(&number).is_ok()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.greatest.is_none()
    }

    /// All of them, and none is left here.
    pub(super) fn take(&mut self) -> RoaringTreemap {
        self.greatest = None;
        mem::take(self.settled())
    }

    fn settled(&mut self) -> &mut RoaringTreemap {
        // They are in order, so that none is refused.
        let _ = self.set.append(self.gathered.drain(..));
        &mut self.set
    }
}

/// The positions of `rows`, by the sums of row and line of all rows.
pub(super) fn positions<'a>(
    lines: &'a RoaringTreemap,
    rows: &'a RoaringTreemap,
) -> impl Iterator<Item = Position> + 'a {
    let mut wanted = rows.iter().peekable();
    let all = (1..).zip(lines).map_while(move |(row, sum)| {
        // Bounded by the rows of the file.
        let line = sum - row;
        Some((wanted.peek()? == &row).then(|| {
            wanted.next();
            Position { row, line }
        }))
    });
    all.flatten()
}
