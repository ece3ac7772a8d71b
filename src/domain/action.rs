//! Providers, the actions each offers, and the steps an action is made of.

use std::str::FromStr;

use super::names::{named, open_named};

open_named! {
    /// A provider this program can purge users at.
    pub enum ProviderKind {
        /// Zendesk Support.
        Zendesk = "zendesk",
        /// Sunshine Conversations, v2.
        Sunco = "sunco",
        /// Zoho CRM.
        Zoho = "zoho",
    }
}

named! {
    /// The keys by which a file names people when it has no user ids.
    pub enum FindBy {
        /// By an e-mail address.
        Email = "email",
        /// By another system's id.
        ExternalId = "external-id",
    }
}

impl ProviderKind {
    /// The name people know it by.
    pub fn title(self) -> &'static str {
        match self {
            Self::Zendesk => "Zendesk Support",
            Self::Sunco => "Sunshine Conversations",
            Self::Zoho => "Zoho CRM",
            Self::Own(name) => name.provider().map_or(name.as_str(), |it| &it.title),
        }
    }

    /// Whether its API takes another system's id of a user in place of its own.
    pub const fn takes_external_ids(self) -> bool {
        match self {
            Self::Sunco => true,
            Self::Zendesk | Self::Zoho | Self::Own(_) => false,
        }
    }

    /// Whether it can be asked for the users of such keys.
    pub fn finds(self, by: FindBy) -> bool {
        match self {
            Self::Zendesk | Self::Sunco => true,
            Self::Zoho => matches!(by, FindBy::Email),
            Self::Own(name) => name.provider().is_some_and(|it| it.finds.contains(&by)),
        }
    }

    /// The actions a row may ask of this provider.
    pub fn actions(self) -> &'static [Action] {
        match self {
            Self::Zendesk => &[Action::Delete, Action::PermanentlyDelete, Action::Purge],
            Self::Sunco => &[Action::DeletePersonalInformation, Action::Delete],
            Self::Zoho => &[Action::Delete],
            Self::Own(name) => name.provider().map_or(&[], |it| &it.actions),
        }
    }
}

impl FromStr for ProviderKind {
    type Err = ();

    /// Of those that this program brings itself. Case makes no difference.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name().eq_ignore_ascii_case(text))
            .ok_or(())
    }
}

open_named! {
    /// The action that a row asks for its user.
    pub enum Action {
        /// Zendesk: soft delete. Sunshine Conversations and Zoho: delete.
        Delete = "delete",
        /// Zendesk: permanently delete a user who is soft-deleted already.
        PermanentlyDelete = "permanently-delete",
        /// Zendesk: [`Action::Delete`], then [`Action::PermanentlyDelete`].
        Purge = "purge",
        /// Sunshine Conversations: clear the profile, keep the user and the conversations.
        DeletePersonalInformation = "delete-personal-information",
    }
}

impl Action {
    /// The action and its number of users, such as `delete 3 users`.
    pub fn of_users(self, users: u64) -> String {
        let of = ["", "of "][usize::from(self == Self::DeletePersonalInformation)];
        format!("{self} {of}{}", crate::words::count(users, "user"))
    }

    /// The effect of the action, in a few words.
    pub const fn effect(self) -> &'static str {
        match self {
            Self::Delete => "soft delete at Zendesk, elsewhere for good",
            Self::PermanentlyDelete => "soft-deleted users for good",
            Self::Purge => "soft delete, then for good",
            Self::DeletePersonalInformation => "clears the profile, keeps the user",
            Self::Own(_) => "as its provider file says",
        }
    }

    /// The calls this action is made of, in order. Empty: it is of a provider file that was not read.
    pub fn steps(self) -> &'static [Step] {
        match self {
            Self::Delete => &[Step::Delete],
            Self::PermanentlyDelete => &[Step::PermanentlyDelete],
            Self::Purge => &[Step::Delete, Step::PermanentlyDelete],
            Self::DeletePersonalInformation => &[Step::DeletePersonalInformation],
            Self::Own(name) => name.steps(),
        }
    }

    /// The one of `offered` called `text`. Case, blanks, `_` and `-` make no difference, as with header
    /// names.
    pub fn among(offered: &[Self], text: &str) -> Option<Self> {
        fn letters(text: &str) -> impl Iterator<Item = char> {
            text.chars()
                .filter(|c| !matches!(c, ' ' | '_' | '-'))
                .flat_map(char::to_lowercase)
        }
        let find = |is_it: &dyn Fn(&str) -> bool| {
            let mut offered = offered.iter();
            offered.find(|action| is_it(action.name())).copied()
        };
        // Most are written just so.
        find(&|name| name == text).or_else(|| find(&|name| letters(name).eq(letters(text))))
    }
}

open_named! {
    /// One call of a task. The name is a key under `limits` in the configuration, too.
    pub enum Step {
        /// The provider's plain delete (Zendesk: soft delete).
        Delete = "delete",
        /// Zendesk's second, final delete.
        PermanentlyDelete = "permanently-delete",
        /// Sunshine Conversations' clearing of the profile.
        DeletePersonalInformation = "delete-personal-information",
    }
}
