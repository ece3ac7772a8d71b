//! What a run would do: the input read through the options and the configuration.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::accounts::{Line, limits_of, policies};
use super::latest::{self, LATEST};
use super::outline_text::shell;
use super::underline;
use super::{ExitCode, Failure};
use crate::config::{AccountOutline, Outline};
use crate::domain::{AccountName, InputHeader, Outcome, RunOptions, TaskKey};
use crate::input::{
    Columns, Excerpt, Fingerprint, Format, Input, ReadOptions, Resolved, Source, Table,
};
use crate::ledger::{Good, LedgerReader};
use crate::plan::{
    Defaults, ForeignIds, Judge, Plan, Planner, ProtectList, likely_id_column, time_at_limit,
};

/// What people call an input that is no file.
pub(super) const STANDARD_INPUT: &str = "standard input";

/// An input, and all that decides what becomes of its rows.
#[derive(Debug)]
pub(super) struct Planning {
    pub(super) input: Input,
    /// What people call the input: its path, unless it is a copy of standard input that will be gone.
    pub(super) name: String,
    pub(super) read: ReadOptions,
    pub(super) outline: Outline,
    pub(super) options: RunOptions,
    done_before: Arc<HashSet<TaskKey>>,
    /// Where the rows of `done_before` were done.
    pub(super) done_at: Vec<DoneAt>,
}

/// Where an earlier ledger says that rows of an account were done.
#[derive(Debug)]
pub(super) struct DoneAt {
    pub(super) ledger: PathBuf,
    pub(super) account: AccountName,
    /// `None`: the ledger does not say.
    pub(super) tenant: Option<String>,
}

/// A plan and how the input was read for it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) plan: Arc<Plan>,
    pub(super) judge: Arc<Judge>,
    pub(super) resolved: Resolved,
    /// The column that looks like ids, where most ids were none.
    pub(super) likely_column: Option<String>,
    /// The rows of the file to be shown beside the reasons why they are invalid, by their numbers.
    pub(super) examples: BTreeMap<u64, Excerpt>,
}

/// How many reasons are shown with an example.
const EXAMPLES_MAX: usize = 20;

impl Planning {
    /// Looks that everything is there that the options name.
    pub(super) fn new(
        input: Input,
        read: ReadOptions,
        outline: Outline,
        mut options: RunOptions,
    ) -> Result<Self, Failure> {
        refuse_ledger(input.path())?;
        let mut done_before = HashSet::new();
        let mut done_at = Vec::new();
        for named in &mut options.done_in {
            let path = Path::new(named);
            // `latest`, which was made absolute like any other path.
            let path = match path.parent() {
                Some(folder) if path.ends_with(LATEST) && !path.exists() => {
                    latest::resolve(Path::new(LATEST), folder)?
                }
                _ => path.to_owned(),
            };
            let Good { keys, tenants } = Good::of(&path).map_err(Failure::refused)?;
            done_before.extend(keys);
            done_at.extend(tenants.into_iter().map(|(account, tenant)| DoneAt {
                ledger: path.clone(),
                account,
                tenant,
            }));
            // Tomorrow's `latest` is another.
            *named = path.to_string_lossy().into_owned();
        }
        Ok(Self {
            name: input.path().display().to_string(),
            input,
            read,
            outline,
            options,
            done_before: Arc::new(done_before),
            done_at,
        })
    }

    /// Refuses accounts of which rows count as done, as `counts` says, although they were done at another
    /// tenant than `tenant` says the account leads to now: nobody was deleted there.
    pub(super) fn check_done_at(
        &self,
        counts: impl Fn(&AccountName) -> bool,
        tenant: impl Fn(&AccountName) -> Option<String>,
    ) -> Result<(), Failure> {
        for done in self.done_at.iter().filter(|done| counts(&done.account)) {
            let now = tenant(&done.account);
            if now.is_some() && now == done.tenant {
                continue;
            }
            let named = |tenant: Option<&str>| match tenant {
                Some(tenant) => format!("tenant `{tenant}`"),
                None => "a tenant that is not known".to_owned(),
            };
            let text = format!(
                "rows of account `{}` were done at {}, as ledger `{}` of `--done-in` says, and the \
                 configuration leads to {}; nothing was sent",
                done.account,
                named(done.tenant.as_deref()),
                done.ledger.display(),
                named(now.as_deref())
            );
            let help = "leave that `--done-in` out to delete these users here, or name the \
                        configuration of that tenant with `--config PATH`";
            return Err(Failure::message(ExitCode::Refused, text, Some(help)));
        }
        Ok(())
    }

    /// The planner of the input.
    pub(super) fn planner(&self, judge: &Arc<Judge>) -> Planner {
        Planner::new(Arc::clone(judge), Arc::clone(&self.done_before))
    }

    /// Reads the whole input, with what `lines` (none, offline) say of the callers; a second time if
    /// its ids show damage together that none shows alone.
    pub(super) fn plan(&self, lines: &[Line]) -> Result<Planned, Failure> {
        let mut judge = Arc::new(self.judge(lines)?);
        let mut planned = self.read_through(&judge)?;
        let Some(alone) = Arc::get_mut(&mut judge) else {
            return Err(Failure::bug("a planner outlived its pass over the input"));
        };
        if alone.heed(|account| planned.0.damage(account)) {
            drop(planned);
            planned = self.read_through(&judge)?;
        }
        let (plan, resolved) = planned;
        let likely_column = match plan.misread() {
            Some(accounts) if resolved.mapping.id.is_some() => {
                let policies = policies(&self.outline.accounts, lines);
                let mut table = Table::open(&self.input, &self.read).map_err(Failure::refused)?;
                likely_id_column(&mut table, &policies, accounts).map_err(Failure::refused)?
            }
            Some(_) | None => None,
        };
        Ok(Planned {
            plan: Arc::new(plan),
            judge,
            resolved,
            likely_column,
            examples: BTreeMap::new(),
        })
    }

