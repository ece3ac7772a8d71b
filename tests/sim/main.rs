//! The whole program in simulation: lanes, ledger, providers' encoders and judges against the sandbox's
//! state machines, on virtual time, from one seed. See `case` for what a seed draws, `world` for what
//! surrounds a process, `wire` for what a request asks, `disk` for what surrounds its ledger, `plan` for how a
//! run begins, `process` for a process, `bounds` for what is small in it, `account` for what it has of an
//! account, `files` for the providers from files, `pairs` for tokens that are renewed, `check` for what must
//! be true afterwards.
//!
//! `SIM_SEEDS`: how many (500); `SIM_FROM`: the first one (1); `SIM_MINUTES`: go on with new ones until
//! a rule is broken or the time is up; `SIM_FAILURES`: go on until so many seeds have broken one (1). Ends
//! with 1 if a rule is broken, and prints the seed, shrunk.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test's own main, which writes nothing but a scratch file, and keeps the time itself"
)]

mod account;
mod bounds;
mod case;
mod check;
mod disk;
mod file;
mod files;
mod pairs;
mod plan;
mod process;
mod wire;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use case::Case;
use process::{Command, End};
use userpurge::lane::AccountEnd;
use world::World;

/// How many processes a run may take.
const PROCESSES_MAX: u32 = 60;

/// Seeds that once broke a rule, and the fault they found. They are played first. What earlier versions of
/// the simulation found is kept in `mutants`.
const FOUND: [(u64, &str); 18] = [
    (
        2973,
        "an agent whom others had soft-deleted was permanently deleted, not being listed yet",
    ),
    (
        107,
        "a purge that was gone on with claimed a user whom others had deleted for good",
    ),
    (179, "the same, after intents that were taken back"),
    (
        4219,
        "a lost answer of a purge's second step, and the user was called gone before",
    ),
    (
        5337,
        "a token was asked for before its server wanted to be asked again",
    ),
    (
        13725,
        "a read left while a refusal for hours was being recorded",
    ),
    (
        16300,
        "our lost request had soft-deleted a user, and the row ended as protected",
    ),
    (
        26661,
        "reads of a process that was killed came late, and a window was overrun",
    ),
    (
        41144,
        "nobody counted what a process had sent that was killed before its session",
    ),
    (
        70651,
        "a user who was seen before a lost answer was called gone before",
    ),
    (
        110_391,
        "a retry forgot that our lost request had soft-deleted a user of a protected role",
    ),
    (
        21490,
        "a row took a user for ours whom nobody knew to be, by the row before it",
    ),
    (
        300_115,
        "a lost answer about a user who had just been soft-deleted, and the user was called gone before",
    ),
    (
        212_832,
        "nobody counted what a process had sent whose session was lost, behind one that ended in order",
    ),
    (
        522_348,
        "the answer about an erasure was lost, and a user who stood was called gone",
    ),
    (
        574_750,
        "a session was lost that had more requests in flight than the one before, and all of them came late",
    ),
    (
        3_020_944,
        "a bare redirect after a lost answer, which a provider file reads as a refusal, ended the row",
    ),
    (
        6_003_168,
        "a host answered again, and the wait of a day that its server had asked for was forgotten",
    ),
];

/// The same of seeds whose fault needs what is drawn apart, such as small bounds. What is drawn behind that may
/// change what they meet.
const FOUND_SINCE: [(u64, &str); 5] = [
    (
        21_037_580,
        "a verification that began no later than the run had ended was killed, and nobody counted its reads",
    ),
    (
        40_080_919,
        "a row was begun twice that waited behind one which ended as soon as it might begin",
    ),
    (
        40_088_449,
        "a permanent deletion whose answer was lost ended as protected, by a role that was read afterwards",
    ),
    (
        50_093_039,
        "two processes were killed one after the other before they began to work, and nobody counted their reads",
    ),
    (
        60_003_618,
        "a user of two rows still stood, was gone when the deletion was sent once more, and was called not found",
    ),
];

