//! A lane's way through its tasks: read in batches, asked about their roles, and put together where
//! one request carries many. It sends nothing itself but the question who is protected.
//!
//! The tasks come in parts, whose rows wait for different limits. Each part is read at its own pace
//! and has room of its own, so that one whose rows wait for an endpoint's quota keeps no other from
//! being read. Only a canary is read across all parts, in the order of the file.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::stream::{BoxStream, select_all};
use futures::{Stream, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ClientError;
use super::lane::{Halt, Lane, TaskSource};
use super::roles::{RoleRead, RolesRead, Stood, includes, is_untouched, protected_by};
use super::sink::Durability;
use super::task::outcome_entry;
use super::users::Place;
use crate::domain::{Entry, Outcome, OutcomeEntry, Step, StopKind, Task};
use crate::provider::Roles;

/// How many rows of a part are looked after at once where they wait for different things. More than
/// the permits there are, so that rows that wait for one endpoint's quota do not keep others from
/// theirs; bounded, so that memory is.
///
/// Rows that all begin with the same step, and end with it, wait for the same: of those there are
/// only as many as may be begun, and two readings. A row takes a kilobyte while it waits, and a
/// thousand of them would be cold in the processor's cache when their turn comes.
const ROWS_UNDER_WAY_MAX: usize = 1_024;

/// The same of a part whose rows go many to a request: as many as all jobs can hold that may be
/// under way (30 of 100 at Zendesk), and again as the bound above for those that have left theirs.
///
/// Of a purge, that is how far the soft deletions may be ahead of the permanent ones: an hour, where
/// those have 700 in ten minutes. More would gain nothing, as the permanent ones decide when the
/// purge is over, and would leave more users between the two when it is stopped.
const BULK_ROWS_UNDER_WAY_MAX: usize = 4_096;

/// How many rows are read at a time where nobody is asked who they are: as many as there are by then,
/// but no more.
const READ_MAX: usize = 64;

/// What is sent together.
pub(super) enum Unit<'l> {
    /// A row of its own.
    Row(Entered<'l>),
    /// Rows that one request carries.
    Bulk(Vec<Entered<'l>>),
}

/// A row that is to be sent.
pub(super) struct Entered<'l> {
    pub(super) task: Task,
    /// Its place among the rows of its user.
    pub(super) user: Place<'l>,
    pub(super) room: Room,
    /// The role that was read of its user; `None`: none was asked.
    pub(super) role: Option<RoleRead>,
}

/// Room for rows, held until they have ended.
pub(super) struct Room(Option<OwnedSemaphorePermit>);

impl Room {
    /// Takes the room for `count` of them.
    fn split(&mut self, count: usize) -> Self {
        Self(self.0.as_mut().and_then(|room| room.split(count)))
    }
}

type Read = Option<Result<Task, Box<dyn std::error::Error + Send + Sync>>>;

/// Where a lane is in one part of its tasks.
struct Reading<'l> {
    tasks: TaskSource,
    /// What was looked at and not taken.
    next: Read,
    /// Rows that one request may carry, until there are enough of them.
    gathered: Vec<Entered<'l>>,
    /// Room for rows under way.
    room: Arc<Semaphore>,
    /// For how many rows there is room in all.
    size: usize,
    /// The step that its rows begin with, and end with; `None`: none was read.
    step: Option<Step>,
    /// More of its rows may be gathered.
    is_feeding: bool,
}

