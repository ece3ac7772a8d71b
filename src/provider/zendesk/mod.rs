//! Zendesk Support: soft deletion, permanent deletion, and the reads around them.
//!
//! Facts and where they come from: <https://developer.zendesk.com/api-reference/ticketing/users/users/>,
//! <https://developer.zendesk.com/api-reference/ticketing/users/deleted_users/> and, for limits,
//! <https://developer.zendesk.com/api-reference/introduction/rate-limits/>. It does not do bulk
//! jobs: every user is a request and an answer of their own.

mod ids;
mod judge;
mod limits;
mod provider;
mod reads;
mod requests;
mod standings;
mod token;

pub(in crate::provider) use ids::check as check_id;
pub(super) use provider::{Zendesk, defaults};
