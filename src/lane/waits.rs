//! What keeps requests back: waits that a server asks for, waits where it only says no, and a host that
//! is out of reach. What headers say of limits is learnt here too.

use std::time::Duration;

use super::backoff::Backoff;
use super::limits::{PAUSE_WAITED_MAX, Permit, Stated};
use super::reach::{Loss, PATIENCE_AT_WORK};
use super::requests::{Request, RequestId, Sent};
use super::rows::Said;
use super::tokens::own;
use super::{Lane, Now, RequestError};
use crate::domain::{Entry, Paused, Step, StopKind};
use crate::provider::{Detail, Moment, Reply, Scope};
use crate::transport::{CONNECT_TIME_MAX, Failure, TransportError};

/// An account that is throttled for so long without a word of how long, and without one answer that
/// is anything else, has used up its day.
const THROTTLED_TIME_MAX: Duration = Duration::from_mins(10);

/// The shortest rest after a request that was turned away: a server that asks for 0 seconds has
/// rounded a part of one down, and all attempts would be used up within it.
const TURNED_AWAY_WAIT_MIN: Duration = Duration::from_secs(1);

impl Lane {
    /// How long a request rests before it is tried again, as `moment` asks (`None`: the network's
    /// fault). Where all of its endpoint or account has to wait, they are paused instead.
    ///
    /// # Errors
    ///
    /// When its account must stop.
    pub(super) fn wait(
        &mut self,
        request: &mut Request,
        moment: Option<Moment>,
        said: &Said,
        now: Now,
    ) -> Result<Duration, RequestError> {
        let asked = |wait: Duration| {
            let status = said.status.map_or_else(String::new, |it| format!("{it} "));
            let secs = wait.as_secs();
            format!("the server answered {status}and asks for {secs} seconds")
        };
        let place = request.account;
        match moment {
            // Fewer may be in flight from now on, and this one rests alone; unless others are in the
            // way: then all wait.
            Some(Moment::Throttled {
                scope: Scope::AtOnce,
                wait: None,
            }) if !self.limits.takes_none() => Ok(request.backoff.next_wait()),
            Some(Moment::Throttled { scope, wait }) => {
                let scope = match scope {
                    Scope::Endpoint => request.purpose.class().step(),
                    Scope::Account | Scope::AtOnce => None,
                };
                let (wait, reason) = match wait {
                    Some(wait) => (wait.max(TURNED_AWAY_WAIT_MIN), asked(wait)),
                    // Those that were turned away together wait together.
                    None if self.limits.paused_until(scope, now.instant).is_some() => {
                        return Ok(Duration::ZERO);
                    }
                    None => {
                        let wait = self.next_throttled(place, now)?;
                        (wait, "the server says: too many requests".to_owned())
                    }
                };
                self.hold(place, scope, (wait, reason), said, now)?;
                Ok(Duration::ZERO)
            }
            Some(Moment::Unwell { wait: Some(wait) }) => {
                let at_least = wait.max(TURNED_AWAY_WAIT_MIN);
                self.hold(place, None, (at_least, asked(wait)), said, now)?;
                Ok(Duration::ZERO)
            }
            Some(Moment::Unwell { wait: None } | Moment::Conflict | Moment::Unrecognised)
            | None => Ok(request.backoff.next_wait()),
        }
    }

    /// Lets nothing of `step` (`None`: of the tenant) leave for a while, and says why.
    ///
    /// # Errors
    ///
    /// When that is more than [`PAUSE_WAITED_MAX`]: the pause is recorded for the next process, and
    /// the account stops.
    pub(super) fn hold(
        &mut self,
        place: usize,
        step: Option<Step>,
        (wait, reason): (Duration, String),
        said: &Said,
        now: Now,
    ) -> Result<(), RequestError> {
        let too_long = (wait > PAUSE_WAITED_MAX).then(|| Self::too_long(wait, &reason, now));
        if self.limits.pause(step, now.instant + wait) {
            self.record_pause(place, step, (wait, reason), now);
        }
        let Some(RequestError::Account {
            reason, mut detail, ..
        }) = too_long
        else {
            return Ok(());
        };
        if let Some(words) = &said.detail.message {
            let ours = detail.message.unwrap_or_default();
            detail.message = Some(format!("{ours}; it says: {words}"));
        }
        detail.code = said.detail.code.clone().or(detail.code);
        let status = said.status;
        Err(RequestError::Account {
            reason,
            status,
            detail,
        })
    }

    /// A wait that nobody sits through.
    pub(super) fn too_long(wait: Duration, reason: &str, now: Now) -> RequestError {
        let until = now.wall.after(wait);
        RequestError::account(
            StopKind::QuotaGone,
            None,
            own(
                "long_wait",
                format!("{reason}; nothing is sent until {until}"),
            ),
        )
    }

