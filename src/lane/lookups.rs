//! Lookups of many users: who stands, and of which role. Asked before anything is done to them, again
//! just before a request that had to wait, and after a job that said nothing clear.
//!
//! Whoever has a protected role is not deleted, and a role is believed for a minute. How a user stood
//! says later what a request can have done whose answer never came: nobody is deleted who was not there.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::requests::{Class, LaneRequest, Meaning, Purpose, RequestId};
use super::{Lane, Now, RequestError};
use crate::domain::{LeftOpen, Said, StopKind, Task, UserId, UserState, bound};
use crate::provider::{LookupFor, Provider};

/// How many seconds a role is believed; longer where the quota lets no two requests leave in that time.
const BELIEVED_SECS: usize = 60;

/// How often a role is read again for a request that waits for too long, before the account stops.
const READ_AGAIN_MAX: usize = 10;

/// The purpose of a lookup.
#[derive(Debug)]
pub(super) enum For {
    /// Rows of a queue, before anything is done for them. Whether they are the canary's.
    Entry(usize, Vec<Task>, bool),
    /// Requests that are about to leave.
    Leaving(Vec<LaneRequest>),
    /// Rows that a request for many carried, and what a job says of each.
    Unclear(Vec<(u64, Option<Said>)>),
    /// A person, about these users.
    Question(RequestId, Vec<UserId>),
}

/// A lookup of many users, in one request or several.
#[derive(Debug)]
pub(super) struct Batch {
    account: usize,
    pub(super) reason: For,
    /// The users to ask about in the largest reads there are.
    together: Vec<UserId>,
    /// The users to ask about alone where those do not list them.
    alone: Vec<UserId>,
    /// Before it is asked.
    pub(super) rest: Duration,
    /// Whether those were asked about by themselves whom no other answer lists.
    is_close: bool,
    /// Requests that are not answered.
    open: usize,
    /// How each user stood, and when that was answered: other answers may come minutes later.
    seen: HashMap<UserId, (UserState, Now)>,
}

/// Whether a user is active, or softly deleted.
pub(super) const fn is_there(state: &UserState) -> bool {
    matches!(
        state,
        UserState::Active { .. } | UserState::SoftDeleted { .. }
    )
}

/// Why a user of `role` is not deleted.
pub(super) fn protected_by(role: &str) -> Said {
    Said::own("protected_role", format!("this user's role is {role}"))
}

/// Whether nothing was done for the row yet; otherwise its user is asked about before its next request.
pub(super) fn is_untouched(task: &Task) -> bool {
    task.steps_done == 0 && !matches!(task.left_open, LeftOpen::Job(_))
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
            rest: Duration::ZERO,
            is_close: false,
            open: 0,
            seen: HashMap::new(),
        }
    }

    /// A lookup of the users of `tasks`, by how many steps are done; the caller says for what.
    pub(super) fn before_steps<'t>(
        account: usize,
        provider: &dyn Provider,
        tasks: impl Iterator<Item = (&'t Task, usize)>,
    ) -> Self {
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for (task, done) in tasks {
            let steps = task.action.steps().iter().skip(done);
            let mut lookups = steps.map(|it| provider.lookup_before(*it));
            if lookups.clone().next() == Some(Some(LookupFor::Roles)) {
                together.push(task.id.clone());
            }
            if lookups.any(|lookup| lookup == Some(LookupFor::SoftDeletedRoles)) {
                alone.push(task.id.clone());
            }
        }
        Self::new(account, For::Leaving(Vec::new()), together, alone)
    }

    /// How a user stood; `None`: no answer tells.
    pub(super) fn of(&self, id: &UserId) -> Option<&UserState> {
        self.seen.get(id).map(|(state, _)| state)
    }
}

impl Lane {
    /// Begins a lookup.
    pub(super) fn look_up(&mut self, mut batch: Batch, now: Now) {
        let id = self.new_id();
        let account = batch.account;
        let users_max = self.accounts[account].provider.lookup_max(LookupFor::Roles);
        let together = batch.together.chunks(users_max.max(1)).map(<[_]>::to_vec);
        // A provider that has no such lookup is asked about each alone.
        let together: Vec<Vec<UserId>> = together.filter(|_| users_max > 0).collect();
        batch.open = together.len();
        let rest = batch.rest;
        self.batches.insert(id, batch);
        if together.is_empty() {
            return self.look_up_alone(id, now);
        }
        for ids in together {
            let purpose = Purpose::Lookup(id, LookupFor::Roles, ids);
            let request = self.new_request(account, purpose);
            self.rest(request, rest, now);
        }
    }

