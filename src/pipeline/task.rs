//! One row through its steps: attempts, and the one outcome at the end. What an attempt's answer means
//! is decided in [`judge`].

mod judge;

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use self::judge::After;
use super::client::Client;
use super::error::ClientError;
use super::jobs::JobEnd;
use super::lane::Lane;
use super::limits::Admission;
use super::reread::Stands;
use super::retry::Backoff;
use super::roles::{
    ASKED_AGAIN_MAX, RoleRead, Stood, includes, is_seen, protected_by, roles_too_old,
};
use super::sink::Durability;
use super::tokens::{Granted, own};
use crate::domain::{
    Attempted, Entry, Intent, JobId, LeftOpen, Outcome, OutcomeEntry, Position, Step, StepDone,
    Task, Time,
};
use crate::provider::{Bulk, Detail, ItemEnd, Reply, Roles};
use crate::transport::TransportError;

/// A row on its way through its steps.
pub(super) struct TaskRun<'a> {
    client: &'a Client,
    /// Protected roles that may be deleted all the same.
    included: &'a [String],
    task: Task,
    /// The role that was read of the user last; `None`: none was.
    role: Option<RoleRead>,
    /// Whether the provider was seen to know the user before anything was done to them.
    seen: bool,
    /// Whether the run has soft-deleted the user: by this row, or by one before it.
    soft_deleted: bool,
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
        Self::settled_as(detail, answer)
    }

    /// The same of a user whom nobody saw before: whether they ever were there is not known.
    fn settled_unseen(answer: Answer) -> Self {
        let detail = own(
            OutcomeEntry::SETTLED_UNSEEN,
            "answer lost; not there afterwards, and nobody saw before whether the user was there",
        );
        Self::settled_as(detail, answer)
    }

    fn settled_as(detail: Detail, answer: Answer) -> Self {
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
    /// One of them may have had its effect although no answer said so: there was somebody whom it could
    /// remove.
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
    granted: Granted,
    admission: Admission,
}

/// Leave to send one request.
type Leave = (Admission, Granted);

impl<'a> TaskRun<'a> {
    /// A row of `lane`, of whose user `role` was read.
    pub(super) fn new(lane: &'a Lane, task: Task, role: Option<RoleRead>) -> Self {
        Self {
            client: &lane.client,
            included: &lane.options.include_roles,
            soft_deleted: task.soft_deleted,
            seen: is_seen(role),
            task,
            role,
            attempts: 0,
            started: None,
            before: Before::Nothing,
        }
    }

