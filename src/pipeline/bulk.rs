//! One request that deletes many users: its intents, the request, and what its answer means.
//!
//! What the job it begins does to each row is `jobs`' and each row's own to find out.

use super::client::{Client, passing_or_stop};
use super::error::ClientError;
use super::jobs::JobSlot;
use super::reading::Entered;
use super::retry::Backoff;
use super::roles::{ASKED_AGAIN_MAX, roles_too_old};
use super::sink::{Durability, SinkFailed};
use super::tokens::{Granted, own};
use crate::domain::{BulkAnswered, Entry, Intent, JobId, Step, StopKind, UserId};
use crate::provider::{Bulk, Detail, Reply, Verdict};
use crate::transport::{Failure, TransportError};

/// What came of asking for a job.
#[derive(Debug)]
pub(super) enum Begun {
    /// The provider works through the rows.
    Job(JobId),
    /// A job may have been begun; no answer says so.
    Doubt,
    /// Nothing was done. The rows go on one by one, and so do all that follow: this account has
    /// no such request, or this caller not the right to it, which single requests may have.
    Never,
    /// Nothing was done, for a passing reason. The rows go on one by one.
    NotNow,
    /// Nothing was done: the roles of the users have to be asked again first.
    RolesOld,
    /// The person would not wait.
    Abandoned,
}

/// What one attempt leaves to do.
enum After {
    Ended(Begun),
    /// Nothing was done: try again. `costs`: whether it counts as an attempt.
    Again {
        costs: bool,
    },
}

/// The rows of one request, which stand as one `step` for the same account.
pub(super) struct BulkRun<'a, 'r> {
    client: &'a Client,
    bulk: &'a dyn Bulk,
    step: Step,
    rows: &'r [Entered<'a>],
    ids: Vec<UserId>,
}

/// How often a request for many was tried, and how often not: that goes on when rows leave it.
pub(super) struct Tries<'a> {
    attempt: u32,
    tokens_rejected: u32,
    backoff: Backoff,
    /// Leave to begin a job that was not used yet.
    slot: Option<JobSlot<'a>>,
    /// How often in a row the roles of the users were asked again.
    roles_asked: u32,
}

impl Tries<'_> {
    /// None yet.
    pub(super) fn new(client: &Client, rows: &[Entered<'_>]) -> Self {
        let first = rows.first().map_or(0, |row| row.task.position.row);
        Self {
            attempt: 1,
            tokens_rejected: 0,
            backoff: Backoff::new(client.seed ^ first),
            slot: None,
            roles_asked: 0,
        }
    }
}

