//! What was typed: every command and option, checked only by itself.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::domain::{Action, RunOptions};
use crate::input::{Columns, Format, ReadOptions};
use crate::pipeline::FailureLimit;
use crate::progress::Mode;
use crate::sandbox::{Faults, Latency};

use super::planning::absolute;

const INPUT_HELP: &str = "What is read, and how";
const ROWS_HELP: &str = "Which rows, and what becomes of them";
const PACE_HELP: &str = "Pace and trouble";
const GUARD_HELP: &str = "Guard rails";
const OUTPUT_HELP: &str = "What is shown";

/// Delete users at Zendesk Support, Sunshine Conversations and Zoho CRM, from a file.
///
/// userpurge reads a file of user ids, deletes each user at the right provider under that
/// provider's rate limits, and keeps a ledger of what happened to every row, from which an
/// interrupted run resumes and failed rows are tried again.
#[derive(Debug, Parser)]
#[command(
    name = "userpurge",
    version,
    arg_required_else_help = true,
    after_help = "Examples:
  userpurge demo                            see it work, on this machine only
  userpurge plan leavers.csv                what a run would do; sends nothing
  userpurge run leavers.csv                 do it, after a question
  userpurge resume latest                   go on after an interruption

Exit codes: 0 all ended well · 1 some rows did not · 2 refused, nothing was sent ·
3 stopped by a safety, resume goes on · 4 trouble with the ledger · 130, 143 interrupted"
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) diagnostics: Diagnostics,
}

/// Diagnostics, for every command.
#[derive(Debug, Clone, Args)]
pub(super) struct Diagnostics {
    /// How diagnostics are written, on standard error
    #[arg(long, global = true, value_enum, default_value_t, help_heading = OUTPUT_HELP)]
    pub(super) log_format: LogFormat,
    /// More diagnostics: -v what is decided, -vv every request, -vvv everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = OUTPUT_HELP)]
    pub(super) verbose: u8,
    /// Only errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = OUTPUT_HELP)]
    pub(super) quiet: bool,
}

/// How diagnostics are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what a run would do: reads the whole file, sends nothing
    ///
    /// Needs neither credentials nor a network. Says how many rows each account and action has,
    /// which rows are invalid, duplicate or protected and why, and the time it takes under the
    /// limits.
    #[command(after_help = "Examples:
  userpurge plan leavers.csv --account acme --action delete
  userpurge plan leavers.csv -o leavers.plan.json      save it; `run` then does just that plan")]
    Plan(PlanArgs),
    /// Carry the plan out, after asking
    ///
    /// INPUT may be a saved plan, which is refused if anything it is bound to has changed.
    #[command(after_help = "Examples:
  userpurge run leavers.csv --account acme --action purge
  userpurge run leavers.plan.json --confirm 4127       only if exactly 4127 rows would be sent
  zcat big.csv.gz | userpurge run - --yes              standard input is kept beside the ledger")]
    Run(RunArgs),
    /// Go on where an interrupted run stopped
    ///
    /// Needs nothing but the ledger, its input file and credentials.
    Resume(ResumeArgs),
    /// Try rows again that ended `failed` or `in_doubt`
    ///
    /// Appends to the same ledger; the later outcome of a row counts.
    #[command(after_help = "Examples:
  userpurge retry latest
  userpurge retry leavers.csv.ledger.jsonl --only refused --only RecordInvalid")]
    Retry(RetryArgs),
    /// Say where a run stands, also while another process is running it
    Status(StatusArgs),
    /// Try the credentials: who we are, in which role, and what it lacks
    ///
    /// For every account in the configuration. Reads only.
    Check(CheckArgs),
    /// Serve the three providers' behaviour on this machine, for trying things out
    #[command(after_help = "Examples:
  userpurge sandbox --latency 50ms..300ms --faults error500=2%,reset=1%
  userpurge sandbox --scale-limits 100                 ten minutes of quota in six seconds")]
    Sandbox(SandboxArgs),
    /// Purge a sample file against a sandbox of its own, end to end
    Demo(DemoArgs),
    /// Write completions for a shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to standard output
    Man {
        /// Write one page a command into this folder instead
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// What `plan` and `run` are told of the input and its rows.
#[derive(Debug, Clone, Args)]
pub(super) struct InputArgs {
    /// The file of user ids; `-`: standard input
    #[arg(value_name = "INPUT")]
    pub(super) input: PathBuf,
    /// The ledger [default: INPUT with .ledger.jsonl appended]
    #[arg(long, value_name = "PATH", help_heading = INPUT_HELP)]
    pub(super) ledger: Option<PathBuf>,
    /// The file's format [default: auto: by extension, then by content]
    #[arg(long, value_name = "FORMAT", help_heading = INPUT_HELP, value_parser = format,
          hide_possible_values = true)]
    #[arg(help = "auto, csv, tsv, jsonl, json or ids [default: auto: by extension, then content]")]
    pub(super) format: Option<Auto>,
    /// The character between CSV cells [default: found out]
    #[arg(long, value_name = "C", help_heading = INPUT_HELP)]
    pub(super) delimiter: Option<char>,
    /// The column (or JSON key, dotted for nested) of the user id
    #[arg(long, value_name = "NAME", help_heading = INPUT_HELP)]
    pub(super) id_column: Option<String>,
    /// The column of the account
    #[arg(long, value_name = "NAME", help_heading = INPUT_HELP)]
    pub(super) account_column: Option<String>,
    /// The column of the action
    #[arg(long, value_name = "NAME", help_heading = INPUT_HELP)]
    pub(super) action_column: Option<String>,
    /// The column of your own reference
    #[arg(long, value_name = "NAME", help_heading = INPUT_HELP)]
    pub(super) ref_column: Option<String>,
    /// The account of rows that do not say
    #[arg(long, value_name = "NAME", help_heading = ROWS_HELP)]
    pub(super) account: Option<String>,
    /// The action of rows that do not say
    #[arg(long, value_name = "NAME", help_heading = ROWS_HELP, value_parser = action)]
    #[arg(help = "The action of rows that do not say: delete, permanently-delete, purge or \
                  delete-personal-information")]
    pub(super) action: Option<Action>,
    /// Skip rows that an earlier ledger shows as good; may be given again
    #[arg(long, value_name = "LEDGER", help_heading = ROWS_HELP)]
    pub(super) done_in: Vec<PathBuf>,
    /// Let ids through whose leading digits say that they are another org's (Zoho)
    #[arg(long, help_heading = GUARD_HELP)]
    pub(super) force_foreign_ids: bool,
    /// More rows than this to delete: exit 2, nothing sent
    #[arg(long, value_name = "N", help_heading = GUARD_HELP)]
    pub(super) max_delete: Option<u64>,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// What `plan`, `run`, `resume` and `retry` have in common.