    /// A row that a request for many has carried, which left at `started`.
    pub(super) fn after(
        lane: &'a Lane,
        task: Task,
        role: Option<RoleRead>,
        before: Before,
        started: Instant,
    ) -> Self {
        Self {
            attempts: 1,
            started: Some(started),
            before,
            ..Self::new(lane, task, role)
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
        self.soft_deleted |= self.task.shares_user && self.client.has_soft_deleted(&self.task.id);
        let mut in_doubt = self.task.left_open != LeftOpen::Nothing
            || matches!(self.before, Before::Doubt | Before::Job(..));
        for (place, step) in steps.iter().enumerate().skip(self.task.steps_done) {
            let end = match first.take() {
                Some(end) => end,
                None => self.step(*step, in_doubt).await?,
            };
            in_doubt = false;
            begun.take();
            if *step == Step::Delete && end.outcome == Outcome::Deleted {
                self.note_soft_deleted();
            }
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

    /// The user is soft-deleted by this row, where there is such a thing: that decides what it means
    /// that they are not found for their permanent deletion.
    fn note_soft_deleted(&mut self) {
        self.soft_deleted = true;
        let roles = self.client.provider.roles();
        let matters = |roles: &dyn Roles| roles.asked_alone_before(Step::PermanentlyDelete);
        if self.task.shares_user && roles.is_some_and(matters) {
            self.client.note_soft_deleted(&self.task.id);
        }
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
            let leave = match self.leave(step).await? {
                ControlFlow::Continue(leave) => leave,
                ControlFlow::Break(protected) => return Ok(protected),
            };
            let Some(sent) = self.send(step, attempt, leave).await? else {
                continue;
            };
            let judged = self.judge(step, attempt, doubt, sent, &mut tokens_rejected);
            let answer = match judged.await? {
                After::NewToken => continue,
                After::Unsent => {
                    self.attempts -= 1;
                    continue;
                }
                After::Ended(end, answer) => return Ok(self.settle(step, end, doubt, answer)),
                After::Abandoned => return Ok(StepEnd::abandoned()),
                After::NotYet(answer) => {
                    if attempt < self.client.attempts.get() {
                        self.client.rest_longer(&mut backoff).boxed().await?;
                    }
                    answer
                }
                After::Again {
                    moment,
                    in_doubt,
                    answer,
                } => {
                    doubt.effect |= in_doubt && self.may_remove(step);
                    doubt.unanswered |= in_doubt && answer.status.is_none();
                    // What a server asks for holds also where this row has no try left.
                    let asks = moment.is_some_and(|it| it.asks_for().is_some());
                    if attempt < self.client.attempts.get() || asks {
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

    /// Waits until a request of `step` may leave. A role that was read too long ago by then is read
    /// again first: whoever is protected by now is not deleted, and that is the row's end.
    async fn leave(&mut self, step: Step) -> Result<ControlFlow<StepEnd, Leave>, ClientError> {
        let (admission, granted) = self.client.admit(Some(step)).await?;
        if !self.has_old_role(step) {
            return Ok(ControlFlow::Continue((admission, granted)));
        }
        admission.unsent();
        self.leave_with_role(step).boxed().await
    }

    /// The same, with the role asked again.
    ///
    /// # Errors
    ///
    /// See [`ClientError`]; also when the role is always too old by the time the request may leave:
    /// deleting an administrator cannot be mended.
    async fn leave_with_role(
        &mut self,
        step: Step,
    ) -> Result<ControlFlow<StepEnd, Leave>, ClientError> {
        let client = self.client;
        let _turn = client.role_turn.lock().await;
        for _ in 0..ASKED_AGAIN_MAX {
            // Whoever had the turn before may have waited for long.
            if self.has_old_role(step)
                && let Some(role) = self.read_role().await?
            {
                return Ok(ControlFlow::Break(StepEnd {
                    outcome: Outcome::Protected,
                    settled: false,
                    answer: Answer {
                        detail: protected_by(&role),
                        ..Answer::default()
                    },
                }));
            }
            let (admission, granted) = client.admit(Some(step)).await?;
            if !self.has_old_role(step) {
                return Ok(ControlFlow::Continue((admission, granted)));
            }
            admission.unsent();
        }
        Err(roles_too_old())
    }

    /// Whether the user may have another role by now than was read. Behind the first step they are
    /// deleted, and are given none.
    fn has_old_role(&self, step: Step) -> bool {
        self.task.action.steps().first() == Some(&step)
            && self
                .client
                .provider
                .roles()
                .is_some_and(|roles| roles.asked_before(step) || roles.asked_alone_before(step))
            && self.role.is_none_or(|role| self.client.is_old(role))
    }

    /// Reads the user's role; returns it if it protects them.
    async fn read_role(&mut self) -> Result<Option<String>, ClientError> {
        let Some(roles) = self.client.provider.roles() else {
            return Ok(None);
        };
        let this = std::iter::once(&self.task);
        let mut read = self.client.read_roles(roles, this).await?;
        let Some((role, protected)) = read.remove(&self.task.id) else {
            return Ok(None);
        };
        self.role = Some(role);
        self.seen |= is_seen(self.role);
        Ok(protected.filter(|role| !includes(self.included, role)))
    }

    /// Sends one attempt; `None`: it was taken back before it left.
    async fn send(
        &mut self,
        step: Step,
        attempt: u32,
        (mut admission, granted): Leave,
    ) -> Result<Option<Sent>, ClientError> {
        let client = self.client;
        let intent = Intent {
            position: self.task.position,
            account: self.task.account.clone(),
            action: self.task.action,
            id: self.task.id.clone(),
            step,
            attempt,
            with: None,
            nobody: !self.may_remove(step),
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