impl<'a, 'r> BulkRun<'a, 'r> {
    pub(super) fn new(
        client: &'a Client,
        bulk: &'a dyn Bulk,
        step: Step,
        rows: &'r [Entered<'a>],
    ) -> Self {
        Self {
            client,
            bulk,
            step,
            rows,
            ids: rows.iter().map(|row| row.task.id.clone()).collect(),
        }
    }

    /// Tries until a job is begun, or cannot be.
    ///
    /// # Errors
    ///
    /// When the lane must stop first; the rows then stay pending.
    pub(super) async fn begin(&self, tries: &mut Tries<'a>) -> Result<Begun, ClientError> {
        let client = self.client;
        while tries.attempt <= client.attempts.get() && !self.rows.is_empty() {
            let slot = match tries.slot.take() {
                Some(slot) => slot,
                None => client.jobs.slot(client).await?,
            };
            let (mut admission, granted) = client.admit(Some(self.step)).await?;
            if self.has_old_roles() {
                admission.unsent();
                tries.roles_asked += 1;
                if tries.roles_asked > ASKED_AGAIN_MAX {
                    return Err(roles_too_old());
                }
                tries.slot = Some(slot);
                return Ok(Begun::RolesOld);
            }
            tries.roles_asked = 0;
            if let Err(failed) = self.intend(tries.attempt).await {
                admission.unsent();
                return Err(failed.into());
            }
            if !client.may_leave(self.step, &mut admission).await {
                admission.unsent();
                self.record(Some("held_back"), None, false, None, Detail::default())
                    .await?;
                continue;
            }
            let request = self.bulk.begin(&granted.access, &self.ids);
            let after = match client.exchange(request, &mut admission).await {
                Ok(reply) => {
                    let begun = self.bulk.begun(&reply);
                    let verdict = begun.as_ref().err();
                    client.heed(Some(self.step), &mut admission, &reply, verdict);
                    drop(admission);
                    match begun {
                        Ok(job) => {
                            client.tokens.accepted(&granted).await;
                            slot.begun(&job);
                            let status = Some(reply.status);
                            let none = Detail::default();
                            self.record(None, Some(&job), false, status, none).await?;
                            return Ok(Begun::Job(job));
                        }
                        Err(verdict) => {
                            drop(slot);
                            self.judge(&reply, verdict, &granted, tries).await?
                        }
                    }
                }
                Err(error) => {
                    drop(admission);
                    drop(slot);
                    self.judge_broken(&error, &mut tries.backoff).await?
                }
            };
            match after {
                After::Ended(begun) => return Ok(begun),
                After::Again { costs } => tries.attempt += u32::from(costs),
            }
        }
        Ok(Begun::NotNow)
    }

    /// Whether one of the users may be of another role by now.
    fn has_old_roles(&self) -> bool {
        let mut roles = self.rows.iter().map(|row| row.role);
        roles.any(|role| role.is_none_or(|role| self.client.is_old(role)))
    }

    /// Makes the intents of all rows durable, with one sync.
    async fn intend(&self, attempt: u32) -> Result<(), SinkFailed> {
        let at = self.client.now();
        let last = self.rows.len() - 1;
        for (place, Entered { task, .. }) in self.rows.iter().enumerate() {
            let intent = Intent {
                position: task.position,
                account: task.account.clone(),
                action: task.action,
                id: task.id.clone(),
                step: self.step,
                attempt,
                with: Some(self.first()),
                nobody: false,
                at,
            };
            // The ledger keeps their order: with the last all are durable.
            let durability = if place == last {
                Durability::Synced
            } else {
                Durability::Queued
            };
            self.client
                .record(Entry::Intent(intent), durability)
                .await?;
        }
        Ok(())
    }

    /// What an answer means that began no job.
    async fn judge(
        &self,
        reply: &Reply,
        verdict: Verdict,
        granted: &Granted,
        tries: &mut Tries<'a>,
    ) -> Result<After, ClientError> {
        let client = self.client;
        let status = Some(reply.status);
        if !matches!(verdict, Verdict::TokenRejected(_)) {
            client.tokens.accepted(granted).await;
        }
        match verdict {
            Verdict::TokenRejected(detail) => {
                tries.tokens_rejected += 1;
                let told = detail.clone();
                self.record(Some("token_rejected"), None, false, status, told)
                    .await?;
                client
                    .renew(granted, tries.tokens_rejected, status, detail)
                    .await?;
                Ok(After::Again { costs: false })
            }
            Verdict::Account(reason, detail) => {
                let told = detail.clone();
                self.record(Some("account_stopped"), None, false, status, told)
                    .await?;
                match reason {
                    // Deleting one by one may be allowed where this is not, and tells for itself.
                    StopKind::NotPermitted | StopKind::WrongTenant => {
                        Ok(After::Ended(Begun::Never))
                    }
                    _ => Err(ClientError::Account {
                        reason,
                        status,
                        detail,
                    }),
                }
            }
            Verdict::Row(_, detail) | Verdict::Look(_, detail) => {
                self.record(Some("refused"), None, false, status, detail)
                    .await?;
                Ok(After::Ended(Begun::Never))
            }
            Verdict::Moment(moment, detail) => {
                let in_doubt = moment.in_doubt();
                let told = detail.clone();
                self.record(Some(moment.name()), None, in_doubt, status, told)
                    .await?;
                if matches!(moment, crate::provider::Moment::Throttled { .. }) {
                    client.jobs.full();
                }
                client
                    .wait(
                        Some(self.step),
                        Some(moment),
                        (status, &detail),
                        &mut tries.backoff,
                    )
                    .await?;
                Ok(if in_doubt {
                    After::Ended(Begun::Doubt)
                } else {
                    After::Again { costs: true }
                })
            }
        }
    }

    /// No whole answer came.
    async fn judge_broken(
        &self,
        error: &TransportError,
        backoff: &mut Backoff,
    ) -> Result<After, ClientError> {
        if error.failure == Failure::Abandoned {
            return Ok(After::Ended(Begun::Abandoned));
        }
        let (class, in_doubt) = (error.failure.name(), error.failure.in_doubt());
        let detail = own(class, error.to_string());
        let told = detail.clone();
        self.record(Some(class), None, in_doubt, None, told).await?;
        passing_or_stop(error)?;
        if error.failure == Failure::Connect {
            self.client.unreached(detail).await?;
            return Ok(After::Again { costs: false });
        }
        self.client
            .wait(Some(self.step), None, (None, &detail), backoff)
            .await?;
        Ok(if in_doubt {
            After::Ended(Begun::Doubt)
        } else {
            After::Again { costs: true }
        })
    }

    async fn record(
        &self,
        class: Option<&str>,
        job: Option<&JobId>,
        in_doubt: bool,
        status: Option<u16>,
        detail: Detail,
    ) -> Result<(), SinkFailed> {
        let answered = BulkAnswered {
            row: self.first(),
            account: self.client.account.clone(),
            step: self.step,
            job: job.cloned(),
            class: class.map(str::to_owned),
            in_doubt,
            status,
            code: detail.code,
            message: detail.message,
            at: self.client.now(),
        };
        self.client
            .record(Entry::Bulk(answered), Durability::Queued)
            .await
    }

    /// The number of the first row, by which the request is known.
    fn first(&self) -> u64 {
        self.rows[0].task.position.row
    }
}