    /// The first row of each reason why rows are invalid, as the file has it: for a person who reads
    /// the plan, and for nothing that is kept, since a line of the file may name anybody.
    pub(super) fn examples(&self, plan: &Plan) -> BTreeMap<u64, Excerpt> {
        let reasons = plan.reasons();
        let invalid = reasons.iter().filter(|it| it.outcome == Outcome::Invalid);
        let wanted: Vec<_> = invalid.take(EXAMPLES_MAX).map(|it| it.example).collect();
        if wanted.is_empty() {
            return BTreeMap::new();
        }
        Excerpt::of_rows(self.input.path(), &self.read, &wanted)
    }

    /// What the options and the configuration say of rows.
    fn judge(&self, lines: &[Line]) -> Result<Judge, Failure> {
        let policies = policies(&self.outline.accounts, lines);
        let protect = match &self.options.protect {
            Some(path) => {
                ProtectList::read(Path::new(path), &policies).map_err(Failure::refused)?
            }
            None => ProtectList::default(),
        };
        let defaults = Defaults {
            account: self.options.account.clone(),
            action: self.options.action,
        };
        let foreign = if self.options.force_foreign_ids {
            ForeignIds::Allowed
        } else {
            ForeignIds::Refused
        };
        Judge::try_new(policies, &defaults, foreign, protect).map_err(Failure::refused)
    }

    /// One pass over the input.
    fn read_through(&self, judge: &Arc<Judge>) -> Result<(Plan, Resolved), Failure> {
        let mut source = self.open()?;
        let resolved = source.resolved();
        let has = |key: &str| resolved.columns.iter().any(|column| column == key);
        if resolved.format == Format::Jsonl && has("kind") && has("chain") {
            // Lines cut out of a ledger, or one that is compressed.
            return Err(is_ledger(source.path()));
        }
        let plan = self
            .planner(judge)
            .plan(&mut source)
            .map_err(Failure::refused)?;
        Ok((plan, source.resolved().clone()))
    }

    /// Refuses to go on with ids from a column that holds none, while another does.
    pub(super) fn refuse_wrong_column(&self, planned: &Planned) -> Result<(), Failure> {
        let likely = planned.likely_column.as_deref();
        let hint = planned.plan.column_hint(&planned.resolved.mapping, likely);
        match (likely, hint) {
            (Some(likely), Some(hint)) => {
                let text = format!(
                    "`{}`: {hint}; nothing was sent",
                    self.input.path().display()
                );
                let help = format!("`--id-column {}`", shell(Path::new(likely)));
                let place =
                    underline::name_in_input(self.input.path(), likely, "these look like ids");
                Err(Failure::message(ExitCode::Refused, text, Some(&help)).at(place))
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    /// Opens the input from its beginning.
    pub(super) fn open(&self) -> Result<Source, Failure> {
        Source::open(&self.input, &self.read).map_err(Failure::refused)
    }

    /// The account's part of the configuration.
    pub(super) fn account(&self, name: &AccountName) -> Option<&AccountOutline> {
        self.outline
            .accounts
            .iter()
            .find(|account| account.name == *name)
    }

    /// The least time each account's rows take under its limits.
    pub(super) fn times(&self, plan: &Plan) -> BTreeMap<AccountName, Duration> {
        let time = |(name, actions): (&AccountName, &BTreeMap<_, crate::plan::Group>)| {
            let rows: Vec<_> = actions
                .iter()
                .map(|(action, group)| (*action, group.rows))
                .collect();
            let account = self.account(name)?;
            Some((name.clone(), time_at_limit(&rows, &limits_of(account))))
        };
        plan.accounts.iter().filter_map(time).collect()
    }

    /// The input as a ledger's header keeps it.
    pub(super) fn input_header(&self, planned: &Planned, fingerprint: &Fingerprint) -> InputHeader {
        InputHeader {
            path: absolute(self.input.path()).to_string_lossy().into_owned(),
            size: fingerprint.size,
            sha256: fingerprint.sha256.clone(),
            rows: planned.plan.rows,
            format: planned.resolved.format.name().to_owned(),
            delimiter: planned.resolved.delimiter,
        }
    }
}

/// Refuses a ledger as an input: its rows have been sent, or were not to be.
fn refuse_ledger(path: &Path) -> Result<(), Failure> {
    if path.is_file() && LedgerReader::open(path).is_ok() {
        return Err(is_ledger(path));
    }
    Ok(())
}

fn is_ledger(path: &Path) -> Failure {
    let text = format!("`{}` is a ledger and no list of users", path.display());
    let name = shell(path);
    let help = format!(
        "`userpurge resume {name}` goes on with its run, `userpurge retry {name}` tries failed rows again"
    );
    Failure::message(ExitCode::Refused, text, Some(&help))
}

/// How the input of `header` is read, with the columns that `options` name.
pub(super) fn read_options(header: &InputHeader, options: &RunOptions) -> ReadOptions {
    ReadOptions {
        format: header.format.parse().ok(),
        delimiter: header.delimiter,
        columns: columns(options),
    }
}

/// The columns that options name.
pub(super) fn columns(options: &RunOptions) -> Columns {
    Columns {
        id: options.id_column.clone(),
        account: options.account_column.clone(),
        action: options.action_column.clone(),
        reference: options.ref_column.clone(),
    }
}

/// `path` from the root; as it is if there is no telling.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The folder in which the file at `path` lies, or will.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
