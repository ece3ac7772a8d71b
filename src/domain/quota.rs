//! A limit as people state it: so many requests in such a span of time.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::Step;
use super::names::kept_as_text;

/// A limit as stated, e.g. `700/10m`: at most so many requests in any such span. Ledgers keep that text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    requests: NonZeroU32,
    span: Duration,
}

/// The limits of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountLimits {
    /// Every request of the account.
    pub requests: Quota,
    /// Limits of single endpoints beside it, each step at most once.
    pub steps: Vec<(Step, Quota)>,
    /// The part of each that this program may use, above 0 and at most 1.
    pub share: f64,
    /// Requests under way at once.
    pub concurrency: NonZeroU32,
    /// The step that one request does for many users; `None`: each has a request of their own.
    pub many: Option<Many>,
    /// The first step before which each user is asked about alone; `None`: there is none.
    pub asked_alone: Option<Step>,
}

impl AccountLimits {
    /// The same with no more requests in the account's span than its server has `stated`.
    #[must_use]
    pub fn at_most(mut self, stated: Option<Quota>) -> Self {
        let ours = self.requests.requests;
        self.requests.requests = stated.map_or(ours, |it| it.requests.min(ours));
        self
    }

    /// The limits that hold for this program: its share of each.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.requests = self.requests.share(self.share);
        for (_, quota) in &mut self.steps {
            *quota = quota.share(self.share);
        }
        self.share = 1.0;
        self
    }
}

/// A step that one request does for many users, as a job of the provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Many {
    /// The step.
    pub step: Step,
    /// Fewer users than these have a request of their own each.
    pub users_min: usize,
    /// How many users one request takes. As many are asked about at once before.
    pub users_max: usize,
    /// How many jobs may be under way at once.
    pub jobs_max: usize,
    /// How many jobs one request can ask about.
    pub jobs_asked_max: usize,
    /// How long a job takes to begin.
    pub job_begins: Duration,
    /// How long it takes for each user.
    pub job_user: Duration,
}

impl Quota {
    /// The longest span taken: 31 days.
    pub const SPAN_MAX: Duration = Duration::from_hours(744);

    /// The extra time for which a request that was given up holds its slots. A server that stood
    /// still counts its backlog when it goes on.
    pub const GIVEN_UP_COUNTED: Duration = Duration::from_secs(30);

    /// `requests` in any `span`; `None` if the span is zero or above [`Quota::SPAN_MAX`].
    pub fn try_new(requests: NonZeroU32, span: Duration) -> Option<Self> {
        (!span.is_zero() && span <= Self::SPAN_MAX).then_some(Self { requests, span })
    }

    /// How many requests a span may hold.
    pub const fn requests(self) -> NonZeroU32 {
        self.requests
    }

    /// The span.
    pub const fn span(self) -> Duration {
        self.span
    }

    /// The longest span that is paced. Pacing protects people at work from a burst that leaves them
    /// nothing for the rest of a minute. A part of a day would hold a small job up for minutes.
    const PACED_SPAN_MAX: Duration = Duration::from_mins(10);

    /// One part in so many of a run's time is what an even pace may cost.
    const PACE_PARTS: u32 = 200;

    /// Over how long the requests of each span are spread when `expected` of them are to be sent.
    ///
    /// An even pace is the kindest to others under the same limit, but costs a run the spread, once. So the
    /// spread is 0.5 % of the run's minimum duration, and at most one span. Short runs are barely paced;
    /// runs of 200 spans or more are paced evenly. Zero: a run within one quota, or a span too long to be
    /// paced.
    pub fn spread(self, expected: u64) -> Duration {
        if self.span > Self::PACED_SPAN_MAX {
            return Duration::ZERO;
        }
        let spans = expected.saturating_sub(1) / u64::from(self.requests.get());
        let parts = u32::try_from(spans).unwrap_or(u32::MAX);
        self.span * parts.min(Self::PACE_PARTS) / Self::PACE_PARTS
    }

    /// Whether this lets more requests through in a long time than `other`.
    pub const fn is_above(self, other: Self) -> bool {
        // Spans of 31 days have 52 bits of nanoseconds, which 128 bits hold 2^32 times.
        let ours = self.requests.get() as u128 * other.span.as_nanos();
        ours > other.requests.get() as u128 * self.span.as_nanos()
    }

    /// The part of this quota that `share` leaves, rounded down, but never less than one request.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "share is in (0, 1], so the product is within u32"
    )]
    pub fn share(self, share: f64) -> Self {
        // The small addend keeps 0.7 × 10 from becoming 6.999….
        let part = (f64::from(self.requests.get()) * share.clamp(0.0, 1.0) + 1e-6) as u32;
        Self {
            requests: NonZeroU32::new(part).unwrap_or(NonZeroU32::MIN),
            span: self.span,
        }
    }

    /// The least time in which `n` requests can leave: the whole spans before the last one.
    pub fn time_for(self, n: u64) -> Duration {
        let spans = n.saturating_sub(1) / u64::from(self.requests.get());
        self.span
            .saturating_mul(u32::try_from(spans).unwrap_or(u32::MAX))
    }
}

/// The units of a span, the longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.span.as_millis();
        let mut units = UNITS
            .into_iter()
            .map(|(unit, size)| (unit, u128::from(size)));
        let whole = units.find(|(_, size)| millis.is_multiple_of(*size));
        let (unit, size) = whole.unwrap_or(("ms", 1));
        write!(f, "{}/{}{unit}", self.requests, millis / size)
    }
}

kept_as_text!(Quota);

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "`{text}` is not a limit; write requests per time, such as \"400/1m\" or \"700/10m\""
            )
        };
        let (requests, span) = text.split_once('/').ok_or_else(form)?;
        let requests = requests.trim().replace('_', "");
        let requests: u32 = requests.parse().map_err(|_| form())?;
        let span = span.trim();
        let unit_at = span.find(|c: char| !c.is_ascii_digit()).ok_or_else(form)?;
        let (count, unit) = span.split_at(unit_at);
        let count: u64 = match count {
            "" => 1,
            count => count.parse().map_err(|_| form())?,
        };
        let unit = match unit.trim() {
            "min" => "m",
            unit => unit,
        };
        let known = UNITS.into_iter().find(|(name, _)| *name == unit);
        let (_, unit_millis) = known.ok_or_else(form)?;
        let span = Duration::from_millis(count.checked_mul(unit_millis).ok_or_else(form)?);
        let requests = NonZeroU32::new(requests)
            .ok_or_else(|| format!("`{text}` allows no request at all"))?;
        Self::try_new(requests, span).ok_or_else(form)
    }
}
