//! The rows of a ledger's plan as tasks for the lanes, read block by block on threads of their own.
//!
//! Each action of an account has a source of its own, so that rows which wait for one endpoint's
//! quota keep no others from theirs. Users with rows of several actions have one source together, in
//! the order of the file. A row that the caller's identity spares ends here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::executor::block_on;
use roaring::RoaringTreemap;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Failure;
use super::recorder::Recorder;
use crate::domain::{
    AccountName, Action, Entry, Outcome, OutcomeEntry, PlannedRows, Task, UserId, WallClock,
};
use crate::lane::{Queue, SourceError};
use crate::ledger::{LedgerError, LedgerState, PlanRows};
use crate::plan::CallerRule;
use crate::run::{Channels, Durability, EventSink as _};

/// Tasks that are read ahead of a lane.
const READ_AHEAD_MAX: usize = 2 * PlannedRows::MAX;

/// The rows of an account by their actions.
pub(super) type Queues = BTreeMap<Action, RoaringTreemap>;

/// Feeds the lane of one account.
pub(super) struct Feed {
    pub(super) state: Arc<LedgerState>,
    pub(super) account: AccountName,
    /// Ends rows that the caller's identity spares.
    pub(super) rule: CallerRule,
    pub(super) recorder: Arc<Recorder>,
}

impl Feed {
    /// Begins to fill `channels` with the rows `wanted`. Returns their queues, and the threads that fill
    /// them.
    ///
    /// # Errors
    ///
    /// The ledger cannot be read.
    pub(super) fn start(
        self,
        wanted: &Queues,
        channels: &mut Channels,
    ) -> Result<(Vec<Queue>, Vec<JoinHandle<()>>), Failure> {
        let feed = Arc::new(self);
        let shared = Arc::new(feed.shared_users(wanted)?);
        let (mut names, mut threads) = (Vec::new(), Vec::new());
        let account = feed.account.clone();
        let mut add = |name, (source, thread)| {
            channels.add_tasks(account.clone(), name, source);
            names.push(name);
            threads.push(thread);
        };
        for (action, rows) in wanted {
            let mut queue = feed.queue(*action, rows)?;
            let (feed, shared) = (Arc::clone(&feed), Arc::clone(&shared));
            add(
                Queue::Action(*action),
                spawn(move |hand| {
                    // Bounded by the rows of the queue.
                    loop {
                        let mut tasks = queue.next_block(&feed.state)?;
                        if tasks.is_empty() {
                            return Ok(());
                        }
                        tasks.retain(|task| !shared.contains(&task.id));
                        if !hand.over(feed.spare(tasks)) {
                            return Ok(());
                        }
                    }
                }),
            );
        }
        if !shared.is_empty() {
            let tasks = feed.tasks_of(&shared, wanted)?;
            add(
                Queue::Shared,
                spawn(move |hand| {
                    for task in tasks {
                        if !hand.over(feed.spare(vec![task])) {
                            break;
                        }
                    }
                    Ok(())
                }),
            );
        }
        Ok((names, threads))
    }

    /// The users with rows of several actions; there are hardly ever any.
    fn shared_users(&self, wanted: &Queues) -> Result<HashSet<UserId>, Failure> {
        let mut shared = HashSet::new();
        if wanted.len() > 1 {
            for (action, _) in self.whole_queues() {
                self.each(action, |task| {
                    if task.again {
                        shared.insert(task.id);
                    }
                })?;
            }
        }
        Ok(shared)
    }

    /// The wanted rows of `shared` users in the order of the file.
    fn tasks_of(&self, shared: &HashSet<UserId>, wanted: &Queues) -> Result<Vec<Task>, Failure> {
        let mut tasks = Vec::new();
        for (action, _) in self.whole_queues() {
            self.each(action, |task| {
                if shared.contains(&task.id) {
                    tasks.push(task);
                }
            })?;
        }
        tasks.sort_by_key(|task| task.position.row);
        // An earlier process may have deleted the user for a row that has ended.
        let mut deleted = HashSet::new();
        for task in &mut tasks {
            task.shares_user = true;
            // Its source keeps the order.
            task.again = false;
            if task.soft_deleted {
                deleted.insert(task.id.clone());
            }
            task.soft_deleted = deleted.contains(&task.id);
        }
        let is_wanted = |task: &Task| {
            let rows = wanted.get(&task.action);
            rows.is_some_and(|rows| rows.contains(task.position.row))
        };
        tasks.retain(is_wanted);
        Ok(tasks)
    }

    /// Shows all rows of `action`, ended or not.
    fn each(&self, action: Action, mut see: impl FnMut(Task)) -> Result<(), Failure> {
        let rows = self.whole_queues().find(|(it, _)| *it == action);
        let Some((_, rows)) = rows else {
            return Ok(());
        };
        let mut queue = self.queue(action, rows)?;
        // Bounded by the rows of the queue.
        loop {
            let tasks = queue.next_block(&self.state)?;
            if tasks.is_empty() {
                return Ok(());
            }
            tasks.into_iter().for_each(&mut see);
        }
    }

