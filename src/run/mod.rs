//! The driver of lanes: the only place that waits for the network, the ledger and the clock together.
//!
//! Around each [`Lane`] runs one loop. What the lane puts out is begun, what was begun and ends goes
//! back in: the ledger acknowledges entries, the transport brings answers, rows are read. Nothing
//! that was sent is dropped before its answer came, unless a person stops the run twice.
//!
//! **Invariant:** nothing leaves after the ledger failed. That is one flag in the lane.

mod client;
mod ports;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use futures::{FutureExt as _, TryFutureExt as _};
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::domain::{AccountName, Entry};
use crate::lane::{
    AccountEnd, Answer, Event, Lane, Output, QuestionId, RequestError, RequestId, StopStage,
    WorkSpec,
};

pub use self::client::{Client, Io};
pub use self::ports::{EventSink, RowSource, SinkFailed, TokenStore};
pub use crate::domain::Durability;

/// Asks a run to end, in two stages.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Begin nothing more; what is in flight ends and is recorded.
    pub admitting: CancellationToken,
    /// Wait for nothing any more; what is in flight is in doubt.
    pub waiting: CancellationToken,
}

/// How a run's accounts ended.
#[derive(Debug)]
pub struct RunOutcome {
    /// Each account's end, in no particular order.
    pub ends: Vec<(AccountName, AccountEnd)>,
    /// The ledger failed.
    pub failed: Option<SinkFailed>,
}

