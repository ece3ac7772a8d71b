//! Zoho CRM: deleting users of the organisation, one a request, by an OAuth client.
//!
//! Facts: <https://www.zoho.com/crm/developer/docs/api/v8/delete-user.html>, the same in every
//! version, and the vendor's `OpenAPI` files. It does not move records to other users: the
//! deleted user stays their owner.

mod data_centre;
mod ids;
mod judge;
mod lookups;
mod provider;
mod reads;
mod requests;
mod token;

pub(in crate::provider) use ids::check as check_id;
pub(super) use provider::{Zoho, defaults};
