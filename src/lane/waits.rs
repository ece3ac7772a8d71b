//! The waits that keep requests back: a server asks for them, or only says no, or a host is out of
//! reach. Limits in headers are learnt here too.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::limits::{PAUSE_WAITED_MAX, Permit};
use super::reach::PATIENCE_AT_WORK;
use super::requests::{Flight, LaneRequest};
use super::{Lane, Now, RequestError};
use crate::domain::{Entry, Paused, Said, Step, StopKind};
use crate::provider::{Reply, Scope, Transient};
use crate::transport::{CONNECT_TIME_MAX, Failure, TransportError};
use crate::words::count;

/// An account that is throttled for so long without any other answer has used up its day.
const THROTTLED_TIME_MAX: Duration = Duration::from_mins(10);

/// The shortest rest after a refusal: a server that asks for 0 seconds has rounded down.
const TURNED_AWAY_WAIT_MIN: Duration = Duration::from_secs(1);

/// The shortest wait that the exponential growth runs from.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// The longest that it runs to.
pub(super) const WAIT_MAX: Duration = Duration::from_mins(1);

/// The waits between the attempts at one request where the server does not say: exponential, with full
/// jitter.
///
/// Full jitter (a wait anywhere between zero and the exponential bound) spreads a crowd that
/// failed together best; see
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
#[derive(Debug)]
pub struct Backoff {
    bounds: backon::ExponentialBackoff,
    random: fastrand::Rng,
}

impl Backoff {
    /// Waits whose jitter comes from `seed`.
    pub fn new(seed: u64) -> Self {
        let bounds = ExponentialBuilder::new()
            .with_min_delay(WAIT_MIN)
            .with_max_delay(WAIT_MAX)
            .with_factor(2.0)
            .without_max_times()
            .build();
        Self {
            bounds,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        let bound = self.bounds.next().unwrap_or(WAIT_MAX);
        bound.mul_f64(self.random.f64())
    }

    /// The next wait, from the exponential bound up to twice as much: for what needs time.
    pub fn next_wait_above(&mut self) -> Duration {
        let bound = self.bounds.next().unwrap_or(WAIT_MAX);
        bound + bound.mul_f64(self.random.f64())
    }
}

impl Lane {
    /// How long a request rests before it is tried again, as `moment` asks (`None`: the network's
    /// fault). Where all of its endpoint or account has to wait, they are paused instead.
    pub(super) fn wait(
        &mut self,
        request: &mut LaneRequest,
        moment: Option<Transient>,
        said: &Said,
        now: Now,
    ) -> Result<Duration, RequestError> {
        let asked = |wait: Duration| {
            let status = said.status.map_or_else(String::new, |it| format!("{it} "));
            let wait = count(wait.as_secs(), "second");
            format!("the server answered {status}and asks for {wait}")
        };
        let account = request.account;
        match moment {
            // Fewer may be in flight, and this one rests alone; if others are in the way, all wait.
            Some(Transient::Throttled {
                scope: Scope::Concurrency,
                wait: None,
            }) if !self.limits.takes_none() => Ok(request.backoff.next_wait()),
            Some(Transient::Throttled { scope, wait }) => {
                let scope = match scope {
                    Scope::Endpoint => request.purpose.class().step(),
                    Scope::Account | Scope::Concurrency => None,
                };
                let (wait, reason) = match wait {
                    Some(wait) => (wait.max(TURNED_AWAY_WAIT_MIN), asked(wait)),
                    // Those that were turned away together wait together.
                    None if self.limits.paused_until(scope, now.instant).is_some() => {
                        return Ok(Duration::ZERO);
                    }
                    None => {
                        let wait = self.next_throttled(account, now)?;
                        (wait, "the server says: too many requests".to_owned())
                    }
                };
                self.hold(account, scope, (wait, reason), said, now)?;
                Ok(Duration::ZERO)
            }
            Some(Transient::ServerError { wait: Some(wait) }) => {
                let at_least = wait.max(TURNED_AWAY_WAIT_MIN);
                self.hold(account, None, (at_least, asked(wait)), said, now)?;
                Ok(Duration::ZERO)
            }
            Some(
                Transient::ServerError { wait: None }
                | Transient::Conflict
                | Transient::Unrecognised,
            )
            | None => Ok(request.backoff.next_wait()),
        }
    }

    /// Lets nothing of `step` (`None`: of the tenant) leave for a while, and says why.
    /// An error: that is more than [`PAUSE_WAITED_MAX`], so the account stops; the pause is recorded.
    pub(super) fn hold(
        &mut self,
        account: usize,
        step: Option<Step>,
        (wait, reason): (Duration, String),
        said: &Said,
        now: Now,
    ) -> Result<(), RequestError> {
        let ours = (wait > PAUSE_WAITED_MAX).then(|| Self::too_long(wait, &reason, now));
        if self.limits.pause(step, now.instant + wait) {
            self.record_pause(account, step, (wait, reason), now);
        }
        let Some(ours) = ours else { return Ok(()) };
        let message = said.message.as_ref().zip(ours.message.as_ref());
        let message = message.map(|(theirs, ours)| format!("{ours}; it says: {theirs}"));
        let said = Said {
            status: said.status,
            code: said.code.clone().or(ours.code),
            message: message.or(ours.message),
        };
        let reason = StopKind::QuotaGone;
        Err(RequestError::Account { reason, said })
    }

