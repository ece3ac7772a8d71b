//! Verification: how the users of rows that ended well stand, asked in the largest reads there are.
//!
//! Reads only, through the same [`Client`] as everything else, so under the same limits, and each
//! recorded. Every row gets one [`Entry::Verify`]; a row whose answer never came clearly is
//! unknown, and says why. It judges nothing but its own reads: no outcome follows.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;

use super::client::Client;
use super::error::ClientError;
use super::lane::LaneEnd;
use super::sink::{Durability, SinkFailed};
use super::stop::Stopped;
use crate::domain::{Entry, Finding, Stand, ToVerify, UserId, Verified};

/// How many batches of an account are looked after at once. More than its permits, so that none of
/// them waits for a batch; bounded, so that memory is.
const BATCHES_UNDER_WAY_MAX: usize = 64;

/// How many users of a batch are looked at more closely at once.
const CLOSER_UNDER_WAY_MAX: usize = 16;

/// How rows come in: from the ledger, read on a thread of its own. An error means that it could not
/// be read on.
pub type ToVerifySource = mpsc::Receiver<Result<ToVerify, Box<dyn Error + Send + Sync>>>;

/// The verification of one account's rows.
#[derive(Debug)]
pub struct Verifier {
    client: Arc<Client>,
    stopped: Stopped,
}

/// What keeps a verification from going on.
enum Halt {
    Stopping,
    Source(Box<dyn Error + Send + Sync>),
    Sink(SinkFailed),
}

/// Why an answer was not to be had, or not clear.
struct Unclear {
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
}

impl Verifier {
    /// A verification that asks through `client`.
    pub fn new(client: Arc<Client>) -> Self {
        Self {
            client,
            stopped: Stopped::default(),
        }
    }

    /// Asks about every row, or as far as it may go.
    pub async fn run(self, rows: ToVerifySource) -> LaneEnd {
        self.client.reach.at_work();
        // All that waits, waits in here; see `Lane::run`.
        let mut batches = self
            .batches(rows)
            .map(|batch| async { self.batch(batch?).await })
            .buffer_unordered(BATCHES_UNDER_WAY_MAX)
            .boxed();
        let mut interrupted = false;
        let mut broken = None;
        while let Some(batch) = batches.next().await {
            match batch {
                Ok(()) => {}
                Err(Halt::Stopping) => interrupted = true,
                Err(Halt::Source(error)) => broken = broken.or(Some(LaneEnd::InputFailed(error))),
                Err(Halt::Sink(failed)) => {
                    self.client.stop.admitting.cancel();
                    broken = Some(LaneEnd::SinkFailed(failed));
                }
            }
        }
        drop(batches);
        match (broken, self.stopped.into_inner()) {
            (Some(broken), _) => broken,
            (None, Some(stop)) => LaneEnd::Stopped(stop),
            (None, None) if interrupted || self.client.stop.admitting.is_cancelled() => {
                LaneEnd::Interrupted
            }
            (None, None) => LaneEnd::Done,
        }
    }

    /// The rows in batches of as many as one request can ask for.
    fn batches(&self, rows: ToVerifySource) -> impl Stream<Item = Result<Vec<ToVerify>, Halt>> {
        let rows_max = self.client.provider.standings().users_max().max(1);
        let stopping = self.client.stop.admitting.clone().cancelled_owned();
        let batches = stream::unfold(rows, move |mut rows| async move {
            let mut batch = Vec::with_capacity(rows_max);
            let mut broken = None;
            while batch.len() < rows_max && broken.is_none() {
                match rows.recv().await {
                    Some(Ok(row)) => batch.push(row),
                    Some(Err(error)) => broken = Some(Err(Halt::Source(error))),
                    None => break,
                }
            }
            let read = (!batch.is_empty()).then_some(Ok(batch));
            let items: Vec<_> = read.into_iter().chain(broken).collect();
            (!items.is_empty()).then_some((stream::iter(items), rows))
        });
        batches.flatten().take_until(stopping)
    }

