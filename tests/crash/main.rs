//! The crash proof: the program is killed again and again, at random moments and at every named
//! point of the ledger's writing, and goes on after each. At the end of a round a judge holds what
//! arrived at the providers against the ledger.
//!
//! `cargo test` runs a short form, `make crash` the full one. What can be set:
//!
//! | variable | is | default |
//! | --- | --- | --- |
//! | `CRASH_KILLS` | how often a process dies, in all | 60 |
//! | `CRASH_ROWS` | rows of a round | 400 |
//! | `CRASH_SEED` | the seed of the first round, the next one's is one more | random |
//!
//! A round that fails prints its seed: with it as `CRASH_SEED`, it is the first. The seed fixes rows,
//! faults and the order in which deaths are chosen; what races, races anew.
//!
//! Two kinds of processes die. The program itself, killed by the parent, leaves what it has
//! written. The program on [`disk::CrashDisk`] (this very binary, started again as a child) loses
//! what it has not synced, or has it torn at any byte, as if the power had failed; it kills itself
//! at a [`points::Point`], or is killed like the other.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on says so by panicking, and this one prints its own summary"
)]

mod disk;
mod input;
mod judge;
mod points;
mod replay;
#[path = "../it/support/witness.rs"]
mod witness;
mod world;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitCode, ExitStatus};
use std::time::Duration;

use tokio::time::Instant;

use crate::disk::CrashDisk;
use crate::judge::{Books, Violation, judge};
use crate::points::{Needs, Point};
use crate::world::{CHILD, From, Lies, Process, World};

/// Kills in the short form.
const KILLS: usize = 60;
/// From so many kills on, a point that was not hit so often is a failure.
const FULL_FORM: usize = 500;
const HITS_MIN: usize = 5;
const ROWS: usize = 400;
/// Processes of one round, at most.
const STARTS_MAX: usize = 500;
/// A process that has not ended after this waits for something; it is killed, which is no loss.
const OVERDUE: Duration = Duration::from_secs(3);
/// How often the parent looks.
const LOOK: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    if std::env::var_os(CHILD).is_some() {
        return userpurge::cli::main(&CrashDisk::from_environment());
    }
    // What the usual test harness is asked, this one answers too.
    let args: Vec<String> = std::env::args().skip(1).collect();
    let listed = args.iter().any(|arg| arg == "--list");
    let mut filters = args.iter().filter(|arg| !arg.starts_with('-')).peekable();
    if listed || (filters.peek().is_some() && !filters.any(|filter| "crash".contains(&**filter))) {
        return ExitCode::SUCCESS;
    }
    run()
}

/// What was done to the program, over all rounds.
#[derive(Default)]
struct Tally {
    points: BTreeMap<Point, usize>,
    /// Kills by the parent at no particular point: of the program, and of it on the other disk.
    random: usize,
    random_mortal: usize,
    /// Ledgers without a header that were found.
    headless: usize,
    starts: usize,
    rounds: usize,
    from: BTreeMap<&'static str, usize>,
    books: Books,
}

/// How a process of a round is to end.
enum Death {
    /// At a point of its own, or by itself.
    Own,
    /// So long after its start.
    After(Duration),
    /// So many deletions later, and a moment.
    Sent(usize, Duration),
}

