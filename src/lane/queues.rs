//! Queues of rows: read ahead block by block, looked up in batches, gathered where one request carries
//! many, begun as far as there is room.
//!
//! An account has a queue for each action, so that rows which wait for one endpoint's quota keep no
//! others from theirs. Only a canary is taken across all queues, in the order of the file. Rows of one
//! user go one after another, in the order of the file.

use std::collections::VecDeque;
use std::sync::Arc;

use super::account::Account;
use super::lookups::{Batch, For, is_untouched, protected_by};
use super::rows::{Heard, Row, outcome_entry};
use super::{Effect, Lane, Now, SourceError};
use crate::domain::{AccountName, Action, Entry, LeftOpen, Outcome, Said, Task, UserId, bound};
use crate::provider::{LookupFor, Provider};

/// How many rows of a queue may be in hand where they wait for different things. It is more than
/// may be in flight, so that rows that wait for one endpoint's quota do not keep others from
/// theirs. It is bounded, so that memory is.
const ROWS_IN_HAND_MAX: usize = 1_024;

/// The same of a queue whose rows go many to a request. It holds as many as all jobs that may be under
/// way (30 of 100 at Zendesk). It also holds the bound above again, for those that have left theirs.
///
/// Of a purge, that is how far the soft deletions may be ahead of the permanent ones. It is an
/// hour, where those have 700 in ten minutes. More would gain nothing, as the permanent ones decide
/// when the purge is over. It would leave more users between the two when it is stopped.
const BULK_ROWS_IN_HAND_MAX: usize = 4_096;

/// How many rows are taken at a time where nobody is asked about their users.
const TAKEN_MAX: usize = 64;

/// A queue of an account's rows.
#[derive(Debug, Default)]
pub(super) struct RowQueue {
    /// The action of its rows; `None`: they ended well, and are to be verified.
    pub(super) action: Option<Action>,
    /// Rows that were read and not taken.
    pub(super) loaded: VecDeque<Task>,
    /// The number of the last row that was read.
    last_read: u64,
    /// Whether its next rows are being read.
    is_asked: bool,
    /// It has no more.
    is_over: bool,
    /// Rows that were taken and have not ended.
    pub(super) in_hand: usize,
    /// How many there may be.
    size: usize,
    /// Lookups of its rows that are not complete.
    looking: usize,
    /// Rows that one request may carry, until there are enough of them.
    pub(super) gathered: Vec<u64>,
}

impl RowQueue {
    /// A queue of which nothing was read. `begun`: how many rows may be begun.
    pub(super) fn new(action: Option<Action>, begun: usize, provider: &dyn Provider) -> Self {
        // Rows of one and the same step: as many as may be begun, a batch, and those that others may need.
        let size = if action.is_some_and(|action| action.steps().len() == 1) {
            begun + taken_max(provider) + in_hand_min(provider)
        } else {
            ROWS_IN_HAND_MAX
        };
        Self {
            action,
            size: size.min(bound(
                "rows in hand",
                in_hand_min(provider),
                ROWS_IN_HAND_MAX,
            )),
            ..Self::default()
        }
    }

    /// Whether every row was taken from it.
    pub(super) fn is_empty(&self) -> bool {
        self.is_over && self.loaded.is_empty()
    }

    /// Whether it runs low, and its next rows are to be asked for; that is noted.
    pub(super) fn runs_low(&mut self, least: usize) -> bool {
        let runs_low = !self.is_over && !self.is_asked && self.loaded.len() < least;
        self.is_asked |= runs_low;
        runs_low
    }

    /// Whether so many rows can be taken together, or no more come.
    pub(super) fn is_enough(&self, most: usize) -> bool {
        !self.loaded.is_empty() && (self.is_over || self.loaded.len() >= most)
    }
}

/// How many rows are taken at a time.
fn taken_max(provider: &dyn Provider) -> usize {
    match provider.lookup_max(LookupFor::Roles) {
        0 => bound("rows taken", 1, TAKEN_MAX),
        users_max => users_max,
    }
}

