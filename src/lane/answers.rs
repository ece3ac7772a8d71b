//! The effect of an answer, or of a missing one, on a request: the same for all requests.

use std::time::Duration;

use super::limits::Permit;
use super::requests::{Flight, LaneRequest, Purpose, RequestId, Stage};
use super::rows::Heard;
use super::tokens::Granted;
use super::{Effect, Lane, Now, RequestError};
use crate::domain::{Entry, Quota, Requested, Said, StopKind};
use crate::provider::{Reply, Scope, Transient, Verdict};
use crate::transport::{Failure, TransportError};

/// So many tokens in a row may be rejected for one request before its account stops.
const TOKENS_REJECTED_MAX: u32 = 5;

/// The status that a token comes with.
const OK: u16 = 200;

impl Lane {
    /// A request was answered, or no answer came.
    pub(super) fn replied(
        &mut self,
        id: RequestId,
        result: Result<Reply, TransportError>,
        now: Now,
    ) {
        let Some((request, stage)) = self.under_way.remove(&id) else {
            return;
        };
        let Stage::Sent(flight) = stage else {
            self.under_way.insert(id, (request, stage));
            return;
        };
        if let Some(permit) = &flight.permit {
            let given_up = matches!(&result, Err(error) if error.failure.given_up());
            let later = if given_up {
                Quota::GIVEN_UP_COUNTED
            } else {
                Duration::ZERO
            };
            self.limits.count(permit, Some(now.instant + later));
        }
        self.note_reach(request.account, &flight, &result, now);
        let is_token = matches!(request.purpose, Purpose::Token);
        if is_token {
            // It is kept before anything else is waited for: with a new refresh token the old one is void.
            self.token_answered(request.account, result.as_ref(), flight.at.wall, now);
        }
        let tokens = &self.accounts[request.account].tokens;
        if !request.purpose.is_read() || (is_token && !tokens.is_counted()) {
            return self.judge(request, &flight, result, now);
        }
        let status = result.as_ref().ok().map(|reply| reply.status);
        let status = status.filter(|status| !is_token || *status == OK);
        let requested = self.requested(&request, &flight, status, now);
        // A read has no intent: it holds its place until its entry is on the disk.
        let answered = Stage::Answered(flight, result);
        self.under_way.insert(id, (request, answered));
        self.output
            .push_back(Effect::RecordFirst(id, vec![requested]));
    }

    /// The entry of a read.
    pub(super) fn requested(
        &self,
        request: &LaneRequest,
        flight: &Flight,
        status: Option<u16>,
        now: Now,
    ) -> Entry {
        Entry::Request(Requested {
            account: self.accounts[request.account].name.clone(),
            what: request.purpose.name().to_owned(),
            sent_at: flight.at.wall,
            at: now.wall,
            status,
        })
    }

