//! What the answer to a step makes of its row, after requests that were never answered: an end, a look at
//! the user, or another attempt.
//!
//! What an answer says is the provider's to tell ([`Verdict`](crate::provider::Verdict)). What it means
//! in the light of a doubt is decided here.

use super::lookups::{RoleRead, Stood};
use super::requests::{Aside, Purpose, RequestId, StepRequest, Told};
use super::rows::{Said, StepEnd};
use super::tokens::own;
use super::{Lane, Now, RequestError};
use crate::domain::{LeftOpen, Outcome, OutcomeEntry, Step, UserState};
use crate::provider::{Detail, RowEnd};

/// What a question on the side of a step decides.
#[derive(Debug, Clone)]
pub(super) enum After {
    /// An answer that alone could not say: the end, if the user stands as they did.
    Answer(RowEnd, Said),
    /// The attempts are used up, and one of them may have had its effect.
    Attempts(Said),
}

impl After {
    const fn said(&self) -> &Said {
        match self {
            Self::Answer(_, said) | Self::Attempts(said) => said,
        }
    }
}

impl Lane {
    /// The answer to a step ended it.
    pub(super) fn step_told(&mut self, id: RequestId, end: RowEnd, said: Said, now: Now) {
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        if let Purpose::Step(step) = request.purpose {
            let end = self.settle(&step, end, said);
            self.end_step(step.row, end, now);
        }
    }

    /// Asks how the user of a step stands, on the side of it.
    pub(super) fn look(&mut self, of: RequestId, after: After, now: Now) {
        let make = |aside| Purpose::Look(aside);
        self.ask_aside(of, after, make, now);
    }

    fn ask_aside(
        &mut self,
        of: RequestId,
        after: After,
        make: impl Fn(Aside) -> Purpose,
        now: Now,
    ) {
        let Some(request) = self.requests.get_mut(&of) else {
            return;
        };
        request.stage = super::requests::Stage::Aside;
        let account = request.account;
        if let Purpose::Step(step) = &request.purpose {
            let aside = Aside {
                of,
                id: step.id.clone(),
                after: Box::new(after),
            };
            self.request(account, make(aside), now);
        }
    }

    /// How the user of a step stands was answered.
    pub(super) fn looked(&mut self, aside: Aside, seen: &UserState, now: Now) {
        let Some(step) = self.step_of(aside.of) else {
            return;
        };
        if let Some(role) = self.protecting(&step, seen, now) {
            self.requests.remove(&aside.of);
            return self.step_protected(step.row, &role, step.doubt.effect, now);
        }
        if step.step == Step::PermanentlyDelete && matches!(seen, UserState::SoftDeleted { .. }) {
            let (was_there, effect) = (self.was_there(step.row), step.doubt.effect);
            // Their soft deletion is this run's, or was seen a moment ago: the provider has rather not
            // got round to it, unless a request of ours may have done it whose answer was lost.
            if was_there && !effect {
                return self.decide_erased(aside, false, now);
            }
            let make = |aside| Purpose::Erasure(aside);
            return self.ask_aside(aside.of, *aside.after, make, now);
        }
        self.seen_after(aside, &step, seen, now);
    }

    /// The role that keeps a user from being permanently deleted whom others have soft-deleted: it could
    /// not be read while the provider did not list them yet. `None`: nothing does.
    fn protecting(&mut self, step: &StepRequest, seen: &UserState, now: Now) -> Option<String> {
        let (UserState::SoftDeleted { .. }, Some(role)) = (seen, seen.role()) else {
            return None;
        };
        let row = self.rows.get_mut(&step.row)?;
        let is_last = row.task.action.steps().last() == Some(&Step::PermanentlyDelete);
        let is_tried = step.step == Step::PermanentlyDelete && step.doubt.effect;
        if !is_last || is_tried || row.soft_deleted || self.accounts[row.account].includes(role) {
            return None;
        }
        row.role = Some(RoleRead::new(Stood::SoftDeleted, now));
        Some(role.to_owned())
    }

    /// Whether a user who is shown as soft-deleted is permanently deleted was answered.
    pub(super) fn erasure_told(&mut self, aside: Aside, state: Option<&UserState>, now: Now) {
        let Some(step) = self.step_of(aside.of) else {
            return;
        };
        let is_erased = match state {
            Some(UserState::Erasing | UserState::Gone) => true,
            Some(UserState::SoftDeleted { .. } | UserState::Active { .. } | UserState::Cleared) => {
                false
            }
            // A caller who may not read the record deletes all the same.
            Some(UserState::NotListed | UserState::Unknown) | None => {
                !self.was_there(step.row) && !step.doubt.effect
            }
        };
        self.decide_erased(aside, is_erased, now);
    }

