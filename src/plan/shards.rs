//! Keys seen so far that are no numbers, and which of them were there before.
//!
//! To look a key up as it comes costs a miss of every cache, some hundred nanoseconds: the keys of
//! ten million rows lie in 200 MB. So they are only put down, each behind others of its shard, which
//! takes ten; and when all are there each shard, small enough for a cache, is gone through by itself.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use roaring::RoaringTreemap;

use super::seen::ACTIONS;
use crate::domain::Action;

/// How many shards the keys are spread over. Of ten million, each gets 600 kB.
const SHARDS: usize = 256;

/// How many keys are put down in one piece of memory.
const BLOCK_KEYS: usize = 1_024;

/// From so many keys on half of the shards are gone through on another thread.
const KEYS_OF_TWO_THREADS: u64 = 1 << 16;

/// The bits of an entry that hold its action.
const ACTION_BITS: u32 = 2;
const _: () = assert!(ACTIONS <= 1 << ACTION_BITS);

/// Remembers keys of `N` words of 32 bits, each with its row and its action.
#[derive(Debug)]
pub(super) struct Shards<const N: usize> {
    /// None as long as there is no key.
    all: Vec<Shard<N>>,
    spread: Spread,
    keys: u64,
}

/// The keys of one shard, in the order of their rows.
#[derive(Debug)]
struct Shard<const N: usize> {
    full: Vec<Block<N>>,
    /// What is added to. It is no part of `full`: to reach it would take one more miss of a cache.
    last: Block<N>,
}

/// Keys in one piece of memory.
#[derive(Debug)]
struct Block<const N: usize> {
    /// The row of the first.
    first_row: u64,
    entries: Vec<Entry<N>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry<const N: usize> {
    key: [u32; N],
    /// How many rows behind the block's first, and the action in the lowest [`ACTION_BITS`].
    at: u32,
}

/// What was found of keys that are there twice.
#[derive(Debug)]
pub(super) struct Twice<const N: usize> {
    /// The rows of each action whose key an earlier row of that action has.
    pub(super) rows: [RoaringTreemap; ACTIONS],
    /// The keys that rows of several actions have.
    pub(super) shared: Vec<[u32; N]>,
}

impl<const N: usize> Default for Shards<N> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            spread: Spread::by_lot(),
            keys: 0,
        }
    }
}

impl<const N: usize> Shards<N> {
    /// Puts down `key` of `row`, which comes behind all rows before, under `action`.
    pub(super) fn push(&mut self, key: [u32; N], action: Action, row: u64) {
        if self.all.is_empty() {
            self.all.resize_with(SHARDS, Shard::new);
        }
        self.keys += 1;
        let shard = self.spread.of(&key) >> (u64::BITS - SHARDS.ilog2());
        if let Ok(shard) = usize::try_from(shard) {
            self.all[shard].push(key, action as u32, row);
        }
    }

    /// What is there twice.
    ///
    /// # Panics
    ///
    /// The system has no thread to give.
    pub(super) fn twice(mut self) -> Twice<N> {
        let spread = self.spread;
        let rest = self.all.split_off(self.all.len() / 2);
        if self.keys < KEYS_OF_TWO_THREADS {
            return Twice::of(self.all.into_iter().chain(rest), spread);
        }
        let (mut twice, other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| Twice::of(rest, spread));
            (Twice::of(self.all, spread), other.join())
        });
        twice.extend(other.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        twice
    }
}

impl<const N: usize> Shard<N> {
    fn new() -> Self {
        // The first block grows to its size: most shards of a small file need no more.
        Self {
            full: Vec::new(),
            last: Block {
                first_row: 0,
                entries: Vec::new(),
            },
        }
    }

    fn push(&mut self, key: [u32; N], action: u32, row: u64) {
        let offset = row - self.last.first_row;
        if self.last.entries.len() >= BLOCK_KEYS || offset >> (u32::BITS - ACTION_BITS) != 0 {
            let next = Block {
                first_row: row,
                entries: Vec::with_capacity(BLOCK_KEYS),
            };
            self.full.push(std::mem::replace(&mut self.last, next));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it was looked at just before"
        )]
        let offset = (row - self.last.first_row) as u32;
        let at = offset << ACTION_BITS | action;
        self.last.entries.push(Entry { key, at });
    }

    fn blocks(&self) -> impl Iterator<Item = &Block<N>> {
        self.full.iter().chain([&self.last])
    }
}

impl<const N: usize> Twice<N> {
    /// Goes through `shards`, one after the other.
    fn of(shards: impl IntoIterator<Item = Shard<N>>, spread: Spread) -> Self {
        let mut twice = Self {
            rows: Default::default(),
            shared: Vec::new(),
        };
        let mut table = Vec::new();
        for shard in shards {
            twice.add(&shard, &mut table, spread);
        }
        twice
    }

    /// Adds what is there twice in `shard`. The `table` is empty before each.
    fn add(&mut self, shard: &Shard<N>, table: &mut Vec<Entry<N>>, spread: Spread) {
        let keys: usize = shard.blocks().map(|block| block.entries.len()).sum();
        // At most two slots in three are taken. In a table `at` is the action's place and one more,
        // and 0 in a free slot.
        let free = Entry { key: [0; N], at: 0 };
        table.clear();
        table.resize(keys + keys / 2 + 1, free);
        for block in shard.blocks() {
            for entry in &block.entries {
                let action = entry.at & ((1 << ACTION_BITS) - 1);
                let taken = Entry {
                    key: entry.key,
                    at: action + 1,
                };
                let mut slot = spread.slot(&entry.key, table.len());
                let mut is_shared = false;
                // Bounded by the table, which has a free slot.
                while table[slot].at != 0 {
                    if table[slot].key == entry.key {
                        if table[slot].at == taken.at {
                            break;
                        }
                        is_shared = true;
                    }
                    slot = if slot + 1 == table.len() { 0 } else { slot + 1 };
                }
                if table[slot].at != 0 {
                    let row = block.first_row + u64::from(entry.at >> ACTION_BITS);
                    self.rows[action as usize].insert(row);
                    continue;
                }
                table[slot] = taken;
                if is_shared {
                    self.shared.push(entry.key);
                }
            }
        }
    }

