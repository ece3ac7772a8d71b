//! The effect of the answer to a step on its row, after requests that were never answered. It is an
//! end, a lookup of the user, or another attempt.
//!
//! The provider tells the meaning of an answer ([`Verdict`](crate::provider::Verdict)). Its meaning
//! in the light of a doubt is decided here.

use super::requests::{Aside, LaneRequest, Meaning, Purpose, StepRequest};
use super::rows::{Heard, Row, StepEnd};
use super::{Lane, Now, RequestError};
use crate::domain::{LeftOpen, Outcome, OutcomeEntry, ProviderKind, Step, UserState};
use crate::provider::RowEnd;

impl Lane {
    /// A request of a step was answered.
    pub(super) fn step_answered(
        &mut self,
        request: LaneRequest,
        meaning: &Meaning,
        heard: Heard,
        now: Now,
    ) {
        match meaning {
            Meaning::End(end) => {
                let Some(step) = request.step() else { return };
                let end = self.settle(step, *end, heard);
                self.end_step(step.row, end, now);
            }
            Meaning::Look(standing) => self.lookup(request, Some(*standing), heard, now),
            _ => {}
        }
    }

    /// Asks how the user of a step stands, on the side of it.
    fn lookup(&mut self, request: LaneRequest, standing: Option<RowEnd>, heard: Heard, now: Now) {
        let account = request.account;
        let aside = Aside {
            request: Box::new(request),
            standing,
            heard,
        };
        self.request(account, Purpose::Look(aside), now);
    }

    /// How the user of a step stands was answered.
    pub(super) fn lookup_answered(&mut self, aside: Aside, seen: &UserState, now: Now) {
        let Some(step) = aside.request.step() else {
            return;
        };
        let role = self.protecting(step, seen, now);
        if step.step == Step::PermanentlyDelete && matches!(seen, UserState::SoftDeleted { .. }) {
            // Their soft deletion is this run's, or was seen a moment ago: the provider has rather
            // not got round to it. But a request of ours whose answer was lost may have done it.
            if step.in_doubt || (role.is_none() && !self.was_there(step.row)) {
                return self.request(aside.request.account, Purpose::Erasure(aside), now);
            }
            if role.is_none() {
                return self.decide_erased(aside, Some(false), now);
            }
        }
        match role {
            Some(role) => self.step_protected(step, &role, now),
            None => self.seen_after(aside, seen, now),
        }
    }

    /// The role of a step's user protects them, as was read before it leaves. A permanent deletion may have
    /// had its effect before: that is asked first.
    pub(super) fn protect(&mut self, request: LaneRequest, role: &str, now: Now) {
        let Some(step) = request.step() else { return };
        let row = self.rows.get(&step.row);
        let is_soft_deleted = matches!(
            row.and_then(Row::stood),
            Some(UserState::SoftDeleted { .. })
        );
        if !step.in_doubt || step.step != Step::PermanentlyDelete || !is_soft_deleted {
            return self.step_protected(step, role, now);
        }
        let account = request.account;
        let aside = Aside {
            request: Box::new(request),
            standing: None,
            heard: Heard::default(),
        };
        self.request(account, Purpose::Erasure(aside), now);
    }

    /// The role that keeps a soft-deleted user from being permanently deleted: it could not be read while
    /// the provider did not list them yet. `None`: nothing does.
    fn protecting(&mut self, step: &StepRequest, seen: &UserState, now: Now) -> Option<String> {
        let (UserState::SoftDeleted { .. }, Some(role)) = (seen, seen.role()) else {
            return None;
        };
        let row = self.rows.get_mut(&step.row)?;
        let is_last = row.task.action.steps().last() == Some(&Step::PermanentlyDelete);
        if !is_last || self.accounts[row.account].includes(role) {
            return None;
        }
        row.role = Some((seen.clone(), now));
        Some(role.to_owned())
    }

