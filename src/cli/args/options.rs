//! Options that several commands share, in the groups that help shows.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, Args, ColorChoice, CommandFactory as _, ValueEnum};
use jiff::tz::TimeZone;

use super::command::Cli;
use super::values::{
    modes, parse_action, parse_concurrency, parse_delimiter, parse_rows, parse_some_rows,
};
use crate::cli::CliError;
use crate::cli::setup::folder;
use crate::domain::{Action, RunOptions, Time, TimeOfDay};
use crate::input::{Format, ReadOptions, Test, closest, did_you_mean};
use crate::lane::{FailureLimit, Until};
use crate::progress::Mode;
use crate::provider::KNOWN_ROLES;

/// The heading of options that keep users, and providers, from harm.
pub(super) const SAFETY: &str = "Safety and pace";

/// The heading of what is said beside the data.
pub(super) const OUTPUT: &str = "Output (on standard error)";

/// The most tries for one request that can be asked for.
const ATTEMPTS_MAX: i64 = 100;

/// How rows are read and chosen.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reading the input")]
pub struct RowsArgs {
    /// The account of rows that name none
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,

    /// The action of rows that name none; `userpurge providers` lists all
    #[arg(long, value_name = "NAME", value_parser = parse_action)]
    pub action: Option<Action>,

    /// Column of the user's id, dotted if nested [default: id, user id, …]
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,

    /// Column of the account, or none [default: account, provider, system]
    #[arg(long, value_name = "NAME")]
    pub account_column: Option<String>,

    /// Column of the action [default: action, operation]
    #[arg(long, value_name = "NAME")]
    pub action_column: Option<String>,

    /// Column of your reference [default: ref, ticket, request id, …]
    #[arg(long, value_name = "NAME")]
    pub ref_column: Option<String>,

    /// auto, csv, tsv, jsonl, json, ids, xlsx or ods [default: auto]
    #[arg(long, hide_possible_values = true, value_name = "FORMAT")]
    #[arg(value_parser = ["auto", "csv", "tsv", "jsonl", "json", "ids", "xlsx", "ods"])]
    pub format: Option<String>,

    /// What parts cells of csv; tab for a tab [default: as the header shows]
    #[arg(long, value_name = "C", value_parser = parse_delimiter)]
    pub delimiter: Option<char>,

    /// The line of the header of a table that has a title above it
    #[arg(long, value_name = "N")]
    pub header_line: Option<NonZeroU64>,

    /// The sheet of a spreadsheet [default: the only one with ids]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,

    /// Take rows that pass, such as plan=free (see `userpurge help input`)
    #[arg(long = "where", value_name = "TEST")]
    pub wheres: Vec<Test>,

    /// Leave out rows that pass (may be repeated)
    #[arg(long, value_name = "TEST")]
    pub where_not: Vec<Test>,

    /// Send the first N rows at most; the others are filtered
    #[arg(long, value_name = "N", value_parser = parse_rows)]
    pub max_rows: Option<u64>,

    /// Ids that must never be touched, in any format that INPUT has
    #[arg(long, value_name = "FILE", help_heading = SAFETY)]
    pub protect: Option<PathBuf>,

    /// Skip rows that an earlier ledger shows as good (may be repeated)
    #[arg(long, value_name = "LEDGER", help_heading = SAFETY)]
    pub done_in: Vec<PathBuf>,

    /// Who is let through all the same.
    #[command(flatten)]
    pub roles: RoleArgs,
}

/// Whom the usual protection spares, and who is let through all the same.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = SAFETY)]
pub struct RoleArgs {
    /// Let users of this role be deleted too, such as admin (may be repeated)
    #[arg(long, value_name = "ROLE")]
    pub include_role: Vec<String>,

    /// Leave suspended users of Zendesk alone (see `userpurge help safety`)
    #[arg(long)]
    pub protect_suspended: bool,

    /// Let ids through whose first digits are another org's (Zoho)
    #[arg(long)]
    pub force_foreign_ids: bool,
}

/// How fast, and when to give up.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = SAFETY)]
pub struct PaceArgs {
    /// Send N rows of each account first; exit 3 unless all of them are done
    #[arg(long, value_name = "N", value_parser = parse_some_rows)]
    pub canary: Option<NonZeroU64>,

    /// Begin no more rows after this local time; exit 3, `resume` goes on
    #[arg(long, value_name = "HH:MM")]
    pub until: Option<TimeOfDay>,

    /// Stop an account after so many failures [default: 50 of 1,000 rows]
    #[arg(long, value_name = "N|P%")]
    pub max_failures: Option<FailureLimit>,

    /// Tries for one request [default: 6]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=ATTEMPTS_MAX))]
    pub attempts: Option<u32>,

    /// Requests in flight for one account, 1 to 1000 [default: as configured]
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
#[command(next_help_heading = SAFETY)]
pub struct ConsentArgs {
    /// Ask nothing (without a terminal, run and retry need this or --confirm)
    #[arg(short = 'y', long, conflicts_with = "confirm")]
    pub yes: bool,

