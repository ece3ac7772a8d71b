//! One token for all who need it: fetched once, renewed before it ends, replaced when rejected.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::client::host_of;
use super::reach::Reach;
use crate::domain::{Quota, Time, WallClock};
use crate::provider::{Access, Authorize, Detail, Provider, Token, TokenRefused};
use crate::transport::{Failure, Transport};

/// A token is renewed this long before it ends, or a tenth of its life if that is less.
const RENEW_BEFORE_MAX: Duration = Duration::from_mins(5);

/// How long to wait when the token server would give none, growing by this much each time.
const LATER_STEP: Duration = Duration::from_secs(5);
const LATER_MAX: Duration = Duration::from_mins(1);

/// How long nobody asks again after a token server gave no answer: all who wait for a token come here
/// one after another, and find out together.
const UNREACHED_REST: Duration = Duration::from_millis(900);

/// The shortest life of a token that is believed: one that is said to live no time would be fetched
/// anew for each request. Where it truly ends earlier it is rejected, and fetched anew then.
const LIFE_MIN: Duration = Duration::from_secs(30);

/// So often in a row the token server may put us off before the lane stops: some ten minutes,
/// which is as long as Zoho shuts out who asked too often.
const PUT_OFF_MAX: u32 = 16;

/// After so many tokens in a row that were rejected without ever having been taken, it is the
/// credentials that are rejected.
const STILLBORN_MAX: u32 = 2;

/// A token as it is kept between processes, for a provider that gives out few.
#[derive(Debug, Clone)]
pub struct KeptToken {
    /// The token.
    pub secret: SecretString,
    /// See [`Token::api_base`].
    pub api_base: Option<Url>,
    /// When it ends; `None`: not said.
    pub expires_at: Option<Time>,
    /// When tokens of these credentials were fetched lately, oldest first, this one included.
    pub fetched: Vec<Time>,
}

/// Keeps tokens between processes. What cannot be kept is fetched again: failing is no error here.
pub trait TokenStore: Send + Sync + fmt::Debug {
    /// The token kept under `key`.
    fn load(&self, key: &str) -> Option<KeptToken>;
    /// Keeps `token` under `key`.
    fn keep(&self, key: &str, token: &KeptToken);
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
    /// The credentials are wrong.
    Rejected(Detail),
    /// Not yet: try again after this time.
    Later(Duration, Detail),
    /// The token server gave no answer.
    Unreached(Detail),
    /// The token server, or a place it names, is not to be trusted; nothing was sent there.
    Untrusted(Detail),
    /// The token server put us off too often.
    Exhausted(Detail),
}

/// The account's access to its provider.
#[derive(Debug)]
pub(super) struct Tokens {
    provider: Arc<dyn Provider>,
    transport: Arc<dyn Transport>,
    wall: WallClock,
    store: Arc<dyn TokenStore>,
    reach: Arc<Reach>,
    source: Source,
    /// Held while a token is fetched, so that all who wait get the one.
    state: Mutex<State>,
}

/// Where an access comes from: [`Authorize`], with the one that is always the same made once.
#[derive(Debug)]
enum Source {
    Fixed(Granted),
    Token { quota: Option<Quota>, key: String },
}

#[derive(Debug, Default)]
struct State {
    current: Option<Live>,
    /// Where the first token led. No later one may lead elsewhere: who we are was asked there.
    base: Option<Url>,
    generation: u64,
    loaded: bool,
    fetched: Vec<Time>,
    put_off: u32,
    /// Until when nobody asks again, and why; `None`: anybody may.
    rest: Option<Rest>,
    /// The newest token that the provider has taken.
    accepted: u64,
    /// Tokens rejected since, none of which it ever took.
    stillborn: u32,
}

/// Nobody asks for a token for a while.
#[derive(Debug)]
struct Rest {
    until: Time,
    /// What the token server said, or the network.
    detail: Detail,
    /// Whether it gave no answer.
    is_unreached: bool,
}

#[derive(Debug)]
struct Live {
    granted: Granted,
    renew_at: Option<Time>,
}

// === impl Tokens ===

