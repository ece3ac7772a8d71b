//! Lookups of many users: who stands, and of which role. Asked before anything is done to them, again
//! just before a request that had to wait, and after a job that said nothing clear.
//!
//! Whoever has a protected role is not deleted, and a role is believed for a minute. How a user stood
//! says later what a request can have done whose answer never came: nobody is deleted who was not there.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::questions::{Answer, QuestionId};
use super::requests::{Class, Purpose, RequestId, Stage, Told};
use super::tokens::own;
use super::{Lane, Now, RequestError};
use crate::domain::{LeftOpen, StopKind, Task, Time, UserId, UserState};
use crate::provider::{Detail, LookupFor, Provider};

/// How long a role is believed; longer where the account's quota lets no two requests leave in that
/// time.
const BELIEVED: Duration = Duration::from_mins(1);

/// So often in a row a role is read again for a request that then waits for longer than it is
/// believed. After that the account stops.
const READ_AGAIN_MAX: u32 = 10;

/// Tells a lookup from all others of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BatchId(u64);

/// What a lookup is for.
#[derive(Debug)]
pub(super) enum For {
    /// Rows of a queue, before anything is done for them. Whether they are the canary's.
    Entry(usize, Vec<Task>, bool),
    /// Requests that are about to leave.
    Leaving(Vec<RequestId>),
    /// Rows that a request for many carried, and what a job says of each.
    Unclear(Vec<(u64, Option<Detail>)>),
    /// A person, about these users.
    Question(QuestionId, Vec<UserId>),
}

/// A lookup of many users, in one request or several.
#[derive(Debug)]
pub(super) struct Batch {
    account: usize,
    reason: For,
    /// Who is asked about in the largest reads there are.
    together: Vec<UserId>,
    /// Who is asked about alone where those do not list them.
    alone: Vec<UserId>,
    /// Requests that are not answered.
    open: usize,
    /// How each user stood, and when that was answered: another answer of the lookup may come minutes
    /// later.
    seen: HashMap<UserId, (UserState, Now)>,
}

/// How a user stood when their role was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stood {
    /// Not deleted.
    Active,
    /// Softly deleted.
    SoftDeleted,
    /// Neither, as far as was asked.
    Nowhere,
}

/// That a user's role was read: when, and how they stood.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoleRead {
    pub(super) stood: Stood,
    at: Instant,
    /// The same on the wall clock, which goes on while a machine sleeps.
    wall: Time,
}

impl RoleRead {
    pub(super) const fn new(stood: Stood, now: Now) -> Self {
        let (at, wall) = (now.instant, now.wall);
        Self { stood, at, wall }
    }
}

/// Why a user of `role` is not deleted.
pub(super) fn protected_by(role: &str) -> Detail {
    own("protected_role", format!("this user's role is {role}"))
}

/// Whether nothing was done for the row yet. Of one whose first step is done, or in a job that an
/// earlier process began, the role was asked before.
pub(super) fn is_untouched(task: &Task) -> bool {
    task.steps_done == 0 && !matches!(task.left_open, LeftOpen::Job(_))
}

/// Whether an earlier process found the user of a row deleted before its first step.
pub(super) fn is_others(task: &Task) -> bool {
    task.steps_done > 0 && !task.soft_deleted && !matches!(task.left_open, LeftOpen::Job(_))
}

impl Batch {
    pub(super) fn new(
        account: usize,
        reason: For,
        together: Vec<UserId>,
        alone: Vec<UserId>,
    ) -> Self {
        Self {
            account,
            reason,
            together,
            alone,
            open: 0,
            seen: HashMap::new(),
        }
    }

    /// A lookup of the users of `tasks` before their steps.
    pub(super) fn before_steps<'t>(
        account: usize,
        reason: For,
        provider: &dyn Provider,
        tasks: impl Iterator<Item = &'t Task>,
    ) -> Self {
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for task in tasks {
            let mut lookups = task
                .action
                .steps()
                .iter()
                .map(|it| provider.lookup_before(*it));
            if lookups.clone().next() == Some(Some(LookupFor::Roles)) {
                together.push(task.id.clone());
            }
            if lookups.any(|lookup| lookup == Some(LookupFor::SoftDeletedRoles)) {
                alone.push(task.id.clone());
            }
        }
        Self::new(account, reason, together, alone)
    }

    pub(super) fn set_reason(&mut self, reason: For) {
        self.reason = reason;
    }

    /// How a user stood, and of which protected role they are.
    pub(super) fn of(&self, id: &UserId) -> (Stood, Option<&str>) {
        let state = self.seen.get(id).map(|(state, _)| state);
        let stood = match state {
            Some(UserState::Active { .. }) => Stood::Active,
            Some(UserState::SoftDeleted { .. }) => Stood::SoftDeleted,
            Some(_) | None => Stood::Nowhere,
        };
        (stood, state.and_then(UserState::role))
    }

    /// Whether a user is active; `None`: no answer tells.
    pub(super) fn is_active(&self, id: &UserId) -> Option<bool> {
        let (state, _) = self.seen.get(id)?;
        Some(matches!(state, UserState::Active { .. }))
    }

    /// How a user stood, as a row keeps it; `None`: the user was not asked about.
    pub(super) fn role_of(&self, id: &UserId) -> Option<RoleRead> {
        let (_, told) = self.seen.get(id)?;
        Some(RoleRead::new(self.of(id).0, *told))
    }
}

