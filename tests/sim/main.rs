//! The whole program in simulation: lanes, ledger, providers' encoders and judges against the sandbox's
//! state machines, on virtual time, from one seed. See `case` for what a seed draws, `world` for what
//! surrounds a process, `process` for one, `check` for what must be true afterwards.
//!
//! `SIM_SEEDS`: how many (500); `SIM_FROM`: the first one (1); `SIM_MINUTES`: go on with new ones until
//! a rule is broken or the time is up. Ends with 1 if a rule is broken, and prints the seed, shrunk.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test's own main, which writes nothing but a scratch file, and keeps the time itself"
)]

mod case;
mod check;
mod process;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use case::Case;
use process::{Command, End};
use userpurge::domain::{
    AccountHeader, AccountName, Counts, Entry, Outcome, PlanEnd, PlannedInput, PlannedRow,
    PlannedRows, Position, UnsentRows, UserId,
};
use world::World;

/// How many processes a seed may take.
const PROCESSES_MAX: u32 = 60;

/// Seeds that once broke a rule, and the fault they found. They are played first.
const FOUND: [(u64, &str); 3] = [
    (
        36,
        "a clearing whose answers were lost ended failed, though the profile was cleared",
    ),
    (
        300,
        "a request that was given up just before a process began lost the time it may yet be counted in",
    ),
    (
        681,
        "a row behind one in hand ended, and the one in hand was sent a second time",
    ),
];

/// What a seed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    /// A hash over the ledger and all that arrived.
    trace: String,
    processes: u32,
    requests: u64,
    time: Duration,
}

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> ExitCode {
    let from = number("SIM_FROM", 1);
    let seeds = number("SIM_SEEDS", 500);
    let minutes = number("SIM_MINUTES", 0);
    let begun = Instant::now();
    let is_time_left = || begun.elapsed() < Duration::from_secs(minutes * 60);
    let file = scratch();
    let (mut done, mut processes, mut requests, mut time) = (0_u64, 0_u64, 0_u64, Duration::ZERO);
    let mut seed = from;
    for (seed, fault) in FOUND {
        if let Err(broken) = play(Case::new(seed), &file) {
            eprintln!("seed {seed} ({fault}): {broken}");
            return ExitCode::FAILURE;
        }
    }
    while done < seeds || is_time_left() {
        match play(Case::new(seed), &file) {
            Ok(told) => {
                processes += u64::from(told.processes);
                requests += told.requests;
                time += told.time;
                // The same seed gives the same bytes.
                if seed.is_multiple_of(20) {
                    let again = play(Case::new(seed), &file);
                    if again.as_ref() != Ok(&told) {
                        eprintln!(
                            "seed {seed}: it went otherwise the second time: {again:?}, {told:?}"
                        );
                        return ExitCode::FAILURE;
                    }
                }
            }
            Err(broken) => {
                eprintln!("seed {seed}: {broken}");
                shrink(seed, &file);
                let _ = std::fs::remove_file(&file);
                return ExitCode::FAILURE;
            }
        }
        done += 1;
        seed += 1;
    }
    let _ = std::fs::remove_file(&file);
    println!(
        "{done} seeds from {from}, {processes} processes, {requests} requests, {} virtual hours, in {:.1} s: no rule was broken",
        time.as_secs() / 3600,
        begun.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}

/// Where a process finds its ledger: in memory, where there is such a folder.
fn scratch() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    folder.join(format!("userpurge-sim-{}.jsonl", std::process::id()))
}

/// Finds fewer rows that break a rule as well, and prints what is left.
fn shrink(seed: u64, file: &std::path::Path) {
    let mut case = Case::new(seed);
    let mut size = case.rows.len().div_ceil(2);
    let mut broken = String::new();
    while size > 0 {
        let mut from = 0;
        while from < case.rows.len() {
            let mut fewer = case.clone();
            let dropped = (from as u64 + 1)..=((from + size) as u64);
            fewer.keep(|row| !dropped.contains(&row));
            match play(fewer.clone(), file) {
                Err(it) => {
                    broken = it;
                    case = fewer;
                }
                Ok(_) => from += size,
            }
        }
        size /= 2;
    }
    let last = play(case.clone(), file);
    eprintln!(
        "shrunk to {} rows: {broken} {:?}",
        case.rows.len(),
        last.err()
    );
    eprintln!("{:#?}", (&case.accounts, &case.rows, &case.options));
    eprintln!(
        "latency {:?} ms, sync {} ms, lost {}, kills {} (1 of {} steps), clock {}, roles {}, retries {}, verifies {}",
        case.latency_ms,
        case.sync_ms,
        case.lost_per_mille,
        case.kills,
        case.kill_every,
        case.clock_steps,
        case.role_changes,
        case.retries,
        case.verifies
    );
    eprintln!("{}", case.weather);
    eprintln!("replay it: SIM_SEEDS=1 SIM_FROM={seed} make simulate");
    // What the ledger says of the row, or all of a short one.
    let row = broken
        .strip_prefix("row ")
        .and_then(|text| text.split(' ').next());
    let about = row.map(|row| format!("\"row\":{row},"));
    let lines = std::fs::read_to_string(file).unwrap_or_default();
    for line in lines.lines() {
        if case.rows.len() < 8
            || std::env::var("SIM_VERBOSE").is_ok()
            || about.as_ref().is_some_and(|about| line.contains(about))
        {
            eprintln!("{line}");
        }
    }
}

