//! Whether the ids were taken from the wrong column, and which looks like the right one.

use std::collections::BTreeSet;

use crate::domain::{AccountName, AccountPolicy};
use crate::input::{InputError, InputTable, trim_cell};

/// How many rows are looked at.
const ROWS_MAX: u64 = 1_000;

/// What a cell is called that holds something else than an id, or nothing. A damaged id is none of
/// these: it stands in the right column.
const OTHER_THINGS: [&str; 6] = [
    "no_id",
    "not_digits",
    "email",
    "zuid",
    "too_short",
    "too_long",
];

/// The columns that a report adds are called so; they hold no ids.
const REPORTED: &str = "userpurge_";

/// A text that only a provider lets pass whose ids may be anything.
const NO_ID: &str = "no id";

/// Whether an id that fails with `code` may be something else than an id.
pub(super) fn is_another_thing(code: &str) -> bool {
    OTHER_THINGS.contains(&code)
}

/// The column of `table` that looks most like ids of `accounts`: nine in ten of its cells are some.
/// `None`: none does, or any text may be an id there.
pub fn likely_id_column(
    table: &mut InputTable,
    policies: &[AccountPolicy],
    accounts: &BTreeSet<AccountName>,
) -> Result<Option<String>, InputError> {
    let checks: Vec<_> = policies
        .iter()
        .filter(|policy| accounts.contains(&policy.name) && (policy.check_id)(NO_ID).is_err())
        .map(|policy| policy.check_id)
        .collect();
    let mut fitting = vec![0_u64; table.columns().len()];
    let mut rows = 0;
    while rows < ROWS_MAX && table.advance()?.is_some() {
        rows += 1;
        for (count, cell) in fitting.iter_mut().zip(table.cells()) {
            let text = String::from_utf8_lossy(&cell);
            let text = trim_cell(&text);
            let is_id = !text.is_empty() && checks.iter().any(|check| check(text).is_ok());
            *count += u64::from(is_id);
        }
    }
    let taken = table.field_places();
    let is_own = |place: &usize| table.columns()[*place].starts_with(REPORTED);
    let others = (0..fitting.len()).filter(|place| !taken.contains(place));
    let likely = others.filter(|place| !is_own(place));
    // Of two that fit alike, the first.
    let best = likely.min_by_key(|place| std::cmp::Reverse(fitting[*place]));
    let fits = |place: &usize| fitting[*place] > 0 && fitting[*place] * 10 >= rows * 9;
    Ok(best
        .filter(fits)
        .map(|place| table.columns()[place].clone()))
}
