//! How long a run takes when nothing but its limits slows it down.
//!
//! Pacing costs half a hundredth of that at most ([`Quota::spread`]) and is left out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{Action, Quota, Step};

/// The limits of one account, each with its share already taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The limit that every request of the account takes from; `None`: there is none.
    pub account: Option<Quota>,
    /// The limits of single endpoints.
    pub steps: Vec<(Step, Quota)>,
}

/// The least time in which all of `rows`, how many of which action, can be sent under `limits`: the
/// limit that takes longest decides, as all of them run at once. A purge is two requests.
///
/// It says nothing of the server's own slowness, of retries, nor of what batches save.
pub fn time_at_limit(rows: &[(Action, u64)], limits: &Limits) -> Duration {
    let mut requests: BTreeMap<Step, u64> = BTreeMap::new();
    for (action, count) in rows {
        for step in action.steps() {
            let sum = requests.entry(*step).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
    let all = requests
        .values()
        .fold(0_u64, |sum, n| sum.saturating_add(*n));
    let of_account = limits.account.map(|quota| quota.time_for(all));
    let of_steps = limits
        .steps
        .iter()
        .map(|(step, quota)| quota.time_for(requests.get(step).copied().unwrap_or(0)));
    of_steps.chain(of_account).max().unwrap_or(Duration::ZERO)
}

/// How many of `rows` can be sent within `time`, taken evenly from each action: what
/// [`time_at_limit`] says of them is not more.
pub fn rows_within(rows: &[(Action, u64)], limits: &Limits, time: Duration) -> u64 {
    let all = rows
        .iter()
        .fold(0_u64, |sum, (_, n)| sum.saturating_add(*n));
    let part_of = |n: u64, part: u64| {
        let share = u128::from(n) * u128::from(part) / u128::from(all.max(1));
        u64::try_from(share).unwrap_or(n)
    };
    let fits = |part: u64| {
        let some: Vec<_> = rows
            .iter()
            .map(|(action, n)| (*action, part_of(*n, part)))
            .collect();
        time_at_limit(&some, limits) <= time
    };
    // The most that fit lie in low..=high; at most 64 halvings.
    let (mut low, mut high) = (0, all);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::{Limits, rows_within, time_at_limit};
    use crate::domain::{Action, Step};

    fn limits(account: &str) -> Limits {
        Limits {
            account: (!account.is_empty()).then(|| account.parse().unwrap()),
            steps: vec![(Step::PermanentlyDelete, "700/10m".parse().unwrap())],
        }
    }

    #[rstest]
    // Within every limit.
    #[case(&[], "400/1m", 0)]
    #[case(&[(Action::Delete, 1)], "400/1m", 0)]
    #[case(&[(Action::Delete, 400)], "400/1m", 0)]
    #[case(&[(Action::PermanentlyDelete, 700)], "", 0)]
    #[case(&[(Action::Delete, 1000)], "", 0)]
    // The endpoint's window decides.
    #[case(&[(Action::PermanentlyDelete, 701)], "", 600)]
    #[case(&[(Action::PermanentlyDelete, 5000)], "400/1m", 4200)]
    // The account's window decides: two requests a purge.
    #[case(&[(Action::Delete, 401)], "400/1m", 60)]
    #[case(&[(Action::Purge, 301)], "60/1m", 600)]
    #[case(&[(Action::Delete, 301), (Action::Purge, 150)], "60/1m", 600)]
    fn the_slowest_limit_decides(
        #[case] rows: &[(Action, u64)],
        #[case] account: &str,
        #[case] secs: u64,
    ) {
        let time = time_at_limit(rows, &limits(account));
        assert_eq!(time, Duration::from_secs(secs));
    }

    #[rstest]
    #[case(&[], "400/1m", 60, 0)]
    #[case(&[(Action::Delete, 12_000)], "60/1m", 0, 60)]
    #[case(&[(Action::Delete, 12_000)], "60/1m", 600, 660)]
    #[case(&[(Action::Delete, 500)], "60/1m", 600, 500)]
    #[case(&[(Action::PermanentlyDelete, 5_000)], "100000/1m", 599, 700)]
    #[case(&[(Action::PermanentlyDelete, 5_000)], "100000/1m", 600, 1_400)]
    #[case(&[(Action::Purge, 5_000)], "60/1m", 600, 330)]
    #[case(&[(Action::Delete, 1_000), (Action::Purge, 1_000)], "60/1m", 600, 441)]
    fn so_many_rows_fit(
        #[case] rows: &[(Action, u64)],
        #[case] account: &str,
        #[case] secs: u64,
        #[case] fit: u64,
    ) {
        let limits = limits(account);
        let time = Duration::from_secs(secs);
        assert_eq!(rows_within(rows, &limits, time), fit);
    }

    #[test]
    fn no_number_of_requests_overflows() {
        let rows = [(Action::Purge, u64::MAX), (Action::Delete, u64::MAX)];
        time_at_limit(&rows, &limits("1/31d"));
        rows_within(&rows, &limits("1/31d"), Duration::MAX);
    }
}
