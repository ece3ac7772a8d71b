//! A handle to an account's lane, for commands: questions before the work, and what was seen after it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Driver, EventSink, Stop, TokenStore};
use crate::domain::{AccountName, Action, Quota, Step, UserId, UserState, WallClock};
use crate::lane::limits::TakenAtOnce;
use crate::lane::{AccountSpec, Answer, Lane, Now, Question, RequestError};
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
    pub stop: Stop,
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
    pub(super) fn now(&self) -> Now {
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

    /// Goes on in the lane of `other`, an account at the same tenant. Whatever has been sent counts
    /// there.
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

    /// Lets nothing of `step` leave for `left`, as a server asked an earlier process.
    pub fn pause(&self, step: Option<Step>, left: Duration) {
        let until = self.io.now().instant + left;
        self.with(|lane| lane.pause(step, until));
    }

    /// Asks who we are; with what the answer's headers said of limits.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    pub async fn introduce(&self) -> Result<(Identity, RateHints), RequestError> {
        match self.ask(Question::Identity).await? {
            Answer::Identity(told) => Ok(*told),
            Answer::PrimaryContact(_) | Answer::Users(_) => Err(RequestError::Stopping),
        }
    }

    /// Asks who we are.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    pub async fn identify(&self) -> Result<Identity, RequestError> {
        Ok(self.introduce().await?.0)
    }

    /// Asks who has the role that no list of users tells, see [`Question::PrimaryContact`]. Returns what
    /// to tell a person where the provider does not tell it.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    pub async fn acquaint(
        &self,
        included: &[String],
    ) -> Result<Option<&'static str>, RequestError> {
        match self
            .ask(Question::PrimaryContact(included.to_vec()))
            .await?
        {
            Answer::PrimaryContact(untold) => Ok(untold),
            Answer::Identity(_) | Answer::Users(_) => Ok(None),
        }
    }

    /// Asks how each of `ids` stands.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    pub async fn looks(&self, ids: &[UserId]) -> Result<Vec<UserState>, RequestError> {
        match self.ask(Question::Users(ids.to_vec())).await? {
            Answer::Users(seen) => Ok(seen),
            Answer::Identity(_) | Answer::PrimaryContact(_) => Err(RequestError::Stopping),
        }
    }

    async fn ask(&self, question: Question) -> Result<Answer, RequestError> {
        let mut lane = self.take().ok_or(RequestError::Stopping)?;
        let id = lane.ask(&self.account, question, self.io.now());
        let mut driver = Driver::new(&mut lane, &self.io, None);
        let answer = driver.until_answered(id).await;
        drop(driver);
        self.put(lane);
        answer
    }

    /// Says that so many rows of each action are to be sent, see [`Lane::expect`].
    pub fn expect(&self, rows: impl IntoIterator<Item = (Action, u64)>) {
        self.with(|lane| lane.expect(&self.account, rows));
    }

    /// Says that so many users are to be verified, see [`Lane::expect_verified`].
    pub fn expect_verified(&self, users: u64) {
        self.with(|lane| lane.expect_verified(&self.account, users));
    }

    /// What the provider was seen to take at once, where that is less than configured.
    pub fn taken_at_once(&self) -> Option<TakenAtOnce> {
        self.with(|lane| lane.taken_at_once()).flatten()
    }

    /// Requests that may be in flight at once, as configured.
    pub fn concurrency(&self) -> u32 {
        self.with(|lane| lane.concurrency()).unwrap_or(1)
    }

    /// The highest limit for all requests of the account that the provider has stated.
    pub fn stated_limit(&self) -> Option<Quota> {
        self.with(|lane| lane.stated_limit()).flatten()
    }

    fn with<T>(&self, change: impl FnOnce(&mut Lane) -> T) -> Option<T> {
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
