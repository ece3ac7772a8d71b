//! Which rows are duplicates, and which users have rows of several actions: known as each row comes.

use std::collections::{HashMap, HashSet};

use super::judge::ValidRow;
use super::number_set::NumberSet;
use crate::domain::{AccountName, AccountPolicy, Action, TaskKey, bound};

/// How many actions a provider may have: each is a bit of a byte.
const ACTIONS_MAX: usize = 8;

/// How many different upper halves the numbers of an account may have. A provider's own ids share a
/// few; numbers scattered over all of 64 bits would take a bitmap each, and go among the other ids.
const UPPER_HALVES_MAX: usize = 4_096;

/// The number of maps that the other ids are spread over. A map that grows holds its entries twice,
/// and only one of these grows at a time.
const MAPS: usize = 64;

/// Remembers account, action and id of every row it is shown.
///
/// Ids are numbers nearly always, and lie together: a bitmap keeps a bit or two bytes of each. Of any
/// other id it keeps a digest and the actions, some 35 bytes.
#[derive(Debug)]
pub(super) struct Duplicates {
    accounts: Vec<SeenIds>,
    /// For each account, the places of the others at the same tenant.
    neighbours: Vec<Vec<usize>>,
}

/// The verdict of earlier rows on a row's user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeenBefore {
    /// No row had this action for the user.
    First {
        /// Whether a row of the same account had another action for the user.
        again: bool,
    },
    /// A row had it, under this account or another at the same tenant.
    Again,
    /// A row had another action for the user, under another account at the same tenant.
    Elsewhere,
}

#[derive(Debug)]
struct SeenIds {
    name: AccountName,
    /// The actions that its provider offers. An action is known by its place here.
    offered: &'static [Action],
    /// The actions of any of its rows, a bit each.
    used: u8,
    /// The numbers of each action.
    numbers: [NumberSet; ACTIONS_MAX],
    upper_halves: HashSet<u64>,
    last_upper: Option<u64>,
    /// The actions of all other ids, a bit each, by the bytes of the user's key.
    others: Vec<HashMap<[u8; 16], u8>>,
}

impl Duplicates {
    /// Remembers rows of `accounts`, of which each has these `neighbours` at its tenant.
    pub(super) fn of<'a>(
        accounts: impl Iterator<Item = &'a AccountPolicy>,
        neighbours: Vec<Vec<usize>>,
    ) -> Self {
        let of_account = |policy: &AccountPolicy| SeenIds {
            name: policy.name.clone(),
            offered: policy.provider.actions(),
            used: 0,
            numbers: Default::default(),
            upper_halves: HashSet::new(),
            last_upper: None,
            others: vec![HashMap::new(); MAPS],
        };
        Self {
            accounts: accounts.map(of_account).collect(),
            neighbours,
        }
    }

    /// Remembers a row, unless it is the user's first under this account and another has the user.
    pub(super) fn insert(&mut self, row: &ValidRow<'_>) -> SeenBefore {
        for place in &self.neighbours[row.place] {
            let other = &self.accounts[*place];
            let actions = other.actions(row.id);
            if actions & other.bit(row.action) != 0 {
                return SeenBefore::Again;
            }
            if actions != 0 {
                return SeenBefore::Elsewhere;
            }
        }
        let account = &mut self.accounts[row.place];
        let is_first = account.insert(row);
        let bit = account.bit(row.action);
        account.used |= bit;
        if !is_first {
            return SeenBefore::Again;
        }
        let has_others = account.used != bit;
        SeenBefore::First {
            again: has_others && account.actions(row.id) != bit,
        }
    }
}

impl SeenIds {
    fn place(&self, action: Action) -> usize {
        let place = self.offered.iter().position(|it| *it == action);
        place.unwrap_or(0).min(ACTIONS_MAX - 1)
    }

    fn bit(&self, action: Action) -> u8 {
        1 << self.place(action)
    }

    /// The actions of the rows that user `id` has here, a bit each.
    fn actions(&self, id: &str) -> u8 {
        let of_number = number(id).map_or(0, |number| {
            let has = |place: &usize| self.numbers[*place].contains(number);
            let places = (0..ACTIONS_MAX).filter(has);
            places.fold(0, |all, place| all | 1 << place)
        });
        let key = TaskKey::of_user(&self.name, id).bytes();
        let of_other = self.others[usize::from(key[0]) % MAPS].get(&key);
        of_number | of_other.copied().unwrap_or(0)
    }

    /// Remembers a row; `false`: it is a duplicate.
    fn insert(&mut self, row: &ValidRow<'_>) -> bool {
        let place = self.place(row.action);
        match number(row.id) {
            Some(number) if self.has_room(number) => self.numbers[place].insert(number),
            Some(_) | None => {
                let key = TaskKey::of_user(&self.name, row.id).bytes();
                let actions = self.others[usize::from(key[0]) % MAPS]
                    .entry(key)
                    .or_default();
                let before = *actions;
                *actions |= 1 << place;
                *actions != before
            }
        }
    }

    /// Whether `number` goes among the numbers, and so all that have its upper half.
    fn has_room(&mut self, number: u64) -> bool {
        let upper = number >> 32;
        if self.last_upper == Some(upper) {
            return true;
        }
        let is_full = self.upper_halves.len() >= bound("upper halves", 0, UPPER_HALVES_MAX);
        if is_full && !self.upper_halves.contains(&upper) {
            return false;
        }
        self.upper_halves.insert(upper);
        self.last_upper = Some(upper);
        true
    }
}

/// The number that stands for `text` and for no other text; `None`: there is none. `007` and `7`
/// are two ids, so leading zeros are no number's.
pub(super) fn number(text: &str) -> Option<u64> {
    let is_plain = text == "0" || !text.starts_with(['0', '+']);
    if is_plain { text.parse().ok() } else { None }
}
