//! Where the answer to a request goes, by its purpose.

use super::requests::{Flight, LaneRequest, Meaning, Purpose, Stage};
use super::rows::{Heard, StepEnd};
use super::{Lane, Now, RequestError};
use crate::domain::{Outcome, Said, UserState};
use crate::words::utc;

impl Lane {
    /// A request brought what it was sent for.
    pub(super) fn answered(
        &mut self,
        request: LaneRequest,
        meaning: Meaning,
        heard: Heard,
        now: Now,
    ) {
        let account = request.account;
        // A step goes on, until it is known what its answer means.
        if request.step().is_some() {
            return self.step_answered(request, &meaning, heard, now);
        }
        match (request.purpose, meaning) {
            (
                Purpose::Identify(question)
                | Purpose::PrimaryContact(question)
                | Purpose::Rights(question, _)
                | Purpose::Find(question, ..),
                meaning,
            ) => {
                self.question_answered(account, question, meaning);
            }
            (Purpose::Lookup(batch, purpose, ids), Meaning::Users(states)) => {
                self.batch_answered(batch, purpose, (ids, states), now);
            }
            (Purpose::Look(aside), Meaning::Users(states)) => {
                let state = states.first().unwrap_or(&UserState::Unknown);
                self.lookup_answered(aside, state, now);
            }
            (Purpose::Erasure(aside), Meaning::Users(states)) => {
                self.erasure_answered(aside, states.first(), now);
            }
            (Purpose::Bulk(bulk), meaning) => {
                self.bulk_answered(account, bulk, meaning, heard.said, now);
            }
            (Purpose::Jobs(jobs), Meaning::Jobs(states)) => {
                self.jobs_answered(account, &jobs, (heard.said.status, states), now);
            }
            (Purpose::Verify(purpose, rows, ids), Meaning::Users(states)) => {
                self.verification_answered(account, purpose, rows, (ids, states), now);
            }
            _ => {}
        }
    }

    /// A request brought nothing, and is not tried again.
    pub(super) fn fail(&mut self, request: LaneRequest, error: RequestError, now: Now) {
        let account = request.account;
        match request.purpose {
            ref purpose @ (Purpose::Identify(question)
            | Purpose::PrimaryContact(question)
            | Purpose::Rights(question, _)
            | Purpose::Find(question, ..)) => {
                self.question_failed(account, (question, purpose), error);
            }
            Purpose::Token => self.accounts[account].tokens.is_fetching = false,
            Purpose::Lookup(batch, ..) => self.batch_failed(batch, error, now),
            // A caller who may not read the record goes on without; a missing answer says nothing.
            Purpose::Erasure(aside) if matches!(error, RequestError::Account { .. }) => {
                self.erasure_answered(aside, None, now);
            }
            Purpose::Look(aside) | Purpose::Erasure(aside) => self.look_failed(aside, error, now),
            Purpose::Bulk(bulk) => self.bulk_failed(account, bulk, error, now),
            Purpose::Jobs(jobs) => self.jobs_failed(account, &jobs, error, now),
            Purpose::Verify(_, rows, _) => self.not_verified(account, rows, error, now),
            // It stays pending.
            Purpose::Step(_) => drop(self.condemn(account, error, now)),
        }
    }

    /// Stops an account for an error that is about all of it. Returns the class of a passing one, and what
    /// was said.
    pub(super) fn condemn(
        &mut self,
        account: usize,
        error: RequestError,
        now: Now,
    ) -> Option<(&'static str, Said)> {
        match error {
            RequestError::Stopping => None,
            RequestError::Account { reason, said } => {
                self.stop_account(account, reason, said, now);
                None
            }
            RequestError::Passing { class, said, .. } => Some((class, said)),
        }
    }

    /// A person would not wait for the answer: what was asked to be done is in doubt.
    pub(super) fn abandoned(&mut self, request: LaneRequest, flight: &Flight, now: Now) {
        let (rows, step) = match request.purpose {
            Purpose::Step(it) => (vec![it.row], it.step),
            Purpose::Bulk(bulk) => {
                self.mark_many(&bulk.rows);
                (bulk.rows, bulk.step)
            }
            _ => return,
        };
        let (step, sent) = (step.name(), utc(flight.at.wall));
        let words = format!(
            "the answer to `{step}` never came; it was sent at {sent}, and `userpurge resume` settles it"
        );
        for row in rows {
            // Cut off by the person: no failure of the row's.
            let end = StepEnd::new(Outcome::InDoubt, Heard::own("unanswered", &*words));
            self.record_end(row, end, now);
        }
    }

    /// Waits for nothing any more.
    pub(super) fn abandon(&mut self, now: Now) {
        self.waiting.clear();
        self.resting.clear();
        self.batches.clear();
        for (request, stage) in std::mem::take(&mut self.under_way).into_values() {
            match stage {
                Stage::Sent(flight) if request.purpose.is_read() => {
                    let requested = self.requested(&request, &flight, None, now);
                    self.record(requested);
                }
                Stage::Sent(flight) => self.abandoned(request, &flight, now),
                Stage::Recording(_) => {
                    self.note(&request, ("held_back", false), &Heard::default(), now);
                }
                Stage::Answered(..) => {}
            }
        }
    }
}