    fn extend(&mut self, other: Self) {
        for (rows, more) in self.rows.iter_mut().zip(other.rows) {
            *rows |= more;
        }
        self.shared.extend(other.shared);
    }
}

/// Spreads keys evenly, in a way that nobody outside the process can foresee: ids that are made to
/// meet in one place would make it slow, and no more than that, as keys are compared whole.
#[derive(Debug, Clone, Copy)]
struct Spread([u64; 2]);

impl Spread {
    fn by_lot() -> Self {
        let lots = RandomState::new();
        Self([lots.hash_one(0), lots.hash_one(1)])
    }

    #[inline]
    fn of<const N: usize>(self, key: &[u32; N]) -> u64 {
        let mut halves = [0; 2];
        for (place, word) in key.iter().enumerate() {
            let half = &mut halves[(place / 2) % 2];
            *half = *half << 32 | u64::from(*word);
        }
        let [lower, upper] = self.0;
        let product = folded(halves[0] ^ lower, (halves[1] ^ upper) | 1);
        folded(product, 0x9E37_79B9_7F4A_7C15)
    }

    /// The place of a key among `slots`, by what its shard leaves open.
    fn slot<const N: usize>(self, key: &[u32; N], slots: usize) -> usize {
        let open = self.of(key) << SHARDS.ilog2();
        let slot = (u128::from(open) * slots as u128) >> u64::BITS;
        usize::try_from(slot).unwrap_or(0)
    }
}

/// Both halves of the product, one laid over the other.
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half is laid over"
    )]
    let lower = product as u64;
    let upper = (product >> 64) as u64;
    lower ^ upper
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    use super::{Action, BLOCK_KEYS, Entry, KEYS_OF_TWO_THREADS, SHARDS, Shards};

    fn key(n: u32) -> [u32; 3] {
        [n, 7, n.rotate_left(9)]
    }

    #[test]
    fn every_row_is_found_whose_key_was_there_before() {
        let mut shards = Shards::default();
        let count = u32::try_from(3 * KEYS_OF_TWO_THREADS).unwrap();
        for n in 0..count {
            // Every tenth again, far behind the first.
            shards.push(key(n), Action::ALL[1], u64::from(n));
        }
        let again: Vec<u64> = (0..count / 10).map(|n| 5 << 32 | u64::from(n)).collect();
        for (n, row) in (0..).step_by(10).zip(&again) {
            shards.push(key(n), Action::ALL[1], *row);
        }
        let twice = shards.twice();
        assert_eq!(twice.rows[1].iter().collect::<Vec<_>>(), again);
        assert!(twice.shared.is_empty() && twice.rows[0].is_empty());
    }

    #[test]
    fn keys_are_spread_evenly_however_alike_they_are() {
        let mut shards = Shards::default();
        for n in 0..100_000 {
            shards.push([0, 0, n], Action::Delete, u64::from(n));
        }
        let of_shard = |shard: &super::Shard<3>| -> usize {
            shard.blocks().map(|block| block.entries.len()).sum()
        };
        let most = shards.all.iter().map(of_shard).max().unwrap();
        assert!(most < 2 * 100_000 / SHARDS, "{most}");
    }

    #[test]
    fn keys_take_at_most_forty_bytes_each_at_every_size() {
        let mut shards = Shards::<4>::default();
        for n in 1..=1_000_000_u32 {
            shards.push([n, 0, 0, 0], Action::Delete, u64::from(n));
            if n > 100_000 && n % 50_000 == 0 {
                let blocks = || shards.all.iter().flat_map(super::Shard::blocks);
                let room: usize = blocks().map(|block| block.entries.capacity()).sum();
                let largest = n as usize / SHARDS * 3;
                let bytes = (room + largest) * size_of::<Entry<4>>() + blocks().count() * 32;
                assert!(bytes <= 40 * n as usize, "{bytes} bytes for {n} keys");
            }
        }
        assert!(size_of::<Entry<3>>() == 16 && BLOCK_KEYS.is_power_of_two());
    }

    proptest! {
        #[test]
        fn what_is_there_twice_is_what_a_plain_search_finds(
            rows in prop::collection::vec((0..9_u32, 0..4_usize, 1..1_u64 << 33), 0..60)
        ) {
            let mut shards = Shards::default();
            let mut row = 0;
            let mut seen: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            let mut expected: [Vec<u64>; 4] = Default::default();
            for (n, action, further) in rows {
                row += further;
                shards.push(key(n), Action::ALL[action], row);
                let actions = seen.entry(n).or_default();
                if actions.contains(&action) {
                    expected[action].push(row);
                } else {
                    actions.push(action);
                }
            }
            let twice = shards.twice();
            for (rows, expected) in twice.rows.iter().zip(expected) {
                prop_assert_eq!(rows.iter().collect::<Vec<_>>(), expected);
            }
            let mut shared = twice.shared;
            shared.sort_unstable();
            shared.dedup();
            let mut expected: Vec<_> = seen.into_iter().filter(|(_, actions)| actions.len() > 1)
                .map(|(n, _)| key(n)).collect();
            expected.sort_unstable();
            prop_assert_eq!(shared, expected);
        }
    }
}