/// What a seed came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Totals {
    /// A hash over the ledger and all that arrived.
    trace: String,
    processes: u32,
    kills: u64,
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
    let failures = number("SIM_FAILURES", 1);
    let begun = Instant::now();
    let is_time_left = || begun.elapsed() < Duration::from_secs(minutes * 60);
    if let Err(error) = files::read_all() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let folder = scratch();
    if let Err(error) = std::fs::create_dir_all(&folder) {
        eprintln!("{}: {error}", folder.display());
        return ExitCode::FAILURE;
    }
    let mut sum = Totals::default();
    let mut done = 0;
    let found = FOUND.map(|(seed, fault)| (Case::old(seed), fault));
    let since = FOUND_SINCE.map(|(seed, fault)| (Case::new(seed), fault));
    for (case, fault) in found.into_iter().chain(since).filter(|_| failures == 1) {
        let seed = case.seed;
        if let Err(broken) = play(case, &folder) {
            eprintln!("seed {seed} ({fault}): {broken}");
            return ExitCode::FAILURE;
        }
    }
    let mut failed = 0;
    for seed in from.. {
        if done >= seeds && !is_time_left() {
            break;
        }
        match play_twice(seed, &folder) {
            Ok(told) => sum.add(&told),
            Err(broken) => {
                eprintln!("seed {seed}: {broken}");
                failed += 1;
                if failed >= failures {
                    if failures == 1 {
                        shrink(seed, broken, &folder);
                    }
                    let _ = std::fs::remove_dir_all(&folder);
                    return ExitCode::FAILURE;
                }
            }
        }
        done += 1;
    }
    let _ = std::fs::remove_dir_all(&folder);
    let outcome = match failed {
        0 => "no rule was broken".to_owned(),
        failed => format!("{failed} of them broke a rule"),
    };
    println!(
        "{done} seeds from {from}, {} processes, {} kills, {} requests, {} virtual hours, in {:.1} s: {outcome}",
        sum.processes,
        sum.kills,
        sum.requests,
        sum.time.as_secs() / 3600,
        begun.elapsed().as_secs_f64()
    );
    if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.processes += other.processes;
        self.kills += other.kills;
        self.requests += other.requests;
        self.time += other.time;
    }
}

/// Plays a seed; some of them twice, as the same seed gives the same bytes.
fn play_twice(seed: u64, folder: &Path) -> Result<Totals, String> {
    let told = play(Case::new(seed), folder)?;
    if seed.is_multiple_of(20) {
        let again = play(Case::new(seed), folder);
        if again.as_ref() != Ok(&told) {
            return Err(format!(
                "it went otherwise the second time: {again:?}, {told:?}"
            ));
        }
    }
    Ok(told)
}

/// Where a process finds its files: in memory, where there is such a folder.
fn scratch() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    folder.join(format!("userpurge-sim-{}", std::process::id()))
}

/// What rule a text says to be broken, without rows and times.
fn rule(text: &str) -> String {
    let words = text.rsplit(": ").next().unwrap_or_default();
    words.chars().filter(|it| !it.is_ascii_digit()).collect()
}

/// Finds fewer rows that break the same rule, and prints what is left.
fn shrink(seed: u64, mut broken: String, folder: &Path) {
    let mut case = Case::new(seed);
    for run in (0..case.runs.len()).rev() {
        let mut size = case.runs[run].rows.len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            while from < case.runs[run].rows.len() && case.runs[run].rows.len() > 1 {
                let mut fewer = case.clone();
                let dropped = (from as u64 + 1)..=((from + size) as u64);
                fewer.runs[run].keep(|row| !dropped.contains(&row));
                match play(fewer.clone(), folder) {
                    Err(it) if !fewer.runs[run].rows.is_empty() && rule(&it) == rule(&broken) => {
                        broken = it;
                        case = fewer;
                    }
                    _ => from += size,
                }
            }
            size /= 2;
        }
    }
    let last = play(case.clone(), folder);
    let rows: Vec<_> = case.runs.iter().map(|it| it.rows.len()).collect();
    eprintln!("shrunk to {rows:?} rows: {broken} {:?}", last.err());
    eprintln!("{:#?}", (&case.accounts, &case.runs, &case.air));
    eprintln!(
        "sync {} ms, kills {} (1 of {} steps), clock {}, between {:?}, roles {}, stops {}, disk {}",
        case.sync_ms,
        case.kills,
        case.kill_every,
        case.clock_steps,
        case.between,
        case.role_changes,
        case.stops,
        case.disk_faults
    );
    eprintln!("small bounds of the last process: {}", bounds::small());
    eprintln!("{}", case.weather);
    eprintln!("replay it: SIM_SEEDS=1 SIM_FROM={seed} make simulate");
    // What the ledger says of the row, or all of a short one.
    let row = broken
        .strip_prefix("row ")
        .and_then(|text| text.split(' ').next());
    let about = row.map(|row| format!("\"row\":{row},"));
    let is_short = rows.iter().sum::<usize>() < 8 || std::env::var("SIM_VERBOSE").is_ok();
    for run in 0..rows.len() {
        let file = folder.join(format!("{run}.jsonl"));
        let lines = std::fs::read_to_string(file).unwrap_or_default();
        for line in lines.lines() {
            if is_short || about.as_ref().is_some_and(|about| line.contains(about)) {
                eprintln!("{line}");
            }
        }
    }
}