    fn whole_queues(&self) -> impl Iterator<Item = (Action, &RoaringTreemap)> {
        let queues = self.state.planned_rows();
        queues
            .filter(|(account, _, _)| **account == self.account)
            .map(|(_, action, rows)| (action, rows))
    }

    fn queue(&self, action: Action, rows: &RoaringTreemap) -> Result<PlanRows, Failure> {
        let rows = PlanRows::open(&self.state, self.account.clone(), action, rows);
        Ok(rows?)
    }

    /// `tasks` without those that the caller's identity spares, which end.
    fn spare(&self, tasks: Vec<Task>) -> Vec<Task> {
        if !self.rule.decides() {
            return tasks;
        }
        let keep = |task: &Task| match self.rule.end(&task.id) {
            None => true,
            Some(end) => {
                let entry = Entry::Outcome(spared(task, end));
                // If the ledger failed, the lane is told by its next entry.
                let _ = block_on(self.recorder.record(entry, Durability::Queued));
                false
            }
        };
        tasks.into_iter().filter(keep).collect()
    }
}

/// Counts the rows of `queues` that are of another organisation by what `rule` says.
pub(super) fn count_foreign(
    state: &LedgerState,
    rule: &CallerRule,
    queues: &Queues,
) -> Result<u64, LedgerError> {
    let mut count = 0;
    if rule.id_prefix.is_none() || rule.takes_foreign {
        return Ok(count);
    }
    for (action, rows) in queues {
        let mut queue = PlanRows::open(state, rule.account.clone(), *action, rows)?;
        // Bounded by the rows of the queue.
        loop {
            let tasks = queue.next_block(state)?;
            if tasks.is_empty() {
                break;
            }
            let ends = tasks.iter().filter_map(|task| rule.end(&task.id));
            count += ends.filter(|end| end.0 == Outcome::Invalid).count() as u64;
        }
    }
    Ok(count)
}

/// A user whom two accounts have who turned out to be at one tenant: no order is kept between their
/// lanes. `accounts`: those at one tenant, with their rows.
pub(super) fn shared_user(
    state: &LedgerState,
    accounts: &[(&AccountName, &Queues)],
) -> Result<Option<Task>, LedgerError> {
    let mut owners: HashMap<UserId, &AccountName> = HashMap::new();
    for (account, queues) in accounts {
        for (action, rows) in *queues {
            let mut queue = PlanRows::open(state, (*account).clone(), *action, rows)?;
            // Bounded by the rows of the queue.
            loop {
                let tasks = queue.next_block(state)?;
                if tasks.is_empty() {
                    break;
                }
                for task in tasks {
                    let owner = owners.entry(task.id.clone()).or_insert(account);
                    if *owner != *account {
                        return Ok(Some(task));
                    }
                }
            }
        }
    }
    Ok(None)
}

type Read = Result<Task, SourceError>;
type TaskSource = mpsc::Receiver<Read>;

/// Hands tasks over to a lane.
struct Hand(mpsc::Sender<Read>);

impl Hand {
    /// Hands `tasks` over as soon as there is room; `false`: the lane ended early.
    fn over(&self, tasks: Vec<Task>) -> bool {
        if tasks.is_empty() {
            return !self.0.is_closed();
        }
        let Ok(room) = block_on(self.0.reserve_many(tasks.len())) else {
            return false;
        };
        room.zip(tasks)
            .for_each(|(place, task)| place.send(Ok(task)));
        true
    }
}

fn spawn(
    read: impl FnOnce(&Hand) -> Result<(), LedgerError> + Send + 'static,
) -> (TaskSource, JoinHandle<()>) {
    let (tx, rx) = mpsc::channel(READ_AHEAD_MAX);
    let thread = tokio::task::spawn_blocking(move || {
        let hand = Hand(tx);
        if let Err(error) = read(&hand) {
            // A lane that ended early wants no error either.
            let _ = hand.0.blocking_send(Err(error.into()));
        }
    });
    (rx, thread)
}

/// The outcome of a row that the caller's identity spares.
fn spared(task: &Task, (outcome, code, reason): (Outcome, &str, String)) -> OutcomeEntry {
    OutcomeEntry {
        position: task.position,
        account: Some(task.account.clone()),
        action: Some(task.action),
        id: Some(task.id.clone()),
        reference: task.reference.clone(),
        outcome,
        status: None,
        code: Some(code.to_owned()),
        message: Some(reason),
        attempts: 0,
        settled: false,
        at: WallClock::system().now(),
        elapsed_ms: 0,
        request_id: None,
    }
}
