//! Domain ↔ HTTP, without sending anything: which request a step is, and what an answer means.
//!
//! Everything here is pure. A provider gets an [`Access`] and gives a [`Request`]; it gets a
//! [`Reply`] and gives a [`Verdict`]. It knows no clock, no socket, no retry and no other row.
//!
//! # What a provider must do
//!
//! - [`Provider::judge`] is total. Success needs the provider's own JSON, naming the same user
//!   where the API gives it; an answer that is not recognisably the provider's is
//!   [`Verdict::Moment`] with [`Moment::Unrecognised`], never a success and never "no such user".
//! - It classifies by code and message, not by status. A 404 that speaks of a path or an app is
//!   about the account ([`Verdict::Account`]), not about the row.
//! - Where an answer alone cannot say (a refusal that may mean "deleted already"), it returns
//!   [`Verdict::Look`]; the pipeline then sends [`Provider::look`] and settles with
//!   [`RowEnd::after_look`].
//! - Every request goes to the base in the [`Access`], never to an address found in an answer.
//! - A [`Detail`] holds the provider's code and fixed text only, cut, with addresses masked.

mod contract;
mod http;
mod settings;
mod verdict;

pub use contract::{
    Access, Authorize, Defaults, Identity, Provider, RateHint, RateHints, Token, TokenRefused,
};
pub use http::{Reply, Request};
pub use settings::{
    ProviderSettings, SuncoAuth, SuncoSettings, ZendeskCredentials, ZendeskSettings, ZohoSettings,
};
pub use verdict::{Detail, Moment, RowEnd, Scope, Seen, Verdict};
