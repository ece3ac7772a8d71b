//! Zoho CRM's behaviour: users and why they cannot be deleted, tokens, credits.
//!
//! out tokens, [`answers`] writes bodies. Sources: the CRM API reference
//! (<https://www.zoho.com/crm/developer/docs/api/v8/delete-user.html>) and its `OpenAPI` examples.

pub(super) mod answers;
mod crm;
mod oauth;
mod users;

#[cfg(test)]
mod tests;

pub(super) use crm::Crm;
