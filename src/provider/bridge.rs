//! The old forms of a lookup, told by the new one. Nothing else implements them.

use std::slice::from_ref;

use super::{Access, LookupFor, Provider, Reply, Request, Seen, Verdict};
use crate::domain::{Stand, Step, UserId, UserState};

/// Who has a role that should not be deleted by a row in a file.
pub trait Roles: Send + Sync {
    /// Whether [`LookupFor::Roles`] comes before `step`.
    fn asked_before(&self, step: Step) -> bool;

    /// Whether [`LookupFor::SoftDeletedRoles`] comes before `step`.
    fn asked_alone_before(&self, step: Step) -> bool;

    /// How many users one request can ask for.
    fn users_max(&self) -> usize;

    /// The read that tells the roles of `ids`.
    fn request(&self, access: &Access, ids: &[UserId]) -> Request;

    /// Reads the answer: the active users.
    ///
    /// # Errors
    ///
    /// As [`Provider::looked_up`].
    fn listed(
        &self,
        ids: &[UserId],
        primary_contact: Option<&str>,
        reply: &Reply,
    ) -> Result<Vec<Listed>, Verdict>;

    /// The read that tells the role of one user who is not active.
    fn request_alone(&self, access: &Access, id: &UserId) -> Request;

    /// Reads the answer: the user, if they are soft-deleted.
    ///
    /// # Errors
    ///
    /// As [`Provider::looked_up`].
    fn alone(&self, id: &UserId, reply: &Reply) -> Result<Option<Listed>, Verdict>;
}

/// A user who is active, or of [`Roles::alone`] soft-deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The user.
    pub id: UserId,
    /// The protected role.
    pub protected: Option<String>,
}

impl<P: Provider> Roles for P {
    fn asked_before(&self, step: Step) -> bool {
        self.lookup_before(step) == Some(LookupFor::Roles)
    }

    fn asked_alone_before(&self, step: Step) -> bool {
        self.lookup_before(step) == Some(LookupFor::SoftDeletedRoles)
    }

    fn users_max(&self) -> usize {
        self.lookup_max(LookupFor::Roles)
    }

    fn request(&self, access: &Access, ids: &[UserId]) -> Request {
        self.lookup(access, LookupFor::Roles, ids)
    }

    fn listed(
        &self,
        ids: &[UserId],
        primary_contact: Option<&str>,
        reply: &Reply,
    ) -> Result<Vec<Listed>, Verdict> {
        let states = self.looked_up(LookupFor::Roles, ids, primary_contact, reply)?;
        let listed = ids
            .iter()
            .zip(states)
            .filter_map(|(id, state)| match state {
                UserState::Active { role } => Some(Listed {
                    id: id.clone(),
                    protected: role,
                }),
                _ => None,
            });
        Ok(listed.collect())
    }

    fn request_alone(&self, access: &Access, id: &UserId) -> Request {
        self.lookup(access, LookupFor::SoftDeletedRoles, from_ref(id))
    }

    fn alone(&self, id: &UserId, reply: &Reply) -> Result<Option<Listed>, Verdict> {
        let purpose = LookupFor::SoftDeletedRoles;
        let states = self.looked_up(purpose, from_ref(id), None, reply)?;
        Ok(states.into_iter().find_map(|state| match state {
            UserState::SoftDeleted { role } => Some(Listed {
                id: id.clone(),
                protected: role,
            }),
            _ => None,
        }))
    }
}

/// How users stand after the fact.
pub trait Standings: Send + Sync {
    /// How many users one request can ask for; at least one.
    fn users_max(&self) -> usize;

    /// The read that tells how `ids` stand.
    fn request(&self, access: &Access, ids: &[UserId]) -> Request;

    /// Reads the answer: how each of `ids` stands, in their order.
    ///
    /// # Errors
    ///
    /// As [`Provider::looked_up`].
    fn stands(&self, ids: &[UserId], reply: &Reply) -> Result<Vec<Stand>, Verdict>;

    /// The read that proves more of one user.
    fn closer(&self, access: &Access, id: &UserId) -> Request;

    /// Reads the answer to [`closer`](Standings::closer).
    ///
    /// # Errors
    ///
    /// As [`Provider::looked_up`].
    fn stands_closer(&self, id: &UserId, reply: &Reply) -> Result<Stand, Verdict>;

    /// Whether there is a read for what is left where even that did not prove enough.
    fn has_closest(&self) -> bool;

    /// That read.
    fn closest(&self, access: &Access, id: &UserId) -> Request;

    /// Reads the answer to [`closest`](Standings::closest).
    ///
    /// # Errors
    ///
    /// As [`Provider::looked_up`].
    fn stands_closest(&self, id: &UserId, reply: &Reply) -> Result<Stand, Verdict>;
}

impl<P: Provider> Standings for P {
    fn users_max(&self) -> usize {
        self.lookup_max(LookupFor::Verification)
    }

    fn request(&self, access: &Access, ids: &[UserId]) -> Request {
        self.lookup(access, LookupFor::Verification, ids)
    }

    fn stands(&self, ids: &[UserId], reply: &Reply) -> Result<Vec<Stand>, Verdict> {
        let states = self.looked_up(LookupFor::Verification, ids, None, reply)?;
        Ok(states.into_iter().map(Stand::from).collect())
    }

    fn closer(&self, access: &Access, id: &UserId) -> Request {
        self.lookup(access, LookupFor::CloserVerification, from_ref(id))
    }

    fn stands_closer(&self, id: &UserId, reply: &Reply) -> Result<Stand, Verdict> {
        let purpose = LookupFor::CloserVerification;
        let states = self.looked_up(purpose, from_ref(id), None, reply)?;
        Ok(states
            .into_iter()
            .next()
            .map_or(Stand::NotListed, Stand::from))
    }

    fn has_closest(&self) -> bool {
        self.lookup_max(LookupFor::ClosestVerification) > 0
    }

    fn closest(&self, access: &Access, id: &UserId) -> Request {
        self.lookup(access, LookupFor::ClosestVerification, from_ref(id))
    }

    fn stands_closest(&self, id: &UserId, reply: &Reply) -> Result<Stand, Verdict> {
        let purpose = LookupFor::ClosestVerification;
        let states = self.looked_up(purpose, from_ref(id), None, reply)?;
        Ok(states
            .into_iter()
            .next()
            .map_or(Stand::NotListed, Stand::from))
    }
}

impl From<UserState> for Stand {
    fn from(state: UserState) -> Self {
        match state {
            UserState::Active { .. } => Self::Present,
            UserState::Cleared => Self::Cleared,
            UserState::SoftDeleted { .. } => Self::SoftDeleted,
            UserState::NotListed => Self::NotListed,
            UserState::Erasing => Self::Erasing,
            UserState::Gone | UserState::Unknown => Self::Gone,
        }
    }
}

impl From<UserState> for Seen {
    fn from(state: UserState) -> Self {
        match state {
            UserState::Active { role } => Self::Standing { role },
            UserState::Cleared | UserState::NotListed => Self::Standing { role: None },
            UserState::SoftDeleted { role } => Self::SoftDeleted { role },
            UserState::Erasing | UserState::Gone => Self::Gone,
            UserState::Unknown => Self::Unknown,
        }
    }
}
