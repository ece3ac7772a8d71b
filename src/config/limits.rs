//! What the configuration says of an account's limits, and the complete limits it comes to.

use std::num::NonZeroU32;

use super::account::choices;
use super::error::Problem;
use super::table::{Fault, Table};
use crate::domain::{ProviderKind, Quota, QuotaError, Step};
use crate::provider::Defaults;

/// What the configuration says of an account's limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Requests under way at once, at most [`Limits::CONCURRENCY_MAX`]; `None`: the provider's
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

impl Limits {
    /// The most requests under way at once that can be asked for.
    pub const CONCURRENCY_MAX: u32 = 1000;

    /// The limits that hold, with the provider's defaults where the configuration says nothing and
    /// the share taken off.
    pub fn resolve(&self, defaults: &Defaults) -> ResolvedLimits {
        let mut steps = defaults.steps.clone();
        for (step, quota) in &self.steps {
            match steps.iter_mut().find(|(known, _)| known == step) {
                Some((_, known)) => *known = *quota,
                None => steps.push((*step, *quota)),
            }
        }
        let default_concurrency = NonZeroU32::new(defaults.concurrency).unwrap_or(NonZeroU32::MIN);
        ResolvedLimits {
            concurrency: self.concurrency.unwrap_or(default_concurrency),
            requests: self.requests.unwrap_or(defaults.requests).share(self.share),
            steps: steps
                .into_iter()
                .map(|(step, quota)| (step, quota.share(self.share)))
                .collect(),
        }
    }
}

impl Limits {
    /// The limits that an account's `table` states.
    pub(super) fn check(table: Table<'_>, provider: ProviderKind) -> Result<Self, Fault> {
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
        let quota = |key| -> Result<Option<Quota>, Fault> {
            let text = table.text(key)?;
            let parsed = text.map(|text| text.parse());
            parsed
                .transpose()
                .map_err(|problem: QuotaError| table.fault(key, problem.to_string()))
        };
        let known = choices(&steps_of(provider), Step::name);
        let mut steps = Vec::new();
        for step in [
            Step::Delete,
            Step::PermanentlyDelete,
            Step::DeletePersonalInformation,
        ] {
            let Some(limit) = quota(step.name())? else {
                continue;
            };
            if !known.contains(&(step.name(), step)) {
                let known = known.iter().map(|(name, _)| *name);
                let problem = Problem::not_one_of(step.name(), known);
                return Err(table.fault(step.name(), problem));
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

fn concurrency(table: Table<'_>) -> Result<Option<NonZeroU32>, Fault> {
    let Some(number) = table.integer("concurrency")? else {
        return Ok(None);
    };
    let small = u32::try_from(number).ok();
    let small = small.filter(|number| *number <= Limits::CONCURRENCY_MAX);
    let wrong = || Problem::range(number, "a number from 1 to 1000");
    match small.and_then(NonZeroU32::new) {
        None => Err(table.fault("concurrency", wrong())),
        concurrency => Ok(concurrency),
    }
}

fn share(table: Table<'_>) -> Result<f64, Fault> {
    let share = table.number("share")?.unwrap_or(1.0);
    // A NaN is in no range.
    if share > 0.0 && share <= 1.0 {
        return Ok(share);
    }
    let problem = Problem::range(share, "a number above 0, at most 1, e.g. 0.8");
    Err(table.fault("share", problem))
}

/// The steps that the provider's actions are made of, each once.
fn steps_of(provider: ProviderKind) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for step in provider.actions().iter().flat_map(|action| action.steps()) {
        if !steps.contains(step) {
            steps.push(*step);
        }
    }
    steps
}

/// The provider's defaults, whole.
impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: None,
            requests: None,
            steps: Vec::new(),
            share: 1.0,
        }
    }
}

/// The limits that hold for an account, the share taken off already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedLimits {
    /// Requests under way at once.
    pub concurrency: NonZeroU32,
    /// Every request of the account.
    pub requests: Quota,
    /// Limits of single endpoints beside it, each step at most once.
    pub steps: Vec<(Step, Quota)>,
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::Limits;
    use crate::domain::{Quota, Step};
    use crate::provider::Defaults;

    #[test]
    fn what_is_said_takes_the_place_of_a_default_and_the_share_of_all() {
        let quota = |text: &str| -> Quota { text.parse().unwrap() };
        let defaults = Defaults {
            requests: quota("200/1m"),
            steps: vec![(Step::PermanentlyDelete, quota("700/10m"))],
            concurrency: 0,
            many: None,
            asked_alone: None,
        };
        let resolved = Limits::default().resolve(&defaults);
        assert_eq!(resolved.concurrency.get(), 1);
        assert_eq!(resolved.requests, quota("200/1m"));
        assert_eq!(resolved.steps, defaults.steps);
        let limits = Limits {
            concurrency: NonZeroU32::new(2),
            requests: Some(quota("400/1m")),
            steps: vec![
                (Step::PermanentlyDelete, quota("70/1m")),
                (Step::Delete, quota("10/1s")),
            ],
            share: 0.5,
        };
        let resolved = limits.resolve(&defaults);
        assert_eq!(resolved.concurrency.get(), 2);
        assert_eq!(resolved.requests, quota("200/1m"));
        let steps = [
            (Step::PermanentlyDelete, quota("35/1m")),
            (Step::Delete, quota("5/1s")),
        ];
        assert_eq!(resolved.steps, steps);
    }
}