    /// Ask nothing, and go only if exactly N rows would be sent
    #[arg(long, value_name = "N", value_parser = parse_rows)]
    pub confirm: Option<u64>,
}

/// How rows are carried out.
#[derive(Debug, Clone, Default, Args)]
pub struct WorkArgs {
    /// How fast, and when to give up.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// The question.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Whether what is worked at ends with this process; never typed.
    #[arg(skip)]
    pub is_demo: bool,
    /// The configuration [default: ./userpurge.toml, XDG folder, environment]
    #[arg(long, value_name = "PATH", help_heading = None)]
    pub config: Option<PathBuf>,

    /// Progress: auto, bar, plain, json or none
    #[arg(long, hide_possible_values = true, value_name = "HOW", default_value = "auto", value_parser = modes())]
    #[arg(help_heading = OUTPUT)]
    pub progress: Mode,

    /// Run this in a shell at the end, with `status --json` on its input
    #[arg(long, value_name = "COMMAND", help_heading = None)]
    pub notify: Option<String>,
}

/// Diagnostics, which every command has.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = OUTPUT)]
pub struct DiagnosticsArgs {
    /// Diagnostics: text or json
    #[arg(
        long,
        hide_possible_values = true,
        global = true,
        value_name = "FORMAT"
    )]
    #[arg(value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// Colours: auto, always or never; `NO_COLOR` is heeded
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true
    )]
    pub color: ColorChoice,

    /// More detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Errors only
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

impl RoleArgs {
    /// Refuses roles that nobody has: mistyped, they would let nobody through in silence.
    pub(in crate::cli) fn refuse_unknown(&self) -> Result<(), CliError> {
        for role in &self.include_role {
            let is_known = KNOWN_ROLES.iter().any(|it| it.eq_ignore_ascii_case(role));
            if !is_known {
                let meant = did_you_mean(closest(role, KNOWN_ROLES));
                let text =
                    format!("`--include-role {role}` names no role that is protected{meant}");
                let known = KNOWN_ROLES.join("`, `");
                return Err(CliError::refuse(text, format!("name one of `{known}`")));
            }
        }
        Ok(())
    }

    /// Adds what was typed to what a ledger keeps.
    pub(in crate::cli) fn lay_over(&self, options: &mut RunOptions) {
        for role in &self.include_role {
            if !options.include_roles.contains(role) {
                options.include_roles.push(role.clone());
            }
        }
        options.protect_suspended |= self.protect_suspended;
        options.force_foreign_ids |= self.force_foreign_ids;
    }
}

impl PaceArgs {
    /// When lanes begin no more rows.
    pub(in crate::cli) fn until(&self, now: Time) -> Option<Until> {
        self.until.map(|time| Until {
            at: time.next_in(now, &TimeZone::system()),
            typed: time.to_string(),
        })
    }

    /// Lays what was typed over what a ledger keeps.
    pub(in crate::cli) fn lay_over(&self, options: &mut RunOptions) {
        let max_failures = self.max_failures.map(|limit| limit.to_string());
        options.max_failures = max_failures.or(options.max_failures.take());
        options.attempts = self.attempts.or(options.attempts);
        let concurrency = self.concurrency.map(NonZeroU32::get);
        options.concurrency = concurrency.or(options.concurrency);
        options.canary = self.canary.or(options.canary);
    }
}

impl RowsArgs {
    /// The options of a new run as its ledger keeps them, with absolute paths.
    pub(in crate::cli) fn run_options(&self, pace: &PaceArgs) -> Result<RunOptions, CliError> {
        let folder = folder()?;
        let absolute = |path: &PathBuf| folder.join(path).display().to_string();
        let mut options = RunOptions {
            account: self.account.clone(),
            action: self.action,
            id_column: self.id_column.clone(),
            account_column: self.account_column.clone(),
            action_column: self.action_column.clone(),
            ref_column: self.ref_column.clone(),
            sheet: self.sheet.clone(),
            header_line: self.header_line.map(NonZeroU64::get),
            protect: self.protect.as_ref().map(absolute),
            done_in: self.done_in.iter().map(absolute).collect(),
            ..RunOptions::default()
        };
        self.roles.lay_over(&mut options);
        pace.lay_over(&mut options);
        Ok(options)
    }

    /// The first of these options that was typed for this process; `None`: none was.
    pub(in crate::cli) fn first_typed() -> Option<String> {
        let matches = Cli::command().try_get_matches().ok()?;
        let (_, matches) = matches.subcommand()?;
        let rows = Self::augment_args(clap::Command::default());
        let is_typed = |it: &&Arg| {
            matches.value_source(it.get_id().as_str()) == Some(ValueSource::CommandLine)
        };
        let typed = rows.get_arguments().find(is_typed)?.get_long()?;
        Some(format!("--{typed}"))
    }

    /// How the input is read.
    pub(in crate::cli) fn read_options(&self, options: &RunOptions) -> ReadOptions {
        let format = self.format.as_ref();
        let not = self.where_not.iter().cloned().map(Test::negated);
        ReadOptions {
            // `auto` is none of them.
            format: format.and_then(|name| Format::of_name(name)),
            delimiter: self.delimiter,
            tests: self.wheres.iter().cloned().chain(not).collect(),
            ..ReadOptions::of(options)
        }
    }
}