#[derive(Debug, Clone, Args)]
pub(super) struct CommonArgs {
    /// The configuration [default: ./userpurge.toml, then the XDG configuration folder]
    #[arg(long, value_name = "PATH", help_heading = INPUT_HELP)]
    pub(super) config: Option<PathBuf>,
    /// Ids that must never be touched, in any format INPUT has
    #[arg(long, value_name = "FILE", help_heading = GUARD_HELP)]
    pub(super) protect: Option<PathBuf>,
    /// Let users of this role be deleted, who are protected otherwise; may be given again
    #[arg(long, value_name = "ROLE", help_heading = GUARD_HELP)]
    pub(super) include_role: Vec<String>,
    /// Stop an account once this many rows failed or were refused [default: 50, or 5% after 1,000]
    #[arg(long, value_name = "N|P%", help_heading = GUARD_HELP)]
    pub(super) max_failures: Option<FailureLimit>,
    /// Tries for one request [default: 6]
    #[arg(long, value_name = "N", help_heading = PACE_HELP, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) attempts: Option<u32>,
    /// Requests under way at once for one account [default: the account's]
    #[arg(long, value_name = "N", help_heading = PACE_HELP, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) concurrency: Option<u32>,
    /// How progress is shown, on standard error
    #[arg(long, value_name = "HOW", help_heading = OUTPUT_HELP, default_value = "auto",
          value_parser = ["auto", "bar", "plain", "json", "none"])]
    pub(super) progress: String,
}

/// Whether to ask.
#[derive(Debug, Clone, Args)]
pub(super) struct AskArgs {
    /// Do not ask
    #[arg(long, help_heading = GUARD_HELP, conflicts_with = "confirm")]
    pub(super) yes: bool,
    /// Do not ask, but go only if exactly N rows would be sent
    #[arg(long, value_name = "N", help_heading = GUARD_HELP)]
    pub(super) confirm: Option<u64>,
}

/// `plan`.
#[derive(Debug, Clone, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,
    /// Save the plan, bound to the input and the configuration by digest
    #[arg(short, long, value_name = "FILE.plan.json", help_heading = OUTPUT_HELP)]
    pub(super) output: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long, help_heading = OUTPUT_HELP)]
    pub(super) json: bool,
}

/// `run`.
#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,
    #[command(flatten)]
    pub(super) ask: AskArgs,
    /// Stop before the question
    #[arg(long, help_heading = GUARD_HELP)]
    pub(super) dry_run: bool,
    /// With --dry-run: also read at the provider how each user stands
    #[arg(long, help_heading = GUARD_HELP, requires = "dry_run")]
    pub(super) live: bool,
}

