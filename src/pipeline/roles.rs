//! How users stood and of which roles they were when that was last asked, before anything is done to
//! them.
//!
//! Whoever has a protected role is not deleted, and a role is believed for a minute: what waits for
//! longer, for quota or for a pause to end, is asked again just before it leaves. How a user stood
//! says later what a request can have done whose answer never came: nobody is deleted who was not
//! there.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::client::Client;
use super::error::ClientError;
use super::tokens::own;
use crate::domain::{LeftOpen, StopKind, Task, Time, UserId};
use crate::provider::{Detail, Roles};

/// How long a role is believed; longer where the account's quota lets no two requests leave in that
/// time.
const BELIEVED: Duration = Duration::from_mins(1);

/// So often in a row a role is asked again for a request that then waits for longer than it is
/// believed. After that the lane stops.
pub(super) const ASKED_AGAIN_MAX: u32 = 10;

/// How a user stood.
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

/// What was read of users, each with their role if it is a protected one.
pub(super) type RolesRead = HashMap<UserId, (RoleRead, Option<String>)>;

/// Whether the user was there when `role` was read.
pub(super) fn is_seen(role: Option<RoleRead>) -> bool {
    role.is_some_and(|role| role.stood != Stood::Nowhere)
}

/// That no role that was read is young enough when the request may leave.
pub(super) fn roles_too_old() -> ClientError {
    let message = "roles were read again and again, and each time the deletion had to wait until they were too old";
    ClientError::Account {
        reason: StopKind::RolesUnknown,
        status: None,
        detail: own("roles_too_old", message),
    }
}

/// Why a user of `role` is not deleted.
pub(super) fn protected_by(role: &str) -> Detail {
    own("protected_role", format!("this user's role is {role}"))
}

/// Whether users of `role` may be deleted all the same.
pub(super) fn includes(included: &[String], role: &str) -> bool {
    let mut included = included.iter();
    included.any(|included| included.eq_ignore_ascii_case(role))
}

/// Whether nothing was done for the row yet. Of one whose first step is done, or in a job that an
/// earlier process began, the role was asked before.
pub(super) fn is_untouched(task: &Task) -> bool {
    task.steps_done == 0 && !matches!(task.left_open, LeftOpen::Job(_))
}

impl Client {
    /// Whether a user may be of another role by now than was read. Who is deleted is given none.
    pub(super) fn is_old(&self, role: RoleRead) -> bool {
        let believed = BELIEVED.max(self.interval() * 2);
        role.stood != Stood::SoftDeleted
            && (role.at.elapsed() > believed || self.now().saturating_since(role.wall) > believed)
    }

    /// Reads the roles of the users of `tasks`, where one is asked before their steps: of as many as
    /// can with one request, and of those who do not stand one by one.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub(super) async fn read_roles<'t>(
        &self,
        roles: &dyn Roles,
        tasks: impl Iterator<Item = &'t Task>,
    ) -> Result<RolesRead, ClientError> {
        let (together, mut alone) = asked_of(tasks, roles);
        let mut told = Vec::new();
        if !together.is_empty() {
            let listed = self.listed(roles, &together).await?;
            told.extend(listed.into_iter().map(|user| (Stood::Active, user)));
        }
        let standing: HashSet<&UserId> = told.iter().map(|(_, user)| &user.id).collect();
        alone.retain(|id| !standing.contains(id));
        alone.sort_unstable();
        alone.dedup();
        let listed = self.roles_alone(roles, alone.clone()).await?;
        told.extend(listed.into_iter().map(|user| (Stood::SoftDeleted, user)));
        let (at, wall) = (Instant::now(), self.now());
        let read = |stood| RoleRead { stood, at, wall };
        let nowhere = |id| (id, (read(Stood::Nowhere), None));
        let mut all: RolesRead = together.into_iter().chain(alone).map(nowhere).collect();
        all.extend(
            told.into_iter()
                .map(|(stood, user)| (user.id, (read(stood), user.protected))),
        );
        Ok(all)
    }
}

/// The users of `tasks` whose roles are asked together, and those who are asked about alone if they
/// are not listed then.
fn asked_of<'t>(
    tasks: impl Iterator<Item = &'t Task>,
    roles: &dyn Roles,
) -> (Vec<UserId>, Vec<UserId>) {
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for task in tasks {
        let mut steps = task.action.steps().iter();
        if steps
            .clone()
            .next()
            .is_some_and(|step| roles.asked_before(*step))
        {
            together.push(task.id.clone());
        }
        if steps.any(|step| roles.asked_alone_before(*step)) {
            alone.push(task.id.clone());
        }
    }
    (together, alone)
}