impl Tokens {
    pub(super) fn new(
        provider: Arc<dyn Provider>,
        transport: Arc<dyn Transport>,
        wall: WallClock,
        store: Arc<dyn TokenStore>,
        reach: Arc<Reach>,
    ) -> Self {
        let source = match provider.authorize() {
            Authorize::Fixed(access) => Source::Fixed(Granted {
                access: Arc::new(access),
                generation: 0,
            }),
            Authorize::Token { quota, key } => Source::Token { quota, key },
        };
        Self {
            provider,
            transport,
            wall,
            store,
            reach,
            source,
            state: Mutex::default(),
        }
    }

    /// An access that lives as far as can be known.
    pub(super) async fn access(&self) -> Result<Granted, NoAccess> {
        let (quota, key) = match &self.source {
            Source::Fixed(granted) => return Ok(granted.clone()),
            Source::Token { quota, key } => (*quota, key),
        };
        let mut state = self.state.lock().await;
        // Only a provider that gives out few tokens has its tokens kept on disk.
        if !std::mem::replace(&mut state.loaded, true)
            && quota.is_some()
            && let Some(kept) = self.store.load(key)
        {
            self.take_up(&mut state, kept);
        }
        let now = self.wall.now();
        if let Some(live) = &state.current
            && live.renew_at.is_none_or(|at| now < at)
        {
            return Ok(live.granted.clone());
        }
        self.fetch(&mut state, quota, key).await
    }

    /// Whether a token is to be fetched, from a server that counts it among the account's requests:
    /// one that has a quota of its own for tokens counts them there.
    pub(super) async fn is_counted_and_due(&self) -> bool {
        if !matches!(self.source, Source::Token { quota: None, .. }) {
            return false;
        }
        let state = self.state.lock().await;
        let now = self.wall.now();
        let lives = |live: &Live| live.renew_at.is_none_or(|at| now < at);
        let rests = state.rest.as_ref().is_some_and(|rest| now < rest.until);
        !rests && !state.current.as_ref().is_some_and(lives)
    }

    /// The provider took `granted`.
    pub(super) async fn accepted(&self, granted: &Granted) {
        if granted.generation == 0 {
            return;
        }
        let mut state = self.state.lock().await;
        state.accepted = state.accepted.max(granted.generation);
        state.stillborn = 0;
    }

    /// The provider would not take `granted`: the next who asks gets another, unless one has come
    /// since. Returns whether tokens are rejected that were never taken, so that asking for more
    /// changes nothing (and uses up what a provider gives out).
    pub(super) async fn reject(&self, granted: &Granted) -> bool {
        let mut state = self.state.lock().await;
        let is_current = state
            .current
            .as_ref()
            .is_some_and(|it| it.granted.generation == granted.generation);
        if is_current {
            state.current = None;
            if granted.generation > state.accepted {
                state.stillborn += 1;
            }
        }
        state.stillborn >= STILLBORN_MAX
    }

