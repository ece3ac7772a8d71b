//! A simulated provider: its HTTP side as a [`Transport`] with latency, strict windows, faults and
//! dying tokens, and its pure side as a [`Provider`]. It counts what arrives and judges nothing.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method};
use futures::FutureExt;
use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::clock::wall;
use crate::domain::{Entry, ProviderKind, Quota, Step, StopKind, UserId, UserState, WallClock};
use crate::pipeline::sink::memory::MemorySink;
use crate::provider::{
    Access, Authorize, Bulk, Detail, Identity, LookupFor, Moment, Provider, RateHint, RateHints,
    Reply, Request, Roles, RowEnd, Scope, Standings, Token, TokenRefused, Verdict,
};
use crate::transport::{Failure, REPLY_TIME_MAX, Transport, TransportError};

/// How the simulated server keeps its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    Rolling,
    Fixed,
}

/// What happens to one request, by user id, each time it is asked for.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// The effect happens and the answer never comes.
    LostAnswer,
    /// 429 with Retry-After in seconds; no effect.
    Throttle(Option<u64>),
    /// 500; no effect.
    Unwell,
    /// A page that is not the provider's, with a limit in its header; no effect.
    Page(&'static str),
    /// The effect happens, and the answer states a limit.
    Stated(&'static str),
    /// The whole account is condemned.
    Condemned,
    /// The provider will not.
    Refused,
    /// The provider knows no such user.
    Unknown,
}

#[derive(Debug)]
pub(super) struct FakeServer {
    pub(super) sink: Arc<MemorySink>,
    /// The clock of every client's entries.
    pub(super) wall: WallClock,
    quota: Option<(Quota, Keeps)>,
    latency_ms: (u64, u64),
    /// `Some`: requests need a token, and each lives so long.
    pub(super) token_life: Option<Duration>,
    /// Whether looks are answered with 500.
    pub(super) blind: bool,
    /// Whether no token can be had now.
    pub(super) no_tokens: bool,
    /// From when until when no connection is made, since the start.
    pub(super) out_of_reach: Option<(Duration, Duration)>,
    /// From when until when it stands still, and goes on with what has arrived then.
    pub(super) stands_still: Option<(Duration, Duration)>,
    state: Mutex<ServerState>,
}

#[derive(Debug)]
pub(super) struct ServerState {
    random: fastrand::Rng,
    start: Instant,
    counted: Vec<Instant>,
    pub(super) arrived: Vec<(Step, String, Instant)>,
    pub(super) refused: u64,
    /// Requests that have arrived and are not answered.
    inside: usize,
    /// How many of those it takes at once; `None`: any number.
    pub(super) at_once: Option<usize>,
    /// When one was refused because too many were.
    pub(super) too_many: Vec<Instant>,
    pub(super) without_intent: u64,
    pub(super) gone: HashSet<String>,
    pub(super) faults: BTreeMap<String, VecDeque<Fault>>,
    pub(super) tokens: Vec<Instant>,
    /// How many users each read for many asked for.
    pub(super) asked_for: Vec<usize>,
    pub(super) users_at_once: HashSet<String>,
    pub(super) collisions: u64,
}

impl FakeServer {
    pub(super) fn new(sink: Arc<MemorySink>, latency_ms: (u64, u64), seed: u64) -> Self {
        let state = ServerState {
            random: fastrand::Rng::with_seed(seed),
            start: Instant::now(),
            counted: Vec::new(),
            arrived: Vec::new(),
            refused: 0,
            inside: 0,
            at_once: None,
            too_many: Vec::new(),
            without_intent: 0,
            gone: HashSet::new(),
            faults: BTreeMap::new(),
            tokens: Vec::new(),
            asked_for: Vec::new(),
            users_at_once: HashSet::new(),
            collisions: 0,
        };
        Self {
            sink,
            wall: wall(),
            quota: None,
            latency_ms,
            token_life: None,
            blind: false,
            no_tokens: false,
            out_of_reach: None,
            stands_still: None,
            state: Mutex::new(state),
        }
    }

    pub(super) fn keeping(mut self, quota: &str, keeps: Keeps) -> Self {
        self.quota = Some((quota.parse().unwrap(), keeps));
        self
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fault(&self, id: u64, fault: Fault) {
        self.state()
            .faults
            .entry(id.to_string())
            .or_default()
            .push_back(fault);
    }

    fn latency(&self) -> Duration {
        let (low, high) = self.latency_ms;
        Duration::from_millis(self.state().random.u64(low..=high))
    }

    /// Whether a request arriving now is within the quota; counts it if so.
    pub(super) fn count(&self) -> bool {
        let Some((quota, keeps)) = self.quota else {
            return true;
        };
        let mut state = self.state();
        let (now, start) = (Instant::now(), state.start);
        let window = |at: Instant| (at - start).as_nanos() / quota.span().as_nanos();
        let held = state.counted.iter().filter(|at| match keeps {
            Keeps::Rolling => now - **at <= quota.span(),
            Keeps::Fixed => window(**at) == window(now),
        });
        let within = held.count() < quota.requests().get() as usize;
        if within {
            state.counted.push(now);
        } else {
            state.refused += 1;
        }
        within
    }

    fn has_intent(&self, step: Step, id: &str) -> bool {
        let open = |entries: &[Entry]| {
            entries.iter().rev().find_map(|entry| match entry {
                Entry::Intent(intent) if intent.id.as_str() == id => Some(intent.step == step),
                Entry::Outcome(outcome)
                    if outcome.id.as_ref().is_some_and(|it| it.as_str() == id) =>
                {
                    Some(false)
                }
                _ => None,
            })
        };
        open(&self.sink.entries()).unwrap_or(false)
    }

    /// Whether a request is one of those taken at once.
    fn enters(&self) -> bool {
        let mut state = self.state();
        let enters = state.at_once.is_none_or(|most| state.inside < most);
        if enters {
            state.inside += 1;
        } else {
            state.too_many.push(Instant::now());
        }
        enters
    }

    /// What is left of a time from the start on, if it has begun.
    fn left(&self, time: Option<(Duration, Duration)>) -> Option<Duration> {
        let (from, until) = time?;
        let now = self.state().start.elapsed();
        until.checked_sub(now).filter(|_| now >= from)
    }

    async fn answer(&self, request: Request) -> Result<Reply, TransportError> {
        if self.left(self.out_of_reach).is_some() {
            return Err(TransportError {
                failure: Failure::Connect,
                reason: "Connection refused".to_owned(),
            });
        }
        sleep(self.latency()).await;
        if let Some(left) = self.left(self.stands_still) {
            sleep(left).await;
        }
        if !self.enters() {
            sleep(self.latency()).await;
            let mut refusal = reply(429, "");
            let none = HeaderValue::from_static("");
            refusal.headers.insert("x-at-once", none);
            return Ok(refusal);
        }
        let reply = self.answer_one(request).await;
        self.state().inside -= 1;
        reply
    }

    async fn answer_one(&self, request: Request) -> Result<Reply, TransportError> {
        let path = request.url.path().to_owned();
        let reply = if path == "/token" && self.no_tokens {
            reply(503, "")
        } else if path == "/token" {
            let mut state = self.state();
            state.tokens.push(Instant::now());
            reply(200, &format!("token-{}", state.tokens.len()))
        } else if self.token_died(&request) {
            reply(401, "")
        } else if !self.count() {
            reply(429, "")
        } else {
            self.effect(&path)?
        };
        sleep(self.latency()).await;
        if let Some((_, id)) = path.trim_start_matches('/').split_once('/') {
            self.state().users_at_once.remove(id);
        }
        Ok(reply)
    }

    fn token_died(&self, request: &Request) -> bool {
        let Some(life) = self.token_life else {
            return false;
        };
        let sent = request
            .headers
            .get("authorization")
            .and_then(|it| it.to_str().ok());
        let number: usize = sent
            .and_then(|it| it.strip_prefix("token-"))
            .unwrap()
            .parse()
            .unwrap();
        self.state().tokens[number - 1].elapsed() >= life
    }

    fn effect(&self, path: &str) -> Result<Reply, TransportError> {
        let (step, id) = path.trim_start_matches('/').split_once('/').unwrap();
        let step = match step {
            "delete" => Step::Delete,
            "permanently-delete" => Step::PermanentlyDelete,
            "look" => {
                if self.blind {
                    return Ok(reply(500, ""));
                }
                let gone = self.state().gone.contains(id);
                return Ok(reply(if gone { 410 } else { 200 }, ""));
            }
            "stands" => {
                if self.blind {
                    return Ok(reply(500, ""));
                }
                let mut state = self.state();
                state.asked_for.push(id.split(',').count());
                let here = id.split(',').filter(|id| !state.gone.contains(*id));
                let here: Vec<&str> = here.collect();
                return Ok(reply(200, &here.join(",")));
            }
            other => panic!("{other}"),
        };
        let intended = self.has_intent(step, id);
        let mut state = self.state();
        state.without_intent += u64::from(!intended);
        state.arrived.push((step, id.to_owned(), Instant::now()));
        if !state.users_at_once.insert(id.to_owned()) {
            state.collisions += 1;
        }
        match state.faults.get_mut(id).and_then(VecDeque::pop_front) {
            Some(Fault::LostAnswer) => {
                state.gone.insert(id.to_owned());
                state.users_at_once.remove(id);
                Err(TransportError {
                    failure: Failure::Broken,
                    reason: "reset".to_owned(),
                })
            }
            Some(Fault::Throttle(wait)) => {
                let mut reply = reply(429, "");
                if let Some(wait) = wait {
                    reply.headers.insert("retry-after", wait.into());
                }
                Ok(reply)
            }
            Some(Fault::Unwell) => Ok(reply(500, "")),
            Some(Fault::Page(limit)) => Ok(stating(reply(203, ""), limit)),
            Some(Fault::Stated(limit)) => {
                state.gone.insert(id.to_owned());
                Ok(stating(reply(200, ""), limit))
            }
            Some(Fault::Condemned) => Ok(reply(403, "")),
            Some(Fault::Refused) => Ok(reply(422, "")),
            Some(Fault::Unknown) => Ok(reply(404, "")),
            None if step == Step::PermanentlyDelete || state.gone.insert(id.to_owned()) => {
                Ok(reply(200, ""))
            }
            None => Ok(reply(410, "")),
        }
    }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
    }
}

fn stating(mut reply: Reply, limit: &'static str) -> Reply {
    let limit = HeaderValue::from_static(limit);
    reply.headers.insert("x-limit", limit);
    reply
}

/// The way to a server: what was sent goes on, also when whoever sent it is no more.
#[derive(Debug)]
pub(super) struct Wire(pub(super) Arc<FakeServer>);

impl Transport for Wire {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, TransportError>> {
        let server = Arc::clone(&self.0);
        let answer = tokio::spawn(async move { server.answer(request).await });
        async {
            let answer = timeout(REPLY_TIME_MAX, answer).await;
            answer.map_or_else(
                |_| {
                    Err(TransportError {
                        failure: Failure::TimedOut,
                        reason: "no answer".to_owned(),
                    })
                },
                |answer| answer.unwrap(),
            )
        }
        .boxed()
    }
}

/// The pure side.
#[derive(Debug)]
pub(super) struct FakeProvider {
    pub(super) tokens: bool,
    /// How many tokens there are; `None`: they count like all requests.
    pub(super) token_quota: Option<Quota>,
}

fn base() -> Access {
    Access {
        base: Url::parse("http://127.0.0.1/").unwrap(),
        authorization: HeaderValue::from_static("fixed"),
    }
}

fn at(access: &Access, path: &str) -> Request {
    Request::new(Method::DELETE, access.base.join(path).unwrap())
        .authorized(access.authorization.clone())
}

impl Provider for FakeProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Zendesk
    }

    fn authorize(&self) -> Authorize {
        if self.tokens {
            Authorize::Token {
                quota: self.token_quota,
                key: String::new(),
            }
        } else {
            Authorize::Fixed(base())
        }
    }

    fn identify(&self, access: &Access) -> Request {
        at(access, "identity/me")
    }

    fn identified(&self, _: &Access, _: &Reply) -> Result<Identity, Verdict> {
        unreachable!()
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        at(access, &format!("{step}/{id}"))
    }

    fn judge(&self, _: Step, _: &UserId, reply: &Reply) -> Verdict {
        let none = Detail::default();
        let wait = || {
            reply
                .header("retry-after")
                .and_then(|it| it.parse().ok())
                .map(Duration::from_secs)
        };
        match reply.status {
            200 => Verdict::Row(RowEnd::Deleted, none),
            203 => Verdict::Moment(Moment::Unrecognised, none),
            401 => Verdict::TokenRejected(none),
            403 => Verdict::Account(StopKind::NotPermitted, none),
            404 => Verdict::Row(RowEnd::NotFound, none),
            410 => Verdict::Row(RowEnd::AlreadyGone, none),
            422 => Verdict::Look(RowEnd::Refused, none),
            429 => Verdict::Moment(
                Moment::Throttled {
                    scope: match reply.header("x-at-once") {
                        Some(_) => Scope::AtOnce,
                        None => Scope::Account,
                    },
                    wait: wait(),
                },
                none,
            ),
            _ => Verdict::Moment(Moment::Unwell { wait: None }, none),
        }
    }

    fn lookup_before(&self, _: Step) -> Option<LookupFor> {
        None
    }

    /// Ten users at once are verified.
    fn lookup_max(&self, purpose: LookupFor) -> usize {
        match purpose {
            LookupFor::Verification => 10,
            LookupFor::UnclearAnswer | LookupFor::CloserVerification => 1,
            _ => 0,
        }
    }

    fn lookup(&self, access: &Access, purpose: LookupFor, ids: &[UserId]) -> Request {
        let list = match purpose {
            LookupFor::UnclearAnswer => "look",
            _ => "stands",
        };
        let ids: Vec<&str> = ids.iter().map(UserId::as_str).collect();
        at(access, &format!("{list}/{}", ids.join(",")))
    }

    /// A user whom a verification does not list is not there.
    fn looked_up(
        &self,
        purpose: LookupFor,
        ids: &[UserId],
        _: Option<&str>,
        reply: &Reply,
    ) -> Result<Vec<UserState>, Verdict> {
        let none = Detail::default();
        let (scope, wait) = (Scope::Account, None);
        match (purpose, reply.status) {
            (LookupFor::UnclearAnswer, 401) => Err(Verdict::TokenRejected(none)),
            (LookupFor::UnclearAnswer, 410) => Ok(vec![UserState::Gone]),
            (_, 500) => Err(Verdict::Moment(Moment::Unwell { wait }, none)),
            (LookupFor::UnclearAnswer, _) => Ok(vec![UserState::Active { role: None }]),
            (_, 200) => {
                let here = String::from_utf8(reply.body.to_vec()).unwrap();
                let states = ids.iter().map(|id| {
                    if here.split(',').any(|it| it == id.as_str()) {
                        UserState::Active { role: None }
                    } else {
                        UserState::NotListed
                    }
                });
                Ok(states.collect())
            }
            (_, 403) => Err(Verdict::Account(StopKind::NotPermitted, none)),
            (_, 429) => Err(Verdict::Moment(Moment::Throttled { scope, wait }, none)),
            (_, _) => Err(Verdict::Moment(Moment::Unwell { wait }, none)),
        }
    }

    fn unknown_when_gone(&self, _: Step) -> bool {
        false
    }

    fn roles(&self) -> Option<&dyn Roles> {
        None
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        None
    }

    fn standings(&self) -> &dyn Standings {
        self
    }

    fn rate_hints(&self, _: Option<Step>, headers: &HeaderMap) -> RateHints {
        let account = headers.get("x-limit").map(|limit| RateHint {
            limit: limit.to_str().ok().and_then(|it| it.parse().ok()),
            ..RateHint::default()
        });
        RateHints {
            account,
            ..RateHints::default()
        }
    }

    fn mint(&self) -> Request {
        at(&base(), "token")
    }

    fn minted(&self, reply: &Reply) -> Result<Token, TokenRefused> {
        if reply.status != 200 {
            return Err(TokenRefused::Later(Detail::default()));
        }
        let secret = String::from_utf8(reply.body.to_vec()).unwrap();
        Ok(Token {
            secret: SecretString::from(secret),
            api_base: None,
            expires_in: None,
        })
    }

    fn access(&self, token: &Token) -> Option<Access> {
        let authorization = HeaderValue::from_str(token.secret.expose_secret()).unwrap();
        Some(Access {
            authorization,
            ..base()
        })
    }
}
