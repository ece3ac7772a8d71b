//! Providers, the actions each offers, and the steps an action is made of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A provider this program can purge users at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Zendesk Support.
    Zendesk,
    /// Sunshine Conversations, v2.
    Sunco,
    /// Zoho CRM.
    Zoho,
}

impl ProviderKind {
    /// Every provider, in the order reports list them.
    pub const ALL: [Self; 3] = [Self::Zendesk, Self::Sunco, Self::Zoho];

    /// The name that rows and the configuration use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zendesk => "zendesk",
            Self::Sunco => "sunco",
            Self::Zoho => "zoho",
        }
    }

    /// The name people know it by.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Zendesk => "Zendesk Support",
            Self::Sunco => "Sunshine Conversations",
            Self::Zoho => "Zoho CRM",
        }
    }

    /// Whether its API takes another system's id of a user in place of its own.
    pub const fn takes_external_ids(self) -> bool {
        match self {
            Self::Sunco => true,
            Self::Zendesk | Self::Zoho => false,
        }
    }

    /// The actions a row may ask of this provider.
    pub const fn actions(self) -> &'static [Action] {
        match self {
            Self::Zendesk => &[Action::Delete, Action::PermanentlyDelete, Action::Purge],
            Self::Sunco => &[Action::DeletePersonalInformation, Action::Delete],
            Self::Zoho => &[Action::Delete],
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ProviderKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(text))
            .ok_or(())
    }
}

/// What a row asks to be done to its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Zendesk: soft delete. Sunshine Conversations and Zoho: delete.
    Delete,
    /// Zendesk: permanently delete a user who is soft-deleted already.
    PermanentlyDelete,
    /// Zendesk: [`Action::Delete`], then [`Action::PermanentlyDelete`].
    Purge,
    /// Sunshine Conversations: clear the profile, keep the user and the conversations.
    DeletePersonalInformation,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [
        Self::Delete,
        Self::PermanentlyDelete,
        Self::Purge,
        Self::DeletePersonalInformation,
    ];

    /// The name that rows and the configuration use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::PermanentlyDelete => "permanently-delete",
            Self::Purge => "purge",
            Self::DeletePersonalInformation => "delete-personal-information",
        }
    }

    /// The calls this action is made of, in order. Never empty.
    pub const fn steps(self) -> &'static [Step] {
        match self {
            Self::Delete => &[Step::Delete],
            Self::PermanentlyDelete => &[Step::PermanentlyDelete],
            Self::Purge => &[Step::Delete, Step::PermanentlyDelete],
            Self::DeletePersonalInformation => &[Step::DeletePersonalInformation],
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Action {
    type Err = ();

    /// Case, blanks, `_` and `-` make no difference, as with header names.
    fn from_str(text: &str) -> Result<Self, ()> {
        fn letters(text: &str) -> impl Iterator<Item = char> {
            text.chars()
                .filter(|c| !matches!(c, ' ' | '_' | '-'))
                .flat_map(char::to_lowercase)
        }
        let as_written = Self::ALL.into_iter().find(|action| action.name() == text);
        as_written
            .or_else(|| {
                let mut all = Self::ALL.into_iter();
                all.find(|action| letters(action.name()).eq(letters(text)))
            })
            .ok_or(())
    }
}

/// One call of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The provider's plain delete (Zendesk: soft delete).
    Delete,
    /// Zendesk's second, final delete.
    PermanentlyDelete,
    /// Sunshine Conversations' clearing of the profile.
    DeletePersonalInformation,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 3] = [
        Self::Delete,
        Self::PermanentlyDelete,
        Self::DeletePersonalInformation,
    ];

    /// The name used in ledgers and as a key under `limits` in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::PermanentlyDelete => "permanently-delete",
            Self::DeletePersonalInformation => "delete-personal-information",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
