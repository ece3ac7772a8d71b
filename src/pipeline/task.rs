//! One row through its steps: attempts, verdicts, and the one outcome at the end.

use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::client::{Client, passing_or_stop};
use super::error::ClientError;
use super::jobs::JobEnd;
use super::limits::Admission;
use super::reread::Stands;
use super::retry::Backoff;
use super::sink::Durability;
use super::tokens::own;
use crate::domain::{
    Action, Attempted, Entry, Intent, JobId, LeftOpen, Outcome, OutcomeEntry, Position, Step,
    StepDone, Task, Time,
};
use crate::provider::{Bulk, Detail, ItemEnd, Moment, Reply, Roles, RowEnd, Seen, Verdict};
use crate::transport::{Failure, TransportError};

/// A row on its way through its steps.
pub(super) struct TaskRun<'a> {
    client: &'a Client,
    task: Task,
    /// Deleting requests sent for the row by this process.
    attempts: u32,
    started: Option<Instant>,
    before: Before,
}

/// What this process did for a row's first step together with other rows.
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// A request for many was sent, and no answer says what came of it.
    Doubt,
    /// The person would not wait for the answer to a request for many.
    Abandoned,
    /// A job that ended, with its id.
    Job(JobId, Arc<JobEnd>),
}

/// How a row ended, for the lane's safeties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowEnded {
    pub(super) position: Position,
    pub(super) outcome: Outcome,
    /// The provider's code, or our own; `None`: there is none.
    pub(super) code: Option<String>,
}

/// How a step ended.
struct StepEnd {
    outcome: Outcome,
    settled: bool,
    answer: Answer,
}

impl StepEnd {
    /// The person would not wait for the answer.
    fn abandoned() -> Self {
        Self {
            outcome: Outcome::InDoubt,
            settled: false,
            answer: Answer::default(),
        }
    }

    /// The user is gone, by a request of ours that was never answered. The words of the answer that
    /// shows it would mislead: it may be a refusal.
    fn settled(answer: Answer) -> Self {
        let detail = own(
            "settled",
            "the user is gone after a request for this row whose answer never came",
        );
        Self {
            outcome: Outcome::Deleted,
            settled: true,
            answer: Answer { detail, ..answer },
        }
    }
}

/// What is not known of the requests for a step so far.
#[derive(Clone, Copy)]
struct Doubt {
    /// One of them may have had its effect although no answer said so.
    effect: bool,
    /// One of those was never answered at all.
    unanswered: bool,
}

/// What the deciding answer said.
#[derive(Clone, Default)]
struct Answer {
    status: Option<u16>,
    request_id: Option<String>,
    detail: Detail,
}

/// What came of one sending.
struct Sent {
    reply: Result<Reply, TransportError>,
    granted: super::tokens::Granted,
    admission: Admission,
}

/// What one attempt leaves to do.
enum After {
    /// The step ended.
    Ended(RowEnd, Answer),
    /// Try again, after what the moment asks; `None`: the network's fault. `in_doubt`: the step
    /// may have had its effect.
    Again {
        moment: Option<Moment>,
        in_doubt: bool,
        answer: Answer,
    },
    /// Try again with another token, which counts as no attempt.
    NewToken,
    /// The person would not wait.
    Abandoned,
}

impl<'a> TaskRun<'a> {
    pub(super) fn new(client: &'a Client, task: Task) -> Self {
        Self {
            client,
            task,
            attempts: 0,
            started: None,
            before: Before::Nothing,
        }
    }

    /// A row that a request for many has carried, which left at `started`.
    pub(super) fn after(client: &'a Client, task: Task, before: Before, started: Instant) -> Self {
        Self {
            attempts: 1,
            started: Some(started),
            before,
            ..Self::new(client, task)
        }
    }

