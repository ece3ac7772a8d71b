//! Damage that shows in all ids of an account together, and in none alone.
//!
//! A spreadsheet keeps fifteen digits of a number and puts zeros for the rest, and a rounded id may
//! be another user's. One true id in a thousand ends in three zeros as well, so a single one says
//! nothing; many of them do. In the same way an id that is shorter than all others of its org has
//! lost its first digits. Only providers whose ids are alike are judged so
//! ([`AccountPolicy::ids_alike`](crate::domain::AccountPolicy)).
//!
//! At every provider an id is no id that has not half the digits of nearly all others: the last row of
//! a report counts the users, and another column numbers the rows. And among hexadecimal ids one that
//! a spreadsheet took for a number stands as `3.6E+11`.

use std::ops::RangeInclusive;

use crate::domain::{ColumnDamage, looks_rounded};

/// The lengths of ids that are looked at, in digits: shorter ones a spreadsheet keeps, and longer
/// ones no provider has.
const DIGITS: RangeInclusive<usize> = 15..=19;

/// The fewest ids ending in zeros that say anything.
const ROUNDED_MIN: u64 = 2;

/// Ids were rounded if one in so many ends in zeros, which is twenty times as many as of true ones.
const ROUNDED_ONE_IN: u64 = 50;

/// The fewest ids whose lengths say anything.
const LENGTHS_MIN: u64 = 5;

/// The longest id that is told by its length, in characters.
const SIZE_MAX: usize = 31;

/// How many digits ids have at least among which another is too short.
const LONG_MIN: usize = 8;

/// How many such ids there are at least.
const LONG_IDS_MIN: u64 = 2;

/// The characters of an id as Sunshine Conversations gives it out.
const HEXADECIMAL: usize = 24;

/// What the ids of one account look like together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many ids there are of each length in [`DIGITS`].
    lengths: [u64; DIGITS.end().abs_diff(*DIGITS.start()) + 1],
    /// How many end as a spreadsheet leaves them.
    rounded: u64,
    /// How many ids there are.
    all: u64,
    /// How many of them are digits, decimal or of a given hexadecimal id, by their lengths.
    sizes: [u64; SIZE_MAX + 1],
    /// How many are written as a number that is not whole.
    broken: u64,
}

impl Tally {
    /// Counts the id `text`.
    pub(super) fn add(&mut self, text: &str) {
        self.all += 1;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let is_given = text.len() == HEXADECIMAL && text.bytes().all(|it| it.is_ascii_hexdigit());
        if is_number || is_given {
            self.sizes[text.len().min(SIZE_MAX)] += 1;
        } else {
            self.broken += u64::from(is_broken(text));
        }
        if is_number && DIGITS.contains(&text.len()) {
            self.lengths[text.len() - DIGITS.start()] += 1;
            self.rounded += u64::from(looks_rounded(text));
        }
    }

    /// Whether `count` ids are nearly all others.
    const fn are_nearly_all(&self, count: u64) -> bool {
        count >= LONG_IDS_MIN && count * 3 >= self.all * 2
    }

    /// See [`ColumnDamage::short`].
    fn short(&self) -> Option<usize> {
        let longer = |size: &usize| self.sizes[(2 * size + 1).max(LONG_MIN)..].iter().sum();
        let mut sizes = (1..SIZE_MAX / 2).rev();
        let short = sizes.find(|size| self.are_nearly_all(longer(size)))?;
        let any = self.sizes[..=short].iter().any(|count| *count > 0);
        any.then_some(short)
    }

