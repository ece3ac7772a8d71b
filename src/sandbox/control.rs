//! `/_sandbox/…`: what a judge in another process asks and changes.
//!
//! | request | does |
//! | --- | --- |
//! | `GET requests?tenant=&user=` | the log as a JSON array of [`LogEntry`](super::LogEntry); `&format=jsonl`: one a line |
//! | `GET users?tenant=&provider=&id=` | the users as a JSON array of [`UserState`](super::UserState) |
//! | `GET settings?tenant=` | the tenant's [`Settings`](super::Settings) |
//! | `POST users` | puts the users of a [`Seed`] in |
//! | `POST settings` | lays its fields over the settings of its `tenant` |
//! | `POST faults` | a [`PlannedFault`] with an optional `tenant` |
//! | `POST reset` | back to the start: its `tenant`, or all |
//!
//! Without `tenant`, the first three take the prefix's or all; those that change take the prefix's
//! or `default`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::SandboxError;
use super::faults::PlannedFault;
use super::hub::Hub;
use super::message::{Reply, Request};
use super::seed::Seed;

/// Where it is reached, after the tenant's prefix.
pub(super) const PREFIX: &str = "/_sandbox/";

/// Answers a request for control. `tenant`: the prefix's; `None`: there was none.
pub(super) fn handle(hub: &mut Hub, tenant: Option<&str>, request: &Request) -> Reply {
    let what = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let asked = request.query("tenant").or(tenant);
    let answer = match (request.method.as_str(), what) {
        ("GET", "requests") => Ok(requests(hub, asked, request)),
        ("GET", "users") => Ok(users(hub, asked, request)),
        ("GET", "settings") => hub
            .settings(asked.unwrap_or_default())
            .map(|settings| shown(&settings)),
        ("POST", "users") => seed(hub, tenant, request),
        ("POST", "settings") => settings(hub, tenant, request),
        ("POST", "faults") => fault(hub, tenant, request),
        ("POST", "reset") => reset(hub, tenant, request),
        _ => return Reply::json(404, &json!({"error": "no such control"})),
    };
    answer.unwrap_or_else(|error| Reply::json(400, &json!({"error": told(&error)})))
}

/// An error with its causes, in one line.
fn told(error: &SandboxError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn shown(value: &impl Serialize) -> Reply {
    match serde_json::to_value(value) {
        Ok(value) => Reply::json(200, &value),
        Err(error) => Reply::json(500, &json!({"error": error.to_string()})),
    }
}

fn done() -> Reply {
    Reply::json(200, &json!({"ok": true}))
}

fn requests(hub: &Hub, tenant: Option<&str>, request: &Request) -> Reply {
    let mut entries = hub.log(tenant);
    if let Some(user) = request.query("user") {
        entries.retain(|entry| entry.concerns(user));
    }
    if request.query("format") != Some("jsonl") {
        return shown(&entries);
    }
    let mut lines = String::new();
    for entry in &entries {
        if let Ok(line) = serde_json::to_string(entry) {
            lines.push_str(&line);
            lines.push('\n');
        }
    }
    Reply::text(200, "application/x-ndjson", lines)
}

fn users(hub: &mut Hub, tenant: Option<&str>, request: &Request) -> Reply {
    let mut states = hub.users(tenant);
    if let Some(provider) = request.query("provider") {
        states.retain(|state| state.provider.name() == provider);
    }
    if let Some(id) = request.query("id") {
        states.retain(|state| state.id == id || state.external_id.as_deref() == Some(id));
    }
    shown(&states)
}

fn seed(hub: &mut Hub, tenant: Option<&str>, request: &Request) -> Result<Reply, SandboxError> {
    let mut seed: Seed = read(&request.body, "the users to put in")?;
    if seed.tenant.is_empty() {
        tenant.unwrap_or_default().clone_into(&mut seed.tenant);
    }
    hub.seed(&seed)?;
    Ok(done())
}

fn settings(hub: &mut Hub, tenant: Option<&str>, request: &Request) -> Result<Reply, SandboxError> {
    let mut change: Value = read(&request.body, "the settings")?;
    let named = take_tenant(&mut change);
    let name = named.as_deref().or(tenant).unwrap_or_default();
    hub.change(name, change)?;
    Ok(done())
}

fn fault(hub: &mut Hub, tenant: Option<&str>, request: &Request) -> Result<Reply, SandboxError> {
    let mut fault: Value = read(&request.body, "the fault")?;
    let named = take_tenant(&mut fault);
    let name = named.as_deref().or(tenant).unwrap_or_default();
    let fault: PlannedFault =
        serde_json::from_value(fault).map_err(|source| SandboxError::Json {
            what: "the fault",
            source,
        })?;
    hub.plan(name, fault)?;
    Ok(done())
}

fn reset(hub: &mut Hub, tenant: Option<&str>, request: &Request) -> Result<Reply, SandboxError> {
    let mut which = if request.body.is_empty() {
        Value::Null
    } else {
        read(&request.body, "what to reset")?
    };
    let named = take_tenant(&mut which);
    hub.reset(named.as_deref().or(tenant))?;
    Ok(done())
}

fn read<T: DeserializeOwned>(body: &[u8], what: &'static str) -> Result<T, SandboxError> {
    serde_json::from_slice(body).map_err(|source| SandboxError::Json { what, source })
}

/// Takes the field `tenant` out of an object; `None`: it has none.
fn take_tenant(value: &mut Value) -> Option<String> {
    let tenant = value.as_object_mut()?.remove("tenant")?;
    tenant.as_str().map(str::to_owned)
}