/// How far a lane's reading is.
enum Stage<'l> {
    /// Some of the canary.
    Canary(Vec<Result<Unit<'l>, Halt>>),
    /// What comes behind it.
    Parts(Vec<Reading<'l>>),
}

impl Reading<'_> {
    /// The beginning of a part, with room for `size` rows.
    fn of(tasks: TaskSource, size: usize) -> Self {
        Self {
            tasks,
            next: None,
            gathered: Vec::new(),
            room: Arc::new(Semaphore::new(size)),
            size,
            step: None,
            is_feeding: false,
        }
    }

    /// Makes room for `size` rows in all, if there is less.
    fn widen(&mut self, size: usize) {
        self.room.add_permits(size.saturating_sub(self.size));
        self.size = self.size.max(size);
    }

    /// Makes room for as many as there may be, if `task` waits for something else than those before it.
    fn make_room_for(&mut self, task: &Task) {
        let steps = task.action.steps();
        let is_like_all = match steps.get(task.steps_done..) {
            Some([step]) => *self.step.get_or_insert(*step) == *step,
            _ => false,
        };
        if !is_like_all {
            self.widen(ROWS_UNDER_WAY_MAX);
        }
    }

    async fn take(&mut self) -> Read {
        match self.next.take() {
            None => self.tasks.recv().await,
            next => next,
        }
    }

    /// Takes what is there already; `None`: nothing is, or nothing more will be.
    fn take_at_once(&mut self) -> Read {
        match self.next.take() {
            None => self.tasks.try_recv().ok(),
            next => next,
        }
    }

    /// Takes the row that stands first in the file; what cannot be read comes before all.
    async fn take_first(parts: &mut [Self]) -> Read {
        for part in parts.iter_mut() {
            part.next = part.take().await;
        }
        let row = |part: &&mut Self| match &part.next {
            Some(Ok(task)) => task.position.row,
            Some(Err(_)) => 0,
            None => u64::MAX,
        };
        parts.iter_mut().min_by_key(row)?.next.take()
    }

    /// Room for `count` more rows.
    async fn room(&self, count: usize) -> Room {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // The semaphore lives as long as the reading and is never closed.
        Room(Arc::clone(&self.room).acquire_many_owned(count).await.ok())
    }
}