    /// The next wait of a tenant that throttles without a word of how long.
    fn next_throttled(&mut self, place: usize, now: Now) -> Result<Duration, RequestError> {
        let seed = self.accounts[place].seed;
        let (since, backoff) = self
            .throttled
            .get_or_insert_with(|| (now.instant, Backoff::new(seed)));
        if now.instant - *since < THROTTLED_TIME_MAX {
            return Ok(backoff.next_wait().max(TURNED_AWAY_WAIT_MIN));
        }
        let mins = THROTTLED_TIME_MAX.as_secs() / 60;
        Err(RequestError::account(
            StopKind::QuotaGone,
            Some(429),
            own(
                "throttled",
                format!("nothing but 429 for {mins} minutes; the window may be a rolling day"),
            ),
        ))
    }

    /// No host was reached, and nothing was sent: all of the account waits before it is tried again.
    /// `detail`: what the network said. Returns how long this request rests beside that.
    ///
    /// # Errors
    ///
    /// When that was borne with for as long as may be.
    pub(super) fn unreached(
        &mut self,
        place: usize,
        detail: &Detail,
        now: Now,
    ) -> Result<Duration, RequestError> {
        // Those that failed together wait together.
        if self.limits.paused_until(None, now.instant).is_some() {
            return Ok(Duration::ZERO);
        }
        let said = detail.message.as_deref().unwrap_or_default();
        let at_work = self.reach.at_work;
        match self.reach.loss(now) {
            // Another was answered since.
            None => Ok(TURNED_AWAY_WAIT_MIN),
            Some(Loss::Again(wait, words)) => {
                self.limits.pause(None, now.instant + wait);
                // As long as the next try may take as well: it is one wait for whoever looks on.
                let shown = if at_work {
                    wait + CONNECT_TIME_MAX
                } else {
                    wait
                };
                self.record_pause(place, None, (shown, format!("{words} ({said})")), now);
                Ok(Duration::ZERO)
            }
            Some(Loss::Over(words, _)) if at_work => {
                let mins = PATIENCE_AT_WORK.as_secs() / 60;
                let words = format!("{words}, for {mins} minutes ({said})");
                Err(RequestError::account(
                    StopKind::OutOfReach,
                    None,
                    own("out_of_reach", words),
                ))
            }
            Some(Loss::Over(words, attempts)) => Err(RequestError::Passing {
                attempts,
                class: "no_connection",
                status: None,
                detail: own("no_connection", format!("{words} ({said})")),
            }),
        }
    }

    /// Notes whether a host was reached.
    pub(super) fn note_reach(
        &mut self,
        id: RequestId,
        sent: &Sent,
        result: &Result<Reply, TransportError>,
        now: Now,
    ) {
        let place = self.requests.get(&id).map_or(0, |request| request.account);
        let Err(error) = result else {
            if self.reach.heard(&sent.host) {
                let told = format!("{} answers again", sent.host);
                self.record_pause(place, None, (Duration::ZERO, told), now);
            }
            return;
        };
        // That it did not answer shows it only where nothing has been heard of it yet, or a token is
        // waited for.
        let is_missed = match error.failure {
            Failure::Connect => true,
            Failure::TimedOut | Failure::Broken => {
                !self.reach.at_work || sent.leave.granted.is_none()
            }
            Failure::TooLarge => sent.leave.granted.is_none(),
            Failure::Certificate | Failure::Abandoned => false,
        };
        if is_missed {
            self.reach.missed(&sent.host, now.instant - sent.at, now);
        }
    }

    fn record_pause(
        &mut self,
        place: usize,
        step: Option<Step>,
        (wait, reason): (Duration, String),
        now: Now,
    ) {
        let at = now.wall;
        self.record(Entry::Pause(Paused {
            account: self.accounts[place].name.clone(),
            step,
            until: at.after(wait),
            reason,
            at,
        }));
    }

    /// Learns of limits from headers that are the provider's.
    pub(super) fn learn(
        &mut self,
        place: usize,
        step: Option<Step>,
        permit: &Permit,
        reply: &Reply,
        now: Now,
    ) {
        let provider = &self.accounts[place].provider;
        let hints = provider.rate_hints(step, &reply.headers);
        for (step, hint) in [
            (None, hints.account),
            (step, hints.endpoint.filter(|_| step.is_some())),
        ] {
            let said = hint.and_then(|hint| {
                Some(Stated {
                    limit: hint.limit?,
                    remaining: hint.remaining,
                    resets_in: hint.resets_in,
                })
            });
            if let Some(said) = said {
                self.limits.learn(step, permit, said, now.instant);
            }
        }
        // Requests in flight may not be among those counted: what is left is theirs.
        let in_flight = u64::from(self.limits.concurrency());
        if let Some(left) = hints.day_left.filter(|left| *left <= in_flight)
            && self.day_over.is_none()
        {
            let words = format!(
                "{} says that {left} requests are left of the day's quota, which comes back over 24 hours",
                provider.kind().title()
            );
            self.day_over = Some(own("day_over", words));
        }
    }
}
