//! Sunshine Conversations' behaviour: the users of one app, their deletion and clearing, keys.
//!
//! [`Conversations`] is the state machine, [`route`] reads requests, [`key`] judges credentials.
//! Source: the official specification, 17.12 (<https://docs.smooch.io/rest/>). The vendor publishes
//! neither limits nor the headers of a 429.

mod conversations;
mod key;
mod route;

#[cfg(test)]
mod tests;

pub(super) use conversations::Conversations;
pub(super) use route::Route;
