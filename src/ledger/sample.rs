//! `verify --sample`: rows drawn evenly at random, spread over the accounts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use roaring::RoaringTreemap;

use crate::domain::{AccountName, SampleDraw};

/// Rows by account.
type Rows = BTreeMap<AccountName, RoaringTreemap>;

/// Draws `sample.rows` of `rows`, or all if there are no more. Each account gets its share of them,
/// and at least one as far as they reach. The same rows and the same sample give the same draw.
pub fn draw_sample(rows: &Rows, sample: SampleDraw) -> Rows {
    let mut random = fastrand::Rng::with_seed(sample.seed);
    let sizes: Vec<u64> = rows.values().map(RoaringTreemap::len).collect();
    let drawn = rows
        .iter()
        .zip(shares(&sizes, sample.rows))
        .map(|((name, rows), share)| (name.clone(), draw_of(rows, share, &mut random)));
    drawn.filter(|(_, rows)| !rows.is_empty()).collect()
}

/// The number of each of `sizes` that are drawn if `n` are in all: in proportion, by the largest
/// remainders. Then each that would have none takes one of the largest share.
fn shares(sizes: &[u64], n: u64) -> Vec<u64> {
    let all: u64 = sizes.iter().sum();
    if n >= all {
        return sizes.to_vec();
    }
    let exact = |size: u64| u128::from(size) * u128::from(n);
    let whole = |size: &u64| u64::try_from(exact(*size) / u128::from(all)).unwrap_or(u64::MAX);
    let mut shares: Vec<u64> = sizes.iter().map(whole).collect();
    let mut places: Vec<usize> = (0..sizes.len()).collect();
    places.sort_by_key(|place| Reverse(exact(sizes[*place]) % u128::from(all)));
    // The remainders add up to fewer than there are places with one.
    let left = usize::try_from(n - shares.iter().sum::<u64>()).unwrap_or(usize::MAX);
    for place in places.iter().take(left) {
        shares[*place] += 1;
    }
    places.sort_by_key(|place| Reverse(sizes[*place]));
    for place in places {
        let largest = (0..shares.len()).max_by_key(|other| (shares[*other], Reverse(*other)));
        let largest = largest.filter(|largest| shares[*largest] > 1);
        if let Some(largest) = largest.filter(|_| shares[place] == 0 && sizes[place] > 0) {
            shares[largest] -= 1;
            shares[place] = 1;
        }
    }
    shares
}

/// `n` of `rows`, each as likely as any other: Floyd's way, which needs a draw for each and no more
/// memory than they take.
fn draw_of(rows: &RoaringTreemap, n: u64, random: &mut fastrand::Rng) -> RoaringTreemap {
    let size = rows.len();
    if n >= size {
        return rows.clone();
    }
    let mut places = HashSet::new();
    for last in size - n..size {
        let place = random.u64(0..=last);
        if !places.insert(place) {
            places.insert(last);
        }
    }
    let drawn = places.into_iter().filter_map(|place| rows.select(place));
    drawn.collect()
}
