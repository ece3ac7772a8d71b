//! A lane's way through its tasks: read in batches, asked about their roles, and put together where
//! one request carries many. It sends nothing itself but the question who is protected.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::{Stream, StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use super::error::ClientError;
use super::lane::{Halt, Lane, TaskSource};
use super::sink::Durability;
use super::task::outcome_entry;
use super::tokens::own;
use super::users::Place;
use crate::domain::{Entry, LeftOpen, Outcome, OutcomeEntry, StopKind, Task, UserId};
use crate::provider::Roles;

/// What is sent together.
pub(super) enum Unit<'l> {
    /// A row of its own, and its place among those of its user.
    Row(Task, Place<'l>, Room),
    /// The same, whose turn it is already.
    Entered(Entered<'l>),
    /// Rows that one request carries.
    Bulk(Vec<Entered<'l>>),
}

/// A row that has the first place of its user.
pub(super) struct Entered<'l> {
    pub(super) task: Task,
    pub(super) user: Place<'l>,
    pub(super) room: Room,
}

/// Room for rows, held until they have ended.
pub(super) struct Room(Option<OwnedSemaphorePermit>);

impl Room {
    /// Takes the room for `count` of them.
    fn split(&mut self, count: usize) -> Self {
        Self(self.0.as_mut().and_then(|room| room.split(count)))
    }
}

/// Where a lane is in its tasks.
struct Reading<'l> {
    tasks: TaskSource,
    /// Rows that one request may carry, until there are enough of them.
    gathered: Vec<Entered<'l>>,
    /// How many rows of the canary are still to come.
    canary: u64,
}

impl Lane {
    /// The tasks that may be sent, as they are sent: read in batches, those of a protected role
    /// ended at once, those that one request can carry gathered.
    pub(super) fn admitted(&self, tasks: TaskSource) -> impl Stream<Item = Result<Unit<'_>, Halt>> {
        let stopping = self.client.stop.admitting.clone().cancelled_owned();
        let reading = Reading {
            tasks,
            gathered: Vec::new(),
            canary: self.options.canary.map_or(0, NonZeroU64::get),
        };
        stream::unfold(reading, move |mut reading| async move {
            let units = self.units(&mut reading).await;
            (!units.is_empty()).then_some((stream::iter(units), reading))
        })
        .flatten()
        .then(|task| async {
            if task.is_ok() {
                self.canary.let_in().await;
            }
            task
        })
        .take_until(stopping)
    }

    /// What is sent next; empty: nothing is left.
    async fn units<'l>(&'l self, reading: &mut Reading<'l>) -> Vec<Result<Unit<'l>, Halt>> {
        let batch_max = self.client.provider.roles().map_or(1, Roles::users_max);
        loop {
            let mut tasks = Vec::with_capacity(batch_max);
            let mut broken = None;
            let mut room = self.room(batch_max).await;
            while tasks.len() < batch_max && broken.is_none() {
                match reading.tasks.recv().await {
                    Some(Ok(task)) => tasks.push(task),
                    Some(Err(error)) => broken = Some(Err(Halt::Input(error))),
                    None => break,
                }
            }
            let over = tasks.len() < batch_max;
            let ended = tasks.is_empty() && broken.is_none();
            self.exhausted.fetch_or(ended, Ordering::Relaxed);
            let mut units = Vec::new();
            match self.without_protected(tasks).await {
                Ok((tasks, standing)) => {
                    for task in tasks {
                        let room = room.split(1);
                        if let Some(user) = self.gatherable(reading, &task, &standing) {
                            reading.gathered.push(Entered { task, user, room });
                        } else {
                            let place = self.users.place(&task.id);
                            units.push(Ok(Unit::Row(task, place, room)));
                        }
                    }
                }
                Err(halt) => units.push(Err(halt)),
            }
            units.extend(self.gathered(reading, over).map(Ok));
            units.extend(broken);
            if over || !units.is_empty() {
                return units;
            }
        }
    }

    /// Room for `count` more rows.
    async fn room(&self, count: usize) -> Room {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // The semaphore lives as long as the lane and is never closed.
        Room(Arc::clone(&self.rows).acquire_many_owned(count).await.ok())
    }

    /// The first place of the task's user, if it is free and the task can go with others in one
    /// request. Those of the canary go one by one.
    fn gatherable(
        &self,
        reading: &mut Reading<'_>,
        task: &Task,
        standing: &HashSet<UserId>,
    ) -> Option<Place<'_>> {
        if reading.canary > 0 {
            reading.canary -= 1;
            return None;
        }
        let bulk = self.client.provider.bulk()?;
        let step = task.action.steps().get(task.steps_done)?;
        let fit = bulk.takes(*step)
            && standing.contains(&task.id)
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
                    units.extend(rest.into_iter().map(Unit::Entered));
                }
            }
        }
        units.into_iter()
    }

    /// Asks the roles of a batch and ends the rows of those who are protected. Returns the rest,
    /// and who of them was listed as standing.
    async fn without_protected(
        &self,
        mut tasks: Vec<Task>,
    ) -> Result<(Vec<Task>, HashSet<UserId>), Halt> {
        let Some(roles) = self.client.provider.roles() else {
            return Ok((tasks, HashSet::new()));
        };
        // Of a row in a job that an earlier process began it was asked before.
        let asked = |task: &Task| {
            let next = task.action.steps().get(task.steps_done);
            !matches!(task.left_open, LeftOpen::Job(_))
                && next.is_some_and(|step| roles.asked_before(*step))
        };
        let ids: Vec<UserId> = tasks
            .iter()
            .filter(|task| asked(task))
            .map(|task| task.id.clone())
            .collect();
        if ids.is_empty() {
            return Ok((tasks, HashSet::new()));
        }
        let listed = match self.client.listed(roles, &ids).await {
            Ok(listed) => listed,
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
        for user in &listed {
            let Some(role) = user.protected.as_ref().filter(|role| !self.includes(role)) else {
                continue;
            };
            for task in tasks
                .iter()
                .filter(|task| task.id == user.id && asked(task))
            {
                let detail = own("protected_role", format!("this user's role is {role}"));
                let entry = OutcomeEntry {
                    code: detail.code,
                    message: detail.message,
                    ..outcome_entry(task, Outcome::Protected, self.client.now())
                };
                let entry = Entry::Outcome(entry);
                self.client
                    .record(entry, Durability::Queued)
                    .await
                    .map_err(Halt::Sink)?;
            }
            tasks.retain(|task| task.id != user.id || !asked(task));
        }
        Ok((tasks, listed.into_iter().map(|user| user.id).collect()))
    }

    /// Whether users of `role` may be deleted all the same.
    fn includes(&self, role: &str) -> bool {
        let mut included = self.options.include_roles.iter();
        included.any(|included| included.eq_ignore_ascii_case(role))
    }
}
