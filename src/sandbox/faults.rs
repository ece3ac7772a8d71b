//! The faults on purpose: by chance, from a seed, or planned for one user.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::settings::SandboxError;
use crate::domain::{kept_as_text, named};

named! {
    /// One way in which a request goes wrong.
    pub enum Fault {
        /// The provider's own 500; nothing happens.
        Error500 = "error500",
        /// The provider's own 503, at Zendesk with Retry-After; nothing happens.
        Error503 = "error503",
        /// The provider's own 429, although its quota is not used up; nothing happens.
        Throttle = "throttle",
        /// 200 with a page of HTML in the provider's place; nothing happens.
        Html = "html",
        /// The connection is closed before anything happens.
        Reset = "reset",
        /// The connection is closed after it happened, without an answer.
        ResetAfter = "reset-after",
        /// It happens, but half of the answer's body is missing when the connection is closed.
        Cut = "cut",
        /// It happens, but the answer takes a minute.
        Slow = "slow",
        /// It happens, but the answer names another user wherever it names one.
        WrongId = "wrong-id",
        /// The provider's own 401: the credentials are not taken. Nothing happens; so below.
        Unauthorized = "unauthorized",
        /// The provider's own 403: the caller lacks the right.
        Forbidden = "forbidden",
        /// 402: payment required.
        Payment = "payment",
        /// The provider's own 404 of a wrong path or app.
        WrongPath = "wrong-path",
        /// 429 that asks for a wait of most of a day.
        LongWait = "long-wait",
        /// The provider's own 409: another request about the user is under way. Zoho documents none.
        Conflict = "conflict",
    }
}

/// The wait that [`Fault::LongWait`] asks for: 20 hours, most of a day, as a daily quota would.
pub(super) const LONG_WAIT_SECS: &str = "72000";

/// How often what goes wrong, e.g. `error500=2%,reset-after=1%,seed=7`; deleting requests only, unless
/// `reads=on`. It is drawn from the seed, the request and how often it came, so that a run repeats,
/// however its requests race each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    /// How often each of [`Fault::ALL`] hits, from 0 to 1.
    rates: [f64; Fault::ALL.len()],
    seed: u64,
    /// Whether requests that change nothing are hit as well.
    pub(super) reads: bool,
}

impl Faults {
    /// The fault that hits the `occurrence`-th coming of the request `key`; `None`: nothing.
    pub(super) fn draw(&self, key: &str, occurrence: u32) -> Option<Fault> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&occurrence.to_le_bytes());
        hasher.update(key.as_bytes());
        let mut seed = [0; 8];
        seed.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        let drawn = fastrand::Rng::with_seed(u64::from_le_bytes(seed)).f64();
        let mut sum = 0.0;
        Fault::ALL
            .into_iter()
            .zip(self.rates)
            .find(|(_, rate)| {
                sum += rate;
                drawn < sum
            })
            .map(|(fault, _)| fault)
    }

    fn part(&mut self, part: &str) -> Option<()> {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        if name == "seed" {
            self.seed = value.parse().ok()?;
        } else if name == "reads" {
            self.reads = match value {
                "on" | "yes" | "true" => true,
                "off" | "no" | "false" => false,
                _ => return None,
            };
        } else {
            let index = Fault::ALL.iter().position(|fault| fault.name() == name)?;
            let rate = match value.strip_suffix('%') {
                Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
                None => value.parse().ok()?,
            };
            self.rates[index] = (0.0..=1.0).contains(&rate).then_some(rate)?;
        }
        Some(())
    }
}

impl FromStr for Faults {
    type Err = SandboxError;

    fn from_str(text: &str) -> Result<Self, SandboxError> {
        let mut faults = Self::default();
        let parts = text.split(',').map(str::trim);
        for part in parts.filter(|part| !part.is_empty()) {
            faults.part(part).ok_or_else(|| {
                let known = Fault::ALL.map(Fault::name).join(", ");
                SandboxError(format!(
                    "`{part}` is no fault; write e.g. `error500=2%`, with one of {known}, and perhaps \
                     `seed=7` or `reads=on`"
                ))
            })?;
        }
        // The small addend forgives what floats make of 50% + 30% + 20%.
        if faults.rates.iter().sum::<f64>() > 1.0 + 1e-9 {
            return Err(SandboxError(format!(
                "the faults of `{text}` add up to more than 100%"
            )));
        }
        Ok(faults)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (fault, rate) in Fault::ALL.into_iter().zip(self.rates) {
            if rate > 0.0 {
                write!(f, "{}={rate},", fault.name())?;
            }
        }
        let reads = if self.reads { ",reads=on" } else { "" };
        write!(f, "seed={}{reads}", self.seed)
    }
}

kept_as_text!(Faults);

/// A fault that surely befalls the next deleting requests for one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// The user's id, as requests name it.
    pub user: String,
    /// The fault that hits them.
    pub fault: Fault,
    /// How many requests.
    pub times: u32,
}

/// Decides what befalls each request of a tenant.
#[derive(Debug, Default)]
pub(super) struct FaultPlan {
    planned: Vec<PlannedFault>,
    /// How often each request came, for [`Faults::draw`].
    seen: HashMap<String, u32>,
}

impl FaultPlan {
    /// How many planned faults and how many different requests are remembered.
    const KEPT_MAX: usize = 1_000_000;

    pub(super) fn plan(&mut self, fault: PlannedFault) {
        if self.planned.len() < Self::KEPT_MAX {
            self.planned.push(fault);
        }
    }

    /// The fault that hits this coming of the request `key`, which is about `users`; `None`: nothing.
    pub(super) fn next(&mut self, faults: &Faults, key: &str, users: &[String]) -> Option<Fault> {
        let planned = self
            .planned
            .iter_mut()
            .find(|planned| planned.times > 0 && users.contains(&planned.user));
        if let Some(planned) = planned {
            planned.times -= 1;
            return Some(planned.fault);
        }
        if faults.rates.iter().all(|rate| *rate <= 0.0) {
            return None;
        }
        if self.seen.len() >= Self::KEPT_MAX {
            self.seen.clear();
        }
        let occurrence = self.seen.entry(key.to_owned()).or_default();
        *occurrence += 1;
        faults.draw(key, *occurrence)
    }
}