    fn decide_erased(&mut self, aside: Aside, is_erased: bool, now: Now) {
        let Some(step) = self.step_of(aside.of) else {
            return;
        };
        let soft_deleted = UserState::SoftDeleted { role: None };
        match *aside.after {
            After::Answer(_, ref said) if !is_erased => {
                let detail = own(
                    "not_listed_yet",
                    "the user is soft-deleted, but the provider does not find them for the \
                     permanent deletion yet",
                );
                let said = Said {
                    detail,
                    ..said.clone()
                };
                self.not_yet(aside.of, said, now);
            }
            After::Answer(..) => self.seen_after(aside, &step, &soft_deleted, now),
            After::Attempts(said) if is_erased => {
                let end = self.settled(step.row, true, said);
                self.end_after(aside.of, step.row, end, now);
            }
            After::Attempts(said) => {
                let end = StepEnd::new(Outcome::Failed, said);
                self.end_after(aside.of, step.row, end, now);
            }
        }
    }

    /// How the user stands decides.
    fn seen_after(&mut self, aside: Aside, step: &StepRequest, seen: &UserState, now: Now) {
        let end = match *aside.after {
            After::Answer(standing, said) => {
                let detail = own_words(step.step, seen, said.detail);
                let end = RowEnd::after_lookup(seen, standing);
                self.settle(step, end, Said { detail, ..said })
            }
            After::Attempts(said) if self.is_effect(step, seen) => self.settled(
                step.row,
                may_be_old(step.step, *seen == UserState::Unknown),
                said,
            ),
            After::Attempts(said) => StepEnd::new(Outcome::Failed, said),
        };
        self.end_after(aside.of, step.row, end, now);
    }

    fn end_after(&mut self, of: RequestId, row: u64, end: StepEnd, now: Now) {
        self.requests.remove(&of);
        self.end_step(row, end, now);
    }

    /// How the user of a step stands could not be asked.
    pub(super) fn look_failed(&mut self, aside: &Aside, error: RequestError, now: Now) {
        let Some(step) = self.step_of(aside.of) else {
            return;
        };
        let is_answer = matches!(*aside.after, After::Answer(..));
        let said = aside.after.said().clone();
        if is_answer {
            self.note(aside.of, ("unsettled", false), &said, now);
        }
        match error {
            RequestError::Passing { .. } if is_answer => {
                self.passed_as(aside.of, None, ("unsettled", false), said, now);
            }
            RequestError::Passing { .. } => {
                // Nothing settles it: a request went out, and its answer never came.
                let outcome = if step.doubt.unanswered {
                    Outcome::InDoubt
                } else {
                    Outcome::Failed
                };
                self.end_after(aside.of, step.row, StepEnd::new(outcome, said), now);
            }
            other => self.fail(aside.of, other, now),
        }
    }

    /// The provider has not got round to what was done before: the step is tried again, and not at once.
    fn not_yet(&mut self, id: RequestId, said: Said, now: Now) {
        self.note(id, ("unsettled", false), &said, now);
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let attempts = self.accounts[request.account].attempts.get();
        if request.attempt >= attempts {
            return self.give_up(id, said, now);
        }
        request.attempt += 1;
        let rest = request.backoff.next_wait_above();
        self.again_after(id, rest, now);
    }

    /// The attempts at a step are used up. If one of them may have had its effect, a look may tell.
    pub(super) fn give_up(&mut self, id: RequestId, said: Said, now: Now) {
        let Some(step) = self.step_of(id) else {
            return;
        };
        if step.doubt.effect {
            self.look(id, After::Attempts(said), now);
        } else {
            self.end_after(id, step.row, StepEnd::new(Outcome::Failed, said), now);
        }
    }

    fn step_of(&self, id: RequestId) -> Option<StepRequest> {
        match &self.requests.get(&id)?.purpose {
            Purpose::Step(step) => Some(step.clone()),
            _ => None,
        }
    }