    /// Sees the row through and records its outcome.
    ///
    /// # Errors
    ///
    /// When the lane must stop first; the row then stays pending.
    pub(super) fn run(
        self,
    ) -> impl Future<Output = Result<RowEnded, ClientError>> + Send + use<'a> {
        let next = self.task.action.steps().get(self.task.steps_done);
        async move {
            let first = self.first_end().await?;
            // Given back after the first step: a purge may wait for its second for minutes.
            let begun = match (&first, next) {
                (None, Some(step)) => Some(self.client.begin(*step).await?),
                (Some(_), _) | (None, None) => None,
            };
            // What a row needs to be sent is kilobytes: only those get it that have begun, not the
            // hundreds that wait to.
            self.steps(first, begun).boxed().await
        }
    }

    /// Sees the row through the steps that are left. `first`: the end of the first of them; `None`: it
    /// has to be sent. `begun` is held until it has ended.
    async fn steps(
        mut self,
        mut first: Option<StepEnd>,
        mut begun: Option<SemaphorePermit<'_>>,
    ) -> Result<RowEnded, ClientError> {
        let steps = self.task.action.steps();
        let mut in_doubt = self.task.left_open != LeftOpen::Nothing
            || matches!(self.before, Before::Doubt | Before::Job(..));
        for (place, step) in steps.iter().enumerate().skip(self.task.steps_done) {
            let end = match first.take() {
                Some(end) => end,
                None => self.step(*step, in_doubt).await?,
            };
            in_doubt = false;
            begun.take();
            let good = matches!(end.outcome, Outcome::Deleted | Outcome::AlreadyGone);
            if !good || place + 1 == steps.len() {
                return self.end(end).await;
            }
            let done = StepDone {
                row: self.task.position.row,
                account: self.task.account.clone(),
                step: *step,
                outcome: end.outcome,
                settled: end.settled,
                status: end.answer.status,
                at: self.client.now(),
            };
            self.client
                .record(Entry::Step(done), Durability::Queued)
                .await?;
        }
        // Every step was done by an earlier process that never wrote the outcome.
        let answer = Answer::default();
        self.end(StepEnd {
            outcome: Outcome::Deleted,
            settled: true,
            answer,
        })
        .await
    }

    /// The end of the first step, if a request for many rows brought it about, of this process or
    /// an earlier one; `None`: it has to be sent for this row alone.
    async fn first_end(&self) -> Result<Option<StepEnd>, ClientError> {
        let (Some(bulk), Some(roles)) = (self.client.provider.bulk(), self.client.provider.roles())
        else {
            return Ok(None);
        };
        self.end_by_many(bulk, roles).boxed().await
    }

    /// The same at a provider that takes requests for many rows.
    async fn end_by_many(
        &self,
        bulk: &dyn Bulk,
        roles: &dyn Roles,
    ) -> Result<Option<StepEnd>, ClientError> {
        let (job, end) = match (&self.before, &self.task.left_open) {
            (Before::Abandoned, _) => return Ok(Some(StepEnd::abandoned())),
            (Before::Job(job, end), _) => (Some(job), Arc::clone(end)),
            (Before::Nothing, LeftOpen::Job(job)) => {
                let end = self.client.jobs.wait(self.client, bulk, job).await?;
                (Some(job), end)
            }
            (Before::Doubt, _) | (Before::Nothing, LeftOpen::Bulk) => (None, Arc::default()),
            (Before::Nothing, LeftOpen::Nothing | LeftOpen::Request) => return Ok(None),
        };
        let answer = |detail| Answer {
            status: end.status(),
            // What the provider's support would look for.
            request_id: job.map(|job| job.as_str().to_owned()),
            detail,
        };
        let refusal = match end.item(&self.task.id) {
            Some(ItemEnd::Deleted) => {
                return Ok(Some(StepEnd {
                    outcome: Outcome::Deleted,
                    settled: false,
                    answer: answer(Detail::default()),
                }));
            }
            Some(ItemEnd::Refused(detail)) => Some(detail.clone()),
            None => None,
        };
        // Only users who stood went into the request: one who does not any more is gone by it.
        let stands = self.client.still_stands(roles, &self.task.id).await?;
        Ok(match (stands, refusal) {
            (Stands::No, _) => Some(StepEnd::settled(answer(Detail::default()))),
            (Stands::Yes, Some(detail)) => Some(StepEnd {
                outcome: Outcome::Refused,
                settled: false,
                answer: answer(detail),
            }),
            (Stands::Yes | Stands::Unknown, _) => None,
        })
    }

    /// Tries a step until it ends or the attempts are used up.
    async fn step(&mut self, step: Step, in_doubt: bool) -> Result<StepEnd, ClientError> {
        let mut doubt = Doubt {
            effect: in_doubt,
            unanswered: in_doubt,
        };
        let mut backoff = Backoff::new(self.client.seed ^ self.task.position.row);
        let mut tokens_rejected = 0;
        let mut attempt = 1;
        loop {
            let Some(sent) = self.send(step, attempt).await? else {
                continue;
            };
            let answer = match self
                .judge(step, attempt, sent, &mut tokens_rejected)
                .await?
            {
                After::NewToken => continue,
                After::Ended(end, answer) => return Ok(self.settle(step, end, doubt, answer)),
                After::Abandoned => return Ok(StepEnd::abandoned()),
                After::Again {
                    moment,
                    in_doubt,
                    answer,
                } => {
                    doubt.effect |= in_doubt;
                    doubt.unanswered |= in_doubt && answer.status.is_none();
                    if attempt < self.client.attempts.get() {
                        let said = (answer.status, &answer.detail);
                        let wait = self.client.wait(Some(step), moment, said, &mut backoff);
                        wait.boxed().await?;
                    }
                    answer
                }
            };
            attempt += 1;
            if attempt > self.client.attempts.get() {
                return self.give_up(step, doubt, answer).boxed().await;
            }
        }
    }

    /// Sends one attempt; `None`: it was taken back before it left.
    async fn send(&mut self, step: Step, attempt: u32) -> Result<Option<Sent>, ClientError> {
        let client = self.client;
        let (mut admission, granted) = client.admit(Some(step)).await?;
        let intent = Intent {
            position: self.task.position,
            account: self.task.account.clone(),
            action: self.task.action,
            id: self.task.id.clone(),
            step,
            attempt,
            with: None,
            at: client.now(),
        };
        if let Err(failed) = client
            .record(Entry::Intent(intent), Durability::Synced)
            .await
        {
            admission.unsent();
            return Err(failed.into());
        }
        // A pause or a stop that came while the intent was written: take it back, wait again.
        if !client.may_leave(step, &mut admission).await {
            admission.unsent();
            self.record_attempt(step, attempt, "held_back", false, Answer::default())
                .await?;
            return Ok(None);
        }
        self.started.get_or_insert_with(Instant::now);
        self.attempts += 1;
        let request = client.provider.step(&granted.access, step, &self.task.id);
        let reply = client.exchange(request, &mut admission).await;
        Ok(Some(Sent {
            reply,
            granted,
            admission,
        }))
    }

    /// What an attempt's answer means for the row. Whatever does not end the step is recorded.
    async fn judge(
        &self,
        step: Step,
        attempt: u32,
        sent: Sent,
        tokens_rejected: &mut u32,
    ) -> Result<After, ClientError> {
        let client = self.client;
        let Sent {
            reply,
            granted,
            mut admission,
        } = sent;
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                drop(admission);
                return self.judge_broken(step, attempt, &error).boxed().await;
            }
        };
        let status = Some(reply.status);
        let answer = |detail| Answer {
            status,
            request_id: reply.request_id(),
            detail,
        };
        let verdict = client.provider.judge(step, &self.task.id, &reply);
        client.heed(Some(step), &mut admission, &reply, Some(&verdict));
        drop(admission);
        if !matches!(verdict, Verdict::TokenRejected(_)) {
            client.tokens.accepted(&granted).await;
        }
        match verdict {
            Verdict::Row(end, detail) => Ok(After::Ended(end, answer(detail))),
            Verdict::Look(standing, detail) => {
                // Boxed, as all that few rows come to: what every row has for it would be moved about.
                let look = self.look(step, attempt, standing, answer(detail));
                look.boxed().await
            }
            Verdict::Moment(moment, detail) => {
                let (class, in_doubt) = (moment.name(), moment.in_doubt());
                let told = answer(detail.clone());
                self.record_attempt(step, attempt, class, in_doubt, told)
                    .await?;
                Ok(After::Again {
                    moment: Some(moment),
                    in_doubt,
                    answer: answer(detail),
                })
            }
            Verdict::TokenRejected(detail) => {
                *tokens_rejected += 1;
                let told = answer(detail.clone());
                self.record_attempt(step, attempt, "token_rejected", false, told)
                    .await?;
                client
                    .renew(&granted, *tokens_rejected, status, detail)
                    .await?;
                Ok(After::NewToken)
            }
            Verdict::Account(reason, detail) => {
                let told = answer(detail.clone());
                self.record_attempt(step, attempt, "account_stopped", false, told)
                    .await?;
                Err(ClientError::Account {
                    reason,
                    status,
                    detail,
                })
            }
        }
    }

    /// No whole answer came.
    async fn judge_broken(
        &self,
        step: Step,
        attempt: u32,
        error: &TransportError,
    ) -> Result<After, ClientError> {
        if error.failure == Failure::Abandoned {
            return Ok(After::Abandoned);
        }
        let (class, in_doubt) = (error.failure.name(), error.failure.in_doubt());
        let answer = || Answer {
            detail: own(class, error.to_string()),
            ..Answer::default()
        };
        self.record_attempt(step, attempt, class, in_doubt, answer())
            .await?;
        passing_or_stop(error)?;
        Ok(After::Again {
            moment: None,
            in_doubt,
            answer: answer(),
        })
    }

    /// The answer alone cannot say: looks at the user. `standing`: the end if they stand as they
    /// did.
    async fn look(
        &self,
        step: Step,
        attempt: u32,
        standing: RowEnd,
        answer: Answer,
    ) -> Result<After, ClientError> {
        match self.client.look(&self.task.id).await {
            // The second step of a purge follows the first at once. "No such deleted user" about
            // one who is soft-deleted may only mean that the provider has not got round to it;
            // believed at the first asking, it would pass for a deletion.
            Ok(Seen::SoftDeleted { .. })
                if step == Step::PermanentlyDelete
                    && self.task.action == Action::Purge
                    && attempt == 1 =>
            {
                self.record_attempt(step, attempt, "unsettled", false, answer.clone())
                    .await?;
                Ok(After::Again {
                    moment: None,
                    in_doubt: false,
                    answer,
                })
            }
            Ok(seen) => {
                let end = RowEnd::after_look(&seen, standing);
                let detail = own_words(step, &seen, answer.detail);
                Ok(After::Ended(end, Answer { detail, ..answer }))
            }
            Err(ClientError::Passing { .. }) => {
                self.record_attempt(step, attempt, "unsettled", false, answer.clone())
                    .await?;
                Ok(After::Again {
                    moment: None,
                    in_doubt: false,
                    answer,
                })
            }
            Err(other) => {
                self.record_attempt(step, attempt, "unsettled", false, answer)
                    .await?;
                Err(other)
            }
        }
    }

    /// An end, seen in the light of a doubt: what is gone after a request of ours that was never
    /// answered is our doing. "No such user" shows that only with a code of the provider's: a 404
    /// without one may be a gateway's.
    fn settle(&self, step: Step, end: RowEnd, doubt: Doubt, answer: Answer) -> StepEnd {
        let ours = doubt.effect
            && match end {
                RowEnd::AlreadyGone => true,
                RowEnd::NotFound => {
                    answer.detail.code.is_some() && self.client.provider.unknown_when_gone(step)
                }
                RowEnd::Deleted | RowEnd::Refused => false,
            };
        if ours {
            return StepEnd::settled(answer);
        }
        StepEnd {
            outcome: end.outcome(),
            settled: false,
            answer,
        }
    }

    /// The attempts are used up. If one of them may have had its effect, a look may tell.
    async fn give_up(
        &self,
        step: Step,
        doubt: Doubt,
        answer: Answer,
    ) -> Result<StepEnd, ClientError> {
        let mut outcome = Outcome::Failed;
        if doubt.effect {
            match self.client.look(&self.task.id).await {
                Ok(seen) if self.is_effect(step, &seen) => return Ok(StepEnd::settled(answer)),
                // Nothing settles it: a request went out, and its answer never came.
                Err(ClientError::Passing { .. }) if doubt.unanswered => outcome = Outcome::InDoubt,
                Ok(_) | Err(ClientError::Passing { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(StepEnd {
            outcome,
            settled: false,
            answer,
        })
    }

    /// Whether a user who is seen so may be so by `step`.
    fn is_effect(&self, step: Step, seen: &Seen) -> bool {
        match (step, seen) {
            (Step::Delete, Seen::SoftDeleted { .. } | Seen::Gone)
            | (Step::PermanentlyDelete, Seen::Gone) => true,
            (_, Seen::Unknown) => self.client.provider.unknown_when_gone(step),
            (_, Seen::Standing { .. })
            | (Step::PermanentlyDelete, Seen::SoftDeleted { .. })
            | (Step::DeletePersonalInformation, Seen::SoftDeleted { .. } | Seen::Gone) => false,
        }
    }

    async fn record_attempt(
        &self,
        step: Step,
        attempt: u32,
        class: &str,
        in_doubt: bool,
        answer: Answer,
    ) -> Result<(), ClientError> {
        let attempted = Attempted {
            row: self.task.position.row,
            account: self.task.account.clone(),
            step,
            attempt,
            class: class.to_owned(),
            in_doubt,
            status: answer.status,
            code: answer.detail.code,
            message: answer.detail.message,
            at: self.client.now(),
        };
        Ok(self
            .client
            .record(Entry::Attempt(attempted), Durability::Queued)
            .await?)
    }

    /// Records the row's outcome.
    async fn end(self, end: StepEnd) -> Result<RowEnded, ClientError> {
        let elapsed = self
            .started
            .map_or(0, |started| started.elapsed().as_millis());
        let ended = RowEnded {
            position: self.task.position,
            outcome: end.outcome,
            code: end.answer.detail.code.clone(),
        };
        let entry = outcome_entry(&self.task, end.outcome, self.client.now());
        let entry = OutcomeEntry {
            status: end.answer.status,
            code: end.answer.detail.code,
            message: end.answer.detail.message,
            attempts: self.attempts,
            settled: end.settled,
            elapsed_ms: u64::try_from(elapsed).unwrap_or(u64::MAX),
            request_id: end.answer.request_id,
            ..entry
        };
        self.client
            .record(Entry::Outcome(entry), Durability::Queued)
            .await?;
        Ok(ended)
    }
}

/// The outcome of `task` as far as the task itself tells: nothing sent, nothing said.
pub(super) fn outcome_entry(task: &Task, outcome: Outcome, at: Time) -> OutcomeEntry {
    OutcomeEntry {
        position: task.position,
        account: Some(task.account.clone()),
        action: Some(task.action),
        id: Some(task.id.clone()),
        reference: task.reference.clone(),
        outcome,
        status: None,
        code: None,
        message: None,
        attempts: 0,
        settled: false,
        at,
        elapsed_ms: 0,
        request_id: None,
    }
}

/// The words of a settled look: the provider's refusal would mislead where the user is gone.
fn own_words(step: Step, seen: &Seen, detail: Detail) -> Detail {
    match seen {
        // The answer spoke of soft-deleted users only; the look spoke of all.
        Seen::Unknown if step == Step::PermanentlyDelete => {
            own("no_such_user", "the provider knows no user of this id")
        }
        Seen::Standing { .. } | Seen::Unknown => detail,
        Seen::SoftDeleted { .. } | Seen::Gone => match step {
            Step::Delete => own("already_deleted", "the user had been deleted before"),
            Step::PermanentlyDelete | Step::DeletePersonalInformation => own(
                "already_deleted",
                "the user had been permanently deleted before",
            ),
        },
    }
}
