//! What an answer, or its missing, makes of a request: for all requests alike.

use std::time::Duration;

use super::limits::{Counted, Permit};
use super::requests::{Class, Purpose, RequestId, Sent, Stage, StepRequest};
use super::rows::Said;
use super::tokens::{Granted, own};
use super::{Lane, Now, Output, RequestError};
use crate::domain::{Entry, Requested, Step, StopKind};
use crate::provider::{Moment, Reply, Scope, Verdict};
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
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let sent = match std::mem::replace(&mut request.stage, Stage::Aside) {
            Stage::Sent(sent) => sent,
            other => {
                request.stage = other;
                return;
            }
        };
        let given_up = matches!(&result, Err(error) if error.failure.given_up());
        let counted = if given_up {
            Counted::Later
        } else {
            Counted::Now
        };
        if let Some(permit) = &sent.leave.permit {
            self.limits.count(permit, counted, now.instant);
        }
        self.note_reach(id, &sent, &result, now);
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let account = &self.accounts[request.account];
        let is_token = matches!(request.purpose, Purpose::Token);
        let is_read = request.purpose.class() == Class::Read;
        if !is_read || (is_token && !account.tokens.is_counted()) {
            return self.judge(id, &sent, result, now);
        }
        let status = result.as_ref().ok().map(|reply| reply.status);
        let requested = Entry::Request(Requested {
            account: account.name.clone(),
            what: request.purpose.name().to_owned(),
            sent_at: sent.wall,
            at: now.wall,
            status: status.filter(|status| !is_token || *status == OK),
        });
        if matches!(status, Some(429 | 503)) {
            self.refused_reads.insert(id);
        }
        // A read has no intent. It holds its place until it is on the disk, so that a process which is
        // killed leaves no more of them untold than it has places.
        request.stage = Stage::Answered(sent, result);
        self.output
            .push_back(Output::RecordFirst(id, vec![requested]));
    }

    /// What an answer, or its missing, makes of a request.
    pub(super) fn judge(
        &mut self,
        id: RequestId,
        sent: &Sent,
        result: Result<Reply, TransportError>,
        now: Now,
    ) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let place = request.account;
        let Some(granted) = &sent.leave.granted else {
            if sent.leave.permit.is_some() {
                self.limits.over(result.is_ok(), now.instant);
            }
            return self.token_answered(id, result.as_ref(), sent, now);
        };
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => {
                self.limits.over(false, now.instant);
                return self.unanswered(id, &error, now);
            }
        };
        let account = &self.accounts[place];
        let (provider, contact) = (
            account.provider.as_ref(),
            account.primary_contact.as_deref(),
        );
        let told = request
            .purpose
            .parse(provider, &granted.access, contact, &reply);
        let step = request.purpose.class().step();
        let mut said = Said::of(&reply);
        self.heed(
            place,
            step,
            sent.leave.permit.as_ref(),
            &reply,
            told.as_ref().err(),
            now,
        );
        match told {
            Ok((told, detail)) => {
                self.accounts[place].tokens.accepted(granted);
                said.detail = detail;
                self.told(id, told, said, now);
            }
            Err(verdict) => self.refused((id, place), &verdict, granted, said, now),
        }
    }

    /// An answer is not what was asked for.
    fn refused(
        &mut self,
        (id, place): (RequestId, usize),
        verdict: &Verdict,
        granted: &Granted,
        mut said: Said,
        now: Now,
    ) {
        let (class, in_doubt) = match verdict {
            Verdict::TokenRejected(_) => ("token_rejected", false),
            Verdict::Account(..) => ("account_stopped", false),
            Verdict::Moment(moment, _) => (moment.name(), moment.in_doubt()),
            Verdict::Row(..) | Verdict::Look(..) => ("unrecognised", false),
        };
        let tokens = &mut self.accounts[place].tokens;
        let is_over = if let Verdict::TokenRejected(_) = verdict {
            tokens.reject(granted)
        } else {
            tokens.accepted(granted);
            false
        };
        let (Verdict::TokenRejected(detail)
        | Verdict::Account(_, detail)
        | Verdict::Moment(_, detail)
        | Verdict::Row(_, detail)
        | Verdict::Look(_, detail)) = verdict;
        said.detail = detail.clone();
        self.note(id, (class, in_doubt), &said, now);
        match verdict {
            Verdict::Moment(moment, _) => self.passed(id, Some(*moment), said, now),
            // A read has no row to end; a provider that says so is not understood.
            Verdict::Row(..) | Verdict::Look(..) => {
                self.passed(id, Some(Moment::Unrecognised), said, now);
            }
            Verdict::Account(reason, _) => {
                self.not_begun(id);
                let error = RequestError::account(*reason, said.status, said.detail);
                self.fail(id, error, now);
            }
            Verdict::TokenRejected(_) => {
                self.not_begun(id);
                self.token_rejected(id, is_over, said, now);
            }
        }
    }

    fn token_rejected(&mut self, id: RequestId, is_over: bool, said: Said, now: Now) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        request.tokens_rejected += 1;
        if is_over || request.tokens_rejected >= TOKENS_REJECTED_MAX {
            let reason = StopKind::CredentialsRejected;
            let error = RequestError::account(reason, said.status, said.detail);
            self.fail(id, error, now);
        } else {
            self.line_up(id, now);
        }
    }

    /// Heeds what an answer says of limits. `verdict`: why it is not what was asked for.
    ///
    /// Only an answer that is known to be the provider's teaches: a page of a proxy's may have limits
    /// of its own in its headers. One that turns the request away is known by its code.
    fn heed(
        &mut self,
        place: usize,
        step: Option<Step>,
        permit: Option<&Permit>,
        reply: &Reply,
        verdict: Option<&Verdict>,
        now: Now,
    ) {
        let mut is_taken = false;
        let (is_theirs, has_limits) = match verdict {
            Some(Verdict::Moment(Moment::Unrecognised | Moment::Unwell { .. }, _)) => {
                (false, false)
            }
            Some(Verdict::Moment(Moment::Throttled { scope, .. }, said)) => {
                if let (Scope::AtOnce, Some(permit)) = (*scope, permit) {
                    self.limits.too_many_at_once(permit, now.instant);
                }
                (true, said.code.is_some())
            }
            _ => {
                is_taken = true;
                (true, true)
            }
        };
        if let (true, Some(permit)) = (has_limits, permit) {
            self.learn(place, step, permit, reply, now);
        }
        let account = &mut self.accounts[place];
        if is_theirs
            && let Some(bulk) = account.provider.bulk()
            && let Some(hint) = bulk.jobs_hint(&reply.headers)
        {
            account.jobs.heed(hint);
        }
        if reply.status != 429 {
            self.throttled = None;
        }
        self.limits.over(is_taken, now.instant);
    }

    /// No whole answer came.
    fn unanswered(&mut self, id: RequestId, error: &TransportError, now: Now) {
        if error.failure == Failure::Abandoned {
            return self.abandoned(id, now);
        }
        let (class, in_doubt) = (error.failure.name(), error.failure.in_doubt());
        let said = Said {
            detail: own(class, error.to_string()),
            ..Said::default()
        };
        self.note(id, (class, in_doubt), &said, now);
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let (place, is_read) = (request.account, request.purpose.class() == Class::Read);
        match error.failure {
            // A certificate that does not fit is no accident to wait for.
            Failure::Certificate => {
                self.not_begun(id);
                let error = RequestError::account(StopKind::WrongTenant, None, said.detail);
                self.fail(id, error, now);
            }
            // What cannot be reached is the account's trouble, and no attempt.
            Failure::Connect if !is_read || self.reach.at_work => {
                self.not_begun(id);
                self.note_unsent(id);
                match self.unreached(place, &said.detail, now) {
                    Ok(rest) => self.rest(id, now.instant + rest, now),
                    Err(error) => self.fail(id, error, now),
                }
            }
            _ => self.passed_as(id, None, (class, in_doubt), said, now),
        }
    }

    /// A passing state of the provider: the request is tried again, or has no try left.
    fn passed(&mut self, id: RequestId, moment: Option<Moment>, said: Said, now: Now) {
        let class = moment.map_or(("unsettled", false), |it| (it.name(), it.in_doubt()));
        self.passed_as(id, moment, class, said, now);
    }

    /// The same. `class`: the stable word for it, and whether the request may have had its effect.
    pub(super) fn passed_as(
        &mut self,
        id: RequestId,
        moment: Option<Moment>,
        (class, in_doubt): (&'static str, bool),
        said: Said,
        now: Now,
    ) {
        let Some(mut request) = self.requests.remove(&id) else {
            return;
        };
        if let Purpose::Bulk(_) = request.purpose {
            self.accounts[request.account].jobs.not_begun();
            if matches!(moment, Some(Moment::Throttled { .. })) {
                self.accounts[request.account].jobs.full(now.instant);
            }
        }
        let may_remove = self.may_remove(&request.purpose);
        if let Purpose::Step(StepRequest { doubt, .. }) = &mut request.purpose {
            doubt.effect |= in_doubt && may_remove;
            doubt.unanswered |= in_doubt && may_remove && said.status.is_none();
        }
        let is_read = request.purpose.class() == Class::Read;
        let attempts = self.accounts[request.account].attempts.get();
        let is_step = matches!(request.purpose, Purpose::Step(_));
        let is_doubtful_bulk = in_doubt && matches!(request.purpose, Purpose::Bulk(_));
        let is_last = request.attempt >= attempts
            || is_doubtful_bulk
            || (is_read && self.reach.is_over_at_first(now));
        // What a server asks for holds also where this was the last try.
        let asks = moment.is_some_and(|moment| moment.asks_for().is_some());
        let rest = if is_last && !asks && !is_doubtful_bulk {
            Ok(Duration::ZERO)
        } else {
            self.wait(&mut request, moment, &said, now)
        };
        let attempt = request.attempt;
        request.attempt += u32::from(!is_last);
        self.requests.insert(id, request);
        match rest {
            Err(error) => self.fail(id, error, now),
            Ok(_) if is_doubtful_bulk => self.bulk_in_doubt(id, now),
            Ok(_) if is_last && is_step => self.give_up(id, said, now),
            Ok(_) if is_last => {
                let passing = RequestError::Passing {
                    attempts: attempt,
                    class,
                    status: said.status,
                    detail: said.detail,
                };
                self.fail(id, passing, now);
            }
            Ok(rest) => self.rest(id, now.instant + rest, now),
        }
    }

    /// Tries a request again after `rest`.
    pub(super) fn again_after(&mut self, id: RequestId, rest: Duration, now: Now) {
        self.rest(id, now.instant + rest, now);
    }
}
