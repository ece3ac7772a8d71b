//! The rows seen so far, and which of them are duplicates.
//!
//! Of an id that is a number it is told at once. All others are told when every row was seen
//! ([`Seen::told`]): to look each up as it comes would take longer than all else.

use roaring::RoaringTreemap;

use super::decision::Fit;
use super::numbers::{Numbers, number};
use super::parts::SharedUsers;
use super::shards::{Shards, Twice};
use crate::domain::{AccountName, Action, Position, TaskKey};

/// How many actions there are.
pub(super) const ACTIONS: usize = Action::ALL.len();

/// How many hexadecimal digits an id has of which all are kept.
const DIGITS: usize = 24;

/// Remembers account, action and id of every row it is shown.
///
/// Ids are numbers nearly always, and lie together: of those it keeps a bit each. Of 24 hexadecimal
/// digits it keeps twelve bytes and four for the row; of any other text sixteen, a digest, and four.
#[derive(Debug)]
pub(super) struct Seen {
    accounts: Vec<OfAccount>,
    /// The pages of all accounts.
    pages: usize,
    lines: Lines,
}

#[derive(Debug)]
struct OfAccount {
    name: AccountName,
    numbers: Numbers,
    /// The numbers that have rows of several actions.
    shared: RoaringTreemap,
    hexadecimal: Shards<3>,
    /// The digests of all else, without the action.
    others: Shards<4>,
}

/// Whether an id was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// Never.
    First,
    /// Under other actions of the same account.
    Shared,
    /// Under this action.
    Again,
}

/// What is known when all rows were seen.
#[derive(Debug)]
pub(super) struct Told {
    /// The duplicates that were not told at once, by the place of their account and by action.
    pub(super) duplicates: Vec<[RoaringTreemap; ACTIONS]>,
    pub(super) shared: SharedUsers,
    /// The lines of all duplicates, and of many rows more.
    pub(super) lines: Lines,
}

/// The lines of rows: nearly always, as many behind the row's number as for the row before.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<Position>);

impl Seen {
    /// Remembers rows of `accounts`.
    pub(super) fn of<'a>(accounts: impl Iterator<Item = &'a AccountName>) -> Self {
        let of_account = |name: &AccountName| OfAccount {
            name: name.clone(),
            numbers: Numbers::default(),
            shared: RoaringTreemap::new(),
            hexadecimal: Shards::default(),
            others: Shards::default(),
        };
        Self {
            accounts: accounts.map(of_account).collect(),
            pages: 0,
            lines: Lines::default(),
        }
    }

    /// Remembers a row; `false`: it is a duplicate. If it is not, that may still be told.
    pub(super) fn insert(&mut self, fit: &Fit<'_>, position: Position) -> bool {
        let account = &mut self.accounts[fit.place];
        if let Some(key) = hexadecimal(fit.id) {
            self.lines.keep(position);
            account.hexadecimal.push(key, fit.action, position.row);
            return true;
        }
        let number = number(fit.id);
        let met = number.and_then(|it| account.numbers.insert(it, fit.action, &mut self.pages));
        match met {
            Some(Met::First) => true,
            Some(Met::Shared) => {
                account.shared.extend(number);
                true
            }
            Some(Met::Again) => {
                self.lines.keep(position);
                false
            }
            None => {
                self.lines.keep(position);
                let key = TaskKey::of_user(&account.name, fit.id).words();
                account.others.push(key, fit.action, position.row);
                true
            }
        }
    }

    /// What all rows together tell.
    pub(super) fn told(self) -> Told {
        let mut told = Told {
            duplicates: Vec::new(),
            shared: SharedUsers::default(),
            lines: self.lines,
        };
        for account in self.accounts {
            let Twice { mut rows, shared } = account.hexadecimal.twice();
            for key in shared {
                let key = TaskKey::of_user(&account.name, &text_of(key));
                told.shared.insert_other(&account.name, key);
            }
            let others = account.others.twice();
            for (rows, more) in rows.iter_mut().zip(others.rows) {
                *rows |= more;
            }
            for words in others.shared {
                told.shared
                    .insert_other(&account.name, TaskKey::from_words(words));
            }
            told.shared.insert_numbers(&account.name, account.shared);
            told.duplicates.push(rows);
        }
        told
    }
}

impl Lines {
    /// Keeps the line of a row, which comes behind all rows before.
    fn keep(&mut self, position: Position) {
        if self.of(position.row) != Some(position.line) {
            self.0.push(position);
        }
    }

    /// The line of `row`, if it was kept; `None`: neither was any row before it.
    pub(super) fn of(&self, row: u64) -> Option<u64> {
        let is_before = |last: &Position| last.row <= row;
        let last = match self.0.last() {
            Some(last) if is_before(last) => last,
            _ => self.0[..self.0.partition_point(is_before)].last()?,
        };
        Some(last.line + (row - last.row))
    }
}

/// The twelve bytes that 24 hexadecimal digits stand for, if `text` is that and has no capitals:
/// `AB` and `ab` are two ids.
fn hexadecimal(text: &str) -> Option<[u32; 3]> {
    let digits: &[u8; DIGITS] = text.as_bytes().try_into().ok()?;
    let mut values = [0; DIGITS];
    // Without a way out before the end: that is done many at a time.
    for (value, digit) in values.iter_mut().zip(digits) {
        *value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => 0x10,
        };
    }
    if values.iter().fold(0, |all, value| all | value) > 0xF {
        return None;
    }
    let mut words = [0; 3];
    for (word, values) in words.iter_mut().zip(values.chunks_exact(8)) {
        let put = |word, value: &u8| word << 4 | u32::from(*value);
        *word = values.iter().fold(0, put);
    }
    Some(words)
}

/// What [`hexadecimal`] took apart.
fn text_of([a, b, c]: [u32; 3]) -> String {
    format!("{a:08x}{b:08x}{c:08x}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Lines, hexadecimal, text_of};
    use crate::domain::Position;

    #[rstest]
    #[case("5963c0d619a30a2e00de36b8", true)]
    #[case("000000000000000000000000", true)]
    #[case("ffffffffffffffffffffffff", true)]
    #[case("5963C0d619a30a2e00de36b8", false)]
    #[case("5963c0d619a30a2e00de36bg", false)]
    #[case("5963c0d619a30a2e00de36b/", false)]
    #[case("5963c0d619a30a2e00de36b:", false)]
    #[case("`963c0d619a30a2e00de36b8", false)]
    #[case("5963c0d619a30a2e00de36b", false)]
    #[case("5963c0d619a30a2e00de36b80", false)]
    #[case("äääääääääääb", false)]
    fn of_hexadecimal_digits_nothing_is_lost(#[case] text: &str, #[case] is_kept: bool) {
        let kept = hexadecimal(text).map(text_of);
        assert_eq!(kept.as_deref(), is_kept.then_some(text));
    }

    #[test]
    fn the_line_of_every_row_that_was_kept_is_known() {
        let rows = [
            (3, 4),
            (4, 5),
            (5, 5),
            (6, 5),
            (9, 8),
            (10, 90),
            (12, 92),
            (13, 93),
        ];
        let mut lines = Lines::default();
        for (row, line) in rows {
            lines.keep(Position { row, line });
        }
        for (row, line) in rows {
            assert_eq!(lines.of(row), Some(line), "{row}");
        }
        assert_eq!(lines.of(2), None);
    }
}
