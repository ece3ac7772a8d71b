//! A server of the simulation: latency, strict windows, faults and dying tokens. It counts what arrives
//! and judges nothing.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderValue};

use userpurge::domain::{Entry, Quota, Step};
use userpurge::provider::{Reply, Request};
use userpurge::transport::{Failure, REPLY_TIME_MAX, TransportError};

/// How the server keeps its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    Rolling,
    Fixed,
}

/// What happens to one request, by user id, each time it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The effect happens and the answer never comes.
    LostAnswer,
    /// 429 with Retry-After in seconds; no effect.
    Throttle(Option<u64>),
    /// 500; no effect.
    ServerError,
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
pub(super) struct Server {
    pub(super) quota: Option<(Quota, Keeps)>,
    pub(super) latency_ms: (u64, u64),
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
    pub(super) start: Instant,
    random: fastrand::Rng,
    counted: Vec<Instant>,
    pub(super) arrived: Vec<(Step, String, Instant)>,
    pub(super) refused: u64,
    /// Requests that have arrived and are not answered.
    pub(super) inside: usize,
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

/// On its way: when it arrives, and when its answer would be back.
pub(super) struct Way {
    pub(super) arrives: Instant,
    pub(super) back: Instant,
}

/// What came of an arrival.
pub(super) struct Arrival {
    pub(super) result: Result<Reply, TransportError>,
    /// Whether the answer takes its way back.
    pub(super) is_answered: bool,
    /// Whether it was let in, and counts until it is answered.
    pub(super) is_inside: bool,
}

impl Server {
    pub(super) fn new(start: Instant, latency_ms: (u64, u64), seed: u64) -> Self {
        Self {
            quota: None,
            latency_ms,
            token_life: None,
            blind: false,
            no_tokens: false,
            out_of_reach: None,
            stands_still: None,
            start,
            random: fastrand::Rng::with_seed(seed),
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
        }
    }

    pub(super) fn fault(&mut self, id: u64, fault: Fault) {
        let faults = self.faults.entry(id.to_string()).or_default();
        faults.push_back(fault);
    }

    fn latency(&mut self) -> Duration {
        let (low, high) = self.latency_ms;
        Duration::from_millis(self.random.u64(low..=high))
    }

    /// What is left of a time from the start on, if it has begun.
    fn left(&self, time: Option<(Duration, Duration)>, at: Instant) -> Option<Duration> {
        let (from, until) = time?;
        let since = at - self.start;
        until.checked_sub(since).filter(|_| since >= from)
    }

    /// The way of a request that is sent now.
    ///
    /// # Errors
    ///
    /// No connection is made.
    pub(super) fn way(&mut self, now: Instant) -> Result<Way, TransportError> {
        if self.left(self.out_of_reach, now).is_some() {
            return Err(error(Failure::Connect, "Connection refused"));
        }
        let mut arrives = now + self.latency();
        if let Some(left) = self.left(self.stands_still, arrives) {
            arrives += left;
        }
        let back = arrives + self.latency();
        Ok(Way { arrives, back })
    }

    /// When waiting for an answer is given up.
    pub(super) fn given_up(sent: Instant) -> (Instant, TransportError) {
        (sent + REPLY_TIME_MAX, error(Failure::TimedOut, "no answer"))
    }

    /// Whether a request arriving now is within the quota; counts it if so.
    pub(super) fn count(&mut self, now: Instant) -> bool {
        let Some((quota, keeps)) = self.quota else {
            return true;
        };
        let window = |at: Instant| (at - self.start).as_nanos() / quota.span().as_nanos();
        let held = self.counted.iter().filter(|at| match keeps {
            Keeps::Rolling => now - **at <= quota.span(),
            Keeps::Fixed => window(**at) == window(now),
        });
        let within = held.count() < quota.requests().get() as usize;
        if within {
            self.counted.push(now);
        } else {
            self.refused += 1;
        }
        within
    }

