//! What the configuration says of an account's limits, and the complete limits it comes to.

use std::num::NonZeroU32;

use crate::domain::{Quota, Step};
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

    fn quota(text: &str) -> Quota {
        text.parse().unwrap()
    }

    fn defaults() -> Defaults {
        Defaults {
            requests: quota("200/1m"),
            steps: vec![(Step::PermanentlyDelete, quota("700/10m"))],
            concurrency: 8,
            many: None,
            asked_alone: None,
        }
    }

    #[test]
    fn the_providers_defaults_hold_where_nothing_is_said() {
        let resolved = Limits::default().resolve(&defaults());
        assert_eq!(resolved.concurrency.get(), 8);
        assert_eq!(resolved.requests, quota("200/1m"));
        assert_eq!(resolved.steps, defaults().steps);
    }

    #[test]
    fn what_is_said_takes_the_place_of_a_default_and_the_share_of_all() {
        let limits = Limits {
            concurrency: NonZeroU32::new(2),
            requests: Some(quota("400/1m")),
            steps: vec![
                (Step::PermanentlyDelete, quota("70/1m")),
                (Step::Delete, quota("10/1s")),
            ],
            share: 0.5,
        };
        let resolved = limits.resolve(&defaults());
        assert_eq!(resolved.concurrency.get(), 2);
        assert_eq!(resolved.requests, quota("200/1m"));
        assert_eq!(
            resolved.steps,
            [
                (Step::PermanentlyDelete, quota("35/1m")),
                (Step::Delete, quota("5/1s")),
            ]
        );
    }

    #[test]
    fn a_default_that_allows_nothing_still_allows_one() {
        let none = Defaults {
            concurrency: 0,
            ..defaults()
        };
        assert_eq!(Limits::default().resolve(&none).concurrency.get(), 1);
    }
}