    async fn fetch(
        &self,
        state: &mut State,
        quota: Option<Quota>,
        key: &str,
    ) -> Result<Granted, NoAccess> {
        let asked_at = self.wall.now();
        // All who wait are put off together: asking once for each would use up in a moment what is
        // meant for ten minutes, and a server that shuts out who asks too often shuts out longer.
        if let Some(rest) = &state.rest
            && asked_at < rest.until
        {
            let detail = rest.detail.clone();
            return Err(if rest.is_unreached {
                NoAccess::Unreached(detail)
            } else {
                NoAccess::Later(rest.until.saturating_since(asked_at), detail)
            });
        }
        if let Some(quota) = quota {
            // A time further ahead than the span is none: a clock was wrong, then or now.
            state.fetched.retain(|at| {
                let apart = asked_at
                    .saturating_since(*at)
                    .max(at.saturating_since(asked_at));
                apart < quota.span()
            });
            if state.fetched.len() >= quota.requests().get() as usize {
                let wait = quota
                    .span()
                    .saturating_sub(asked_at.saturating_since(state.fetched[0]));
                let message = format!("the provider gives out {quota} tokens, and they are used");
                return Err(NoAccess::Later(wait, own("tokens_used_up", message)));
            }
        }
        state.fetched.push(asked_at);
        let request = self.provider.mint();
        let (host, began) = (host_of(&request.url), Instant::now());
        let token = match self.transport.send(request).await {
            Ok(reply) => {
                self.reach.heard(&host);
                self.provider.minted(&reply)
            }
            Err(error) => {
                // Nothing was sent, and nothing counted.
                if !error.failure.in_doubt() {
                    state.fetched.pop();
                }
                let detail = own(error.failure.name(), error.to_string());
                // No accident to wait for.
                if error.failure == Failure::Certificate {
                    return Err(NoAccess::Untrusted(detail));
                }
                let now = self.wall.now();
                self.reach.missed(&host, began.elapsed(), now);
                state.rest = Some(Rest {
                    until: now.after(UNREACHED_REST),
                    detail: detail.clone(),
                    is_unreached: true,
                });
                return Err(NoAccess::Unreached(detail));
            }
        };
        match token {
            Ok(token) => {
                let Some(access) = self.provider.access(&token) else {
                    let message = "the token names a place that it must not be sent to";
                    return Err(NoAccess::Untrusted(own("foreign_place", message)));
                };
                if let Some(other) = elsewhere(state, &access) {
                    return Err(NoAccess::Untrusted(other));
                }
                state.put_off = 0;
                state.rest = None;
                let life = token.expires_in.map(|life| life.max(LIFE_MIN));
                let expires_at = life.map(|life| asked_at.after(life));
                let kept = KeptToken {
                    secret: token.secret.clone(),
                    api_base: token.api_base.clone(),
                    expires_at,
                    fetched: state.fetched.clone(),
                };
                if quota.is_some() {
                    self.store.keep(key, &kept);
                }
                let renew_at = life.map(|life| {
                    asked_at.after(life.saturating_sub((life / 10).min(RENEW_BEFORE_MAX)))
                });
                Ok(put(state, access, renew_at))
            }
            Err(TokenRefused::Rejected(detail)) => Err(NoAccess::Rejected(detail)),
            Err(TokenRefused::Misplaced(detail)) => Err(NoAccess::Untrusted(detail)),
            Err(TokenRefused::Later(detail)) => {
                state.put_off += 1;
                if state.put_off > PUT_OFF_MAX {
                    return Err(NoAccess::Exhausted(detail));
                }
                let wait = (LATER_STEP * state.put_off).min(LATER_MAX);
                state.rest = Some(Rest {
                    until: self.wall.now().after(wait),
                    detail: detail.clone(),
                    is_unreached: false,
                });
                Err(NoAccess::Later(wait, detail))
            }
        }
    }

    /// Takes up a token that an earlier process left, unless it is about to end or names a place
    /// that it must not be sent to: a file is believed no more than an answer.
    fn take_up(&self, state: &mut State, kept: KeptToken) {
        state.fetched = kept.fetched;
        let now = self.wall.now();
        let renew_at = kept.expires_at.map(|at| {
            let left = at.saturating_since(now);
            now.after(left.saturating_sub(RENEW_BEFORE_MAX.min(left / 10)))
        });
        if renew_at.is_none_or(|at| now < at) {
            let token = Token {
                secret: kept.secret,
                api_base: kept.api_base,
                expires_in: None,
            };
            if let Some(access) = self.provider.access(&token) {
                put(state, access, renew_at);
            }
        }
    }
}

/// What is wrong with an access that leads elsewhere than the first; `None`: it does not.
fn elsewhere(state: &State, access: &Access) -> Option<Detail> {
    let first = state.base.as_ref().filter(|base| **base != access.base)?;
    let named = |url: &Url| url.authority().to_owned();
    let (then, now) = (named(first), named(&access.base));
    Some(own(
        "other_place",
        format!(
            "a new token leads to `{now}`, while the run was agreed to at `{then}`; nothing was sent \
             with it"
        ),
    ))
}

fn put(state: &mut State, access: Access, renew_at: Option<Time>) -> Granted {
    state.generation += 1;
    state.base.get_or_insert_with(|| access.base.clone());
    let granted = Granted {
        access: Arc::new(access),
        generation: state.generation,
    };
    state.current = Some(Live {
        granted: granted.clone(),
        renew_at,
    });
    granted
}

/// A detail in our own words.
pub(super) fn own(code: &str, message: impl Into<String>) -> Detail {
    Detail {
        code: Some(code.to_owned()),
        message: Some(message.into()),
    }
}