/// How many rows of a queue have to be in hand together: as many as may be gathered of all queues, for which
/// others of their users wait, and those that are taken then.
fn in_hand_min(provider: &dyn Provider) -> usize {
    let gathered = provider.bulk().map_or(0, |bulk| bulk.many().users_max);
    gathered * provider.kind().actions().len() + taken_max(provider)
}

impl Account {
    /// Takes the row that stands first in the file, over all queues.
    fn take_first(&mut self) -> Option<(usize, Task)> {
        let heads = self.queues.iter().enumerate();
        let heads = heads.filter_map(|(index, it)| Some((it.loaded.front()?.position.row, index)));
        let (_, index) = heads.min()?;
        let task = self.queues[index].loaded.pop_front()?;
        Some((index, task))
    }
}

impl Lane {
    /// The next rows of a queue were read.
    pub(super) fn rows_read(
        &mut self,
        name: &AccountName,
        action: Option<Action>,
        rows: Result<Option<Vec<Task>>, SourceError>,
        now: Now,
    ) {
        let Some(index) = self.index_of(name) else {
            return;
        };
        let account = &mut self.accounts[index];
        let mut queues = account.queues.iter_mut().chain(&mut account.verify);
        let Some(it) = queues.find(|it| it.action == action) else {
            return;
        };
        it.is_asked = false;
        let rows = rows.unwrap_or_else(|error| {
            account.broken.get_or_insert(error);
            None
        });
        it.is_over |= rows.is_none();
        for task in rows.into_iter().flatten() {
            if action.is_some() {
                it.last_read = it.last_read.max(task.position.row);
                let rows = account.users.entry(task.id.clone()).or_default();
                rows.insert(task.position.row);
            }
            it.loaded.push_back(task);
        }
        // Rows that waited until every queue was read past them. One that ends at once starts the next of its user.
        for row in account.held.clone() {
            if self.accounts[index].held.contains(&row) && self.may_begin(row) {
                self.start(row, now);
            }
        }
    }

    /// Moves rows on, as far as there is room.
    pub(super) fn feed(&mut self, now: Now) {
        for index in 0..self.accounts.len() {
            let account = &self.accounts[index];
            if !account.is_working || account.is_stopping {
                continue;
            }
            self.ask_for_rows(index);
            self.feed_verify(index, now);
            self.ask_about_jobs(index, now);
            let account = &mut self.accounts[index];
            if account.canary.left > 0 {
                self.take_canary(index, now);
            } else if account.canary.is_over() {
                for queue in 0..account.queues.len() {
                    self.take_rows(index, queue, now);
                    self.send_gathered(index, queue, now);
                }
            }
            self.begin_rows(index, now);
        }
    }

    /// Asks for the next rows of queues that run low.
    fn ask_for_rows(&mut self, account: usize) {
        let account = &mut self.accounts[account];
        let least = taken_max(account.provider.as_ref());
        for it in &mut account.queues {
            if it.runs_low(least) {
                let rows = Effect::Rows(account.name.clone(), it.action);
                self.output.push_back(rows);
            }
        }
    }

    /// Takes rows of the canary: the first of the file.
    fn take_canary(&mut self, index: usize, now: Now) {
        let account = &mut self.accounts[index];
        let is_looking = account.queues.iter().any(|it| it.looking > 0);
        // Which row stands first is known only where a row of each queue is.
        let is_known = |it: &RowQueue| it.is_over || !it.loaded.is_empty();
        if is_looking || !account.queues.iter().all(is_known) {
            return;
        }
        let in_hand: usize = account.queues.iter().map(|it| it.in_hand).sum();
        let most = bound("canary rows in hand", 1, ROWS_IN_HAND_MAX);
        let room = most.saturating_sub(in_hand);
        let left = usize::try_from(account.canary.left).unwrap_or(usize::MAX);
        let roles_max = account.provider.lookup_max(LookupFor::Roles);
        let count = roles_max.max(1).min(left).min(room);
        let mut of_queues = vec![Vec::new(); account.queues.len()];
        for _ in 0..count {
            let first = account
                .queues
                .iter()
                .all(is_known)
                .then(|| account.take_first());
            let Some((queue, task)) = first.flatten() else {
                break;
            };
            account.queues[queue].in_hand += 1;
            of_queues[queue].push(task);
        }
        if of_queues.iter().all(Vec::is_empty) {
            if room > 0 && account.queues.iter().all(RowQueue::is_empty) {
                account.canary.left = 0;
                self.stop_for_canary(index, now);
            }
            return;
        }
        for (queue, tasks) in of_queues.into_iter().enumerate() {
            if !tasks.is_empty() {
                self.look_up_rows((index, queue), tasks, true, now);
            }
        }
    }

