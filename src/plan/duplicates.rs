//! The rows seen so far.

use std::collections::{HashMap, HashSet};

use roaring::RoaringBitmap;

use crate::domain::{AccountName, Action, TaskKey, UserId};

/// The most bitmaps that are kept of one account and action. A provider's own ids lie together and
/// need few: Zendesk's fourteen digits at most 23,283. Numbers scattered over all of 64 bits would
/// need one each, of some two hundred bytes.
const BITMAPS_MAX: usize = 1 << 15;

/// Remembers account, action and id of every row it is shown.
///
/// Ids are numbers nearly always, and bitmaps hold ten million of them in some tens of megabytes;
/// of the others sixteen bytes each are kept, and their share of a hash table.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Numbers by their upper 32 bits. Once there are [`BITMAPS_MAX`] of an account and action,
    /// there are never more, so a number is always looked for where it was put.
    numbers: HashMap<(AccountName, Action), HashMap<u32, RoaringBitmap>>,
    others: HashSet<TaskKey>,
}

impl Seen {
    /// Remembers a row; `false`: it was there before.
    pub(super) fn insert(&mut self, account: &AccountName, action: Action, id: &UserId) -> bool {
        if let Some(number) = number(id.as_str()) {
            let (upper, lower) = halves(number);
            let bitmaps = self.numbers.entry((account.clone(), action)).or_default();
            if let Some(bitmap) = bitmaps.get_mut(&upper) {
                return bitmap.insert(lower);
            }
            if bitmaps.len() < BITMAPS_MAX {
                return bitmaps.entry(upper).or_default().insert(lower);
            }
        }
        self.others.insert(TaskKey::new(account, action, id))
    }
}

/// The upper and the lower 32 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is wanted"
)]
const fn halves(number: u64) -> (u32, u32) {
    ((number >> 32) as u32, number as u32)
}

/// The number that stands for `text` and for no other text; `None`: there is none. `007` and `7`
/// are two ids, so leading zeros are no number's.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::{BITMAPS_MAX, Seen, number};
    use crate::domain::{AccountName, Action, UserId};

    #[rstest]
    #[case("0", Some(0))]
    #[case("7", Some(7))]
    #[case("18446744073709551615", Some(u64::MAX))]
    #[case("18446744073709551616", None)]
    #[case("007", None)]
    #[case("00", None)]
    #[case("+7", None)]
    #[case("", None)]
    #[case("5963c0d619a3", None)]
    fn only_a_plain_number_stands_for_its_text(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(number(text), expected);
    }

    #[test]
    fn numbers_scattered_over_64_bits_are_told_apart_in_a_bounded_number_of_bitmaps() {
        let mut seen = Seen::default();
        let account = AccountName::new("acme");
        let count = 2 * BITMAPS_MAX as u64;
        let id = |n: u64| UserId::new(((n << 32) | (n % 7)).to_string());
        for round in [true, false] {
            for n in 1..=count {
                let new = seen.insert(&account, Action::Delete, &id(n));
                assert_eq!(new, round, "{n}");
            }
        }
        let bitmaps = seen.numbers.values().next().unwrap();
        assert_eq!(bitmaps.len(), BITMAPS_MAX);
        assert_eq!(seen.others.len(), BITMAPS_MAX);
    }

    proptest! {
        #[test]
        fn a_row_is_new_exactly_once(
            rows in prop::collection::vec(("[ab]", 0..4_usize, "[0-2]{1,3}|1844674407370955161[56]|[xy]"), 0..60)
        ) {
            let mut seen = Seen::default();
            let mut model = HashSet::new();
            for (account, action, id) in rows {
                let new = seen.insert(
                    &AccountName::new(account.as_str()),
                    Action::ALL[action],
                    &UserId::new(id.as_str()),
                );
                prop_assert_eq!(new, model.insert((account, action, id)));
            }
        }
    }
}
