//! The plan of a run: the input read once, through the options and the configuration.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use futures::executor::block_on;
use tempfile::TempPath;

use super::accounts::policies;
use super::args::{PaceArgs, RowsArgs};
use super::error::draw;
use super::ledgers::{LATEST, goes_on, named, resolve};
use super::setup::Setup;
use super::{CliError, ExitCode};
use crate::config::AccountSettings;
use crate::domain::{
    AccountName, AgreedFile, Counted, Entry, FindBy, Outcome, PlanEnd, PlannedInput, RunOptions,
    TaskKey,
};
use crate::input::{
    self, Columns, Excerpt, Format, InputError, InputSource, InputTable, ReadOptions, Resolved,
    fingerprint,
};
use crate::ledger::{Durability, Good, LedgerHandle, LedgerReader, LedgerState};
use crate::plan::{Plan, PlanError, Planner, ProtectList, likely_id_column};
use crate::report::named_config;
use crate::report::text::{self, again};
use crate::words;

/// The name that people see for an input that is no file.
pub(super) const STANDARD_INPUT: &str = "standard input";

/// The sign for it on the command line.
pub(super) const DASH: &str = "-";

/// An input, and all that decides what becomes of its rows.
#[derive(Debug)]
pub(super) struct Planning {
    /// The input's file.
    path: PathBuf,
    /// That file is a copy of standard input, or holds rows of ledgers, for as long as its plan is made.
    copy: Option<TempPath>,
    /// The name that people see for that copy; empty: there is none.
    called: String,
    read: ReadOptions,
    rows_max: Option<u64>,
    pub(super) setup: Setup,
    done_before: HashSet<TaskKey>,
    /// Where the rows of `done_before` were done.
    done_at: Vec<DoneAt>,
    done_in: Vec<AgreedFile>,
    /// Whether it is carried out at once. Then no line of the file is shown: what a run says may be kept.
    is_run: bool,
}

/// A ledger, an account of which it has rows that are done, and their tenant, if it says.
pub(super) type DoneAt = (PathBuf, AccountName, Option<String>);

/// A plan, and what is shown beside it.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// The name that people see for the input.
    pub(super) name: String,
    /// The columns that rows were read by.
    pub(super) mapping: Columns,
    pub(super) passed_over: Vec<String>,
    /// The column that looks like ids, where most ids were none.
    pub(super) likely_column: Option<String>,
    /// The rows of the file to be shown beside the reasons why they are invalid, by their numbers.
    pub(super) examples: BTreeMap<u64, Excerpt>,
    /// How many ids the protect list has; `None`: there is none.
    pub(super) protected: Option<u64>,
    pub(super) done_at: Vec<DoneAt>,
}

impl Planning {
    /// The command that was typed, once everything is there that it names.
    pub(super) fn typed(
        input: &Path,
        rows: &RowsArgs,
        pace: &PaceArgs,
        config: Option<&Path>,
        is_run: bool,
    ) -> Result<Self, CliError> {
        rows.roles.refuse_unknown()?;
        let options = rows.run_options(pace)?;
        let read = rows.read_options(&options);
        let mut setup = Setup::new(config, options, None)?;
        // A ledger is no input: its rows have been sent, or were not to be.
        if input.is_file() && LedgerReader::open(input).is_ok() {
            return Err(is_ledger(input, &setup.options));
        }
        let mut done_before = HashSet::new();
        let (mut done_at, mut done_in) = (Vec::new(), Vec::new());
        for named in &mut setup.options.done_in {
            let path = Path::new(named);
            // `latest`, which was made absolute like any other path.
            let path = match path.parent() {
                Some(folder) if path.ends_with(LATEST) && !path.exists() => {
                    resolve(Path::new(LATEST), folder)?
                }
                _ => path.to_owned(),
            };
            let Good { keys, tenants } = Good::of(&path).map_err(CliError::refused)?;
            done_before.extend(keys);
            let tenants = tenants.into_iter();
            done_at.extend(tenants.map(|(account, tenant)| (path.clone(), account, tenant)));
            // Tomorrow's `latest` is another.
            *named = path.to_string_lossy().into_owned();
            done_in.push(AgreedFile {
                path: named.clone(),
                sha256: fingerprint(&path)?.sha256,
                ids: None,
            });
        }
        let copy = (input == Path::new(DASH)).then(|| input::spool(std::io::stdin().lock()));
        let copy = copy.transpose()?;
        Ok(Self {
            called: STANDARD_INPUT.to_owned(),
            path: copy.as_deref().unwrap_or(input).to_owned(),
            copy,
            read,
            rows_max: rows.max_rows,
            setup,
            done_before,
            done_at,
            done_in,
            is_run,
        })
    }

