//! The rows of a ledger for the lanes, read block by block when a lane asks for some. Each action of an
//! account has a queue of its own. A row that the caller's identity spares ends here.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::recorder::{Recorder, locked};
use crate::domain::{AccountName, Action, Entry, Outcome, OutcomeEntry, Said, Task, Time, UserId};
use crate::lane::{SourceError, outcome_entry};
use crate::ledger::{LedgerError, LedgerState, PlanRows, Queues};
use crate::plan::CallerRule;
use crate::run::{Durability, EventSink as _, RowSource};

/// The next rows of a queue, and the ends of those that are not sent.
type Block = (Vec<Task>, Vec<OutcomeEntry>);

/// Where the rows of each queue are read from.
pub(super) type QueueSources = BTreeMap<(AccountName, Option<Action>), QueueSource>;

/// Gives lanes the rows of a ledger.
#[derive(Debug)]
pub(super) struct Feed {
    state: LedgerState,
    recorder: Arc<Recorder>,
    sources: Mutex<QueueSources>,
}

/// Where the rows of a queue are read from.
#[derive(Debug)]
pub(super) enum QueueSource {
    /// The plan. The rule ends rows that the caller's identity spares. The users whom this run has
    /// deleted before, softly at least, stand with the row.
    Plan(PlanRows, Arc<(CallerRule, HashMap<UserId, u64>)>),
    /// Those of the plan that ended well, by their actions.
    Good(Vec<PlanRows>),
}

/// Adds the rows of an account that are to be sent to `sources`. Returns their queues.
pub(super) fn add_queues(
    sources: &mut QueueSources,
    state: &LedgerState,
    rule: CallerRule,
    queues: &Queues,
) -> Result<Vec<Option<Action>>, LedgerError> {
    let account = rule.account.clone();
    let deleted = state.deleted_before(&account, queues)?;
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
        let mut sources = locked(&self.sources);
        match sources.get_mut(key) {
            None => Ok(None),
            Some(QueueSource::Good(of_actions)) => {
                let mut tasks = Vec::new();
                while let (true, Some(rows)) = (tasks.is_empty(), of_actions.last_mut()) {
                    tasks = rows.next_block(&self.state)?;
                    if tasks.is_empty() {
                        of_actions.pop();
                    }
                }
                // How they stand is asked of all alike, whatever was done to them.
                let alike = |it: Task| Task::new(it.position, it.account, it.action, it.id);
                let tasks: Vec<_> = tasks.into_iter().map(alike).collect();
                Ok((!tasks.is_empty()).then_some((tasks, Vec::new())))
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
                    Some((outcome, code, reason)) => {
                        let (said, now) = (Said::own(code, reason), Time::now());
                        spared.push(outcome_entry(task, outcome, said, now));
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

/// Counts the rows of `queues` that are of another organisation by what `rule` says.
pub(super) fn count_foreign(
    state: &LedgerState,
    rule: &CallerRule,
    queues: &Queues,
) -> Result<u64, LedgerError> {
    let mut count = 0;
    if rule.id_prefix.is_some() && !rule.takes_foreign {
        state.each_task(&rule.account, queues, |task| {
            let end = rule.end(&task.id);
            count += u64::from(end.is_some_and(|end| end.0 == Outcome::Invalid));
        })?;
    }
    Ok(count)
}
