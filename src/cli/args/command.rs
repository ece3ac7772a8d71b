//! The commands, and the options of those that plan and send. Those of the others are in
//! [`looking`](super::looking).

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::looking::{AuditArgs, CheckArgs, ReportArgs, SandboxArgs, StatusArgs, VerifyArgs};
use super::options::{ConsentArgs, DiagnosticsArgs, PaceArgs, RoleArgs, RowsArgs};
use super::values::{modes, parse_head};
use crate::cli::ExitCode;
use crate::config::VARIABLES;
use crate::ledger::LedgerHead;
use crate::progress::Mode;

/// Delete users at Zendesk Support, Sunshine Conversations and Zoho CRM, from a file, under each
/// provider's rate limits, with a ledger that answers for every row
#[derive(Debug, Parser)]
#[command(name = "userpurge", version, max_term_width = 100)]
#[command(arg_required_else_help = true, subcommand_required = true)]
#[command(after_help = "Begin with `userpurge demo`, then `userpurge plan INPUT`.")]
#[command(after_long_help = after_long_help())]
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
    #[command(after_help = "\
Examples:
  userpurge plan users.csv
  userpurge plan users.csv --account acme --action purge -o users.ledger.jsonl
  zcat export.jsonl.gz | userpurge plan - --format jsonl --json")]
    Plan(Box<PlanArgs>),

    /// Delete the users of a file, or carry a saved plan out, after asking
    #[command(after_help = "\
Examples:
  userpurge run users.csv --dry-run --live
  userpurge run users.csv --account acme --action delete --protect staff.txt
  userpurge run users.ledger.jsonl --confirm 4812 --progress plain")]
    Run(Box<RunArgs>),

    /// Go on where an interrupted run stopped
    #[command(after_help = "\
Examples:
  userpurge resume
  userpurge resume users.csv.ledger.jsonl --yes")]
    Resume(Box<GoOnArgs>),

    /// Try rows again that ended failed or in doubt
    #[command(after_help = "\
Examples:
  userpurge retry
  userpurge retry users.csv.ledger.jsonl --only refused --only TOO_MANY_REQUESTS")]
    Retry(Box<RetryArgs>),

    /// Say where a run stands, also while another process is at it
    #[command(after_help = "\
Examples:
  userpurge status --follow
  userpurge status users.csv.ledger.jsonl --json")]
    Status(StatusArgs),

    /// Give an account of a run to people who were not there, or its rows back
    #[command(
        long_about = "\
Give an account of a run to people who were not there, or its rows back

html, json and md tell who ran what, where and when, how every row ended and why, and how to prove
it. An html page goes to INPUT.report.html beside the ledger unless -o names another file; json and
md go to standard output. json has everything that `status --json` has, and more.

csv gives the rows back, in three files in DIR, each with all columns of the input and four more
(userpurge_outcome, userpurge_code, userpurge_message, userpurge_line):

  deleted.csv      deleted, already_gone, done_before
  failed.csv       not_found, refused, failed, in_doubt, invalid, protected
  unprocessed.csv  pending, and duplicate: another row stands for it

Every row of the input is in exactly one of them. Any of them can be an INPUT again; with
--done-in LEDGER, rows that ended well are passed over.

Files of these names are replaced, but never an input or a ledger.",
        after_help = "\
Examples:
  userpurge report latest --format html
  userpurge report users.csv.ledger.jsonl --format md -o ticket.md
  userpurge report latest --format json | jq .reasons
  userpurge report latest --format csv --out report
  userpurge run report/failed.csv --done-in users.csv.ledger.jsonl"
    )]
    Report(ReportArgs),

    /// Ask the provider about the rows that ended well, and keep what it says; reads only
    #[command(after_help = "\
Examples:
  userpurge verify
  userpurge verify users.csv.ledger.jsonl --sample 500
  userpurge verify users.csv.ledger.jsonl --json

Exit code 1: somebody still stands, or no clear answer came. A deletion that the provider has taken
and is still at is counted apart, and is no trouble.")]
    Verify(VerifyArgs),

    /// Prove that no line of a ledger was changed, dropped, moved or added; needs no network
    #[command(after_help = "\
Examples:
  userpurge audit
  userpurge audit users.csv.ledger.jsonl --head 5f0c… --json

Without --head, lines cut off at the end do not show, nor does a ledger that was rewritten whole:
note the head that a run prints at its end, somewhere else.")]
    Audit(AuditArgs),

    /// Try the credentials of every account and say who they belong to and what they lack
    #[command(after_help = "\
Examples:
  userpurge check
  userpurge check --config prod.toml --json")]
    Check(CheckArgs),

    /// Ask a few questions, write a commented configuration, and check it
    #[command(
        long_about = "\
Ask a few questions, write a commented configuration, and check it

Secrets are not asked for: the file says in which variable, file or password manager each is kept.
A file that is there already is replaced only after asking. Without a terminal the answers are read
from standard input, one a line; with none left, nothing is written.",
        after_help = "\
Examples:
  userpurge init
  userpurge init --config prod.toml
  printf '%s\\n' zendesk acme client userpurge acme env ACME_SECRET | userpurge init"
    )]
    Init {
        /// The file to write [default: userpurge.toml]
        #[arg(long, value_name = "PATH")]
        config: Option<PathBuf>,
    },

    /// Serve the three providers' behaviour on this machine, for trying things out
    #[command(after_help = "\