impl Lane {
    /// Begins a lookup.
    pub(super) fn look_up(&mut self, batch: Batch, now: Now) {
        self.last_batch += 1;
        let id = BatchId(self.last_batch);
        let place = batch.account;
        let users_max = self.accounts[place].provider.lookup_max(LookupFor::Roles);
        let together = batch.together.chunks(users_max.max(1)).map(<[_]>::to_vec);
        // A provider that has no such lookup is asked about each alone.
        let together: Vec<Vec<UserId>> = together.filter(|_| users_max > 0).collect();
        let mut batch = batch;
        batch.open = together.len();
        self.batches.insert(id, batch);
        if together.is_empty() {
            return self.look_up_alone(id, now);
        }
        for ids in together {
            self.request(place, Purpose::Roles(id, ids), now);
        }
    }

    /// Asks about those users alone whom the larger reads did not list.
    fn look_up_alone(&mut self, id: BatchId, now: Now) {
        let Some(batch) = self.batches.get_mut(&id) else {
            return;
        };
        let mut alone = std::mem::take(&mut batch.alone);
        alone.retain(|user| batch.of(user).0 != Stood::Active);
        alone.sort_unstable();
        alone.dedup();
        if alone.is_empty() {
            return self.looked_up(id, now);
        }
        batch.open = alone.len();
        batch.together.extend(alone.iter().cloned());
        let place = batch.account;
        let is_question = matches!(batch.reason, For::Question(..));
        for user in alone {
            let purpose = if is_question {
                Purpose::User(id, user)
            } else {
                Purpose::Role(id, user)
            };
            self.request(place, purpose, now);
        }
    }

    /// A request of a lookup was answered.
    pub(super) fn batch_told(&mut self, id: BatchId, purpose: &Purpose, told: Told, now: Now) {
        let Some(batch) = self.batches.get_mut(&id) else {
            return;
        };
        let is_together = matches!(purpose, Purpose::Roles(..));
        if let (Told::Users(states), Some((_, ids))) = (told, purpose.lookup()) {
            let told = states.into_iter().map(|state| (state, now));
            batch.seen.extend(ids.iter().cloned().zip(told));
        }
        batch.open -= 1;
        if batch.open > 0 {
            return;
        }
        if is_together {
            self.look_up_alone(id, now);
        } else {
            self.looked_up(id, now);
        }
    }

    /// A request of a lookup brought nothing.
    pub(super) fn batch_failed(&mut self, id: BatchId, error: RequestError, now: Now) {
        let Some(batch) = self.batches.remove(&id) else {
            return;
        };
        let place = batch.account;
        match (batch.reason, error) {
            (For::Question(question, _), error) => self.answer(question, Err(error)),
            // Whether they stand is not known: they are sent alone.
            (For::Unclear(rows), RequestError::Passing { .. }) => {
                self.settle_unclear(rows, None, now);
            }
            (For::Unclear(_) | For::Entry(..), error) => self.roles_unknown(place, error, now),
            (For::Leaving(requests), error) => {
                self.roles_unknown(place, error, now);
                for request in requests {
                    self.roles_are_read(request);
                    self.fail(request, RequestError::Stopping, now);
                }
            }
        }
    }

    /// Deleting an administrator cannot be mended; not asking is no way out.
    fn roles_unknown(&mut self, place: usize, error: RequestError, now: Now) {
        match error {
            RequestError::Stopping => {}
            RequestError::Account {
                reason,
                status,
                detail,
            } => self.stop_account(place, (reason, status), detail, now),
            RequestError::Passing { status, detail, .. } => {
                let reason = StopKind::RolesUnknown;
                self.stop_account(place, (reason, status), detail, now);
            }
        }
    }

    /// A lookup is complete.
    fn looked_up(&mut self, id: BatchId, now: Now) {
        let Some(mut batch) = self.batches.remove(&id) else {
            return;
        };
        let reason = std::mem::replace(&mut batch.reason, For::Leaving(Vec::new()));
        match reason {
            For::Entry(queue, tasks, is_canary) => {
                self.enter((batch.account, queue), tasks, (&batch, is_canary), now);
            }
            For::Leaving(requests) => {
                for request in requests {
                    self.roles_are_read(request);
                    self.may_leave(request, &batch, now);
                }
            }
            For::Unclear(rows) => self.settle_unclear(rows, Some(&batch), now),
            For::Question(question, ids) => {
                let told = |id| batch.seen.get(id).map(|(state, _)| state.clone());
                let of = |id| told(id).unwrap_or(UserState::Unknown);
                let seen = ids.iter().map(of).collect();
                self.answer(question, Ok(Answer::Users(seen)));
            }
        }
    }

