//! The limits of an account: what the configuration states, else the provider's.
//!
//! The share of an account is kept beside its limits, and
//! [`AccountLimits::shared`](crate::domain::AccountLimits::shared) takes it off.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::error::Mistake;
use super::table::KeyTable;
use crate::domain::{AccountLimits, ProviderKind, Quota, Step};

/// The most requests under way at once that can be asked for.
pub const CONCURRENCY_MAX: u32 = 1000;

/// The limits of an account at `provider` that its `table` states, the share not taken off.
/// `limits`: what holds where it states none.
pub(super) fn check(
    table: KeyTable<'_>,
    provider: ProviderKind,
    mut limits: AccountLimits,
) -> Result<AccountLimits, Mistake> {
    let Some(table) = table.limits()? else {
        return Ok(limits);
    };
    let keys = ["concurrency", "requests", "share"].into_iter();
    let actions = provider.actions().iter();
    let known: BTreeSet<Step> = actions.flat_map(|it| it.steps()).copied().collect();
    let steps: BTreeSet<Step> = known.iter().copied().chain(Step::ALL).collect();
    let keys: Vec<_> = keys.chain(steps.iter().map(|step| step.name())).collect();
    table.refuse_unknown(&keys)?;
    let quota = |key| -> Result<Option<Quota>, Mistake> {
        let parsed = table.text(key)?.map(|text| text.parse());
        let wrong = |why: String| table.mistake(key, why);
        parsed.transpose().map_err(wrong)
    };
    for step in steps {
        let name = step.name();
        let Some(quota) = quota(name)? else {
            continue;
        };
        if !known.contains(&step) {
            let mistake = Mistake::not_one_of(name, known.into_iter().map(Step::name));
            return Err(table.mistake(name, mistake));
        }
        limits.steps.retain(|(other, _)| *other != step);
        limits.steps.push((step, quota));
    }
    if let Some(number) = table.integer("concurrency")? {
        let small = u32::try_from(number).ok();
        let small = small.filter(|number| *number <= CONCURRENCY_MAX);
        let wrong = || Mistake::range(number, "a number from 1 to 1000");
        let small = small.and_then(NonZeroU32::new);
        limits.concurrency = small.ok_or_else(|| table.mistake("concurrency", wrong()))?;
    }
    limits.requests = quota("requests")?.unwrap_or(limits.requests);
    limits.share = table.number("share")?.unwrap_or(limits.share);
    // A NaN is in no range.
    if !(limits.share > 0.0 && limits.share <= 1.0) {
        let mistake = Mistake::range(limits.share, "a number above 0, at most 1, e.g. 0.8");
        return Err(table.mistake("share", mistake));
    }
    Ok(limits)
}