    /// The damage that they show.
    pub(super) fn damage(&self) -> ColumnDamage {
        let all: u64 = self.lengths.iter().sum();
        let commonest = DIGITS.zip(self.lengths).max_by_key(|(_, count)| *count);
        let shorter = |digits: usize| {
            self.lengths
                .iter()
                .take(digits - DIGITS.start())
                .sum::<u64>()
        };
        // Nearly all: four fifths.
        let digits = commonest.filter(|(digits, count)| {
            all >= LENGTHS_MIN && count * 5 >= all * 4 && shorter(*digits) > 0
        });
        ColumnDamage {
            rounded: self.rounded >= ROUNDED_MIN && self.rounded * ROUNDED_ONE_IN >= all,
            digits: digits.map(|(digits, _)| digits),
            short: self.short(),
            broken: self.broken > 0 && self.are_nearly_all(self.sizes[HEXADECIMAL]),
        }
    }
}

/// Whether `text` is a number that is not written as a whole one: `3.6E+11`, `361808351000.00`.
pub(super) fn is_broken(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"eE+-., '".contains(&byte);
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| !byte.is_ascii_digit())
        && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Tally, is_broken};

    const WHOLE: u64 = 5_725_767_000_000_411_001;
    const ROUNDED: u64 = 5_725_767_000_000_410_000;
    const SHORT: u64 = 25_767_000_000_411_001;

    fn told(ids: &[(u64, usize)]) -> (bool, Option<usize>) {
        let mut tally = Tally::default();
        for (id, count) in ids {
            let id = id.to_string();
            (0..*count).for_each(|_| tally.add(&id));
        }
        let damage = tally.damage();
        (damage.rounded, damage.digits)
    }

    #[rstest]
    // One that ends in zeros may be true, two in a hundred are not.
    #[case(&[(WHOLE, 4), (ROUNDED, 1)], (false, None))]
    #[case(&[(ROUNDED, 1)], (false, None))]
    #[case(&[(ROUNDED, 2)], (true, None))]
    #[case(&[(WHOLE, 98), (ROUNDED, 2)], (true, None))]
    #[case(&[(WHOLE, 99), (ROUNDED, 2)], (false, None))]
    // Lengths tell only where nearly all are alike.
    #[case(&[(WHOLE, 4)], (false, None))]
    #[case(&[(WHOLE, 4), (SHORT, 1)], (false, Some(19)))]
    #[case(&[(WHOLE, 4), (SHORT, 2)], (false, None))]
    fn what_many_ids_show_and_few_do_not(
        #[case] ids: &[(u64, usize)],
        #[case] damage: (bool, Option<usize>),
    ) {
        assert_eq!(told(ids), damage);
    }

    #[rstest]
    // A total below ids of twelve digits.
    #[case(&[("361808351050", 6), ("6", 1)], (Some(5), false))]
    #[case(&[("361808351050", 2), ("12345", 1)], (Some(5), false))]
    #[case(&[("361808351050", 2), ("123456", 1)], (None, false))]
    #[case(&[("361808351050", 1), ("6", 1)], (None, false))]
    #[case(&[("361808351050", 6), ("6", 4)], (None, false))]
    #[case(&[("361808351050", 6)], (None, false))]
    // Short ids alone say nothing.
    #[case(&[("3618083", 50), ("1", 1)], (None, false))]
    #[case(&[("5963c0d619a30a2e00de36b8", 4), ("6", 1), ("jane", 1)], (Some(11), false))]
    #[case(&[("5963c0d619a30a2e00de36b8", 4), ("3.6E+11", 1)], (None, true))]
    #[case(&[("jane", 4), ("3.6E+11", 1)], (None, false))]
    fn what_is_no_id_shows_among_ids(
        #[case] ids: &[(&str, usize)],
        #[case] damage: (Option<usize>, bool),
    ) {
        let mut tally = Tally::default();
        for (id, count) in ids {
            (0..*count).for_each(|_| tally.add(id));
        }
        let found = tally.damage();
        assert_eq!((found.short, found.broken), damage);
    }

    #[rstest]
    #[case("3.6E+11", true)]
    #[case("361808351000,00", true)]
    #[case("361808351000", false)]
    #[case("e", false)]
    #[case("jane", false)]
    fn a_broken_number_is_told_from_a_whole_one(#[case] text: &str, #[case] broken: bool) {
        assert_eq!(is_broken(text), broken);
    }
}
