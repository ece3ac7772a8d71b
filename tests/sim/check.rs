//! What must be true when all is over, in the words of the people who ordered it. The ledger is read
//! here line by line as plain JSON, by no code of the program.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::Value;
use userpurge::domain::{Action, ProviderKind};
use userpurge::sandbox::{Call, LogEntry};

use crate::case::{RowCase, ZENDESK_CALLER, ZOHO_CALLER};
use crate::world::{World, call_of};

/// A row's last outcome, as its ledger has it.
#[derive(Debug, Clone, Default)]
struct Told {
    outcome: String,
    code: String,
    settled: bool,
    at: String,
}

/// Checks everything that holds at the end of a seed.
///
/// # Errors
///
/// The first rule that is broken.
pub(crate) fn all(world: &mut World, is_finished: bool) -> Result<(), String> {
    let told = outcomes(world);
    quotas(world)?;
    let users = users(world);
    let log = world.sandbox.log(None);
    for row in world.case.rows.clone() {
        let about = |text: String| {
            format!(
                "row {} {:?} {} {}: {text}",
                row.row, row.action, row.id, world.case.accounts[row.account].name
            )
        };
        let it = told.get(&row.row).cloned().unwrap_or_default();
        if !row.is_planned {
            if it.outcome != "invalid" {
                return Err(about(format!("is not sent, and ended {:?}", it.outcome)));
            }
            continue;
        }
        if is_finished && it.outcome.is_empty() {
            return Err(about("is not accounted for".to_owned()));
        }
        let tenant = &world.case.accounts[row.account].tenant;
        let state = users.get(&(tenant.clone(), row.id.clone()));
        row_is_true(world, &row, &it, state.map(String::as_str), &log).map_err(about)?;
    }
    callers(world, &log)
}

fn outcomes(world: &World) -> BTreeMap<u64, Told> {
    let mut told = BTreeMap::new();
    for line in world.disk.bytes.split(|byte| *byte == b'\n') {
        let Ok(entry) = serde_json::from_slice::<Value>(line) else {
            continue;
        };
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let it = Told {
            outcome: text("outcome"),
            code: text("code"),
            settled: entry["settled"] == true,
            at: text("at"),
        };
        if entry["kind"] == "outcome" {
            told.insert(entry["row"].as_u64().unwrap_or_default(), it);
        } else if entry["kind"] == "unsent" {
            for row in entry["rows"].as_array().into_iter().flatten() {
                told.insert(row["row"].as_u64().unwrap_or_default(), it.clone());
            }
        }
    }
    told
}

fn users(world: &mut World) -> HashMap<(String, String), String> {
    let now = world.provider_time();
    let users = world.sandbox.users(None, now);
    users
        .into_iter()
        .map(|it| ((it.tenant, it.id), it.state))
        .collect()
}

/// Whether `state` is what `action` promises.
fn is_done(action: Action, state: Option<&str>) -> bool {
    matches!(
        (action, state),
        (_, None | Some("permanently-deleted" | "deleted"))
            | (Action::Delete, Some("soft-deleted"))
            | (Action::DeletePersonalInformation, Some("cleared"))
    )
}

fn row_is_true(
    world: &World,
    row: &RowCase,
    told: &Told,
    state: Option<&str>,
    log: &[LogEntry],
) -> Result<(), String> {
    let account = &world.case.accounts[row.account];
    let done = is_done(row.action, state);
    let effect = |call: Call| {
        log.iter().any(|it| {
            let is_call = it.step == call || (it.step == Call::DeleteMany && call == Call::Delete);
            // A request that was given up may come through after the row has ended.
            let is_late = it.at.to_string() > told.at;
            // Where our clock was set, nobody can tell by it.
            let is_early = told.outcome == "deleted" || (!is_late && world.case.clock_steps == 0);
            it.tenant == account.tenant && is_call && it.effect && is_early && it.concerns(&row.id)
        })
    };
    let last = row.action.steps().last().map(|step| call_of(step.name()));
    // A job is taken for many users, and may do nothing for some of them.
    let had_effect = last.is_some_and(effect) && done;
    // An answer that got lost or was nobody's leaves open what was done: then `failed` says only that
    // every attempt met an error.
    let is_clear = world.case.lost_per_mille == 0
        && world.case.latency_ms.1 < 20_000
        && !log
            .iter()
            .any(|it| it.fault.is_some() && it.concerns(&row.id));
    let shares = world
        .case
        .rows
        .iter()
        .filter(|it| {
            it.is_planned
                && it.id == row.id
                && world.case.accounts[it.account].tenant == account.tenant
        })
        .count()
        > 1;
    match told.outcome.as_str() {
        "deleted" | "already_gone" if !done => {
            Err(format!("ended {} and the user is {state:?}", told.outcome))
        }
        "deleted" if !had_effect && !shares && !told.settled => {
            Err("ended deleted, and no request of ours did it".to_owned())
        }
        "not_found"
            if state.is_some_and(|it| it == "active" || it == "inactive")
                && row.action != Action::PermanentlyDelete =>
        {
            Err(format!(
                "ended not_found ({}), and the user is {state:?}",
                told.code
            ))
        }
        "failed" if had_effect && is_clear && !shares => {
            Err("ended failed, and a request of ours did it".to_owned())
        }
        "refused" if had_effect && !shares => {
            Err("ended refused, and a request of ours did it".to_owned())
        }
        "protected"
            if state != Some("active")
                && row
                    .action
                    .steps()
                    .iter()
                    .any(|step| effect(call_of(step.name())))
                && !shares =>
        {
            Err("ended protected, and was touched".to_owned())
        }
        "" | "deleted" | "already_gone" | "not_found" | "failed" | "refused" | "protected"
        | "in_doubt" => Ok(()),
        other => Err(format!("ended {other}")),
    }
}

/// Nobody deletes the account that asks.
fn callers(world: &World, log: &[LogEntry]) -> Result<(), String> {
    for it in log.iter().filter(|it| it.step.deletes() && it.effect) {
        let provider = it.provider;
        let caller = match provider {
            Some(ProviderKind::Zendesk) => ZENDESK_CALLER,
            Some(ProviderKind::Zoho) => ZOHO_CALLER,
            Some(ProviderKind::Sunco) | None => continue,
        };
        if it.concerns(caller) {
            return Err(format!("the caller was deleted at {}", it.tenant));
        }
    }
    let _ = world;
    Ok(())
}

/// No window of the provider's clock is overrun: where it keeps the quota that we know, it refuses none.
fn quotas(world: &World) -> Result<(), String> {
    if !world.case.is_strict {
        return Ok(());
    }
    let log = world.sandbox.log(None);
    let refused = log
        .iter()
        .find(|it| it.status == Some(429) && it.fault.is_none());
    match refused {
        None => Ok(()),
        Some(it) => {
            if std::env::var("SIM_VERBOSE").is_ok() {
                for line in log
                    .iter()
                    .filter(|line| line.tenant == it.tenant && line.seq <= it.seq)
                {
                    eprintln!(
                        "{} {} {} {:?} {:?}",
                        line.at, line.method, line.path, line.status, line.fault
                    );
                }
            }
            Err(format!(
                "a request was over the quota at {}: {} {} ({})",
                it.at, it.method, it.path, it.tenant
            ))
        }
    }
}

/// How long a seed may take at most.
pub(crate) fn time_max(world: &World) -> Duration {
    let rows = world.case.rows.len() as u64;
    // The slowest quotas give 20 in a minute, and a row takes three requests and as many attempts.
    let quota = Duration::from_secs(rows * 3 * 6 * 3);
    quota + Duration::from_hours(24 * 20)
}
