//! What an attempt's answer, or its missing, makes of a row: an end, another attempt, or the lane's stop.
//!
//! What an answer says is the provider's to tell ([`Verdict`]); what it means after requests that were
//! never answered, and when a user has to be looked at, is decided here. It sends nothing but that look.

use futures::FutureExt;

use super::{Answer, Before, Doubt, Sent, StepEnd, Stood, TaskRun};
use crate::domain::{LeftOpen, Outcome, Stand, Step};
use crate::pipeline::client::passing_or_stop;
use crate::pipeline::error::ClientError;
use crate::pipeline::tokens::own;
use crate::provider::{Detail, Moment, RowEnd, Seen, Verdict};
use crate::transport::{Failure, TransportError};

/// What one attempt leaves to do.
pub(super) enum After {
    /// The step ended.
    Ended(RowEnd, Answer),
    /// Try again, after what the moment asks; `None`: the network's fault. `in_doubt`: the step
    /// may have had its effect.
    Again {
        moment: Option<Moment>,
        in_doubt: bool,
        answer: Answer,
    },
    /// Try again, and not at once: the provider has not got round to what was done before.
    NotYet(Answer),
    /// Try again with another token, which counts as no attempt.
    NewToken,
    /// Nothing was sent, as the host was not reached: try again, which counts as no attempt.
    Unsent,
    /// The person would not wait.
    Abandoned,
}

impl TaskRun<'_> {
    /// What an attempt's answer means for the row. Whatever does not end the step is recorded.
    pub(super) async fn judge(
        &self,
        step: Step,
        attempt: u32,
        doubt: Doubt,
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
                let look = self.look(step, attempt, doubt, standing, answer(detail));
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
        if error.failure == Failure::Connect {
            self.client.unreached(answer().detail).await?;
            return Ok(After::Unsent);
        }
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
        doubt: Doubt,
        standing: RowEnd,
        answer: Answer,
    ) -> Result<After, ClientError> {
        match self.client.look(&self.task.id).await {
            Ok(Seen::SoftDeleted { .. })
                if step == Step::PermanentlyDelete && !self.is_erased(doubt).await? =>
            {
                let detail = own(
                    "not_listed_yet",
                    "the user is soft-deleted, but the provider does not find them for the \
                     permanent deletion yet",
                );
                let answer = Answer { detail, ..answer };
                self.record_attempt(step, attempt, "unsettled", false, answer.clone())
                    .await?;
                Ok(After::NotYet(answer))
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

    /// Whether a user who is shown as soft-deleted, and yet is not found for their permanent deletion,
    /// is permanently deleted: their name stands for a while. While the soft deletion is this run's, or
    /// the provider showed them a moment ago, it rather has not got round to it; unless a request of
    /// ours may have done it whose answer was lost. That, and what was done before, tells the
    /// provider's own record of the erasure. Without one, what was done before is believed.
    async fn is_erased(&self, doubt: Doubt) -> Result<bool, ClientError> {
        let was_there = self.soft_deleted || self.seen;
        if was_there && !doubt.effect {
            return Ok(false);
        }
        match self.client.stands_closer(&self.task.id).await {
            Ok(Stand::Erasing | Stand::Gone) => Ok(true),
            Ok(Stand::SoftDeleted | Stand::Present | Stand::Cleared) => Ok(false),
            Err(other @ (ClientError::Stopping | ClientError::Sink(_))) => Err(other),
            // Who may not read the record deletes all the same.
            Ok(Stand::NotListed)
            | Err(ClientError::Passing { .. } | ClientError::Account { .. }) => {
                Ok(!was_there && !doubt.effect)
            }
        }
    }

    /// Whether a request of `step` can remove the user: not if the provider has just said that there is
    /// nobody whom it could.
    pub(super) fn may_remove(&self, step: Step) -> bool {
        match (step, self.role.map(|role| role.stood)) {
            (Step::PermanentlyDelete, Some(Stood::Nowhere)) => self.soft_deleted,
            (Step::Delete, Some(stood)) => stood == Stood::Active,
            (_, _) => true,
        }
    }

    /// Whether the user was there before a request removed them, as far as anything tells.
    fn was_seen(&self) -> bool {
        self.soft_deleted
            || self.seen
            || matches!(self.before, Before::Doubt | Before::Job(..))
            || matches!(self.task.left_open, LeftOpen::Bulk | LeftOpen::Job(_))
    }

    fn settled(&self, is_unknown: bool, answer: Answer) -> StepEnd {
        if is_unknown && !self.was_seen() {
            StepEnd::settled_unseen(answer)
        } else {
            StepEnd::settled(answer)
        }
    }

    /// An end, seen in the light of a doubt: what is gone after a request of ours that was never
    /// answered, and that could remove somebody, is our doing. "No such user" shows that only with a
    /// code of the provider's: a 404 without one may be a gateway's.
    pub(super) fn settle(&self, step: Step, end: RowEnd, doubt: Doubt, answer: Answer) -> StepEnd {
        let ours = doubt.effect
            && match end {
                RowEnd::AlreadyGone => true,
                RowEnd::NotFound => {
                    answer.detail.code.is_some() && self.client.provider.unknown_when_gone(step)
                }
                RowEnd::Deleted | RowEnd::Refused => false,
            };
        if ours {
            return self.settled(end == RowEnd::NotFound, answer);
        }
        StepEnd {
            outcome: end.outcome(),
            settled: false,
            answer,
        }
    }

    /// The attempts are used up. If one of them may have had its effect, a look may tell.
    pub(super) async fn give_up(
        &self,
        step: Step,
        doubt: Doubt,
        answer: Answer,
    ) -> Result<StepEnd, ClientError> {
        let mut outcome = Outcome::Failed;
        if doubt.effect {
            match self.client.look(&self.task.id).await {
                Ok(seen) if self.is_effect(step, doubt, &seen).await? => {
                    return Ok(self.settled(seen == Seen::Unknown, answer));
                }
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
    async fn is_effect(&self, step: Step, doubt: Doubt, seen: &Seen) -> Result<bool, ClientError> {
        Ok(match (step, seen) {
            (Step::Delete, Seen::SoftDeleted { .. } | Seen::Gone)
            | (Step::PermanentlyDelete, Seen::Gone) => true,
            (Step::PermanentlyDelete, Seen::SoftDeleted { .. }) => self.is_erased(doubt).await?,
            (_, Seen::Unknown) => self.client.provider.unknown_when_gone(step),
            (_, Seen::Standing { .. })
            | (Step::DeletePersonalInformation, Seen::SoftDeleted { .. } | Seen::Gone) => false,
        })
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
