//! Options that several commands share, in the groups that help shows.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use thiserror::Error;

use super::values::{Delimiter, InputFormat};
use crate::cli::question::Consent;
use crate::cli::until::TimeOfDay;
use crate::config::Limits;
use crate::domain::{Action, InputHeader, RunOptions};
use crate::input::{Columns, ReadOptions};
use crate::pipeline::FailureLimit;
use crate::progress::Mode;

/// The most tries for one request that can be asked for.
const ATTEMPTS_MAX: i64 = 100;

/// Where the accounts are.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Accounts")]
pub struct ConfigArgs {
    /// The configuration file [default: ./userpurge.toml, then the XDG configuration folder, then
    /// environment variables]
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,
}

/// How rows are read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reading the input")]
pub struct MappingArgs {
    /// The account of rows that name none
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,

    /// The action of rows that name none: delete, permanently-delete, purge or
    /// delete-personal-information
    #[arg(long, value_name = "NAME", value_parser = parse_action)]
    pub action: Option<Action>,

    /// The header or JSON key of the user's id, dotted for nested keys [default: id, `user_id`, …]
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,

    /// The same of the account [default: account, provider or system]
    #[arg(long, value_name = "NAME")]
    pub account_column: Option<String>,

    /// The same of the action [default: action or operation]
    #[arg(long, value_name = "NAME")]
    pub action_column: Option<String>,

    /// The same of your own reference [default: ref, reference, ticket or `request_id`]
    #[arg(long, value_name = "NAME")]
    pub ref_column: Option<String>,

    /// How rows stand in the input; .gz and .zst are read as they are [default: auto]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<InputFormat>,

    /// What stands between two cells of csv; tab for a tab [default: what the header shows]
    #[arg(long, value_name = "C")]
    pub delimiter: Option<Delimiter>,
}

/// What must not be touched.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Protection")]
pub struct ProtectionArgs {
    /// Ids that must never be touched, in any format that INPUT has
    #[arg(long, value_name = "FILE")]
    pub protect: Option<PathBuf>,

    /// Skip rows that an earlier ledger shows as good (may be repeated)
    #[arg(long, value_name = "LEDGER")]
    pub done_in: Vec<PathBuf>,

    /// Let users of this role be deleted too, such as agent or admin (may be repeated)
    #[arg(long, value_name = "ROLE")]
    pub include_role: Vec<String>,

    /// Let ids through whose leading digits say that they are another org's (Zoho)
    #[arg(long)]
    pub force_foreign_ids: bool,
}

/// How fast, and when to give up.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Pace and safety")]
pub struct PaceArgs {
    /// Send N rows of each account first; go on only if all of them end well, else exit 3
    #[arg(long, value_name = "N", value_parser = parse_some_rows)]
    pub canary: Option<NonZeroU64>,

    /// Begin no more rows after this local time, finish those under way, exit 3; `resume` goes on
    #[arg(long, value_name = "HH:MM")]
    pub until: Option<TimeOfDay>,

    /// Stop an account once this many of its rows failed, were refused or are in doubt; a percentage
    /// is of its last 1,000 rows [default: 50 of the last 1,000]
    #[arg(long, value_name = "N|P%")]
    pub max_failures: Option<FailureLimit>,

    /// Tries for one request [default: 6]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=ATTEMPTS_MAX))]
    pub attempts: Option<u32>,

    /// Requests under way for one account, 1 to 1000 [default: the configuration's, then the
    /// provider's]
    #[arg(long, value_name = "N", value_parser = parse_concurrency)]
    pub concurrency: Option<NonZeroU32>,

    /// With more rows than this to delete, exit 2 and send nothing
    #[arg(long, value_name = "N", value_parser = parse_rows)]
    pub max_delete: Option<u64>,

    /// Send although a server asked for a wait that is not over
    #[arg(long)]
    pub ignore_pauses: bool,
}

/// The question before anything is sent.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Consent (run and retry need one without a terminal)")]
pub struct ConsentArgs {
    /// Ask nothing
    #[arg(long, conflicts_with = "confirm")]
    pub yes: bool,

