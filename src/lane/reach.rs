//! Whether the hosts of a tenant are reached, since when not, and for how long that is borne with.
//!
//! A failure without any host's answer is about the account, not about the row whose request it
//! was. All of the account waits, a little longer each time, and tries again.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use super::Now;
use crate::domain::Time;

/// For so long a host may be out of reach before any work: somebody waits for the first word.
pub(super) const PATIENCE_AT_FIRST: Duration = Duration::from_secs(30);

/// The same of an account at work: as long as a router takes to start anew.
pub(super) const PATIENCE_AT_WORK: Duration = Duration::from_mins(15);

/// The wait before the first try again; each further one is twice as long.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// The longest wait before a try.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Whether the hosts of a tenant are reached.
#[derive(Debug, Default)]
pub struct Reach {
    /// Whether rows are being sent, or looked at.
    pub at_work: bool,
    lost: Option<Lost>,
}

/// A host that is not reached.
#[derive(Debug)]
struct Lost {
    host: String,
    /// When the first try began that brought no answer.
    since: Instant,
    /// The same for people.
    at: Time,
    /// How often it was tried again.
    tries: u32,
    /// Until when the account waits for it.
    until: Instant,
}

impl Reach {
    /// `host` answered. Until when the account was to wait for it; `None`: it had not been lost.
    pub fn heard(&mut self, host: &str) -> Option<Instant> {
        let lost = self.lost.take_if(|lost| lost.host == host)?;
        Some(lost.until)
    }

    /// A request to `host` that began `began` ago brought no answer.
    pub fn missed(&mut self, host: &str, began: Duration, now: Now) {
        if self.lost.as_ref().is_none_or(|lost| lost.host != host) {
            self.lost = Some(Lost {
                host: host.to_owned(),
                since: now.instant.checked_sub(began).unwrap_or(now.instant),
                at: now.wall.before(began),
                tries: 0,
                until: now.instant,
            });
        }
    }

    /// Whether a host that has never answered is given up.
    pub(super) fn is_over_at_first(&self, now: Now) -> bool {
        let is_over = |lost: &Lost| now.instant - lost.since >= PATIENCE_AT_FIRST;
        !self.at_work && self.lost.as_ref().is_some_and(is_over)
    }

    /// The message now that a host is lost, and the wait before the next try. An error: it was
    /// borne with for as long as may be, and so many tries. `None`: none is lost.
    pub fn loss(&mut self, now: Now) -> Option<(String, Result<Duration, u32>)> {
        let patience = if self.at_work {
            PATIENCE_AT_WORK
        } else {
            PATIENCE_AT_FIRST
        };
        let lost = self.lost.as_mut()?;
        lost.tries += 1;
        let parts = 2_u32.saturating_pow(lost.tries - 1);
        let wait = WAIT_MIN.saturating_mul(parts).min(WAIT_MAX);
        let since = lost.at.timestamp().to_zoned(TimeZone::system());
        let since = since.strftime("%H:%M:%S");
        let words = format!("cannot reach {} since {since}", lost.host);
        let is_over = now.instant - lost.since + wait > patience;
        lost.until = now.instant + wait;
        Some((words, if is_over { Err(lost.tries) } else { Ok(wait) }))
    }
}