    /// Asks about those users alone whom the larger reads did not list.
    fn look_up_alone(&mut self, id: RequestId, now: Now) {
        let Some(batch) = self.batches.get_mut(&id) else {
            return;
        };
        let mut alone = std::mem::take(&mut batch.alone);
        alone.retain(|user| !matches!(batch.of(user), Some(UserState::Active { .. })));
        batch.together.extend(alone.iter().cloned());
        let purpose = match batch.reason {
            For::Question(..) => LookupFor::UnclearAnswer,
            _ => LookupFor::SoftDeletedRoles,
        };
        if !self.look_up_each(id, purpose, alone, now) {
            self.look_closer(id, now);
        }
    }

    /// Asks about users alone whom no list named: nobody is deleted whose role was never read.
    fn look_closer(&mut self, id: RequestId, now: Now) {
        let Some(batch) = self.batches.get_mut(&id) else {
            return;
        };
        let is_asked = matches!(batch.reason, For::Entry(..) | For::Leaving(_));
        let mut unlisted = std::mem::take(&mut batch.together);
        unlisted.retain(|user| is_asked && !batch.of(user).is_some_and(is_there));
        batch.is_close = true;
        if !self.look_up_each(id, LookupFor::UnclearAnswer, unlisted, now) {
            self.end_lookup(id, now);
        }
    }

    /// Asks about each of `users` by themselves, once. Returns whether there are any.
    fn look_up_each(
        &mut self,
        id: RequestId,
        purpose: LookupFor,
        users: Vec<UserId>,
        now: Now,
    ) -> bool {
        let users: BTreeSet<UserId> = users.into_iter().collect();
        let Some(batch) = self.batches.get_mut(&id) else {
            return false;
        };
        let (account, open) = (batch.account, users.len());
        batch.open = open;
        for user in users {
            self.request(account, Purpose::Lookup(id, purpose, vec![user]), now);
        }
        open > 0
    }

    /// A request of a lookup was answered.
    pub(super) fn batch_answered(
        &mut self,
        id: RequestId,
        purpose: LookupFor,
        (ids, states): (Vec<UserId>, Vec<UserState>),
        now: Now,
    ) {
        let Some(batch) = self.batches.get_mut(&id) else {
            return;
        };
        // By themselves, also users who are permanently deleted are shown as softly deleted: only a role that
        // protects counts of those.
        let is_close = batch.is_close;
        let account = &self.accounts[batch.account];
        let counts = |state: &UserState| {
            let protects = || state.role().is_some_and(|role| !account.includes(role));
            !is_close || !matches!(state, UserState::SoftDeleted { .. }) || protects()
        };
        let seen = ids.into_iter().zip(states);
        let seen = seen.filter(|(_, state)| counts(state));
        batch
            .seen
            .extend(seen.map(|(user, state)| (user, (state, now))));
        batch.open -= 1;
        if batch.open > 0 {
            return;
        }
        if purpose == LookupFor::Roles {
            self.look_up_alone(id, now);
        } else if is_close {
            self.end_lookup(id, now);
        } else {
            self.look_closer(id, now);
        }
    }

    /// A request of a lookup brought nothing.
    pub(super) fn batch_failed(&mut self, id: RequestId, error: RequestError, now: Now) {
        let Some(batch) = self.batches.remove(&id) else {
            return;
        };
        let account = batch.account;
        match (batch.reason, error) {
            (For::Question(question, _), error) => self.answer(question, Err(error)),
            // Whether they stand is not known: they are sent alone.
            (For::Unclear(rows), RequestError::Passing { .. }) => {
                self.settle_unclear(rows, None, now);
            }
            (For::Unclear(_) | For::Entry(..), error) => self.roles_unknown(account, error, now),
            (For::Leaving(requests), error) => {
                self.roles_unknown(account, error, now);
                for request in requests {
                    self.roles_are_read(&request);
                    self.fail(request, RequestError::Stopping, now);
                }
            }
        }
    }

    /// Deleting an administrator cannot be mended; not asking is no way out.
    fn roles_unknown(&mut self, account: usize, error: RequestError, now: Now) {
        if let Some((_, said)) = self.condemn(account, error, now) {
            self.stop_account(account, StopKind::RolesUnknown, said, now);
        }
    }