impl Lane {
    /// The tasks that may be sent, as they are sent: read in batches, those of a protected role
    /// ended at once, those that one request can carry gathered.
    pub(super) fn admitted(
        &self,
        parts: Vec<TaskSource>,
    ) -> impl Stream<Item = Result<Unit<'_>, Halt>> {
        let size = self.client.rows_begun_max() + 2 * self.read_max();
        let size = size.min(ROWS_UNDER_WAY_MAX);
        let parts: Vec<_> = parts
            .into_iter()
            .map(|part| Reading::of(part, size))
            .collect();
        let canary = self.options.canary.map_or(0, NonZeroU64::get);
        stream::unfold(Some((parts, canary)), |state| async {
            let (mut parts, mut left) = state?;
            if left > 0 {
                let units = self.canary_units(&mut parts, &mut left).await;
                if !units.is_empty() {
                    return Some((Stage::Canary(units), Some((parts, left))));
                }
            }
            // Nothing of what comes behind is begun before, not even a question: it would hold
            // permits, and nobody would see to it while the canary is waited for.
            if left == 0 {
                self.unless_stopping(self.canary.over()).await?;
            }
            Some((Stage::Parts(parts), None))
        })
        .flat_map(|stage| match stage {
            Stage::Canary(units) => stream::iter(units).boxed(),
            Stage::Parts(parts) => {
                select_all(parts.into_iter().map(|part| self.part(part))).boxed()
            }
        })
        // The parts see to their questions to the end, so that each is recorded; what was read is
        // begun no more.
        .map(|unit| match unit {
            Ok(_) if self.client.stop.admitting.is_cancelled() => Err(Halt::Stopping),
            unit => unit,
        })
    }

    /// What `waited` brings; `None`: the lane is stopping.
    async fn unless_stopping<T>(&self, waited: impl Future<Output = T>) -> Option<T> {
        let stopping = &self.client.stop.admitting;
        stopping.run_until_cancelled(waited).await
    }

    /// Some of the `left` rows of the canary: the first of the file that are not protected, one by
    /// one. Empty: there are no more.
    async fn canary_units<'l>(
        &'l self,
        parts: &mut [Reading<'l>],
        left: &mut u64,
    ) -> Vec<Result<Unit<'l>, Halt>> {
        let mut units = Vec::new();
        while units.is_empty() {
            let most = usize::try_from(*left).unwrap_or(usize::MAX);
            let count = self.batch_max().min(most);
            let Some(part) = parts.first() else {
                break;
            };
            let Some(mut room) = self.unless_stopping(part.room(count)).await else {
                break;
            };
            let mut tasks = Vec::with_capacity(count);
            let mut broken = None;
            while tasks.len() < count && broken.is_none() {
                let read = self.unless_stopping(Reading::take_first(parts)).await;
                match read.flatten() {
                    Some(Ok(task)) => tasks.push(task),
                    Some(Err(error)) => broken = Some(Err(Halt::Input(error))),
                    None => break,
                }
            }
            let is_over = tasks.len() < count;
            match self.without_protected(tasks).await {
                Ok((tasks, read)) => {
                    let count = tasks.len() as u64;
                    self.canary.let_in(count);
                    *left = left.saturating_sub(count);
                    units.extend(tasks.into_iter().map(|task| {
                        Ok(Unit::Row(Entered {
                            user: self.users.place(&task.id),
                            room: room.split(1),
                            role: read.get(&task.id).map(|(role, _)| *role),
                            task,
                        }))
                    }));
                }
                Err(halt) => units.push(Err(halt)),
            }
            units.extend(broken);
            if is_over {
                break;
            }
        }
        units
    }

    /// How many rows of a part are read at a time.
    fn read_max(&self) -> usize {
        let roles = self.client.provider.roles();
        roles.map_or(READ_MAX, Roles::users_max)
    }

    /// How many rows of the canary are read at a time.
    fn batch_max(&self) -> usize {
        self.client.provider.roles().map_or(1, Roles::users_max)
    }

    /// What a part sends.
    fn part<'l>(&'l self, part: Reading<'l>) -> BoxStream<'l, Result<Unit<'l>, Halt>> {
        stream::unfold(part, |mut part| async {
            let units = self.units(&mut part).await;
            (!units.is_empty()).then_some((stream::iter(units), part))
        })
        .flatten()
        .boxed()
    }

    /// What a part sends next; empty: nothing of it is left, or the lane is stopping.
    async fn units<'l>(&'l self, reading: &mut Reading<'l>) -> Vec<Result<Unit<'l>, Halt>> {
        let roles = self.client.provider.roles();
        let batch_max = self.read_max();
        loop {
            let mut tasks = Vec::with_capacity(batch_max);
            let mut broken = None;
            let mut over = false;
            let Some(mut room) = self.unless_stopping(reading.room(batch_max)).await else {
                return Vec::new();
            };
            while tasks.len() < batch_max && broken.is_none() {
                // A question is waited for until it is about as many as can be; where none is asked,
                // no row waits for another.
                let read = if roles.is_some() || tasks.is_empty() {
                    let Some(read) = self.unless_stopping(reading.take()).await else {
                        return Vec::new();
                    };
                    over = read.is_none();
                    read
                } else {
                    reading.take_at_once()
                };
                match read {
                    Some(Ok(task)) => {
                        reading.make_room_for(&task);
                        tasks.push(task);
                    }
                    Some(Err(error)) => {
                        broken = Some(Err(Halt::Input(error)));
                        over = true;
                    }
                    None => break,
                }
            }
            let mut units = Vec::new();
            match self.without_protected(tasks).await {
                Ok((tasks, read)) => {
                    for task in tasks {
                        let room = room.split(1);
                        let role = read.get(&task.id).map(|(role, _)| *role);
                        let first = self.gatherable(&task, role);
                        let is_gathered = first.is_some();
                        let row = Entered {
                            user: first.unwrap_or_else(|| self.users.place(&task.id)),
                            task,
                            room,
                            role,
                        };
                        if is_gathered {
                            reading.gathered.push(row);
                        } else {
                            units.push(Ok(Unit::Row(row)));
                        }
                    }
                }
                Err(halt) => units.push(Err(halt)),
            }
            // Those who were gathered first make room for all that jobs can hold.
            if reading.size < BULK_ROWS_UNDER_WAY_MAX && !reading.gathered.is_empty() {
                reading.widen(BULK_ROWS_UNDER_WAY_MAX);
                reading.is_feeding = true;
                self.client.jobs.feeding(true);
            }
            units.extend(self.gathered(reading, over).map(Ok));
            units.extend(broken);
            if over && std::mem::take(&mut reading.is_feeding) {
                self.client.jobs.feeding(false);
            }
            if over && units.is_empty() {
                self.parts_left.fetch_sub(1, Ordering::Relaxed);
            }
            if over || !units.is_empty() {
                return units;
            }
        }
    }

    /// The first place of the task's user, if it is free and the task can go with others in one
    /// request.
    fn gatherable(&self, task: &Task, role: Option<RoleRead>) -> Option<Place<'_>> {
        let bulk = self.client.provider.bulk()?;
        let step = task.action.steps().get(task.steps_done)?;
        let fit = bulk.takes(*step)
            && role.is_some_and(|role| role.stood == Stood::Active)
            && !self.one_by_one.load(Ordering::Relaxed);
        fit.then(|| self.users.first_place(&task.id)).flatten()
    }

    /// The gathered rows, as many requests as they fill; all of them if no more will come.
    fn gathered<'l>(
        &self,
        reading: &mut Reading<'l>,
        over: bool,
    ) -> impl Iterator<Item = Unit<'l>> + use<'l> {
        let mut units = Vec::new();
        if let Some(bulk) = self.client.provider.bulk() {
            let (least, most) = (bulk.users_min(), bulk.users_max());
            while reading.gathered.len() >= most {
                units.push(Unit::Bulk(reading.gathered.drain(..most).collect()));
            }
            if over {
                let rest = std::mem::take(&mut reading.gathered);
                if rest.len() >= least {
                    units.push(Unit::Bulk(rest));
                } else {
                    units.extend(rest.into_iter().map(Unit::Row));
                }
            }
        }
        units.into_iter()
    }

    /// Asks the roles of a batch and ends the rows of those who are protected. Returns the rest,
    /// and what was read of them.
    pub(super) async fn without_protected(
        &self,
        tasks: Vec<Task>,
    ) -> Result<(Vec<Task>, RolesRead), Halt> {
        let Some(roles) = self.client.provider.roles() else {
            return Ok((tasks, RolesRead::new()));
        };
        let untouched = tasks.iter().filter(|task| is_untouched(task));
        let read = match self.client.read_roles(roles, untouched).await {
            Ok(read) => read,
            Err(ClientError::Passing { status, detail, .. }) => {
                // Deleting an administrator cannot be mended; not asking is no way out.
                let reason = StopKind::RolesUnknown;
                self.stop(ClientError::Account {
                    reason,
                    status,
                    detail,
                })
                .await?;
                return Err(Halt::Stopping);
            }
            Err(other) => {
                self.stop(other).await?;
                return Err(Halt::Stopping);
            }
        };
        let included = &self.options.include_roles;
        let mut rest = Vec::with_capacity(tasks.len());
        for task in tasks {
            let role = read.get(&task.id).and_then(|(_, role)| role.as_ref());
            let keeps = |role: &&String| is_untouched(&task) && !includes(included, role);
            let Some(role) = role.filter(keeps) else {
                rest.push(task);
                continue;
            };
            let detail = protected_by(role);
            let entry = OutcomeEntry {
                code: detail.code,
                message: detail.message,
                ..outcome_entry(&task, Outcome::Protected, self.client.now())
            };
            self.client
                .record(Entry::Outcome(entry), Durability::Queued)
                .await
                .map_err(Halt::Sink)?;
        }
        Ok((rest, read))
    }
}
