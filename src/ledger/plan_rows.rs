//! The rows that a ledger's plan holds: their numbers in memory, the rest of them on disk.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use roaring::RoaringTreemap;

use super::disk::open_to_read;
use super::error::LedgerError;
use super::reader::{Link, changed, decode, line_at};
use super::state::LedgerState;
use crate::domain::{
    AccountName, AccountPlan, Action, Entry, PlannedRow, PlannedRows, Task, UserId,
};

/// Rows of an account by their actions.
pub type Queues = BTreeMap<Action, RoaringTreemap>;

/// Lines with rows of the plan, and from which to which row each goes.
type Blocks = Vec<(Link, RangeInclusive<u64>)>;

/// The plan's rows to send: bitmaps of their numbers, and where their blocks lie.
#[derive(Debug, Clone, Default)]
pub(super) struct PlanIndex {
    /// By account and action: the numbers of the rows.
    pub(super) rows: BTreeMap<(AccountName, Action), RoaringTreemap>,
    /// By account and action: where they lie.
    blocks: BTreeMap<(AccountName, Action), Blocks>,
    /// All rows that stand in any block, taken out since or not.
    seen: RoaringTreemap,
    /// Where the last block of each row begins that stands in more than one.
    moved: BTreeMap<u64, u64>,
}

impl PlanIndex {
    /// Takes a block whose line is at `link`.
    pub(super) fn plan(&mut self, link: &Link, block: &PlannedRows) {
        let numbers = || block.rows.iter().map(|row| row.position.row);
        let (Some(first), Some(last)) = (numbers().min(), numbers().max()) else {
            return;
        };
        for row in numbers() {
            if !self.seen.insert(row) {
                self.unplan(row);
                self.moved.insert(row, link.byte);
            }
        }
        let key = (block.account.clone(), block.action);
        let rows = self.rows.entry(key.clone()).or_default();
        rows.extend(numbers());
        let blocks = self.blocks.entry(key).or_default();
        blocks.push((*link, first..=last));
    }

    /// Takes a row out of the plan: it will not be sent.
    pub(super) fn unplan(&mut self, row: u64) {
        for rows in self.rows.values_mut() {
            rows.remove(row);
        }
    }

    pub(super) fn all(&self) -> RoaringTreemap {
        let mut all = RoaringTreemap::new();
        for rows in self.rows.values() {
            all |= rows;
        }
        all
    }
}

impl LedgerState {
    /// The rows of the plan that are `wanted`, by account and action.
    pub fn queues_of(&self, wanted: &RoaringTreemap) -> BTreeMap<AccountName, Queues> {
        let mut queues: BTreeMap<AccountName, Queues> = BTreeMap::new();
        for (account, action, rows) in self.planned_rows() {
            let rows = rows & wanted;
            if !rows.is_empty() {
                let own = queues.entry(account.clone()).or_default();
                own.insert(action, rows);
            }
        }
        queues
    }

    /// What lies before `account`, of which the rows of `queues` are sent. Rows that are not sent at all
    /// count as ended if somebody has to look at them, as they do when the run is over.
    pub fn ahead(&self, account: &AccountName, queues: &Queues) -> AccountPlan {
        let rows = queues.values();
        let rows = rows.fold(RoaringTreemap::new(), |all, rows| all | rows);
        let mut ended = self
            .account_counts()
            .remove(account)
            .unwrap_or_default()
            .sums();
        for row in &(&rows - &self.outstanding()) {
            if let Some(counted) = self.counted(row) {
                *ended.slot(counted) -= 1;
            }
        }
        AccountPlan {
            ended: ended.good + ended.bad,
            bad: ended.bad,
            soft_deleted: (&self.half_done - &self.ended).intersection_len(&rows),
            ..AccountPlan::untimed(account.clone(), rows.len())
        }
    }

