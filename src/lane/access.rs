//! Access for requests: a token is fetched once for all that wait for it, and what comes of it is theirs.

use super::requests::{Leave, Purpose, RequestId, Sent, Stage};
use super::rows::Said;
use super::tokens::NoAccess;
use super::{Lane, Now, Output, RequestError};
use crate::provider::Reply;
use crate::transport::TransportError;

impl Lane {
    /// Asks for a token, unless one is asked for.
    pub(super) fn fetch_token(&mut self, place: usize, now: Now) {
        let tokens = &mut self.accounts[place].tokens;
        if std::mem::replace(&mut tokens.is_fetching, true) {
            return;
        }
        let takes_slot = tokens.takes_slot();
        let id = self.request(place, Purpose::Token, now);
        if takes_slot {
            return;
        }
        // Its own server counts it, or the slot of the request that waits for it is its time.
        let Some(request) = self.take_out(id) else {
            return;
        };
        self.requests.insert(id, request);
        match self.accounts[place].tokens.ask(now.wall) {
            Ok(()) => {
                let (permit, granted) = (None, None);
                self.send(id, Leave { permit, granted }, now);
            }
            Err(none) => self.no_token(id, none, now),
        }
    }

    /// A token was answered, or not.
    pub(super) fn token_answered(
        &mut self,
        id: RequestId,
        result: Result<&Reply, &TransportError>,
        sent: &Sent,
        now: Now,
    ) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let tokens = &mut self.accounts[request.account].tokens;
        match tokens.answered(result, sent.wall) {
            Ok(kept) => {
                tokens.is_fetching = false;
                self.requests.remove(&id);
                if let Some((key, token)) = kept {
                    self.output.push_back(Output::Keep(key, token));
                }
            }
            Err(none) => self.no_token(id, none, now),
        }
    }

    /// There is no token: all of the account waits, or ends.
    pub(super) fn no_token(&mut self, id: RequestId, none: NoAccess, now: Now) {
        let Some(request) = self.take_out(id) else {
            return;
        };
        let place = request.account;
        self.accounts[place].tokens.is_fetching = false;
        let waits = match none {
            NoAccess::Condemned(reason, detail) => Err(RequestError::Account {
                reason,
                status: None,
                detail,
            }),
            NoAccess::Later(wait, detail) => {
                let reason = format!("no token yet: {}", detail.message.unwrap_or_default());
                self.hold(place, None, (wait, reason), &Said::default(), now)
            }
            NoAccess::Unreached(detail) => self.unreached(place, &detail, now).map(|rest| {
                self.limits.pause(None, now.instant + rest);
            }),
        };
        if let Err(error) = waits {
            self.fail_waiting(place, &error, now);
        }
    }

    /// No request of an account that waits can leave.
    pub(super) fn fail_waiting(&mut self, place: usize, error: &RequestError, now: Now) {
        let of_account = self.requests.iter().filter(|(_, request)| {
            request.account == place && matches!(request.stage, Stage::Waiting | Stage::Resting)
        });
        let ids: Vec<RequestId> = of_account.map(|(id, _)| *id).collect();
        for id in ids {
            self.fail(id, error.clone(), now);
        }
    }
}