    /// The rows that ended well in `ledgers`, to be done once more.
    pub(super) fn again(
        ledgers: &[PathBuf],
        rows: &RowsArgs,
        pace: &PaceArgs,
        config: Option<&Path>,
    ) -> Result<Self, CliError> {
        let mut file = tempfile::Builder::new().suffix(".csv").tempfile()?;
        let mut names = Vec::new();
        let mut table = csv::Writer::from_writer(file.as_file_mut());
        table
            .write_record(["id", "account", "action", "ref"])
            .map_err(io::Error::from)?;
        for ledger in ledgers {
            let ledger = named(Some(ledger))?;
            let state = LedgerState::read(&ledger).map_err(CliError::refused)?;
            state.each_planned(|position, cells| {
                let row = position.row;
                let is_good = state.counted(row) == Some(Counted::Good);
                if is_good && state.is_planned(row) {
                    table.write_record(cells).map_err(io::Error::from)?;
                }
                Ok::<_, CliError>(())
            })?;
            names.push(absolute(&ledger).to_string_lossy().into_owned());
        }
        table.flush()?;
        drop(table);
        let copy = file.into_temp_path();
        let mut planning = Self::typed(&copy, rows, pace, config, true)?;
        planning.called = format!("the rows that are done in {}", names.join(", "));
        planning.copy = Some(copy);
        planning.setup.options.again = names;
        Ok(planning)
    }

    /// Reads the whole input. Its rows go to `ledger`, if there is one, and the end of the plan too.
    pub(super) fn plan(
        mut self,
        ledger: Option<&LedgerHandle>,
    ) -> Result<(Setup, Planned), CliError> {
        let planned = self.read_through(ledger);
        // The copy is gone when they read it.
        let planned = planned.map_err(|failure| {
            let command = self.column_command().or_else(|| self.lookup_command());
            let failure = failure.or_help(command);
            self.by_name(failure)
        });
        Ok((self.setup, planned?))
    }

    fn read_through(&mut self, ledger: Option<&LedgerHandle>) -> Result<Planned, CliError> {
        let path = self.path.clone();
        self.read.is_digested = ledger.is_some();
        let mut source = self.open()?;
        refuse_entries(&source, &self.setup.options)?;
        let mut decider = self.planner()?;
        let named = self.setup.options.account.as_deref();
        let passed_over = decider.pass_over(&source, &mut self.read, named)?;
        if !passed_over.is_empty() {
            source = InputSource::open(&path, &self.read)?;
        }
        if let Some(list) = &self.setup.options.protect {
            decider.protect(Path::new(list), &self.own_columns(), &source)?;
        }
        let plan = read_rows(&decider, &mut source, ledger)?;
        let are_addresses = plan.reasons().iter().any(|it| it.why.code == "email");
        if plan.to_delete() == 0 && are_addresses && self.lookup_command().is_some() {
            let text = format!("`{}` names users by their e-mail addresses", path.display());
            return Err(CliError::message(ExitCode::Refused, text, None));
        }
        let resolved = source.resolved().clone();
        let likely_column = self.likely_column(&plan, &resolved)?;
        let examples = (!self.is_run).then(|| plan.examples(&path, &self.read));
        let planned = Planned {
            examples: examples.unwrap_or_default(),
            plan,
            passed_over,
            name: match self.copy {
                Some(_) => self.called.clone(),
                None => source.called(),
            },
            likely_column,
            protected: decider.protect.count().map(|ids| ids as u64),
            done_at: std::mem::take(&mut self.done_at),
            mapping: resolved.mapping.clone(),
        };
        if self.is_run || ledger.is_some() {
            refuse_wrong_column(&planned, &source)?;
        }
        if let Some(ledger) = ledger {
            let digest = source.fingerprint()?;
            let end = PlanEnd {
                rows: planned.plan.rows,
                outcomes: planned.plan.outcomes,
                input: self.input(&resolved, digest),
                protect: self.setup.options.protect.clone().map(|path| AgreedFile {
                    path,
                    sha256: decider.protect.sha256().to_owned(),
                    ids: Some(decider.protect.count().unwrap_or(0) as u64),
                }),
                done_in: std::mem::take(&mut self.done_in),
            };
            let entry = Entry::Planned(Box::new(end));
            block_on(ledger.append(entry, Durability::Synced)).map_err(CliError::refused)?;
        }
        Ok(planned)
    }

