//! A handle to an account's lane, for commands: questions before the work, and what was seen after it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{Driver, EventSink, StopSignals, TokenStore};
use crate::domain::{AccountName, FindBy, LimitAhead, Step, Time, UserId, UserState};
use crate::lane::{AccountSpec, Inquiry, Lane, Meaning, Now, RequestError};
use crate::provider::{Authorize, Identity, RateHints};
use crate::transport::Transport;

/// How many pages of one list are read at most: one that goes on for longer has no end.
const PAGES_MAX: u32 = 5_000;

/// The parts that lanes are driven with.
#[derive(Debug, Clone)]
pub struct Io {
    /// The network.
    pub transport: Arc<dyn Transport>,
    /// Where entries go.
    pub sink: Arc<dyn EventSink>,
    /// Where tokens are kept between processes.
    pub store: Arc<dyn TokenStore>,
    /// How the run is stopped.
    pub stop: StopSignals,
}

/// An account's place in its lane. Accounts at one tenant share a lane.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) account: AccountName,
    /// Locked while it is being driven; `None`: another lane has taken it in.
    pub(super) lane: Arc<Mutex<Option<Lane>>>,
    pub(super) io: Arc<Io>,
}

impl Io {
    /// An instant, as lanes are told it.
    pub fn now(&self) -> Now {
        Now {
            instant: tokio::time::Instant::now().into_std(),
            wall: Time::now(),
        }
    }
}

impl Client {
    /// A client with a lane of its own. An error: its tokens cannot be used now, see [`TokenStore::load`].
    pub fn new(mut spec: AccountSpec, io: &Arc<Io>) -> Result<Self, String> {
        // Others are fetched as they are needed.
        if let Authorize::Token { quota, key, first } = spec.provider.authorize()
            && (quota.is_some() || first.is_some())
        {
            spec.kept = io.store.load(&key, first.is_some())?;
        }
        Ok(Self {
            account: spec.name.clone(),
            lane: Arc::new(Mutex::new(Some(Lane::new(spec, io.now())))),
            io: Arc::clone(io),
        })
    }

    /// Goes on in the lane of `other`, an account at the same tenant. The requests that were sent count there.
    pub fn join(&mut self, other: &Self) {
        if Arc::ptr_eq(&self.lane, &other.lane) {
            return;
        }
        let lane = self.lane.try_lock().map(|mut lane| lane.take());
        if let Ok(Some(lane)) = lane {
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
            // A caller who may not read the role goes on without.
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
    pub async fn find_primary_contact(
        &self,
        included: &[String],
    ) -> Result<Option<&'static str>, RequestError> {
        match self.ask(Inquiry::PrimaryContact(included.to_vec())).await? {
            Meaning::NoPrimaryContact(note) => Ok(Some(note)),
            _ => Ok(None),
        }
    }

    /// Asks how each of `ids` stands.
    pub async fn lookup_users(&self, ids: &[UserId]) -> Result<Vec<UserState>, RequestError> {
        match self.ask(Inquiry::Users(ids.to_vec())).await? {
            Meaning::Users(seen) => Ok(seen),
            _ => Err(RequestError::Stopping),
        }
    }

    /// How many keys one request finds users by where `key` is among them; 0: nobody can have such a key.
    pub fn find_max(&self, by: FindBy, key: &str) -> usize {
        let most = self.with(|lane| lane.find_max(&self.account, by, key));
        most.unwrap_or(0)
    }

    /// Asks who has each of `keys`. Those that brought no answer are not in `found`.
    pub async fn find(
        &self,
        by: FindBy,
        keys: BTreeSet<String>,
        found: &mut HashMap<String, BTreeSet<UserId>>,
    ) -> Result<(), RequestError> {
        let (mut searches, mut room) = (Vec::<Vec<String>>::new(), 0);
        for key in keys {
            let most = self.find_max(by, &key);
            room = most.min(room);
            match searches.last_mut() {
                _ if most == 0 => _ = found.insert(key, BTreeSet::new()),
                Some(last) if last.len() < room => last.push(key),
                _ => {
                    searches.push(vec![key]);
                    room = most;
                }
            }
        }
        let (mut failed, mut page) = (Ok(()), 0);
        while !searches.is_empty() {
            page += 1;
            let ask = |keys: &Vec<String>| Inquiry::Find(by, keys.clone(), page);
            let answers = self.ask_all(searches.iter().map(ask).collect()).await;
            let asked = std::mem::take(&mut searches);
            for (keys, answer) in asked.into_iter().zip(answers) {
                match answer {
                    Ok(Meaning::Found((users, has_more))) if !has_more || page < PAGES_MAX => {
                        for (key, users) in keys.iter().zip(users) {
                            found.entry(key.clone()).or_default().extend(users);
                        }
                        searches.extend(has_more.then_some(keys));
                    }
                    // Of a key that has more pages, one user is not known to be the only one.
                    other => {
                        found.retain(|key, _| !keys.contains(key));
                        failed = failed.and(Err(other.err().unwrap_or(RequestError::Stopping)));
                    }
                }
            }
        }
        failed
    }

    async fn ask(&self, inquiry: Inquiry) -> Result<Meaning, RequestError> {
        let answer = self.ask_all(vec![inquiry]).await.pop();
        answer.unwrap_or(Err(RequestError::Stopping))
    }

    /// Asks all of `inquiries` at once; the answers come in their order. Of accounts that share a lane one
    /// after another asks. As at work, a lane is driven in a task of its own.
    async fn ask_all(&self, inquiries: Vec<Inquiry>) -> Vec<Result<Meaning, RequestError>> {
        let (client, mut lane) = (self.clone(), Arc::clone(&self.lane).lock_owned().await);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let Some(lane) = lane.as_mut() else {
                let none = inquiries.iter().map(|_| Err(RequestError::Stopping));
                return none.collect();
            };
            let ask = |inquiry| lane.ask(&client.account, inquiry, client.io.now());
            let asked: Vec<_> = inquiries.into_iter().map(ask).collect();
            let mut driver = Driver::new(lane, &client.io, None);
            driver.questions = asked.iter().copied().collect();
            // A ledger is not there yet, or will tell of its failure when work begins.
            let _ = driver.drive().await;
            let mut answers = std::mem::take(&mut driver.answers);
            let answer = |id| answers.remove(id).unwrap_or(Err(RequestError::Stopping));
            asked.iter().map(answer).collect()
        });
        task.join_all().await.pop().unwrap_or_default()
    }

    /// How the limits stand before rows are sent that take so many `requests`; empty: it is being driven.
    pub fn limits_ahead(&self, requests: &BTreeMap<Option<Step>, u64>) -> Vec<LimitAhead> {
        let ahead = self.with(|lane| lane.limits_ahead(requests, self.io.now()));
        ahead.unwrap_or_default()
    }

    /// Looks at the lane, or changes it; `None`: it is being driven.
    pub fn with<T>(&self, change: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        self.lane.try_lock().ok()?.as_mut().map(change)
    }
}
