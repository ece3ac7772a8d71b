//! The plan of a run: the program's planner reads the file that the case has written, and its rows go to
//! the ledger, over a disk that may be cut off at any line.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use userpurge::domain::{
    AccountHeader, AccountName, AccountPolicy, Agreed, AgreedBy, Entry, Outcome, PlanEnd,
    PlannedInput, RunHeader, RunId, RunOptions, TaskKey,
};
use userpurge::input::{InputSource, ReadOptions, Test};
use userpurge::ledger::{Good, LedgerFile};
use userpurge::plan::{Plan, Planner, ProtectList};

use crate::account::policy;
use crate::case::{AccountCase, Key};
use crate::check;
use crate::file::Meant;
use crate::world::World;

/// Where the program finds the ledger of this run.
pub(crate) fn ledger_path(world: &World) -> PathBuf {
    world.folder.join(format!("{}.jsonl", world.run))
}

/// Plans a run, and has it agreed to. A process that is killed meanwhile leaves a plan, which is carried
/// out, or a part of one, which is begun anew.
///
/// # Errors
///
/// A broken rule.
pub(crate) fn begin(world: &mut World, run: usize) -> Result<(), String> {
    let mut done: HashSet<Key> = world.case.runs[run].done_before.clone();
    for earlier in 0..run {
        done.extend(check::good(world, earlier)?);
    }
    let meant = world.case.meant(run, &done);
    world.begin(run, meant);
    world.draw_bounds();
    write_files(world)?;
    let planner = planner(world, run)?;
    let mut kills = 0;
    loop {
        let lines = world.case.runs[run].rows.len() as u64 + 4;
        let is_killed = !world.is_fair && kills < 3 && world.draw.is(10);
        let last = is_killed.then(|| world.draw.0.u64(..lines));
        kills += 1;
        plan(world, &planner, last)?;
        if last.is_some() {
            world.kill();
        }
        let opened = LedgerFile::open_on(&world.disk.clone(), &ledger_path(world));
        let mut file = opened.map_err(|it| format!("the ledger of a plan: {it}"))?;
        if !file.state.is_saved_plan() {
            if last.is_none() {
                return Err("a plan is none".to_owned());
            }
            world.begin(run, world.meant.clone());
            continue;
        }
        check_plan(world, &file)?;
        let agreed = Agreed {
            user: "ops".to_owned(),
            host: "sim".to_owned(),
            how: AgreedBy::Yes,
            at: world.time().wall,
            accounts: std::collections::BTreeMap::new(),
            protect: None,
            done_in: Vec::new(),
            options: None,
        };
        let put = file.put(&Entry::Agreed(Box::new(agreed)));
        let written = put.and_then(|()| file.write()).and_then(|()| file.sync());
        written.map_err(|it| it.to_string())?;
        break;
    }
    if world.this_run().is_replaced {
        // Somebody exports once more, over the same file.
        let people = world
            .case
            .users
            .iter()
            .flat_map(|seed| seed.users.values().flatten().map(|it| it.id.clone()));
        let mut people: Vec<String> = people.collect();
        people.push("361808999999".to_owned());
        let bytes = world
            .this_run()
            .bytes_of_others(&world.case.accounts, &people);
        std::fs::write(input_path(world), bytes).map_err(|it| it.to_string())?;
    }
    Ok(())
}

fn input_path(world: &World) -> PathBuf {
    let is_json = world.this_run().shape.is_json;
    world
        .folder
        .join(if is_json { "in.jsonl" } else { "in.csv" })
}

fn write_files(world: &World) -> Result<(), String> {
    let run = world.this_run();
    let bytes = run.bytes(&world.case.accounts);
    std::fs::write(input_path(world), bytes).map_err(|it| it.to_string())?;
    // A list without a header is read as columns where a sign parts each line.
    let header = if run.protected.iter().any(|it| it.contains('|')) {
        "id\n"
    } else {
        ""
    };
    let list = format!("{header}{}\n", run.protected.join("\n"));
    std::fs::write(world.folder.join("protect.txt"), list).map_err(|it| it.to_string())
}

