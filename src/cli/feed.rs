//! The rows of a ledger for the lanes, read block by block when a lane asks for some.
//!
//! Each action of an account has a queue of its own, so that rows which wait for one endpoint's quota
//! keep no others from theirs. A row that the caller's identity spares ends here.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use roaring::RoaringTreemap;

use super::recorder::Recorder;
use crate::domain::{
    AccountName, Action, Entry, Outcome, OutcomeEntry, Said, Task, UserId, WallClock,
};
use crate::lane::SourceError;
use crate::ledger::{GoodRows, LedgerError, LedgerState, PlanRows};
use crate::plan::CallerRule;
use crate::run::{Durability, EventSink as _, RowSource};

/// How many rows to be verified are handed over at once.
const TO_VERIFY_MAX: usize = 256;

/// The rows of an account by their actions.
pub(super) type Queues = BTreeMap<Action, RoaringTreemap>;

/// The next rows of a queue, and the ends of those that are not sent.
type Block = (Vec<Task>, Vec<OutcomeEntry>);

/// Where the rows of each queue are read from.
pub(super) type QueueSources = BTreeMap<(AccountName, Option<Action>), QueueSource>;

/// Gives lanes the rows of a ledger.
pub(super) struct Feed {
    state: LedgerState,
    recorder: Arc<Recorder>,
    sources: Mutex<QueueSources>,
}

/// Where the rows of a queue are read from.
pub(super) enum QueueSource {
    /// The plan. The rule ends rows that the caller's identity spares. The users whom this run has
    /// deleted before, softly at least, stand with the row.
    Plan(PlanRows, Arc<(CallerRule, HashMap<UserId, u64>)>),
    /// The rows that ended well.
    Good(Box<GoodRows>),
}

/// Adds the rows of an account that are to be sent to `sources`. Returns their queues.
pub(super) fn add_queues(
    sources: &mut QueueSources,
    state: &LedgerState,
    rule: CallerRule,
    queues: &Queues,
) -> Result<Vec<Option<Action>>, LedgerError> {
    let account = rule.account.clone();
    let deleted = deleted_before(state, &account, queues)?;
    let before = Arc::new((rule, deleted));
    for (action, rows) in queues {
        let rows = PlanRows::open(state, account.clone(), *action, rows)?;
        let source = QueueSource::Plan(rows, Arc::clone(&before));
        sources.insert((account.clone(), Some(*action)), source);
    }
    Ok(queues.keys().copied().map(Some).collect())
}

impl Feed {
    /// The rows of the ledger of `state` that `sources` gives.
    pub(super) fn new(state: LedgerState, recorder: &Arc<Recorder>, sources: QueueSources) -> Self {
        Self {
            state,
            recorder: Arc::clone(recorder),
            sources: Mutex::new(sources),
        }
    }

    /// Reads the next rows of a queue, and which of them end unsent.
    fn read(&self, key: &(AccountName, Option<Action>)) -> Result<Option<Block>, LedgerError> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        match sources.get_mut(key) {
            None => Ok(None),
            Some(QueueSource::Good(rows)) => {
                let some = rows.by_ref().take(TO_VERIFY_MAX);
                let some = some.collect::<Result<Vec<Task>, _>>()?;
                Ok((!some.is_empty()).then_some((some, Vec::new())))
            }
            Some(QueueSource::Plan(rows, before)) => {
                let mut tasks = rows.next_block(&self.state)?;
                if tasks.is_empty() {
                    return Ok(None);
                }
                let (rule, deleted) = before.as_ref();
                let mut spared = Vec::new();
                tasks.retain(|task| match rule.end(&task.id) {
                    None => true,
                    Some(end) => {
                        spared.push(spared_end(task, end));
                        false
                    }
                });
                for task in &mut tasks {
                    let deleted = deleted.get(&task.id);
                    task.soft_deleted |= deleted.is_some_and(|row| *row < task.position.row);
                }
                Ok(Some((tasks, spared)))
            }
        }
    }
}

