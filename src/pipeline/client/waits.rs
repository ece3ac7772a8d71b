//! What keeps a request back: waits that a server asks for, and those that nobody asks for where it
//! only says no. Who has to wait here sends nothing; what may leave when is the limits' to say.

use std::time::Duration;

use tokio::time::Instant;

use super::Client;
use crate::domain::{Entry, Paused, Step, StopKind};
use crate::pipeline::error::ClientError;
use crate::pipeline::limits::{PAUSE_WAITED_MAX, Refused};
use crate::pipeline::reach::{Loss, PATIENCE_AT_WORK};
use crate::pipeline::retry::Backoff;
use crate::pipeline::sink::{Durability, SinkFailed};
use crate::pipeline::tokens::own;
use crate::provider::{Detail, Moment, Scope};
use crate::transport::CONNECT_TIME_MAX;

/// A lane that is throttled for so long without a word of how long, and without one answer that
/// is anything else, has used up its day.
const THROTTLED_TIME_MAX: Duration = Duration::from_mins(10);

/// The shortest rest after a request that was turned away: a server that asks for 0 seconds has
/// rounded a part of one down, and all attempts would be used up within it.
const TURNED_AWAY_WAIT_MIN: Duration = Duration::from_secs(1);

impl Client {
    /// Waits as `moment` asks (`None`: the network's fault), or shuts the gate it speaks of. `said`:
    /// the status and the words of the answer.
    pub(in crate::pipeline) async fn wait(
        &self,
        step: Option<Step>,
        moment: Option<Moment>,
        said: (Option<u16>, &Detail),
        backoff: &mut Backoff,
    ) -> Result<(), ClientError> {
        let (status, _) = said;
        let asked = |wait: Duration| {
            let status = status.map_or_else(String::new, |status| format!("{status} "));
            format!(
                "the server answered {status}and asks for {} seconds",
                wait.as_secs()
            )
        };
        match moment {
            // Fewer may be under way from now on, and this one waits for itself; unless others are in
            // the way: then all wait.
            Some(Moment::Throttled {
                scope: Scope::AtOnce,
                wait: None,
            }) if !self.limits.takes_none() => self.rest(backoff).await,
            Some(Moment::Throttled { scope, wait }) => {
                let scope = match scope {
                    Scope::Endpoint => step,
                    Scope::Account | Scope::AtOnce => None,
                };
                let (wait, reason) = match wait {
                    Some(wait) => (wait.max(TURNED_AWAY_WAIT_MIN), asked(wait)),
                    // Those that were turned away together wait together.
                    None if self.limits.shut_until(scope).is_some() => return Ok(()),
                    None => (
                        self.throttled()?,
                        "the server says: too many requests".to_owned(),
                    ),
                };
                self.hold(scope, wait, reason, said).await
            }
            Some(Moment::Unwell { wait: Some(wait) }) => {
                let at_least = wait.max(TURNED_AWAY_WAIT_MIN);
                self.hold(None, at_least, asked(wait), said).await
            }
            Some(Moment::Unwell { wait: None } | Moment::Conflict | Moment::Unrecognised)
            | None => self.rest(backoff).await,
        }
    }

    /// Waits before one request is tried again for which the provider is not ready yet: longer each
    /// time, and never just a moment.
    pub(in crate::pipeline) async fn rest_longer(
        &self,
        backoff: &mut Backoff,
    ) -> Result<(), ClientError> {
        self.rest_for(backoff.next_wait_above()).await
    }

    /// Waits before one request is tried again; no other waits for it.
    async fn rest(&self, backoff: &mut Backoff) -> Result<(), ClientError> {
        self.rest_for(backoff.next_wait()).await
    }

