//! A handle to an account's lane, for commands: questions before the work, and what was seen after it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Driver, EventSink, StopSignals, TokenStore};
use crate::domain::{AccountName, LimitAhead, Step, UserId, UserState, WallClock};
use crate::lane::{AccountSpec, Inquiry, Lane, Meaning, Now, RequestError};
use crate::provider::{Authorize, Identity, RateHints};
use crate::transport::Transport;

/// What lanes are driven with.
#[derive(Debug, Clone)]
pub struct Io {
    /// The network.
    pub transport: Arc<dyn Transport>,
    /// Where entries go.
    pub sink: Arc<dyn EventSink>,
    /// Where tokens are kept between processes.
    pub store: Arc<dyn TokenStore>,
    /// Wall-clock time.
    pub wall: WallClock,
    /// How the run is stopped.
    pub stop: StopSignals,
}

/// An account's place in its lane. Accounts at one tenant share a lane.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) account: AccountName,
    /// `None`: it is being driven.
    pub(super) lane: Arc<Mutex<Option<Lane>>>,
    pub(super) io: Arc<Io>,
}

impl Io {
    /// An instant, as lanes are told it.
    pub fn now(&self) -> Now {
        Now {
            instant: tokio::time::Instant::now().into_std(),
            wall: self.wall.now(),
        }
    }
}

impl Client {
    /// A client with a lane of its own.
    pub fn new(mut spec: AccountSpec, io: &Arc<Io>) -> Self {
        // Only a provider that gives out few tokens has its tokens kept on disk.
        if let Authorize::Token {
            quota: Some(_),
            key,
        } = spec.provider.authorize()
        {
            spec.kept = io.store.load(&key);
        }
        Self {
            account: spec.name.clone(),
            lane: Arc::new(Mutex::new(Some(Lane::new(spec, io.now())))),
            io: Arc::clone(io),
        }
    }

    /// Goes on in the lane of `other`, an account at the same tenant. What was sent counts there.
    pub fn join(&mut self, other: &Self) {
        if Arc::ptr_eq(&self.lane, &other.lane) {
            return;
        }
        let lane = self.take();
        if let Some(lane) = lane {
            other.with(|others| others.absorb(lane));
        }
        self.lane = Arc::clone(&other.lane);
    }

    /// Asks who we are; with what the answer's headers said of limits.
    pub async fn identify(&self) -> Result<(Identity, RateHints), RequestError> {
        let Meaning::Identity(told) = self.ask(Inquiry::Identity).await? else {
            return Err(RequestError::Stopping);
        };
        let (mut identity, hints) = *told;
        if let Some(role) = identity.custom_role.clone() {
            // Who may not read the role goes on without.
            match self.ask(Inquiry::Rights(role)).await {
                Ok(Meaning::Lacks(lacks)) => {
                    identity.lacks.extend(lacks);
                    identity.custom_role = None;
                }
                Err(RequestError::Stopping) => return Err(RequestError::Stopping),
                _ => {}
            }
        }
        Ok((identity, hints))
    }

    /// Asks who has the role that no list of users tells, see [`Inquiry::PrimaryContact`]. Returns what
    /// to tell a person where the provider does not tell it.
    pub async fn acquaint(
        &self,
        included: &[String],
    ) -> Result<Option<&'static str>, RequestError> {
        match self.ask(Inquiry::PrimaryContact(included.to_vec())).await? {
            Meaning::NoPrimaryContact(note) => Ok(Some(note)),
            _ => Ok(None),
        }
    }

    /// Asks how each of `ids` stands.
    pub async fn looks(&self, ids: &[UserId]) -> Result<Vec<UserState>, RequestError> {
        match self.ask(Inquiry::Users(ids.to_vec())).await? {
            Meaning::Users(seen) => Ok(seen),
            _ => Err(RequestError::Stopping),
        }
    }

    async fn ask(&self, inquiry: Inquiry) -> Result<Meaning, RequestError> {
        let mut lane = self.take().ok_or(RequestError::Stopping)?;
        let id = lane.ask(&self.account, inquiry, self.io.now());
        let mut driver = Driver::new(&mut lane, &self.io, None);
        driver.question = Some(id);
        // A ledger is not there yet, or will tell of its failure when work begins.
        let _ = driver.drive().await;
        let answer = driver.answer.take();
        drop(driver);
        self.put(lane);
        answer.unwrap_or(Err(RequestError::Stopping))
    }

    /// How the limits stand before rows are sent that take so many `requests`; empty: it is being driven.
    pub fn limits_ahead(&self, requests: &BTreeMap<Option<Step>, u64>) -> Vec<LimitAhead> {
        let ahead = self.with(|lane| lane.limits_ahead(requests, self.io.now()));
        ahead.unwrap_or_default()
    }

    /// Looks at the lane, or changes it; `None`: it is being driven.
    pub fn with<T>(&self, change: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        let mut lane = self.lane.lock().unwrap_or_else(PoisonError::into_inner);
        lane.as_mut().map(change)
    }

    pub(super) fn take(&self) -> Option<Lane> {
        let mut lane = self.lane.lock().unwrap_or_else(PoisonError::into_inner);
        lane.take()
    }

    pub(super) fn put(&self, lane: Lane) {
        let mut place = self.lane.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(lane);
    }
}