    /// Why an account stops that nobody would wait for.
    pub(super) fn too_long(wait: Duration, reason: &str, now: Now) -> Said {
        let until = now.wall.after(wait);
        let words = format!("{reason}; nothing is sent until {until}");
        Said::own("long_wait", words)
    }

    /// The next wait of a tenant that throttles without a word of how long.
    fn next_throttled(&mut self, account: usize, now: Now) -> Result<Duration, RequestError> {
        let seed = self.accounts[account].seed;
        let (since, backoff) = self
            .throttled
            .get_or_insert_with(|| (now.instant, Backoff::new(seed)));
        if now.instant - *since < THROTTLED_TIME_MAX {
            return Ok(backoff.next_wait().max(TURNED_AWAY_WAIT_MIN));
        }
        let mins = THROTTLED_TIME_MAX.as_secs() / 60;
        let words = format!("nothing but 429 for {mins} minutes; the window may be a rolling day");
        Err(RequestError::Account {
            reason: StopKind::QuotaGone,
            said: Said {
                status: Some(429),
                ..Said::own("throttled", words)
            },
        })
    }

    /// No host was reached, and nothing was sent: all of the account waits before it is tried again.
    /// `network`: what that said. Returns how long this request rests beside that.
    /// An error: that was borne with for as long as may be.
    pub(super) fn unreached(
        &mut self,
        account: usize,
        network: &Said,
        now: Now,
    ) -> Result<Duration, RequestError> {
        // Those that failed together wait together.
        if self.limits.paused_until(None, now.instant).is_some() {
            return Ok(Duration::ZERO);
        }
        let network = network.message.as_deref().unwrap_or_default();
        let at_work = self.reach.at_work;
        match self.reach.loss(now) {
            // Another was answered since.
            None => Ok(TURNED_AWAY_WAIT_MIN),
            Some((words, Ok(wait))) => {
                self.limits.pause(None, now.instant + wait);
                // As long as the next try may take as well: it is one wait for whoever looks on.
                let shown = if at_work {
                    wait + CONNECT_TIME_MAX
                } else {
                    wait
                };
                let words = format!("{words}; trying again ({network})");
                self.record_pause(account, None, (shown, words), now);
                Ok(Duration::ZERO)
            }
            Some((words, Err(_))) if at_work => {
                let mins = PATIENCE_AT_WORK.as_secs() / 60;
                let words = format!("{words}, for {mins} minutes ({network})");
                Err(RequestError::Account {
                    reason: StopKind::OutOfReach,
                    said: Said::own("out_of_reach", words),
                })
            }
            Some((words, Err(attempts))) => Err(RequestError::Passing {
                attempts,
                class: "no_connection",
                said: Said::own("no_connection", format!("{words} ({network})")),
            }),
        }
    }

    /// Notes whether a host was reached.
    pub(super) fn note_reach(
        &mut self,
        account: usize,
        flight: &Flight,
        result: &Result<Reply, TransportError>,
        now: Now,
    ) {
        let Err(error) = result else {
            // It ends the wait for the host, and none that a server has asked for since.
            let paused = self.limits.paused_until(None, now.instant);
            let lost = self.reach.heard(&flight.host);
            if lost.is_some_and(|own| paused.is_none_or(|until| until == own)) {
                let words = format!("{} answers again", flight.host);
                self.record_pause(account, None, (Duration::ZERO, words), now);
            }
            return;
        };
        // No answer shows it only where nothing has been heard yet, or a token is waited for.
        let is_missed = match error.failure {
            Failure::Connect => true,
            Failure::TimedOut | Failure::Broken => !self.reach.at_work || flight.granted.is_none(),
            Failure::TooLarge => flight.granted.is_none(),
            Failure::Certificate | Failure::Abandoned => false,
        };
        if is_missed {
            let began = now.instant - flight.at.instant;
            self.reach.missed(&flight.host, began, now);
        }
    }

    fn record_pause(
        &mut self,
        account: usize,
        step: Option<Step>,
        (wait, reason): (Duration, String),
        now: Now,
    ) {
        let at = now.wall;
        self.record(Entry::Pause(Paused {
            account: self.accounts[account].name.clone(),
            step,
            until: at.after(wait),
            reason,
            at,
        }));
    }

    /// Learns of limits from headers that are the provider's.
    pub(super) fn observe_hints(
        &mut self,
        request: &LaneRequest,
        permit: &Permit,
        reply: &Reply,
        now: Now,
    ) {
        let provider = &self.accounts[request.account].provider;
        let step = request.purpose.class().step();
        let hints = provider.rate_hints(step, &reply.headers);
        let of_step = hints.endpoint.filter(|_| step.is_some());
        for (step, hint) in [(None, hints.account), (step, of_step)] {
            if let Some(hint) = hint {
                self.limits.observe(step, permit, hint, now.instant);
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
            self.day_over = Some(Said::own("day_over", words));
        }
    }
}
