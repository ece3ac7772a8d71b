//! Pairs of an access token and a refresh token, of which each use gives another and makes both void. What
//! the program keeps of them lies in files of its own, which are written whole or not at all: here they are a
//! table, and a pair is on the disk once it was handed over to be kept.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use secrecy::ExposeSecret;
use serde_json::Value;
use userpurge::lane::KeptToken;
use userpurge::sandbox::{Call, Delivery, Sandbox};

use crate::wire::{kind_of, tenant_of};
use crate::world::Visit;

/// The pair that stands in the configuration. Its first half lives no more.
pub(crate) const FIRST: [&str; 2] = ["sandbox-expired", Sandbox::ZENDESK_PAIR[1]];

/// The pairs of all tenants that have one.
#[derive(Debug, Default)]
pub(crate) struct Pairs(BTreeMap<String, Pair>);

/// The pair of a tenant.
#[derive(Debug)]
struct Pair {
    /// The refresh token that lives at the provider; `None`: its answer was seen by nobody.
    living: Option<String>,
    /// When it came to a process that was at work; `None`: it did not, or it is the first.
    came: Option<Duration>,
    kept: Option<KeptToken>,
    /// The access tokens that may be used.
    known: HashSet<String>,
}

impl Pair {
    /// The refresh token that the program finds when it starts.
    fn found(&self) -> &str {
        let kept = self.kept.as_ref().and_then(|it| it.token.refresh.as_ref());
        kept.map_or(FIRST[1], |it| it.expose_secret())
    }

    fn lives(&self) -> bool {
        self.living.as_deref() == Some(self.found())
    }
}

impl Pairs {
    /// The pairs that stand in the configuration.
    pub(crate) fn new(tenants: impl Iterator<Item = String>) -> Self {
        let [access, refresh] = FIRST;
        let first = |tenant| {
            let pair = Pair {
                living: Some(refresh.to_owned()),
                came: None,
                kept: None,
                known: HashSet::from([access.to_owned()]),
            };
            (tenant, pair)
        };
        Self(tenants.map(first).collect())
    }

    /// What a process finds of a tenant's; `None`: nothing was kept yet.
    pub(crate) fn kept(&self, tenant: &str) -> Option<KeptToken> {
        self.0.get(tenant)?.kept.clone()
    }

    /// Whether a request asks for the next pair.
    pub(crate) fn is_next(&self, visit: &Visit) -> bool {
        kind_of(visit) == Call::Token && self.0.contains_key(&tenant_of(visit))
    }

    /// Nothing leaves with a token that is not on the disk.
    pub(crate) fn check_leaving(&self, visit: &Visit) -> Result<(), String> {
        let tenant = tenant_of(visit);
        let Some(pair) = self.0.get(&tenant) else {
            return Ok(());
        };
        if kind_of(visit) == Call::Token {
            let used = text(visit.body(), "refresh_token");
            if used.as_deref() != Some(pair.found()) {
                return Err(format!(
                    "{tenant}: {used:?} is used up, and the disk has {}",
                    pair.found()
                ));
            }
            return Ok(());
        }
        let shown = visit.headers().get(http::header::AUTHORIZATION);
        let shown = shown.and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
        match shown.filter(|it| !pair.known.contains(*it)) {
            Some(shown) => Err(format!("{tenant}: {shown} is sent, and not on the disk")),
            None => Ok(()),
        }
    }

    /// A provider has answered.
    pub(crate) fn answered(&mut self, visit: &Visit, delivery: &Delivery, was_carried_out: bool) {
        let Some(pair) = self.0.get_mut(&tenant_of(visit)) else {
            return;
        };
        if kind_of(visit) != Call::Token || !was_carried_out {
            return;
        }
        let next = match delivery {
            Delivery::Whole(it) | Delivery::Late(it) | Delivery::Cut(it) => {
                let next = text(it.body(), "refresh_token");
                if next.is_none() {
                    // It was refused, and nothing has changed.
                    return;
                }
                next
            }
            Delivery::Closed => None,
        };
        (pair.living, pair.came) = (next, None);
    }

    /// An answer came to a process that is at work.
    pub(crate) fn came(&mut self, body: &Bytes, now: Duration) {
        let next = next(body);
        let of = |pair: &&mut Pair| next.is_some() && pair.living == next;
        if let Some(pair) = self.0.values_mut().find(of) {
            pair.came = Some(now);
        }
    }

    /// Whether an answer has a pair that lives.
    pub(crate) fn is_living(&self, body: &Bytes) -> bool {
        let next = next(body);
        next.is_some() && self.0.values().any(|pair| pair.living == next)
    }

    /// A process keeps a pair.
    pub(crate) fn keep(&mut self, token: KeptToken) -> Result<(), String> {
        let Some(refresh) = token
            .token
            .refresh
            .as_ref()
            .map(ExposeSecret::expose_secret)
        else {
            // One that can be fetched again.
            return Ok(());
        };
        let mut pairs = self.0.values_mut();
        let pair = pairs.find(|it| it.living.as_deref() == Some(refresh));
        let pair = pair.ok_or_else(|| format!("{refresh} is kept, and lives nowhere"))?;
        pair.known
            .insert(token.token.secret.expose_secret().to_owned());
        pair.kept = Some(token);
        Ok(())
    }

    /// A process cannot keep a pair, and is told so: the account is lost, and nothing uses the pair.
    pub(crate) fn not_kept(&mut self, token: &KeptToken) {
        let refresh = token
            .token
            .refresh
            .as_ref()
            .map(ExposeSecret::expose_secret);
        let mut pairs = self.0.values_mut();
        if let Some(pair) = pairs.find(|it| it.living.as_deref() == refresh) {
            pair.came = None;
        }
    }

    /// A process is over. What has come to it is on the disk, but for what came as it was killed.
    pub(crate) fn ended(&self, was_killed: bool, now: Duration) -> Result<(), String> {
        for (tenant, pair) in &self.0 {
            let lost = pair.came.filter(|_| !pair.lives());
            if let Some(at) = lost.filter(|at| *at < now || !was_killed) {
                return Err(format!(
                    "{tenant}: the pair that came at {at:?} is not on the disk: the account is lost"
                ));
            }
        }
        Ok(())
    }

    /// The tenants whose living pair came to nobody. The program has said what to do.
    pub(crate) fn take_lost(&mut self) -> Vec<String> {
        let lost = self.0.extract_if(.., |_, pair| !pair.lives());
        lost.map(|(tenant, _)| tenant).collect()
    }
}

/// The refresh token in an answer; `None`: it is about something else.
fn next(body: &Bytes) -> Option<String> {
    // Most answers are about users, and are not read.
    let is_token = body.starts_with(b"{\"access_token\"");
    is_token.then(|| text(body, "refresh_token"))?
}

/// A text in a JSON body.
fn text(body: &Bytes, key: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body[key].as_str().map(str::to_owned)
}
