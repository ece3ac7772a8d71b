//! The program's own bounds, made small: what a real run comes to after thousands of rows, a seed comes to
//! with its tens. Which of them, and how small, is another matter in each process.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use userpurge::domain::BOUNDS;

use crate::case::Draw;

thread_local! {
    /// What the bounds are drawn from; `None`: they are what they are.
    static FROM: Cell<Option<u64>> = const { Cell::new(None) };
    /// The small ones that were asked for.
    static SMALL: RefCell<BTreeMap<&'static str, usize>> = const { RefCell::new(BTreeMap::new()) };
}

/// Draws the bounds of the process that begins, or lets them be what they are.
pub(crate) fn draw(from: Option<u64>) {
    FROM.set(from);
    SMALL.take();
    BOUNDS.set(bound);
}

/// The small bounds that the last process met.
pub(crate) fn small() -> String {
    SMALL.with_borrow(|small| format!("{small:?}"))
}

/// One bound of the process at work: the same each time that it is asked for.
pub(crate) fn bound(name: &'static str, least: usize, most: usize) -> usize {
    let Some(from) = FROM.get().filter(|_| least < most) else {
        return most;
    };
    let of_name = name.bytes().fold(from, |all, it| {
        (all ^ u64::from(it)).wrapping_mul(0x0100_0000_01B3)
    });
    let mut draw = Draw::new(of_name);
    if draw.is(40) {
        return most;
    }
    let more = draw.one(&[0, 0, 1, 2, 4, 9, 29]);
    let bound = most.min(least + more);
    SMALL.with_borrow_mut(|small| small.insert(name, bound));
    bound
}
