//! The way of every request until it leaves: limits, access, intent, sending. Which request goes first is
//! decided here, and nowhere else. What its answer makes of it: `answers`.

use std::time::Instant;

use super::limits::{Counted, LEAVES_WITHIN, Permit, Wait};
use super::requests::{Class, Leave, Purpose, Request, RequestId, Sent, Stage, host_of};
use super::rows::Said;
use super::{Lane, Now, Output, RequestError};
use crate::domain::StopKind;

/// Whether a request was let go, or failed.
pub(super) enum Admitted {
    Yes,
    /// None was. When one may be; `None`: when something happened.
    No(Option<Instant>),
}

/// Whether a request may leave.
enum Ready {
    Yes(Leave),
    /// Something has to be asked first, or it has ended.
    No,
}

impl Lane {
    /// Puts a new request in line.
    pub(super) fn request(&mut self, account: usize, purpose: Purpose, now: Now) -> RequestId {
        self.last_request += 1;
        let id = RequestId(self.last_request);
        let seed = self.accounts[account].seed ^ self.last_request;
        self.requests
            .insert(id, Request::new(account, purpose, seed));
        self.line_up(id, now);
        id
    }

    /// Puts a request in line, if its account begins anything yet.
    pub(super) fn line_up(&mut self, id: RequestId, now: Now) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        request.stage = Stage::Waiting;
        if self.accounts[request.account].is_stopping {
            self.fail(id, RequestError::Stopping, now);
        } else {
            let class = request.purpose.class();
            self.waiting.entry(class).or_default().insert(id);
        }
    }

    /// Puts a request in line at `at`.
    pub(super) fn rest(&mut self, id: RequestId, at: Instant, now: Now) {
        if at <= now.instant {
            return self.line_up(id, now);
        }
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        request.stage = Stage::Resting;
        if self.accounts[request.account].is_stopping {
            self.fail(id, RequestError::Stopping, now);
        } else {
            self.resting.insert((at, id));
        }
    }

    /// Takes a request out of whatever it waits in.
    pub(super) fn take_out(&mut self, id: RequestId) -> Option<Request> {
        let request = self.requests.remove(&id)?;
        match &request.stage {
            Stage::Waiting => {
                if let Some(waiting) = self.waiting.get_mut(&request.purpose.class()) {
                    waiting.remove(&id);
                }
            }
            Stage::Resting => self.resting.retain(|(_, resting)| *resting != id),
            Stage::Aside | Stage::Recording(_) | Stage::Sent(_) | Stage::Answered(..) => {}
        }
        Some(request)
    }

    // --- Leaving ---

    /// Lets the next request go, if one may.
    pub(super) fn admit(&mut self, now: Now) -> Admitted {
        if !self.refused_reads.is_empty() {
            return Admitted::No(None);
        }
        let bottleneck = self.limits.bottleneck(now.instant);
        let mut order: Vec<(bool, RequestId, Class)> = Vec::with_capacity(self.waiting.len());
        for (class, ids) in &self.waiting {
            if let Some(id) = ids.iter().find(|id| self.is_eligible(**id, *class)) {
                let is_first = *class != Class::Read && class.step() == bottleneck;
                order.push((!is_first, *id, *class));
            }
        }
        order.sort_unstable();
        let mut soonest: Option<Instant> = None;
        for (is_other, id, class) in order {
            if let Some(detail) = self.day_over.clone() {
                // What is left is theirs that are in flight.
                if !self.limits.is_idle() {
                    return Admitted::No(None);
                }
                let error = RequestError::account(StopKind::QuotaGone, None, detail);
                self.fail(id, error, now);
                return Admitted::Yes;
            }
            match self.limits.take(class.step(), now.instant) {
                Ok(permit) => {
                    self.leave(id, permit, now);
                    return Admitted::Yes;
                }
                Err(Wait::TooLong(until)) => {
                    let wait = until.saturating_duration_since(now.instant);
                    let error = Self::too_long(wait, "the server asked to wait", now);
                    self.fail(id, error, now);
                    return Admitted::Yes;
                }
                Err(Wait::Until(at)) => soonest = soonest.map_or(Some(at), |it| Some(it.min(at))),
                Err(Wait::Answer) => {}
            }
            // What others took of the account's quota, the endpoint that decides would lack.
            if !is_other {
                break;
            }
        }
        Admitted::No(soonest)
    }

    /// Whether nothing but the limits keeps a request back.
    fn is_eligible(&self, id: RequestId, class: Class) -> bool {
        let Some(request) = self.requests.get(&id) else {
            return false;
        };
        let account = &self.accounts[request.account];
        if account.tokens.is_fetching && !matches!(request.purpose, Purpose::Token) {
            return false;
        }
        match class {
            Class::Read => true,
            Class::Step(step) => !account.reading_roles.contains(&step),
            Class::Bulk(step) => !account.reading_roles.contains(&step) && account.jobs.has_room(),
        }
    }

    /// Lets a request go that has its permit, or gives that back.
    fn leave(&mut self, id: RequestId, permit: Permit, now: Now) {
        let Ready::Yes(leave) = self.ready(id, permit, now) else {
            self.limits.count(&permit, Counted::Never, now.instant);
            self.limits.over(false, now.instant);
            return;
        };
        let Some(mut request) = self.take_out(id) else {
            return;
        };
        let intents = self.intents(&request, now);
        if intents.is_empty() {
            self.requests.insert(id, request);
            return self.send(id, leave, now);
        }
        if let Purpose::Bulk(_) = request.purpose {
            self.accounts[request.account].jobs.begin();
        }
        request.roles_read = 0;
        request.stage = Stage::Recording(leave);
        self.requests.insert(id, request);
        self.output.push_back(Output::RecordFirst(id, intents));
    }

    /// Whether a request has all that it leaves with: a token that lives, and roles that are believed.
    fn ready(&mut self, id: RequestId, permit: Permit, now: Now) -> Ready {
        let Some(request) = self.requests.get(&id) else {
            return Ready::No;
        };
        let place = request.account;
        let permit = Some(permit);
        if let Purpose::Token = request.purpose {
            return match self.accounts[place].tokens.ask(now.wall) {
                Ok(()) => Ready::Yes(Leave {
                    permit,
                    granted: None,
                }),
                Err(none) => {
                    self.no_token(id, none, now);
                    Ready::No
                }
            };
        }
        let Some(granted) = self.accounts[place].tokens.access(now.wall) else {
            self.fetch_token(place, now);
            return Ready::No;
        };
        if self.has_old_roles(id, now) {
            self.read_roles_again(id, now);
            return Ready::No;
        }
        Ready::Yes(Leave {
            permit,
            granted: Some(granted),
        })
    }

    /// The entries are durable that a request waited for.
    pub(super) fn recorded(&mut self, id: RequestId, now: Now) {
        self.refused_reads.remove(&id);
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        match std::mem::replace(&mut request.stage, Stage::Aside) {
            Stage::Recording(leave) => {
                if self.is_still_open(id, &leave, now) {
                    self.send(id, leave, now);
                } else {
                    self.hold_back(id, &leave, now);
                }
            }
            Stage::Answered(sent, result) => self.judge(id, &sent, result, now),
            other => request.stage = other,
        }
    }

    /// Whether nothing came meanwhile that keeps a request from leaving.
    fn is_still_open(&self, id: RequestId, leave: &Leave, now: Now) -> bool {
        let Some(request) = self.requests.get(&id) else {
            return false;
        };
        let step = request.purpose.class().step();
        let taken_at = leave.permit.map(|permit| permit.at());
        !self.accounts[request.account].is_stopping
            && self.refused_reads.is_empty()
            && self.limits.paused_until(step, now.instant).is_none()
            && taken_at.is_none_or(|at| now.instant - at <= LEAVES_WITHIN)
    }

    /// Takes the intent of a request back.
    fn hold_back(&mut self, id: RequestId, leave: &Leave, now: Now) {
        if let Some(permit) = &leave.permit {
            self.limits.count(permit, Counted::Never, now.instant);
            self.limits.over(false, now.instant);
        }
        self.note(id, ("held_back", false), &Said::default(), now);
        self.not_begun(id);
        self.line_up(id, now);
    }

    /// A request for many is not under way any more, and began no job.
    pub(super) fn not_begun(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get(&id)
            && matches!(request.purpose, Purpose::Bulk(_))
        {
            self.accounts[request.account].jobs.not_begun();
        }
    }

    pub(super) fn send(&mut self, id: RequestId, leave: Leave, now: Now) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let account = &mut self.accounts[request.account];
        let provider = account.provider.as_ref();
        let built = request.purpose.build(provider, leave.granted.as_ref());
        let Some(http) = built else {
            self.requests.remove(&id);
            return;
        };
        if leave.granted.is_some() {
            account.tokens.used();
        }
        let (host, at, wall) = (host_of(&http.url), now.instant, now.wall);
        request.stage = Stage::Sent(Sent {
            leave,
            host,
            at,
            wall,
        });
        self.note_sent(id, now);
        self.output.push_back(Output::Send(id, http));
    }
}
