//! Zendesk Support's behaviour: users and their two deletions, jobs, callers, limits.
//!
//! [`answers`] writes bodies. Sources: the Support API reference
//! (<https://developer.zendesk.com/api-reference/ticketing/users/users/>) and real traffic.

pub(super) mod answers;
mod caller;
mod jobs;
mod support;
mod users;

#[cfg(test)]
mod tests;

pub(super) use support::Support;