    /// Whether a user who is shown as soft-deleted is permanently deleted was answered.
    pub(super) fn erasure_answered(&mut self, aside: Aside, state: Option<&UserState>, now: Now) {
        let Some(step) = aside.request.step() else {
            return;
        };
        let is_erased = match state {
            Some(UserState::Erasing | UserState::Gone) => Some(true),
            Some(UserState::SoftDeleted { .. } | UserState::Active { .. } | UserState::Cleared) => {
                Some(false)
            }
            // A caller who may not read the record deletes all the same.
            Some(UserState::NotListed | UserState::Unknown) | None if step.in_doubt => None,
            Some(UserState::NotListed | UserState::Unknown) | None => {
                Some(!self.was_there(step.row))
            }
        };
        self.decide_erased(aside, is_erased, now);
    }

    /// `is_erased`: `None` if that cannot be read.
    fn decide_erased(&mut self, aside: Aside, is_erased: Option<bool>, now: Now) {
        let Some(step) = aside.request.step() else {
            return;
        };
        let stood = self.rows.get(&step.row).and_then(Row::stood).cloned();
        let role = stood.and_then(|seen| self.protecting(step, &seen, now));
        let end = match (is_erased, aside.standing, role) {
            (Some(true), Some(_), _) => {
                let soft_deleted = UserState::SoftDeleted { role: None };
                return self.seen_after(aside, &soft_deleted, now);
            }
            (Some(true), None, _) => self.settled(step.row, true, aside.heard),
            (Some(false), _, Some(role)) => return self.step_protected(step, &role, now),
            (_, Some(_), None) => {
                if let Some(row) = self.rows.get_mut(&step.row) {
                    // Known to be there by now, whatever becomes of the next attempt.
                    row.seen = true;
                    row.role = Some((UserState::SoftDeleted { role: None }, now));
                }
                let heard = aside.heard.reworded(
                    "not_listed_yet",
                    "the user is soft-deleted, but the provider does not find them for the \
                     permanent deletion yet",
                );
                return self.not_yet(*aside.request, heard, now);
            }
            (None, ..) if step.unanswered => StepEnd::new(Outcome::InDoubt, aside.heard),
            _ => StepEnd::new(Outcome::Failed, aside.heard),
        };
        self.end_step(step.row, end, now);
    }

    /// How the user stands decides.
    fn seen_after(&mut self, aside: Aside, seen: &UserState, now: Now) {
        let Some(step) = aside.request.step() else {
            return;
        };
        let heard = aside.heard;
        let end = match aside.standing {
            Some(standing) => {
                let end = RowEnd::after_lookup(seen, standing);
                if end == RowEnd::NotFound && self.was_soft_deleted(step) {
                    // Another has done the rest.
                    let words =
                        "permanently deleted by another since this run soft-deleted the user";
                    let heard = heard.reworded("already_deleted", words);
                    self.settle(step, RowEnd::AlreadyGone, heard)
                } else {
                    self.settle(step, end, in_own_words(step.step, seen, heard))
                }
            }
            None if self.is_effect(step, seen) => {
                let may_be_old = may_be_old(step.step, *seen == UserState::Unknown);
                self.settled(step.row, may_be_old, heard)
            }
            None => StepEnd::new(Outcome::Failed, heard),
        };
        self.end_step(step.row, end, now);
    }

    /// How the user of a step stands could not be asked.
    pub(super) fn look_failed(&mut self, aside: Aside, error: RequestError, now: Now) {
        let Aside {
            request,
            standing,
            heard,
        } = aside;
        let class = ("unsettled", false);
        if standing.is_some() {
            self.note(&request, class, &heard, now);
        }
        match error {
            RequestError::Passing { .. } if standing.is_some() => {
                self.passed(*request, None, class, heard, now);
            }
            RequestError::Passing { .. } => {
                let Some(step) = request.step() else { return };
                // Nothing settles it: a request went out, and its answer never came.
                let outcome = if step.unanswered {
                    Outcome::InDoubt
                } else {
                    Outcome::Failed
                };
                self.end_step(step.row, StepEnd::new(outcome, heard), now);
            }
            other => self.fail(*request, other, now),
        }
    }

