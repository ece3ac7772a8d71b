//! One request that deletes many users: its intents, the request, and what its answer means.
//!
//! What the job it begins does to each row is `jobs`' and each row's own to find out.

use super::client::{Client, passing_or_stop};
use super::error::ClientError;
use super::retry::Backoff;
use super::sink::{Durability, SinkFailed};
use super::tokens::{Granted, own};
use crate::domain::{BulkAnswered, Entry, Intent, JobId, Step, StopKind, Task, UserId};
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
pub(super) struct BulkRun<'a> {
    client: &'a Client,
    bulk: &'a dyn Bulk,
    step: Step,
    tasks: &'a [Task],
    ids: Vec<UserId>,
}

impl<'a> BulkRun<'a> {
    pub(super) fn new(
        client: &'a Client,
        bulk: &'a dyn Bulk,
        step: Step,
        tasks: &'a [Task],
    ) -> Self {
        Self {
            client,
            bulk,
            step,
            tasks,
            ids: tasks.iter().map(|task| task.id.clone()).collect(),
        }
    }

    /// Tries until a job is begun, or cannot be.
    ///
    /// # Errors
    ///
    /// When the lane must stop first; the rows then stay pending.
    pub(super) async fn begin(&self) -> Result<Begun, ClientError> {
        let client = self.client;
        let mut backoff = Backoff::new(client.seed ^ self.first());
        let mut tokens_rejected = 0;
        let mut attempt = 1;
        while attempt <= client.attempts.get() {
            let slot = client.jobs.slot(client).await?;
            let (mut admission, granted) = client.admit(Some(self.step)).await?;
            if let Err(failed) = self.intend(attempt).await {
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
                            self.judge(
                                &reply,
                                verdict,
                                &granted,
                                &mut tokens_rejected,
                                &mut backoff,
                            )
                            .await?
                        }
                    }
                }
                Err(error) => {
                    drop(admission);
                    drop(slot);
                    self.judge_broken(&error, &mut backoff).await?
                }
            };
            match after {
                After::Ended(begun) => return Ok(begun),
                After::Again { costs } => attempt += u32::from(costs),
            }
        }
        Ok(Begun::NotNow)
    }

    /// Makes the intents of all rows durable, with one sync.
    async fn intend(&self, attempt: u32) -> Result<(), SinkFailed> {
        let at = self.client.now();
        let last = self.tasks.len() - 1;
        for (place, task) in self.tasks.iter().enumerate() {
            let intent = Intent {
                position: task.position,
                account: task.account.clone(),
                action: task.action,
                id: task.id.clone(),
                step: self.step,
                attempt,
                with: Some(self.first()),
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
        tokens_rejected: &mut u32,
        backoff: &mut Backoff,
    ) -> Result<After, ClientError> {
        let client = self.client;
        let status = Some(reply.status);
        if !matches!(verdict, Verdict::TokenRejected(_)) {
            client.tokens.accepted(granted).await;
        }
        match verdict {
            Verdict::TokenRejected(detail) => {
                *tokens_rejected += 1;
                let told = detail.clone();
                self.record(Some("token_rejected"), None, false, status, told)
                    .await?;
                client
                    .renew(granted, *tokens_rejected, status, detail)
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
                    .wait(Some(self.step), Some(moment), (status, &detail), backoff)
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
        self.tasks[0].position.row
    }
}