impl RowSource for Feed {
    fn next_rows(
        &self,
        account: AccountName,
        action: Option<Action>,
    ) -> BoxFuture<'_, Result<Option<Vec<Task>>, SourceError>> {
        async move {
            let Some((rows, spared)) = self.read(&(account, action))? else {
                return Ok(None);
            };
            for end in spared {
                // If the ledger failed, the lane is told by its next entry.
                let entry = Entry::Outcome(end);
                let _ = self.recorder.record(entry, Durability::Queued).await;
            }
            Ok(Some(rows))
        }
        .boxed()
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feed")
    }
}

/// Shows the rows of `queues` to `see`, read block by block.
pub(super) fn each_task(
    state: &LedgerState,
    account: &AccountName,
    queues: &Queues,
    mut see: impl FnMut(Task),
) -> Result<(), LedgerError> {
    for (action, rows) in queues {
        let mut rows = PlanRows::open(state, account.clone(), *action, rows)?;
        // Bounded by the rows of the queue.
        loop {
            let tasks = rows.next_block(state)?;
            if tasks.is_empty() {
                break;
            }
            tasks.into_iter().for_each(&mut see);
        }
    }
    Ok(())
}

/// The users with a row in `queues` behind one of another action for which this run has deleted them,
/// softly at least. There are hardly ever any.
fn deleted_before(
    state: &LedgerState,
    account: &AccountName,
    queues: &Queues,
) -> Result<HashMap<UserId, u64>, LedgerError> {
    let planned = state.planned_rows().filter(|(name, ..)| *name == account);
    let planned: Queues = planned
        .map(|(_, action, rows)| (action, rows.clone()))
        .collect();
    let mut deleted = HashMap::new();
    if planned.len() < 2 || state.sessions.is_empty() {
        return Ok(deleted);
    }
    each_task(state, account, queues, |task| {
        if task.again {
            deleted.insert(task.id, u64::MAX);
        }
    })?;
    if !deleted.is_empty() {
        each_task(state, account, &planned, |task| {
            if task.soft_deleted
                && let Some(row) = deleted.get_mut(&task.id)
            {
                *row = task.position.row.min(*row);
            }
        })?;
    }
    Ok(deleted)
}

/// Counts the rows of `queues` that are of another organisation by what `rule` says.
pub(super) fn count_foreign(
    state: &LedgerState,
    rule: &CallerRule,
    queues: &Queues,
) -> Result<u64, LedgerError> {
    let mut count = 0;
    if rule.id_prefix.is_some() && !rule.takes_foreign {
        each_task(state, &rule.account, queues, |task| {
            let end = rule.end(&task.id);
            count += u64::from(end.is_some_and(|end| end.0 == Outcome::Invalid));
        })?;
    }
    Ok(count)
}

/// The number of a row about a user whom another of these accounts has as well, which turned out to be
/// at one tenant: no order is kept between them.
pub(super) fn shared_user(
    state: &LedgerState,
    accounts: &[(&AccountName, &Queues)],
) -> Result<Option<u64>, LedgerError> {
    let mut owners: HashMap<UserId, &AccountName> = HashMap::new();
    let mut shared = None;
    for (account, queues) in accounts {
        each_task(state, account, queues, |task| {
            if *owners.entry(task.id).or_insert(account) != *account {
                shared.get_or_insert(task.position.row);
            }
        })?;
    }
    Ok(shared)
}

/// The end of a row that the caller's identity spares.
fn spared_end(task: &Task, (outcome, code, reason): (Outcome, &str, String)) -> OutcomeEntry {
    OutcomeEntry {
        position: task.position,
        account: Some(task.account.clone()),
        action: Some(task.action),
        id: Some(task.id.clone()),
        reference: task.reference.clone(),
        outcome,
        said: Said::own(code, reason),
        attempts: 0,
        settled: false,
        at: WallClock::system().now(),
        elapsed_ms: 0,
        request_id: None,
    }
}