fn run() -> ExitCode {
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let target = setting("CRASH_KILLS").map_or(KILLS, |kills: u64| usize::try_from(kills).unwrap());
    let rows = setting("CRASH_ROWS").map_or(ROWS, |rows: u64| usize::try_from(rows).unwrap());
    let first = setting("CRASH_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    println!("crash: {target} kills, {rows} rows a round, seed {first}");
    let begun = Instant::now();
    let mut tally = Tally::default();
    while tally.kills() < target {
        let seed = first + tally.rounds as u64;
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new(rows, &mut random);
        let judged = round(&world, &mut random, &mut tally, target)
            .map_err(|violation| vec![violation])
            .and_then(|()| judge(&world));
        match judged {
            Ok(books) => tally.add(&world, books),
            Err(violations) => {
                fail(world, seed, &violations);
                return ExitCode::FAILURE;
            }
        }
    }
    tally.print(begun.elapsed());
    let missed = tally.missed(target);
    if !missed.is_empty() {
        println!("crash: never or hardly ever hit: {missed:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn fail(world: World, seed: u64, violations: &[Violation]) {
    println!("crash: a round failed; CRASH_SEED={seed} begins with it");
    for violation in violations.iter().take(20) {
        println!("{}", violation.describe(&world));
    }
    println!(
        "{} violations; the folder is left at {}",
        violations.len(),
        world.keep().display()
    );
}

/// Starts processes until one comes to the end.
fn round(
    world: &World,
    random: &mut fastrand::Rng,
    tally: &mut Tally,
    target: usize,
) -> Result<(), Violation> {
    for _ in 0..STARTS_MAX {
        find_headless(world, tally)?;
        let go_on = tally.kills() < target;
        let (process, death) = choose(world, random, tally, go_on);
        let mut child = world.start(process, random.u64(..));
        tally.starts += 1;
        let (status, killed) = wait(world, &mut child, &death);
        match (status.signal(), status.code()) {
            (Some(9), _) if killed => {
                *(match process {
                    Process::Real => &mut tally.random,
                    Process::Mortal | Process::At(..) => &mut tally.random_mortal,
                }) += 1;
            }
            (Some(9), _) => {
                let Process::At(point, _) = process else {
                    return Err(Violation::new("somebody else killed it".to_owned()));
                };
                *tally.points.entry(point).or_default() += 1;
            }
            (None, Some(0 | 1)) => return nothing_is_left_to_do(world),
            (signal, code) => {
                return Err(Violation::new(format!(
                    "{:?} ended with code {code:?}, signal {signal:?}:\n{}",
                    world.args(),
                    world.words()
                )));
            }
        }
    }
    Err(Violation::new(format!(
        "no end after {STARTS_MAX} processes"
    )))
}

/// A process that died before its ledger had a header: nothing was sent, and the program says what
/// to do about it. That is done.
fn find_headless(world: &World, tally: &mut Tally) -> Result<(), Violation> {
    if world.lies() == Lies::Headless {
        if world.witness().count() > 0 {
            let what = "something was sent, and the ledger has no header";
            return Err(Violation::new(what.to_owned()));
        }
        let ledger = world.ledger();
        let ledger = ledger.to_str().unwrap();
        // Each is a process of its own: a few are enough.
        if tally.headless < 12 {
            for (args, code) in [(vec!["resume", ledger, "--yes"], 4), (world.args(), 2)] {
                let (ended, words) = world.call(&args);
                let flat = words.split_whitespace().collect::<Vec<_>>().join(" ");
                if ended != Some(code) || !flat.contains("remove the file and run again") {
                    return Err(Violation::new(format!(
                        "{args:?} over a ledger without a header: {ended:?}\n{words}"
                    )));
                }
            }
        }
        tally.headless += 1;
    }
    world.clear_away();
    Ok(())
}

/// A resume of a run that is over sends nothing and leaves the ledger as it is, but for an end that
/// a crash has swallowed.
fn nothing_is_left_to_do(world: &World) -> Result<(), Violation> {
    let before = world.witness().count();
    for _ in 0..2 {
        world.call(&world.args());
    }
    if world.witness().count() > before {
        return Err(Violation::new(
            "a resume after the end sent more".to_owned(),
        ));
    }
    Ok(())
}

/// What dies next, and how.
fn choose(
    world: &World,
    random: &mut fastrand::Rng,
    tally: &Tally,
    go_on: bool,
) -> (Process, Death) {
    if !go_on {
        return (Process::Real, Death::Own);
    }
    if random.usize(0..10) < 6
        && let Some(point) = rarest_point(world.lies(), random, tally)
    {
        let number = if point.is_frequent() {
            random.u32(1..=30)
        } else {
            1
        };
        return (Process::At(point, number), Death::Own);
    }
    let process = if random.usize(0..4) == 0 {
        Process::Mortal
    } else {
        Process::Real
    };
    let death = if random.usize(0..10) < 3 {
        Death::After(Duration::from_micros(random.u64(0..200_000)))
    } else {
        let moment = Duration::from_micros(random.u64(0..15_000));
        Death::Sent(random.usize(1..=25), moment)
    };
    (process, death)
}

/// Of the points that a process would come by now, the one that was hit least; frequent ones by
/// chance as well, since each of their moments is another.
fn rarest_point(lies: Lies, random: &mut fastrand::Rng, tally: &Tally) -> Option<Point> {
    let possible = |point: &Point| match (point.needs(), lies) {
        (Needs::NoLedger, Lies::Nowhere)
        | (Needs::TornTail, Lies::Torn)
        | (Needs::Resume, Lies::Whole | Lies::Torn) => true,
        (Needs::Work, _) => lies != Lies::Nowhere,
        _ => false,
    };
    let mut points: Vec<Point> = Point::ALL.into_iter().filter(possible).collect();
    random.shuffle(&mut points);
    if random.bool()
        && let Some(point) = points.iter().find(|point| point.is_frequent())
    {
        return Some(*point);
    }
    points.into_iter().min_by_key(|point| {
        let hits = tally.points.get(point).copied().unwrap_or(0);
        // A process that dies at its end has done all that was left: a few of them are enough.
        let is_end = matches!(point, Point::EndTorn | Point::EndDurable);
        if is_end { hits * 4 } else { hits }
    })
}

/// Waits for a process, or kills it. Whether it was killed.
fn wait(world: &World, child: &mut Child, death: &Death) -> (ExitStatus, bool) {
    let begun = Instant::now();
    let sent = world.witness().count();
    let mut due = match death {
        Death::Own | Death::Sent(..) => None,
        Death::After(time) => Some(begun + *time),
    };
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status, false);
        }
        let now = Instant::now();
        if let Death::Sent(more, moment) = death
            && due.is_none()
            && world.witness().count() >= sent + more
        {
            due = Some(now + *moment);
        }
        if due.is_some_and(|due| now >= due) || now >= begun + OVERDUE {
            child.kill().unwrap();
            let status = child.wait().unwrap();
            // It may have ended, or died at its point, in this very moment.
            return (status, true);
        }
        std::thread::sleep(LOOK);
    }
}