    /// Ask nothing, and go only if exactly N rows would be sent
    #[arg(long, value_name = "N", value_parser = parse_rows)]
    pub confirm: Option<u64>,
}

/// Progress.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct ProgressArgs {
    /// Progress on standard error: bars on a terminal, else a plain line now and then
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub progress: Progress,
}

/// `--progress`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// Bars on a terminal, else plain lines.
    #[default]
    Auto,
    /// Bars.
    Bar,
    /// A plain line now and then.
    Plain,
    /// One JSON object a line.
    Json,
    /// Nothing.
    None,
}

impl From<Progress> for Mode {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Auto => Self::Auto,
            Progress::Bar => Self::Bar,
            Progress::Plain => Self::Plain,
            Progress::Json => Self::Json,
            Progress::None => Self::None,
        }
    }
}

/// Diagnostics, which every command has.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Diagnostics (on standard error)")]
pub struct DiagnosticsArgs {
    /// How diagnostics are written
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    pub log_format: LogFormat,

    /// Say more; -vv and -vvv say more still
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Say errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Every option that a ledger's header keeps, by reference: what [`run_options`](Self::run_options)
/// writes and [`contradiction`](Self::contradiction) compares.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// How rows are read.
    pub mapping: &'a MappingArgs,
    /// What must not be touched.
    pub protection: &'a ProtectionArgs,
}

/// An option of `resume` or `retry` that says otherwise than the ledger it goes on with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{option}` says `{typed}`, but the ledger or plan was made with {started}; leave the option \
     off, or begin anew"
)]
pub struct Contradiction {
    /// The option.
    pub option: &'static str,
    /// What was typed.
    pub typed: String,
    /// What the ledger's header says.
    pub started: Started,
}

/// What a run was started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started(Option<String>);

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(text) => write!(f, "`{text}`"),
            None => f.write_str("none"),
        }
    }
}

impl Selection<'_> {
    /// What a new ledger's header keeps, but for the configuration. `folder`: what relative paths count
    /// from.
    pub fn run_options(self, pace: &PaceArgs, folder: &Path) -> RunOptions {
        let absolute = |path: &Path| folder.join(path).display().to_string();
        RunOptions {
            config: None,
            config_named: false,
            account: self.mapping.account.clone(),
            action: self.mapping.action,
            id_column: self.mapping.id_column.clone(),
            account_column: self.mapping.account_column.clone(),
            action_column: self.mapping.action_column.clone(),
            ref_column: self.mapping.ref_column.clone(),
            protect: self.protection.protect.as_deref().map(absolute),
            done_in: self
                .protection
                .done_in
                .iter()
                .map(|path| absolute(path))
                .collect(),
            include_roles: self.protection.include_role.clone(),
            force_foreign_ids: self.protection.force_foreign_ids,
            max_failures: pace.max_failures.map(|limit| limit.to_string()),
            attempts: pace.attempts,
            concurrency: pace.concurrency.map(NonZeroU32::get),
            canary: pace.canary,
        }
    }

    /// The first option that would read the input otherwise than the ledger or the saved plan that
    /// keeps `options` and `input`; `None`:
    /// all that were typed agree with it.
    pub fn contradiction(self, options: &RunOptions, input: &InputHeader) -> Option<Contradiction> {
        let mapping = self.mapping;
        let action = |action: Option<Action>| action.map(|action| action.name().to_owned());
        let delimiter = mapping
            .delimiter
            .map(|typed| char::from(typed.byte()).to_string());
        let format = mapping
            .format
            .and_then(InputFormat::name)
            .map(str::to_owned);
        [
            (
                "--account",
                mapping.account.clone(),
                options.account.clone(),
            ),
            ("--action", action(mapping.action), action(options.action)),
            (
                "--id-column",
                mapping.id_column.clone(),
                options.id_column.clone(),
            ),
            (
                "--account-column",
                mapping.account_column.clone(),
                options.account_column.clone(),
            ),
            (
                "--action-column",
                mapping.action_column.clone(),
                options.action_column.clone(),
            ),
            (
                "--ref-column",
                mapping.ref_column.clone(),
                options.ref_column.clone(),
            ),
            ("--format", format, Some(input.format.clone())),
            (
                "--delimiter",
                delimiter,
                input.delimiter.map(|started| started.to_string()),
            ),
        ]
        .into_iter()
        .find_map(|(option, typed, started)| {
            let typed = typed?;
            (started.as_ref() != Some(&typed)).then_some(Contradiction {
                option,
                typed,
                started: Started(started),
            })
        })
    }
}