    // --- Roles that were read too long ago ---

    /// Whether a user may be of another role by now than was read. Who is deleted is given none.
    fn is_old(&self, role: RoleRead, now: Now) -> bool {
        let believed = BELIEVED.max(self.limits.interval() * 2);
        let since = now.instant.saturating_duration_since(role.at);
        role.stood != Stood::SoftDeleted
            && (since > believed || now.wall.saturating_since(role.wall) > believed)
    }

    /// Whether a user of the request may have another role by now than was read. Behind the first step
    /// they are deleted, and are given none.
    pub(super) fn has_old_roles(&self, id: RequestId, now: Now) -> bool {
        let Some(request) = self.requests.get(&id) else {
            return false;
        };
        let (rows, step) = match &request.purpose {
            Purpose::Step(it) => (std::slice::from_ref(&it.row), it.step),
            Purpose::Bulk(it) => (&it.rows[..], it.step),
            _ => return false,
        };
        let provider = &self.accounts[request.account].provider;
        let is_asked = provider.lookup_before(step).is_some();
        let mut rows = rows.iter().filter_map(|row| self.rows.get(row));
        is_asked
            && rows.any(|row| {
                row.task.action.steps().first() == Some(&step)
                    && row.role.is_none_or(|role| self.is_old(role, now))
            })
    }

    /// Reads the roles again of a request that could leave now, and of those that follow it, as far as one
    /// read tells. No other of the step leaves meanwhile, or it would take their slots.
    pub(super) fn read_roles_again(&mut self, id: RequestId, now: Now) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let (place, class) = (request.account, request.purpose.class());
        let Some(step) = class.step() else { return };
        let provider = std::sync::Arc::clone(&self.accounts[place].provider);
        let is_together = provider.lookup_before(step) == Some(LookupFor::Roles);
        let most = if is_together && matches!(class, Class::Step(_)) {
            let users_max = provider.lookup_max(LookupFor::Roles);
            users_max.min(self.rows_begun_max() as usize).max(1)
        } else {
            1
        };
        let waiting = self.waiting.get(&class).into_iter().flatten().copied();
        let of_account = |id: &RequestId| {
            self.requests.get(id).is_some_and(|it| it.account == place)
                && self.has_old_roles(*id, now)
        };
        let ids: Vec<RequestId> = waiting
            .skip_while(|it| *it != id)
            .filter(of_account)
            .take(most)
            .collect();
        if request.roles_read >= READ_AGAIN_MAX {
            return self.fail(id, roles_too_old(), now);
        }
        let mut asked = Vec::new();
        for id in &ids {
            let Some(mut request) = self.take_out(*id) else {
                continue;
            };
            request.roles_read += 1;
            request.stage = Stage::Aside;
            match &request.purpose {
                Purpose::Step(it) => asked.push(it.row),
                Purpose::Bulk(it) => asked.extend(&it.rows),
                _ => {}
            }
            self.requests.insert(*id, request);
        }
        self.accounts[place].reading_roles.insert(step);
        let rows = asked.iter().filter_map(|row| self.rows.get(row));
        let tasks = rows.map(|row| &row.task);
        let batch = Batch::before_steps(place, For::Leaving(ids), provider.as_ref(), tasks);
        self.look_up(batch, now);
    }

    /// Requests of the same step may leave again.
    fn roles_are_read(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get(&id)
            && let Some(step) = request.purpose.class().step()
        {
            self.accounts[request.account].reading_roles.remove(&step);
        }
    }

    /// The roles of a request's users were read again: it may leave, but for those who are protected.
    fn may_leave(&mut self, id: RequestId, batch: &Batch, now: Now) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        match &request.purpose {
            Purpose::Step(it) => {
                let (row, is_doubtful) = (it.row, it.doubt.effect);
                if let Some(role) = self.new_role(row, batch) {
                    self.requests.remove(&id);
                    self.step_protected(row, &role, is_doubtful, now);
                } else {
                    self.line_up(id, now);
                }
            }
            Purpose::Bulk(_) => self.bulk_roles_read(id, batch, now),
            _ => {}
        }
    }

    /// Notes the role of a row's user, and returns it if it protects them.
    pub(super) fn new_role(&mut self, row: u64, batch: &Batch) -> Option<String> {
        let row = self.rows.get_mut(&row)?;
        row.role = batch.role_of(&row.task.id).or(row.role);
        let (stood, role) = batch.of(&row.task.id);
        row.seen |= stood != Stood::Nowhere;
        let account = &self.accounts[row.account];
        role.filter(|role| !account.includes(role))
            .map(str::to_owned)
    }
}

/// No role that was read is young enough when the request may leave.
fn roles_too_old() -> RequestError {
    let message = "roles were read again and again, and each time the deletion had to wait until they were too old";
    RequestError::account(StopKind::RolesUnknown, None, own("roles_too_old", message))
}
