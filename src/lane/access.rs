//! Access for requests: a token is fetched once for all that wait for it, and what comes of it is theirs.

use super::requests::{Flight, Purpose};
use super::tokens::NoAccess;
use super::{Effect, Lane, Now, RequestError};
use crate::domain::{Said, StopKind, Time};
use crate::provider::Reply;
use crate::transport::TransportError;

impl Lane {
    /// Asks for a token, unless one is asked for.
    pub(super) fn fetch_token(&mut self, account: usize, now: Now) {
        let tokens = &mut self.accounts[account].tokens;
        if std::mem::replace(&mut tokens.is_fetching, true) {
            return;
        }
        if tokens.takes_slot() {
            return self.request(account, Purpose::Token, now);
        }
        // Its own server counts it, or the slot of the request that waits for it is its time.
        match tokens.ask(now.wall) {
            Ok(()) => {
                let flight = Flight {
                    permit: None,
                    granted: None,
                    host: String::new(),
                    at: now,
                };
                let request = self.new_request(account, Purpose::Token);
                self.send(request, flight, now);
            }
            Err(none) => self.no_token(account, none, now),
        }
    }

    /// A token that was asked for at `asked_at` was answered, or not.
    pub(super) fn token_answered(
        &mut self,
        account: usize,
        result: Result<&Reply, &TransportError>,
        asked_at: Time,
        now: Now,
    ) {
        let tokens = &mut self.accounts[account].tokens;
        match tokens.answered(result, asked_at) {
            Ok(kept) => {
                tokens.is_fetching = false;
                if let Some((key, token)) = kept {
                    self.output.push_back(Effect::Keep(key, token));
                }
            }
            Err(none) => self.no_token(account, none, now),
        }
    }

    /// The token of `key` could not be kept, and the next process would have no refresh token. It
    /// is not used, so whoever authorizes anew loses nothing else.
    pub(super) fn token_not_kept(&mut self, key: &str, why: &str, now: Now) {
        let mut accounts = self.accounts.iter_mut();
        if let Some(account) = accounts.position(|it| it.tokens.not_kept(key)) {
            let said = Said::own("refresh_token_not_kept", why);
            let none = NoAccess::Never(StopKind::CredentialsRejected, said);
            self.no_token(account, none, now);
        }
    }

    /// There is no token: all of the account waits, or ends.
    pub(super) fn no_token(&mut self, account: usize, none: NoAccess, now: Now) {
        self.accounts[account].tokens.is_fetching = false;
        let waits = match none {
            NoAccess::Never(reason, said) => Err(RequestError::Account { reason, said }),
            NoAccess::Later(wait, said) => {
                let reason = format!("no token yet: {}", said.message.unwrap_or_default());
                self.hold(account, None, (wait, reason), &Said::default(), now)
            }
            NoAccess::Unreached(said) => self.unreached(account, &said, now).map(|rest| {
                self.limits.pause(None, now.instant + rest);
            }),
        };
        if let Err(error) = waits {
            self.fail_waiting(account, &error, now);
        }
    }

    /// No request of an account that waits can leave.
    pub(super) fn fail_waiting(&mut self, account: usize, error: &RequestError, now: Now) {
        let mut failed = Vec::new();
        for waiting in self.waiting.values_mut() {
            failed.extend(
                waiting
                    .extract_if(.., |_, it| it.account == account)
                    .map(|it| it.1),
            );
        }
        let resting = &mut self.resting;
        failed.extend(
            resting
                .extract_if(.., |_, it| it.account == account)
                .map(|it| it.1),
        );
        failed.sort_unstable_by_key(|request| request.id);
        for request in failed {
            self.fail(request, error.clone(), now);
        }
    }
}
