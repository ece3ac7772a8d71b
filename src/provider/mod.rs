//! Domain ↔ HTTP, without sending anything: which request a step is, and what an answer means.
//!
//! Everything here is pure. A provider gets an [`Access`] and gives a [`Request`]; it gets a
//! [`Reply`] and gives a [`Verdict`]. It knows no clock, no socket, no retry and no other row.
//!
//! # What a provider must do
//!
//! - [`Provider::judge`] is total. Success needs the provider's own JSON, naming the same user where
//!   the API gives it. An answer that is not recognisably the provider's is [`Verdict::Transient`] with
//!   [`Transient::Unrecognised`]. It is never a success and never "no such user".
//! - It classifies by code and message, not by status. A 404 that speaks of a path or an app is
//!   about the account ([`Verdict::Account`]), not about the row.
//! - Where an answer alone cannot say (a refusal that may mean "deleted already"), it returns
//!   [`Verdict::Look`]. The user is then looked up for [`LookupFor::UnclearAnswer`], and
//!   [`RowEnd::after_lookup`] settles the step.
//! - Every request goes to the base in the [`Access`], never to an address found in an answer. The
//!   one exception is a token's answer that says where its API is (Zoho). It is held against a list
//!   of that provider's own hosts first.
//! - A [`Said`] holds the provider's code and fixed text only, cut, with addresses masked.
//!
//! # Code map
//!
//! [`build()`] turns an account's settings into its provider. A provider is its settings, with requests, the rule
//! for user ids and what headers say of limits: `sunco`, or the `mod` of `zendesk` and `zoho`. There `answers`
//! judges answers to a deletion, tells the caller and how a user stands, and `bulk` is one request for many users. `advice` is what people are told of them. `file` is every provider that a
//! file describes. The shared parts lie beside them: `http` (URLs that stay what they are, and headers), `auth`
//! (credentials and tokens), `body` (the kind of an answer, and users found in one), `detail` (the kept part of an answer). And `digits`
//! (ids that are numbers), `verdict` (also of a status without
//! JSON).

mod advice;
mod auth;
mod body;
mod build;
mod contract;
mod detail;
mod digits;
mod file;
mod http;
mod sunco;
mod verdict;
mod zendesk;
mod zoho;

pub use advice::{consequence, key_owner, outlived, remains, rights, token_warning};
pub use body::Found;
pub use build::{
    ProviderSettings, SuncoSettings, ZendeskCredentials, ZendeskSettings, ZohoSettings,
    blanks_count, build, check_id, defaults, ids_alike,
};
pub use contract::{
    Access, Authorize, Bulk, Identity, ItemEnd, JobState, JobsHint, LookupFor, PRIMARY_CONTACT,
    Provider, RateHint, RateHints, Token, UserLookup,
};
pub use file::{FileProblem, FileSettings, ProviderFile, span_of};
pub use http::{Reply, Request, base_url, is_loopback};
pub use verdict::{RowEnd, Scope, Transient, Verdict};
pub use zoho::ZOHO_DATA_CENTERS;

use crate::domain::Said;

/// The roles whose users are known to be protected, as `--include-role` calls them. The set is open: whoever
/// is no end user at Zendesk is protected, whatever the answer calls their role.
pub const KNOWN_ROLES: [&str; 9] = [
    "suspended",
    "agent",
    "light-agent",
    "admin",
    "administrator",
    "support-user",
    "system-user",
    "digital-employee",
    PRIMARY_CONTACT,
];