    async fn rest_for(&self, wait: Duration) -> Result<(), ClientError> {
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.stop.admitting.cancelled() => Err(ClientError::Stopping),
        }
    }

    /// Lets nothing of `step` (`None`: of the account) leave for `wait`, and says so.
    ///
    /// # Errors
    ///
    /// When that is more than [`PAUSE_WAITED_MAX`]: the pause is kept for the next process, and
    /// this one's lane stops.
    pub(super) async fn hold(
        &self,
        step: Option<Step>,
        wait: Duration,
        reason: String,
        (status, said): (Option<u16>, &Detail),
    ) -> Result<(), ClientError> {
        let long = (wait > PAUSE_WAITED_MAX).then(|| self.shut_for_long(wait, &reason));
        if self.limits.pause(step, Instant::now() + wait) {
            let at = self.wall.now();
            let account = self.account.clone();
            let paused = Paused {
                account,
                step,
                until: at.after(wait),
                reason,
                at,
            };
            self.record(Entry::Pause(paused), Durability::Queued)
                .await?;
        }
        let Some(mut detail) = long else {
            return Ok(());
        };
        if let Some(words) = &said.message {
            let ours = detail.message.unwrap_or_default();
            detail.message = Some(format!("{ours}; it says: {words}"));
        }
        detail.code = said.code.clone().or(detail.code);
        Err(ClientError::Account {
            reason: StopKind::QuotaGone,
            status,
            detail,
        })
    }

    /// No host was reached, and nothing was sent: all of the account waits before it is tried again.
    /// `detail`: what the network said.
    ///
    /// # Errors
    ///
    /// When that was borne with for as long as may be.
    pub(in crate::pipeline) async fn unreached(&self, detail: Detail) -> Result<(), ClientError> {
        // Those that failed together wait together.
        if self.limits.shut_until(None).is_some() {
            return Ok(());
        }
        let said = detail.message.as_deref().unwrap_or_default();
        match self.reach.loss() {
            // Another was answered since.
            None => {
                let stopping = &self.stop.admitting;
                let rest = tokio::time::sleep(TURNED_AWAY_WAIT_MIN);
                let rested = stopping.run_until_cancelled(rest).await;
                rested.ok_or(ClientError::Stopping)
            }
            Some(Loss::Again(wait, words)) => {
                self.limits.pause(None, Instant::now() + wait);
                // As long as the next try may take as well: it is one wait for whoever looks on.
                let shown = if self.reach.is_at_work() {
                    wait + CONNECT_TIME_MAX
                } else {
                    wait
                };
                self.record_pause(shown, format!("{words} ({said})"))
                    .await?;
                Ok(())
            }
            Some(Loss::Over(words, _)) if self.reach.is_at_work() => {
                let mins = PATIENCE_AT_WORK.as_secs() / 60;
                let words = format!("{words}, for {mins} minutes ({said})");
                Err(ClientError::Account {
                    reason: StopKind::OutOfReach,
                    status: None,
                    detail: own("out_of_reach", words),
                })
            }
            Some(Loss::Over(words, attempts)) => Err(ClientError::Passing {
                attempts,
                class: "no_connection",
                status: None,
                detail: own("no_connection", format!("{words} ({said})")),
            }),
        }
    }

    /// `host` answers again: nothing waits for it any more.
    pub(super) async fn reached_again(&self, host: &str) {
        let told = self.record_pause(Duration::ZERO, format!("{host} answers again"));
        // A ledger that failed is told of by whatever is recorded next.
        let _ = told.await;
    }

    /// Records that all of the account waits for `wait` from now.
    async fn record_pause(&self, wait: Duration, reason: String) -> Result<(), SinkFailed> {
        let at = self.wall.now();
        let paused = Paused {
            account: self.account.clone(),
            step: None,
            until: at.after(wait),
            reason,
            at,
        };
        self.record(Entry::Pause(paused), Durability::Queued).await
    }

    /// Why a request was not admitted, as a lane takes it.
    pub(super) fn not_admitted(&self, refused: Refused) -> ClientError {
        match refused {
            Refused::Stopping | Refused::Late => ClientError::Stopping,
            Refused::ShutUntil(until) => ClientError::Account {
                reason: StopKind::QuotaGone,
                status: None,
                detail: self.shut_for_long(
                    until.saturating_duration_since(Instant::now()),
                    "the server asked to wait",
                ),
            },
        }
    }

    /// The words for a wait that nobody sits through.
    fn shut_for_long(&self, wait: Duration, reason: &str) -> Detail {
        let until = self.wall.now().after(wait);
        own(
            "long_wait",
            format!("{reason}; nothing is sent until {until}"),
        )
    }

    /// The next wait of a lane that is throttled without a word of how long.
    fn throttled(&self) -> Result<Duration, ClientError> {
        let now = Instant::now();
        let wait = self.throttle(|throttle| {
            if throttle.since.is_none() {
                throttle.backoff = Backoff::new(self.seed);
            }
            let since = *throttle.since.get_or_insert(now);
            (now - since < THROTTLED_TIME_MAX).then(|| throttle.backoff.next_wait())
        });
        wait.map(|wait| wait.max(TURNED_AWAY_WAIT_MIN))
            .ok_or_else(|| ClientError::Account {
                reason: StopKind::QuotaGone,
                status: Some(429),
                detail: own(
                    "throttled",
                    format!(
                        "nothing but 429 for {} minutes; the window may be a rolling day",
                        THROTTLED_TIME_MAX.as_secs() / 60
                    ),
                ),
            })
    }
}