    /// The provider has not got round to what was done before: the step is tried again, and not at once.
    fn not_yet(&mut self, mut request: LaneRequest, heard: Heard, now: Now) {
        self.note(&request, ("unsettled", false), &heard, now);
        if request.attempt >= self.accounts[request.account].attempts.get() {
            return self.give_up(request, heard, now);
        }
        request.attempt += 1;
        let rest = request.backoff.next_wait_above();
        self.rest(request, rest, now);
    }

    /// The attempts at a step are used up. If one of them may have had its effect, a look may tell.
    pub(super) fn give_up(&mut self, request: LaneRequest, heard: Heard, now: Now) {
        let Some(step) = request.step() else { return };
        if step.in_doubt {
            self.lookup(request, None, heard, now);
        } else {
            self.end_step(step.row, StepEnd::new(Outcome::Failed, heard), now);
        }
    }

    /// Whether a request can remove the user: not if the provider has just said that nobody is there.
    pub(super) fn may_remove(&self, purpose: &Purpose) -> bool {
        let Purpose::Step(StepRequest { row, step, .. }) = purpose else {
            return true;
        };
        let row = self.rows.get(row);
        let Some((row, stood)) = row.and_then(|row| Some((row, row.stood()?))) else {
            return true;
        };
        match step {
            // A user who is not listed may have been soft-deleted a moment ago.
            Step::PermanentlyDelete => {
                !matches!(stood, UserState::Unknown | UserState::Gone)
                    || row.soft_deleted
                    || row.at_step > 0
            }
            Step::Delete | Step::Own(_) => row.was_active(),
            Step::DeletePersonalInformation => true,
        }
    }

    /// Whether a user who is to be permanently deleted was soft-deleted by this run.
    fn was_soft_deleted(&self, step: &StepRequest) -> bool {
        let row = self.rows.get(&step.row);
        step.step == Step::PermanentlyDelete && row.is_some_and(|row| row.soft_deleted)
    }

    fn was_there(&self, row: u64) -> bool {
        let row = self.rows.get(&row);
        row.is_some_and(|row| row.soft_deleted || row.seen)
    }

    /// Whether the user was there before a request removed them, as far as anything tells.
    fn was_seen(&self, row: u64) -> bool {
        let by_many = self.rows.get(&row).is_some_and(|row| {
            row.by_many || matches!(row.task.left_open, LeftOpen::Bulk | LeftOpen::Job(_))
        });
        by_many || self.was_there(row)
    }

    /// The user is gone, by a request of ours that got no answer, or an error. The last answer's words mislead.
    pub(super) fn settled(&self, row: u64, may_be_old: bool, heard: Heard) -> StepEnd {
        let (code, words) = if may_be_old && !self.was_seen(row) {
            (
                OutcomeEntry::SETTLED_UNSEEN,
                "no clear answer; not there afterwards, and nobody saw before whether the user was there",
            )
        } else {
            (
                "settled",
                "the user is gone after a request for this row that got no clear answer",
            )
        };
        StepEnd {
            settled: true,
            ..StepEnd::new(Outcome::Deleted, heard.reworded(code, words))
        }
    }

    /// An end, seen in the light of a doubt. A user who is gone after a request of ours that was
    /// never answered, and that could remove somebody, is our doing. "No such user" shows that only
    /// with a code of the provider's: a 404 without one may be a gateway's.
    fn settle(&self, step: &StepRequest, end: RowEnd, heard: Heard) -> StepEnd {
        let is_ours = step.in_doubt
            && match end {
                RowEnd::AlreadyGone => true,
                RowEnd::NotFound => heard.said.code.is_some() && self.is_unknown_when_gone(step),
                RowEnd::Deleted | RowEnd::Ordered | RowEnd::Refused => false,
            };
        if is_ours {
            let may_be_old = may_be_old(step.step, end == RowEnd::NotFound);
            return self.settled(step.row, may_be_old, heard);
        }
        let gone = self.rows.get(&step.row).and_then(|it| self.gone_since(it));
        if let Some(words) = gone.filter(|_| end == RowEnd::NotFound && heard.said.code.is_some()) {
            return StepEnd::new(Outcome::Deleted, heard.reworded("gone_before", words));
        }
        // An answer that may be a gateway's settles no doubt.
        let may_be_theirs = matches!(end, RowEnd::NotFound | RowEnd::Refused);
        let is_open = step.in_doubt && may_be_theirs && heard.said.code.is_none();
        let outcome = if is_open {
            Outcome::InDoubt
        } else {
            end.outcome()
        };
        StepEnd::new(outcome, heard)
    }

