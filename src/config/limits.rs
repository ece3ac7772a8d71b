//! What the configuration says of an account's limits, and the complete limits it comes to.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::error::Mistake;
use super::table::KeyTable;
use crate::domain::{AccountLimits, ProviderKind, Quota, QuotaError, Step};

/// What the configuration says of an account's limits.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitSettings {
    /// Requests under way at once, at most [`LimitSettings::CONCURRENCY_MAX`]; `None`: the provider's
    /// default.
    pub concurrency: Option<NonZeroU32>,
    /// Every request of the account; `None`: the provider's default.
    pub requests: Option<Quota>,
    /// Limits of single endpoints beside it; of a step that is not here, the provider's default
    /// holds.
    pub steps: Vec<(Step, Quota)>,
    /// The part of every quota that this program may use, above 0 and at most 1.
    pub share: f64,
}

impl LimitSettings {
    /// The most requests under way at once that can be asked for.
    pub const CONCURRENCY_MAX: u32 = 1000;

    /// The limits that hold, with the provider's defaults where the configuration says nothing and
    /// the share taken off.
    pub fn resolve(&self, mut limits: AccountLimits) -> AccountLimits {
        for (step, quota) in &self.steps {
            limits.steps.retain(|(known, _)| known != step);
            limits.steps.push((*step, *quota));
        }
        limits.concurrency = self.concurrency.unwrap_or(limits.concurrency);
        limits.requests = self.requests.unwrap_or(limits.requests).share(self.share);
        for (_, quota) in &mut limits.steps {
            *quota = quota.share(self.share);
        }
        limits
    }

    /// The limits that an account's `table` states.
    pub(super) fn check(table: KeyTable<'_>, provider: ProviderKind) -> Result<Self, Mistake> {
        let Some(table) = table.limits()? else {
            return Ok(Self::default());
        };
        table.refuse_unknown(&[
            "concurrency",
            "requests",
            "share",
            Step::Delete.name(),
            Step::PermanentlyDelete.name(),
            Step::DeletePersonalInformation.name(),
        ])?;
        let quota = |key| -> Result<Option<Quota>, Mistake> {
            let text = table.text(key)?;
            let parsed = text.map(|text| text.parse());
            parsed
                .transpose()
                .map_err(|problem: QuotaError| table.mistake(key, problem.to_string()))
        };
        let actions = provider.actions().iter();
        let known: BTreeSet<Step> = actions.flat_map(|it| it.steps()).copied().collect();
        let mut steps = Vec::new();
        for step in Step::ALL {
            let name = step.name();
            let Some(limit) = quota(name)? else {
                continue;
            };
            if !known.contains(&step) {
                let problem = Mistake::not_one_of(name, known.into_iter().map(Step::name));
                return Err(table.mistake(name, problem));
            }
            steps.push((step, limit));
        }
        Ok(Self {
            concurrency: concurrency(table)?,
            requests: quota("requests")?,
            steps,
            share: share(table)?,
        })
    }
}

fn concurrency(table: KeyTable<'_>) -> Result<Option<NonZeroU32>, Mistake> {
    let Some(number) = table.integer("concurrency")? else {
        return Ok(None);
    };
    let small = u32::try_from(number).ok();
    let small = small.filter(|number| *number <= LimitSettings::CONCURRENCY_MAX);
    let wrong = || Mistake::range(number, "a number from 1 to 1000");
    match small.and_then(NonZeroU32::new) {
        None => Err(table.mistake("concurrency", wrong())),
        concurrency => Ok(concurrency),
    }
}

fn share(table: KeyTable<'_>) -> Result<f64, Mistake> {
    let share = table.number("share")?.unwrap_or(1.0);
    // A NaN is in no range.
    if share > 0.0 && share <= 1.0 {
        return Ok(share);
    }
    let problem = Mistake::range(share, "a number above 0, at most 1, e.g. 0.8");
    Err(table.mistake("share", problem))
}

/// The provider's defaults, whole.
impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            concurrency: None,
            requests: None,
            steps: Vec::new(),
            share: 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::LimitSettings;
    use crate::domain::{AccountLimits, Quota, Step};

    #[test]
    fn what_is_said_takes_the_place_of_a_default_and_the_share_of_all() {
        let quota = |text: &str| -> Quota { text.parse().unwrap() };
        let limits = |requests, permanently, concurrency| AccountLimits {
            requests: quota(requests),
            steps: vec![(Step::PermanentlyDelete, quota(permanently))],
            concurrency: NonZeroU32::new(concurrency).unwrap(),
            many: None,
            asked_alone: None,
        };
        let defaults = limits("200/1m", "700/10m", 8);
        assert_eq!(LimitSettings::default().resolve(defaults.clone()), defaults);
        let stated = LimitSettings {
            concurrency: NonZeroU32::new(2),
            requests: Some(quota("400/1m")),
            steps: vec![(Step::PermanentlyDelete, quota("70/1m"))],
            share: 0.5,
        };
        assert_eq!(stated.resolve(defaults), limits("200/1m", "35/1m", 2));
    }
}