    /// Whether a request can remove the user: not if the provider has just said that there is nobody whom
    /// it could.
    pub(super) fn may_remove(&self, purpose: &Purpose) -> bool {
        let Purpose::Step(StepRequest { row, step, .. }) = purpose else {
            return true;
        };
        let Some(row) = self.rows.get(row) else {
            return true;
        };
        match (step, row.role.map(|role| role.stood)) {
            (Step::PermanentlyDelete, Some(Stood::Nowhere)) => row.soft_deleted || row.at_step > 0,
            (Step::Delete, Some(stood)) => stood == Stood::Active,
            (_, _) => true,
        }
    }

    fn was_there(&self, row: u64) -> bool {
        let row = self.rows.get(&row);
        row.is_some_and(|row| row.soft_deleted || row.seen)
    }

    /// Whether the user was there before a request removed them, as far as anything tells.
    fn was_seen(&self, row: u64) -> bool {
        self.rows.get(&row).is_some_and(|row| {
            row.soft_deleted
                || row.seen
                || row.by_many
                || matches!(row.task.left_open, LeftOpen::Bulk | LeftOpen::Job(_))
        })
    }

    /// The user is gone, by a request of ours that was never answered. The words of the answer that
    /// shows it would mislead: it may be a refusal.
    pub(super) fn settled(&self, row: u64, may_be_old: bool, said: Said) -> StepEnd {
        let detail = if may_be_old && !self.was_seen(row) {
            own(
                OutcomeEntry::SETTLED_UNSEEN,
                "answer lost; not there afterwards, and nobody saw before whether the user was there",
            )
        } else {
            own(
                "settled",
                "the user is gone after a request for this row whose answer never came",
            )
        };
        StepEnd {
            settled: true,
            ..StepEnd::new(Outcome::Deleted, Said { detail, ..said })
        }
    }

    /// An end, seen in the light of a doubt: what is gone after a request of ours that was never
    /// answered, and that could remove somebody, is our doing. "No such user" shows that only with a
    /// code of the provider's: a 404 without one may be a gateway's.
    fn settle(&self, step: &StepRequest, end: RowEnd, said: Said) -> StepEnd {
        let is_ours = step.doubt.effect
            && match end {
                RowEnd::AlreadyGone => true,
                RowEnd::NotFound => said.detail.code.is_some() && self.is_unknown_when_gone(step),
                RowEnd::Deleted | RowEnd::Refused => false,
            };
        if is_ours {
            return self.settled(
                step.row,
                may_be_old(step.step, end == RowEnd::NotFound),
                said,
            );
        }
        StepEnd::new(end.outcome(), said)
    }

    fn is_unknown_when_gone(&self, step: &StepRequest) -> bool {
        let row = self.rows.get(&step.row);
        row.is_some_and(|row| {
            let provider = &self.accounts[row.account].provider;
            provider.unknown_when_gone(step.step)
        })
    }

    /// Whether a user who is seen so may be so by the step.
    fn is_effect(&self, step: &StepRequest, seen: &UserState) -> bool {
        match (step.step, seen) {
            (_, UserState::Unknown) => self.is_unknown_when_gone(step),
            (Step::Delete, UserState::SoftDeleted { .. })
            | (Step::Delete | Step::PermanentlyDelete, UserState::Erasing | UserState::Gone)
            | (Step::DeletePersonalInformation, UserState::Cleared) => true,
            // A soft-deleted user's permanent deletion is asked about first.
            _ => false,
        }
    }

    /// A request of a step was answered.
    pub(super) fn told_step(&mut self, id: RequestId, told: &Told, said: Said, now: Now) {
        match told {
            Told::End(end) => self.step_told(id, *end, said, now),
            Told::Look(standing) => self.look(id, After::Answer(*standing, said), now),
            _ => {}
        }
    }
}

/// Whether a user who is gone may be so since long ago, unless somebody saw them: one who is unknown, or
/// permanently deleted.
fn may_be_old(step: Step, is_unknown: bool) -> bool {
    is_unknown || step == Step::PermanentlyDelete
}

/// The words of a settled look: the provider's refusal would mislead where the user is gone.
fn own_words(step: Step, seen: &UserState, detail: Detail) -> Detail {
    match seen {
        // The answer spoke of soft-deleted users only; the look spoke of all.
        UserState::Unknown if step == Step::PermanentlyDelete => {
            own("no_such_user", "the provider knows no user of this id")
        }
        UserState::SoftDeleted { .. } | UserState::Erasing | UserState::Gone => match step {
            Step::Delete => own("already_deleted", "the user had been deleted before"),
            Step::PermanentlyDelete | Step::DeletePersonalInformation => own(
                "already_deleted",
                "the user had been permanently deleted before",
            ),
        },
        _ => detail,
    }
}
