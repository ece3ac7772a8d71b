//! `/_sandbox/…`: what a judge in another process asks and changes.
//!
//! | request | does |
//! | --- | --- |
//! | `GET requests?tenant=&user=` | the log as a JSON array of [`LogEntry`](super::LogEntry); `&format=jsonl`: one a line |
//! | `GET users?tenant=&provider=&id=` | the users as a JSON array of [`UserState`](super::UserState) |
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

use super::error::SandboxError;
use super::hub::Sandbox;
use super::message::{Reply, Request};
use super::seed::Seed;
use crate::domain::Time;

/// Where it is reached, after the tenant's prefix.
pub(super) const PREFIX: &str = "/_sandbox/";

/// Answers a request for control. `tenant`: the prefix's; `None`: there was none.
pub(super) fn handle(
    sandbox: &mut Sandbox,
    tenant: Option<&str>,
    request: &Request,
    now: Time,
) -> Reply {
    let what = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let asked = request.query("tenant").or(tenant);
    let done = match (request.method.as_str(), what) {
        ("GET", "requests") => return requests(sandbox, asked, request),
        ("GET", "users") => return users(sandbox, asked, request, now),
        ("GET", "settings") => match sandbox.settings(asked.unwrap_or_default(), now) {
            Ok(settings) => return shown(&settings),
            Err(error) => Err(error),
        },
        ("POST", "users" | "settings" | "faults" | "reset") => {
            change(sandbox, what, tenant, &request.body, now)
        }
        _ => return Reply::json(404, &json!({"error": "no such control"})),
    };
    match done {
        Ok(()) => Reply::json(200, &json!({"ok": true})),
        Err(error) => Reply::json(400, &json!({"error": causes(&error)})),
    }
}

/// Does what the `body` of a request to change something says.
fn change(
    sandbox: &mut Sandbox,
    what: &str,
    tenant: Option<&str>,
    body: &[u8],
    now: Time,
) -> Result<(), SandboxError> {
    if what == "users" {
        let mut seed: Seed = read(body, "the users to put in")?;
        if seed.tenant.is_empty() {
            tenant.unwrap_or_default().clone_into(&mut seed.tenant);
        }
        return sandbox.seed(&seed, now);
    }
    let mut value = match (what, body) {
        ("reset", []) => Value::Null,
        ("reset", _) => read(body, "what to reset")?,
        ("faults", _) => read(body, "the fault")?,
        _ => read(body, "the settings")?,
    };
    let named = take_tenant(&mut value);
    let named = named.as_deref().or(tenant);
    let name = named.unwrap_or_default();
    match what {
        "reset" => sandbox.reset(named, now),
        "faults" => {
            let fault = serde_json::from_value(value).map_err(|source| SandboxError::Json {
                what: "the fault",
                source,
            })?;
            sandbox.plan(name, fault, now)
        }
        _ => sandbox.change(name, value, now),
    }
}

/// An error with its causes, in one line.
fn causes(error: &SandboxError) -> String {
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

fn requests(sandbox: &Sandbox, tenant: Option<&str>, request: &Request) -> Reply {
    let mut entries = sandbox.log(tenant);
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

fn users(sandbox: &mut Sandbox, tenant: Option<&str>, request: &Request, now: Time) -> Reply {
    let mut states = sandbox.users(tenant, now);
    if let Some(provider) = request.query("provider") {
        states.retain(|state| state.provider.name() == provider);
    }
    if let Some(id) = request.query("id") {
        states.retain(|state| state.id == id || state.external_id.as_deref() == Some(id));
    }
    shown(&states)
}

fn read<T: DeserializeOwned>(body: &[u8], what: &'static str) -> Result<T, SandboxError> {
    serde_json::from_slice(body).map_err(|source| SandboxError::Json { what, source })
}

/// Takes the field `tenant` out of an object; `None`: it has none. One that is no text stays in, to
/// be refused with the unknown fields.
fn take_tenant(value: &mut Value) -> Option<String> {
    let name = value.get("tenant")?.as_str()?.to_owned();
    value.as_object_mut()?.remove("tenant");
    Some(name)
}