    /// Since when the user of a row is gone, as far as its own deletion tells, if nobody is there; `None`: it
    /// tells nothing.
    fn gone_since(&self, row: &Row) -> Option<&'static str> {
        let provider = &self.accounts[row.account].provider;
        let is_own = matches!(provider.kind(), ProviderKind::Own(_));
        // What this run did before a permanent deletion leaves the user there.
        let ends_so = |it: &Step| *it != Step::PermanentlyDelete && provider.unknown_when_gone(*it);
        let is_last = row.step().as_ref().is_some_and(ends_so);
        // No other row of the user has that step.
        let is_only = row.step() == Some(Step::Delete);
        match &row.task {
            // A first step may delete for good whom another had prepared.
            _ if row.at_step > 0 && is_own => {
                Some("the user is gone since the step before, which was confirmed for this row")
            }
            // One who still stood after it was sent once more: providers may delete in the background.
            task if task.soft_deleted && is_last && (is_only || !task.again) => {
                Some("the user is gone since the deletion that was confirmed for this row before")
            }
            _ => None,
        }
    }

    /// How a row ends whose step is not sent, since its user was looked for and is not there; `None`: it
    /// is sent. `in_doubt`: a request of the step may have had its effect.
    pub(super) fn absent(&self, row: u64, in_doubt: bool) -> Option<StepEnd> {
        let it = self.rows.get(&row)?;
        let provider = &self.accounts[it.account].provider;
        let is_absent = matches!(it.stood(), Some(UserState::Unknown | UserState::Gone));
        if !is_absent || !provider.looks_first(it.step()?) {
            return None;
        }
        let words = "the provider knows no user of this id; nothing was sent";
        let heard = Heard::own("no_such_user", words);
        Some(if in_doubt {
            self.settled(row, true, heard)
        } else if let Some(words) = self.gone_since(it) {
            StepEnd::new(Outcome::Deleted, heard.reworded("gone_before", words))
        } else {
            StepEnd::new(Outcome::NotFound, heard)
        })
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
            | (
                Step::Delete | Step::PermanentlyDelete | Step::Own(_),
                UserState::Erasing | UserState::Gone,
            )
            | (Step::DeletePersonalInformation, UserState::Cleared) => true,
            // A soft-deleted user's permanent deletion is asked about first.
            _ => false,
        }
    }
}

/// Whether a user who is gone may be so since long ago, unless somebody saw them.
fn may_be_old(step: Step, is_unknown: bool) -> bool {
    is_unknown || step == Step::PermanentlyDelete
}

/// The result of a settled lookup: the provider's refusal would mislead where the user is gone.
fn in_own_words(step: Step, seen: &UserState, heard: Heard) -> Heard {
    let (code, words) = match seen {
        // The answer spoke of soft-deleted users only; the look spoke of all.
        UserState::Unknown if step == Step::PermanentlyDelete => {
            ("no_such_user", "the provider knows no user of this id")
        }
        UserState::SoftDeleted { .. } | UserState::Erasing | UserState::Gone => (
            "already_deleted",
            if step == Step::Delete {
                "the user had been deleted before"
            } else {
                "the user had been permanently deleted before"
            },
        ),
        _ => return heard,
    };
    heard.reworded(code, words)
}
