//! Newtypes for everything that names something.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

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

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
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
    /// A job's id at its provider, as text. Cheap to clone. It has passed the provider's check: it
    /// may stand in a URL.
    JobId
}
text_id! {
    /// A run's id: a UUID of version 7, so that ids sort by time.
    RunId
}
