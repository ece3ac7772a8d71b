//! Users of Zendesk Support as they truly stand, and what deleting them does.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::domain::Time;
use crate::sandbox::window::shortened;

/// What stands of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// All of it.
    Active,
    /// Softly deleted, at that time.
    SoftDeleted(Time),
    /// Deleted for good, at that time.
    PermanentlyDeleted(Time),
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A customer.
    EndUser,
    /// An agent.
    Agent,
    /// An agent who may only comment: role `agent` with role type 1.
    LightAgent,
    /// An administrator.
    Admin,
}

impl Role {
    /// Every role.
    const ALL: [Self; 4] = [Self::EndUser, Self::Agent, Self::LightAgent, Self::Admin];

    /// Its name in seeds.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::EndUser => "end-user",
            Self::Agent => "agent",
            Self::LightAgent => "light-agent",
            Self::Admin => "admin",
        }
    }

    /// The role called `name`; an empty one is an end user.
    pub(super) fn named(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self::EndUser);
        }
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A user.
#[derive(Debug, Clone)]
pub(super) struct User {
    /// The id.
    pub(super) id: u64,
    /// What stands of it.
    pub(super) standing: Standing,
    /// What it may do.
    pub(super) role: Role,
    /// How many tickets that are not closed it is requester of.
    pub(super) open_tickets: u32,
    /// Whether it owns the account.
    pub(super) owner: bool,
    /// When it was made.
    pub(super) created_at: Time,
    /// When its standing last changed; `None`: never.
    pub(super) changed_at: Option<Time>,
    /// How often requests changed its standing.
    pub(super) changes: u32,
}

const GIVEN: [&str; 8] = [
    "Ada", "Bruno", "Chiara", "Dilan", "Edda", "Farid", "Greta", "Hakon",
];
const FAMILY: [&str; 7] = [
    "Abendroth",
    "Bellini",
    "Castro",
    "Dorsey",
    "Eklund",
    "Fontaine",
    "Grigor",
];

impl User {
    /// A user as it is seeded.
    pub(super) fn new(id: u64, role: Role, created_at: Time) -> Self {
        Self {
            id,
            standing: Standing::Active,
            role,
            open_tickets: 0,
            owner: false,
            created_at,
            changed_at: None,
            changes: 0,
        }
    }

    /// Whether it is softly deleted and listed so, which takes `delay` from a request that did it.
    pub(super) fn is_listed_soft_deleted(&self, delay: Duration, now: Time) -> bool {
        let listed = self.changed_at.is_none_or(|at| at.after(delay) <= now);
        listed && matches!(self.standing, Standing::SoftDeleted(_))
    }

    /// A name made of the id. No test may find it in a ledger.
    pub(super) fn name(&self) -> String {
        let pick = |from: &[&'static str], by: u64| {
            usize::try_from(by % from.len() as u64)
                .ok()
                .and_then(|index| from.get(index).copied())
                .unwrap_or("Nemo")
        };
        format!("{} {}", pick(&GIVEN, self.id), pick(&FAMILY, self.id / 3))
    }

    /// An e-mail address made of the id. No test may find it in a ledger either.
    pub(super) fn email(&self) -> String {
        let name = self.name().to_lowercase().replace(' ', ".");
        format!("{name}.{}@customers.example", self.id)
    }

    /// The address's name in the app the user came from.
    pub(super) fn external_id(&self) -> String {
        format!("shop-{}", self.id)
    }
}

/// Why a user is not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such user, or none in the standing that is asked for.
    NotFound,
    /// The user may not be deleted, for the reason told.
    Invalid(String),
}

/// All users of an account.
#[derive(Debug, Default)]
pub(super) struct Users {
    all: BTreeMap<u64, User>,
    /// Who was softly deleted, and when, in that order.
    soft: VecDeque<(Time, u64)>,
}

impl Users {
    /// How long a softly deleted user waits before Zendesk deletes it for good
    /// (<https://support.zendesk.com/hc/en-us/articles/5007485121562>).
    const SOFT_KEPT: Duration = Duration::from_hours(30 * 24);

    /// Puts `user` in, in place of one with its id.
    pub(super) fn put(&mut self, user: User) {
        if let Standing::SoftDeleted(at) = user.standing {
            self.soft.push_back((at, user.id));
        }
        self.all.insert(user.id, user);
    }

    /// The user `id`, if there ever was one.
    pub(super) fn get(&self, id: u64) -> Option<&User> {
        self.all.get(&id)
    }

    /// All users, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = &User> {
        self.all.values()
    }

    /// Deletes for good who has been softly deleted for long.
    pub(super) fn age(&mut self, now: Time, scale: f64) {
        let kept = shortened(Self::SOFT_KEPT, scale);
        while let Some((at, id)) = self.soft.front().copied() {
            if now < at.after(kept) {
                return;
            }
            self.soft.pop_front();
            // Whoever was deleted for good or seeded anew since then is not meant any more.
            if let Some(user) = self.all.get_mut(&id)
                && user.standing == Standing::SoftDeleted(at)
            {
                user.standing = Standing::PermanentlyDeleted(at.after(kept));
            }
        }
    }

    /// Softly deletes `id` for `caller`.
    pub(super) fn soft_delete(
        &mut self,
        id: u64,
        caller: u64,
        now: Time,
    ) -> Result<&User, Refusal> {
        let user = self.all.get_mut(&id).ok_or(Refusal::NotFound)?;
        if user.standing != Standing::Active {
            return Err(Refusal::Invalid(
                "User could not be deleted in its current state".to_owned(),
            ));
        }
        if user.owner {
            return Err(Refusal::Invalid(
                "The account owner cannot be deleted".to_owned(),
            ));
        }
        if id == caller {
            return Err(Refusal::Invalid("You cannot delete yourself".to_owned()));
        }
        if user.open_tickets > 0 {
            return Err(Refusal::Invalid(format!(
                "{} <{}> is requester on {} ticket(s) that are not closed.",
                user.name(),
                user.email(),
                user.open_tickets
            )));
        }
        user.standing = Standing::SoftDeleted(now);
        self.soft.push_back((now, id));
        user.changed_at = Some(now);
        user.changes += 1;
        Ok(user)
    }

    /// Deletes `id`, who is softly deleted and listed so `delay` after it, for good.
    pub(super) fn permanently_delete(
        &mut self,
        id: u64,
        delay: Duration,
        now: Time,
    ) -> Result<&User, Refusal> {
        match self.all.get_mut(&id) {
            Some(user) if user.is_listed_soft_deleted(delay, now) => {
                user.standing = Standing::PermanentlyDeleted(now);
                user.changed_at = Some(now);
                user.changes += 1;
                Ok(user)
            }
            _ => Err(Refusal::NotFound),
        }
    }
}
