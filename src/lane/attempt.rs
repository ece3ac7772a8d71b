//! The way of every request until it leaves: limits, access, intent, sending. Which request goes
//! first is decided here, and nowhere else. The effect of its answer: `answers`.

use std::time::{Duration, Instant};

use super::limits::{LEAVES_WITHIN, Permit, Wait};
use super::requests::{Class, Flight, LaneRequest, Purpose, RequestId, Stage};
use super::rows::Heard;
use super::waits::Backoff;
use super::{Effect, Lane, Now, RequestError};
use crate::domain::{Said, StopKind};

impl Lane {
    /// Puts a new request in line.
    pub(super) fn request(&mut self, account: usize, purpose: Purpose, now: Now) {
        let request = self.new_request(account, purpose);
        self.line_up(request, now);
    }

    pub(super) fn new_request(&mut self, account: usize, purpose: Purpose) -> LaneRequest {
        let id = self.new_id();
        LaneRequest {
            id,
            account,
            purpose,
            attempt: 1,
            tokens_rejected: 0,
            roles_read: 0,
            backoff: Backoff::new(self.accounts[account].seed ^ id.0),
        }
    }

    pub(super) const fn new_id(&mut self) -> RequestId {
        self.last_id += 1;
        RequestId(self.last_id)
    }

    /// Puts a request in line, if its account begins anything yet.
    pub(super) fn line_up(&mut self, request: LaneRequest, now: Now) {
        if self.accounts[request.account].is_stopping {
            return self.fail(request, RequestError::Stopping, now);
        }
        let waiting = self.waiting.entry(request.purpose.class()).or_default();
        waiting.insert(request.id, request);
    }

    /// Puts a request in line after `rest`.
    pub(super) fn rest(&mut self, request: LaneRequest, rest: Duration, now: Now) {
        if rest.is_zero() || self.accounts[request.account].is_stopping {
            return self.line_up(request, now);
        }
        let at = now.instant + rest;
        self.resting.insert((at, request.id), request);
    }

    /// Requests of an account that have not ended, but for those that wait for another.
    pub(super) fn has_requests(&self, account: usize) -> bool {
        let waiting = self.waiting.values().flat_map(|it| it.values());
        let under_way = self.under_way.values().map(|(request, _)| request);
        let mut all = waiting.chain(self.resting.values()).chain(under_way);
        all.any(|it| it.account == account)
    }

    // --- Leaving ---

    /// Lets the next request go, if one may.
    /// An error: when one may; `None`: when something happened.
    pub(super) fn admit(&mut self, now: Now) -> Result<(), Option<Instant>> {
        if self.is_refused() {
            return Err(None);
        }
        let bottleneck = self.limits.bottleneck(now.instant);
        let mut order: Vec<(bool, RequestId, Class)> = Vec::with_capacity(self.waiting.len());
        for (class, waiting) in &self.waiting {
            if let Some(request) = waiting.values().find(|it| self.is_eligible(it, *class)) {
                let is_first = *class != Class::Read && class.step() == bottleneck;
                order.push((!is_first, request.id, *class));
            }
        }
        order.sort_unstable();
        let mut soonest: Option<Instant> = None;
        for (is_other, id, class) in order {
            if let Some(said) = self.day_over.clone() {
                // The rest belongs to those in flight.
                if !self.limits.is_idle() {
                    return Err(None);
                }
                self.quota_gone((class, id), said, now);
                return Ok(());
            }
            match self.limits.take(class.step(), now.instant) {
                Ok(permit) => {
                    self.leave((class, id), permit, now);
                    return Ok(());
                }
                Err(Wait::TooLong(until)) => {
                    let wait = until.saturating_duration_since(now.instant);
                    let said = Self::too_long(wait, "the server asked to wait", now);
                    self.quota_gone((class, id), said, now);
                    return Ok(());
                }
                Err(Wait::Until(at)) => soonest = soonest.map_or(Some(at), |it| Some(it.min(at))),
                Err(Wait::Answer) => {}
            }
            // The endpoint that decides would lack the part of the account's quota that others took.
            if !is_other {
                break;
            }
        }
        Err(soonest)
    }

    fn quota_gone(&mut self, in_line: (Class, RequestId), said: Said, now: Now) {
        if let Some(request) = self.take_out(in_line) {
            let reason = StopKind::QuotaGone;
            self.fail(request, RequestError::Account { reason, said }, now);
        }
    }

