//! What must be true when all is over, in the words of the people who ordered it. The ledger is read
//! here line by line as plain JSON, by no code of the program, but where its own state of it is judged.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::Value;
use userpurge::domain::{Action, OutcomeEntry, ProviderKind, Quota, Time};
use userpurge::ledger::LedgerState;
use userpurge::sandbox::{Call, Fault, LogEntry};

use crate::case::Key;
use crate::file::{Meant, RowCase};
use crate::plan::ledger_path;
use crate::wire::call_of;
use crate::world::{User, World};

/// A row's last outcome, as its ledger has it.
#[derive(Debug, Clone, Default)]
struct Told {
    outcome: String,
    code: String,
    settled: bool,
    at: String,
    /// What a verification found since.
    finding: String,
}

/// Checks everything that holds at the end of a run, or of a command after it.
///
/// # Errors
///
/// The first rule that is broken.
pub(crate) fn all(world: &mut World, is_finished: bool) -> Result<(), String> {
    let bytes = world.disk.bytes();
    chain(&bytes)?;
    let told = outcomes(&bytes);
    let log = world.sandbox.log(None);
    quotas(world, &log)?;
    let users = users(world)?;
    half_done(world, &users)?;
    let faulty = faulty(&log);
    let sharing = sharing(world);
    for (row, meant) in world.this_run().rows.iter().zip(&world.meant) {
        let account = &world.case.accounts[row.account];
        let about = |text: String| {
            format!(
                "row {} {:?} {} {}: {text}",
                row.row, row.action, row.id, account.name
            )
        };
        let it = told.get(&row.row).cloned().unwrap_or_default();
        match meant {
            Meant::Ends(outcome) if it.outcome != *outcome => {
                return Err(about(format!(
                    "must end {outcome}, and ended {:?}",
                    it.outcome
                )));
            }
            Meant::Spared(outcome) if it.outcome != *outcome && !it.outcome.is_empty() => {
                return Err(about(format!(
                    "must end {outcome}, and ended {:?}",
                    it.outcome
                )));
            }
            Meant::Ends(_) => continue,
            Meant::Spared(_) | Meant::Sent => {}
        }
        if it.outcome.is_empty() {
            if is_finished {
                return Err(about("is not accounted for".to_owned()));
            }
            continue;
        }
        if *meant != Meant::Sent {
            continue;
        }
        let key = (account.tenant.clone(), row.id.clone());
        let state = users.get(&key).map(String::as_str);
        let facts = Facts {
            state,
            is_clear: is_clear(world)
                && !faulty.contains_key(&key)
                && !world.disturbed.contains(&key),
            shares: sharing.get(&key).is_some_and(|count| *count > 1),
        };
        row_is_true(world, row, &it, &facts)
            .map_err(about)
            .inspect_err(|_| {
                if std::env::var("SIM_VERBOSE").is_ok() {
                    tell(world, &key, row.row, &bytes, &log);
                }
            })?;
    }
    counts(world, &bytes, &told, is_finished)
}

/// Prints what happened to a user: lines of the ledger about the row, and what arrived about the user.
fn tell(world: &World, key: &User, row: u64, bytes: &[u8], log: &[LogEntry]) {
    eprintln!("effects: {:?}", world.effects.get(key));
    let number = format!("\"row\":{row},");
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines().filter(|line| {
        line.contains(&number)
            || ["session", "agreed", "job", "end"]
                .iter()
                .any(|kind| line.starts_with(&format!("{{\"kind\":\"{kind}\"")))
    }) {
        eprintln!(
            "{}",
            line.split(",\"chain\"")
                .next()
                .unwrap_or_default()
                .chars()
                .take(300)
                .collect::<String>()
        );
    }
    let is_about = |it: &&LogEntry| {
        it.tenant == key.0
            && (it.user.as_ref() == Some(&key.1)
                || it.users.contains(&key.1)
                || it.path.contains(&key.1))
    };
    for it in log.iter().filter(is_about) {
        eprintln!(
            "{} {} {} {:?} {:?}",
            it.at,
            it.method,
            it.path.chars().take(100).collect::<String>(),
            it.status,
            it.fault,
        );
    }
}

