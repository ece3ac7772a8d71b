//! Options that several commands share, in the groups that help shows.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::values::{Delimiter, InputFormat};
use crate::cli::question::Consent;
use crate::cli::until::TimeOfDay;
use crate::config::Limits;
use crate::domain::{Action, RunOptions};
use crate::input::{Columns, ReadOptions};
use crate::lane::FailureLimit;
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

    /// Who is let through all the same.
    #[command(flatten)]
    pub roles: RoleArgs,
}

/// Whom the usual protection spares, and who is let through all the same.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Protection")]
pub struct RoleArgs {
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

impl RoleArgs {
    /// Adds what was typed to what a ledger keeps.
    pub fn lay_over(&self, options: &mut RunOptions) {
        for role in &self.include_role {
            if !options.include_roles.contains(role) {
                options.include_roles.push(role.clone());
            }
        }
        options.force_foreign_ids |= self.force_foreign_ids;
    }
}

impl PaceArgs {
    /// Lays what was typed over what a ledger keeps.
    pub fn lay_over(&self, options: &mut RunOptions) {
        if let Some(limit) = self.max_failures {
            options.max_failures = Some(limit.to_string());
        }
        options.attempts = self.attempts.or(options.attempts);
        let concurrency = self.concurrency.map(NonZeroU32::get);
        options.concurrency = concurrency.or(options.concurrency);
        options.canary = self.canary.or(options.canary);
    }
}

/// The options of a new run as its ledger keeps them, with paths below `folder`.
pub(super) fn run_options(
    mapping: &MappingArgs,
    protection: &ProtectionArgs,
    pace: &PaceArgs,
    folder: &Path,
) -> RunOptions {
    let absolute = |path: &PathBuf| folder.join(path).display().to_string();
    let mut options = RunOptions {
        account: mapping.account.clone(),
        action: mapping.action,
        id_column: mapping.id_column.clone(),
        account_column: mapping.account_column.clone(),
        action_column: mapping.action_column.clone(),
        ref_column: mapping.ref_column.clone(),
        protect: protection.protect.as_ref().map(absolute),
        done_in: protection.done_in.iter().map(absolute).collect(),
        ..RunOptions::default()
    };
    protection.roles.lay_over(&mut options);
    pace.lay_over(&mut options);
    options
}

/// The first option that is about reading an input or choosing its rows; `None`: none was typed.
pub(super) fn reading_option(
    mapping: &MappingArgs,
    protection: &ProtectionArgs,
) -> Option<&'static str> {
    let typed = [
        ("--account", mapping.account.is_some()),
        ("--action", mapping.action.is_some()),
        ("--id-column", mapping.id_column.is_some()),
        ("--account-column", mapping.account_column.is_some()),
        ("--action-column", mapping.action_column.is_some()),
        ("--ref-column", mapping.ref_column.is_some()),
        ("--format", mapping.format.is_some()),
        ("--delimiter", mapping.delimiter.is_some()),
        ("--protect", protection.protect.is_some()),
        ("--done-in", !protection.done_in.is_empty()),
        ("--include-role", !protection.roles.include_role.is_empty()),
        ("--force-foreign-ids", protection.roles.force_foreign_ids),
    ];
    let mut typed = typed.into_iter();
    typed
        .find(|(_, is_typed)| *is_typed)
        .map(|(option, _)| option)
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
    use std::path::Path;

    use super::{MappingArgs, PaceArgs, ProtectionArgs, RoleArgs, run_options};
    use crate::domain::RunOptions;

    #[test]
    fn a_ledger_keeps_the_options_with_absolute_paths() {
        let mapping = MappingArgs {
            account: Some("acme".to_owned()),
            ..MappingArgs::default()
        };
        let protection = ProtectionArgs {
            protect: Some("staff.txt".into()),
            done_in: vec!["/old/l".into(), "l".into()],
            roles: RoleArgs {
                include_role: vec!["agent".to_owned()],
                force_foreign_ids: true,
            },
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
        let kept = run_options(&mapping, &protection, &pace, Path::new("/here"));
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