impl Selection<'_> {
    /// The first option that would spare or delete others than the saved plan that keeps `options`;
    /// `None`: all that were typed are the plan's. `folder`: what relative paths count from.
    ///
    /// A ledger that goes on may spare more users than it did. A plan was approved as it is.
    pub fn departure(self, options: &RunOptions, folder: &Path) -> Option<Contradiction> {
        let typed = self.run_options(&PaceArgs::default(), folder);
        let one = |path: &Option<String>| path.iter().cloned().collect::<Vec<_>>();
        new_in("--protect", &one(&typed.protect), &one(&options.protect))
            .or_else(|| new_in("--done-in", &typed.done_in, &options.done_in))
            .or_else(|| self.widening(options))
    }

    /// The first option that would delete users whom a run with `options` spares; `None`: there is none.
    /// `resume` asks nothing, so it takes none.
    pub fn widening(self, options: &RunOptions) -> Option<Contradiction> {
        let typed = self.protection;
        let force = |is_forced: bool| Vec::from_iter(is_forced.then(|| "yes".to_owned()));
        let roles = (&typed.include_role, &options.include_roles);
        new_in("--include-role", roles.0, roles.1).or_else(|| {
            let kept = force(options.force_foreign_ids);
            new_in(
                "--force-foreign-ids",
                &force(typed.force_foreign_ids),
                &kept,
            )
        })
    }
}

/// What was `typed` for `option` and is not among what is `kept`; `None`: all of it is.
fn new_in(option: &'static str, typed: &[String], kept: &[String]) -> Option<Contradiction> {
    let other = typed.iter().find(|typed| !kept.contains(typed))?;
    Some(Contradiction {
        option,
        typed: other.clone(),
        started: Started((!kept.is_empty()).then(|| kept.join("`, `"))),
    })
}

impl MappingArgs {
    /// How the input is read.
    pub(in crate::cli) fn read_options(&self) -> ReadOptions {
        ReadOptions {
            format: self
                .format
                .and_then(InputFormat::name)
                .and_then(|name| name.parse().ok()),
            delimiter: self.delimiter.map(|delimiter| char::from(delimiter.byte())),
            columns: Columns {
                id: self.id_column.clone(),
                account: self.account_column.clone(),
                action: self.action_column.clone(),
                reference: self.ref_column.clone(),
            },
        }
    }
}

impl ConsentArgs {
    /// What the question goes by.
    pub fn consent(self, pace: &PaceArgs) -> Consent {
        Consent {
            yes: self.yes,
            confirm: self.confirm,
            max_delete: pace.max_delete,
        }
    }
}

fn parse_action(text: &str) -> Result<Action, String> {
    text.parse().map_err(|()| {
        format!(
            "the actions are {}",
            Action::ALL.map(Action::name).join(", ")
        )
    })
}

fn parse_rows(text: &str) -> Result<u64, &'static str> {
    let rows = text.parse();
    rows.map_err(|_| "write a number of rows, in digits alone, such as 12480")
}

pub(super) fn parse_some_rows(text: &str) -> Result<NonZeroU64, &'static str> {
    let rows = parse_rows(text)?;
    NonZeroU64::new(rows).ok_or("write a number of rows, 1 at least")
}