/// Of the ledger of an earlier run: what it shows as good.
pub(crate) fn good(world: &World, run: usize) -> Result<Vec<Key>, String> {
    let path = world.folder.join(format!("{run}.jsonl"));
    let bytes = std::fs::read(path).map_err(|it| it.to_string())?;
    let told = outcomes(&bytes);
    let rows = world.case.runs[run].rows.iter().filter(|row| {
        let it = told.get(&row.row);
        it.is_some_and(|it| {
            matches!(it.outcome.as_str(), "deleted" | "already_gone" | "ordered")
                && it.finding != "standing"
        })
    });
    Ok(rows
        .map(|row| (row.account, row.action, row.id.clone()))
        .collect())
}

/// Whether the chain of a ledger holds: each line's digest is of the one before it and of its own text.
fn chain(bytes: &[u8]) -> Result<(), String> {
    let mut before = [0; 32];
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else {
            // Torn by a crash: the next process cuts it.
            break;
        };
        let text = String::from_utf8_lossy(line);
        let (body, digest) = text
            .rsplit_once(",\"chain\":\"")
            .ok_or("a line without a chain")?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&before);
        hasher.update(body.as_bytes());
        hasher.update(b"}");
        let is = hasher.finalize();
        if digest.trim_end_matches("\"}") != is.to_hex().as_str() {
            return Err(format!("the chain breaks at {body}"));
        }
        before = *is.as_bytes();
    }
    Ok(())
}

fn outcomes(bytes: &[u8]) -> BTreeMap<u64, Told> {
    let mut told: BTreeMap<u64, Told> = BTreeMap::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        // A line that a crash tore is cut by the next process, though nothing but its end is missing.
        let Some(line) = line.strip_suffix(b"\n") else {
            break;
        };
        let is_about_rows = [
            "{\"kind\":\"outcome\"",
            "{\"kind\":\"unsent\"",
            "{\"kind\":\"verify\"",
        ];
        if !is_about_rows
            .iter()
            .any(|it| line.starts_with(it.as_bytes()))
        {
            continue;
        }
        let Ok(entry) = serde_json::from_slice::<Value>(line) else {
            continue;
        };
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let row = entry["row"].as_u64().unwrap_or_default();
        if entry["kind"] == "verify" {
            let finding = text("finding");
            if let Some(it) = told.get_mut(&row).filter(|_| finding != "unknown") {
                it.finding = finding;
            }
            continue;
        }
        let it = Told {
            outcome: text("outcome"),
            code: text("code"),
            settled: entry["settled"] == true,
            at: text("at"),
            finding: String::new(),
        };
        if entry["kind"] == "outcome" {
            told.insert(row, it);
        } else {
            for row in entry["rows"].as_array().into_iter().flatten() {
                told.insert(row["row"].as_u64().unwrap_or_default(), it.clone());
            }
        }
    }
    told
}

/// How the users stand. Nobody was touched whom no run asked for.
fn users(world: &mut World) -> Result<HashMap<User, String>, String> {
    let now = world.provider_time();
    let users = world.sandbox.users(None, now);
    let mut states = HashMap::new();
    for it in users {
        let key = (it.tenant, it.id);
        if it.changed_at.is_some() && !world.ever_agreed.contains(&key) {
            return Err(format!(
                "{key:?} is {}, and nobody asked for that",
                it.state
            ));
        }
        states.insert(key, it.state);
    }
    Ok(states)
}

/// Nobody stands whom the ledger's state calls soft-deleted by us and no more.
fn half_done(world: &World, users: &HashMap<User, String>) -> Result<(), String> {
    // A ledger that was taken away, or cut to nothing, calls nobody so.
    let Ok(state) = LedgerState::read(&ledger_path(world)) else {
        return Ok(());
    };
    for row in &world.this_run().rows {
        let tenant = &world.case.accounts[row.account].tenant;
        let stands = users.get(&(tenant.clone(), row.id.clone()));
        if state.half_done.contains(row.row) && stands.is_some_and(|it| it == "active") {
            return Err(format!(
                "row {} {:?} {}: is half done by the ledger's state, and the user stands",
                row.row, row.action, row.id
            ));
        }
    }
    Ok(())
}

/// Users about whom a request went wrong.
fn faulty(log: &[LogEntry]) -> HashMap<User, Fault> {
    let mut faulty = HashMap::new();
    for it in log {
        let Some(fault) = it.fault else { continue };
        for id in it.user.iter().chain(&it.users) {
            faulty.insert((it.tenant.clone(), id.clone()), fault);
        }
    }
    faulty
}

