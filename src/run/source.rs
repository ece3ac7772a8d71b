//! Where a lane's rows come from.

use std::collections::BTreeMap;
use std::fmt;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc};

use crate::domain::{AccountName, Task, ToVerify};
use crate::lane::{Queue, Rows, SourceError};

/// Rows that are handed over at once.
const ROWS_MAX: usize = 256;

/// Gives rows of an account's queue, in the order of the file.
pub trait RowSource: Send + Sync + fmt::Debug {
    /// The next rows of a queue; `None`: it has no more.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn next_rows(
        &self,
        account: AccountName,
        queue: Queue,
    ) -> BoxFuture<'_, Result<Option<Rows>, SourceError>>;
}

type Received<T> = Result<T, SourceError>;

/// Rows that threads read ahead.
#[derive(Debug, Default)]
pub struct Channels(BTreeMap<(AccountName, Queue), Mutex<Channel>>);

#[derive(Debug)]
enum Channel {
    Tasks(Reader<Task>),
    ToVerify(Reader<ToVerify>),
}

#[derive(Debug)]
struct Reader<T> {
    rows: mpsc::Receiver<Received<T>>,
    /// What came after rows that were handed over.
    failed: Option<SourceError>,
}

impl Channels {
    /// Rows to be sent come through `rows`.
    pub fn add_tasks(
        &mut self,
        account: AccountName,
        queue: Queue,
        rows: mpsc::Receiver<Received<Task>>,
    ) {
        let channel = Channel::Tasks(Reader { rows, failed: None });
        self.0.insert((account, queue), Mutex::new(channel));
    }

    /// Rows to be verified come through `rows`.
    pub fn add_to_verify(
        &mut self,
        account: AccountName,
        rows: mpsc::Receiver<Received<ToVerify>>,
    ) {
        let channel = Channel::ToVerify(Reader { rows, failed: None });
        self.0.insert((account, Queue::Verify), Mutex::new(channel));
    }
}

impl<T> Reader<T> {
    async fn next(&mut self) -> Result<Option<Vec<T>>, SourceError> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let mut received = Vec::new();
        self.rows.recv_many(&mut received, ROWS_MAX).await;
        let mut rows = Vec::with_capacity(received.len());
        for row in received {
            match row {
                Ok(row) => rows.push(row),
                Err(failed) if rows.is_empty() => return Err(failed),
                Err(failed) => {
                    self.failed = Some(failed);
                    break;
                }
            }
        }
        Ok((!rows.is_empty()).then_some(rows))
    }
}

impl RowSource for Channels {
    fn next_rows(
        &self,
        account: AccountName,
        queue: Queue,
    ) -> BoxFuture<'_, Result<Option<Rows>, SourceError>> {
        async move {
            let Some(channel) = self.0.get(&(account, queue)) else {
                return Ok(None);
            };
            Ok(match &mut *channel.lock().await {
                Channel::Tasks(reader) => reader.next().await?.map(Rows::Tasks),
                Channel::ToVerify(reader) => reader.next().await?.map(Rows::ToVerify),
            })
        }
        .boxed()
    }
}
