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

/// How many of each of `sizes` are drawn if `n` are in all: in proportion, by the largest remainders;
/// then one of the largest share for each that would have none.
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

#[cfg(test)]
mod tests {
    use roaring::RoaringTreemap;

    use super::{Rows, draw_sample, shares};
    use crate::domain::{AccountName, SampleDraw};

    #[test]
    fn a_sample_is_spread_over_the_accounts() {
        let cases: [(&[u64], u64, &[u64]); 9] = [
            (&[10], 4, &[4]),
            (&[10, 10], 4, &[2, 2]),
            (&[90, 10], 20, &[18, 2]),
            (&[97, 2, 1], 10, &[8, 1, 1]),
            (&[97, 2, 1], 3, &[1, 1, 1]),
            (&[1, 97, 2], 1, &[0, 1, 0]),
            (&[5, 5], 10, &[5, 5]),
            (&[5, 5], 99, &[5, 5]),
            (&[3, 0, 3], 4, &[2, 0, 2]),
        ];
        for (sizes, n, drawn) in cases {
            assert_eq!(shares(sizes, n), drawn, "{n} of {sizes:?}");
        }
    }

    #[test]
    fn every_row_is_drawn_about_as_often_as_any_other_and_again_by_its_seed() {
        let rows: Rows = [(AccountName::new("a"), (0..20).collect::<RoaringTreemap>())].into();
        let mut times = [0_u32; 20];
        for seed in 0..4_000 {
            let drawn = draw_sample(&rows, SampleDraw { rows: 5, seed });
            assert_eq!(drawn, draw_sample(&rows, SampleDraw { rows: 5, seed }));
            for row in drawn.into_values().flatten() {
                times[usize::try_from(row).unwrap()] += 1;
            }
        }
        assert_eq!(times.iter().sum::<u32>(), 5 * 4_000);
        // 1,000 each, with a deviation of 27.
        assert!(times.iter().all(|n| (860..=1_140).contains(n)), "{times:?}");
    }
}