    /// Shows the rows of `queues` to `see`, read block by block.
    pub fn each_task(
        &self,
        account: &AccountName,
        queues: &Queues,
        mut see: impl FnMut(Task),
    ) -> Result<(), LedgerError> {
        for (action, rows) in queues {
            let mut rows = PlanRows::open(self, account.clone(), *action, rows)?;
            // Bounded by the rows of the queue.
            loop {
                let tasks = rows.next_block(self)?;
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
    pub fn deleted_before(
        &self,
        account: &AccountName,
        queues: &Queues,
    ) -> Result<HashMap<UserId, u64>, LedgerError> {
        let planned = self.planned_rows().filter(|(name, ..)| *name == account);
        let planned: Queues = planned
            .map(|(_, action, rows)| (action, rows.clone()))
            .collect();
        let mut deleted = HashMap::new();
        if planned.len() < 2 || self.sessions.is_empty() {
            return Ok(deleted);
        }
        self.each_task(account, queues, |task| {
            if task.again {
                deleted.insert(task.id, u64::MAX);
            }
        })?;
        if !deleted.is_empty() {
            self.each_task(account, &planned, |task| {
                if task.soft_deleted
                    && let Some(row) = deleted.get_mut(&task.id)
                {
                    *row = task.position.row.min(*row);
                }
            })?;
        }
        Ok(deleted)
    }

    /// The number of a row about a user whom another of these accounts has as well. The two turned
    /// out to be at one tenant: no order is kept between them.
    pub fn shared_user(
        &self,
        accounts: &[(&AccountName, &Queues)],
    ) -> Result<Option<u64>, LedgerError> {
        let mut owners: HashMap<UserId, &AccountName> = HashMap::new();
        let mut shared = None;
        for (account, queues) in accounts {
            self.each_task(account, queues, |task| {
                if *owners.entry(task.id).or_insert(account) != *account {
                    shared.get_or_insert(task.position.row);
                }
            })?;
        }
        Ok(shared)
    }
}

/// Reads rows of one account and action from a ledger's plan, block by block.
#[derive(Debug)]
pub struct PlanRows {
    path: PathBuf,
    file: BufReader<File>,
    account: AccountName,
    action: Action,
    /// The rows that were not given yet.
    left: RoaringTreemap,
    blocks: std::vec::IntoIter<(Link, RangeInclusive<u64>)>,
}

impl PlanRows {
    /// The rows of `account` and `action` among `rows`, in the order of their blocks in `state`'s ledger.
    pub fn open(
        state: &LedgerState,
        account: AccountName,
        action: Action,
        rows: &RoaringTreemap,
    ) -> Result<Self, LedgerError> {
        let file = open_to_read(&state.path)?;
        let key = (account, action);
        let left = state.plan.rows.get(&key).map(|planned| planned & rows);
        let blocks = state.plan.blocks.get(&key).cloned().unwrap_or_default();
        Ok(Self {
            path: state.path.clone(),
            // No larger than a block, so that a block at another place costs no more than itself.
            file: BufReader::new(file),
            account: key.0,
            action,
            left: left.unwrap_or_default(),
            blocks: blocks.into_iter(),
        })
    }

    /// The rows of the next block with any, and what earlier processes did; none: all were given.
    pub fn next_block(&mut self, state: &LedgerState) -> Result<Vec<Task>, LedgerError> {
        while !self.left.is_empty() {
            let tasks = match self.blocks.next() {
                Some((link, rows)) => self.tasks(&link, rows, state),
                None => Err(changed()),
            };
            match tasks {
                Ok(tasks) if tasks.is_empty() => {}
                Ok(tasks) => return Ok(tasks),
                Err(source) => {
                    self.left.clear();
                    return Err(LedgerError::io("read", &self.path, source));
                }
            }
        }
        Ok(Vec::new())
    }

    /// The rows of the block at `link` that were not given yet; all of its rows are among `within`.
    fn tasks(
        &mut self,
        link: &Link,
        within: RangeInclusive<u64>,
        state: &LedgerState,
    ) -> io::Result<Vec<Task>> {
        if self.left.range_cardinality(within) == 0 {
            return Ok(Vec::new());
        }
        let Entry::Plan(PlannedRows { mut rows, .. }) = self.entry_at(link)? else {
            return Err(changed());
        };
        let moved = &state.plan.moved;
        rows.retain(|row| {
            let number = row.position.row;
            let last = moved.get(&number);
            last.is_none_or(|byte| *byte == link.byte) && self.left.remove(number)
        });
        let task = |row| self.task(row, state);
        Ok(rows.into_iter().map(task).collect())
    }

    /// The last step counts as open until the row has an outcome: a request too few is not safe.
    fn task(&self, row: PlannedRow, state: &LedgerState) -> Task {
        let number = row.position.row;
        let last_step = self.action.steps().len().saturating_sub(1);
        Task {
            position: row.position,
            account: self.account.clone(),
            action: self.action,
            id: row.id,
            reference: row.reference,
            steps_done: state.steps_done(number).min(last_step),
            left_open: state.left_open(number),
            again: row.again,
            soft_deleted: state.has_deleted(number),
        }
    }

    /// The entry at `link`, if it is still the one that stood there when the state was read.
    fn entry_at(&mut self, link: &Link) -> io::Result<Entry> {
        let mut bytes = line_at(&mut self.file, link.byte)?;
        match decode(link.previous, &mut bytes) {
            Ok((entry, head)) if head == link.head => Ok(entry),
            _ => Err(changed()),
        }
    }
}
