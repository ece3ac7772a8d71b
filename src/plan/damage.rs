//! Damage that shows in all ids of an account together, and in none alone.
//!
//! A spreadsheet keeps fifteen digits of a number and puts zeros for the rest, and a rounded id may
//! be another user's. One true id in a thousand ends in three zeros as well, so a single one says
//! nothing; many of them do. In the same way an id that is shorter than all others of its org has
//! lost its first digits. Only providers whose ids are alike are judged so
//! ([`AccountPolicy::ids_alike`]).
//!
//! At every provider an id is no id if it has at most half the digits of nearly all others. The
//! last row of a report counts the users, and another column numbers the rows. A date among ids of
//! another length says when the list was made. And among hexadecimal ids one that a spreadsheet took
//! for a number stands as `3.6E+11`.
//!
//! The decision needs no more of an id than its [`IdLook`], so rows are kept by it and not by their ids.

use std::ops::RangeInclusive;
use std::slice::SliceIndex;

use jiff::civil::Date;

use crate::domain::{AccountPolicy, Outcome, looks_rounded};
use crate::input::{Field, is_digits};

use super::outline::Why;

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

/// How many digits a date has.
const DATE: usize = 8;

/// The characters of an id as Sunshine Conversations gives it out.
const HEXADECIMAL: usize = 24;

/// The look of an id, as far as damage shows in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum IdLook {
    /// A whole number.
    Number {
        /// How many digits it has.
        digits: usize,
        /// Whether it ends as a spreadsheet leaves a longer one.
        rounded: bool,
        /// Whether it may be a date, as `20260105`.
        is_date: bool,
    },
    /// Hexadecimal, as Sunshine Conversations gives ids out.
    Hexadecimal,
    /// A number that is not written as a whole one.
    Broken,
    /// Any other text.
    Text,
}

impl IdLook {
    /// The look of the id `text`.
    pub(super) fn of(text: &str) -> Self {
        if is_digits(text) {
            return Self::Number {
                digits: text.len().min(SIZE_MAX),
                rounded: looks_rounded(text),
                is_date: is_date(text),
            };
        }
        if text.len() == HEXADECIMAL && text.bytes().all(|it| it.is_ascii_hexdigit()) {
            return Self::Hexadecimal;
        }
        if is_broken(text) {
            return Self::Broken;
        }
        Self::Text
    }
}

/// The common look of the ids of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many end as a spreadsheet leaves them.
    rounded: u64,
    /// How many ids there are.
    all: u64,
    /// How many of them are digits, decimal or of a given hexadecimal id, by their lengths.
    sizes: [u64; SIZE_MAX + 1],
    /// How many may be dates.
    dates: u64,
}

/// The reason of an id with fewer digits than the `usual` ones of `account`.
pub(super) fn fewer_digits(usual: usize, account: &str) -> String {
    format!(
        "the id has fewer digits than the {usual} of the ids of `{account}`: its first were lost, or \
         it is another org's; format the column as text and export again"
    )
}

impl Tally {
    /// Counts an id.
    pub(super) fn add(&mut self, look: IdLook) {
        self.all += 1;
        match look {
            IdLook::Number {
                digits,
                rounded,
                is_date,
            } => {
                self.sizes[digits] += 1;
                self.rounded += u64::from(rounded && DIGITS.contains(&digits));
                self.dates += u64::from(is_date);
            }
            IdLook::Hexadecimal => self.sizes[HEXADECIMAL] += 1,
            IdLook::Broken | IdLook::Text => {}
        }
    }

