//! The commands, and the options of those that plan and send. Those of the others are in
//! [`read_only`](super::read_only).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::options::{DiagnosticsArgs, RoleArgs, RowsArgs, WorkArgs};
use super::read_only::{
    AuditArgs, CheckArgs, LookupArgs, ReportArgs, SandboxArgs, StatusArgs, VerifyArgs, hide_unasked,
};
use super::values::{inputs, parse_head};
use crate::config::variables;
use crate::help::TOPICS;
use crate::ledger::LedgerHead;
use crate::words::fold;

/// The longer texts of help, each below a line `=== NAME`.
const HELP: &str = include_str!("help.txt");

/// How wide the list of topics is.
const HELP_COLUMNS: usize = 80;

/// Delete users at Zendesk Support, Sunshine Conversations and Zoho CRM, from a file, under each
/// provider's rate limits, with a ledger that answers for every row
#[derive(Debug, Parser)]
#[command(name = "userpurge", version, max_term_width = 100)]
#[command(arg_required_else_help = true, subcommand_required = true)]
#[command(disable_help_subcommand = true)]
#[command(after_help = after_help())]
#[command(after_long_help = after_long_help())]
#[command(mut_subcommands = with_text)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Diagnostics.
    #[command(flatten)]
    pub diagnostics: DiagnosticsArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the whole file and say what a run would do; needs neither credentials nor a network
    Plan(Box<PlanArgs>),

    /// Delete the users of a file, or carry a saved plan out, after asking
    Run(Box<RunArgs>),

    /// Go on where an interrupted run stopped
    Resume(Box<GoOnArgs>),

    /// Try rows again that failed, or whose answer is missing
    Retry(Box<RetryArgs>),

    /// Say where a run stands, also while another process is at it
    Status(StatusArgs),

    /// Give an account of a run to people who were not there, or its rows back
    Report(ReportArgs),

    /// Ask the provider about the rows that are done, and keep what it says; reads only
    Verify(VerifyArgs),

    /// Find the ids of users whom a file names by e-mail address or external id; reads only
    #[command(mut_args = hide_unasked)]
    Lookup(Box<LookupArgs>),

    /// Prove that no line of a ledger was changed, dropped, moved or added; needs no network
    Audit(AuditArgs),

    /// Try the credentials of every account and say who they belong to and what they lack
    Check(CheckArgs),

    /// Ask a few questions, write a commented configuration, and check it
    Init {
        /// The file to write [default: userpurge.toml]
        #[arg(long, value_name = "PATH")]
        config: Option<PathBuf>,
    },

    /// List the providers, print the file of one, or judge the examples of a file
    Providers {
        /// A provider's name, or a provider file [default: all]
        #[arg(value_name = "NAME|FILE")]
        about: Option<String>,

        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },

    /// Serve the three providers' behaviour on this machine, for trying things out
    Sandbox(SandboxArgs),

    /// Purge a sample file against a sandbox inside this program, end to end
    Demo,

    /// Print the completions of a shell
    Completions {
        /// The shell
        #[arg(value_enum, value_name = "SHELL")]
        shell: clap_complete::Shell,
    },

    /// Print the man pages, one after the other, or write one for each command
    Man {
        /// The folder that each page goes to as a file of its own, made if it is not there; beside one called
        /// man1, man5 and man7 take the pages of their sections [default: standard output]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },

    /// Print the JSON schema of the configuration, or of provider files, for editors
    Schema {
        /// Of what: the configuration, or the files that describe providers
        #[arg(value_parser = ["config", "provider"], default_value = "config")]
        about: String,
    },

    /// Print the help of a command, or a topic
    Help {
        /// The command or the topic [default: what there is]
        #[arg(value_name = "COMMAND|TOPIC")]
        about: Option<String>,
    },
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The file with the users' ids; - is standard input
    #[arg(value_name = "INPUT", value_parser = inputs())]
    pub input: PathBuf,

    /// Save the plan as a ledger, which `run` carries out
    #[arg(short, long, value_name = "LEDGER")]
    pub output: Option<PathBuf>,

    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,

    /// The ledger that `run` would write [default: INPUT and .ledger.jsonl]
    #[arg(long, value_name = "PATH")]
    pub ledger: Option<PathBuf>,

    /// How rows are read and chosen.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// The consent is taken and not needed, so that a `run` line becomes a `plan` line by its first word.
    #[command(flatten)]
    pub work: WorkArgs,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The file with the users' ids, or a saved plan; - is standard input
    #[arg(
        value_name = "INPUT",
        value_parser = inputs(),
        required = false,
        required_unless_present = "again"
    )]
    #[arg(default_value_if("again", clap::builder::ArgPredicate::IsPresent, "again"))]
    pub input: PathBuf,

    /// Instead of INPUT: once more the rows that are done in this ledger
    #[arg(long, value_name = "LEDGER", conflicts_with = "input")]
    pub again: Vec<PathBuf>,

    /// The ledger, a new file [default: INPUT with .ledger.jsonl appended]
    #[arg(long, value_name = "PATH")]
    pub ledger: Option<PathBuf>,

    /// Show the plan, ask nothing and send nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// With --dry-run: read each user's state at the provider
    #[arg(long, requires = "dry_run")]
    pub live: bool,

    /// How rows are read and chosen.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// How rows are carried out.
    #[command(flatten)]
    pub work: WorkArgs,
}

/// What `resume` and `retry` have in common.
#[derive(Debug, Args)]
pub struct GoOnArgs {
    /// The ledger; left out, it is the newest in this folder
    #[arg(value_name = "LEDGER")]
    pub ledger: Option<PathBuf>,

    /// Refuse a ledger with another fingerprint than this
    #[arg(long, value_name = "HASH", value_parser = parse_head)]
    pub head: Option<LedgerHead>,

    /// How rows are carried out.
    #[command(flatten)]
    pub work: WorkArgs,
}

/// `retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Rows with this outcome or code, or standing [default: failed, in-doubt]
    #[arg(long, value_name = "CODE_OR_OUTCOME")]
    pub only: Vec<String>,

    /// Of these, only rows with this reference (may be repeated)
    #[arg(long = "ref", value_name = "REF")]
    pub refs: Vec<String>,

    /// What `resume` has too.
    #[command(flatten)]
    pub go_on: GoOnArgs,
    /// Who is let through that the run spared.
    #[command(flatten)]
    pub roles: RoleArgs,
}

/// The text called `name`.
fn text(name: &str) -> &'static str {
    let mut texts = HELP.split("=== ").filter_map(|text| text.split_once('\n'));
    let found = texts.find(|(head, _)| *head == name);
    found.map_or("", |(_, text)| text.trim_end())
}

/// A command with its longer text.
fn with_text(command: clap::Command) -> clap::Command {
    let text = text(command.get_name());
    command.after_help(text)
}

/// Where to begin, and the topics of help.
fn after_help() -> String {
    let names = TOPICS.map(|(name, ..)| name).join(", ");
    let topics = format!("Topics: {names}");
    format!("{}\n{}", fold(&topics, 2, HELP_COLUMNS), text("begin"))
}

/// Exit codes, and the variables that the program itself goes by.
fn after_long_help() -> String {
    let variable = |(name, holds)| format!("  {name:<22} {holds}\n");
    let variables: String = variables().map(variable).collect();
    let (before, after) = (text("userpurge"), after_help());
    format!("{before}\n{variables}\n{after}")
}
