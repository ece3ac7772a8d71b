//! The rows seen so far.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use crate::domain::{AccountName, Action, TaskKey, UserId};

/// The most pages that are kept. A provider's own ids lie together and need few: ten million in a
/// row need 153. Numbers scattered over all of 64 bits would need one each.
const PAGES_MAX: usize = 1 << 17;

/// How many of a page's numbers are kept one by one; from there on a bit for each of the 65,536
/// takes no more.
const FEW_MAX: usize = 4_096;

/// How many tables the keys are spread over.
const SHARDS: usize = 64;

/// Remembers account, action and id of every row it is shown.
///
/// Ids are numbers nearly always, and lie together: of those it keeps a bit each. Of all others it
/// keeps sixteen bytes and their share of a hash table.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Few: in practice an account's rows ask for one action, or two.
    groups: Vec<Group>,
    /// The place of the group that was asked for last.
    last: usize,
    /// The pages of all groups.
    pages: usize,
    others: Keys,
}

/// The numbers of one account and action.
#[derive(Debug)]
struct Group {
    account: AccountName,
    action: Action,
    /// The place in `pages` of each page, by the upper 48 bits of its numbers. Once there are
    /// [`PAGES_MAX`] in all there are never more, so a number is always looked for where it was put.
    places: HashMap<u64, usize>,
    pages: Vec<Page>,
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

impl Seen {
    /// Remembers a row; `false`: it was there before.
    pub(super) fn insert(&mut self, account: &AccountName, action: Action, id: &UserId) -> bool {
        let known = number(id.as_str()).and_then(|number| {
            let place = self.group_of(account, action);
            self.groups[place].insert(number, &mut self.pages)
        });
        known.unwrap_or_else(|| self.others.insert(TaskKey::new(account, action, id)))
    }

    /// The place of the group of `account` and `action`, made if it is not there.
    fn group_of(&mut self, account: &AccountName, action: Action) -> usize {
        let is_it = |group: &Group| group.action == action && group.account == *account;
        if !self.groups.get(self.last).is_some_and(is_it) {
            let found = self.groups.iter().position(is_it);
            self.last = found.unwrap_or_else(|| {
                self.groups.push(Group::new(account.clone(), action));
                self.groups.len() - 1
            });
        }
        self.last
    }

    /// Whether a row of this account, action and id was remembered.
    pub(super) fn contains(&self, account: &AccountName, action: Action, id: &UserId) -> bool {
        let is_it = |group: &&Group| group.action == action && group.account == *account;
        let known = number(id.as_str()).and_then(|number| {
            let group = self.groups.iter().find(is_it)?;
            let page = group.places.get(&(number >> 16))?;
            Some(group.pages[*page].contains(low_bits(number)))
        });
        known.unwrap_or_else(|| self.others.contains(TaskKey::new(account, action, id)))
    }
}

impl Group {
    fn new(account: AccountName, action: Action) -> Self {
        Self {
            account,
            action,
            places: HashMap::new(),
            pages: Vec::new(),
            last: (0, usize::MAX),
        }
    }

    /// Remembers `number`; `None`: it has no page, and there may be no more.
    fn insert(&mut self, number: u64, pages: &mut usize) -> Option<bool> {
        let (upper, lower) = (number >> 16, low_bits(number));
        if self.last.0 != upper || self.last.1 == usize::MAX {
            let place = match self.places.get(&upper) {
                Some(place) => *place,
                None if *pages >= PAGES_MAX => return None,
                None => {
                    *pages += 1;
                    self.pages.push(Page::Few(Vec::new()));
                    self.places.insert(upper, self.pages.len() - 1);
                    self.pages.len() - 1
                }
            };
            self.last = (upper, place);
        }
        Some(self.pages[self.last.1].insert(lower))
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

/// Keys of rows, in tables that do not grow all at once.
///
/// A table doubles when it is full, and holds old and new while it does: at that moment one for all
/// would take 58 bytes a key, and 39 behind it. These get shares of the keys from one to nearly two,
/// so that each is at another point between two doublings: some 28 bytes a key, whenever one looks.
#[derive(Debug)]
struct Keys(Vec<HashSet<TaskKey, BuildHasherDefault<Bits>>>);

impl Default for Keys {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| HashSet::default()).collect())
    }
}