    /// Why an id of this look cannot be sent, as all of them show together; `None`: it can.
    pub(super) fn why(
        &self,
        look: IdLook,
        policy: &AccountPolicy,
        takes_foreign: bool,
    ) -> Option<Why> {
        let why = |code, reason| Some(Why::new(Outcome::Invalid, Field::Id, code, reason));
        let name = &policy.name;
        let (digits, rounded) = match look {
            IdLook::Number { is_date: true, .. } if self.has_dates() => {
                let reason = format!(
                    "the id looks like a date, and nearly all others of `{name}` have another length (if it \
                     is right, delete it from a file of its own)"
                );
                return why("date", reason);
            }
            IdLook::Number {
                digits, rounded, ..
            } => (digits, rounded),
            IdLook::Broken if self.are_nearly_all(self.sizes[HEXADECIMAL]) => {
                let reason = "a spreadsheet took the id for a number, so its digits are lost, as \
                              nearly all others are hexadecimal; format the column as text and \
                              export again";
                return why("broken_number", reason.to_owned());
            }
            IdLook::Hexadecimal | IdLook::Broken | IdLook::Text => return None,
        };
        if self.short().is_some_and(|short| digits <= short) {
            let reason = format!(
                "the id has at most half the digits of nearly all others of `{name}`: it is a total, a \
                 row's number or a part of an id (if it is right, delete it from a file of its own)"
            );
            return why("far_too_short", reason);
        }
        if !policy.ids_alike {
            return None;
        }
        let is_common = self.rounded * ROUNDED_ONE_IN >= self.of_sizes(DIGITS);
        if rounded && is_common && self.rounded >= ROUNDED_MIN {
            let reason = "the id ends in zeros, as more ids of this file do than true ones would: it \
                          was rounded to a spreadsheet's fifteen digits, and may be another user's \
                          now; format the column as text and export again (if it is right, delete it \
                          from a file of its own)";
            return why("rounded", reason.to_owned());
        }
        // A person who forces ids of several orgs through has ids of several lengths.
        let usual = self.usual().filter(|_| !takes_foreign)?;
        if digits >= usual {
            return None;
        }
        why("lost_leading_digits", fewer_digits(usual, name.as_str()))
    }

    /// How many ids have so many digits.
    fn of_sizes(&self, sizes: impl SliceIndex<[u64], Output = [u64]>) -> u64 {
        self.sizes[sizes].iter().sum()
    }

    /// Whether `count` ids are nearly all others.
    const fn are_nearly_all(&self, count: u64) -> bool {
        count >= LONG_IDS_MIN && count * 3 >= self.all * 2
    }

    /// How many digits nearly all of them have: the few with fewer lost their first. `None`: they are too few,
    /// or too different, to tell.
    fn usual(&self) -> Option<usize> {
        let all = self.of_sizes(DIGITS);
        let digits = DIGITS.max_by_key(|digits| self.sizes[*digits])?;
        // Nearly all: four fifths.
        let is_usual = all >= LENGTHS_MIN && self.sizes[digits] * 5 >= all * 4;
        is_usual.then_some(digits)
    }

    /// Ids of so many digits or fewer are at most half as long as nearly all others: a total or a row's
    /// number. `None`: there are too few others to tell.
    fn short(&self) -> Option<usize> {
        let longer = |size: usize| self.of_sizes((2 * size).max(LONG_MIN)..);
        // Twelve digits may be an external id among hexadecimal ones.
        let mut sizes = (1..HEXADECIMAL / 2).rev();
        sizes.find(|size| self.are_nearly_all(longer(*size)))
    }

    /// Whether nearly all of them have at least two digits more or fewer than a date, and of those that have as
    /// many, half are dates: one in twenty of true ids would be at most.
    fn has_dates(&self) -> bool {
        let others = self.of_sizes(..DATE - 1) + self.of_sizes(DATE + 2..);
        self.dates * 2 >= self.sizes[DATE] && self.are_nearly_all(others)
    }
}

/// Whether `text` is a day of this century or the last one, as programs write it.
fn is_date(text: &str) -> bool {
    let day = |form| Date::strptime(form, text);
    let is_day = |form| day(form).is_ok_and(|it| (1900..2100).contains(&it.year()));
    text.len() == DATE && ["%Y%m%d", "%d%m%Y", "%m%d%Y"].into_iter().any(is_day)
}

/// Whether `text` is a number that is not written as a whole one: `3.6E+11`, `361808351000.00`.
pub(super) fn is_broken(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"eE+-., '".contains(&byte);
    text.bytes().any(|byte| byte.is_ascii_digit()) && !is_digits(text) && text.bytes().all(is_part)
}
