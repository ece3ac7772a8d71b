//! The driver of lanes: the only place that waits for the network, the ledger and the clock together.
//!
//! Around each [`Lane`] runs one loop. The effects of the lane are begun, and those that end go
//! back in: the ledger acknowledges entries, the transport brings answers, rows are read. Nothing
//! that was sent is dropped before its answer came, unless a person stops the run twice.
//!
//! **Invariant:** nothing leaves after the ledger failed. That is one flag in the lane.

mod client;
mod notify;
mod signals;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use futures::future::{BoxFuture, OptionFuture};
use futures::stream::{FuturesUnordered, StreamExt as _};
use futures::{FutureExt as _, TryFutureExt as _};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::domain::{AccountName, Action, Entry, Task};
use crate::lane::{
    AccountEnd, Effect, Event, KeptToken, Lane, Meaning, RequestError, RequestId, SourceError,
    WorkSpec,
};

pub use self::client::{Client, Io};
pub use self::notify::run_notify_command;
pub use self::signals::{StopSignals, outlive_file_limit, take_away};
pub use crate::domain::Durability;

/// Takes entries in the order they are handed in: the ledger, or memory in tests.
pub trait EventSink: Send + Sync + fmt::Debug {
    /// Records `entry`.
    /// After an error, which may be an earlier entry's, nothing may be sent.
    fn record(&self, entry: Entry, durability: Durability) -> Recorded<'_>;
}

/// An entry on its way to where it is recorded.
pub type Recorded<'a> = BoxFuture<'a, Result<(), SinkFailed>>;

/// An entry could not be recorded; the run must stop.
#[derive(Debug, Clone, Error)]
#[error("record what happened")]
pub struct SinkFailed(#[source] pub Arc<dyn std::error::Error + Send + Sync>);

/// Keeps tokens between processes. A token that can be fetched again may be lost, which is no error. One with a
/// refresh token is kept durably, and by one process at a time. An error says why not, and what to do.
pub trait TokenStore: Send + Sync + fmt::Debug {
    /// The token kept under `key`, which from then on is this process's if it `rotates`.
    fn load(&self, key: &str, rotates: bool) -> Result<Option<KeptToken>, String>;
    /// Keeps `token` under `key`.
    fn keep(&self, key: &str, token: &KeptToken) -> Result<(), String>;
}

/// Gives rows of a queue in the file's order: those of an action, or those to verify (`None`).
pub trait RowSource: Send + Sync + fmt::Debug {
    /// The next rows of a queue, which may be none for now; `None`: it has no more.
    fn next_rows(
        &self,
        account: AccountName,
        action: Option<Action>,
    ) -> BoxFuture<'_, Result<Option<Vec<Task>>, SourceError>>;
}

/// Runs the work of all accounts, and tells how each ended, in no particular order. An account that stops
/// leaves the others alone.
/// If the ledger fails, all of them stop: what is not recorded must not be done.
///
/// # Panics
///
/// When a lane does.
pub async fn run(
    work: Vec<(Client, WorkSpec)>,
    rows: Arc<dyn RowSource>,
) -> Result<Vec<(AccountName, AccountEnd)>, SinkFailed> {
    let mut clients = Vec::new();
    for (client, spec) in work {
        client.with(|lane| lane.work(&client.account, spec));
        clients.push(client);
    }
    let mut running = JoinSet::new();
    for client in clients {
        // A lane that accounts share is driven once.
        let Ok(mut lane) = Arc::clone(&client.lane).try_lock_owned() else {
            continue;
        };
        let rows = Arc::clone(&rows);
        running.spawn(async move {
            let Some(lane) = lane.as_mut() else {
                return Ok(Vec::new());
            };
            let mut driver = Driver::new(lane, &client.io, Some(rows.as_ref()));
            let result = driver.drive().await;
            drop(driver);
            if result.is_err() {
                lane.on(Event::LedgerFailed, client.io.now());
                client.io.stop.admitting.cancel();
                client.io.stop.waiting.cancel();
            }
            result.map(|()| lane.take_ends())
        });
    }
    let ends: Result<Vec<_>, _> = running.join_all().await.into_iter().collect();
    ends.map(|ends| ends.into_iter().flatten().collect())
}

/// The loop around a lane.
pub(super) struct Driver<'a> {
    lane: &'a mut Lane,
    io: &'a Io,
    rows: Option<&'a dyn RowSource>,
    /// The effects that were begun and have not ended.
    begun: FuturesUnordered<BoxFuture<'a, Result<Event, SinkFailed>>>,
    /// Entries that have not reached the ledger, in order. A request may wait until one is durable.
    todo: VecDeque<(Entry, Option<RequestId>)>,
    /// One that waits for room there. Nothing overtakes it.
    blocked: Option<Recorded<'a>>,
    /// How far the lane was told that the run is stopped.
    is_stopped: bool,
    is_abandoned: bool,
    /// The questions that it is driven for and that are open; with no question, it is driven for rows.
    questions: BTreeSet<RequestId>,
    answers: BTreeMap<RequestId, Result<Meaning, RequestError>>,
}

