//! Numbers seen so far, a bit for each where they lie together.

use std::collections::HashMap;

use super::seen::{ACTIONS, Met};
use crate::domain::Action;

/// The most pages that are kept, of all accounts together. A provider's own ids lie together and
/// need few: ten million in a row need 153. Numbers scattered over all of 64 bits would need one
/// each.
pub(super) const PAGES_MAX: usize = 1 << 17;

/// How many of a page's numbers are kept one by one; from there on a bit for each of the 65,536
/// takes no more.
const FEW_MAX: usize = 4_096;

/// The numbers of one account.
#[derive(Debug)]
pub(super) struct Numbers {
    /// The place of each page, by the upper 48 bits of its numbers. Once there are [`PAGES_MAX`] in
    /// all there are never more, so a number is always looked for where it was put, whatever its
    /// action.
    places: HashMap<u64, usize>,
    /// The pages of each action, by their places; those behind the last are empty.
    pages: [Vec<Page>; ACTIONS],
    /// The page that was asked for last, which is nearly always the next one, too.
    last: (u64, usize),
}

/// Numbers that have their upper 48 bits in common, by their lower 16.
#[derive(Debug)]
enum Page {
    /// Sorted.
    Few(Vec<u16>),
    Bits(Box<[u64; 1024]>),
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            pages: Default::default(),
            last: (0, usize::MAX),
        }
    }
}

impl Numbers {
    /// Remembers `number` under `action`; `None`: it has no page, and there may be no more than the
    /// `pages` there are.
    pub(super) fn insert(&mut self, number: u64, action: Action, pages: &mut usize) -> Option<Met> {
        let (upper, lower) = (number >> 16, low_bits(number));
        if self.last.0 != upper || self.last.1 == usize::MAX {
            let place = match self.places.get(&upper) {
                Some(place) => *place,
                None if *pages >= PAGES_MAX => return None,
                None => {
                    *pages += 1;
                    let place = self.places.len();
                    self.places.insert(upper, place);
                    place
                }
            };
            self.last = (upper, place);
        }
        let place = self.last.1;
        let own = &mut self.pages[action as usize];
        if own.len() <= place {
            own.resize_with(place + 1, Page::default);
        }
        if !own[place].insert(lower) {
            return Some(Met::Again);
        }
        let mut others = Action::ALL.into_iter().filter(|other| *other != action);
        let is_shared = others.any(|other| {
            let page = self.pages[other as usize].get(place);
            page.is_some_and(|page| page.contains(lower))
        });
        Some(if is_shared { Met::Shared } else { Met::First })
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Page {
    fn contains(&self, lower: u16) -> bool {
        match self {
            Self::Few(all) => all.binary_search(&lower).is_ok(),
            Self::Bits(bits) => bits[usize::from(lower) / 64] & (1 << (lower % 64)) != 0,
        }
    }

    /// Remembers `lower`; `false`: it was there before.
    fn insert(&mut self, lower: u16) -> bool {
        match self {
            Self::Few(all) => {
                let place = match all.last() {
                    // In the order of the file they mostly rise.
                    Some(last) if *last < lower => all.len(),
                    _ => match all.binary_search(&lower) {
                        Ok(_) => return false,
                        Err(place) => place,
                    },
                };
                all.insert(place, lower);
                if all.len() > FEW_MAX {
                    let mut bits = Box::new([0; 1024]);
                    for lower in all {
                        set(&mut bits, *lower);
                    }
                    *self = Self::Bits(bits);
                }
                true
            }
            Self::Bits(bits) => set(bits, lower),
        }
    }
}

/// Sets the bit of `lower`; `false`: it was set before.
fn set(bits: &mut [u64; 1024], lower: u16) -> bool {
    let word = &mut bits[usize::from(lower) / 64];
    let bit = 1 << (lower % 64);
    let was_set = *word & bit != 0;
    *word |= bit;
    !was_set
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower bits are what is wanted"
)]
const fn low_bits(number: u64) -> u16 {
    number as u16
}

/// The number that stands for `text` and for no other text; `None`: there is none. `007` and `7`
/// are two ids, so leading zeros are no number's.
pub(super) fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{FEW_MAX, Met, Numbers, PAGES_MAX, number};
    use crate::domain::Action;

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
    fn numbers_that_lie_together_are_told_apart_in_whatever_order_they_come() {
        let few = FEW_MAX as u64;
        let (mut numbers, mut pages) = (Numbers::default(), 0);
        let mut insert = |n: u64, met: Met| {
            let number = 36_180_000_000_000 + n;
            let told = numbers.insert(number, Action::Delete, &mut pages);
            assert_eq!(told, Some(met), "{n}");
        };
        let odd = (0..20 * few).map(|n| 2 * n + 1);
        let even = (0..20 * few).rev().map(|n| 2 * n);
        odd.chain(even).for_each(|n| insert(n, Met::First));
        (0..40 * few).for_each(|n| insert(n, Met::Again));
        assert!(pages <= 4);
    }

    #[test]
    fn a_number_has_a_page_under_every_action_or_under_none() {
        let (mut numbers, mut pages) = (Numbers::default(), PAGES_MAX - 1);
        let mut insert = |number, action| numbers.insert(number, action, &mut pages);
        assert_eq!(insert(7, Action::Purge), Some(Met::First));
        assert_eq!(insert(1 << 40, Action::Purge), None);
        assert_eq!(insert(8, Action::Delete), Some(Met::First));
        assert_eq!(insert(7, Action::Delete), Some(Met::Shared));
        assert_eq!(insert(1 << 40, Action::Delete), None);
    }
}