    /// Takes rows of a queue, as far as there is room.
    fn take_rows(&mut self, index: usize, queue: usize, now: Now) {
        loop {
            let account = &mut self.accounts[index];
            let most = taken_max(account.provider.as_ref());
            let has_roles = account.provider.lookup_max(LookupFor::Roles) > 0;
            let it = &mut account.queues[queue];
            // A lookup is waited for until it is of as many as can be.
            let is_enough = it.is_enough(if has_roles { most } else { 1 });
            if !is_enough || it.in_hand + most > it.size.max(most) {
                return;
            }
            let count = it.loaded.len().min(most);
            let tasks: Vec<Task> = it.loaded.drain(..count).collect();
            it.in_hand += tasks.len();
            self.look_up_rows((index, queue), tasks, false, now);
        }
    }

    /// Looks up the users of rows before anything is done for them.
    fn look_up_rows(
        &mut self,
        (index, queue): (usize, usize),
        tasks: Vec<Task>,
        is_canary: bool,
        now: Now,
    ) {
        let provider = Arc::clone(&self.accounts[index].provider);
        self.accounts[index].queues[queue].looking += 1;
        let asked = tasks.iter().filter(|task| is_untouched(task));
        let asked = asked.map(|task| (task, 0));
        let mut batch = Batch::before_steps(index, provider.as_ref(), asked);
        batch.reason = For::Entry(queue, tasks, is_canary);
        self.look_up(batch, now);
    }

    /// The users of rows were looked up: the rows enter, but for those of protected users.
    pub(super) fn enter(
        &mut self,
        (index, queue): (usize, usize),
        tasks: Vec<Task>,
        (batch, is_canary): (&Batch, bool),
        now: Now,
    ) {
        if let Some(it) = self.accounts[index].queues.get_mut(queue) {
            it.looking -= 1;
        }
        for task in tasks {
            let row = task.position.row;
            let is_new = is_untouched(&task);
            let is_doubtful = task.left_open != LeftOpen::Nothing || task.soft_deleted;
            self.rows.insert(row, Row::new((index, queue), task));
            let protected = self.new_role(row, batch).filter(|_| is_new);
            let account = &mut self.accounts[index];
            if let Some(it) = self.rows.get_mut(&row) {
                it.is_canary = is_canary && protected.is_none();
                if it.is_canary {
                    account.canary.let_in();
                }
                if it.seen {
                    account.breaker.is_there(row, true);
                }
            }
            if let Some(role) = protected {
                match self.step_request(row).filter(|_| is_doubtful) {
                    Some(request) => self.protect(request, &role, now),
                    None => self.end_protected(row, protected_by(&role), now),
                }
            } else if self.may_begin(row) {
                self.start(row, now);
            } else {
                self.accounts[index].held.insert(row);
            }
        }
    }

    /// Ends a row whose user has a protected role, before anything was sent for it.
    pub(super) fn end_protected(&mut self, row: u64, said: Said, now: Now) {
        if let Some(it) = self.drop_row(row, now) {
            let entry = outcome_entry(&it.task, Outcome::Protected, said, now.wall);
            self.record(Entry::Outcome(entry));
        }
    }

    // --- Rows of one user ---

    /// Whether a row is the first of its user, as far as any queue may have an earlier one.
    fn may_begin(&self, row: u64) -> bool {
        let Some(it) = self.rows.get(&row) else {
            return false;
        };
        let account = &self.accounts[it.account];
        let rows = account.users.get(&it.task.id);
        let is_first = rows.is_none_or(|rows| rows.first() == Some(&row));
        let mut queues = account.queues.iter();
        let mut are_read = || queues.all(|queue| queue.is_over || queue.last_read >= row);
        is_first && (!it.task.again || are_read())
    }

