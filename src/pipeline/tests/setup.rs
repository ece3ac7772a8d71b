//! Lanes and clients before the simulated provider, and the tasks they are given.

use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::fake::{FakeProvider, FakeServer, Wire};
use crate::domain::{AccountName, Action, LeftOpen, Position, Quota, Step, Task, ToVerify, UserId};
use crate::pipeline::limits::{Limits, LimitsSpec, Past};
use crate::pipeline::{
    Client, ClientParts, FailureLimit, KeptToken, Lane, LaneEnd, LaneOptions, Stop, TaskSource,
    ToVerifySource, TokenStore, Until, Verifier,
};

/// What a test says of its lane; the rest has defaults that do not get in the way.
pub(super) struct Setup {
    pub(super) requests: String,
    pub(super) steps: Vec<(Step, String)>,
    pub(super) concurrency: u32,
    pub(super) attempts: u32,
    pub(super) failure_limit: FailureLimit,
    pub(super) canary: u64,
    pub(super) until: Option<Until>,
    pub(super) past: Vec<Past>,
    pub(super) tokens: bool,
    pub(super) token_quota: Option<Quota>,
    pub(super) seed: u64,
    /// Limits that another account shares; `None`: its own.
    pub(super) limits: Option<Arc<Limits>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            requests: "100000/1s".to_owned(),
            steps: Vec::new(),
            concurrency: 8,
            attempts: 6,
            failure_limit: FailureLimit::Default,
            canary: 0,
            until: None,
            past: Vec::new(),
            tokens: false,
            token_quota: None,
            seed: 7,
            limits: None,
        }
    }
}

impl Setup {
    pub(super) fn lane(self, server: &Arc<FakeServer>, stop: &Stop) -> Lane {
        self.lane_for([], server, stop)
    }

    /// A lane that is told what it will have to do.
    pub(super) fn lane_for(
        self,
        rows: impl IntoIterator<Item = (Action, u64)>,
        server: &Arc<FakeServer>,
        stop: &Stop,
    ) -> Lane {
        let options = self.options();
        let client = self.client(server, stop);
        client.expect(rows);
        Lane::new(client, options)
    }

    /// How a lane goes about its rows.
    pub(super) fn options(&self) -> LaneOptions {
        LaneOptions {
            failure_limit: self.failure_limit,
            include_roles: Vec::new(),
            canary: self.canary.try_into().ok(),
            until: self.until.clone(),
        }
    }

    /// Verifies `rows` to the end.
    pub(super) async fn verify(self, server: &Arc<FakeServer>, rows: Vec<ToVerify>) -> LaneEnd {
        let verifier = Verifier::new(self.client(server, &Stop::default()));
        verifier.run(to_verify(rows)).await
    }

    /// The limits of this account alone.
    pub(super) fn own_limits(&self) -> Arc<Limits> {
        let spec = LimitsSpec {
            concurrency: NonZeroU32::new(self.concurrency).unwrap(),
            requests: self.requests.parse().unwrap(),
            steps: self
                .steps
                .iter()
                .map(|(step, it)| (*step, it.parse().unwrap()))
                .collect(),
            share: 1.0,
        };
        Arc::new(Limits::new(&spec, &self.past))
    }

    pub(super) fn client(self, server: &Arc<FakeServer>, stop: &Stop) -> Arc<Client> {
        let client = Client::new(ClientParts {
            account: account(),
            provider: Arc::new(FakeProvider {
                tokens: self.tokens,
                token_quota: self.token_quota,
            }),
            transport: Arc::new(Wire(Arc::clone(server))),
            limits: self.limits.clone().unwrap_or_else(|| self.own_limits()),
            sink: Arc::clone(&server.sink) as _,
            store: Arc::new(NoTokenStore),
            wall: server.wall.clone(),
            stop: stop.lane(),
            attempts: NonZeroU32::new(self.attempts).unwrap(),
            seed: self.seed,
        });
        Arc::new(client)
    }

    /// Runs tasks with ids 1 to `rows` and `action`, to the lane's end.
    pub(super) async fn run(self, server: &Arc<FakeServer>, action: Action, rows: u64) -> LaneEnd {
        let lane = self.lane_for([(action, rows)], server, &Stop::default());
        lane.run(tasks((1..=rows).map(|row| task(row, action)).collect()))
            .await
    }
}

/// Keeps nothing.
#[derive(Debug)]
struct NoTokenStore;

impl TokenStore for NoTokenStore {
    fn load(&self, _: &str) -> Option<KeptToken> {
        None
    }

    fn keep(&self, _: &str, _: &KeptToken) {}
}

pub(super) fn account() -> AccountName {
    AccountName::new("acme")
}

pub(super) fn task(row: u64, action: Action) -> Task {
    Task {
        position: Position { row, line: row + 1 },
        account: account(),
        action,
        id: UserId::new(row.to_string()),
        reference: None,
        steps_done: 0,
        left_open: LeftOpen::Nothing,
        again: false,
        shares_user: false,
        soft_deleted: false,
    }
}

/// All of `tasks` as one part.
pub(super) fn tasks(tasks: Vec<Task>) -> Vec<TaskSource> {
    vec![part(tasks)]
}

/// `tasks` with a part for each action. Each must be about a user of its own.
pub(super) fn parts(tasks: &[Task]) -> Vec<TaskSource> {
    let of = |action| tasks.iter().filter(move |task| task.action == action);
    let parts = Action::ALL.map(|action| of(action).cloned().collect::<Vec<_>>());
    let parts = parts.into_iter().filter(|tasks| !tasks.is_empty());
    parts.map(part).collect()
}

fn part(tasks: Vec<Task>) -> TaskSource {
    let (tx, rx) = mpsc::channel(tasks.len().max(1));
    for task in tasks {
        tx.try_send(Ok(task)).unwrap();
    }
    rx
}

fn to_verify(rows: Vec<ToVerify>) -> ToVerifySource {
    let (tx, rx) = mpsc::channel(rows.len().max(1));
    for row in rows {
        tx.try_send(Ok(row)).unwrap();
    }
    rx
}