impl<'a> Driver<'a> {
    fn new(lane: &'a mut Lane, io: &'a Io, rows: Option<&'a dyn RowSource>) -> Self {
        Self {
            lane,
            io,
            rows,
            begun: FuturesUnordered::new(),
            todo: VecDeque::new(),
            blocked: None,
            is_stopped: false,
            is_abandoned: false,
            questions: BTreeSet::new(),
            answers: BTreeMap::new(),
        }
    }

    /// Drives the lane until its accounts have ended, or all questions are answered.
    async fn drive(&mut self) -> Result<(), SinkFailed> {
        loop {
            let mut until = None;
            while self.hand_over()? {
                match self.lane.next(self.io.now()) {
                    Effect::Wait(at) => {
                        until = at.map(tokio::time::Instant::from_std);
                        break;
                    }
                    Effect::Ended => return self.record_rest().await,
                    effect => self.begin(effect),
                }
            }
            if self.questions.is_empty() && !self.answers.is_empty() {
                return self.record_rest().await;
            }
            let sleep = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let stop = &self.io.stop;
            let event = tokio::select! {
                biased;
                () = stop.waiting.cancelled(), if !self.is_abandoned => {
                    (self.is_stopped, self.is_abandoned) = (true, true);
                    Event::Abandon
                }
                () = stop.admitting.cancelled(), if !self.is_stopped => {
                    self.is_stopped = true;
                    Event::Stop
                }
                Some(placed) = OptionFuture::from(self.blocked.as_mut()) => {
                    self.blocked = None;
                    placed?;
                    continue;
                }
                Some(done) = self.begun.next(), if !self.begun.is_empty() => done?,
                () = pin!(sleep) => continue,
            };
            self.lane.on(event, self.io.now());
        }
    }

    /// Begins one thing.
    fn begin(&mut self, effect: Effect) {
        let io = self.io;
        match effect {
            Effect::Record(entry) => self.todo.push_back((entry, None)),
            Effect::RecordFirst(request, mut entries) => {
                // The ledger keeps their order: with the last all are durable.
                let last = entries.pop();
                self.todo.extend(entries.into_iter().map(|it| (it, None)));
                self.todo.extend(last.map(|last| (last, Some(request))));
            }
            Effect::Send(request, http) => {
                let reply = io.transport.send(http);
                let reply = reply.map(move |result| Ok(Event::Reply { request, result }));
                self.begun.push(reply.boxed());
            }
            Effect::Rows(account, action) => {
                let Some(source) = self.rows else { return };
                let read = async move {
                    let rows = source.next_rows(account.clone(), action).await;
                    Ok(Event::Rows {
                        account,
                        action,
                        rows,
                    })
                };
                self.begun.push(read.boxed());
            }
            Effect::Keep(key, token) => {
                if let Err(why) = io.store.keep(&key, &token) {
                    self.lane.on(Event::NotKept(key, why), io.now());
                }
            }
            Effect::Answer(question, answer) if self.questions.remove(&question) => {
                self.answers.insert(question, answer);
            }
            Effect::Answer(..) | Effect::Wait(_) | Effect::Ended => {}
        }
    }

    /// Hands entries over to the ledger, in order. Returns whether it took all of them.
    fn hand_over(&mut self) -> Result<bool, SinkFailed> {
        if self.blocked.is_some() {
            return Ok(false);
        }
        while let Some((entry, waiter)) = self.todo.pop_front() {
            if let Some(request) = waiter {
                let synced = self.io.sink.record(entry, Durability::Synced);
                let synced = synced.map_ok(move |()| Event::Recorded(request));
                self.begun.push(synced.boxed());
                continue;
            }
            let mut placed = self.io.sink.record(entry, Durability::Queued);
            let Some(placed) = placed.as_mut().now_or_never() else {
                self.blocked = Some(placed);
                return Ok(false);
            };
            placed?;
        }
        Ok(true)
    }

    /// Hands over what is left when the lane has ended.
    async fn record_rest(&mut self) -> Result<(), SinkFailed> {
        while !self.hand_over()? {
            if let Some(placed) = self.blocked.take() {
                placed.await?;
            }
        }
        Ok(())
    }
}
