//! Sunshine Conversations, v2: deleting a user with their conversations, or only the profile.
//!
//! Facts: the vendor's specification, <https://developer.zendesk.com/api-reference/conversations/>.
//! A deletion is asynchronous there: the answer says that it was taken, a webhook when it is done.

mod ids;
mod judge;
mod lookups;
mod provider;
mod reads;
mod requests;

pub(in crate::provider) use ids::{blanks_count, check as check_id};
pub(super) use provider::{Sunco, defaults};
