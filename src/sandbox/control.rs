//! `/_sandbox/…`: what a judge in another process asks and changes.
//!
//! | request | does |
//! | --- | --- |
//! | `GET requests?tenant=&user=` | the log as a JSON array of [`LogEntry`](super::LogEntry) |
//! | `GET users?tenant=&provider=&id=` | the users as a JSON array of [`UserRecord`](super::UserRecord) |
//! | `GET settings?tenant=` | the tenant's [`Settings`](super::Settings) |
//! | `POST users` | puts the users of a [`Seed`] in |
//! | `POST settings` | lays its fields over the settings of its `tenant` |
//! | `POST faults` | a [`PlannedFault`](super::PlannedFault) with an optional `tenant` |
//! | `POST reset` | back to the start: its `tenant`, or all |
//!
//! Without `tenant`, the first three take the prefix's or all; those that change take the prefix's
//! or `default`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::hub::Sandbox;
use super::reply::{Reply, json, ok};
use super::request::SandboxRequest;
use super::settings::SandboxError;
use super::user::Seed;
use crate::domain::Time;

/// Where it is reached, after the tenant's prefix.
pub(super) const PREFIX: &str = "/_sandbox/";

pub(super) fn handle(sandbox: &mut Sandbox, request: &SandboxRequest, now: Time) -> Reply {
    let what = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let tenant = request.query("tenant").or_else(|| request.tenant.clone());
    let tenant = tenant.as_deref();
    let done = match (request.method(), what) {
        ("GET", "requests") => return requests(sandbox, tenant, request),
        ("GET", "users") => return users(sandbox, tenant, request, now),
        ("GET", "settings") => match sandbox.settings(tenant.unwrap_or_default(), now) {
            Ok(settings) => return to_json(&settings),
            Err(error) => Err(error),
        },
        ("POST", "users" | "settings" | "faults" | "reset") => change(sandbox, what, request, now),
        _ => return json(404, &json!({"error": "no such control"})),
    };
    match done {
        Ok(()) => ok(&json!({"ok": true})),
        Err(error) => json(400, &json!({"error": error.to_string()})),
    }
}

/// Does what the body of a request to change something says.
fn change(
    sandbox: &mut Sandbox,
    what: &str,
    request: &SandboxRequest,
    now: Time,
) -> Result<(), SandboxError> {
    let body = if request.body().is_empty() && what == "reset" {
        b"null"
    } else {
        request.body()
    };
    let mut value: Value = read(serde_json::from_slice(body), what)?;
    // A tenant that is no text stays in, to be refused with the unknown fields.
    let named = value["tenant"].as_str().map(str::to_owned);
    if what != "users" && named.is_some() {
        value.as_object_mut().map(|fields| fields.remove("tenant"));
    }
    let named = named.as_deref().filter(|name| !name.is_empty());
    let named = named.or(request.tenant.as_deref());
    let name = named.unwrap_or_default();
    match what {
        "users" => {
            let mut seed: Seed = read(serde_json::from_value(value), "the users to put in")?;
            name.clone_into(&mut seed.tenant);
            sandbox.seed(&seed, now)
        }
        "reset" => sandbox.reset(named, now),
        "faults" => {
            let fault = read(serde_json::from_value(value), "the fault")?;
            sandbox.plan(name, fault, now)
        }
        _ => sandbox.change(name, value, now),
    }
}

fn read<T: DeserializeOwned>(read: serde_json::Result<T>, what: &str) -> Result<T, SandboxError> {
    read.map_err(|error| SandboxError::unread(what, &error))
}

fn to_json(value: &impl Serialize) -> Reply {
    match serde_json::to_value(value) {
        Ok(value) => ok(&value),
        Err(error) => json(500, &json!({"error": error.to_string()})),
    }
}

fn requests(sandbox: &Sandbox, tenant: Option<&str>, request: &SandboxRequest) -> Reply {
    let mut entries = sandbox.log(tenant);
    if let Some(user) = request.query("user") {
        entries.retain(|entry| entry.concerns(&user));
    }
    to_json(&entries)
}

fn users(
    sandbox: &mut Sandbox,
    tenant: Option<&str>,
    request: &SandboxRequest,
    now: Time,
) -> Reply {
    let mut states = sandbox.users(tenant, now);
    if let Some(provider) = request.query("provider") {
        states.retain(|state| state.provider.name() == provider);
    }
    if let Some(id) = request.query("id") {
        states.retain(|state| state.id == id || state.external_id.as_ref() == Some(&id));
    }
    to_json(&states)
}
