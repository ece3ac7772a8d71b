//! Damage that shows in all ids of an account together, and in none alone.
//!
//! A spreadsheet keeps fifteen digits of a number and puts zeros for the rest, and a rounded id may
//! be another user's. One true id in a thousand ends in three zeros as well, so a single one says
//! nothing; many of them do. In the same way an id that is shorter than all others of its org has
//! lost its first digits. Only providers whose ids are alike are judged so
//! ([`AccountPolicy::ids_alike`](crate::domain::AccountPolicy)).

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

/// What the ids of one account look like together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many ids there are of each length in [`DIGITS`].
    lengths: [u64; DIGITS.end().abs_diff(*DIGITS.start()) + 1],
    /// How many end as a spreadsheet leaves them.
    rounded: u64,
}

impl Tally {
    /// Whether `text` is an id that counts.
    pub(super) fn counts(text: &str) -> bool {
        DIGITS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Counts `text`, which [counts](Tally::counts).
    pub(super) fn add(&mut self, text: &str) {
        if let Some(count) = self.lengths.get_mut(text.len() - DIGITS.start()) {
            *count += 1;
        }
        self.rounded += u64::from(looks_rounded(text));
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
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Tally;

    const WHOLE: u64 = 5_725_767_000_000_411_001;
    const ROUNDED: u64 = 5_725_767_000_000_410_000;
    const SHORT: u64 = 25_767_000_000_411_001;

    fn told(ids: &[(u64, usize)]) -> (bool, Option<usize>) {
        let mut tally = Tally::default();
        for (id, count) in ids {
            let id = id.to_string();
            assert!(Tally::counts(&id));
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

    #[test]
    fn what_is_short_long_or_no_number_does_not_count() {
        for text in [
            "36180835100000",
            "57257670000004110010",
            "5963c0d619a30a2e",
            "",
        ] {
            assert!(!Tally::counts(text), "{text}");
        }
    }
}