    /// A lookup is complete.
    fn end_lookup(&mut self, id: RequestId, now: Now) {
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
                    self.roles_are_read(&request);
                    self.may_leave(request, &batch, now);
                }
            }
            For::Unclear(rows) => self.settle_unclear(rows, Some(&batch), now),
            For::Question(question, ids) => {
                let of = |id| batch.of(id).cloned().unwrap_or(UserState::Unknown);
                let seen = ids.iter().map(of).collect();
                self.answer(question, Ok(Meaning::Users(seen)));
            }
        }
    }

    // --- Roles that were read too long ago ---

    /// Whether a user of the request may have another role by now than was read.
    pub(super) fn has_old_roles(&self, request: &LaneRequest, now: Now) -> bool {
        let Some((rows, step)) = request.purpose.deletes() else {
            return false;
        };
        let provider = &self.accounts[request.account].provider;
        let believed = Duration::from_secs(bound("seconds believed", 1, BELIEVED_SECS) as u64);
        let believed = believed.max(self.limits.interval() * 2);
        let is_old = |(state, at): &(UserState, Now)| {
            let since = now.instant.saturating_duration_since(at.instant);
            // The wall clock goes on while a machine sleeps.
            matches!(state, UserState::Active { .. })
                && (since > believed || now.wall.saturating_since(at.wall) > believed)
        };
        let mut rows = rows.iter().filter_map(|row| self.rows.get(row));
        provider.lookup_before(step).is_some()
            && rows.any(|row| row.role.as_ref().is_none_or(is_old))
    }

    /// Reads the roles again of a request that could leave now, and of those that follow it, as far as one
    /// read tells. No other of the step leaves meanwhile, or it would take their slots.
    pub(super) fn read_roles_again(&mut self, first: LaneRequest, now: Now) {
        if first.roles_read >= bound("roles read again", 1, READ_AGAIN_MAX) {
            let words = "roles were read again and again, and each time the deletion had to wait until they were too old";
            let said = Said::own("roles_too_old", words);
            let reason = StopKind::RolesUnknown;
            return self.fail(first, RequestError::Account { reason, said }, now);
        }
        let (account, class) = (first.account, first.purpose.class());
        let Some(step) = class.step() else { return };
        let provider = std::sync::Arc::clone(&self.accounts[account].provider);
        let is_together = provider.lookup_before(step) == Some(LookupFor::Roles);
        let begun_max = self.rows_begun_max();
        let most = match class {
            Class::Step(_) if is_together => provider.lookup_max(LookupFor::Roles).min(begun_max),
            Class::Step(_) => begun_max,
            _ => 1,
        };
        let waiting = self.waiting.get(&class);
        let following = waiting.into_iter().flat_map(|it| it.range(first.id..));
        let following = following
            .filter(|(_, request)| request.account == account && self.has_old_roles(request, now));
        let following: Vec<RequestId> =
            following.map(|(id, _)| *id).take(most.max(1) - 1).collect();
        let mut requests = vec![first];
        requests.extend(
            following
                .into_iter()
                .filter_map(|id| self.take_out((class, id))),
        );
        let mut asked = Vec::new();
        for request in &mut requests {
            request.roles_read += 1;
            asked.extend(request.purpose.deletes().map_or(&[][..], |(rows, _)| rows));
        }
        self.accounts[account].reading_roles.insert(step);
        let rows = asked.iter().filter_map(|row| self.rows.get(row));
        let tasks = rows.map(|row| (&row.task, row.at_step));
        let mut batch = Batch::before_steps(account, provider.as_ref(), tasks);
        batch.reason = For::Leaving(requests);
        self.look_up(batch, now);
    }

    /// Requests of the same step may leave again.
    fn roles_are_read(&mut self, request: &LaneRequest) {
        if let Some(step) = request.purpose.class().step() {
            self.accounts[request.account].reading_roles.remove(&step);
        }
    }

    /// The roles of a request's users were read again: it may leave, but for those who are protected.
    fn may_leave(&mut self, request: LaneRequest, batch: &Batch, now: Now) {
        let Some(step) = request.step() else {
            return self.bulk_roles_read(request, batch, now);
        };
        let (row, is_doubtful) = (step.row, step.in_doubt);
        match self.new_role(row, batch) {
            Some(role) => self.protect(request, &role, now),
            None => match self.absent(row, is_doubtful) {
                Some(end) => self.end_step(row, end, now),
                None => self.line_up(request, now),
            },
        }
    }

    /// Notes the role of a row's user, and returns it if it protects them.
    pub(super) fn new_role(&mut self, row: u64, batch: &Batch) -> Option<String> {
        let row = self.rows.get_mut(&row)?;
        let (state, told) = batch.seen.get(&row.task.id)?;
        row.seen |= is_there(state);
        row.role = Some((state.clone(), *told));
        let role = state.role()?;
        let account = &self.accounts[row.account];
        (!account.includes(role)).then(|| role.to_owned())
    }
}