/// `resume`.
#[derive(Debug, Clone, Args)]
pub(super) struct ResumeArgs {
    /// The ledger; `latest`: the newest in this folder
    #[arg(value_name = "LEDGER")]
    pub(super) ledger: PathBuf,
    #[command(flatten)]
    pub(super) ask: AskArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// `retry`.
#[derive(Debug, Clone, Args)]
pub(super) struct RetryArgs {
    #[command(flatten)]
    pub(super) resume: ResumeArgs,
    /// Rows with this outcome or code instead; may be given again
    #[arg(long, value_name = "CODE_OR_OUTCOME", help_heading = ROWS_HELP)]
    pub(super) only: Vec<String>,
}

/// `status`.
#[derive(Debug, Clone, Args)]
pub(super) struct StatusArgs {
    /// The ledger; `latest`: the newest in this folder
    #[arg(value_name = "LEDGER")]
    pub(super) ledger: PathBuf,
    /// Go on until the run ends
    #[arg(long)]
    pub(super) follow: bool,
    /// One JSON object on standard output
    #[arg(long, help_heading = OUTPUT_HELP)]
    pub(super) json: bool,
}

/// `check`.
#[derive(Debug, Clone, Args)]
pub(super) struct CheckArgs {
    /// The configuration [default: ./userpurge.toml, then the XDG configuration folder]
    #[arg(long, value_name = "PATH")]
    pub(super) config: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long, help_heading = OUTPUT_HELP)]
    pub(super) json: bool,
}

/// `sandbox`.
#[derive(Debug, Clone, Args)]
pub(super) struct SandboxArgs {
    /// The loopback address to listen on; port 0: any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(super) listen: String,
    /// How long answers take, e.g. 50ms or 20ms..200ms
    #[arg(long, value_name = "TIME", default_value = "20ms..80ms")]
    pub(super) latency: Latency,
    /// What goes wrong how often, e.g. error500=2%,reset=1%,reset-after=1%,html=1%,throttle=1%,seed=7
    #[arg(long, value_name = "LIST", default_value = "")]
    pub(super) faults: Faults,
    /// Divide every quota's span by this
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub(super) scale_limits: f64,
}

/// `demo`.
#[derive(Debug, Clone, Args)]
pub(super) struct DemoArgs {
    /// How progress is shown, on standard error
    #[arg(long, value_name = "HOW", default_value = "auto",
          value_parser = ["auto", "bar", "plain", "json", "none"])]
    pub(super) progress: String,
}

/// A format, or leave to find it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Auto(pub(super) Option<Format>);

fn format(text: &str) -> Result<Auto, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(Auto(None));
    }
    let known = || "the formats are auto, csv, tsv, jsonl, json and ids".to_owned();
    text.to_ascii_lowercase().parse().map(|format| Auto(Some(format))).map_err(|_| known())
}

fn action(text: &str) -> Result<Action, String> {
    text.parse().map_err(|()| {
        let names: Vec<&str> = Action::ALL.into_iter().map(Action::name).collect();
        let near = crate::input::closest(text, names.iter().copied());
        let hint = near.map_or_else(String::new, |name| format!("did you mean `{name}`? "));
        format!("{hint}the actions are {}", names.join(", "))
    })
}

impl InputArgs {
    /// How the input is read.
    pub(super) fn read_options(&self) -> ReadOptions {
        ReadOptions {
            format: self.format.and_then(|format| format.0),
            delimiter: self.delimiter,
            columns: Columns {
                id: self.id_column.clone(),
                account: self.account_column.clone(),
                action: self.action_column.clone(),
                reference: self.ref_column.clone(),
            },
        }
    }

    /// The options that a ledger keeps. `config`: the file that was found, if there is one.
    pub(super) fn options(&self, config: Option<&PathBuf>) -> RunOptions {
        let text = |path: &PathBuf| absolute(path).to_string_lossy().into_owned();
        RunOptions {
            config: config.map(text),
            account: self.account.clone(),
            action: self.action,
            id_column: self.id_column.clone(),
            account_column: self.account_column.clone(),
            action_column: self.action_column.clone(),
            ref_column: self.ref_column.clone(),
            protect: self.common.protect.as_ref().map(text),
            done_in: self.done_in.iter().map(text).collect(),
            include_roles: self.common.include_role.clone(),
            force_foreign_ids: self.force_foreign_ids,
            max_failures: self.common.max_failures.map(|limit| limit.to_string()),
            attempts: self.common.attempts,
            concurrency: self.common.concurrency,
        }
    }
}

impl CommonArgs {
    /// Lays what is given here over what a ledger keeps.
    pub(super) fn over(&self, kept: &RunOptions) -> RunOptions {
        let text = |path: &PathBuf| absolute(path).to_string_lossy().into_owned();
        let mut options = kept.clone();
        if let Some(config) = &self.config {
            options.config = Some(text(config));
        }
        if let Some(protect) = &self.protect {
            options.protect = Some(text(protect));
        }
        if !self.include_role.is_empty() {
            options.include_roles.clone_from(&self.include_role);
        }
        if let Some(limit) = self.max_failures {
            options.max_failures = Some(limit.to_string());
        }
        options.attempts = self.attempts.or(options.attempts);
        options.concurrency = self.concurrency.or(options.concurrency);
        options
    }

    /// How progress is shown.
    pub(super) fn mode(&self) -> Mode {
        mode(&self.progress)
    }
}

/// A `--progress` that clap has let through.
pub(super) fn mode(text: &str) -> Mode {
    match text {
        "bar" => Mode::Bar,
        "plain" => Mode::Plain,
        "json" => Mode::Json,
        "none" => Mode::None,
        _ => Mode::Auto,
    }
}

