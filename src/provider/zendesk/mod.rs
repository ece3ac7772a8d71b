//! Zendesk Support: soft deletion, permanent deletion, and the reads around them.
//!
//! Facts and where they come from: <https://developer.zendesk.com/api-reference/ticketing/users/users/>,
//! <https://developer.zendesk.com/api-reference/ticketing/users/deleted_users/> and, for limits,
//! <https://developer.zendesk.com/api-reference/introduction/rate-limits/>. Many soft
//! deletions go out in one request, `bulk`; permanent ones each in their own, as the API has it.

mod bulk;
mod ids;
mod judge;
mod limits;
mod lookups;
mod provider;
mod reads;
mod requests;
mod token;

pub(in crate::provider) use ids::check as check_id;
pub(super) use provider::{Zendesk, defaults};
