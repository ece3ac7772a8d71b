//! The options of the commands that send nothing that deletes: they look, prove, set up or help.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use clap::{Arg, Args, ValueEnum};

use super::options::{OUTPUT, RowsArgs, SAFETY, WorkArgs};
use super::values::{
    SANDBOX_LISTEN, modes, parse_concurrency, parse_head, parse_listen, parse_scale, parse_seed,
    parse_some_rows,
};
use crate::domain::FindBy;
use crate::ledger::LedgerHead;
use crate::progress::Mode;
use crate::sandbox::{Faults, Latency};

/// `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The ledger; left out, it is the newest in this folder
    #[arg(value_name = "LEDGER")]
    pub ledger: Option<PathBuf>,

    /// Go on saying it until the run ends
    #[arg(long)]
    pub follow: bool,

    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The ledgers, which make one report; left out, it is the newest in this folder
    #[arg(value_name = "LEDGER")]
    pub ledgers: Vec<PathBuf>,

    /// What is written: html, json, md or csv
    #[arg(
        long,
        hide_possible_values = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "html"
    )]
    pub format: ReportFormat,

    /// The file that html, json or md goes to; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Refuse a ledger with another fingerprint than this
    #[arg(long, value_name = "HASH", value_parser = parse_head)]
    pub head: Option<LedgerHead>,

    /// With --format csv: refs.csv with a row for each reference, and no other
    #[arg(long, value_name = "ref", value_parser = ["ref"], requires = "out")]
    pub by: Option<String>,

    /// The folder that the files of csv go to, made if it is not there
    #[arg(
        long,
        value_name = "DIR",
        required_if_eq("format", "csv"),
        conflicts_with = "output"
    )]
    pub out: Option<PathBuf>,
}

/// `--format` of `report`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A page for people who were not there: one file, which needs no network.
    Html,
    /// One JSON object.
    Json,
    /// Markdown, for tickets.
    Md,
    /// The rows of the input, in three files.
    Csv,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The ledger; left out, it is the newest in this folder
    #[arg(value_name = "LEDGER")]
    pub ledger: Option<PathBuf>,

    /// Refuse a ledger with another fingerprint than this
    #[arg(long, value_name = "HASH", value_parser = parse_head)]
    pub head: Option<LedgerHead>,

    /// Ask about so many rows only, drawn at random, spread over the accounts
    #[arg(long, value_name = "N", value_parser = parse_some_rows)]
    pub sample: Option<NonZeroU64>,

    /// Draw the sample that was drawn with this seed before
    #[arg(long, value_name = "SEED", requires = "sample", value_parser = parse_seed)]
    pub seed: Option<u64>,

    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,

    /// Requests under way for one account, 1 to 1000 [default: the run's]
    #[arg(long, value_name = "N", value_parser = parse_concurrency)]
    pub concurrency: Option<NonZeroU32>,

    /// The configuration [default: ./userpurge.toml, XDG folder, environment]
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Progress: auto, bar, plain, json or none
    #[arg(long, hide_possible_values = true, value_name = "HOW", default_value = "auto", value_parser = modes())]
    #[arg(help_heading = OUTPUT)]
    pub progress: Mode,
    /// Ask although a server asked for a wait that is not over
    #[arg(long, help_heading = SAFETY)]
    pub ignore_pauses: bool,
}

/// `lookup`.
#[derive(Debug, Args)]
pub struct LookupArgs {
    /// The file that names users; - is standard input
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// The file for its rows, with columns `id`, `account` and `found`
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// What it names them by: email or external-id
    #[arg(
        long,
        hide_possible_values = true,
        value_name = "WHAT",
        default_value = "email"
    )]
    #[arg(value_parser = FindBy::ALL.map(FindBy::name))]
    pub by: String,

    /// How rows are read and chosen.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// What only deletions need is taken and not needed, so that a `plan` line becomes a `lookup` line by
    /// its first word.
    #[command(flatten)]
    pub work: WorkArgs,
}

/// An option of `lookup`, hidden if only deletions need it.
pub(super) fn hide_unasked(arg: Arg) -> Arg {
    let is_asked = ["attempts", "concurrency", "ignore_pauses"].contains(&arg.get_id().as_str());
    let is_other = ["notify", "max_rows", "ref_column"].contains(&arg.get_id().as_str());
    let is_safety = arg.get_help_heading() == Some(SAFETY) && !is_asked;
    arg.hide(is_other || is_safety)
}

/// `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// The ledger; left out, it is the newest in this folder
    #[arg(value_name = "LEDGER")]
    pub ledger: Option<PathBuf>,

    /// The fingerprint that a run or status printed; the ledger may have grown since
    #[arg(long, value_name = "HASH", value_parser = parse_head)]
    pub head: Option<LedgerHead>,

    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,

    /// The configuration [default: ./userpurge.toml, XDG folder, environment]
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,
}

/// `sandbox`.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Where it listens, on this machine only; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = SANDBOX_LISTEN, value_parser = parse_listen)]
    pub listen: SocketAddr,

    /// How long answers take, such as 50ms [default: no time]
    #[arg(long, value_name = "TIME")]
    pub latency: Option<Latency>,

    /// What goes wrong how often, such as error500=2%,reset-after=1%,seed=7 [default: nothing]
    #[arg(long, value_name = "FAULTS")]
    pub faults: Option<Faults>,

    /// Multiply the providers' limits by this
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = parse_scale)]
    pub scale_limits: f64,

    /// The users that are there: those of this input, in any format that `run` reads [default: the
    /// demo's]
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,

    /// A provider file that is served beside them, as a path or by its name if it is shipped
    #[arg(long, value_name = "FILE")]
    pub provider: Option<String>,

    /// Write a configuration for the sandbox to this new file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub write_config: Option<PathBuf>,
}