    /// Takes a request out of line.
    pub(super) fn take_out(&mut self, (class, id): (Class, RequestId)) -> Option<LaneRequest> {
        self.waiting.get_mut(&class)?.remove(&id)
    }

    /// Whether nothing but the limits keeps a request back.
    fn is_eligible(&self, request: &LaneRequest, class: Class) -> bool {
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

    /// Lets a request go that has its permit, or gives that back to ask for a token or roles first.
    fn leave(&mut self, in_line: (Class, RequestId), permit: Permit, now: Now) {
        let Some(mut request) = self.take_out(in_line) else {
            return;
        };
        let account = request.account;
        let tokens = &mut self.accounts[account].tokens;
        let granted = if matches!(request.purpose, Purpose::Token) {
            if let Err(none) = tokens.ask(now.wall) {
                self.give_back(&permit, now);
                return self.no_token(account, none, now);
            }
            None
        } else {
            let Some(granted) = tokens.access(now.wall) else {
                self.give_back(&permit, now);
                self.line_up(request, now);
                return self.fetch_token(account, now);
            };
            Some(granted)
        };
        if self.has_old_roles(&request, now) {
            self.give_back(&permit, now);
            return self.read_roles_again(request, now);
        }
        let flight = Flight {
            permit: Some(permit),
            granted,
            host: String::new(),
            at: now,
        };
        let intents = self.intents(&request, now);
        if intents.is_empty() {
            return self.send(request, flight, now);
        }
        if let Purpose::Bulk(_) = request.purpose {
            self.accounts[account].jobs.begin();
        }
        request.roles_read = 0;
        let id = request.id;
        self.under_way
            .insert(id, (request, Stage::Recording(flight)));
        self.output.push_back(Effect::RecordFirst(id, intents));
    }

    /// Gives back what a request took that does not leave.
    fn give_back(&mut self, permit: &Permit, now: Now) {
        self.limits.count(permit, None);
        self.limits.over(false, now.instant);
    }

    /// The entries are durable that a request waited for.
    pub(super) fn recorded(&mut self, id: RequestId, now: Now) {
        let Some((request, stage)) = self.under_way.remove(&id) else {
            return;
        };
        match stage {
            Stage::Recording(flight) if self.is_still_open(&request, &flight, now) => {
                self.send(request, flight, now);
            }
            Stage::Recording(flight) => {
                // The intent is taken back.
                if let Some(permit) = &flight.permit {
                    self.give_back(permit, now);
                }
                self.note(&request, ("held_back", false), &Heard::default(), now);
                self.not_begun(&request);
                self.line_up(request, now);
            }
            Stage::Answered(flight, result) => self.judge(request, &flight, result, now),
            Stage::Sent(_) => {
                self.under_way.insert(id, (request, stage));
            }
        }
    }

    /// Whether a read was refused whose entry is not durable yet. Until then nothing leaves.
    fn is_refused(&self) -> bool {
        self.under_way.values().any(|(_, stage)| {
            matches!(stage, Stage::Answered(_, Ok(reply)) if matches!(reply.status, 429 | 503))
        })
    }

    /// Whether nothing came meanwhile that keeps a request from leaving.
    fn is_still_open(&self, request: &LaneRequest, flight: &Flight, now: Now) -> bool {
        let step = request.purpose.class().step();
        !self.accounts[request.account].is_stopping
            && !self.is_refused()
            && self.limits.paused_until(step, now.instant).is_none()
            && now.instant - flight.at.instant <= LEAVES_WITHIN
    }

    /// A request for many is not under way any more, and began no job.
    pub(super) fn not_begun(&mut self, request: &LaneRequest) {
        if let Purpose::Bulk(_) = request.purpose {
            self.accounts[request.account].jobs.not_begun();
        }
    }

    pub(super) fn send(&mut self, request: LaneRequest, mut flight: Flight, now: Now) {
        let account = &mut self.accounts[request.account];
        let provider = account.provider.as_ref();
        let built = match &flight.granted {
            Some(granted) => request.purpose.build(provider, granted),
            None => Some(account.tokens.mint()),
        };
        // It has none of the kind, and was not asked for one.
        let Some(http) = built else { return };
        if flight.granted.is_some() {
            account.tokens.used();
        }
        let host = http.url.host_str().unwrap_or_default();
        flight.host = match http.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        flight.at = now;
        self.note_sent(&request.purpose, now);
        let id = request.id;
        self.under_way.insert(id, (request, Stage::Sent(flight)));
        self.output.push_back(Effect::Send(id, http));
    }
}