    /// Opens the input.
    fn open(&mut self) -> Result<InputSource, InputError> {
        let columns = self.own_columns();
        InputSource::open_with(&self.path, &mut self.read, &columns)
    }

    /// The columns that hold ids by the provider file of every account that rows may be of.
    fn own_columns(&self) -> Vec<String> {
        let all: Vec<&[String]> = self.meant().map(AccountSettings::id_columns).collect();
        let first = all.first().copied().unwrap_or_default().iter();
        let own = first.filter(|column| all.iter().all(|columns| columns.contains(column)));
        own.cloned().collect()
    }

    /// The column that looks like ids, if most ids were none.
    fn likely_column(&self, plan: &Plan, resolved: &Resolved) -> Result<Option<String>, CliError> {
        let Some(accounts) = plan.misread().filter(|_| resolved.mapping.id.is_some()) else {
            return Ok(None);
        };
        let mut table = InputTable::open(&self.path, &self.read)?;
        let policies = policies(&self.setup.outline.accounts);
        Ok(likely_id_column(&mut table, &policies, accounts)?)
    }

    /// The command with the column of ids, if the input has several that may be, or none that is known, and one
    /// looks like it.
    fn column_command(&self) -> Option<String> {
        let error = InputSource::open(&self.path, &self.read).err();
        // One that was typed is not named once more.
        let error = error.filter(|_| self.read.columns.id.is_none())?;
        let mut read = self.read.clone();
        read.columns.id = error.columns().filter(|it| it.len() > 1)?.last().cloned();
        let accounts = self.meant().map(|it| it.name.clone()).collect();
        let mut table = InputTable::open(&self.path, &read).ok()?;
        let policies = policies(&self.setup.outline.accounts);
        read.columns.id = likely_id_column(&mut table, &policies, &accounts).ok()?;
        // Of the rows of a page the table has shorter names.
        InputSource::open(&self.path, &read).ok()?;
        let column = words::shell_word(&read.columns.id?);
        let again = words::typed_again(["plan", "run"][usize::from(self.is_run)], &[]);
        Some(format!("`{again} --id-column {column}`"))
    }

    /// The accounts that rows may be of.
    fn meant(&self) -> impl Iterator<Item = &AccountSettings> + Clone {
        let named = self.setup.options.account.as_deref();
        let accounts = self.setup.outline.accounts.iter();
        accounts.filter(move |it| named.is_none_or(|name| it.name.as_str() == name))
    }

    /// The command that finds the ids of the users, if the input names them by other keys, as far as is seen.
    fn lookup_command(&self) -> Option<String> {
        if InputTable::has_ids(&self.path, &self.read) {
            return None;
        }
        let options = &self.setup.options;
        let meant = self.meant();
        let known = [FindBy::ExternalId, FindBy::Email].into_iter();
        let mut known = known.filter(|by| meant.clone().any(|it| it.kind().finds(*by)));
        let keyed = |by| InputTable::keyed(&self.path, &self.read, by).ok();
        let (by, read) = known.find_map(|by| Some((by, keyed(by)?)))?;
        let copy = self.copy.as_ref().map(|_| Path::new(DASH));
        let input = copy.unwrap_or(&self.path);
        let column = read.columns.id.as_deref();
        let format = (self.read.format.map(Format::name), read.delimiter);
        Some(text::lookup(input, (by, column), options, format))
    }

    /// Takes the name of a copy away, so that no kill leaves it behind. It is there until what is returned
    /// goes.
    pub(super) fn hide_copy(&mut self) -> io::Result<Option<File>> {
        let copy = self.copy.take().map(File::open).transpose()?;
        if let Some(copy) = &copy {
            self.path = format!("/proc/self/fd/{}", copy.as_raw_fd()).into();
        }
        Ok(copy)
    }

    /// The rows of the input, to be looked up by what they name their users by.
    pub(super) fn keyed(&self, by: FindBy) -> Result<InputTable, CliError> {
        let read = InputTable::keyed(&self.path, &self.read, by);
        let table = read.and_then(|read| InputTable::open(&self.path, &read));
        // No line is shown: it may name a person.
        let failed = table.map_err(|error| CliError::from(error).at(None));
        failed.map_err(|failure| self.by_name(failure))
    }

