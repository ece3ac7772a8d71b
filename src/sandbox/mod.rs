//! The three providers' behaviour, for tests and for trying things out: pure state machines, and a
//! loopback server over them.
//!
//! It is an independent second reading of the providers' documentation, so it imports nothing of the program
//! but [`domain`](crate::domain). A provider file alone is read by the program's own reader. It judges the
//! program: it keeps true state per user, enforces quotas strictly, breaks connections on purpose, and tells
//! afterwards what arrived.
//!
//! ```text
//! server (axum, sockets, latency) ──▶ hub (tenants, log) ──▶ faults? ──▶ zendesk · sunco · zoho
//! ```
//!
//! * `zendesk`, `sunco` and `zoho` are plain state machines: a request and the time go in, a reply
//!   comes out. No IO and no clock of their own. `request` tells what is asked of whom, and what is logged.
//! * `file` serves a provider file by its own examples. `stock` is what an input file puts in.
//! * `user` is a user as it truly stands, `settings` keeps quotas, `faults` breaks what goes right.
//! * `hub` is [`Sandbox`]: it takes a request to its tenant and provider. [`Sandbox::handle`] is the
//!   door for whoever has a clock of their own; `server` is the only part that knows of sockets.
//! * `control` answers the judge.
//!
//! A prefix `/t/{name}` before any path means the tenant `name`, which has users, quotas and
//! settings of its own; without it, the tenant is `default`. `/_sandbox/…` is for the judge: what
//! arrived, who stands, seeding users and changing the weather.
//!
//! **Invariant**: it listens on loopback only, and what it accepts as credentials is public.
//!
//! It does not call anybody, and keeps nothing on disk. It does not check whether the program under
//! test did right: that is for the tests that read its log.

mod control;
mod faults;
mod file;
mod hub;
mod reply;
mod request;
mod server;
mod settings;
mod stock;
mod sunco;
mod user;
mod zendesk;
mod zoho;

pub use faults::{Fault, Faults, PlannedFault};
pub use hub::{Delivery, Sandbox};
pub use reply::Reply;
pub use request::{Call, LogEntry};
pub use server::Running;
pub use settings::{
    Latency, QuotaMode, SandboxError, SandboxOptions, Settings, SuncoSandbox, ZendeskCaller,
    ZendeskSandbox, ZohoSandbox,
};
pub use stock::{DEMO_ACCOUNTS, DEMO_CSV, Stock, config};
pub use user::{Seed, UserRecord, UserSeed, UserStatus};