Examples:
  userpurge sandbox
  userpurge sandbox --users users.csv --write-config userpurge.toml
  userpurge sandbox --listen 127.0.0.1:9000 --latency 50ms --faults error500=2% --scale-limits 10")]
    Sandbox(SandboxArgs),

    /// Purge a sample file against a sandbox inside this program, end to end
    #[command(after_help = "\
Examples:
  userpurge demo")]
    Demo,

    /// Print the completions of a shell
    #[command(after_help = "\
Examples:
  userpurge completions bash > ~/.local/share/bash-completion/completions/userpurge
  userpurge completions zsh > ~/.zfunc/_userpurge
  userpurge completions fish > ~/.config/fish/completions/userpurge.fish
  userpurge completions powershell >> $PROFILE")]
    Completions {
        /// The shell
        #[arg(value_enum, value_name = "SHELL")]
        shell: clap_complete::Shell,
    },

    /// Print the man pages, one after the other, or write one for each command
    #[command(after_help = "\
Examples:
  userpurge man | man -l -
  userpurge man --out ~/.local/share/man/man1")]
    Man {
        /// The folder that each page goes to as a file of its own, made if it is not there [default:
        /// standard output]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The file with the users' ids; - is standard input
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,

    /// Save the plan as a ledger, which `run` carries out
    #[arg(short, long, value_name = "LEDGER")]
    pub output: Option<PathBuf>,

    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,

    /// The ledger that `run` would write [default: INPUT with .ledger.jsonl appended]
    #[arg(long, value_name = "PATH")]
    pub ledger: Option<PathBuf>,

    /// The configuration file [default: ./userpurge.toml, then the XDG configuration folder, then
    /// environment variables]
    #[arg(long, value_name = "PATH", help_heading = "Accounts")]
    pub config: Option<PathBuf>,
    /// How rows are read and chosen.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// How fast, and when to give up.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Taken and not needed, so that a `run` line becomes a `plan` line by its first word.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Progress on standard error: bars on a terminal, else a plain line now and then
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = modes())]
    #[arg(help_heading = "Output")]
    pub progress: Mode,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The file with the users' ids, or a saved plan; - is standard input
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,

    /// The ledger, which must not exist yet [default: INPUT with .ledger.jsonl appended]
    #[arg(long, value_name = "PATH")]
    pub ledger: Option<PathBuf>,

    /// Go up to the question, then stop
    #[arg(long)]
    pub dry_run: bool,

    /// With --dry-run: read each user's state at the provider
    #[arg(long, requires = "dry_run")]
    pub live: bool,

    /// The configuration file [default: ./userpurge.toml, then the XDG configuration folder, then
    /// environment variables]
    #[arg(long, value_name = "PATH", help_heading = "Accounts")]
    pub config: Option<PathBuf>,
    /// How rows are read and chosen.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// How fast, and when to give up.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// The question.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Progress on standard error: bars on a terminal, else a plain line now and then
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = modes())]
    #[arg(help_heading = "Output")]
    pub progress: Mode,
}

/// What `resume` and `retry` have in common.
#[derive(Debug, Args)]
pub struct GoOnArgs {
    /// The ledger; left out, it is the newest in this folder
    #[arg(value_name = "LEDGER")]
    pub ledger: Option<PathBuf>,

    /// Refuse a ledger whose last line has another head than this, as a run or status printed it
    #[arg(long, value_name = "HASH", value_parser = parse_head)]
    pub head: Option<LedgerHead>,

    /// The configuration file [default: ./userpurge.toml, then the XDG configuration folder, then
    /// environment variables]
    #[arg(long, value_name = "PATH", help_heading = "Accounts")]
    pub config: Option<PathBuf>,
    /// How fast, and when to give up.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// The question.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Progress on standard error: bars on a terminal, else a plain line now and then
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = modes())]
    #[arg(help_heading = "Output")]
    pub progress: Mode,
}

/// `retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Rows that ended so, or with this code, instead of failed and `in_doubt`; standing: rows that
    /// ended well and whose users `verify` saw standing (may be repeated)
    #[arg(long, value_name = "CODE_OR_OUTCOME")]
    pub only: Vec<String>,

    /// What `resume` has too.
    #[command(flatten)]
    pub go_on: GoOnArgs,
    /// Who is let through that the run spared.
    #[command(flatten)]
    pub roles: RoleArgs,
}

/// Variables and exit codes, from the tables that the program itself goes by.
fn after_long_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (code, meaning) in ExitCode::ALL {
        // Writing to a string cannot fail; so below.
        let _ = writeln!(text, "  {:<4} {meaning}", code as u8);
    }
    text.push_str("\nWithout a configuration file, these variables make the accounts zendesk, sunco and zoho:\n");
    for (variable, holds) in VARIABLES {
        let _ = writeln!(text, "  {variable:<22} {holds}");
    }
    text.push_str("\nBegin with `userpurge demo`, then `userpurge plan INPUT`.");
    text
}
