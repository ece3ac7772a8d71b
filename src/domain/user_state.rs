//! How a user stands at their provider, in one vocabulary for every read that tells it; and what asking
//! afterwards says of a row. That is evidence only: no outcome follows from it.

use serde::{Deserialize, Serialize};

use super::names::named;
use super::{AccountName, Action, Position, Said, Time, UserId};

/// How a user stands, as one lookup told. A ledger holds its [name](UserState::name) and no role.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum UserState {
    /// There, and not deleted.
    Active {
        /// The role, in the provider's words, if it is protected by default; `None`: ordinary, or not told.
        role: Option<String>,
    },
    /// There, without personal information.
    Cleared,
    /// Softly deleted, not permanently as far as this lookup tells.
    SoftDeleted {
        /// As of an [active](UserState::Active) user.
        role: Option<String>,
    },
    /// Not among the users whom this lookup lists. The list does not tell their state beyond that.
    NotListed,
    /// Being deleted for good: the provider has taken the order and is at it.
    Erasing,
    /// Deleted for good; after a deletion also: not known to the provider.
    Gone,
    /// The provider knows no such user.
    Unknown,
}

impl UserState {
    /// Every state, without roles.
    pub const ALL: [Self; 7] = [
        Self::Active { role: None },
        Self::Cleared,
        Self::SoftDeleted { role: None },
        Self::NotListed,
        Self::Erasing,
        Self::Gone,
        Self::Unknown,
    ];

    /// The name in ledgers and texts.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Active { .. } => "present",
            Self::Cleared => "cleared",
            Self::SoftDeleted { .. } => "soft_deleted",
            Self::NotListed => "not_listed",
            Self::Erasing => "erasing",
            Self::Gone => "gone",
            Self::Unknown => "not_known",
        }
    }

    /// The protected role, if the user has one.
    pub fn role(&self) -> Option<&str> {
        match self {
            Self::Active { role } | Self::SoftDeleted { role } => role.as_deref(),
            Self::Cleared | Self::NotListed | Self::Erasing | Self::Gone | Self::Unknown => None,
        }
    }

    /// The finding for a row that ended well under `action`; `None`: not enough, look closer. A
    /// stronger state keeps a promise as well: a user who is gone was cleared.
    pub const fn finding(&self, action: Action) -> Option<Finding> {
        let is_permanent = matches!(
            action,
            Action::PermanentlyDelete | Action::Purge | Action::Own(_)
        );
        let clears = matches!(action, Action::DeletePersonalInformation);
        Some(match self {
            Self::Cleared if clears => Finding::AsAsked,
            Self::SoftDeleted { .. } | Self::NotListed | Self::Erasing if !is_permanent => {
                Finding::AsAsked
            }
            Self::Active { .. } | Self::Cleared | Self::SoftDeleted { .. } => Finding::Standing,
            Self::NotListed => return None,
            Self::Erasing => Finding::UnderWay,
            Self::Gone | Self::Unknown => Finding::AsAsked,
        })
    }
}

impl From<UserState> for String {
    fn from(state: UserState) -> Self {
        state.name().to_owned()
    }
}

impl TryFrom<String> for UserState {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|state| state.name() == name)
            .ok_or_else(|| format!("no state of a user is called {name:?}"))
    }
}

named! {
    /// The result of verifying a row.
    pub enum Finding {
        /// The user is as the row's action promises.
        AsAsked = "as_asked",
        /// The user still stands, or stands again.
        Standing = "standing",
        /// The provider has taken the order and is still at it.
        UnderWay = "under_way",
        /// No clear answer was to be had.
        Unknown = "unknown",
    }
}

/// A row that had ended well was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Where the row stands.
    #[serde(flatten)]
    pub position: Position,
    /// The account.
    pub account: AccountName,
    /// The row's action.
    pub action: Action,
    /// The user.
    pub id: UserId,
    /// The finding for the row.
    pub finding: Finding,
    /// How the user was seen to stand; `None`: no clear answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<UserState>,
    /// Why a finding is unknown.
    #[serde(flatten)]
    pub said: Said,
    /// When the answer came, or was given up.
    pub at: Time,
}
