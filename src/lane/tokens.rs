//! One token for all requests of an account: fetched once, renewed before it ends, replaced when rejected.
//!
//! A token that the tenant itself gives out is a request like any other: it has a slot, and is recorded.
//! One from a server with a quota of its own is counted here, also across processes ([`KeptToken`]).

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::domain::{Said, StopKind, Time};
use crate::provider::{Access, Authorize, Provider, Reply, Request, Token, Verdict};
use crate::transport::{Failure, TransportError};

/// A token is renewed this long before it ends, or a tenth of its life if that is less.
const RENEW_BEFORE_MAX: Duration = Duration::from_mins(5);

/// How long to wait when the token server would give none, growing by this much each time.
const LATER_STEP: Duration = Duration::from_secs(5);
const LATER_MAX: Duration = Duration::from_mins(1);

/// The shortest life of a token that is believed: one that is said to live no time would be fetched
/// anew for each request. Where it truly ends earlier it is rejected, and fetched anew then.
const LIFE_MIN: Duration = Duration::from_secs(30);

/// The number of times in a row that the token server may put us off before the account stops. It
/// takes some ten minutes, as long as Zoho shuts out callers that asked too often.
const PUT_OFF_MAX: u32 = 16;

/// After so many tokens that were rejected without ever having been taken, it is the credentials.
const STILLBORN_MAX: u32 = 2;

/// So many tokens are fetched for one request that waits for its slot; then one in the slot's time.
const IN_VAIN_MAX: u32 = 3;

/// A token as it is kept between processes. A provider gives out few, or this one came with the
/// only refresh token that is not void.
#[derive(Debug, Clone)]
pub struct KeptToken {
    /// The token.
    pub token: Token,
    /// When it ends; `None`: not said.
    pub expires_at: Option<Time>,
    /// When tokens of these credentials were fetched lately, oldest first, this one included.
    pub fetched: Vec<Time>,
}

/// An access, and which token gave it. Cheap to clone: every request has one.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) access: Arc<Access>,
    generation: u64,
}

/// Why there is no access.
#[derive(Debug)]
pub(super) enum NoAccess {
    /// The account has to stop: wrong credentials, a place not to be trusted, or put off too often.
    Never(StopKind, Said),
    /// Not yet: try again after this time.
    Later(Duration, Said),
    /// The token server gave no answer.
    Unreached(Said),
}

/// The account's access to its provider.
#[derive(Debug)]
pub(super) struct Tokens {
    provider: Arc<dyn Provider>,
    authorize: Authorize,
    /// The access there is, and when its token is to be renewed.
    current: Option<(Granted, Option<Time>)>,
    /// The newest refresh token, where each use of one gives another.
    refresh: Option<SecretString>,
    /// Where the first token led. No later one may lead elsewhere: who we are was asked there.
    base: Option<Url>,
    generation: u64,
    fetched: Vec<Time>,
    put_off: u32,
    /// The newest token that the provider has taken.
    accepted: u64,
    /// Tokens rejected since, none of which it ever took.
    stillborn: u32,
    /// Tokens fetched since a request last left.
    in_vain: u32,
    /// Whether one is being fetched.
    pub(super) is_fetching: bool,
}

impl Tokens {
    /// No token yet, unless an earlier process `kept` one.
    pub(super) fn new(provider: Arc<dyn Provider>, kept: Option<KeptToken>, now: Time) -> Self {
        let authorize = provider.authorize();
        let (current, first) = match &authorize {
            Authorize::Fixed(access) => {
                let access = Arc::new(access.clone());
                let generation = 0;
                (Some((Granted { access, generation }, None)), None)
            }
            Authorize::Token { first, .. } => (None, first.clone()),
        };
        let mut tokens = Self {
            provider,
            authorize,
            current,
            refresh: None,
            base: None,
            generation: 0,
            fetched: Vec::new(),
            put_off: 0,
            accepted: 0,
            stillborn: 0,
            in_vain: 0,
            is_fetching: false,
        };
        let first = first.map(|token| KeptToken {
            token,
            expires_at: None,
            fetched: Vec::new(),
        });
        if let Some(kept) = kept.or(first) {
            tokens.take_up(kept, now);
        }
        tokens
    }

