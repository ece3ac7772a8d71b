//! Who is told what came of a request, by its purpose.

use super::requests::{Purpose, Request, RequestId, Stage, Told};
use super::rows::{Said, StepEnd};
use super::{Lane, Now, RequestError};
use crate::domain::{Entry, Outcome, Requested, UserState};

impl Lane {
    /// A request brought what it was sent for.
    pub(super) fn told(&mut self, id: RequestId, told: Told, said: Said, now: Now) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let place = request.account;
        // A step goes on, until it is known what its answer means.
        if matches!(request.purpose, Purpose::Step(_)) {
            return self.told_step(id, &told, said, now);
        }
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        match (request.purpose, told) {
            (Purpose::Identify(question) | Purpose::PrimaryContact(question), told) => {
                self.question_told(place, question, told);
            }
            (
                ref purpose @ (Purpose::Roles(batch, _)
                | Purpose::Role(batch, _)
                | Purpose::User(batch, _)),
                told,
            ) => self.batch_told(batch, purpose, told, now),
            (Purpose::Look(aside), Told::Users(states)) => {
                let state = states.first().unwrap_or(&UserState::Unknown);
                self.looked(aside, state, now);
            }
            (Purpose::Erasure(aside), Told::Users(states)) => {
                self.erasure_told(aside, states.first(), now);
            }
            (Purpose::Bulk(bulk), told) => self.bulk_told(place, bulk, told, &said, now),
            (Purpose::Jobs(jobs), Told::Jobs(states)) => {
                self.jobs_told(place, &jobs, (said.status, states), now);
            }
            (Purpose::Standing(rows, ids), Told::Users(states)) => {
                self.verification_told(place, rows, (ids, states), now);
            }
            (Purpose::Closer(row), Told::Users(states)) => {
                self.closer_told(place, row, first(states), now);
            }
            (Purpose::Closest(row), Told::Users(states)) => {
                self.record_verified(place, &row, first(states), now);
            }
            _ => {}
        }
    }

    /// A request brought nothing, and is not tried again.
    pub(super) fn fail(&mut self, id: RequestId, error: RequestError, now: Now) {
        let Some(request) = self.take_out(id) else {
            return;
        };
        let Request {
            account: place,
            purpose,
            ..
        } = request;
        match purpose {
            Purpose::Identify(question) | Purpose::PrimaryContact(question) => {
                self.question_failed(place, (question, &purpose), error);
            }
            Purpose::Token => self.accounts[place].tokens.is_fetching = false,
            Purpose::Roles(batch, _) | Purpose::Role(batch, _) | Purpose::User(batch, _) => {
                self.batch_failed(batch, error, now);
            }
            Purpose::Look(aside) => self.look_failed(&aside, error, now),
            Purpose::Erasure(aside) if matches!(error, RequestError::Stopping) => {
                self.look_failed(&aside, error, now);
            }
            Purpose::Erasure(aside) => self.erasure_told(aside, None, now),
            Purpose::Bulk(bulk) => self.bulk_failed(place, bulk, error, now),
            Purpose::Jobs(jobs) => self.jobs_failed(place, &jobs, error, now),
            Purpose::Standing(rows, _) => self.not_verified(place, rows, error, now),
            Purpose::Closer(row) | Purpose::Closest(row) => {
                self.not_verified(place, vec![row], error, now);
            }
            // It stays pending.
            Purpose::Step(_) => self.condemn(place, error, now),
        }
    }

    /// Stops an account for an error that is about all of it.
    pub(super) fn condemn(&mut self, place: usize, error: RequestError, now: Now) {
        if let RequestError::Account {
            reason,
            status,
            detail,
        } = error
        {
            self.stop_account(place, (reason, status), detail, now);
        }
    }

    /// A person would not wait for the answer: what was asked to be done is in doubt.
    pub(super) fn abandoned(&mut self, id: RequestId, now: Now) {
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        let rows = match request.purpose {
            Purpose::Step(step) => vec![step.row],
            Purpose::Bulk(bulk) => {
                self.mark_many(&bulk.rows);
                bulk.rows
            }
            _ => Vec::new(),
        };
        for row in rows {
            // Cut off by the person: no failure of the row's.
            self.record_end(row, StepEnd::new(Outcome::InDoubt, Said::default()), now);
        }
    }

    /// Waits for nothing any more.
    pub(super) fn abandon(&mut self, now: Now) {
        let ids: Vec<RequestId> = self.requests.keys().copied().collect();
        for id in ids {
            let Some(request) = self.requests.get_mut(&id) else {
                continue;
            };
            match std::mem::replace(&mut request.stage, Stage::Aside) {
                Stage::Sent(sent) => {
                    let is_read = request.purpose.class() == super::requests::Class::Read;
                    if is_read {
                        let requested = Entry::Request(Requested {
                            account: self.accounts[request.account].name.clone(),
                            what: request.purpose.name().to_owned(),
                            sent_at: sent.wall,
                            at: now.wall,
                            status: None,
                        });
                        self.record(requested);
                        self.requests.remove(&id);
                    } else {
                        self.abandoned(id, now);
                    }
                }
                Stage::Recording(_) => {
                    self.note(id, ("held_back", false), &Said::default(), now);
                    self.requests.remove(&id);
                }
                Stage::Answered(..) | Stage::Aside | Stage::Waiting | Stage::Resting => {
                    self.requests.remove(&id);
                }
            }
        }
    }
}

/// The state of the one user who was asked about.
fn first(states: Vec<UserState>) -> UserState {
    states.into_iter().next().unwrap_or(UserState::NotListed)
}