    /// A failure that names the input, and not its copy.
    fn by_name(&self, failure: CliError) -> CliError {
        match &self.copy {
            Some(copy) => failure.calling(copy, &self.called),
            None => failure,
        }
    }

    /// The ledger's record of the input.
    fn input(&self, resolved: &Resolved, digest: input::Fingerprint) -> PlannedInput {
        PlannedInput {
            path: match self.copy {
                Some(_) => self.called.clone(),
                None => absolute(&self.path).to_string_lossy().into_owned(),
            },
            size: digest.size,
            sha256: digest.sha256,
            format: resolved.format.name().to_owned(),
            delimiter: resolved.delimiter,
            columns: resolved.mapping.names(),
        }
    }

    /// The planner for rows by the options and the configuration.
    pub(super) fn planner(&mut self) -> Result<Planner, CliError> {
        let policies = policies(&self.setup.outline.accounts);
        let options = &self.setup.options;
        let done_before = std::mem::take(&mut self.done_before);
        let protect = ProtectList::default();
        let mut planner = Planner::try_new(policies, options, protect, done_before)?;
        planner.rows_max = self.rows_max;
        Ok(planner)
    }
}

impl Planned {
    /// The plan that the ledger of `state` holds.
    pub(super) fn of_ledger(state: &LedgerState) -> Result<Self, CliError> {
        let mut plan = Plan::default();
        let mut reader = LedgerReader::open(&state.path)?;
        let applies = |row: u64, outcome: Option<Outcome>| match outcome {
            None => state.is_planned(row),
            Some(outcome) => state.outcome_of(row) == Some(outcome),
        };
        // Bounded by the lines of the plan.
        while let Some(entry) = reader.next_entry()? {
            plan.take(&entry, applies);
            if matches!(entry, Entry::Planned(_)) {
                break;
            }
        }
        let planned = state.planned.as_ref();
        Ok(Self {
            plan,
            name: planned.map_or_else(String::new, |planned| planned.input.path.clone()),
            mapping: planned
                .map(|it| Columns::of_names(&it.input.columns))
                .unwrap_or_default(),
            protected: planned
                .and_then(|it| it.protect.as_ref())
                .and_then(|it| it.ids),
            ..Self::default()
        })
    }
}

/// Reads the rows of `source`, which go to `ledger`, if there is one.
fn read_rows(
    decider: &Planner,
    source: &mut InputSource,
    ledger: Option<&LedgerHandle>,
) -> Result<Plan, PlanError> {
    let Some(ledger) = ledger else {
        return decider.plan(source, None);
    };
    let mut append = |entry| Ok(block_on(ledger.append(entry, Durability::Queued))?);
    decider.plan(source, Some(&mut append))
}

/// Refuses to go on with ids from a column that holds none, while another does.
fn refuse_wrong_column(planned: &Planned, source: &InputSource) -> Result<(), CliError> {
    let likely = planned.likely_column.as_deref();
    let hint = planned.plan.column_hint(&planned.mapping, likely);
    let Some((likely, hint)) = likely.zip(hint) else {
        return Ok(());
    };
    let text = format!("`{}`: {hint}; nothing was sent", source.path().display());
    let help = format!("`--id-column {}`", words::shell_word(likely));
    let place = Excerpt::of_name(source, likely);
    let place = place.map(|it| draw(&source.called(), &it, "these look like ids"));
    Err(CliError::refuse(text, help).at(place))
}

/// Refuses lines cut out of a ledger, or one that is compressed.
fn refuse_entries(source: &InputSource, options: &RunOptions) -> Result<(), CliError> {
    let resolved = source.resolved();
    let has = |key: &str| resolved.columns.iter().any(|column| column == key);
    if resolved.format == Format::Jsonl && has("kind") && has("chain") {
        return Err(is_ledger(source.path(), options));
    }
    Ok(())
}

fn is_ledger(path: &Path, options: &RunOptions) -> CliError {
    let text = format!("`{}` is a ledger and no list of users", path.display());
    let again = again(path, named_config(options));
    let help = format!(
        "`userpurge run {again}` carries out a plan that it holds, {}",
        goes_on(&again)
    );
    CliError::refuse(text, help)
}

/// `path` from the root; as it is if there is no telling.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