    /// An access that lives as far as can be known; `None`: a token has to be fetched.
    pub(super) fn access(&self, now: Time) -> Option<Granted> {
        let (granted, renew_at) = self.current.as_ref()?;
        let lives = renew_at.is_none_or(|at| now < at);
        lives.then(|| granted.clone())
    }

    /// The request for the next token.
    pub(super) fn mint(&self) -> Request {
        self.provider.mint(self.refresh.as_ref())
    }

    /// Whether what could not be kept under `key` is of these credentials. Then it is not used.
    pub(super) fn not_kept(&mut self, key: &str) -> bool {
        let is_it = matches!(&self.authorize, Authorize::Token { key: own, .. } if own == key);
        self.current.take_if(|_| is_it);
        is_it
    }

    /// Whether a token counts among the requests; a quota for tokens is another server's.
    pub(super) const fn is_counted(&self) -> bool {
        matches!(self.authorize, Authorize::Token { quota: None, .. })
    }

    /// Whether the next token takes a slot of its own under the limits.
    pub(super) const fn takes_slot(&self) -> bool {
        self.is_counted() && self.in_vain < IN_VAIN_MAX
    }

    /// A request left with a token.
    pub(super) const fn used(&mut self) {
        self.in_vain = 0;
    }

    /// Counts a token that is about to be asked for.
    pub(super) fn ask(&mut self, now: Time) -> Result<(), NoAccess> {
        if let Authorize::Token {
            quota: Some(quota), ..
        } = &self.authorize
        {
            // A time further ahead than the span is none: a clock was wrong, then or now.
            self.fetched.retain(|at| {
                let apart = now.saturating_since(*at).max(at.saturating_since(now));
                apart < quota.span()
            });
            if self.fetched.len() >= quota.requests().get() as usize {
                let used = now.saturating_since(self.fetched[0]);
                let words = format!("the provider gives out {quota} tokens, and they are used");
                let said = Said::own("tokens_used_up", words);
                return Err(NoAccess::Later(quota.span().saturating_sub(used), said));
            }
        }
        self.fetched.push(now);
        self.in_vain += 1;
        Ok(())
    }

    /// Takes the answer to a request for a token that left at `asked_at`. Returns the token, if it is to
    /// be kept between processes.
    pub(super) fn answered(
        &mut self,
        reply: Result<&Reply, &TransportError>,
        asked_at: Time,
    ) -> Result<Option<(String, KeptToken)>, NoAccess> {
        let reply = reply.map_err(|error| {
            // Nothing was sent, and nothing counted.
            if !error.failure.in_doubt() {
                self.fetched.pop();
            }
            let said = Said::own(error.failure.name(), error.to_string());
            // No accident to wait for.
            if error.failure == Failure::Certificate {
                NoAccess::Never(StopKind::WrongTenant, said)
            } else {
                NoAccess::Unreached(said)
            }
        })?;
        match self.provider.minted(reply) {
            Ok(token) => self.put_minted(token, asked_at),
            Err(Verdict::Account(reason, said)) => Err(NoAccess::Never(reason, said)),
            Err(
                Verdict::Transient(_, said)
                | Verdict::TokenRejected(said)
                | Verdict::Row(_, said)
                | Verdict::Look(_, said),
            ) => {
                self.put_off += 1;
                if self.put_off > PUT_OFF_MAX {
                    return Err(NoAccess::Never(StopKind::TokensExhausted, said));
                }
                let ours = (LATER_STEP * self.put_off).min(LATER_MAX);
                let asked = reply.retry_after().unwrap_or_default();
                Err(NoAccess::Later(ours.max(asked), said))
            }
        }
    }

