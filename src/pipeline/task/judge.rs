//! What an attempt's answer, or its missing, makes of a row: an end, another attempt, or the lane's stop.
//!
//! What an answer says is the provider's to tell ([`Verdict`]); what it means after requests that were
//! never answered, and when a user has to be looked at, is decided here. It sends nothing but that look.

use futures::FutureExt;

use super::{Answer, Doubt, Sent, StepEnd, TaskRun};
use crate::domain::{Action, Outcome, Step};
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
                self.unsettled(step, attempt, answer).await
            }
            Ok(seen) => {
                let end = RowEnd::after_look(&seen, standing);
                let detail = own_words(step, &seen, answer.detail);
                Ok(After::Ended(end, Answer { detail, ..answer }))
            }
            Err(ClientError::Passing { .. }) => self.unsettled(step, attempt, answer).await,
            Err(other) => {
                self.record_attempt(step, attempt, "unsettled", false, answer)
                    .await?;
                Err(other)
            }
        }
    }

    /// Nothing is known yet: to be tried again.
    async fn unsettled(
        &self,
        step: Step,
        attempt: u32,
        answer: Answer,
    ) -> Result<After, ClientError> {
        self.record_attempt(step, attempt, "unsettled", false, answer.clone())
            .await?;
        Ok(After::Again {
            moment: None,
            in_doubt: false,
            answer,
        })
    }

    /// An end, seen in the light of a doubt: what is gone after a request of ours that was never
    /// answered is our doing. "No such user" shows that only with a code of the provider's: a 404
    /// without one may be a gateway's.
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
            return StepEnd::settled(answer);
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