    pub(super) fn arrive(&mut self, request: &Request, entries: &[Entry], now: Instant) -> Arrival {
        if self.at_once.is_some_and(|most| self.inside >= most) {
            self.too_many.push(now);
            let mut refusal = reply(429, "");
            let none = HeaderValue::from_static("");
            refusal.headers.insert("x-at-once", none);
            return Arrival {
                result: Ok(refusal),
                is_answered: true,
                is_inside: false,
            };
        }
        self.inside += 1;
        let path = request.url.path().to_owned();
        let result = if path == "/token" && self.no_tokens {
            Ok(reply(503, ""))
        } else if path == "/token" {
            self.tokens.push(now);
            Ok(reply(200, &format!("token-{}", self.tokens.len())))
        } else if self.token_died(request, now) {
            Ok(reply(401, ""))
        } else if !self.count(now) {
            Ok(reply(429, ""))
        } else {
            self.effect(&path, entries, now)
        };
        let is_answered = result.is_ok();
        Arrival {
            result,
            is_answered,
            is_inside: true,
        }
    }

    /// A request that was let in is over.
    pub(super) fn leave(&mut self, request: &Request) {
        self.inside -= 1;
        let path = request.url.path().trim_start_matches('/');
        if let Some((_, id)) = path.split_once('/') {
            self.users_at_once.remove(id);
        }
    }

    fn token_died(&self, request: &Request, now: Instant) -> bool {
        let Some(life) = self.token_life else {
            return false;
        };
        let sent = request.headers.get("authorization").unwrap();
        // What is no token is none that lives.
        let number = sent.to_str().unwrap().strip_prefix("token-");
        let number = number.map(|it| it.parse::<usize>().unwrap());
        number.is_none_or(|number| now - self.tokens[number - 1] >= life)
    }

    fn effect(
        &mut self,
        path: &str,
        entries: &[Entry],
        now: Instant,
    ) -> Result<Reply, TransportError> {
        let (step, id) = path.trim_start_matches('/').split_once('/').unwrap();
        let step = match step {
            "delete" => Step::Delete,
            "permanently-delete" => Step::PermanentlyDelete,
            "look" | "stands" if self.blind => return Ok(reply(500, "")),
            "look" => {
                let gone = self.gone.contains(id);
                return Ok(reply(if gone { 410 } else { 200 }, ""));
            }
            "stands" => {
                self.asked_for.push(id.split(',').count());
                let here = id.split(',').filter(|id| !self.gone.contains(*id));
                let here: Vec<&str> = here.collect();
                return Ok(reply(200, &here.join(",")));
            }
            other => panic!("{other}"),
        };
        self.without_intent += u64::from(!has_intent(entries, step, id));
        self.arrived.push((step, id.to_owned(), now));
        if !self.users_at_once.insert(id.to_owned()) {
            self.collisions += 1;
        }
        let throttled = |wait: Option<u64>| {
            let mut reply = reply(429, "");
            if let Some(wait) = wait {
                reply.headers.insert("retry-after", wait.into());
            }
            reply
        };
        Ok(
            match self.faults.get_mut(id).and_then(VecDeque::pop_front) {
                Some(Fault::LostAnswer) => {
                    self.gone.insert(id.to_owned());
                    return Err(error(Failure::Broken, "reset"));
                }
                Some(Fault::Throttle(wait)) => throttled(wait),
                Some(Fault::ServerError) => reply(500, ""),
                Some(Fault::Page(limit)) => stating(reply(203, ""), limit),
                Some(Fault::Stated(limit)) => {
                    self.gone.insert(id.to_owned());
                    stating(reply(200, ""), limit)
                }
                Some(Fault::Condemned) => reply(403, ""),
                Some(Fault::Refused) => reply(422, ""),
                Some(Fault::Unknown) => reply(404, ""),
                None if step == Step::PermanentlyDelete || self.gone.insert(id.to_owned()) => {
                    reply(200, "")
                }
                None => reply(410, ""),
            },
        )
    }
}

fn has_intent(entries: &[Entry], step: Step, id: &str) -> bool {
    let open = entries.iter().rev().find_map(|entry| match entry {
        Entry::Intent(intent) if intent.id.as_str() == id => Some(intent.step == step),
        Entry::Outcome(outcome) if outcome.id.as_ref().is_some_and(|it| it.as_str() == id) => {
            Some(false)
        }
        _ => None,
    });
    open.unwrap_or(false)
}

fn error(failure: Failure, reason: &str) -> TransportError {
    let reason = reason.to_owned();
    TransportError { failure, reason }
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