/// Runs the work of all accounts to its end. An account that stops leaves the others alone, but a ledger
/// that failed stops them all: what is not recorded must not be done.
///
/// # Panics
///
/// When a lane does.
pub async fn run(work: Vec<(Client, WorkSpec)>, rows: Arc<dyn RowSource>) -> RunOutcome {
    let mut lanes: Vec<(Client, Lane)> = Vec::new();
    for (client, spec) in work {
        let shared = lanes
            .iter_mut()
            .find(|(other, _)| Arc::ptr_eq(&other.lane, &client.lane));
        if let Some((_, lane)) = shared {
            lane.work(&client.account, spec);
        } else if let Some(mut lane) = client.take() {
            lane.work(&client.account, spec);
            lanes.push((client, lane));
        }
    }
    let mut running = JoinSet::new();
    for (client, mut lane) in lanes {
        let rows = Arc::clone(&rows);
        running.spawn(async move {
            let mut driver = Driver::new(&mut lane, &client.io, Some(rows.as_ref()));
            let failed = driver.run().await.err();
            drop(driver);
            if failed.is_some() {
                lane.on(Event::LedgerFailed, client.io.now());
                client.io.stop.admitting.cancel();
                client.io.stop.waiting.cancel();
            }
            let ends = lane.take_ends();
            client.put(lane);
            (ends, failed)
        });
    }
    let mut outcome = RunOutcome {
        ends: Vec::new(),
        failed: None,
    };
    while let Some(joined) = running.join_next().await {
        match joined {
            Ok((ends, failed)) => {
                outcome.ends.extend(ends);
                outcome.failed = outcome.failed.or(failed);
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    outcome
}

/// What came of something that was begun.
type Done = Result<Event, SinkFailed>;

/// Something to be done in order.
enum Todo {
    Queue(Entry),
    Sync(Entry, RequestId),
}

/// The loop around a lane.
pub(super) struct Driver<'a> {
    lane: &'a mut Lane,
    io: &'a Io,
    rows: Option<&'a dyn RowSource>,
    /// What was begun and has not ended.
    begun: FuturesUnordered<BoxFuture<'a, Done>>,
    /// Entries that have not reached the ledger, in order.
    todo: VecDeque<Todo>,
    /// One that waits for room there. Nothing overtakes it.
    blocked: Option<BoxFuture<'a, Result<(), SinkFailed>>>,
    /// How far the lane was told that the run is stopped.
    told: Option<StopStage>,
    answers: Vec<(QuestionId, Result<Answer, RequestError>)>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(lane: &'a mut Lane, io: &'a Io, rows: Option<&'a dyn RowSource>) -> Self {
        Self {
            lane,
            io,
            rows,
            begun: FuturesUnordered::new(),
            todo: VecDeque::new(),
            blocked: None,
            told: None,
            answers: Vec::new(),
        }
    }

    /// Drives the lane until its accounts have ended.
    ///
    /// # Errors
    ///
    /// When the ledger failed.
    async fn run(&mut self) -> Result<(), SinkFailed> {
        while !self.turn().await? {}
        self.record_rest().await
    }

    /// Drives the lane until a question is answered.
    pub(super) async fn until_answered(
        &mut self,
        question: QuestionId,
    ) -> Result<Answer, RequestError> {
        loop {
            // A ledger is not there yet, or will tell of its failure when work begins.
            let is_over = self.turn().await.unwrap_or(true);
            let answered = self.answers.iter().position(|(id, _)| *id == question);
            if let Some(place) = answered {
                let _ = self.record_rest().await;
                return self.answers.swap_remove(place).1;
            }
            if is_over {
                return Err(RequestError::Stopping);
            }
        }
    }

    /// Begins all that is to be done, and waits for the next thing that happens. Returns whether the lane
    /// has ended.
    async fn turn(&mut self) -> Result<bool, SinkFailed> {
        let wait = loop {
            if !self.hand_over()? {
                break None;
            }
            match self.lane.next(self.io.now()) {
                Output::Wait(until) => break until,
                Output::Ended => return Ok(true),
                output => self.begin(output),
            }
        };
        if !self.answers.is_empty() {
            return Ok(false);
        }
        let until = wait.map(tokio::time::Instant::from_std);
        let sleep = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let stop = &self.io.stop;
        let (may_stop, may_break) = (self.told.is_none(), self.told != Some(StopStage::Wait));
        let event = tokio::select! {
            biased;
            () = stop.waiting.cancelled(), if may_break => {
                self.told = Some(StopStage::Wait);
                Event::Stop(StopStage::Wait)
            }
            () = stop.admitting.cancelled(), if may_stop => {
                self.told = Some(StopStage::Begin);
                Event::Stop(StopStage::Begin)
            }
            placed = wait_for(&mut self.blocked), if self.blocked.is_some() => {
                self.blocked = None;
                placed?;
                return Ok(false);
            }
            Some(done) = self.begun.next(), if !self.begun.is_empty() => done?,
            () = pin!(sleep) => return Ok(false),
        };
        self.lane.on(event, self.io.now());
        Ok(false)
    }

    /// Begins one thing.
    fn begin(&mut self, output: Output) {
        let io = self.io;
        match output {
            Output::Record(entry) => self.todo.push_back(Todo::Queue(entry)),
            Output::RecordFirst(request, mut entries) => {
                // The ledger keeps their order: with the last all are durable.
                let last = entries.pop();
                self.todo.extend(entries.into_iter().map(Todo::Queue));
                self.todo.extend(last.map(|last| Todo::Sync(last, request)));
            }
            Output::Send(request, http) => {
                let reply = io.transport.send(http);
                let reply = async move {
                    let result = reply.await;
                    Ok(Event::Reply { request, result })
                };
                self.begun.push(reply.boxed());
            }
            Output::Rows(account, queue) => {
                let Some(source) = self.rows else { return };
                let read = async move {
                    let rows = source.next_rows(account.clone(), queue).await;
                    Ok(Event::Rows {
                        account,
                        queue,
                        rows,
                    })
                };
                self.begun.push(read.boxed());
            }
            Output::Keep(key, token) => io.store.keep(&key, &token),
            Output::Answer(question, answer) => self.answers.push((question, answer)),
            Output::Wait(_) | Output::Ended => {}
        }
    }

    /// Hands entries over to the ledger, in order. Returns whether it took all of them.
    fn hand_over(&mut self) -> Result<bool, SinkFailed> {
        if self.blocked.is_some() {
            return Ok(false);
        }
        while let Some(next) = self.todo.pop_front() {
            match next {
                Todo::Queue(entry) => {
                    let mut placed = self.io.sink.record(entry, Durability::Queued);
                    let Some(placed) = placed.as_mut().now_or_never() else {
                        self.blocked = Some(placed);
                        return Ok(false);
                    };
                    placed?;
                }
                Todo::Sync(entry, request) => {
                    let synced = self.io.sink.record(entry, Durability::Synced);
                    let synced = synced.map_ok(move |()| Event::Recorded(request));
                    self.begun.push(synced.boxed());
                }
            }
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

async fn wait_for(
    blocked: &mut Option<BoxFuture<'_, Result<(), SinkFailed>>>,
) -> Result<(), SinkFailed> {
    match blocked {
        Some(placed) => placed.await,
        None => std::future::pending().await,
    }
}