pub(super) fn parse_concurrency(text: &str) -> Result<NonZeroU32, String> {
    text.parse::<NonZeroU32>()
        .ok()
        .filter(|number| number.get() <= Limits::CONCURRENCY_MAX)
        .ok_or_else(|| format!("write a number from 1 to {}", Limits::CONCURRENCY_MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use rstest::rstest;

    use super::{MappingArgs, PaceArgs, ProtectionArgs, Selection};
    use crate::cli::args::InputFormat;
    use crate::domain::{Action, InputHeader, RunHeader, RunId, RunOptions, Time};

    fn header() -> RunHeader {
        RunHeader {
            run_id: RunId::new("r"),
            format: RunHeader::FORMAT,
            version: "0".to_owned(),
            input: InputHeader {
                path: "/data/users.csv".to_owned(),
                size: 1,
                sha256: String::new(),
                rows: 1,
                format: "csv".to_owned(),
                delimiter: Some(';'),
            },
            options: RunOptions {
                account: Some("acme".to_owned()),
                action: Some(Action::Purge),
                ..RunOptions::default()
            },
            accounts: Vec::new(),
            ahead: Vec::new(),
            agreed: BTreeMap::new(),
            started_at: Time::from_millis(0),
            uptime: None,
        }
    }

    fn mapping() -> MappingArgs {
        MappingArgs::default()
    }

    #[rstest]
    #[case(mapping(), None)]
    #[case(MappingArgs { account: Some("acme".into()), action: Some(Action::Purge), format: Some(InputFormat::Csv), delimiter: ";".parse().ok(), ..mapping() }, None)]
    #[case(MappingArgs { format: Some(InputFormat::Auto), ..mapping() }, None)]
    #[case(MappingArgs { account: Some("crm".into()), ..mapping() }, Some("--account"))]
    #[case(MappingArgs { action: Some(Action::Delete), ..mapping() }, Some("--action"))]
    #[case(MappingArgs { id_column: Some("id".into()), ..mapping() }, Some("--id-column"))]
    #[case(MappingArgs { account_column: Some("a".into()), ..mapping() }, Some("--account-column"))]
    #[case(MappingArgs { action_column: Some("a".into()), ..mapping() }, Some("--action-column"))]
    #[case(MappingArgs { ref_column: Some("r".into()), ..mapping() }, Some("--ref-column"))]
    #[case(MappingArgs { format: Some(InputFormat::Ids), ..mapping() }, Some("--format"))]
    #[case(MappingArgs { delimiter: ",".parse().ok(), ..mapping() }, Some("--delimiter"))]
    fn a_resume_may_repeat_what_the_run_was_started_with_and_nothing_else(
        #[case] mapping: MappingArgs,
        #[case] option: Option<&str>,
    ) {
        let selection = Selection {
            mapping: &mapping,
            protection: &ProtectionArgs::default(),
        };
        let found = selection.contradiction(&header().options, &header().input);
        assert_eq!(found.as_ref().map(|found| found.option), option);
    }

    #[test]
    fn a_ledger_keeps_the_options_with_absolute_paths() {
        let mapping = MappingArgs {
            account: Some("acme".to_owned()),
            ..mapping()
        };
        let protection = ProtectionArgs {
            protect: Some("staff.txt".into()),
            done_in: vec!["/old/l".into(), "l".into()],
            include_role: vec!["agent".to_owned()],
            force_foreign_ids: true,
        };
        let pace = PaceArgs {
            max_failures: "5%".parse().ok(),
            attempts: Some(3),
            concurrency: "4".parse().ok(),
            max_delete: Some(9),
            canary: "5".parse().ok(),
            until: "06:00".parse().ok(),
            ignore_pauses: true,
        };
        let selection = Selection {
            mapping: &mapping,
            protection: &protection,
        };
        let kept = selection.run_options(&pace, Path::new("/here"));
        let expected = RunOptions {
            account: Some("acme".to_owned()),
            protect: Some("/here/staff.txt".to_owned()),
            done_in: vec!["/old/l".to_owned(), "/here/l".to_owned()],
            include_roles: vec!["agent".to_owned()],
            force_foreign_ids: true,
            max_failures: Some("5%".to_owned()),
            attempts: Some(3),
            concurrency: Some(4),
            canary: "5".parse().ok(),
            ..RunOptions::default()
        };
        assert_eq!(kept, expected);
    }
}