/// Plays a case to its end.
fn play(case: Case, folder: &Path) -> Result<Totals, String> {
    let runs = case.runs.len();
    let mut world = World::new(case, folder.to_owned())?;
    let mut trace = blake3::Hasher::new();
    let mut unfinished = Vec::new();
    for run in 0..runs {
        let _ = std::fs::remove_file(folder.join(format!("{run}.jsonl")));
        if run > 0 {
            world.go_on(None);
        }
        plan::begin(&mut world, run)?;
        if !see_through(&mut world, Command::Run, &mut trace)? {
            unfinished.push(run);
        }
    }
    // Others may have worked at the same tenants since.
    for run in unfinished {
        if world.case.runs[run].is_taken_up_again {
            world.go_on(Some(run));
            see_through(&mut world, Command::Resume, &mut trace)?;
        }
    }
    for it in world.sandbox.log(None) {
        trace.update(format!("{} {} {:?}", it.at.as_millis(), it.path, it.status).as_bytes());
    }
    Ok(Totals {
        trace: trace.finalize().to_hex().to_string(),
        processes: world.process,
        kills: world.killed,
        requests: world.requests,
        time: world.now,
    })
}

/// Carries a run out, and what follows it if it is finished. Returns whether it is.
fn see_through(
    world: &mut World,
    command: Command,
    trace: &mut blake3::Hasher,
) -> Result<bool, String> {
    let is_finished = carry_out(world, command)?;
    check::all(world, is_finished)?;
    if is_finished {
        let (retries, verifies) = (
            world.this_run().retries.is_some(),
            world.this_run().verifies,
        );
        for (wanted, command) in [
            (verifies, Command::Verify),
            (retries, Command::Retry),
            (verifies, Command::Verify),
        ] {
            if wanted {
                process(world, command)?;
                world.idle(Duration::from_mins(1))?;
                check::all(world, false)?;
            }
        }
    }
    trace.update(&world.disk.bytes());
    Ok(is_finished)
}

/// Starts processes until the run is finished, or nobody goes on with it. Returns which.
fn carry_out(world: &mut World, mut command: Command) -> Result<bool, String> {
    let most = world.this_run().given_up_after;
    let most = most.filter(|_| command == Command::Run);
    for number in 0..PROCESSES_MAX {
        if most.is_some_and(|most| number >= most) {
            return Ok(false);
        }
        // After some processes the weather clears, so that a run can come to its end.
        if number == 12 {
            world.clear_up()?;
        }
        let end = process(world, command)?;
        if let End::Ended(ends) = &end
            && ends.iter().all(|(_, end)| matches!(end, AccountEnd::Done))
        {
            return Ok(true);
        }
        command = Command::Resume;
        let mut idle = world.draw.one(&[0, 1, 30, 600, 7_200]);
        if world.is_fair && matches!(end, End::Refused) {
            // A server asked for most of a day.
            idle = 7_200;
        }
        world.idle(Duration::from_secs(idle))?;
    }
    Err(format!("it is not over after {PROCESSES_MAX} processes"))
}

/// Sees a process to its end, which is not to be late.
fn process(world: &mut World, command: Command) -> Result<End, String> {
    let (begun, requests, waits) = (world.now, world.requests, world.waits);
    let end = process::run(world, command);
    let path = plan::ledger_path(world);
    std::fs::write(path, world.disk.bytes()).map_err(|it| it.to_string())?;
    let end = end?;
    if std::env::var("SIM_VERBOSE").is_ok() {
        eprintln!("{:?} {command:?}: {end:?}, {}", world.now, bounds::small());
    }
    world.pairs.ended(matches!(end, End::Killed), world.now)?;
    let most = check::time_max(
        world,
        world.requests - requests,
        world.waits.saturating_sub(waits),
    );
    let took = world.now.saturating_sub(begun);
    if took > most {
        return Err(format!("a process took {took:?}, and may take {most:?}"));
    }
    Ok(end)
}