    /// One batch: all of it at once, and those about whom that does not say enough one by one.
    async fn batch(&self, rows: Vec<ToVerify>) -> Result<(), Halt> {
        // A user with two rows is asked for once.
        let mut known = HashSet::new();
        let ids: Vec<UserId> = rows
            .iter()
            .map(|row| row.id.clone())
            .filter(|id| known.insert(id.clone()))
            .collect();
        let stands: HashMap<UserId, Stand> = match self.client.stands(&ids).await {
            Ok(stands) => ids.into_iter().zip(stands).collect(),
            Err(error) => {
                let unclear = self.unclear(error).await?;
                for row in &rows {
                    self.record(row, Err(&unclear)).await?;
                }
                return Ok(());
            }
        };
        let rows = rows
            .iter()
            .map(|row| self.row(row, stands.get(&row.id).copied()));
        let mut rows = stream::iter(rows)
            .buffer_unordered(CLOSER_UNDER_WAY_MAX)
            .boxed();
        let mut halted = Ok(());
        while let Some(row) = rows.next().await {
            halted = halted.and(row);
        }
        halted
    }

    /// One row, whose user was seen as `stand`; `None`: the answer left them out.
    async fn row(&self, row: &ToVerify, stand: Option<Stand>) -> Result<(), Halt> {
        let stand = stand.unwrap_or(Stand::NotListed);
        if stand.after(row.action).is_some() {
            return self.record(row, Ok(stand)).await;
        }
        match self.closer(row).await {
            Ok(stand) => self.record(row, Ok(stand)).await,
            Err(error) => {
                let unclear = self.unclear(error).await?;
                self.record(row, Err(&unclear)).await
            }
        }
    }

    /// How the row's user stands, asked as closely as it takes.
    async fn closer(&self, row: &ToVerify) -> Result<Stand, ClientError> {
        let stand = self.client.stands_closer(&row.id).await?;
        if stand.after(row.action).is_some() {
            return Ok(stand);
        }
        let closest = self.client.stands_closest(&row.id).await?;
        Ok(closest.unwrap_or(stand))
    }

    async fn record(&self, row: &ToVerify, saw: Result<Stand, &Unclear>) -> Result<(), Halt> {
        let not_told = Unclear {
            status: None,
            code: Some("not_told".to_owned()),
            message: Some("the provider's answers do not tell how this user stands".to_owned()),
        };
        let seen = saw.ok();
        let found = saw.and_then(|stand| stand.after(row.action).ok_or(&not_told));
        let why = found.err();
        let verified = Verified {
            row: row.position.row,
            line: row.position.line,
            account: self.client.account.clone(),
            action: row.action,
            id: row.id.clone(),
            finding: found.unwrap_or(Finding::Unknown),
            seen,
            status: why.and_then(|why| why.status),
            code: why.and_then(|why| why.code.clone()),
            message: why.and_then(|why| why.message.clone()),
            at: self.client.now(),
        };
        self.client
            .record(Entry::Verify(verified), Durability::Queued)
            .await
            .map_err(Halt::Sink)
    }

    /// Why `error` left a row without a clear answer; anything that is not about the moment stops
    /// the account's verification, and says so once.
    async fn unclear(&self, error: ClientError) -> Result<Unclear, Halt> {
        let (reason, status, detail) = match error {
            ClientError::Passing {
                class,
                status,
                detail,
                ..
            } => {
                return Ok(Unclear {
                    status,
                    code: detail.code.or_else(|| Some(class.to_owned())),
                    message: detail.message,
                });
            }
            ClientError::Stopping => return Err(Halt::Stopping),
            ClientError::Sink(failed) => return Err(Halt::Sink(failed)),
            ClientError::Account {
                reason,
                status,
                detail,
            } => (reason, status, detail),
        };
        let stopped = self.stopped.stop(&self.client, reason, status, detail);
        stopped.await.map_err(Halt::Sink)?;
        Err(Halt::Stopping)
    }
}

impl fmt::Debug for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Halt")
    }
}