/// How many rows that are sent each user has.
fn sharing(world: &World) -> HashMap<User, u32> {
    let mut sharing = HashMap::new();
    for (row, meant) in world.this_run().rows.iter().zip(&world.meant) {
        if *meant == Meant::Sent {
            let tenant = world.case.accounts[row.account].tenant.clone();
            *sharing.entry((tenant, row.id.clone())).or_default() += 1;
        }
    }
    sharing
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

/// Whether answers come whole and in time, but for those that are known not to.
fn is_clear(world: &World) -> bool {
    let air = &world.case.air;
    air.lost_per_mille == 0 && air.latency_ms.1 < 20_000 && air.moves.is_empty()
}

/// What is known of a row's user.
struct Facts<'a> {
    state: Option<&'a str>,
    /// Whether every answer about the user came as it was.
    is_clear: bool,
    /// Whether other rows are about the same user.
    shares: bool,
}

fn row_is_true(world: &World, row: &RowCase, told: &Told, facts: &Facts<'_>) -> Result<(), String> {
    let account = &world.case.accounts[row.account];
    let (state, shares) = (facts.state, facts.shares);
    let done = is_done(row.action, state);
    let key = (account.tenant.clone(), row.id.clone());
    let effects = world.effects.get(&key).map_or(&[][..], Vec::as_slice);
    let effect = |call: Call| {
        effects
            .iter()
            .filter(|it| it.call == call && it.run == world.run)
            .any(|it| {
                // A request that was given up may come through after the row has ended. Where our clock
                // was set, nobody can tell by it.
                let is_late = it.at.to_string() > told.at;
                told.outcome == "deleted" || (!is_late && !world.case.sets_clock())
            })
    };
    let last = row.action.steps().last().map(|step| call_of(step.name()));
    // A job is taken for many users, and may do nothing for some of them.
    let had_effect = last.is_some_and(effect) && done;
    let is_others_since = effects.last().is_some_and(|it| it.run != world.run);
    let named = |text: &str| {
        Err(format!(
            "ended {text} ({}), and the user is {state:?}",
            told.code
        ))
    };
    match told.outcome.as_str() {
        "deleted" | "already_gone" | "ordered" if !done => named(&told.outcome),
        "ordered" if !account.takes_orders() => named("ordered"),
        "ordered" if !had_effect && !shares && effects.is_empty() => {
            Err("ended ordered, and no request of ours did it".to_owned())
        }
        "deleted" if account.takes_orders() && !told.settled => {
            Err("ended deleted, and its provider takes orders only".to_owned())
        }
        // What is cleared can be cleared again.
        "deleted" if !had_effect && !shares && !told.settled && effects.is_empty() => {
            Err("ended deleted, and no request of ours did it".to_owned())
        }
        "deleted" if told.settled && told.code != "settled_unseen" && effects.is_empty() => {
            Err("ended deleted, and no request of anybody's did it".to_owned())
        }
        // Who is gone by another run since tells nothing of what a lost request of this one did.
        "already_gone" | "not_found" if had_effect && !shares && !is_others_since => Err(format!(
            "ended {} ({}), and a request of ours did it",
            told.outcome, told.code
        )),
        "not_found"
            if state.is_some_and(|it| it == "active" || it == "inactive")
                && row.action != Action::PermanentlyDelete =>
        {
            named("not_found")
        }
        "failed" if had_effect && facts.is_clear && !shares => {
            Err("ended failed, and a request of ours did it".to_owned())
        }
        "refused" if had_effect && !shares => {
            Err("ended refused, and a request of ours did it".to_owned())
        }
        // What is done is said, where the role came too late.
        "protected"
            if told.code != OutcomeEntry::PROTECTED_HALF
                && state != Some("active")
                && row
                    .action
                    .steps()
                    .iter()
                    .any(|step| effect(call_of(step.name())))
                && !shares =>
        {
            Err("ended protected, and was touched".to_owned())
        }
        "" | "deleted" | "already_gone" | "ordered" | "not_found" | "failed" | "refused"
        | "protected" | "in_doubt" => {
            // Sunshine Conversations deletes in the background, and whoever it has not come to stands.
            let delay = world.case.weather["order_delay"].as_str();
            let is_later = delay.is_some_and(|it| it != "0s");
            let may_stand = account.provider == ProviderKind::Sunco && is_later;
            finding_is_true(told, done, may_stand)
        }
        other => Err(format!("ended {other}")),
    }
}

/// What a verification saw is how it is.
fn finding_is_true(told: &Told, done: bool, may_stand: bool) -> Result<(), String> {
    match (told.finding.as_str(), done) {
        ("standing", true) if may_stand => Ok(()),
        ("as_asked", false) | ("standing", true) => Err(format!(
            "was verified {}, and that it is done is {done}",
            told.finding
        )),
        _ => Ok(()),
    }
}