    /// The effect of an answer, or of a missing one, on a request.
    pub(super) fn judge(
        &mut self,
        request: LaneRequest,
        flight: &Flight,
        result: Result<Reply, TransportError>,
        now: Now,
    ) {
        let Some(granted) = &flight.granted else {
            if flight.permit.is_some() {
                self.limits.over(result.is_ok(), now.instant);
            }
            // The token itself was judged when it came.
            return;
        };
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => {
                self.limits.over(false, now.instant);
                if error.failure == Failure::Abandoned {
                    return self.abandoned(request, flight, now);
                }
                return self.unanswered(request, &error, now);
            }
        };
        let account = &self.accounts[request.account];
        let contact = account.primary_contact.as_deref();
        let provider = account.provider.as_ref();
        let purpose = &request.purpose;
        let meaning = purpose.parse(provider, &granted.access, contact, &reply);
        let meaning = meaning.map_err(|verdict| account.tokens.judged(verdict));
        let verdict = meaning.as_ref().err();
        self.observe(&request, flight.permit.as_ref(), &reply, verdict, now);
        match meaning {
            Ok((meaning, detail)) => {
                self.accounts[request.account].tokens.accepted(granted);
                self.answered(request, meaning, Heard::of(&reply, detail), now);
            }
            Err(verdict) => self.refused(request, &verdict, granted, &reply, now),
        }
    }

    /// An answer is not what was asked for.
    fn refused(
        &mut self,
        request: LaneRequest,
        verdict: &Verdict,
        granted: &Granted,
        reply: &Reply,
        now: Now,
    ) {
        let class = match verdict {
            Verdict::TokenRejected(_) => ("token_rejected", false),
            Verdict::Account(..) => ("account_stopped", false),
            Verdict::Transient(moment, _) => (moment.name(), moment.in_doubt()),
            Verdict::Row(..) | Verdict::Look(..) => ("unrecognised", false),
        };
        let tokens = &mut self.accounts[request.account].tokens;
        let is_over = if let Verdict::TokenRejected(_) = verdict {
            tokens.reject(granted)
        } else {
            tokens.accepted(granted);
            false
        };
        let (Verdict::TokenRejected(detail)
        | Verdict::Account(_, detail)
        | Verdict::Transient(_, detail)
        | Verdict::Row(_, detail)
        | Verdict::Look(_, detail)) = verdict;
        let heard = Heard::of(reply, detail.clone());
        self.note(&request, class, &heard, now);
        match verdict {
            Verdict::Transient(moment, _) => self.passed(request, Some(*moment), class, heard, now),
            // A read has no row to end; a provider that says so is not understood.
            Verdict::Row(..) | Verdict::Look(..) => {
                self.passed(request, Some(Transient::Unrecognised), class, heard, now);
            }
            Verdict::Account(reason, _) => {
                self.not_begun(&request);
                let (reason, said) = (*reason, heard.said);
                self.fail(request, RequestError::Account { reason, said }, now);
            }
            Verdict::TokenRejected(_) => {
                self.not_begun(&request);
                self.token_rejected(request, is_over, heard.said, now);
            }
        }
    }

    fn token_rejected(&mut self, mut request: LaneRequest, is_over: bool, said: Said, now: Now) {
        request.tokens_rejected += 1;
        if is_over || request.tokens_rejected >= TOKENS_REJECTED_MAX {
            let reason = StopKind::CredentialsRejected;
            self.fail(request, RequestError::Account { reason, said }, now);
        } else {
            self.line_up(request, now);
        }
    }

    /// Observes what an answer says of limits. `verdict`: why it is not what was asked for.
    ///
    /// Only an answer that is known to be the provider's teaches: a page of a proxy's may have limits
    /// of its own in its headers. One that turns the request away is known by its code.
    fn observe(
        &mut self,
        request: &LaneRequest,
        permit: Option<&Permit>,
        reply: &Reply,
        verdict: Option<&Verdict>,
        now: Now,
    ) {
        let (is_taken, is_theirs, has_limits) = match verdict {
            Some(Verdict::Transient(
                Transient::Unrecognised | Transient::ServerError { .. },
                _,
            )) => (false, false, false),
            Some(Verdict::Transient(Transient::Throttled { scope, .. }, detail)) => {
                if let (Scope::Concurrency, Some(permit)) = (*scope, permit) {
                    self.limits.too_many_at_once(permit, now.instant);
                }
                (false, true, detail.code.is_some())
            }
            _ => (true, true, true),
        };
        if let (true, Some(permit)) = (has_limits, permit) {
            self.observe_hints(request, permit, reply, now);
        }
        let account = &mut self.accounts[request.account];
        if is_theirs
            && let Some(bulk) = account.provider.bulk()
            && let Some(hint) = bulk.jobs_hint(&reply.headers)
        {
            account.jobs.observe(hint);
        }
        if reply.status != 429 {
            self.throttled = None;
        }
        self.limits.over(is_taken, now.instant);
    }

    /// No whole answer came.
    fn unanswered(&mut self, request: LaneRequest, error: &TransportError, now: Now) {
        let class @ (name, _) = (error.failure.name(), error.failure.in_doubt());
        let heard = Heard::own(name, error.to_string());
        self.note(&request, class, &heard, now);
        match error.failure {
            // A certificate that does not fit is no accident to wait for.
            Failure::Certificate => {
                self.not_begun(&request);
                let (reason, said) = (StopKind::WrongTenant, heard.said);
                self.fail(request, RequestError::Account { reason, said }, now);
            }
            // A host out of reach is the account's trouble, and no attempt.
            Failure::Connect if !request.purpose.is_read() || self.reach.at_work => {
                self.not_begun(&request);
                self.note_unsent(&request);
                match self.unreached(request.account, &heard.said, now) {
                    Ok(rest) => self.rest(request, rest, now),
                    Err(error) => self.fail(request, error, now),
                }
            }
            _ => self.passed(request, None, class, heard, now),
        }
    }

    /// The request is tried again, or has no try left. `class`: its word, and whether it is in doubt.
    pub(super) fn passed(
        &mut self,
        mut request: LaneRequest,
        moment: Option<Transient>,
        (class, in_doubt): (&'static str, bool),
        heard: Heard,
        now: Now,
    ) {
        let account = &mut self.accounts[request.account];
        let attempts = account.attempts.get();
        let is_bulk = matches!(request.purpose, Purpose::Bulk(_));
        if is_bulk {
            account.jobs.not_begun();
            if matches!(moment, Some(Transient::Throttled { .. })) {
                account.jobs.full(now.instant);
            }
        }
        let may_remove = self.may_remove(&request.purpose);
        if let Purpose::Step(step) = &mut request.purpose {
            step.in_doubt |= in_doubt && may_remove;
            step.unanswered |= in_doubt && may_remove && heard.said.status.is_none();
        }
        let is_doubtful_bulk = in_doubt && is_bulk;
        let is_last = request.attempt >= attempts
            || is_doubtful_bulk
            || (request.purpose.is_read() && self.reach.is_over_at_first(now));
        // A wait that a server asks for holds also where this was the last try.
        let asks = moment.is_some_and(|moment| moment.asks_for().is_some());
        let rest = if is_last && !asks && !is_doubtful_bulk {
            Ok(Duration::ZERO)
        } else {
            self.wait(&mut request, moment, &heard.said, now)
        };
        let is_step = request.step().is_some();
        match rest {
            Err(error) => self.fail(request, error, now),
            Ok(_) if is_doubtful_bulk => self.bulk_in_doubt(request, now),
            Ok(_) if is_last && is_step => self.give_up(request, heard, now),
            Ok(_) if is_last => {
                let passing = RequestError::Passing {
                    attempts: request.attempt,
                    class,
                    said: heard.said,
                };
                self.fail(request, passing, now);
            }
            Ok(rest) => {
                request.attempt += 1;
                self.rest(request, rest, now);
            }
        }
    }
}