impl Tally {
    fn kills(&self) -> usize {
        self.points.values().sum::<usize>() + self.random + self.random_mortal
    }

    fn add(&mut self, world: &World, books: Books) {
        self.rounds += 1;
        let from = match world.from() {
            From::File => "a file",
            From::StandardInput => "standard input",
            From::SavedPlan => "a saved plan",
        };
        *self.from.entry(from).or_default() += 1;
        self.books.requests += books.requests;
        self.books.again += books.again;
        self.books.settled += books.settled;
        self.books.jobs += books.jobs;
        self.books.rows += books.rows;
        self.books.sessions += books.sessions;
        self.books.tokens += books.tokens;
        self.books.refused += books.refused;
    }

    /// Points that were not hit as often as they must be.
    fn missed(&self, target: usize) -> Vec<Point> {
        let hits_min = if target >= FULL_FORM { HITS_MIN } else { 0 };
        let hits = |point: &Point| self.points.get(point).copied().unwrap_or(0);
        let mut points = Point::ALL.to_vec();
        points.retain(|point| hits(point) < hits_min);
        points
    }

    fn print(&self, elapsed: Duration) {
        println!("{:<20}{:>6}", "died", "times");
        for point in Point::ALL {
            let hits = self.points.get(&point).copied().unwrap_or(0);
            println!("{point:<20}{hits:>6}");
        }
        println!("{:<20}{:>6}", "random, as it is", self.random);
        println!("{:<20}{:>6}", "random, power cut", self.random_mortal);
        println!("{:<20}{:>6}", "in all", self.kills());
        let books = &self.books;
        println!(
            "{} rounds ({}), {} processes, {} sessions, {} ledgers without a header",
            self.rounds,
            self.from
                .iter()
                .map(|(from, rounds)| format!("{rounds} from {from}"))
                .collect::<Vec<_>>()
                .join(", "),
            self.starts,
            books.sessions,
            self.headless,
        );
        println!(
            "{} rows, {} deleting requests, {} of them again after the effect and in doubt, \
             {} jobs, {} rows settled, {} tokens, {} requests beyond a quota, {:.1} s",
            books.rows,
            books.requests,
            books.again,
            books.jobs,
            books.settled,
            books.tokens,
            books.refused,
            elapsed.as_secs_f64()
        );
    }
}