/// Where a process ended in order, its last words count every row as it ended.
fn counts(
    world: &World,
    bytes: &[u8],
    told: &BTreeMap<u64, Told>,
    is_finished: bool,
) -> Result<(), String> {
    // A line that was torn says nothing.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let mut lines = bytes[..whole].split(|byte| *byte == b'\n');
    // Behind a session that was cut off, the words of one before it count no more.
    let last = lines.rfind(|line| {
        line.starts_with(b"{\"kind\":\"end\"") || line.starts_with(b"{\"kind\":\"session\"")
    });
    let Some(end) = last.filter(|line| line.starts_with(b"{\"kind\":\"end\"")) else {
        return Ok(());
    };
    let end: Value = serde_json::from_slice(end).map_err(|it| it.to_string())?;
    if !is_finished {
        return Ok(());
    }
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for it in told.values() {
        *counted.entry(it.outcome.clone()).or_default() += 1;
    }
    let told_counts = end["outcomes"].as_object().ok_or("no counts")?;
    for (outcome, count) in told_counts {
        let count = count.as_u64().unwrap_or_default();
        if counted.remove(outcome).unwrap_or_default() != count {
            return Err(format!(
                "the end counts {count} rows {outcome}: {told_counts:?}"
            ));
        }
    }
    if counted.is_empty() && told.len() == world.meant.len() {
        Ok(())
    } else {
        Err(format!("the end does not count {counted:?}"))
    }
}

/// No window of the provider's clock is overrun: where it keeps the quota that we know, it refuses none. A
/// process that is killed before its first line has asked who we are, and no ledger can tell of it: so many
/// requests may be too many. Where our clock was set while a process was at work, what that had sent seems
/// older or younger to the next than it is.
fn quotas(world: &World, log: &[LogEntry]) -> Result<(), String> {
    if !world.case.is_strict {
        return Ok(());
    }
    // How many jobs a tenant takes at once is no rate, and two accounts of one learn of it by a refusal.
    let has_few_jobs = world.case.weather["zendesk"]["job_limit"] != 30;
    let is_for_jobs = |it: &&LogEntry| has_few_jobs && it.path.ends_with("destroy_many");
    let reach = quotas_of(world).map(Quota::span).max().unwrap_or_default();
    let reach = reach + Duration::from_mins(2);
    let mut before: Vec<&LogEntry> = Vec::new();
    let mut refused = None;
    for it in log.iter().filter(|it| !is_for_jobs(it)) {
        if it.status != Some(429) || it.fault.is_some() {
            continue;
        }
        let counts = |at: Time, tenant: &str| {
            tenant == it.tenant && at <= it.at && it.at.saturating_since(at) <= reach
        };
        let is_begun = |set: &Time| world.begun.iter().any(|at| set < at && *at <= it.at);
        let mut clock_set = world.clock_set.iter();
        if clock_set.any(|set| counts(*set, &it.tenant) && is_begun(set)) {
            continue;
        }
        let untold = world.untold.iter();
        let untold = untold.filter(|(at, tenant)| counts(*at, tenant)).count();
        let others = before
            .iter()
            .filter(|other| counts(other.at, &other.tenant));
        if others.count() >= untold {
            refused = Some(it);
            break;
        }
        before.push(it);
    }
    let Some(it) = refused else { return Ok(()) };
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

/// The quotas that accounts have.
fn quotas_of(world: &World) -> impl Iterator<Item = Quota> {
    let quotas = world
        .case
        .accounts
        .iter()
        .flat_map(|it| [Some(&it.requests), it.permanent.as_ref()]);
    quotas.flatten().filter_map(|text| text.parse().ok())
}

/// How long a process may take at most that sent so many requests, and was asked for such waits: as if
/// nothing had been done at once, and each request had filled a quota.
pub(crate) fn time_max(world: &World, requests: u64, waits: Duration) -> Duration {
    // Windows are full of others' requests at first.
    let count = u32::try_from(requests).unwrap_or(u32::MAX);
    let slow = quotas_of(world).map(|it| {
        it.span()
            + it.span()
                .mul_f64(f64::from(count) / f64::from(it.requests().get()))
    });
    let quota = slow.max().unwrap_or_default() * 2;
    let sync = Duration::from_millis(world.case.sync_ms) * 2;
    let each = Duration::from_secs(30) + sync + Duration::from_mins(2);
    let until = Duration::from_hours(2);
    quota + waits + each * count + until
}