fn planner(world: &World, run: usize) -> Result<Planner, String> {
    let policies: Vec<AccountPolicy> = world.case.accounts.iter().map(policy).collect();
    let protect = if world.this_run().protected.is_empty() {
        ProtectList::default()
    } else {
        let read = ProtectList::read(&world.folder.join("protect.txt"), &[], &policies, None);
        read.map_err(|it| format!("the protect list: {it}"))?
    };
    let key = |(account, action, id): &Key| {
        let name = AccountName::new(world.case.accounts[*account].name.clone());
        TaskKey::new(&name, *action, id)
    };
    let mut done: HashSet<TaskKey> = world.this_run().done_before.iter().map(key).collect();
    for earlier in 0..run {
        let path = world.folder.join(format!("{earlier}.jsonl"));
        let good = Good::of(&path).map_err(|it| it.to_string())?;
        done.extend(good.keys);
    }
    let taking = &world.this_run().taking;
    let options = RunOptions {
        force_foreign_ids: taking.foreign,
        ..RunOptions::default()
    };
    let planner = Planner::try_new(policies, &options, protect, done);
    let mut planner = planner.map_err(|it| it.to_string())?;
    planner.rows_max = taking.rows_max;
    Ok(planner)
}

/// What a row has to pass to be taken: the last digit of its number stands in its reference.
fn tests(world: &World) -> Result<Vec<Test>, String> {
    let Some((digits, is_negated)) = world.this_run().taking.digits else {
        return Ok(Vec::new());
    };
    let test: Test = format!("ref ~ [{digits}]$").parse()?;
    Ok(vec![if is_negated { test.negated() } else { test }])
}

/// Reads the file into a new ledger. `last`: the process is killed behind so many entries.
fn plan(world: &World, planner: &Planner, last: Option<u64>) -> Result<(), String> {
    let header = |it: &AccountCase| AccountHeader {
        rules: None,
        does: BTreeMap::new(),
        name: AccountName::new(it.name.clone()),
        provider: it.provider,
        tenant: it.tenant.clone(),
        caller: None,
        role: None,
        action: None,
        concurrency: Some(it.concurrency),
    };
    let header = RunHeader {
        run_id: RunId::new("sim"),
        format: RunHeader::FORMAT,
        version: "sim".to_owned(),
        options: RunOptions::default(),
        accounts: world.case.accounts.iter().map(header).collect(),
        started_at: world.time().wall,
        uptime: Some(world.uptime()),
    };
    let created = LedgerFile::create_on(&world.disk, &ledger_path(world), header);
    let mut file = created.map_err(|it| it.to_string())?;
    let path = input_path(world);
    let opened = InputSource::open(
        &path,
        &ReadOptions {
            is_digested: true,
            tests: tests(world)?,
            ..ReadOptions::default()
        },
    );
    let mut source = opened.map_err(|it| format!("the input: {it}"))?;
    let mut left = last.unwrap_or(u64::MAX);
    let mut append = |entry: Entry| {
        left = left.checked_sub(1).ok_or("killed")?;
        file.put(&entry)?;
        file.write()?;
        Ok(())
    };
    let made = planner.plan(&mut source, Some(&mut append));
    let plan: Plan = match made {
        Ok(plan) => plan,
        Err(_) if last.is_some() => return Ok(()),
        Err(error) => return Err(format!("the planner: {error}")),
    };
    let digest = source.fingerprint().map_err(|it| it.to_string())?;
    let end = Entry::Planned(Box::new(PlanEnd {
        rows: plan.rows,
        outcomes: plan.outcomes,
        input: PlannedInput {
            path: path.to_string_lossy().into_owned(),
            size: digest.size,
            sha256: digest.sha256,
            format: source.resolved().format.name().to_owned(),
            delimiter: source.resolved().delimiter,
            columns: std::collections::BTreeMap::new(),
        },
        protect: None,
        done_in: Vec::new(),
    }));
    if append(end).is_err() {
        return Ok(());
    }
    if last.is_none() {
        file.sync().map_err(|it| it.to_string())?;
    }
    Ok(())
}

/// The plan that people agree to is what the file asks for, row by row.
fn check_plan(world: &World, file: &LedgerFile) -> Result<(), String> {
    let state = &file.state;
    let counts = state.counts();
    for (row, meant) in (1..).zip(&world.meant) {
        let is_planned = state.is_planned(row);
        let ended = state.outcome_of(row);
        let is_right = match meant {
            Meant::Sent | Meant::Spared(_) => is_planned && ended.is_none(),
            Meant::Ends(outcome) => !is_planned && ended.map(Outcome::name) == Some(*outcome),
        };
        if !is_right {
            return Err(format!(
                "row {row} asks for {meant:?}, and its plan is {is_planned}, {ended:?}: {:?}",
                usize::try_from(row)
                    .ok()
                    .and_then(|it| world.this_run().rows.get(it - 1))
            ));
        }
    }
    let rows = world.meant.len() as u64;
    if counts.total() != rows {
        return Err(format!("the plan has {} of {rows} rows", counts.total()));
    }
    Ok(())
}
