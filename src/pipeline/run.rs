//! All lanes of a run, side by side.

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::task::JoinSet;

use super::lane::{Lane, LaneEnd, TaskSource};
use super::stop::Stop;
use super::verify::{ToVerifySource, Verifier};
use crate::domain::AccountName;

/// How a run's lanes ended.
#[derive(Debug)]
pub struct RunOutcome {
    /// Each account's end, in no particular order.
    pub lanes: Vec<(AccountName, LaneEnd)>,
}

/// Runs all lanes to their ends. A lane that stops leaves the others alone, but a sink that failed
/// stops them all: what is not recorded must not be done.
///
/// # Panics
///
/// When a lane does.
pub async fn run(lanes: Vec<(AccountName, Lane, Vec<TaskSource>)>, stop: &Stop) -> RunOutcome {
    let lanes = lanes.into_iter();
    side_by_side(
        lanes.map(|(name, lane, parts)| (name, lane.run(parts).boxed())),
        stop,
    )
    .await
}

/// Verifies the rows of all accounts, as [`run`] runs their lanes.
///
/// # Panics
///
/// When the verification of one does.
pub async fn verify(
    accounts: Vec<(AccountName, Verifier, ToVerifySource)>,
    stop: &Stop,
) -> RunOutcome {
    let accounts = accounts.into_iter();
    side_by_side(
        accounts.map(|(name, verifier, rows)| (name, verifier.run(rows).boxed())),
        stop,
    )
    .await
}

async fn side_by_side(
    lanes: impl Iterator<Item = (AccountName, BoxFuture<'static, LaneEnd>)>,
    stop: &Stop,
) -> RunOutcome {
    let mut running = JoinSet::new();
    for (account, lane) in lanes {
        running.spawn(async move { (account, lane.await) });
    }
    let mut lanes = Vec::new();
    while let Some(joined) = running.join_next().await {
        let (account, end) = match joined {
            Ok(lane) => lane,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if matches!(end, LaneEnd::SinkFailed(_)) {
            stop.admitting.cancel();
            stop.waiting.cancel();
        }
        lanes.push((account, end));
    }
    RunOutcome { lanes }
}