/// Plays a case to its end.
fn play(case: Case, file: &std::path::Path) -> Result<Told, String> {
    let mut world = World::new(case)?;
    plan(&mut world)?;
    let mut command = Command::Run;
    let mut is_finished = false;
    for number in 0..PROCESSES_MAX {
        // After some processes the weather clears, so that a run can come to its end.
        if number == 12 {
            world.clear_up()?;
        }
        let end = process::run(&mut world, file, command);
        std::fs::write(file, &world.disk.bytes).map_err(|it| it.to_string())?;
        let end = end?;
        if std::env::var("SIM_VERBOSE").is_ok() {
            eprintln!("{:?} {command:?}: {end:?}", world.now);
        }
        if world.now > check::time_max(&world) {
            return Err(format!("it took {:?}", world.now));
        }
        if let End::Ended(ends) = &end {
            let is_done =
                |it: &userpurge::lane::AccountEnd| matches!(it, userpurge::lane::AccountEnd::Done);
            if ends.iter().all(|(_, end)| is_done(end)) && command != Command::Run
                || ends.iter().all(|(_, end)| is_done(end))
            {
                is_finished = true;
                break;
            }
        }
        command = Command::Resume;
        let idle = world.draw.one(&[0, 1, 30, 600, 7_200]);
        world.idle(Duration::from_secs(idle))?;
    }
    if !is_finished {
        return Err(format!("it is not over after {PROCESSES_MAX} processes"));
    }
    check::all(&mut world, true)?;
    for (wanted, command) in [
        (world.case.retries, Command::Retry),
        (world.case.verifies, Command::Verify),
    ] {
        if wanted {
            process::run(&mut world, file, command)?;
            world.idle(Duration::from_mins(1))?;
            check::all(&mut world, false)?;
        }
    }
    let mut trace = blake3::Hasher::new();
    trace.update(&world.disk.bytes);
    for it in world.sandbox.log(None) {
        trace.update(format!("{} {} {:?}", it.at, it.path, it.status).as_bytes());
    }
    Ok(Told {
        trace: trace.finalize().to_hex().to_string(),
        processes: world.process,
        requests: world.requests,
        time: world.now,
    })
}

/// Writes the ledger's plan, and that it was agreed to.
fn plan(world: &mut World) -> Result<(), String> {
    let at = world.time().wall;
    let header = |it: &case::AccountCase| AccountHeader {
        name: AccountName::new(it.name.clone()),
        provider: it.provider,
        tenant: it.tenant.clone(),
        caller: None,
        role: None,
        action: None,
        concurrency: Some(it.concurrency),
    };
    let accounts = world.case.accounts.iter().map(header).collect();
    let rows = world.case.rows.clone();
    world.append(&process::run_header(accounts, at))?;
    let mut blocks: std::collections::BTreeMap<
        (usize, userpurge::domain::Action),
        Vec<PlannedRow>,
    > = std::collections::BTreeMap::new();
    let mut unsent = Vec::new();
    for row in &rows {
        let position = Position {
            row: row.row,
            line: row.row + 1,
        };
        if row.is_planned {
            blocks
                .entry((row.account, row.action))
                .or_default()
                .push(PlannedRow {
                    position,
                    id: UserId::new(row.id.clone()),
                    reference: None,
                    again: row.again,
                });
        } else {
            unsent.push(position);
        }
    }
    let counts = Counts {
        invalid: unsent.len() as u64,
        pending: rows.len() as u64 - unsent.len() as u64,
        ..Counts::default()
    };
    for ((account, action), rows) in blocks {
        for part in rows.chunks(PlannedRows::MAX) {
            world.append(&Entry::Plan(PlannedRows {
                account: AccountName::new(world.case.accounts[account].name.clone()),
                action,
                rows: part.to_vec(),
            }))?;
        }
    }
    if !unsent.is_empty() {
        world.append(&Entry::Unsent(UnsentRows {
            outcome: Outcome::Invalid,
            code: "invalid".to_owned(),
            message: "it cannot be sent".to_owned(),
            account: None,
            action: None,
            rows: unsent,
        }))?;
    }
    world.append(&Entry::Planned(Box::new(PlanEnd {
        rows: rows.len() as u64,
        outcomes: counts,
        input: PlannedInput {
            path: "/in.csv".to_owned(),
            size: 1,
            sha256: "0".repeat(64),
            format: "csv".to_owned(),
            delimiter: None,
            columns: std::collections::BTreeMap::new(),
        },
        protect: None,
        done_in: Vec::new(),
    })))?;
    world.append(&process::agreed(at))?;
    world.sync_all();
    Ok(())
}
