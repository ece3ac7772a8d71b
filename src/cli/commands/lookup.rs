//! `lookup`: asks for the ids of users whom a file names by e-mail address or external id. The
//! users it names stand in the file that it writes, and nowhere else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use roaring::RoaringTreemap;

use crate::cli::accounts::Connection;
use crate::cli::args::LookupArgs;
use crate::cli::error::describe;
use crate::cli::ledgers::begin_log;
use crate::cli::planning::Planning;
use crate::cli::session::{OpenRun, WorkKind};
use crate::cli::terminal::tell;
use crate::cli::work::{Shown, exit_code};
use crate::cli::{CliError, ExitCode};
use crate::domain::{AccountName, AccountPlan, Counts, Entry, FindBy, RunState};
use crate::input::InputTable;
use crate::lane::RequestError;
use crate::plan::Planner;
use crate::report::text::again;
use crate::report::{FoundFile, named_config};
use crate::run::{Durability, EventSink as _};
use crate::words;

/// How many rows are asked about together, and in how many requests: what a kill loses is asked again.
const ROWS_MAX: usize = 5_000;
const REQUESTS_MAX: usize = 32;

/// A key that any provider can be asked for.
const ANY_KEY: &str = "a@b";

/// Writes the rows of a file with the ids of their users.
pub(in crate::cli) async fn execute(args: &LookupArgs) -> Result<ExitCode, CliError> {
    let work = args.work.clone();
    let config = work.config.as_deref();
    let mut planning = Planning::typed(&args.input, &args.rows, &work.pace, config, true)?;
    let _copy = planning.hide_copy()?;
    let planner = planning.planner()?;
    let by = FindBy::ALL[usize::from(args.by != FindBy::Email.name())];
    let (mut all, mut left) = (planning.keyed(by)?, planning.keyed(by)?);
    let mut file = FoundFile::open(&args.output, &left.columns_beside_ids())?;
    let mut ahead = BTreeMap::<AccountName, u64>::new();
    while let Some((account, _, cells)) = planner.sought(&mut all, by)? {
        if file.holds(&account, &cells)? {
            planner.sought(&mut left, by)?;
        } else {
            *ahead.entry(account).or_default() += 1;
        }
    }
    if let Some(warning) = all.source().asides().warning() {
        tell(&warning);
    }
    let output = args.output.display();
    if file.is_other()? {
        let text = format!("`{output}` exists already and is not what `lookup` made of this input");
        return Err(CliError::refuse(text, "name another file with `-o FILE`"));
    }
    let log = begin_log(&planning.setup)?;
    let none = RoaringTreemap::new();
    let mut run = OpenRun::new(WorkKind::Verify, log, &none, planning.setup, work);
    let ended = run.find(by, (&planner, &mut left), &mut file, ahead).await;
    file.sync()?;
    if let Ok(state) = ended {
        let end = Entry::end(state, Counts::default());
        run.recorder.record(end, Durability::Synced).await?;
    }
    let closing = run.lacking_action(&left);
    run.writer.finish().await?;
    let (ended, [one, none, several]) = (ended?, file.rows);
    let next = match ended {
        RunState::Finished if one == 0 => format!(
            "nothing to plan; look whether the column holds what `--by {by}` means, and at the account"
        ),
        RunState::Finished => {
            let again = again(&args.output, named_config(&run.setup.options));
            format!("`userpurge plan {again}{closing}")
        }
        _ => "the same command goes on behind these rows".to_owned(),
    };
    tell(&format!(
        "{output}: one user for {}, none for {none}, several for {several}\nnext: {next}",
        words::count(one, "row")
    ));
    Ok(exit_code(ended, none + several == 0, run.signals.code()))
}

impl OpenRun<'_> {
    /// The end of the command that plans the rows of `table`. It is the action that was typed. Else it is the
    /// actions of the first account for whose rows neither they nor the configuration have one.
    fn lacking_action(&self, table: &InputTable) -> String {
        let has_actions = table.source().resolved().mapping.action.is_some();
        let lacks = |it: &&Connection| it.action.is_none() && !has_actions;
        let offered = self.connections.iter().find(lacks);
        let offered = offered.map_or(&[][..], |it| it.kind.actions());
        let typed = self.setup.options.action;
        let names = typed.as_slice().iter().chain(offered).map(|it| it.name());
        match names.collect::<Vec<_>>()[..] {
            [] => "`".to_owned(),
            [first, ..] if typed.is_some() || offered.len() == 1 => format!(" --action {first}`"),
            [first, ref others @ ..] => {
                format!(" --action {first}`, or with {}", others.join(", "))
            }
        }
    }

    /// Asks for the users of the rows that are left, and writes them to `file`.
    async fn find(
        &mut self,
        by: FindBy,
        rows: (&Planner, &mut InputTable),
        file: &mut FoundFile,
        ahead: BTreeMap<AccountName, u64>,
    ) -> Result<RunState, CliError> {
        let accounts = ahead.keys().cloned().collect();
        self.check_accounts(&accounts)?;
        self.connect(&accounts).await?;
        self.attach().await?;
        let plan = |(name, rows)| AccountPlan::untimed(name, rows);
        let ahead: Vec<AccountPlan> = ahead.into_iter().map(plan).collect();
        let count = ahead.iter().map(|it| it.rows).sum();
        let begun = Entry::Session(Box::new(self.start("lookup", count, ahead.clone())));
        self.recorder.record(begun, Durability::Synced).await?;
        let progress = Shown::start(self, ahead);
        file.begin()?;
        let ended = self.find_all(by, rows, file, &progress).await;
        progress.finish().await;
        ended
    }

    /// Asks about the rows in their order, some at a time.
    async fn find_all(
        &self,
        by: FindBy,
        (planner, table): (&Planner, &mut InputTable),
        file: &mut FoundFile,
        progress: &Shown,
    ) -> Result<RunState, CliError> {
        let most = |it: &Connection| REQUESTS_MAX * it.client.find_max(by, ANY_KEY);
        let connections = self.connections.iter();
        let keys_max: BTreeMap<_, _> = connections.map(|it| (&it.name, most(it))).collect();
        loop {
            let (mut rows, mut keys) = (Vec::new(), BTreeMap::<_, BTreeSet<_>>::new());
            let mut is_full = false;
            while !is_full && let Some(row) = planner.sought(table, by)? {
                let keys = keys.entry(row.0.clone()).or_default();
                keys.insert(row.1.clone());
                is_full = keys_max.get(&row.0) == Some(&keys.len()) || rows.len() + 1 == ROWS_MAX;
                rows.push(row);
            }
            if rows.is_empty() {
                return Ok(RunState::Finished);
            }
            let (mut found, mut failed) = (BTreeMap::new(), None);
            for it in &self.connections {
                let users = found.entry(&it.name).or_insert_with(HashMap::new);
                let keys = keys.remove(&it.name).unwrap_or_default();
                if let Err(error) = it.client.find(by, keys, users).await {
                    failed.get_or_insert((&it.name, error));
                }
            }
            for (account, key, cells) in rows {
                let users = found.get(&account).and_then(|found| found.get(&key));
                let Some(users) = users else {
                    failed.get_or_insert((&self.connections[0].name, RequestError::Stopping));
                    break;
                };
                progress.row(&account, file.add(&account, users, &cells)?);
            }
            match failed {
                None => {}
                Some((_, RequestError::Stopping)) => return Ok(RunState::Interrupted),
                Some((name, error)) => {
                    tell(&format!("{name}: {}", describe(&error)));
                    return Ok(RunState::Stopped);
                }
            }
        }
    }
}
