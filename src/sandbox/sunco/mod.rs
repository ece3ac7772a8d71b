//! Sunshine Conversations' behaviour: the users of one app, their deletion and clearing, keys.
//!
//! Source: the official specification, 17.12 (<https://docs.smooch.io/rest/>). The vendor publishes
//! neither limits nor the headers of a 429.

mod conversations;
mod key;

#[cfg(test)]
mod tests;

pub(super) use conversations::Conversations;