    /// A row of a user has ended: the next one may go.
    pub(super) fn leave_user(&mut self, index: usize, id: &UserId, row: u64, now: Now) {
        let account = &mut self.accounts[index];
        let Some(rows) = account.users.get_mut(id) else {
            return;
        };
        // Behind a row that is in hand another may end, as its user's role protects them.
        let was_first = rows.first() == Some(&row);
        rows.remove(&row);
        let Some(next) = rows.first().copied() else {
            account.users.remove(id);
            return;
        };
        if was_first && self.may_begin(next) && !self.accounts[index].is_stopping {
            self.start(next, now);
        }
    }

    /// A row's turn has come.
    fn start(&mut self, row: u64, now: Now) {
        let Some(it) = self.rows.get(&row) else {
            return;
        };
        let (index, queue) = (it.account, it.queue);
        self.accounts[index].held.remove(&row);
        let Some(step) = it.step() else {
            return self.send_step(row, now);
        };
        match it.task.left_open.clone() {
            LeftOpen::Job(job) if self.accounts[index].provider.bulk().is_some() => {
                let jobs = &mut self.accounts[index].jobs;
                return jobs.adopt(job, [row], now.instant);
            }
            // Only users who stood went into a request for many.
            LeftOpen::Bulk if it.role.is_some() && !it.was_active() => {
                let end = self.settled(row, false, Heard::default());
                return self.end_step(row, end, now);
            }
            LeftOpen::Job(_) | LeftOpen::Bulk | LeftOpen::Nothing | LeftOpen::Request => {}
        }
        let account = &mut self.accounts[index];
        let is_active = it.was_active();
        let bulk = account.provider.bulk();
        let is_for_many = bulk.is_some_and(|bulk| bulk.many().step == step);
        if is_for_many && is_active && !it.is_canary && !account.bulk_disabled {
            let it = &mut account.queues[queue];
            // Those who are gathered first make room for all that jobs can hold.
            let least = in_hand_min(account.provider.as_ref());
            it.size = bound("bulk rows in hand", least, BULK_ROWS_IN_HAND_MAX);
            it.gathered.push(row);
        } else {
            account.ready.entry(step).or_default().push_back(row);
        }
    }

    /// Sends the gathered rows of a queue, as many requests as they fill; all of them if no more come.
    fn send_gathered(&mut self, index: usize, queue: usize, now: Now) {
        let account = &mut self.accounts[index];
        let Some(bulk) = account.provider.bulk() else {
            return;
        };
        let (least, most) = (bulk.many().users_min, bulk.many().users_max);
        let bulk_disabled = account.bulk_disabled;
        let it = &mut account.queues[queue];
        let is_last = it.is_empty() && it.looking == 0;
        let (mut full, mut alone) = (Vec::new(), Vec::new());
        while it.gathered.len() >= most && !bulk_disabled {
            full.push(it.gathered.drain(..most).collect::<Vec<_>>());
        }
        if bulk_disabled || is_last && it.gathered.len() < least.max(1) {
            alone = std::mem::take(&mut it.gathered);
        } else if is_last {
            full.push(std::mem::take(&mut it.gathered));
        }
        for rows in full {
            self.send_many(index, rows, now);
        }
        self.send_alone(index, alone);
    }

    /// Begins rows that are ready, as many of each step as may be begun.
    fn begin_rows(&mut self, index: usize, now: Now) {
        let most = self.rows_begun_max();
        let steps: Vec<_> = self.accounts[index].ready.keys().copied().collect();
        for step in steps {
            loop {
                let account = &mut self.accounts[index];
                let begun = account.begun.entry(step).or_default();
                let ready = account.ready.get_mut(&step).filter(|_| *begun < most);
                let Some(row) = ready.and_then(VecDeque::pop_front) else {
                    break;
                };
                let Some(it) = self.rows.get_mut(&row) else {
                    continue;
                };
                *begun += 1;
                it.begun = Some(step);
                self.send_step(row, now);
            }
        }
    }
}