impl Keys {
    fn contains(&self, key: TaskKey) -> bool {
        self.0[shard(key.upper_bits())].contains(&key)
    }

    fn insert(&mut self, key: TaskKey) -> bool {
        self.0[shard(key.upper_bits())].insert(key)
    }
}

/// The table for a key whose upper bits are `bits`: table n gets 64 + n parts of all.
fn shard(bits: u32) -> usize {
    /// The sum of 64 + n over all n.
    const PARTS: u64 = 64 * 64 + 63 * 64 / 2;
    let part = (u64::from(bits) * PARTS) >> 32;
    // The tables before n have 64 n + n (n - 1) / 2 parts, so 2 part = n² + 127 n at its first.
    let n = ((127 * 127 + 8 * part).isqrt() - 127) / 2;
    usize::try_from(n).map_or(SHARDS - 1, |n| n.min(SHARDS - 1))
}

/// Hashes a key, which is a digest already, as some of its own bits.
#[derive(Debug, Default)]
struct Bits(u64);

impl Hasher for Bits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "some bits are enough")]
        let bits = key as u64;
        self.0 = bits;
    }
}

/// The number that stands for `text` and for no other text; `None`: there is none. `007` and `7`
/// are two ids, so leading zeros are no number's.
pub(super) fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::{FEW_MAX, PAGES_MAX, SHARDS, Seen, number, shard};
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
    fn numbers_scattered_over_64_bits_are_told_apart_in_a_bounded_number_of_pages() {
        let mut seen = Seen::default();
        let account = AccountName::new("acme");
        let count = 2 * PAGES_MAX as u64;
        let id = |n: u64| UserId::new(((n << 32) | (n % 7)).to_string());
        for round in [true, false] {
            for n in 1..=count {
                let new = seen.insert(&account, Action::Delete, &id(n));
                assert_eq!(new, round, "{n}");
            }
        }
        assert_eq!(
            (seen.pages, seen.groups[0].pages.len()),
            (PAGES_MAX, PAGES_MAX)
        );
        let others: usize = seen.others.0.iter().map(HashSet::len).sum();
        assert_eq!(others, PAGES_MAX);
    }

    #[test]
    fn numbers_that_lie_together_are_told_apart_in_whatever_order_they_come() {
        let (few, account) = (FEW_MAX as u64, AccountName::new("acme"));
        let mut seen = Seen::default();
        let mut insert = |n: u64| {
            let id = UserId::new((36_180_000_000_000 + n).to_string());
            seen.insert(&account, Action::Delete, &id)
        };
        let odd = (0..20 * few).map(|n| 2 * n + 1);
        let even = (0..20 * few).rev().map(|n| 2 * n);
        assert!(odd.chain(even).all(&mut insert));
        assert!(!(0..40 * few).any(&mut insert));
        assert!(seen.groups[0].pages.len() <= 4);
    }

    #[test]
    fn the_tables_of_keys_have_shares_from_one_to_nearly_two() {
        let mut shares = [0_u32; SHARDS];
        for bits in (0..=u32::MAX).step_by(1 << 12) {
            shares[shard(bits)] += 1;
        }
        assert!(shares.is_sorted(), "{shares:?}");
        let (least, most) = (f64::from(shares[0]), f64::from(shares[SHARDS - 1]));
        assert!((1.9..2.1).contains(&(most / least)), "{shares:?}");
    }

    #[test]
    fn keys_take_at_most_forty_bytes_each_at_every_size() {
        let mut seen = Seen::default();
        let account = AccountName::new("chat");
        for n in 1..=300_000_u64 {
            assert!(seen.insert(&account, Action::Delete, &UserId::new(format!("{n:x}-"))));
            if n > 20_000 && n % 1_000 == 0 {
                // A slot takes a key and a byte; the tables have room for seven eighths of them.
                let slots = |table: &HashSet<_, _>| {
                    let room = table.capacity();
                    (room * 8 / 7).next_power_of_two()
                };
                let tables = || seen.others.0.iter().map(slots);
                // All that is there, and the largest of them once more, as if it had just grown.
                let bytes = 17 * (tables().sum::<usize>() + tables().max().unwrap() / 2);
                assert!(bytes as u64 <= 40 * n, "{bytes} bytes for {n} keys");
            }
        }
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