    fn put_minted(
        &mut self,
        mut token: Token,
        asked_at: Time,
    ) -> Result<Option<(String, KeptToken)>, NoAccess> {
        let untrusted = |said| Err(NoAccess::Never(StopKind::WrongTenant, said));
        let Some(access) = self.provider.access(&token) else {
            let words = "the token names a place that it must not be sent to";
            return untrusted(Said::own("foreign_place", words));
        };
        // Where the first token led, the run was agreed to.
        if let Some(first) = self.base.as_ref().filter(|base| **base != access.base) {
            let (then, now) = (first.authority(), access.base.authority());
            let words = format!(
                "a new token leads to `{now}`, while the run was agreed to at `{then}`; nothing was \
                 sent with it"
            );
            return untrusted(Said::own("other_place", words));
        }
        self.put_off = 0;
        let life = token.expires_in.map(|life| life.max(LIFE_MIN));
        let expires_at = life.map(|life| asked_at.after(life));
        self.put(access, renew_at(expires_at, asked_at));
        self.refresh = token.refresh.take().or(self.refresh.take());
        token.refresh.clone_from(&self.refresh);
        let kept = KeptToken {
            token,
            expires_at,
            fetched: self.fetched.clone(),
        };
        Ok(match &self.authorize {
            Authorize::Token { quota, key, first } if quota.is_some() || first.is_some() => {
                Some((key.clone(), kept))
            }
            Authorize::Token { .. } | Authorize::Fixed(_) => None,
        })
    }

    /// A verdict by these credentials: where no tokens are fetched, no other can be had.
    pub(super) fn judged(&self, verdict: Verdict) -> Verdict {
        match (verdict, &self.authorize) {
            (Verdict::TokenRejected(said), Authorize::Fixed(_)) => {
                Verdict::Account(StopKind::CredentialsRejected, said)
            }
            (verdict, _) => verdict,
        }
    }

    /// The provider took `granted`.
    pub(super) fn accepted(&mut self, granted: &Granted) {
        if granted.generation > 0 {
            self.accepted = self.accepted.max(granted.generation);
            self.stillborn = 0;
        }
    }

    /// The provider would not take `granted`: the next who asks gets another, unless one has come
    /// since. Returns whether tokens are rejected that were never taken, so that asking for more
    /// changes nothing (and uses up what a provider gives out).
    pub(super) fn reject(&mut self, granted: &Granted) -> bool {
        // The one that is always the same has no generation, and stays.
        let is_it = |(it, _): &mut (Granted, Option<Time>)| {
            it.generation > 0 && it.generation == granted.generation
        };
        if self.current.take_if(is_it).is_some() && granted.generation > self.accepted {
            self.stillborn += 1;
        }
        self.stillborn >= STILLBORN_MAX
    }

    /// Takes up a kept token, unless it ends soon or names a place that it must not be sent to.
    fn take_up(&mut self, kept: KeptToken, now: Time) {
        self.fetched = kept.fetched;
        self.refresh.clone_from(&kept.token.refresh);
        let renew_at = renew_at(kept.expires_at, now);
        if renew_at.is_none_or(|at| now < at)
            && let Some(access) = self.provider.access(&kept.token)
        {
            self.put(access, renew_at);
        }
    }

    fn put(&mut self, access: Access, renew_at: Option<Time>) {
        self.generation += 1;
        self.base.get_or_insert_with(|| access.base.clone());
        let granted = Granted {
            access: Arc::new(access),
            generation: self.generation,
        };
        self.current = Some((granted, renew_at));
    }
}

/// When a token is renewed that lives from `now` until `expires_at`; `None`: when it is rejected.
fn renew_at(expires_at: Option<Time>, now: Time) -> Option<Time> {
    let left = expires_at?.saturating_since(now);
    Some(now.after(left.saturating_sub(RENEW_BEFORE_MAX.min(left / 10))))
}
