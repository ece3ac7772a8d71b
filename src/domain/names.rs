//! Names: enums whose variants have one name each, in ledgers, options and reports, the names that provider
//! files bring, and the ids of everything else. It also shows people text that came from outside (an id, a
//! reference, a file's name, a provider's words). Nothing in such text acts on the place that shows it.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::{Action, FindBy, Step};

/// A text in JSON, which is copied only if it holds an escape; serde's own `Cow` always copies.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Has ledgers and settings keep a value as the text that it displays as and parses from.
macro_rules! kept_as_text {
    ($Type:ty) => {
        impl serde::Serialize for $Type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let crate::domain::Text(text) = serde::Deserialize::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Text::deserialize(deserializer).map(|Text(text)| Self(text.into()))
            }
        }

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

text_id! {
    /// An account's name in the configuration. Cheap to clone.
    AccountName
}
text_id! {
    /// A provider's user id, as text and never as a number: 19 digits do not fit a float.
    /// Cheap to clone. One that stands in a [`Task`](super::Task) has passed its provider's check.
    UserId
}
text_id! {
    /// A job's id at its provider, as text, checked: it may stand in a URL. Cheap to clone.
    JobId
}
text_id! {
    /// A run's id: a UUID of version 7, so that ids sort by time.
    RunId
}

/// Defines an enum by names: `ALL`, `name()`, `index()`, `Display`, and serde by the same names. Where words stand
/// behind each name, `describe()` too.
macro_rules! named {
    (
        $(#[$about:meta])*
        pub enum $Enum:ident {
            $($(#[$doc:meta])* $Variant:ident = $name:literal: $words:literal,)+
        }
    ) => {
        $crate::domain::named! {
            $(#[$about])*
            pub enum $Enum { $($(#[$doc])* $Variant = $name,)+ }
        }

        impl $Enum {
            /// In words, as a lower-case fragment.
            pub const fn describe(self) -> &'static str {
                match self {
                    $(Self::$Variant => $words,)+
                }
            }
        }
    };
    (
        $(#[$about:meta])*
        pub enum $Enum:ident {
            $($(#[$doc:meta])* $Variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $Enum {
            $($(#[$doc])* #[serde(rename = $name)] $Variant,)+
        }

        impl $Enum {
            /// Every variant, in the order reports list them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$Variant),+];

            /// The name in ledgers, options and reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }

            /// The index in `ALL`.
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

/// Defines an enum by names, like [`named!`], that takes names of provider files as well.
macro_rules! open_named {
    (
        $(#[$about:meta])*
        pub enum $Enum:ident {
            $($(#[$doc:meta])* $Variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $Enum {
            $($(#[$doc])* $Variant,)+
            /// Of a provider file.
            Own(crate::domain::names::Name),
        }

        impl $Enum {
            /// Every variant that this program brings itself, in the order reports list them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$Variant),+];

            /// The name in ledgers, options and reports.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                    Self::Own(name) => name.as_str(),
                }
            }

            /// The one of this name, written just so. It need not exist in any provider file. `None`: it
            /// can be no name, or there are too many.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$Variant),)+
                    _ => crate::domain::names::Name::new(name).map(Self::Own),
                }
            }
        }

        impl std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl serde::Serialize for $Enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Enum {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let crate::domain::Text(name) = serde::Deserialize::deserialize(deserializer)?;
                let none = || serde::de::Error::custom(format!("{name:?} can be no name here"));
                Self::named(&name).ok_or_else(none)
            }
        }
    };
}

pub(crate) use {kept_as_text, named, open_named};

/// How many different names of provider files one process can tell apart.
const NAMES_MAX: usize = 128;

/// The names, each in the first place that was free. Whoever reads a ledger needs no provider file for them.
static NAMES: [OnceLock<Box<str>>; NAMES_MAX] = [const { OnceLock::new() }; NAMES_MAX];
/// The steps of the action that has the name in the same place.
static STEPS: [OnceLock<Vec<Step>>; NAMES_MAX] = [const { OnceLock::new() }; NAMES_MAX];
/// The provider that has the name in the same place.
static PROVIDERS: [OnceLock<ProviderFacts>; NAMES_MAX] = [const { OnceLock::new() }; NAMES_MAX];

/// The facts that a provider file tells people about its provider.
#[derive(Debug, PartialEq, Eq)]
pub struct ProviderFacts {
    /// The name people know it by.
    pub title: String,
    /// The actions it offers.
    pub actions: Vec<Action>,
    /// The effect of each of them on a user, and whether it can be undone.
    pub consequences: Vec<String>,
    /// The keys by which it can be asked for users.
    pub finds: Vec<FindBy>,
}

/// A name that a provider file brought, of a provider, an action or a step. It is one byte, so that it can
/// stand wherever a name of this program's own can. Its text is kept once, for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(u8);

impl Name {
    /// The longest name, in characters; it stands in every line of a ledger.
    pub const CHARS_MAX: usize = 64;

    /// The name `text`; `None`: it is no word of lower-case letters, digits and inner hyphens, or there
    /// are too many names.
    pub fn new(text: &str) -> Option<Self> {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=Self::CHARS_MAX).contains(&text.len()) && text.bytes().all(is_part);
        if !is_name || text.starts_with('-') || text.ends_with('-') {
            return None;
        }
        let is_it = |slot: &OnceLock<Box<str>>| **slot.get_or_init(|| text.into()) == *text;
        let index = NAMES.iter().position(is_it)?;
        u8::try_from(index).ok().map(Self)
    }

    /// The text.
    pub fn as_str(self) -> &'static str {
        NAMES[usize::from(self.0)].get().map_or("", |text| text)
    }

    /// The steps of the action of this name; none: no provider file that was read has it.
    pub fn steps(self) -> &'static [Step] {
        STEPS[usize::from(self.0)].get().map_or(&[], Vec::as_slice)
    }

    /// Says what the steps of the action of this name are; `false`: they are others.
    pub fn set_steps(self, steps: &[Step]) -> bool {
        STEPS[usize::from(self.0)].get_or_init(|| steps.to_vec()) == steps
    }

    /// The provider of this name; `None`: no provider file that was read has it.
    pub fn provider(self) -> Option<&'static ProviderFacts> {
        PROVIDERS[usize::from(self.0)].get()
    }

    /// Says what the provider of this name is; `false`: it is another.
    pub fn set_provider(self, facts: ProviderFacts) -> bool {
        let place = &PROVIDERS[usize::from(self.0)];
        place.get() == Some(&facts) || place.set(facts).is_ok()
    }
}

/// `text` with every character written out that acts on a terminal or hides from the reader, such as
/// `\u001b`. Line feeds and tabs stay, and JSON remains the same JSON.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Whether `c` moves the cursor, changes colours or the direction of writing, or cannot be seen.
fn acts(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}
